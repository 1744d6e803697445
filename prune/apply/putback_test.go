package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// answerAfter serves a request, and answers it as a proxy may that did not wait for the registry.
func answerAfter(reg *fakeregistry.Registry, status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		reg.Serve(httptest.NewRecorder(), req)
		return fakeregistry.Errors(status, "INTERNAL", "no answer")(w, req)
	}
}

// TestTagsThatMayBeGoneArePutBack removes a tag with a response that denies it. An image that stays
// keeps both its tags.
func TestTagsThatMayBeGoneArePutBack(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		t.Run(fmt.Sprint("where tags go first, ", status), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, fakeregistry.WithTagsFirst())
			f.image("kept", "latest")
			image := f.image("image", "pr-1", "pr-2")
			f.makePlan(removal)
			f.on(0, "DELETE", "pr-2", answerAfter(f.reg, status))
			f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Failed})
			want := map[string]regret.Digest{"latest": f.digest("kept"), "pr-1": image, "pr-2": image}
			if diff := cmp.Diff(want, f.reg.Tags(repository)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
		t.Run(fmt.Sprint("quarantine, ", status), func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t, host)
			p := f.plan(t, trashPolicy)
			f.reg.Intercept(0, fakeregistry.On("DELETE", manifests+"pr-1-amd64"), answerAfter(f.reg, status))
			_, err := apply.Quarantine(t.Context(), f.client, p, f.store, nil)
			if err != nil && !errors.Is(err, apply.ErrStopped) {
				t.Fatal(err)
			}
			for _, tag := range []string{"pr-1", "pr-1-amd64"} {
				if at, _ := f.reg.Tag(repository, tag); at != f.image.Digest {
					t.Errorf("%s points to %q", tag, at)
				}
			}
		})
	}
}
