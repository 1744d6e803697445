package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// newDanglingTag returns a registry with a tag v1 whose manifest is gone, and another image.
func newDanglingTag(t *testing.T, p fakeregistry.Profile, options ...fakeregistry.Option) *fakeregistry.Registry {
	t.Helper()
	reg := p.New(options...)
	reg.PutImage(repo, "hello", "v2")
	reg.SetTag(repo, "v1", digest.FromString("gone"))
	return reg
}

func TestReportK26UntagByOverwriteRemovesATagWithoutAManifest(t *testing.T) {
	t.Parallel()
	refuse := fakeregistry.Errors(403, "DENIED", "no")
	const found = "GET 404, GET 200, " // the tag points to nothing, but is listed
	tests := []struct {
		rule  string
		fault func(reg *fakeregistry.Registry)
		want  []error
		text  string
		sent  string
		left  bool // the tag is left, and points to the placeholder
	}{
		{"the placeholder is put and deleted", nil, nil, "", found + "DELETE 404, HEAD 404, GET 404, PUT 201, DELETE 202, HEAD 404, GET 404, GET 200", false},
		{"nothing is changed if deletion is disabled", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("DELETE", "/"), fakeregistry.Errors(405, "UNSUPPORTED", "The operation is unsupported."))
		}, []error{regret.ErrDeleteDisabled}, "nothing was changed", found + "DELETE 405", false},
		{"nothing is changed if the tag is pushed meanwhile", func(reg *fakeregistry.Registry) {
			reg.Intercept(1, fakeregistry.On("DELETE", "/"), func(http.ResponseWriter, *http.Request) bool {
				reg.PutImage(repo, "pushed", "v1")
				return false
			})
		}, []error{regret.ErrStillPresent}, "another client pushed the tag", found + "DELETE 404, HEAD 200", true},
		{"a refused overwrite leaves it as it was", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("PUT", "/"), refuse)
		}, []error{regret.ErrForbidden}, "the tag points to nothing, as before", found + "DELETE 404, HEAD 404, GET 404, PUT 403, HEAD 404, GET 404", false},
		{"a refused deletion leaves the placeholder, because there is nothing to roll back to", func(reg *fakeregistry.Registry) {
			ignoreFirst(reg, "DELETE", refuse)
		}, []error{regret.ErrForbidden}, "there is no original to roll back to", found + "DELETE 404, HEAD 404, GET 404, PUT 201, DELETE 403, HEAD 200, HEAD 200", true},
		{"an overwrite without a response is looked at", func(reg *fakeregistry.Registry) {
			reg.Intercept(1, fakeregistry.On("PUT", "/"), reg.LoseResponse())
		}, nil, "", found + "DELETE 404, HEAD 404, GET 404, PUT 201 lost, HEAD 200, DELETE 202, HEAD 404, GET 404, GET 200", false},
		{"another client's push after the overwrite is left alone", func(reg *fakeregistry.Registry) {
			ignoreFirst(reg, "DELETE", func(w http.ResponseWriter, req *http.Request) bool {
				reg.Serve(w, req)
				reg.PutImage(repo, "pushed", "v1")
				return true
			})
		}, []error{regret.ErrStillPresent}, "another client pushed", found + "DELETE 404, HEAD 404, GET 404, PUT 201, DELETE 202, HEAD 200", true},
		{"a tag that is still listed is not gone", func(reg *fakeregistry.Registry) {
			ignoreFirst(reg, "DELETE", func(w http.ResponseWriter, req *http.Request) bool {
				reg.Serve(w, req)
				reg.SetTag(repo, "v1", digest.FromString("gone"))
				return true
			})
		}, []error{regret.ErrStillPresent}, "is still listed", found + "DELETE 404, HEAD 404, GET 404, PUT 201, DELETE 202, HEAD 404, GET 404, GET 200", true},
		{"success needs the list", func(reg *fakeregistry.Registry) {
			ignoreFirst(reg, "GET /tags", refuse)
		}, []error{regret.ErrOutcomeUnknown}, "whether it is gone from the list", found + "DELETE 404, HEAD 404, GET 404, PUT 201, DELETE 202, HEAD 404, GET 404, GET 403", false},
		{"a list that cannot be read leaves a tag that is not found", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("GET", "/v2/"+repo+"/tags/"), refuse)
		}, []error{regret.ErrNotFound}, "whether the tag is still listed could not be checked", "GET 404, GET 403", false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg := newDanglingTag(t, fakeregistry.Distribution2())
			if tt.fault != nil {
				tt.fault(reg)
			}
			err := newClient(t, reg).UntagByOverwrite(t.Context(), repo, "v1")
			wantErr(t, err, tt.want...)
			if tt.text != "" {
				wantText(t, err, tt.text)
			}
			if got := methods(t, reg); got != tt.sent {
				t.Errorf("requests\n%s, want\n%s", got, tt.sent)
			}
			tags := reg.Tags(repo)
			if _, left := tags["v1"]; tt.want == nil && left || tt.left && !left {
				t.Errorf("tags %v", tags)
			}
			if _, other := tags["v2"]; !other {
				t.Error("the other tag is gone")
			}
		})
	}
	for _, p := range []fakeregistry.Profile{fakeregistry.Distribution2(), fakeregistry.Distribution3(), fakeregistry.Zot(), fakeregistry.Olareg(), fakeregistry.Harbor()} {
		t.Run("it serves at "+p.Name, func(t *testing.T) {
			t.Parallel()
			reg := newDanglingTag(t, p)
			wantErr(t, newClient(t, reg).UntagByOverwrite(t.Context(), repo, "v1"))
			if tags := reg.Tags(repo); len(tags) != 1 {
				t.Errorf("tags %v", tags)
			}
		})
	}
}

// The list of tags is complete, although it has entries that are no tags.
func TestUntagByOverwriteInAListWithInvalidEntries(t *testing.T) {
	t.Parallel()
	reg := newDanglingTag(t, fakeregistry.Distribution2(), fakeregistry.WithExtraTags("-ot-beta"))
	c := newClient(t, reg)
	wantErr(t, c.UntagByOverwrite(t.Context(), repo, "v1"))
	wantErr(t, c.UntagByOverwrite(t.Context(), repo, "v1"), regret.ErrNotFound)
}

// ignoreFirst responds to all but the first of some requests: those with a method, or "GET /tags".
func ignoreFirst(reg *fakeregistry.Registry, which string, respond func(http.ResponseWriter, *http.Request) bool) {
	method, tags, n := which, false, 0
	if method, tags = strings.CutSuffix(which, " /tags"); tags {
		which = "/v2/" + repo + "/tags/"
	} else {
		which = "/v2/"
	}
	reg.Intercept(0, fakeregistry.On(method, which), func(w http.ResponseWriter, req *http.Request) bool {
		n++
		return n > 1 && respond(w, req)
	})
}
