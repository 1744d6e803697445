package undo_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// TestRestoreTrashOverwritesOneAtATime: distribution 2 may leave tags if it deletes a manifest while
// another tag is written. Where tags are not overwritten, several images are restored at once.
func TestRestoreTrashOverwritesOneAtATime(t *testing.T) {
	t.Parallel()
	for _, overwrite := range []bool{true, false} {
		t.Run(fmt.Sprintf("overwriting: %t", overwrite), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newTrashFixture(t)
				var images []trashed
				for i := range 6 {
					images = append(images, trashed{fmt.Sprint("image ", i), []string{fmt.Sprint("pr-", i)}})
				}
				f.discard(t, monday, images...)
				var inFlight, most atomic.Int32
				f.reg.Intercept(0, func(req *http.Request) bool { return req.Method == http.MethodPut }, func(w http.ResponseWriter, req *http.Request) bool {
					most.Store(max(most.Load(), inFlight.Add(1)))
					defer inFlight.Add(-1)
					time.Sleep(time.Second)
					f.reg.Serve(w, req)
					return true
				})
				if report := f.restore(t, &undo.RestoreOptions{Overwrite: overwrite, Concurrency: 4}); report.Count(undo.Restored) != 6 {
					t.Errorf("report: %s", report)
				}
				if n := most.Load(); (n == 1) != overwrite {
					t.Errorf("%d tags are written at once", n)
				}
			})
		})
	}
}

// TestRestoreTrashTakesATagOff lets the registry answer the deletion of a tag of the trash. Only where it
// does not delete by tag at all is the tag overwritten.
func TestRestoreTrashTakesATagOff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		code   string
		want   undo.Status
	}{
		"it is gone already": {http.StatusNotFound, "MANIFEST_UNKNOWN", undo.Removed},
		"it is locked":       {http.StatusMethodNotAllowed, "REGISTRY_DISALLOWED_OPERATION", undo.Refused},
		"it is unavailable":  {http.StatusServiceUnavailable, "UNAVAILABLE", undo.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t)
			f.discard(t, monday, trashed{"a", []string{"pr-1"}})
			tag := tagOf(monday, f.images["a"].Digest)
			f.reg.Intercept(0, fakeregistry.On(http.MethodDelete, "/v2/"+repository+"/manifests/"+tag), fakeregistry.Errors(test.status, test.code, "no"))
			f.reg.ResetLog()
			report := f.restore(t, &undo.RestoreOptions{Overwrite: true})
			if got := resultOf(t, report, tag); got.Status != test.want {
				t.Errorf("got %v", got)
			}
			if sent := requests(f.reg, http.MethodPut); !slices.Equal(sent, []string{"PUT manifests/pr-1"}) {
				t.Errorf("it sends %q", sent)
			}
		})
	}
}
