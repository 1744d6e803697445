package apply_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestInterruptedOverwriting lets a process die when a tag points to a placeholder. Another run
// removes the tag with it.
func TestInterruptedOverwriting(t *testing.T) {
	t.Parallel()
	build := func(t *testing.T) *fixture {
		f := newFixture(t, fakeregistry.WithDistribution2())
		f.image("kept", "latest")
		f.image("image", "old-1", "v1")
		f.makePlan(overwriting)
		return f
	}
	for name, journal := range map[string]bool{"with the journal": true, "without a journal": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := build(t)
			f.options.Journal = f.dieAt("PUT", "old-1", func() {})
			if !journal {
				f.options.Journal = nil
			}
			if at, here := f.reg.Tag(repository, "old-1"); !here || at == f.digest("image") {
				t.Fatalf("the tag points to %q", at)
			}
			f.wantStatuses(f.apply(), map[string]apply.Status{"image -old-1": apply.Untagged})
			want := map[string]regret.Digest{"latest": f.digest("kept"), "v1": f.digest("image")}
			if diff := cmp.Diff(want, f.reg.Tags(repository)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a tag on something else is left alone", func(t *testing.T) {
		t.Parallel()
		f := build(t)
		f.list("empty index", nil, "old-1")
		f.reg.ResetLog()
		f.wantStatuses(f.apply(), map[string]apply.Status{"image -old-1": apply.AlreadyGone})
		f.wantWrites()
	})
}
