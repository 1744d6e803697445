package regret_test

import (
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

func TestAcceptedDeleteWithErrorsIsVerified(t *testing.T) {
	t.Parallel()
	dgst := digest.FromString("x")
	for _, body := range []string{`{"errors":[{"message":"could not remove tag"}]}`, `{"errors":[{"code":500,"message":"storage failed"}]}`, `{"errors":["failed"]}`, `{"errors":[{"code":"UNKN`} {
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodDelete {
				return respond(req, http.StatusAccepted, body), nil
			}
			return serveManifest(req, dgst)
		}))
		wantErr(t, c.DeleteManifest(t.Context(), repo, dgst), regret.ErrStillPresent)
	}
}

func TestNotFoundWithoutErrorCodeIsNoProof(t *testing.T) {
	t.Parallel()
	dgst := digest.FromString("x")
	deletes := 0
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodDelete {
			return serveManifest(req, dgst)
		}
		if deletes++; deletes == 1 {
			return respond(req, http.StatusGatewayTimeout, ""), nil
		}
		return respond(req, http.StatusNotFound, `{"code":"NOT_FOUND","message":"no route matched"}`), nil
	}))
	err := c.DeleteManifest(t.Context(), repo, dgst)
	wantRegretError(t, err)
	wantNot(t, err, regret.ErrNotFound)
	if err := c.CheckDelete(t.Context(), repo); err == nil {
		t.Error("CheckDelete succeeds after a 404 without an error code of the registry")
	}
}
