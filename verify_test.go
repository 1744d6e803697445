package regret_test

import (
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestVerification(t *testing.T) {
	t.Parallel()
	accept := fakeregistry.Answer(202, nil, "")
	tests := []struct {
		rule    string
		opts    []fakeregistry.Option
		answers []step
		untag   bool
		blind   bool // nothing is resolved before
		want    []error
		text    string
		sent    string
	}{
		{"what is gone with its tags is a success", nil, nil, false, false, nil, "", "DELETE 202, HEAD 404, GET 404, GET 200"},
		{"without a tag that is known the list is not asked for", nil, nil, false, true, nil, "", "HEAD 200, DELETE 202, HEAD 404, GET 404"},
		{"a manifest that is still there is no success", nil, []step{{0, "DELETE", saying(accept)}}, false, false,
			[]error{regret.ErrStillPresent}, "still present", "DELETE 202, HEAD 200"},
		{"a tag that points at nothing is no success", []fakeregistry.Option{fakeregistry.WithTagsLeft()}, nil, false, false,
			[]error{regret.ErrStillPresent}, "the tag v1 is still listed", "DELETE 202, HEAD 404, GET 404, GET 200, HEAD 404, GET 404"},
		{"a list that cannot be read leaves it open", nil, []step{{0, "GET", onList(fakeregistry.Errors(403, "DENIED", "no"))}}, false, false,
			[]error{regret.ErrOutcomeUnknown}, "the manifest is gone", "DELETE 202, HEAD 404, GET 404, GET 403"},
		{"a repository that is gone is a success", nil, []step{{0, "GET", onList(fakeregistry.Errors(404, "NAME_UNKNOWN", "no"))}}, false, false,
			nil, "", "DELETE 202, HEAD 404, GET 404, GET 404"},
		{"a look that fails leaves it open", nil, []step{{0, "HEAD", saying(fakeregistry.Errors(403, "DENIED", "no"))}}, false, false,
			[]error{regret.ErrOutcomeUnknown}, "", "DELETE 202, HEAD 403"},

		{"a tag that is gone is a success", nil, nil, true, false, nil, "", "DELETE 202, HEAD 404, GET 404"},
		{"a tag that is still there is no success", nil, []step{{0, "DELETE", saying(accept)}}, true, false,
			[]error{regret.ErrStillPresent}, "still present", "DELETE 202, HEAD 200"},
		{"a tag that was pushed anew stands, whoever may have moved it", nil, []step{{0, "DELETE", pushedAnew}}, true, false,
			[]error{regret.ErrStillPresent}, "pushed anew", "DELETE 202, HEAD 200"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(tt.opts...)
			image := reg.PutImage(repo, "hello", "v1")
			c := newClient(t, reg, regret.WithVerification())
			if !tt.blind {
				wantErr(t, resolve(t, c))
			}
			reg.ResetLog()
			play(reg, tt.answers...)
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
	t.Run("a tag that points elsewhere by now is none of the deleted one's", func(t *testing.T) {
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

// pushedAnew lets the tag be deleted and points it at something else at once.
func pushedAnew(reg *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		reg.Serve(w, req)
		reg.PutImage(repo, "other", "v1")
		return true
	}
}
