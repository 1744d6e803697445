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
		rule   string
		opts   []fakeregistry.Option
		answer fault
		want   []error // nil: deletion is allowed
		not    []error
		sent   string
	}{
		{"allowed", nil, nil, nil, nil, "DELETE 404"},
		{"allowed at distribution 2", []fakeregistry.Option{fakeregistry.WithDistribution2()}, nil, nil, nil, "DELETE 404"},
		{"allowed in a repository that is missing", nil, failing(404, "NAME_UNKNOWN"), nil, nil, "DELETE 404"},
		{"allowed at zot", nil, failing(400, "NAME_UNKNOWN"), nil, nil, "DELETE 400"},
		{"allowed after a lost answer", nil, once(loseResponse), nil, nil, "DELETE 404 lost, DELETE 404"},
		{"disabled", []fakeregistry.Option{fakeregistry.WithDeleteDisabled()}, nil, []error{regret.ErrDeleteDisabled}, nil, "DELETE 405"},
		{"disabled, said by 400", nil, failing(400, "UNSUPPORTED"), []error{regret.ErrDeleteDisabled}, nil, "DELETE 400"},
		{"read-only", []fakeregistry.Option{fakeregistry.WithReadOnly()}, nil, []error{regret.ErrReadOnly}, nil, "DELETE 405"},
		{"without credentials", []fakeregistry.Option{fakeregistry.WithBasicAuth("user", "password")}, nil, []error{regret.ErrUnauthorized}, nil, "DELETE 401"},
		{"forbidden", nil, failing(403, "DENIED"), []error{regret.ErrForbidden, regret.CodeDenied}, nil, "DELETE 403"},
		{"unavailable", nil, failing(503, "UNAVAILABLE"), []error{regret.ErrUnavailable}, nil, "DELETE 503, DELETE 503, DELETE 503, DELETE 503"},
		{"rate limited", nil, failing(429, ""), []error{regret.ErrRateLimited}, nil, "DELETE 429, DELETE 429, DELETE 429, DELETE 429"},
		{"a page of a proxy says nothing", nil, htmlNotFound, nil, []error{regret.ErrNotFound}, "DELETE 404"},
		{"202 for what nobody has says nothing", nil, failing(202, ""), nil, []error{regret.ErrNotFound}, "DELETE 202"},
		{"200 for what nobody has says nothing", nil, failing(200, ""), nil, []error{regret.ErrNotFound}, "DELETE 200"},
		{"a redirect says nothing", nil, func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
			return fakeregistry.Redirect(302, "/")
		}, []error{regret.ErrRedirect}, nil, "DELETE 302"},
		{"a method that is not there says nothing", nil, failing(405, ""), nil, []error{regret.ErrDeleteDisabled, regret.ErrReadOnly}, "DELETE 405"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(test.opts...)
			dgst := reg.PutImage(repo, "hello", "v1").Digest
			if test.answer != nil {
				play(reg, step{0, "DELETE", test.answer})
			}
			err := newClient(t, reg).CheckDelete(t.Context(), repo)
			if test.want == nil && test.not == nil {
				wantErr(t, err)
			} else {
				e := wantErr(t, err, append(test.want, err)...)
				wantNot(t, err, test.not...)
				if e.Op != "check delete" || e.StatusCode == 0 {
					t.Errorf("%+v", e)
				}
			}
			if got := methods(t, reg); got != test.sent {
				t.Errorf("requests %q, want %q", got, test.sent)
			}
			for _, line := range requests(t, reg) {
				if !randomDelete.MatchString(line) {
					t.Errorf("there was another request: %s", line)
				}
			}
			if !reg.HasManifest(repo, dgst) || reg.Tags(repo)["v1"] != dgst {
				t.Error("something is gone")
			}
		})
	}
}

func TestCheckDeleteDrawsADigestEachTime(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	c := newClient(t, reg)
	for range 10 {
		wantErr(t, c.CheckDelete(t.Context(), repo))
	}
	drawn := map[string]bool{}
	for _, r := range reg.Requests() {
		drawn[r.Path] = true
	}
	if len(drawn) != 10 {
		t.Errorf("%d digests in 10 calls", len(drawn))
	}
}
