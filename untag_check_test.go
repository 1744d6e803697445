package regret_test

import (
	"regexp"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

var randomUntag = regexp.MustCompile(`^DELETE /v2/team/app/manifests/regret-check-[A-Z2-7]{26} [0-9]+( lost)?$`)

func TestCheckUntagRemovesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		opts  []fakeregistry.Option
		fault fault
		want  []error // nil: tags can be removed
		not   []error
		sent  string
	}{
		{"404 MANIFEST_UNKNOWN means allowed", nil, nil, nil, nil, "DELETE 404"},
		{"404 NAME_UNKNOWN of an unknown repository means allowed", nil, failing(404, "NAME_UNKNOWN"), nil, nil, "DELETE 404"},
		{"a lost response is retried", nil, once(loseResponse), nil, nil, "DELETE 404 lost, DELETE 404"},
		{"400 DIGEST_INVALID means unsupported", []fakeregistry.Option{fakeregistry.WithDistribution2(), fakeregistry.WithoutTagDelete()}, nil, []error{regret.ErrTagDeleteUnsupported, regret.CodeDigestInvalid}, nil, "DELETE 400"},
		{"405 UNSUPPORTED of distribution means disabled", []fakeregistry.Option{fakeregistry.WithDeleteDisabled()}, nil, []error{regret.ErrDeleteDisabled}, nil, "DELETE 405"},
		{"405 without DELETE in Allow means read-only", []fakeregistry.Option{fakeregistry.WithReadOnly()}, nil, []error{regret.ErrReadOnly}, nil, "DELETE 405"},
		{"401 means unauthorized", []fakeregistry.Option{fakeregistry.WithBasicAuth("user", "password")}, nil, []error{regret.ErrUnauthorized}, nil, "DELETE 401"},
		{"403 means forbidden", nil, failing(403, "DENIED"), []error{regret.ErrForbidden, regret.CodeDenied}, nil, "DELETE 403"},
		{"404 of a proxy does not mean allowed", nil, htmlNotFound, nil, []error{regret.ErrNotFound}, "DELETE 404"},
		{"202 for a tag that does not exist is an error", nil, failing(202, ""), nil, []error{regret.ErrNotFound, regret.ErrTagDeleteUnsupported}, "DELETE 202"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(test.opts...)
			dgst := reg.PutImage(repo, "hello", "v1").Digest
			if test.fault != nil {
				play(reg, step{0, "DELETE", test.fault})
			}
			err := newClient(t, reg).CheckUntag(t.Context(), repo)
			if test.want == nil && test.not == nil {
				wantErr(t, err)
			} else {
				e := wantErr(t, err, append(test.want, err)...)
				wantNot(t, err, test.not...)
				if e.Op != "check untag" || e.StatusCode == 0 {
					t.Errorf("error has unexpected fields: %+v", e)
				}
			}
			if got := methods(t, reg); got != test.sent {
				t.Errorf("requests %q, want %q", got, test.sent)
			}
			for _, line := range requests(t, reg) {
				if !randomUntag.MatchString(line) {
					t.Errorf("unexpected request: %s", line)
				}
			}
			if !reg.HasManifest(repo, dgst) || reg.Tags(repo)["v1"] != dgst {
				t.Error("the image or its tag is gone")
			}
		})
	}
}

func TestCheckUntagUsesANewTagEachTime(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	c := newClient(t, reg)
	for range 10 {
		wantErr(t, c.CheckUntag(t.Context(), repo))
	}
	tags := map[string]bool{}
	for _, r := range reg.Requests() {
		tags[r.Path] = true
	}
	if len(tags) != 10 {
		t.Errorf("%d different tags in 10 calls, want 10", len(tags))
	}
}
