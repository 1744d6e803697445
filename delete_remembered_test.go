package regret_test

import (
	"fmt"
	"net/http"
	"path"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

// A hashingRegistry has an image under every tag: its digest is that of the tag's name. It
// counts the requests by method.
type hashingRegistry map[string]int

func (r hashingRegistry) RoundTrip(req *http.Request) (*http.Response, error) {
	r[req.Method]++
	if req.Method == http.MethodDelete {
		return respond(req, http.StatusAccepted, ""), nil
	}
	reference := path.Base(req.URL.Path)
	if dgst := digest.Digest(reference); dgst.Validate() == nil {
		return serveManifest(req, dgst)
	}
	return serveManifest(req, digest.FromString(reference))
}

func TestRememberedManifestsAreDeletedWithoutLookingThemUp(t *testing.T) {
	t.Parallel()
	withLimit := func(n int) regret.Option {
		limits := regret.DefaultLimits()
		limits.RememberedManifests = n
		return regret.WithLimits(limits)
	}
	for _, test := range []struct {
		rule       string
		opts       []regret.Option
		seen       int
		from, to   int // which of them are deleted
		wantLookUp int
	}{
		{"all of twenty thousand by default", nil, 20_000, 0, 20_000, 0},
		{"as many as the limit", []regret.Option{withLimit(50)}, 50, 0, 50, 0},
		{"the latest of more than the limit", []regret.Option{withLimit(50)}, 333, 283, 333, 0},
		{"a single one", []regret.Option{withLimit(1)}, 1, 0, 1, 0},
		{"but not the first of many more than the limit", []regret.Option{withLimit(50)}, 333, 0, 50, 50},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			registry := hashingRegistry{}
			c := newClient(t, registry, test.opts...)
			var digests []regret.Digest
			for i := range test.seen {
				dgst, err := c.ResolveDigest(t.Context(), repo, fmt.Sprint("v", i))
				wantErr(t, err)
				digests = append(digests, dgst)
			}
			for _, dgst := range digests[test.from:test.to] {
				wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
			}
			if got := registry[http.MethodHead] - test.seen; got != test.wantLookUp {
				t.Errorf("%d of %d manifests were looked up, want %d", got, test.to-test.from, test.wantLookUp)
			}
			if got := registry[http.MethodDelete]; got != test.to-test.from {
				t.Errorf("%d deletions, want %d", got, test.to-test.from)
			}
		})
	}
}
