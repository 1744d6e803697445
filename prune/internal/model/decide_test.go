package model_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/internal/model"
)

// decidable reports whether the model decides a case: it reads neither wrong policies nor registries
// that fail.
func decidable(c *cases.Case) bool {
	return c.Expect.Error == nil || c.Expect.Error.Kind == cases.ErrorBrake || c.Expect.Error.Kind == cases.ErrorInUse
}

func TestTheModelAgreesWithEveryCase(t *testing.T) {
	t.Parallel()
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, c := range all {
		if !decidable(c) {
			continue
		}
		compared++
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			outcome, err := model.Decide(c)
			if err != nil {
				t.Fatal(err)
			}
			for _, difference := range cases.Compare(c, outcome.Planned()) {
				t.Error(difference)
			}
			if reading := cases.Reading(c, outcome.Planned()); reading != "" && reading != "proposed" {
				t.Errorf("the model agrees with %s", reading)
			}
			for id, want := range c.Expect.Others {
				if got, known := outcome.Others[id]; known && got != want {
					t.Errorf("manifest %s: got %s, want %s", id, got, want)
				}
			}
		})
	}
	if compared < 90 {
		t.Errorf("only %d cases were compared", compared)
	}
}

func TestDecisionsAreConsistent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := model.Draw(t)
		o := decide(t, c)
		for id, image := range o.Images {
			if image.Verdict == cases.Remove && (len(image.KeptBy) > 0 || len(image.SharedWith) > 0 || image.Needed) {
				t.Errorf("image %s goes although something holds it: %+v", id, image)
			}
			if image.Verdict == cases.Untag && len(image.SharedWith) == 0 {
				t.Errorf("image %s loses its last tag that a rule does not want", id)
			}
		}
		done := map[string]bool{}
		for _, step := range o.Steps {
			for _, before := range step.After {
				if !done[before] {
					t.Errorf("%s %s comes before %s", step.Action, step.ID, before)
				}
			}
			done[step.ID] = done[step.ID] || step.Action == cases.DeleteManifest
		}
		for id, verdict := range o.Others {
			if (verdict == cases.Remove) != done[id] {
				t.Errorf("manifest %s: the verdict is %s, and a step deletes it: %t", id, verdict, done[id])
			}
		}
	})
}
