package regret_test

import (
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestWithVerification(t *testing.T) {
	t.Parallel()
	accept := fakeregistry.Answer(202, nil, "")
	tests := []struct {
		rule   string
		opts   []fakeregistry.Option
		faults []step
		untag  bool
		unseen bool // the tag is not resolved before
		want   []error
		text   string
		sent   string
	}{
		{"a manifest that is gone with its tags is success", nil, nil, false, false, nil, "", "DELETE 202, HEAD 404, GET 404, GET 200"},
		{"without a known tag the list of tags is not requested", nil, nil, false, true, nil, "", "HEAD 200, DELETE 202, HEAD 404, GET 404"},
		{"a manifest that still exists is an error", nil, []step{{0, "DELETE", responding(accept)}}, false, false,
			[]error{regret.ErrStillPresent}, "still present", "DELETE 202, HEAD 200"},
		{"a tag that is left without a manifest is an error", []fakeregistry.Option{fakeregistry.WithTagsLeft()}, nil, false, false,
			[]error{regret.ErrStillPresent}, "the tag v1 is still listed", "DELETE 202, HEAD 404, GET 404, GET 200, HEAD 404, GET 404"},
		{"a list that cannot be read is an unknown outcome", nil, []step{{0, "GET", onTagList(fakeregistry.Errors(403, "DENIED", "no"))}}, false, false,
			[]error{regret.ErrOutcomeUnknown}, "the manifest is gone", "DELETE 202, HEAD 404, GET 404, GET 403"},
		{"a repository that is gone is success", nil, []step{{0, "GET", onTagList(fakeregistry.Errors(404, "NAME_UNKNOWN", "no"))}}, false, false,
			nil, "", "DELETE 202, HEAD 404, GET 404, GET 404"},
		{"a check that fails is an unknown outcome", nil, []step{{0, "HEAD", responding(fakeregistry.Errors(401, "UNAUTHORIZED", "no"))}}, false, false,
			[]error{regret.ErrOutcomeUnknown}, "", "DELETE 202, HEAD 401"},

		{"a removed tag is success", nil, nil, true, false, nil, "", "DELETE 202, HEAD 404, GET 404"},
		{"a tag that still exists is an error", nil, []step{{0, "DELETE", responding(accept)}}, true, false,
			[]error{regret.ErrStillPresent}, "still present", "DELETE 202, HEAD 200"},
		{"a tag that was pushed again is an error", nil, []step{{0, "DELETE", pushedAgain}}, true, false,
			[]error{regret.ErrStillPresent}, "pushed anew", "DELETE 202, HEAD 200"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(tt.opts...)
			image := reg.PutImage(repo, "hello", "v1")
			c := newClient(t, reg, regret.WithVerification())
			if !tt.unseen {
				wantErr(t, resolve(t, c))
			}
			reg.ResetLog()
			play(reg, tt.faults...)
			var err error
			if tt.untag {
				err = c.Untag(t.Context(), repo, "v1")
			} else {
				err = c.DeleteManifest(t.Context(), repo, image.Digest)
			}
			wantErr(t, err, tt.want...)
			if tt.text != "" {
				wantText(t, err, tt.text)
			}
			if got := methods(t, reg); got != tt.sent {
				t.Errorf("requests %q, want %q", got, tt.sent)
			}
		})
	}
	t.Run("a tag that was moved to another manifest is no error", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		image := reg.PutImage(repo, "hello", "v1")
		c := newClient(t, reg, regret.WithVerification())
		wantErr(t, resolve(t, c))
		reg.Intercept(1, fakeregistry.On("GET", "/v2/"+repo+"/tags/"), func(w http.ResponseWriter, req *http.Request) bool {
			reg.PutImage(repo, "other", "v1")
			return false
		})
		wantErr(t, c.DeleteManifest(t.Context(), repo, image.Digest))
		if writes := reg.Writes(); len(writes) != 1 {
			t.Errorf("writes %v", writes)
		}
	})
}

// pushedAgain lets the registry remove the tag, and then points it to another manifest.
func pushedAgain(reg *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		reg.Serve(w, req)
		reg.PutImage(repo, "other", "v1")
		return true
	}
}
