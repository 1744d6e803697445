package regret_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

func TestUntagIgnoresDigestsSeenByOtherCalls(t *testing.T) {
	t.Parallel()
	type untagging struct{}
	before, after := digest.FromString("before"), digest.FromString("after")
	for range 300 { // other calls resolve the tag all the time, and get its old digest
		var deletes atomic.Int32
		var moved atomic.Bool
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			switch {
			case req.Method == http.MethodDelete && deletes.Add(1) == 1:
				return nil, errors.New("connection lost")
			case req.Method == http.MethodDelete:
				return respond(req, http.StatusAccepted, ""), nil
			case req.Context().Value(untagging{}) != nil && moved.Load():
				return serveManifest(req, after)
			}
			return serveManifest(req, before)
		}))
		if _, err := c.ResolveDigest(t.Context(), repo, "v1"); err != nil {
			t.Fatal(err)
		}
		moved.Store(true)
		others, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for others.Err() == nil {
					if _, err := c.ResolveDigest(others, repo, "v1"); err != nil && others.Err() == nil {
						t.Error(err)
					}
				}
			})
		}
		err := c.Untag(context.WithValue(t.Context(), untagging{}, true), repo, "v1")
		stop()
		wg.Wait()
		wantErr(t, err, regret.ErrOutcomeUnknown)
		if n := deletes.Load(); n != 1 {
			t.Fatalf("%d DELETEs, want one: the second deleted a tag that had moved", n)
		}
	}
}
