package regret_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

var randomDelete = regexp.MustCompile(`^DELETE /v2/team/app/manifests/sha256:[0-9a-f]{64} [0-9]+( lost)?$`)

func TestCheckDeleteDeletesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		opts  []fakeregistry.Option
		fault fault
		want  []error // nil: deletion is allowed
		not   []error
		sent  string
	}{
		{"404 MANIFEST_UNKNOWN means allowed", nil, nil, nil, nil, "DELETE 404"},
		{"404 of distribution 2 means allowed", []fakeregistry.Option{fakeregistry.WithDistribution2()}, nil, nil, nil, "DELETE 404"},
		{"404 NAME_UNKNOWN of an unknown repository means allowed", nil, failing(404, "NAME_UNKNOWN"), nil, nil, "DELETE 404"},
		{"400 NAME_UNKNOWN of zot means allowed", nil, failing(400, "NAME_UNKNOWN"), nil, nil, "DELETE 400"},
		{"a lost response is retried", nil, once(loseResponse), nil, nil, "DELETE 404 lost, DELETE 404"},
		{"405 UNSUPPORTED means disabled", []fakeregistry.Option{fakeregistry.WithDeleteDisabled()}, nil, []error{regret.ErrDeleteDisabled}, nil, "DELETE 405"},
		{"400 UNSUPPORTED means disabled", nil, failing(400, "UNSUPPORTED"), []error{regret.ErrDeleteDisabled}, nil, "DELETE 400"},
		{"405 without DELETE in Allow means read-only", []fakeregistry.Option{fakeregistry.WithReadOnly()}, nil, []error{regret.ErrReadOnly}, nil, "DELETE 405"},
		{"401 means unauthorized", []fakeregistry.Option{fakeregistry.WithBasicAuth("user", "password")}, nil, []error{regret.ErrUnauthorized}, nil, "DELETE 401"},
		{"403 means forbidden", nil, failing(403, "DENIED"), []error{regret.ErrForbidden, regret.CodeDenied}, nil, "DELETE 403"},
		{"503 is retried and means unavailable", nil, failing(503, "UNAVAILABLE"), []error{regret.ErrUnavailable}, nil, "DELETE 503, DELETE 503, DELETE 503, DELETE 503"},
		{"429 is retried and means rate limited", nil, failing(429, ""), []error{regret.ErrRateLimited}, nil, "DELETE 429, DELETE 429, DELETE 429, DELETE 429"},
		{"404 of a proxy does not mean allowed", nil, htmlNotFound, nil, []error{regret.ErrNotFound}, "DELETE 404"},
		{"202 for a digest that does not exist is an error", nil, failing(202, ""), nil, []error{regret.ErrNotFound}, "DELETE 202"},
		{"200 for a digest that does not exist is an error", nil, failing(200, ""), nil, []error{regret.ErrNotFound}, "DELETE 200"},
		{"a redirect is an error", nil, func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
			return fakeregistry.Redirect(302, "/")
		}, []error{regret.ErrRedirect}, nil, "DELETE 302"},
		{"405 without a code does not mean disabled or read-only", nil, failing(405, ""), nil, []error{regret.ErrDeleteDisabled, regret.ErrReadOnly}, "DELETE 405"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(test.opts...)
			dgst := reg.PutImage(repo, "hello", "v1").Digest
			if test.fault != nil {
				play(reg, step{0, "DELETE", test.fault})
			}
			err := newClient(t, reg).CheckDelete(t.Context(), repo)
			if test.want == nil && test.not == nil {
				wantErr(t, err)
			} else {
				e := wantErr(t, err, append(test.want, err)...)
				wantNot(t, err, test.not...)
				if e.Op != "check delete" || e.StatusCode == 0 {
					t.Errorf("error has unexpected fields: %+v", e)
				}
			}
			if got := methods(t, reg); got != test.sent {
				t.Errorf("requests %q, want %q", got, test.sent)
			}
			for _, line := range requests(t, reg) {
				if !randomDelete.MatchString(line) {
					t.Errorf("unexpected request: %s", line)
				}
			}
			if !reg.HasManifest(repo, dgst) || reg.Tags(repo)["v1"] != dgst {
				t.Error("the image or its tag is gone")
			}
		})
	}
}

func TestCheckDeleteUsesANewDigestEachTime(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	c := newClient(t, reg)
	for range 10 {
		wantErr(t, c.CheckDelete(t.Context(), repo))
	}
	digests := map[string]bool{}
	for _, r := range reg.Requests() {
		digests[r.Path] = true
	}
	if len(digests) != 10 {
		t.Errorf("%d different digests in 10 calls, want 10", len(digests))
	}
}
