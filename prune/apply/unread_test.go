package apply_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestNothingGoesWhileATagIsUnread lets one step find a tag on a new index that it cannot read, while
// the tags of another image are removed one by one. The index lists that image.
func TestNothingGoesWhileATagIsUnread(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		failures int // of reading the index; 0 is all
		want     apply.Status
	}{
		"as long as it cannot be read": {0, apply.Failed},
		"once it can be read":          {1, apply.Stale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, fakeregistry.WithTagsFirst())
				f.options.Concurrency = 2
				f.image("kept", "latest")
				image := f.image("image", "pr-1")
				f.image("other", "pr-2")
				f.makePlan(removal)
				index := f.list("new index", []regret.Digest{image})
				f.on(test.failures, "GET", string(index), unavailable)
				f.on(0, "DELETE", "pr-1", func(http.ResponseWriter, *http.Request) bool {
					time.Sleep(10 * time.Second) // the look at the image has ended
					return false
				})
				looks := 0
				f.on(0, "HEAD", "pr-2", func(http.ResponseWriter, *http.Request) bool {
					if looks++; looks == 2 { // after that of the sweep
						time.Sleep(5 * time.Second)
						f.reg.SetTag(repository, "pr-2", index)
					}
					return false
				})
				report := f.apply()
				f.wantStatuses(report, map[string]apply.Status{"image": test.want, "other": apply.Failed})
				if at, _ := f.reg.Tag(repository, "pr-1"); at != image || !f.has("image") {
					t.Errorf("the image is gone, or its tag points to %q", at)
				}
			})
		})
	}
}

// TestCompanionTagOfWhatIsBack pushes an image again right after its deletion. The tag of an SBOM that
// it shares with another image is then needed again.
func TestCompanionTagOfWhatIsBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.image("kept", "latest")
	image := f.image("image", "pr-1")
	tag := companionOf(image) + ".sbom"
	f.image("shared", tag, companionOf(f.digest("kept"))+".sbom")
	f.makePlan(removal)
	f.on(1, "DELETE", string(image), func(w http.ResponseWriter, req *http.Request) bool {
		f.reg.Serve(w, req)
		f.image("image", "pr-1")
		return true
	})
	report, err := f.run()
	if !errors.Is(err, regret.ErrStillPresent) { // the image was pushed again
		t.Errorf("error %v", err)
	}
	f.wantStatuses(report, map[string]apply.Status{"image": apply.Deleted, "shared -@image.sbom": apply.Stale})
	if at, _ := f.reg.Tag(repository, tag); at != f.digest("shared") {
		t.Errorf("the companion tag points to %q", at)
	}
}
