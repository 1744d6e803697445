package regret_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// FuzzDeleteResponse responds to a DELETE with arbitrary bytes, while the registry still
// serves the manifest. The call may succeed only after a 202 and without verification,
// and the client sends a DELETE of no other path.
func FuzzDeleteResponse(f *testing.F) {
	for _, head := range []string{
		"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n", "HTTP/1.1 202 Accepted\r\nDocker-Content-Digest: " + someDigest + "\r\n", "HTTP/1.1 200 OK\r\n",
		"HTTP/1.1 204 No Content\r\n", "HTTP/1.1 201 Created\r\n", "HTTP/1.1 404 Not Found\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", "HTTP/1.1 307 x\r\nLocation: /v2/\r\n",
		"HTTP/1.1 400 Bad Request\r\nLink: <?last=x>; rel=\"next\"\r\n", "HTTP/1.1 500 x\r\n", "HTTP/1.1 503 x\r\nRetry-After: 0\r\n", "HTTP/1.1 401 x\r\nWWW-Authenticate: Basic\r\n",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 202 Accepted\r\n", "HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n", "HTTP/1.1 202 Accepted\r\nContent-Encoding: gzip\r\n", "",
	} {
		for _, body := range []string{"", `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, `{"errors":[{"code":"UNSUPPORTED"}]}`, `{"errors":[{"code":"MANIFEST_TAGS"}]}`, `{"errors":`, "ok"} {
			f.Add([]byte(head+"\r\n"+body), false)
			f.Add([]byte(head+"\r\n"+body), true)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, verify bool) {
		reg := fakeregistry.New()
		image := reg.PutImage(repo, "hello", "v1")
		status, path := 0, ""
		opts := append(fuzzOptions(), regret.WithBasicAuth(account, password))
		if verify {
			opts = append(opts, regret.WithVerification())
		}
		network := roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method != http.MethodDelete {
				return reg.RoundTrip(req)
			}
			if path != "" && req.URL.Path != path {
				t.Errorf("DELETE of another path: %s", req.URL)
			}
			resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), req)
			if status = 0; err == nil {
				status = resp.StatusCode
			}
			return resp, err
		})
		for op, call := range map[string]func(ctx context.Context, c *regret.Client) error{
			string(image.Digest): func(ctx context.Context, c *regret.Client) error { return c.DeleteManifest(ctx, repo, image.Digest) },
			"v1":                 func(ctx context.Context, c *regret.Client) error { return c.Untag(ctx, repo, "v1") },
			"":                   func(ctx context.Context, c *regret.Client) error { return c.CheckDelete(ctx, repo) },
		} {
			if path = ""; op != "" {
				path = "/v2/" + repo + "/manifests/" + op
			}
			err := call(t.Context(), newClient(t, network, opts...))
			switch {
			case err != nil:
				wantRegretError(t, err)
				if op != "" && errors.Is(err, regret.ErrNotFound) && (status != 404 && status != 400 || op == string(image.Digest)) {
					t.Errorf("not found, although the registry responded %d and serves the manifest: %v", status, err)
				}
			case op == "" && status != 404 && status != 400:
				t.Errorf("CheckDelete succeeds after %d: %q", status, raw)
			case op != "" && (status != http.StatusAccepted || verify):
				t.Errorf("the deletion succeeds after %d, although %s is served: %q", status, op, raw)
			}
		}
	})
}
