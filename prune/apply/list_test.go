package apply_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestListsThatEndEarly answers the second page of a list with 404, as if the repository were gone.
// The tags of that page are not gone.
func TestListsThatEndEarly(t *testing.T) {
	t.Parallel()
	build := func(t *testing.T) *fixture {
		f := newFixture(t, fakeregistry.WithPageCap(2))
		f.image("kept", "latest")
		f.image("image", "pr-1")
		f.image("other", "pr-2")
		f.makePlan(removal)
		return f
	}
	isSecondPage := func(req *http.Request) bool {
		return strings.HasSuffix(req.URL.Path, "/tags/list") && strings.Contains(req.URL.RawQuery, "last=")
	}
	t.Run("before the first step, nothing is deleted", func(t *testing.T) {
		t.Parallel()
		f := build(t)
		f.reg.SetTag(repository, "v1", f.digest("image"))
		f.reg.Intercept(1, isSecondPage, deny(404, "NAME_UNKNOWN"))
		if report, err := f.run(); !errors.Is(err, regret.ErrNotFound) || report != nil {
			t.Errorf("report %v, error %v", report, err)
		}
		f.wantWrites()
	})
	t.Run("at the end, no tag is said to be gone", func(t *testing.T) {
		t.Parallel()
		f := build(t)
		f.reg.SetTag(repository, "v1", f.digest("kept"))
		f.makePlan(removal)
		f.before(1, "DELETE", string(f.digest("image")), func() {
			f.reg.SetTag(repository, "a", f.digest("kept")) // so that there is a second page
			f.reg.Intercept(1, isSecondPage, deny(404, "NAME_UNKNOWN"))
		})
		report, err := f.run()
		if !errors.Is(err, regret.ErrNotFound) || errors.Is(err, apply.ErrLost) || len(report.Lost) > 0 {
			t.Errorf("error %v, lost %v", err, report.Lost)
		}
		f.wantStatuses(report, gone)
	})
}
