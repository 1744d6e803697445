package undo_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
