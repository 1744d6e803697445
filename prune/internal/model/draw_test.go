package model_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/internal/model"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func decide(t *rapid.T, c *cases.Case) *model.Outcome {
	outcome, err := model.Decide(c)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func TestDrawnPoliciesAreValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		if _, err := policy.Parse(model.Draw(t).PolicyJSON()); err != nil {
			t.Error(err)
		}
	})
}

func TestTheOrderOfNothingMatters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := model.Draw(t)
		permuted := c.Permuted(rapid.Uint64().Draw(t, "seed"))
		if diff := cmp.Diff(decide(t, c), decide(t, permuted), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s\n%s", diff, model.Describe(c))
		}
	})
}

// TestDrawnScenariosHaveEveryShape fails if a change of the generator makes something so rare that the
// properties no longer meet it. The seeds are fixed.
func TestDrawnScenariosHaveEveryShape(t *testing.T) {
	t.Parallel()
	scenarios := rapid.Custom(func(t *rapid.T) *cases.Case { return model.Draw(t) })
	found := map[string]bool{}
	for seed := range 1500 {
		outcome, err := model.Decide(scenarios.Example(seed))
		if err != nil {
			t.Fatal(err)
		}
		for shape := range shapes(outcome) {
			found[shape] = true
		}
	}
	for _, shape := range []string{
		"keep", "remove", "untag", "kept by a rule", "nearly kept", "needed", "shared",
		"delete image", "delete child", "delete attestation", "delete referrer", "delete list", "delete trash", "delete untagged",
		"untag image", "untag referrer", "untag list", "untag trash", "overwrite", "after two others", "other that stays",
		"max-percent", "max-images", "min-left", "broken", "unknown date", "missing child",
	} {
		if !found[shape] {
			t.Errorf("no scenario has the shape %q", shape)
		}
	}
}

func shapes(o *model.Outcome) map[string]bool {
	found := map[string]bool{"unknown date": o.UnknownDates > 0, "missing child": len(o.Reported) > 0}
	for _, image := range o.Images {
		found[string(image.Verdict)] = true
		found["kept by a rule"] = found["kept by a rule"] || len(image.KeptBy) > 0
		found["nearly kept"] = found["nearly kept"] || len(image.Nearly) > 0
		found["needed"] = found["needed"] || image.Needed
		found["shared"] = found["shared"] || len(image.SharedWith) > 0
	}
	for _, verdict := range o.Others {
		found["other that stays"] = found["other that stays"] || verdict == cases.Keep
	}
	for _, step := range o.Steps {
		found[string(step.Action)+" "+step.Role] = true
		found["overwrite"] = found["overwrite"] || step.Overwrite
		found["after two others"] = found["after two others"] || len(step.After) > 1
	}
	for limit := range o.Brakes {
		found[limit] = true
	}
	maps.DeleteFunc(found, func(_ string, is bool) bool { return !is })
	return found
}
