package prune_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// requestsOf returns the requests that a registry got.
func requestsOf(reg *fakeregistry.Registry) []string {
	var sent []string
	for _, req := range reg.Requests() {
		sent = append(sent, req.String())
	}
	return sent
}

func TestWhereGETsAreMeteredTagsAreReadByHEAD(t *testing.T) {
	t.Parallel()
	c := story(t, `{"id": "A", "kind": "image", "tags": ["v1", "v1.0", "latest"]}, {"id": "B", "kind": "image", "tags": ["v2"]},
		{"id": "s", "kind": "cosign", "tags": ["sha256-{A}.sig"]}, {"id": "C", "kind": "image", "tags": ["nightly-1", "sha256-{B}.att"]}`, nightlyGo)
	for name, test := range map[string]struct {
		registry string
		want     map[string]int
	}{
		"docker hub": {"docker.io", map[string]int{"GET list": 1, "HEAD tag": 7, "GET digest": 4}},
		"its host":   {"https://registry-1.docker.io", map[string]int{"GET list": 1, "HEAD tag": 7, "GET digest": 4}},
		"ghcr":       {"ghcr.io", map[string]int{"GET list": 1, "HEAD tag": 7, "GET digest": 4}},
		"elsewhere":  {"registry.example", map[string]int{"GET list": 1, "GET tag": 7}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := c.Serve()
			_, err := prune.Make(t.Context(), newClient(t, test.registry, reg), c.Repository, parsePolicy(t, nightlyGo), &prune.ReadOptions{At: at})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, tally(requestsOf(reg))); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// What a tag points to may be replaced and deleted between HEAD and GET.
func TestTagThatMovesAfterHEADIsReadAgain(t *testing.T) {
	t.Parallel()
	c := story(t, `{"id": "A", "kind": "image", "tags": ["v1"]}, {"id": "B", "kind": "image", "tags": ["v2", "v3"]}`, nightlyGo)
	reg := c.Serve()
	moved := reg.PutImage(c.Repository, "pushed meanwhile")
	reg.Intercept(1, fakeregistry.On(http.MethodGet, "/v2/"+c.Repository+"/manifests/"+c.Digest("B").String()), func(w http.ResponseWriter, req *http.Request) bool {
		reg.SetTag(c.Repository, "v2", moved.Digest)
		return fakeregistry.Errors(http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")(w, req)
	})
	made, err := prune.Make(t.Context(), newClient(t, "ghcr.io", reg), c.Repository, parsePolicy(t, nightlyGo), &prune.ReadOptions{At: at})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for kept := range made.Kept() {
		got[kept.Digest.String()] = kept.Tags
	}
	want := map[string][]string{c.Digest("A").String(): {"v1"}, c.Digest("B").String(): {"v3"}, moved.Digest.String(): {"v2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if n := tally(requestsOf(reg))["GET tag"]; n != 2 {
		t.Errorf("%d tags are read again, want those two that pointed there", n)
	}
}

func TestDockerHubIsCalledAsInUseListsCallIt(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.PutImage("library/hello", "one", "v1")
	reg.PutImage("library/hello", "two", "v2")
	p := parsePolicy(t, `{"version": 1, "keep": [{"file": "running"}], "remove": [{"tags": "*"}]}`)
	o := prune.ReadOptions{At: at, InUse: []*policy.InUse{parseInUse(t, "running", "hello:v1", at)}}
	made, err := prune.Make(t.Context(), newClient(t, "docker.io", reg), "hello", p, &o)
	if err != nil {
		t.Fatal(err)
	}
	header := made.Header()
	if header.Registry != "docker.io" || header.Repository != "library/hello" {
		t.Errorf("the plan is for %s/%s", header.Registry, header.Repository)
	}
	var gone []string
	for step := range made.Steps() {
		gone = append(gone, step.Tags...)
	}
	if diff := cmp.Diff([]string{"v2"}, gone); diff != "" {
		t.Errorf("tags that go (-want +got):\n%s", diff)
	}
}

// namedReader is a reader under another name.
type namedReader struct {
	*regret.Client
	name string
}

func (r namedReader) Registry() string { return r.name }

func TestRegistryIsNamedAsInReferences(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"https://registry.example": "registry.example", "registry.example": "registry.example", "http://localhost:5000": "localhost:5000",
		"http://[::1]:5000/": "[::1]:5000", "https://registry-1.docker.io": "docker.io", "index.docker.io": "docker.io", "https://ghcr.io": "ghcr.io",
	} {
		reg := fakeregistry.New()
		reg.PutImage("team/app", "hello", "v1")
		made, err := prune.Make(context.Background(), namedReader{newClient(t, cases.Registry, reg), name}, "team/app", parsePolicy(t, nightlyGo), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := made.Header().Registry; got != want {
			t.Errorf("%s: the plan is for %q, want %q", name, got, want)
		}
	}
}
