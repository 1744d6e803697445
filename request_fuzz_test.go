package regret_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// impatient repeats once and waits for nobody.
func impatient() []regret.Option {
	limits := regret.DefaultLimits()
	limits.Pages, limits.Entries = 20, 1000
	return []regret.Option{regret.WithLimits(limits), regret.WithRetries(regret.Retries{Max: 1, Budget: time.Minute})}
}

// wantShort wants an error that can be shown to anybody.
func wantShort(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*regret.Error](err); !ok {
		t.Fatalf("not a *regret.Error: %#v", err)
	}
	if text := err.Error(); len(text) > 1<<10 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("an error of %d bytes: %q", len(text), text)
	}
}

// FuzzResponse lets every request be answered by the same bytes: whatever is
// read out of them is true of them, nothing else is deleted, and it ends.
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
		}), append(impatient(), regret.WithBasicAuth(account, password))...)
		ctx := t.Context()
		if dgst, err := c.ResolveDigest(ctx, repo, "v1"); err != nil {
			wantShort(t, err)
		} else if dgst.Validate() != nil {
			t.Errorf("resolved to %q", dgst)
		}
		if dgst, err := c.ResolveDigest(ctx, repo, someDigest); err != nil {
			wantShort(t, err)
		} else if dgst != someDigest {
			t.Errorf("%s resolved to %s", someDigest, dgst)
		}
		m, err := c.Manifest(ctx, repo, "v1")
		switch {
		case err != nil:
			wantShort(t, err)
		case !strings.Contains(m.Descriptor.MediaType, ".v1+") && m.Descriptor.Digest.Algorithm().FromBytes(m.Raw) != m.Descriptor.Digest,
			!bytes.Contains(raw, m.Raw) && !bytes.Contains(bytes.ToLower(raw), []byte("chunked")):
			t.Errorf("%+v was made of %q", m, raw)
		}
		for tag, err := range c.Tags(ctx, repo) {
			if err != nil {
				wantShort(t, err)
			} else if !validTag(tag) {
				t.Errorf("tag %q", tag)
			}
		}
		for name, err := range c.Repositories(ctx) {
			if err != nil {
				wantShort(t, err)
			} else if !validRepository(name) {
				t.Errorf("repository %q", name)
			}
		}
		for _, err := range c.Referrers(ctx, repo, someDigest) {
			if err != nil {
				wantShort(t, err)
			}
		}
		if err := c.Ping(ctx); err != nil {
			wantShort(t, err)
		}
	})
}

// FuzzDeleteResponse lets a DELETE be answered by any bytes, while the registry
// goes on to serve what was to be deleted: success is only where it said 202,
// and no other path is ever written to.
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
		opts := append(impatient(), regret.WithBasicAuth(account, password))
		if verify {
			opts = append(opts, regret.WithVerification())
		}
		network := roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method != http.MethodDelete {
				return reg.RoundTrip(req)
			}
			if path != "" && req.URL.Path != path {
				t.Errorf("a DELETE of %s", req.URL)
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
				wantShort(t, err)
				if op != "" && errors.Is(err, regret.ErrNotFound) && (status != 404 && status != 400 || op == string(image.Digest)) {
					t.Errorf("not found, although it answered %d and serves it: %v", status, err)
				}
			case op == "" && status != 404 && status != 400:
				t.Errorf("%d means that deleting is allowed: %q", status, raw)
			case op != "" && (status != http.StatusAccepted || verify):
				t.Errorf("%d means that %s is deleted: %q", status, op, raw)
			}
		}
	})
}

// FuzzDigest lets a registry name any digests in its headers, for a tag and for
// a digest: what is resolved is one of them, and the one that was asked for.
func FuzzDigest(f *testing.F) {
	for _, named := range []string{
		someDigest, aDigest, aSHA512, "", "sha256:zz", "sha256:" + strings.ToUpper(someDigest[7:]), "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../x", someDigest + " ", " " + someDigest,
		someDigest + ", " + someDigest, "sha384:" + strings.Repeat("0", 96), "sha256+b64u:" + strings.Repeat("a", 43), someDigest[:70], someDigest + "0", "sha256:",
	} {
		f.Add(named, "", someDigest)
		f.Add(named, named, named)
		f.Add(named, someDigest, aDigest)
	}
	f.Fuzz(func(t *testing.T, first, second, asked string) {
		names := []string{first}
		if second != "" {
			names = append(names, second)
		}
		answer := roundTrip(func(req *http.Request) (*http.Response, error) {
			resp := respond(req, 200, "", "Content-Type", ociImage)
			resp.Header["Docker-Content-Digest"] = names
			return resp, nil
		})
		for _, reference := range []string{"v1", asked} {
			got, err := newClient(t, answer, impatient()...).ResolveDigest(t.Context(), repo, reference)
			if err != nil {
				wantShort(t, err)
				continue
			}
			if got.Validate() != nil || string(got) != strings.TrimSpace(first) && got != digest.FromBytes(nil) {
				t.Errorf("%q is resolved to %q by %q", reference, got, names)
			}
			if digest.Digest(reference).Validate() == nil && string(got) != reference {
				t.Errorf("%s is resolved to %s", reference, got)
			}
			if second != "" && strings.TrimSpace(first) != strings.TrimSpace(second) {
				t.Errorf("%q is resolved to %q by %q, which do not agree", reference, got, names)
			}
		}
	})
}
