package apply_test

import (
	"errors"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestKeepLost loses something that stays before the plan is carried out. Only an image that a keep rule
// holds ends the run, and only if its manifest is gone.
func TestKeepLost(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(f *fixture)
		ends   bool
	}{
		"an image that a keep rule holds":            {func(f *fixture) { f.remove("kept") }, true},
		"its tag, but not its manifest":              {func(f *fixture) { f.removeTag("latest") }, false},
		"its tag, which points to another image now": {func(f *fixture) { f.image("new", "latest") }, false},
		"an image whose tag was moved, and is gone":  {func(f *fixture) { f.image("new", "latest"); f.remove("kept") }, true},
		"an image that no rule names":                {func(f *fixture) { f.remove("unnamed") }, false},
		"a tagged referrer that a keep rule names":   {func(f *fixture) { f.remove("sbom") }, false},
		"an untagged child of an image that is held": {func(f *fixture) { f.remove("child") }, false},
		"an image that goes":                         {func(f *fixture) { f.remove("image") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.image("kept", "latest")
			f.index("held index", []string{"child"}, "latest-index")
			f.image("unnamed", "v1")
			f.referrer("sbom", f.digest("unnamed"), "latest-sbom")
			f.image("image", "pr-1")
			f.makePlan(`{"version": 1, "keep": [{"name": "latest", "tags": "latest*"}], "remove": [{"tags": "pr-*"}],
				"limits": {"max-percent": 100, "min-left": 0}}`)
			test.change(f)
			f.reg.ResetLog()
			report, err := f.run()
			if test.ends {
				if !errors.Is(err, apply.ErrKeepLost) || report != nil {
					t.Errorf("report %v, error %v", report, err)
				}
				f.wantWrites()
				return
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}
