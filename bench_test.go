package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
)

// Beside the library's own work these benchmarks measure only the allocation of one
// response per request; all responses share their header.

// A staticRegistry has one image and never changes: it accepts deletions and ignores them.
type staticRegistry struct {
	head, challenge http.Header
	bearer          bool
}

func newStaticRegistry(bearer bool) *staticRegistry {
	return &staticRegistry{
		head: http.Header{
			"Content-Type":          {"application/vnd.docker.distribution.manifest.v2+json"},
			"Content-Length":        {"428"},
			"Docker-Content-Digest": {aDigest},
		},
		challenge: http.Header{"Www-Authenticate": {
			`Bearer realm="https://` + host + `/token",service="` + host + `",scope="repository:` + repo + `:pull"`,
		}},
		bearer: bearer,
	}
}

func (s *staticRegistry) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, Request: req}
	switch {
	case req.URL.Path == "/token":
		return respond(req, http.StatusOK, `{"token":"opaque","expires_in":3600}`), nil
	case s.bearer && req.Header["Authorization"] == nil:
		resp.StatusCode, resp.Header = http.StatusUnauthorized, s.challenge
	case req.Method == http.MethodDelete:
		resp.StatusCode = http.StatusAccepted
	default:
		resp.Header, resp.ContentLength = s.head, 428
	}
	return resp, nil
}

func resolveAndDelete(b *testing.B, c *regret.Client) {
	b.Helper()
	dgst, err := c.ResolveDigest(b.Context(), repo, "v1")
	if err != nil {
		b.Fatal(err)
	}
	if err := c.DeleteManifest(b.Context(), repo, dgst); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkResolve(b *testing.B) {
	b.Run("from the header", func(b *testing.B) {
		c := newClient(b, newStaticRegistry(false))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.ResolveDigest(b.Context(), repo, "v1"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("from the content", func(b *testing.B) {
		c := newClient(b, roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodHead {
				return respond(req, http.StatusMethodNotAllowed, ""), nil
			}
			return respond(req, http.StatusOK, emptyImage, "Content-Type", "application/vnd.oci.image.manifest.v1+json"), nil
		}))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.ResolveDigest(b.Context(), repo, "v1"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkResolveAndDelete(b *testing.B) {
	for _, bench := range []struct {
		name   string
		bearer bool
	}{{"anonymous", false}, {"with a token", true}} {
		b.Run(bench.name, func(b *testing.B) {
			c := newClient(b, newStaticRegistry(bench.bearer), regret.WithBasicAuth(account, password))
			b.ReportAllocs()
			for b.Loop() {
				resolveAndDelete(b, c)
			}
		})
	}
	b.Run("with a new client and a new token", func(b *testing.B) {
		s := newStaticRegistry(true)
		b.ReportAllocs()
		for b.Loop() {
			resolveAndDelete(b, newClient(b, s, regret.WithBasicAuth(account, password)))
		}
	})
}

// BenchmarkError reads the errors in the body of a refused deletion.
func BenchmarkError(b *testing.B) {
	const one = `{"code":"DENIED","message":"requested access to the resource is denied","detail":[{"Type":"repository","Name":"team/app","Action":"delete"}]}`
	for _, bench := range []struct{ name, body string }{
		{"without content", ""},
		{"with one error", `{"errors":[` + one + `]}`},
		{"with a hundred errors", `{"errors":[` + strings.Repeat(one+",", 99) + one + `]}`},
		{"with more than the limit", `{"errors":[` + strings.Repeat(one+",", 2000)},
		{"with a deeply nested detail", `{"errors":[{"code":"DENIED","detail":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}]}`},
		{"with 64 KiB of braces", strings.Repeat("{", 1<<16)},
		{"with the HTML page of a proxy", "<html><body>" + strings.Repeat("<p>Ask your administrator.</p>\n", 100) + "</body></html>"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := newClient(b, roundTrip(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodDelete {
					return respond(req, http.StatusForbidden, bench.body, "Content-Type", "application/json"), nil
				}
				return newStaticRegistry(false).RoundTrip(req)
			}))
			dgst, err := c.ResolveDigest(b.Context(), repo, "v1")
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.DeleteManifest(b.Context(), repo, dgst); err == nil {
					b.Fatal("the deletion succeeded")
				}
			}
		})
	}
}
