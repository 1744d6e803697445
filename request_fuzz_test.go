package regret_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
)

// FuzzResponse responds to every request with the same arbitrary bytes. Whatever a read
// returns is valid and comes from these bytes, and every call ends.
func FuzzResponse(f *testing.F) {
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\nContent-Type: " + ociImage + "\r\nDocker-Content-Digest: " + someDigest + "\r\n",
		"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n", "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n",
		"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"https://registry.example.com/token\"\r\n",
		"HTTP/1.1 307 Temporary Redirect\r\nLocation: /v2/\r\n", "HTTP/1.1 404 Not Found\r\n", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n",
		"HTTP/1.1 200 OK\r\nLink: </v2/team/app/tags/list?last=b>; rel=\"next\"\r\n", "HTTP/1.0 204 No Content\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
		"HTTP/1.1 400 Bad Request\r\nLink: <?last=x>; rel=next\r\n", "HTTP/1.1 503\r\n", "", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
	} {
		for _, body := range []string{
			"", emptyImage, `{"name":"team/app","tags":["a","b"]}`, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, `{"errors":[{"code":"MANIFEST_TAGS"}]}`,
			`{"token":"abc"}`, `{"manifests":[]}`, "2\r\n{}\r\n0\r\n\r\n", "<html>",
		} {
			f.Add([]byte(head + "\r\n" + body))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		sent := 0
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			if sent++; sent > 200 {
				t.Fatalf("%d requests, the last a %s of %s", sent, req.Method, req.URL)
			}
			return http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), req)
		}), append(fuzzOptions(), regret.WithBasicAuth(account, password))...)
		ctx := t.Context()
		if dgst, err := c.ResolveDigest(ctx, repo, "v1"); err != nil {
			wantRegretError(t, err)
		} else if dgst.Validate() != nil {
			t.Errorf("a tag resolved to the invalid digest %q", dgst)
		}
		if dgst, err := c.ResolveDigest(ctx, repo, someDigest); err != nil {
			wantRegretError(t, err)
		} else if dgst != someDigest {
			t.Errorf("%s resolved to %s", someDigest, dgst)
		}
		m, err := c.Manifest(ctx, repo, "v1")
		switch {
		case err != nil:
			wantRegretError(t, err)
		case !strings.Contains(m.Descriptor.MediaType, ".v1+") && m.Descriptor.Digest.Algorithm().FromBytes(m.Raw) != m.Descriptor.Digest,
			!bytes.Contains(raw, m.Raw) && !bytes.Contains(bytes.ToLower(raw), []byte("chunked")):
			t.Errorf("%+v does not come from the response %q", m, raw)
		}
		for tag, err := range c.Tags(ctx, repo) {
			if err != nil {
				wantRegretError(t, err)
			} else if !validTag(tag) {
				t.Errorf("invalid tag %q", tag)
			}
		}
		for name, err := range c.Repositories(ctx) {
			if err != nil {
				wantRegretError(t, err)
			} else if !validRepository(name) {
				t.Errorf("invalid repository %q", name)
			}
		}
		for _, err := range c.Referrers(ctx, repo, someDigest) {
			if err != nil {
				wantRegretError(t, err)
			}
		}
		if err := c.Ping(ctx); err != nil {
			wantRegretError(t, err)
		}
	})
}
