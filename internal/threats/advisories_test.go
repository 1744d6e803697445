package threats_test

import (
	"cmp"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestThreatV06LinkLeadsElsewhere(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"https://evil.example.net{here}?last=b", "//evil.example.net{here}?last=b", "http://evil.example.net{here}?last=b", "{origin}.evil.example.net{here}?last=b",
		"https://{host}.evil.example.net{here}", "https://{host}@evil.example.net{here}", "https://ann:pw@{host}{here}?last=b",
		"//{host}{here}?last=b", "https://169.254.169.254/latest/meta-data", "https://[::1]{here}", "https://2130706433{here}",
		"/v2/team/other/tags/list?last=b", "/v2/_catalog2?last=b", "{here}%2f..?last=b", `\\evil.example.net{here}`, "https:evil.example.net",
		"javascript:alert(1)", "file:///etc/passwd", "ftp://{host}{here}", "HTTPS://EVIL.EXAMPLE.NET{here}", "https:///{here}",
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.servePages(l, twoPages("<"+target+`>; rel="next"`))
				s.wantListed(l, s.client(regret.WithToken("a-token-to-steal")), regret.ErrIncompleteList, 1)
			})
		})
	}
}

func TestThreatV07EndlessPagination(t *testing.T) {
	t.Parallel()
	link := func(i int) []string { return []string{fmt.Sprintf(`<?last=%d>; rel="next"`, i)} }
	small := regret.DefaultLimits()
	small.Pages, small.Entries = 60, 90
	for name, test := range map[string]struct {
		page   func(i int) listPage
		limits regret.Limits
		most   int
	}{
		"new pages forever":                     {func(i int) listPage { return listPage{[]string{fmt.Sprint("t", i)}, link(i)} }, small, 60},
		"new entries forever":                   {func(i int) listPage { return listPage{[]string{fmt.Sprint("a", i), fmt.Sprint("b", i)}, link(i)} }, small, 46},
		"empty pages forever":                   {func(i int) listPage { return listPage{nil, link(i)} }, small, 3},
		"a cycle of 7":                          {func(i int) listPage { return listPage{[]string{fmt.Sprint("t", i%7)}, link(i % 7)} }, small, 3 * 7},
		"a cycle of 17":                         {func(i int) listPage { return listPage{[]string{fmt.Sprint("t", i%17)}, link(i % 17)} }, small, 3 * 17},
		"a cycle after 9 pages":                 {func(i int) listPage { return listPage{[]string{fmt.Sprint("t", i)}, link(min(i, 9+i%3))} }, small, 40},
		"a cycle of 17 with the default limits": {func(i int) listPage { return listPage{[]string{fmt.Sprint("t", i%17)}, link(i % 17)} }, regret.DefaultLimits(), 3 * 17},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.servePages(l, test.page)
				s.wantListed(l, s.client(regret.WithLimits(test.limits)), regret.ErrIncompleteList, test.most)
			})
		})
	}
	t.Run("new pages up to the default limits", func(t *testing.T) {
		t.Parallel()
		if raceEnabled {
			return
		}
		inMemory(t, func(t *testing.T, s *testServer) {
			l := listEndpoints()[0]
			s.servePages(l, func(i int) listPage { return listPage{[]string{fmt.Sprint("t", i)}, link(i)} })
			s.wantListed(l, s.client(), regret.ErrIncompleteList, 10_000)
		})
	})
}

// readEndpoints returns the endpoints whose response bodies the client reads, with their limits.
func readEndpoints() []struct {
	operation
	method, path string
	status       int
	limit        int64
	want         error // nil for success
} {
	l := regret.DefaultLimits()
	l.PageBytes = 1 << 20
	type endpoint = struct {
		operation
		method, path string
		status       int
		limit        int64
		want         error
	}
	return []endpoint{
		{ping, "GET", "", 200, 4 << 10, nil}, // Ping ignores the body
		{manifest, "GET", "", 200, l.ManifestBytes, regret.ErrTooLarge},
		{tags, "GET", "", 200, l.PageBytes, regret.ErrIncompleteList},
		{repositories, "GET", "", 200, l.PageBytes, regret.ErrIncompleteList},
		{referrers, "GET", "", 200, l.PageBytes, regret.ErrIncompleteList},
		{deleteManifest, "DELETE", "", 202, l.ErrorBytes, regret.ErrStillPresent},
		{untag, "DELETE", "", 202, l.ErrorBytes, regret.ErrStillPresent},
		{checkDelete, "DELETE", "", 404, l.ErrorBytes, regret.ErrNotFound},
	}
}

func TestThreatV08EndlessBody(t *testing.T) {
	t.Parallel()
	page := regret.DefaultLimits()
	page.PageBytes = 1 << 20
	for _, e := range readEndpoints() {
		for name, length := range map[string]string{"without a length": "", "with a length": "1099511627776"} {
			t.Run(e.name+" "+name, func(t *testing.T) {
				t.Parallel()
				onAllTransports(t, func(t *testing.T, s *testServer) {
					header := typed(ociImage)
					if length != "" {
						header["Content-Length"] = length
					}
					s.intercept(e.method, e.path, fakeregistry.Flood(e.status, header, `{"schemaVersion":2,"x":"`, "a"))
					err := e.run(s.ctx(), s.client(regret.WithLimits(page)), s)
					s.wantWrittenAtMost(1, e.limit)
					s.wantRequestsAtMost(3)
					s.wantNothingDeleted()
					switch {
					case e.want == nil && err != nil:
						t.Error(err)
					case e.want == regret.ErrNotFound: // a 404 without an error code
						wantErr(t, err)
						wantNot(t, err, regret.ErrNotFound)
					case e.want != nil:
						wantErr(t, err, e.want)
					}
					if e.want == regret.ErrTooLarge || e.want == regret.ErrIncompleteList {
						wantText(t, err, "exceeds the limit", fmt.Sprint(e.limit))
					}
				})
			})
		}
	}
}

func TestThreatV09SilentTruncation(t *testing.T) {
	t.Parallel()
	const limit = 2048
	limits := regret.DefaultLimits()
	limits.ManifestBytes, limits.PageBytes, limits.TokenBytes = limit, limit, limit
	pad := func(document string, size int) string { // with white space, to an equivalent document
		return document[:len(document)-1] + strings.Repeat(" ", size-len(document)) + "}"
	}
	for _, size := range []int{limit - 1, limit, limit + 1, 2 * limit} {
		want := func(kind error) error {
			if size <= limit {
				return nil
			}
			return kind
		}
		t.Run(fmt.Sprint("a manifest of ", size), func(t *testing.T) {
			t.Parallel()
			onAllTransports(t, func(t *testing.T, s *testServer) {
				content := pad(emptyImage, size)
				s.serveManifestContent(content, "")
				m, err := s.client(regret.WithLimits(limits)).Manifest(s.ctx(), repo, "v1")
				dgst, resolved := s.client(regret.WithLimits(limits)).ResolveDigest(s.ctx(), repo, "v1")
				if want(regret.ErrTooLarge) == nil {
					if err != nil || resolved != nil || string(m.Raw) != content || dgst != digest.FromString(content) {
						t.Errorf("read %+v: %v; resolved to %s: %v", m, err, dgst, resolved)
					}
					return
				}
				wantErr(t, err, regret.ErrTooLarge)
				wantErr(t, resolved, regret.ErrTooLarge)
				if m != nil || dgst != "" {
					t.Errorf("a truncated manifest was accepted: %+v, %s", m, dgst)
				}
			})
		})
		t.Run(fmt.Sprint("a page of ", size), func(t *testing.T) {
			t.Parallel()
			eachList(t, allTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.intercept("GET", l.path(s), fakeregistry.Answer(200, nil, pad(l.page("v1", "v2"), size)))
				s.wantListed(l, s.client(regret.WithLimits(limits)), want(regret.ErrIncompleteList), 1)
			})
		})
		t.Run(fmt.Sprint("a token of ", size), func(t *testing.T) {
			t.Parallel()
			onAllTransports(t, func(t *testing.T, s *testServer) {
				token := func(req *http.Request) bool { return req.Header.Get("Authorization") != "Bearer abcdefgh" }
				s.registry.Intercept(0, token, func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.origin()+`/token"`)
					w.WriteHeader(http.StatusUnauthorized)
					return true
				})
				s.intercept("", "/token", fakeregistry.Answer(200, nil, pad(`{"token":"abcdefgh"}`, size)))
				err := manifest.run(s.ctx(), s.client(regret.WithLimits(limits)), s)
				if kind := want(regret.ErrTooLarge); kind != nil {
					wantErr(t, err, kind)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// This test is not parallel because it measures allocations.
func TestThreatV10AllocationByContentLength(t *testing.T) {
	const most = 4 << 20
	announced := []string{"4611686018427387904", "9223372036854775807", "1073741824"}
	for _, e := range readEndpoints() {
		for _, length := range announced {
			t.Run(e.name+" of "+length, func(t *testing.T) {
				s := newTestServer(t, plainHTTP, nil)
				s.intercept(e.method, e.path, s.rawResponse(func(w *rawConn) {
					w.send(fmt.Sprintf("HTTP/1.1 %d OK\r\nContent-Type: %s\r\nContent-Length: %s\r\n\r\n{\"x\"", e.status, ociImage, length))
				}))
				c := s.client(regret.WithRetries(regret.Retries{}))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := e.run(s.ctx(), c, s)
				runtime.ReadMemStats(&after)
				if grown := after.TotalAlloc - before.TotalAlloc; grown > most {
					t.Errorf("%d bytes were allocated", grown)
				}
				if e.want != nil {
					wantErr(t, err)
				}
			})
		}
	}
}

func TestThreatV11PinnedDigestIgnored(t *testing.T) {
	t.Parallel()
	other := string(digest.FromString(emptyImage))
	for name, setUp := range map[string]func(*testServer){
		"HEAD and GET name another digest":                        func(s *testServer) { s.setDigestHeader("HEAD", other); s.setDigestHeader("GET", other) },
		"GET returns another manifest":                            func(s *testServer) { s.serveManifestContent(emptyImage, "") },
		"GET returns another manifest and names its digest":       func(s *testServer) { s.serveManifestContent(emptyImage, other) },
		"GET returns another manifest and names the right digest": func(s *testServer) { s.serveManifestContent(emptyImage, string(s.image.Digest)) },
		"GET returns the right manifest and names another digest": func(s *testServer) {
			s.setDigestHeader("HEAD")
			s.setDigestHeader("GET", other)
		},
		"a redirect leads to another manifest": func(s *testServer) {
			s.serveManifestContent(emptyImage, "")
			s.intercept("GET", "/v2/*/sha256:*", fakeregistry.Redirect(307, manifestPath("v2")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, allTransports(), byDigest(), func(t *testing.T, s *testServer, op operation) {
				setUp(s)
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
				s.wantNoWrites()
				s.wantNothingDeleted()
			})
		})
	}
}

func TestThreatV12MalformedDigestsInList(t *testing.T) {
	t.Parallel()
	for id, digests := range malformedDigests {
		for i, bad := range digests {
			t.Run(fmt.Sprint(id, " ", i), func(t *testing.T) {
				t.Parallel()
				want := regret.ErrInvalidEntries
				if bad == "" { // then it is no descriptor
					want = regret.ErrNotRegistry
				}
				checkPath := func(path string) func(*testing.T, *testServer) {
					return func(t *testing.T, s *testServer) {
						if strings.Contains(path, "manifests") {
							s.intercept("GET", "/v2/*/referrers/*", fakeregistry.Answer(404, nil, ""))
						}
						body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":2}]}`, ocispec.MediaTypeImageIndex, ociImage, bad)
						s.intercept("GET", path, fakeregistry.Answer(200, typed(ocispec.MediaTypeImageIndex), body))
						wantErr(t, referrers.run(s.ctx(), s.client(), s), want)
						for _, r := range s.registry.Requests() {
							if !strings.HasSuffix(r.Path, s.image.Digest.Encoded()) {
								t.Errorf("unexpected request for %s", r.Path)
							}
						}
					}
				}
				onAllTransports(t, checkPath("/v2/*/referrers/*"))
				t.Run("in the fallback tag", func(t *testing.T) {
					t.Parallel()
					inMemory(t, checkPath("/v2/*/manifests/sha256-*"))
				})
			})
		}
	}
}

func TestThreatV13AmbiguousManifestType(t *testing.T) {
	t.Parallel()
	const child = `{"mediaType":"` + ociImage + `","digest":"` + validDigest + `","size":2}`
	image, index := ociImage, ocispec.MediaTypeImageIndex
	for name, test := range map[string]struct{ header, content string }{
		"both keys, typed as an image":             {image, `{"schemaVersion":2,"manifests":[` + child + `],"layers":[],"config":{}}`},
		"both keys, typed as an index":             {index, `{"schemaVersion":2,"manifests":[` + child + `],"layers":[],"config":{}}`},
		"both keys and the media type of an index": {index, `{"schemaVersion":2,"mediaType":"` + index + `","manifests":[` + child + `],"layers":[]}`},
		"both keys, one in another case":           {image, `{"schemaVersion":2,"Manifests":[` + child + `],"layers":[]}`},
		"an index with layers of schema1":          {index, `{"schemaVersion":2,"manifests":[` + child + `],"fsLayers":[]}`},
		"an index, typed as an image":              {image, `{"schemaVersion":2,"manifests":[` + child + `]}`},
		"an image, typed as an index":              {index, `{"schemaVersion":2,"layers":[],"config":{}}`},
		"an index with the media type of an image": {index, `{"schemaVersion":2,"mediaType":"` + image + `","manifests":[` + child + `]}`},
		"an image with the media type of an index": {image, `{"schemaVersion":2,"mediaType":"` + index + `","layers":[]}`},
		"an index of two media types":              {regret.MediaTypeDockerManifestList, `{"schemaVersion":2,"mediaType":"` + index + `","manifests":[` + child + `]}`},
		"a key twice, the second null":             {image, `{"schemaVersion":2,"manifests":[` + child + `],"manifests":null,"layers":[]}`},
		"a key twice, in two cases":                {image, `{"schemaVersion":2,"manifests":[` + child + `],"Manifests":null,"layers":[]}`},
		"two media types":                          {image, `{"schemaVersion":2,"mediaType":"` + index + `","mediaType":"` + image + `","layers":[]}`},
		"both keys, without a type":                {"application/json", `{"schemaVersion":2,"manifests":[` + child + `],"layers":[]}`},
		"neither key, without a type":              {"", `{"schemaVersion":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, allTransports(), []operation{resolve, manifest, resolveAndDelete, bulkDelete}, func(t *testing.T, s *testServer, op operation) {
				s.serveManifestContent("", "")
				s.intercept("GET", "/v2/*/manifests/*", fakeregistry.Answer(200, typed(cmp.Or(test.header, "text/plain")), test.content))
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrNotRegistry)
				s.wantNoWrites()
			})
		})
	}
	t.Run("the type changes between two reads", func(t *testing.T) {
		t.Parallel()
		onAllTransports(t, func(t *testing.T, s *testServer) {
			content := `{"schemaVersion":2,"manifests":[` + child + `]}`
			dgst := string(digest.FromString(content))
			s.intercept("GET", "/v2/*/manifests/*", fakeregistry.Answer(200, typed(image), content))
			s.registry.Intercept(1, fakeregistry.On("GET", manifestPath(dgst)), fakeregistry.Answer(200, typed(index), content))
			c := s.client()
			if m, err := c.Manifest(s.ctx(), repo, dgst); err != nil || m.Descriptor.MediaType != index {
				t.Errorf("read %+v: %v", m, err)
			}
			_, err := c.Manifest(s.ctx(), repo, dgst)
			wantErr(t, err, regret.ErrNotRegistry)
		})
	})
}

func TestThreatV14PageSizeIgnored(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 999, 1000, 1001, 5000} {
		t.Run(fmt.Sprint(n, " entries"), func(t *testing.T) {
			t.Parallel()
			onAllTransports(t, func(t *testing.T, s *testServer) {
				l := listEndpoints()[0]
				s.servePages(l, func(int) listPage { return listPage{numberedTags(n), nil} })
				got, err := collect(s.client().Tags(s.ctx(), repo))
				if err != nil || len(got) != n {
					t.Errorf("%d tags, want %d: %v", len(got), n, err)
				}
				for _, r := range s.registry.Requests() { // the client never asks for more than 1000
					if !strings.HasPrefix(r.Query, "n=1000") && !strings.HasPrefix(r.Query, "n=999&") {
						t.Errorf("unexpected query %s", r.Query)
					}
				}
			})
		})
	}
	t.Run("a million entries", func(t *testing.T) {
		t.Parallel()
		if raceEnabled {
			return
		}
		inMemory(t, func(t *testing.T, s *testServer) {
			body := tagPage(numberedTags(1_000_000)...)
			s.intercept("GET", "", fakeregistry.Answer(200, nil, body))
			n := 0
			for _, err := range s.client().Tags(s.ctx(), repo) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != 1_000_000 {
				t.Errorf("%d entries, want 1000000", n)
			}
			s.registry.Intercept(0, fakeregistry.On("GET", "/v2/"), fakeregistry.Answer(200, nil, strings.Replace(body, `]`, `,"one-more"]`, 1)))
			wantErr(t, bulkDelete.run(s.ctx(), s.client(), s), regret.ErrIncompleteList)
			s.wantNoWrites()
		})
	})
}

// numberedTags returns n different tags.
func numberedTags(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint("t", i)
	}
	return all
}
