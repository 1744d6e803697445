package regret_test

import (
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The registry may or may not have deleted the manifest before it sends each response.
func TestDeleteManifestChecksTheResponse(t *testing.T) {
	t.Parallel()
	type response = func(http.ResponseWriter, *http.Request) bool
	json := map[string]string{"Content-Type": "application/json"}
	const errorBody = `{"errors":[{"code":"UNKNOWN","message":"failed to remove a tag"}]}`
	other := map[string]string{"Docker-Content-Digest": aDigest}
	for _, test := range []struct {
		rule     string
		does     bool // whether the registry deletes the manifest
		response response
		want     []error
		not      []error
		sent     string
	}{
		{"202 is success", true, fakeregistry.Answer(202, nil, ""), nil, nil, "DELETE 202"},
		{"202 with text is success", true, fakeregistry.Answer(202, nil, "accepted"), nil, nil, "DELETE 202"},
		{"202 with JSON without errors is success", true, fakeregistry.Answer(202, json, `{"errors":[]}`), nil, nil, "DELETE 202"},
		{"202 with a compressed body is verified", true, fakeregistry.Answer(202, map[string]string{"Content-Encoding": "gzip"}, "\x1f\x8b"), nil, nil,
			"DELETE 202, HEAD 404, GET 404"},
		{"202 with an array is verified", true, fakeregistry.Answer(202, json, `[{"code":"UNSUPPORTED"}]`), nil, nil, "DELETE 202, HEAD 404, GET 404"},
		{"202 with errors is an error if the manifest exists", false, fakeregistry.Answer(202, json, errorBody),
			[]error{regret.ErrStillPresent, regret.CodeUnknown}, nil, "DELETE 202, HEAD 200"},
		{"202 with errors is an unknown outcome if the manifest is gone", true, fakeregistry.Answer(202, json, errorBody),
			[]error{regret.ErrOutcomeUnknown, regret.CodeUnknown}, nil, "DELETE 202, HEAD 404, GET 404"},
		{"202 with another digest is an error if the manifest exists", false, fakeregistry.Answer(202, other, ""),
			[]error{regret.ErrStillPresent}, nil, "DELETE 202, HEAD 200"},
		{"202 with another digest is an unknown outcome if the manifest is gone", true, fakeregistry.Answer(202, other, ""),
			[]error{regret.ErrOutcomeUnknown}, nil, "DELETE 202, HEAD 404, GET 404"},
		{"200 is success if the manifest is gone", true, fakeregistry.Answer(200, nil, "<html>"), nil, nil, "DELETE 200, HEAD 404, GET 404"},
		{"200 is an error if the manifest exists", false, fakeregistry.Answer(200, nil, ""), []error{regret.ErrStillPresent}, nil, "DELETE 200, HEAD 200"},
		{"204 is success if the manifest is gone", true, fakeregistry.Answer(204, nil, ""), nil, nil, "DELETE 204, HEAD 404, GET 404"},
		{"204 is an error if the manifest exists", false, fakeregistry.Answer(204, nil, ""), []error{regret.ErrStillPresent}, nil, "DELETE 204, HEAD 200"},
		{"201 is not a valid response", false, fakeregistry.Answer(201, nil, ""), []error{regret.ErrNotRegistry}, nil, "DELETE 201"},
		{"206 is not a valid response", false, fakeregistry.Answer(206, nil, ""), []error{regret.ErrNotRegistry}, nil, "DELETE 206"},
		{"404 MANIFEST_UNKNOWN means not found", true, fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "manifest unknown"),
			[]error{regret.ErrNotFound, regret.CodeManifestUnknown}, nil, "DELETE 404, HEAD 404, GET 404"},
		{"404 NAME_UNKNOWN means not found", true, fakeregistry.Errors(404, "NAME_UNKNOWN", "x"),
			[]error{regret.ErrNotFound, regret.CodeNameUnknown}, nil, "DELETE 404, HEAD 404, GET 404"},
		{"404 of a proxy does not mean not found", false, fakeregistry.Answer(404, map[string]string{"Content-Type": "text/html"}, "<html>"),
			nil, []error{regret.ErrNotFound}, "DELETE 404"},
		{"401 means unauthorized", false, fakeregistry.Errors(401, "UNAUTHORIZED", "x"), []error{regret.ErrUnauthorized}, nil, "DELETE 401"},
		{"403 means forbidden", false, fakeregistry.Errors(403, "DENIED", "x"), []error{regret.ErrForbidden, regret.CodeDenied}, nil, "DELETE 403"},
		{"405 UNSUPPORTED means disabled", false, fakeregistry.Errors(405, "UNSUPPORTED", "x"),
			[]error{regret.ErrDeleteDisabled, regret.CodeUnsupported}, nil, "DELETE 405"},
		{"400 UNSUPPORTED means disabled", false, fakeregistry.Errors(400, "UNSUPPORTED", "x"), []error{regret.ErrDeleteDisabled}, nil, "DELETE 400"},
		{"409 keeps its code", false, fakeregistry.Errors(409, "CONFLICT", "x"), []error{regret.Code("CONFLICT")}, nil, "DELETE 409"},
		{"501 is not retried", false, fakeregistry.Errors(501, "UNSUPPORTED", "x"), []error{regret.CodeUnsupported}, nil, "DELETE 501"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg, c, dgst := seen(t)
			reg.Intercept(1, fakeregistry.On("DELETE", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
				if test.does {
					reg.Serve(&nobody{}, req)
				}
				return test.response(w, req)
			})
			err := c.DeleteManifest(t.Context(), repo, dgst)
			switch {
			case test.want == nil && test.not == nil:
				wantErr(t, err)
			default:
				e := wantErr(t, err, append(test.want, err)...)
				wantNot(t, err, test.not...)
				if e.Op != "delete manifest" || e.Reference != string(dgst) || e.Method != "DELETE" || e.StatusCode == 0 {
					t.Errorf("error has unexpected fields: %+v", e)
				}
			}
			wantMethods(t, reg, dgst, test.sent)
			if reg.HasManifest(repo, dgst) == test.does {
				t.Error("the test is wrong: the registry did not do what the table says")
			}
		})
	}
}

func TestDeleteManifestFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, target := range []string{
			"https://registry.example.com/v2/team/other/manifests/v1", "/v2/team/other/manifests/v1", "http://registry.example.com/",
			"https://evil.example/", "",
		} {
			t.Run(http.StatusText(status)+" to "+target, func(t *testing.T) {
				t.Parallel()
				reg, c, dgst := seen(t)
				reg.PutImage("team/other", "hello", "v1")
				reg.Intercept(0, fakeregistry.On("DELETE", manifestPath(dgst)), fakeregistry.Redirect(status, target))
				e := wantErr(t, c.DeleteManifest(t.Context(), repo, dgst), regret.ErrRedirect)
				if e.StatusCode != status || e.Attempts != 1 {
					t.Errorf("error has unexpected fields: %+v", e)
				}
				wantRequests(t, reg, requestLine("DELETE", dgst, status))
			})
		}
	}
}
