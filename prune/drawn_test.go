package prune_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/model"
)

// TestDrawnRepositories reads repositories that are made up, of the shapes that are easy to get
// wrong. The plan must not depend on order, concurrency or a cache.
func TestDrawnRepositories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := model.Draw(t)
		got := runCase(t, c, prune.ReadOptions{})
		if got.looked == nil {
			t.Fatalf("%s\n%s", got.text, model.Describe(c))
		}
		cache := &mapCache{}
		for _, other := range []struct {
			name string
			run  run
		}{
			{"one after the other", runCase(t, c, prune.ReadOptions{Concurrency: 1})},
			{"in another order", runCase(t, c.Permuted(rapid.Uint64().Draw(t, "seed")), prune.ReadOptions{})},
			{"with an empty cache", runCase(t, c, prune.ReadOptions{Cache: cache})},
			{"with a full cache", runCase(t, c, prune.ReadOptions{Cache: cache})},
		} {
			if diff := cmp.Diff(got.text, other.run.text); diff != "" {
				t.Errorf("the plan differs %s (-plan +other):\n%s\n%s", other.name, diff, model.Describe(c))
			}
		}
	})
}
