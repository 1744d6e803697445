package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// TestGuardOfReferrersWithoutSubject plans to delete a referrer without a tag, which only a list of the
// registry names, because its subject is gone. The step counts on that.
func TestGuardOfReferrersWithoutSubject(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("kept", 1, 1, "latest")
	gone := digest.FromString("gone")
	referrer := r.referrer("application/x", regret.Descriptor{MediaType: "application/vnd.oci.image.manifest.v1+json", Digest: gone, Size: 1})
	rules, err := policy.Parse([]byte(`{"version": 1, "remove": [{"orphans": true}], "limits": {"max-percent": 100, "min-left": 0}}`))
	if err != nil {
		t.Fatal(err)
	}
	s := plan.NewSnapshot("registry.example.com", "acme/app", plan.Options{})
	s.AddTag("latest")
	s.NamesAll()
	if err := s.AddListed(regret.ListEntry{Descriptor: referrer, Uploaded: now.Add(-48 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	var d *plan.Decision
	for range 20 {
		if d, err = plan.Decide(rules, s, now); err != nil {
			t.Fatal(err)
		}
		for _, q := range slices.Collect(d.Missing()) {
			if err := r.answer(s, q); err != nil {
				t.Fatal(err)
			}
		}
	}
	p, err := d.Plan()
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.Guard()
	if err != nil {
		t.Fatal(err)
	}
	steps := slices.Collect(p.Steps())
	if len(steps) != 1 || steps[0].Digest != referrer.Digest {
		t.Fatalf("the plan has the steps %+v", steps)
	}
	if diff := cmp.Diff([]regret.Digest{gone}, g.Presumed(&steps[0])); diff != "" {
		t.Errorf("it counts on (-want +got):\n%s", diff)
	}
	if reason, held := g.Holds(referrer.Digest); held {
		t.Errorf("it is held before that is there again: %s", reason.Text)
	}
	g.Found(gone)
	if _, held := g.Holds(referrer.Digest); !held || len(g.Presumed(&steps[0])) > 0 {
		t.Error("it is not held when its subject is there again")
	}
}
