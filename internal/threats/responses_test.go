package threats_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Valid responses.
const (
	emptyImage = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},` +
		`"layers":[]}`
	twoTags = `{"name":"team/app","tags":["v1","v2"]}`
)

// A body that ends before its framing does is incomplete, even if it is valid JSON.
func TestThreatA09NoFinalChunk(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: " + ociImage + "\r\n"
	chunked := func(body, rest string) string {
		return head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body) + rest
	}
	for name, rawResponse := range map[string]func(body string) string{
		"the last chunk is missing":  func(body string) string { return chunked(body, "") },
		"a chunk has no size":        func(body string) string { return chunked(body, "zz\r\n") },
		"a chunk has a size of 2^64": func(body string) string { return chunked(body, "10000000000000000\r\n") },
		"the body is shorter than its Content-Length": func(body string) string {
			return head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body)+1, body)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reads := []operation{resolve, manifest, deleteManifest, tags, bulkDelete}
			eachOperation(t, []transport{http1, plainHTTP}, reads, func(t *testing.T, s *testServer, op operation) {
				s.intercept("GET", "/v2/*/manifests/*", s.rawResponse(func(w *rawConn) { w.send(rawResponse(emptyImage)) }))
				s.intercept("GET", "/v2/*/tags/list", s.rawResponse(func(w *rawConn) { w.send(rawResponse(twoTags)) }))
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrUnavailable)
				s.wantNoWrites()
			}, fakeregistry.WithoutDigestHeader())
			eachOperation(t, []transport{http1, plainHTTP}, []operation{untag}, func(t *testing.T, s *testServer, op operation) {
				s.intercept("DELETE", "", s.rawResponse(func(w *rawConn) { w.send(strings.Replace(rawResponse(`{}`), "200 OK", "202 Accepted", 1)) }))
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrStillPresent)
				s.wantNothingDeleted()
			})
		})
	}
}

func TestThreatA10HTMLPage(t *testing.T) {
	t.Parallel()
	page := fakeregistry.Answer(200, typed("text/html; charset=utf-8"), "<!doctype html><html><title>Sign in</title></html>")
	eachOperation(t, allTransports(), append(allOperations(), referrers, hasReferrers, repositories), func(t *testing.T, s *testServer, op operation) {
		s.intercept("", "", page)
		err := op.run(s.ctx(), s.client(), s)
		switch op.name {
		case untag.name: // the DELETE may have reached the registry
			wantErr(t, err, regret.ErrOutcomeUnknown)
		case checkDelete.name:
			wantErr(t, err)
		default:
			wantErr(t, err, regret.ErrNotRegistry)
			wantText(t, err, "text/html")
		}
		s.wantRequestsAtMost(3)
		s.wantNothingDeleted()
	})
}

func TestThreatA11TrailingGarbage(t *testing.T) {
	t.Parallel()
	for name, garbage := range map[string]string{
		"a word": " x", "a bracket": "}", "a second document": "{}", "a zero byte": "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, allTransports(), manifestOperations(), func(t *testing.T, s *testServer, op operation) {
				s.intercept("GET", "/v2/*/manifests/*", fakeregistry.Answer(200, typed(ociImage), emptyImage+garbage))
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrNotRegistry)
				s.wantNoWrites()
			}, fakeregistry.WithoutDigestHeader())
			eachOperation(t, allTransports(), tagListOperations(), func(t *testing.T, s *testServer, op operation) {
				s.intercept("GET", "/v2/*/tags/list", fakeregistry.Answer(200, nil, twoTags+garbage))
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrNotRegistry)
				s.wantNoWrites()
			})
		})
	}
}

func TestThreatA12InvalidTagsInList(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]string{
		"a parent path": `"../.."`, "an empty string": `""`, "null": `null`, "invalid UTF-8": "\"a\xff\"", "a digest in capitals": `"sha256:` + strings.Repeat("A", 64) + `"`,
		"a query": `"a?x"`, "a fragment": `"a#f"`, "a slash": `"a/b"`, "an escape": `"a%2fb"`, "a line break": `"a\r\nHost: evil.example.net"`,
		"a number": `7`, "an object": `{"name":"a"}`, "an array": `["a"]`, "a space": `" v1"`, "129 letters": `"` + strings.Repeat("a", 129) + `"`,
		"a homoglyph": `"v1\u0430"`, "a zero byte": `"a\u0000"`, "an escape sequence": `"\u001b[2J"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []transport{memory, http2}, tagListOperations(), func(t *testing.T, s *testServer, op operation) {
				s.intercept("GET", "", fakeregistry.Answer(200, nil, `{"name":"team/app","tags":["v1",`+entry+`,"v2"]}`))
				want := regret.ErrInvalidEntries
				if entry[0] != '"' || strings.Contains(entry, "\xff") { // then it is no list of strings
					want = regret.ErrNotRegistry
				}
				wantErr(t, op.run(s.ctx(), s.client(), s), want)
				s.wantRequests("GET /v2/team/app/tags/list?n=1000 200")
			})
		})
	}
}

func TestThreatA13EmptyBodyIn200(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), append(allOperations(), referrers, hasReferrers, repositories), func(t *testing.T, s *testServer, op operation) {
		s.intercept("", "", fakeregistry.Answer(200, nil, ""))
		err := op.run(s.ctx(), s.client(), s)
		wantErr(t, err)
		switch op.name {
		case untag.name, checkDelete.name:
		case blob.name:
			wantErr(t, err, regret.ErrDigestMismatch)
		default:
			wantErr(t, err, regret.ErrNotRegistry)
		}
		s.wantRequestsAtMost(3)
		s.wantNothingDeleted()
	})
}

func TestThreatA14ErrorsIn200(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"errors":               `{"errors":[{"code":"DENIED","message":"no"}]}`,
		"no tags":              `{"name":"team/app"}`,
		"another key":          `{"Tags":["v1"],"tag":["v1"]}`,
		"another repository":   `{"name":"team/other","tags":["v1"]}`,
		"tags of another type": `{"name":"team/app","tags":{"v1":{}}}`,
		"only an array":        `["v1"]`,
		"only null":            `null`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, allTransports(), append(manifestOperations(), tags), func(t *testing.T, s *testServer, op operation) {
				s.intercept("GET", "", fakeregistry.Answer(200, typed("application/json"), body))
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrNotRegistry)
				s.wantRequestsAtMost(2)
				s.wantNoWrites()
			}, fakeregistry.WithoutDigestHeader())
		})
	}
	t.Run("null is an empty list", func(t *testing.T) {
		t.Parallel()
		onAllTransports(t, func(t *testing.T, s *testServer) {
			s.intercept("GET", "", fakeregistry.Answer(200, nil, `{"name":"team/app","tags":null}`))
			if err := bulkDelete.run(s.ctx(), s.client(), s); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestThreatA16DeepNesting(t *testing.T) {
	t.Parallel()
	const depth = 2_500_000
	for name, opening := range map[string]string{"arrays": "[", "objects": `{"a":`} {
		nested := strings.Repeat(opening, depth/len(opening))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []transport{memory, http1}, []operation{manifest, deleteManifest, tags, bulkDelete, referrers}, func(t *testing.T, s *testServer, op operation) {
				s.intercept("GET", "", fakeregistry.Answer(200, typed(ociImage), nested))
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrNotRegistry)
				s.wantNoWrites()
			}, fakeregistry.WithoutDigestHeader())
			t.Run("in a value", func(t *testing.T) {
				t.Parallel()
				eachOperation(t, []transport{memory}, []operation{manifest, tags, bulkDelete, referrers}, func(t *testing.T, s *testServer, op operation) {
					s.intercept("GET", "", fakeregistry.Answer(200, typed(ociImage), `{"schemaVersion":2,"annotations":`+nested))
					wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrNotRegistry)
				}, fakeregistry.WithoutDigestHeader())
			})
			t.Run("in an error response", func(t *testing.T) {
				t.Parallel()
				eachOperation(t, []transport{memory, http2}, allOperations(), func(t *testing.T, s *testServer, op operation) {
					s.intercept("", "", fakeregistry.Answer(403, typed("application/json"), `{"errors":`+nested))
					wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrForbidden)
					s.wantNothingDeleted()
				})
			})
		})
	}
}

func TestThreatA17ManifestOverTheLimit(t *testing.T) {
	t.Parallel()
	padded := emptyImage[:len(emptyImage)-1] + strings.Repeat(" ", 4<<20) + "}"
	eachOperation(t, allTransports(), manifestOperations(), func(t *testing.T, s *testServer, op operation) {
		s.intercept("GET", "/v2/*/manifests/*", fakeregistry.Answer(200, typed(ociImage), padded))
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrTooLarge)
		s.wantNoWrites()
	}, fakeregistry.WithoutDigestHeader())
}

// The client does not trust the Content-Length of a HEAD or the sizes in an index. The size of a
// manifest is the number of bytes read.
func TestThreatWrongSizes(t *testing.T) {
	t.Parallel()
	for _, length := range []string{"1", "4611686018427387904"} {
		t.Run("HEAD announces "+length, func(t *testing.T) {
			t.Parallel()
			onAllTransports(t, func(t *testing.T, s *testServer) {
				s.intercept("HEAD", "", fakeregistry.Answer(200, map[string]string{
					"Content-Length": length, "Content-Type": ociImage, "Docker-Content-Digest": string(s.image.Digest),
				}, ""))
				c := s.client()
				dgst, err := c.ResolveDigest(s.ctx(), repo, "v1")
				if err != nil || dgst != s.image.Digest {
					t.Errorf("resolved to %s: %v", dgst, err)
				}
				m, err := c.Manifest(s.ctx(), repo, "v1")
				if err != nil || m.Descriptor.Size != int64(len(m.Raw)) || m.Descriptor.Size != s.image.Size {
					t.Errorf("read %+v: %v", m, err)
				}
			})
		})
	}
	for _, size := range []string{"-1", "0", "4611686018427387904", "9223372036854775808", `"many"`} {
		t.Run("an index contains the size "+size, func(t *testing.T) {
			t.Parallel()
			onAllTransports(t, func(t *testing.T, s *testServer) {
				raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%s}]}`,
					ocispec.MediaTypeImageIndex, ociImage, s.other.Digest, size)
				s.registry.PutManifest(repo, "v1", ocispec.MediaTypeImageIndex, []byte(raw))
				m, err := s.client().Manifest(s.ctx(), repo, "v1")
				if err != nil || m.Descriptor.Digest != digest.FromString(raw) || m.Descriptor.Size != int64(len(raw)) {
					t.Errorf("read %+v: %v", m, err)
				}
				err = resolveAndDelete.run(s.ctx(), s.client(), s)
				if err != nil || !s.registry.HasManifest(repo, s.other.Digest) || s.registry.HasManifest(repo, digest.FromString(raw)) {
					t.Errorf("want the index deleted, and nothing else: %v", err)
				}
			})
		})
	}
}

func TestThreatContradictoryHeaders(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{
		"two lengths":             "Content-Length: 10\r\nContent-Length: 20\r\n",
		"a negative length":       "Content-Length: -1\r\n",
		"a length over 64 bits":   "Content-Length: 99999999999999999999\r\n",
		"an unknown coding":       "Transfer-Encoding: x-mine\r\n",
		"a status of four digits": "",
	} {
		status := "HTTP/1.1 200 OK\r\n"
		if header == "" {
			status = "HTTP/1.1 2000 OK\r\n"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []transport{http1, plainHTTP}, allOperations(), func(t *testing.T, s *testServer, op operation) {
				s.intercept("", "", s.rawResponse(func(w *rawConn) {
					w.send(status + header + "Content-Type: " + ociImage + "\r\n\r\n" + http.StatusText(http.StatusOK))
				}))
				wantErr(t, op.run(s.ctx(), s.client(), s))
				s.wantRequestsAtMost(8)
				s.wantNothingDeleted()
			})
		})
	}
}
