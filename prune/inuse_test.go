package prune_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

// CRI-O reports the digests of configurations. Most in-use lists name other repositories, too.
func TestInUseDigestMayBeAConfiguration(t *testing.T) {
	t.Parallel()
	const (
		twoIndexes = `{"id": "X", "kind": "index", "tags": ["nightly-1"], "children": ["x1", "x2"]}, {"id": "x1", "kind": "image"}, {"id": "x2", "kind": "image"},
			{"id": "Y", "kind": "index", "tags": ["v1"], "children": ["y1"]}, {"id": "y1", "kind": "image"}, {"id": "N", "kind": "image", "tags": ["nightly-2"]}`
		inUsePolicy = `{"version": 1, "keep": [{"file": "u"}], "remove": [{"tags": "nightly-*"}], "limits": {"max-percent": 100, "min-left": 0}}`
	)
	list := func(line string) string {
		return `"files": {"u": {"content": "` + line + `", "modified": "2026-11-26T11:00:00Z"}}`
	}
	for name, test := range map[string]struct {
		inUse string
		id    string // whose configuration is in use
		gone  []string
		sizes bool
		lost  bool // the digest is reported as not being here
		want  map[string]int
	}{
		"of a child of something that would go": {
			"sha256:{x1.config}", "x1", []string{"nightly-2"}, false, false, map[string]int{"GET list": 1, "GET tag": 3, "GET digest": 2, "GET referrers": 1},
		},
		"of a child of something that stays": {
			"sha256:{y1.config}", "y1", []string{"nightly-1", "nightly-2"}, false, true, map[string]int{"GET list": 1, "GET tag": 3, "GET digest": 3, "GET referrers": 1},
		},
		"of a child of something that stays, with sizes": {
			"sha256:{y1.config}", "y1", []string{"nightly-1", "nightly-2"}, true, false, map[string]int{"GET list": 1, "GET tag": 3, "GET digest": 3, "GET referrers": 1},
		},
		"of an image": {
			"sha256:{N.config}", "N", []string{"nightly-1"}, false, false, map[string]int{"GET list": 1, "GET tag": 3, "GET digest": 2, "GET referrers": 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := story(t, twoIndexes, inUsePolicy, list(test.inUse))
			got := runCase(t, c, prune.ReadOptions{Sizes: test.sizes})
			if got.plan == nil {
				t.Fatal(got.text)
			}
			if diff := cmp.Diff(test.want, tally(got.requests)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.gone, tagsThatGo(got.plan)); diff != "" {
				t.Errorf("tags that go (-want +got):\n%s", diff)
			}
			var lost []regret.Digest
			if test.lost {
				lost = []regret.Digest{c.Content(test.id).Config.Descriptor.Digest}
			}
			if diff := cmp.Diff(lost, got.plan.Header().Gone); diff != "" {
				t.Errorf("in use but not here (-want +got):\n%s", diff)
			}
		})
	}
}

// Distribution 2 responds with 500 to a request for the digest of a blob as a manifest.
func TestInUseDigestThatIsABlobIsNoManifest(t *testing.T) {
	t.Parallel()
	c := story(t, `{"id": "Y", "kind": "index", "tags": ["v1"], "children": ["y1"]}, {"id": "y1", "kind": "image"}, {"id": "N", "kind": "image", "tags": ["nightly-1"]}, {"id": "U", "kind": "image"}`,
		`{"version": 1, "keep": [{"file": "u"}], "remove": [{"tags": "nightly-*"}]}`,
		`"files": {"u": {"content": "sha256:{y1.config}\nsha256:{U}", "modified": "2026-11-26T11:00:00Z"}}`)
	internal := fakeregistry.Errors(http.StatusInternalServerError, "UNKNOWN", "unknown error")
	path := "/v2/" + c.Repository + "/manifests/"
	for name, test := range map[string]struct {
		failing regret.Digest
		planned bool
	}{
		"a configuration": {c.Content("y1").Config.Descriptor.Digest, true},
		"a manifest":      {c.Digest("U"), false},
	} {
		reg := c.Serve()
		reg.Intercept(0, fakeregistry.On("", path+test.failing.String()), internal)
		got := planWith(t, c, newClient(t, cases.Registry, reg), prune.ReadOptions{})
		if (got.plan != nil) != test.planned {
			t.Errorf("%s: %s", name, got.text)
		}
		if test.planned {
			continue
		}
		_, _, err := planCase(t, c, newClient(t, cases.Registry, reg), prune.ReadOptions{})
		if e, ok := errors.AsType[*prune.IncompleteError](err); !ok || e.Digest != test.failing || !errors.Is(err, regret.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
