package regret_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Deletion by digest and the list of tags behave as expected at registries with unusual behaviour.
func TestUnusualRegistryBehaviour(t *testing.T) {
	t.Parallel()
	type outcome struct {
		delete, list regret.Kind
		sent         string // requests of the deletion
		gone         bool
	}
	normal := outcome{"", "", "HEAD 200, DELETE 202", true}
	want := map[string]outcome{
		"no digest in the header":                            {"", "", "HEAD 200, GET 200, DELETE 202", true},
		"HEAD is 404 although GET is 200":                    {"", "", "HEAD 404, GET 200, DELETE 202", true},
		"tags stay when their manifest is deleted":           normal, // only WithVerification detects it
		"tags are removed in several requests":               {"", "", "HEAD 200, DELETE 400, DELETE 400, DELETE 202", true},
		"500 although the manifest is deleted":               {"", "", "HEAD 200, DELETE 500, DELETE 404, HEAD 404, GET 404", true},
		"202 with errors":                                    {regret.ErrOutcomeUnknown, "", "HEAD 200, DELETE 202, HEAD 404, GET 404", true},
		"307 to a child or 406 if the type is not accepted":  normal,
		"challenges for both Basic and Bearer":               {"", "", "HEAD 401, GET 200, HEAD 200, DELETE 202", true},
		"a token without the action delete":                  {regret.ErrForbidden, "", "HEAD 401, GET 200, HEAD 200, DELETE 401, GET 200, DELETE 401", false},
		"Link without quotes":                                normal,
		"Link without angle brackets":                        normal,
		"absolute Link":                                      normal,
		"Link on the last page":                              normal,
		"Link with an inner path":                            normal,
		"Link without the first component of the repository": normal,
		"digests among the tags":                             normal,
		"an entry among the tags that is not one":            {"", regret.ErrInvalidEntries, "HEAD 200, DELETE 202", true},
		"at most 100 tags per page, else 413":                normal,
		"a maximum of the page size, else 405":               normal,
		"a maximum of the page size, else 400":               normal,
		"Link to the first page":                             {"", regret.ErrIncompleteList, "HEAD 200, DELETE 202", true},
		"406 with a number as code":                          {unclassified, "", "HEAD 200, DELETE 406", false},
		"404 with an array as detail":                        {unclassified, "", "HEAD 200, DELETE 404, HEAD 200", false},
		"405 with an HTML page":                              {unclassified, "", "HEAD 200, DELETE 405", false},
		"403 with an HTML page":                              {regret.ErrForbidden, "", "HEAD 200, DELETE 403", false},
		"JSON errors with the Content-Type text/plain":       {regret.ErrDeleteDisabled, "", "HEAD 200, DELETE 405", false},
		"429 without a body":                                 {regret.ErrRateLimited, "", "HEAD 200, DELETE 429, DELETE 429, DELETE 429, DELETE 429", false},
		"401 regardless of the credentials":                  {regret.ErrUnauthorized, "", "HEAD 200, DELETE 401, DELETE 401", false},
		"the connection breaks after the deletion":           {"", "", "HEAD 200, DELETE 202 lost, DELETE 404, HEAD 404, GET 404", true},
	}
	var names []string
	for _, o := range fakeregistry.Oddities() {
		names = append(names, o.Name)
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := o.New()
				image := reg.PutImage(repo, "hello", "v1", "v2", "v3")
				c := newClient(t, reg, regret.WithBasicAuth("user", "password"))
				got := outcome{delete: kindOf(c.DeleteManifest(t.Context(), repo, image.Digest)), gone: !reg.HasManifest(repo, image.Digest)}
				synctest.Wait() // until the log shows which responses were lost
				got.sent = methods(t, reg)
				listed := o.New()
				listed.PutImage(repo, "hello", "v1", "v2", "v3")
				for _, err := range newClient(t, listed, regret.WithBasicAuth("user", "password")).Tags(t.Context(), repo) {
					if err != nil {
						got.list = kindOf(err)
					}
				}
				if diff := cmp.Diff(want[o.Name], got, cmp.AllowUnexported(outcome{})); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
			})
		})
	}
	for name := range want {
		if !slices.Contains(names, name) {
			t.Errorf("the table has a row for %q, but there is no oddity of that name", name)
		}
	}
}

// kindOf returns the kind of err, or unclassified if it has none.
func kindOf(err error) regret.Kind {
	e, ok := errors.AsType[*regret.Error](err)
	switch {
	case err == nil:
		return ""
	case !ok || e.Kind == "":
		return unclassified
	}
	return e.Kind
}
