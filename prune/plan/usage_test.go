package plan_test

import (
	"errors"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// TestSeveralInUseLists refuses different lists of the same name. If one of them were ignored, what it names
// would go.
func TestSeveralInUseLists(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("kept", 1, 1, "latest")
	r.image("image", 1, 1, "pr-1")
	kept, image := runningNow(t, "registry.example.com/acme/app:latest"), runningNow(t, "registry.example.com/acme/app:pr-1")
	_, err := r.planOf(guardRules, kept, image)
	if e, ok := errors.AsType[*policy.InUseError](err); !ok || e.Detail != policy.InUseSeveral || e.Rule != "in use" || e.Name != "running.txt" {
		t.Errorf("error %v", err)
	}
	t.Run("the same list twice is one", func(t *testing.T) {
		t.Parallel()
		if _, err := r.planOf(guardRules, kept, runningNow(t, "registry.example.com/acme/app:latest")); err != nil {
			t.Error(err)
		}
	})
	t.Run("but a guard obeys both", func(t *testing.T) {
		t.Parallel()
		p, g := r.guard(t)
		if err := g.Use([]*policy.InUse{kept, nil, image}, now); err != nil {
			t.Fatal(err)
		}
		for step := range p.Steps() {
			if _, held := g.Holds(step.Digest); !held || step.Action != plan.Delete {
				t.Errorf("%v is not held", step.Tags)
			}
		}
	})
}
