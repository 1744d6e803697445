package model_test

import (
	"testing"

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
