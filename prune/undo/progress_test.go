package undo_test

import (
	"context"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A counter checks the progress of restoring: it counts up by one, to the total.
type counter struct {
	t           *testing.T
	done, total int
}

func (c *counter) count(done, total int) {
	if done != c.done+1 || total > 0 && done > total {
		c.t.Errorf("%d of %d after %d", done, total, c.done)
	}
	c.done, c.total = done, total
}

func TestProgressOfRestoring(t *testing.T) {
	t.Parallel()
	for _, dry := range []bool{true, false} {
		f := newFixture(t)
		f.archive(t)
		f.apply(t, -1)
		c := &counter{t: t}
		report := f.restore(t, &undo.RestoreOptions{DryRun: dry, Progress: c.count})
		if n := len(report.Results); c.done != n || c.total != n {
			t.Errorf("%d of %d for %d results", c.done, c.total, n)
		}
	}
	t.Run("what was not attempted counts, too", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.archive(t)
		f.apply(t, -1)
		ctx, cancel := context.WithCancel(t.Context())
		c := &counter{t: t}
		report, err := undo.Restore(ctx, f.client, f.store, &undo.RestoreOptions{Concurrency: 1, Progress: func(done, total int) {
			c.count(done, total)
			cancel()
		}})
		if err == nil || c.done != len(report.Results) || c.total != c.done {
			t.Errorf("%d of %d, error %v", c.done, c.total, err)
		}
	})
}

func TestProgressOfRestoringTrash(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t)
	f.discard(t, monday, trashed{"a", []string{"pr-1", "pr-2"}}, trashed{"b", []string{"pr-3"}})
	f.discard(t, tuesday, trashed{"c", []string{"pr-3"}})
	c := &counter{t: t}
	report := f.restore(t, &undo.RestoreOptions{Progress: c.count})
	if n := len(report.Results); n != 9 || c.done != n || c.total != n {
		t.Errorf("%d of %d for %d results", c.done, c.total, n)
	}
}
