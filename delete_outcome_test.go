package regret_test

import (
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestDeleteManifestDeterminesTheOutcome(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		steps []step
		want  []error
		not   []error
		sent  string
		gone  bool
	}{
		{"a lost response and then 404 is success", []step{{1, "DELETE", loseResponse}},
			nil, nil, "DELETE 202 lost, DELETE 404, HEAD 404, GET 404", true},
		{"a lost request is retried", []step{{1, "DELETE", loseRequest}},
			nil, nil, "DELETE 0 lost, DELETE 202", true},
		{"a refused connection is retried", []step{{2, "DELETE", refused}},
			nil, nil, "DELETE 202", true},
		{"500 and then 404 is success", []step{{1, "DELETE", does(failing(500, "UNKNOWN"))}},
			nil, nil, "DELETE 500, DELETE 404, HEAD 404, GET 404", true},
		{"502 and then 404 is success", []step{{1, "DELETE", does(failing(502, ""))}},
			nil, nil, "DELETE 502, DELETE 404, HEAD 404, GET 404", true},
		{"504 and then 404 is success", []step{{1, "DELETE", does(failing(504, ""))}},
			nil, nil, "DELETE 504, DELETE 404, HEAD 404, GET 404", true},
		{"a 503 of a proxy and then 404 is success", []step{{1, "DELETE", does(failing(503, ""))}},
			nil, nil, "DELETE 503, DELETE 404, HEAD 404, GET 404", true},
		{"a 503 of the registry and then 404 means not found", []step{{1, "DELETE", failing(503, "UNAVAILABLE")}, {1, "DELETE", does(failing(404, "MANIFEST_UNKNOWN"))}},
			[]error{regret.ErrNotFound}, nil, "DELETE 503, DELETE 404, HEAD 404, GET 404", true},
		{"429 and then 404 means not found", []step{{1, "DELETE", failing(429, "TOOMANYREQUESTS")}, {1, "DELETE", does(failing(404, "MANIFEST_UNKNOWN"))}},
			[]error{regret.ErrNotFound}, nil, "DELETE 429, DELETE 404, HEAD 404, GET 404", true},
		{"a refused connection and then 404 means not found", []step{{1, "DELETE", refused}, {1, "DELETE", does(failing(404, "MANIFEST_UNKNOWN"))}},
			[]error{regret.ErrNotFound}, nil, "DELETE 404, HEAD 404, GET 404", true},
		{"500 and then 404 is no success if the manifest is still served", []step{{1, "DELETE", failing(500, "UNKNOWN")}, {0, "DELETE", failing(404, "MANIFEST_UNKNOWN")}},
			[]error{regret.CodeManifestUnknown}, []error{regret.ErrNotFound}, "DELETE 500, DELETE 404, HEAD 200", false},
		{"404 for a resolved digest is an unknown outcome if the check fails", []step{{0, "DELETE", does(failing(404, "MANIFEST_UNKNOWN"))}, {0, "HEAD", failing(401, "UNAUTHORIZED")}},
			[]error{regret.ErrOutcomeUnknown}, []error{regret.ErrNotFound}, "DELETE 404, HEAD 401", true},
		{"404 does not mean not found if the manifest is still served", []step{{0, "DELETE", failing(404, "MANIFEST_UNKNOWN")}},
			[]error{regret.CodeManifestUnknown}, []error{regret.ErrNotFound}, "DELETE 404, HEAD 200", false},
		{"500 and then 404 is an unknown outcome if the check fails", []step{{1, "DELETE", does(failing(500, "UNKNOWN"))}, {0, "HEAD", failing(401, "UNAUTHORIZED")}},
			[]error{regret.ErrOutcomeUnknown}, []error{regret.ErrNotFound}, "DELETE 500, DELETE 404, HEAD 401", true},
		{"503 is retried", []step{{1, "DELETE", failing(503, "UNAVAILABLE")}},
			nil, nil, "DELETE 503, DELETE 202", true},

		{"502 and then 405 is the 405 if the manifest exists", []step{{1, "DELETE", failing(502, "")}, {1, "DELETE", failing(405, "UNSUPPORTED")}},
			[]error{regret.ErrDeleteDisabled}, []error{regret.ErrOutcomeUnknown}, "DELETE 502, DELETE 405, HEAD 200", false},
		{"502 and then 405 is success if the manifest is gone", []step{{1, "DELETE", does(failing(502, ""))}, {1, "DELETE", failing(405, "UNSUPPORTED")}},
			nil, nil, "DELETE 502, DELETE 405, HEAD 404, GET 404", true},
		{"502 and then 405 is an unknown outcome if the check fails",
			[]step{{1, "DELETE", does(failing(502, ""))}, {1, "DELETE", failing(405, "UNSUPPORTED")}, {0, "HEAD", failing(401, "UNAUTHORIZED")}},
			[]error{regret.ErrOutcomeUnknown, regret.CodeUnsupported}, []error{regret.ErrDeleteDisabled}, "DELETE 502, DELETE 405, HEAD 401", true},

		{"500 to every attempt is an error if the manifest exists", []step{{0, "DELETE", failing(500, "UNKNOWN")}},
			[]error{regret.ErrUnavailable, regret.CodeUnknown}, []error{regret.ErrOutcomeUnknown},
			"DELETE 500, DELETE 500, DELETE 500, DELETE 500, HEAD 200", false},
		{"500 to every attempt is success if the manifest is gone", []step{{0, "DELETE", does(failing(500, "UNKNOWN"))}},
			nil, nil, "DELETE 500, DELETE 500, DELETE 500, DELETE 500, HEAD 404, GET 404", true},
		{"500 to every attempt is an unknown outcome if the check fails", []step{{0, "DELETE", failing(500, "UNKNOWN")}, {0, "HEAD", failing(401, "UNAUTHORIZED")}},
			[]error{regret.ErrOutcomeUnknown, regret.CodeUnknown}, []error{regret.ErrUnauthorized},
			"DELETE 500, DELETE 500, DELETE 500, DELETE 500, HEAD 401", false},
		{"a lost request in every attempt is an error if the manifest exists", []step{{0, "DELETE", loseRequest}},
			[]error{regret.ErrUnavailable}, []error{regret.ErrOutcomeUnknown},
			"DELETE 0 lost, DELETE 0 lost, DELETE 0 lost, DELETE 0 lost, HEAD 200", false},

		{"a lost response and then 404 of a proxy is an unknown outcome if the check fails",
			[]step{{1, "DELETE", loseResponse}, {0, "DELETE", htmlNotFound}, {0, "", htmlNotFound}},
			[]error{regret.ErrOutcomeUnknown}, []error{regret.ErrNotFound}, "DELETE 202 lost, DELETE 404, HEAD 404, GET 404", true},
		{"a lost response and then 404 of a proxy is success if the manifest is gone",
			[]step{{1, "DELETE", loseResponse}, {0, "DELETE", htmlNotFound}},
			nil, nil, "DELETE 202 lost, DELETE 404, HEAD 404, GET 404", true},
		{"a lost response and then a redirect is success if the manifest is gone",
			[]step{{1, "DELETE", loseResponse}, {1, "DELETE", func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
				return fakeregistry.Redirect(302, "/login")
			}}},
			nil, nil, "DELETE 202 lost, DELETE 302, HEAD 404, GET 404", true},
		{"200 is an unknown outcome if the check fails", []step{{1, "DELETE", failing(200, "")}, {0, "HEAD", failing(401, "UNAUTHORIZED")}},
			[]error{regret.ErrOutcomeUnknown}, []error{regret.ErrNotFound}, "DELETE 200, HEAD 401", false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg, c, dgst := seen(t)
			play(reg, test.steps...)
			err := c.DeleteManifest(t.Context(), repo, dgst)
			wantErr(t, err, test.want...)
			wantNot(t, err, test.not...)
			wantMethods(t, reg, dgst, test.sent)
			if reg.HasManifest(repo, dgst) == test.gone {
				t.Errorf("manifest is gone: %v, want %v", !test.gone, test.gone)
			}
		})
	}
}

func TestUnknownOutcomeKeepsTheFactsOfTheDelete(t *testing.T) {
	t.Parallel()
	reg, c, dgst := seen(t)
	play(reg, step{0, "DELETE", failing(500, "UNKNOWN")}, step{0, "HEAD", failing(401, "UNAUTHORIZED")})
	err := c.DeleteManifest(t.Context(), repo, dgst)
	e := wantErr(t, err, regret.ErrOutcomeUnknown, regret.CodeUnknown)
	if e.Op != "delete manifest" || e.Method != "DELETE" || e.StatusCode != 500 || e.Attempts != 4 {
		t.Errorf("error has unexpected fields: %+v", e)
	}
	wantText(t, err, "outcome unknown", "resolve it again", "after 4 attempts")
}

// Callers take ErrNotFound to mean that the manifest is gone.
func TestDeleteManifestReportsNotFoundOnlyIfTheManifestIsGone(t *testing.T) {
	t.Parallel()
	t.Run("a manifest that is served but cannot be deleted is not missing", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.Quay().New()
		image := reg.PutImage(repo, "hello")
		err := newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest)
		wantErr(t, err, regret.CodeManifestUnknown)
		wantNot(t, err, regret.ErrNotFound)
		wantText(t, err, "does not delete it", "Quay")
		if got := methods(t, reg); got != "HEAD 200, DELETE 404, HEAD 200" {
			t.Errorf("unexpected requests %q", got)
		}
	})
	t.Run("a manifest that another client deleted is missing", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		image := reg.PutImage(repo, "hello")
		play(reg, step{1, "DELETE", func(reg *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, req *http.Request) bool {
				reg.Serve(&nobody{}, req)
				return false
			}
		}})
		wantErr(t, newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest), regret.ErrNotFound)
		if got := methods(t, reg); got != "HEAD 200, DELETE 404, HEAD 404, GET 404" {
			t.Errorf("unexpected requests %q", got)
		}
	})
}
