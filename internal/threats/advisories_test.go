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
		"https://evil.example.net{here}?last=b", "//evil.example.net{here}?last=b", "http://{host}{here}?last=b", "{origin}0{here}?last=b",
		"https://{host}.evil.example.net{here}", "https://{host}@evil.example.net{here}", "https://ann:pw@{host}{here}?last=b",
		"//{host}{here}?last=b", "https://169.254.169.254/latest/meta-data", "https://[::1]{here}", "https://2130706433{here}",
		"/v2/team/other/tags/list?last=b", "/v2/_catalog2?last=b", "{here}%2f..?last=b", `\\evil.example.net{here}`, "https:evil.example.net",
		"javascript:alert(1)", "file:///etc/passwd", "ftp://{host}{here}", "HTTPS://EVIL.EXAMPLE.NET{here}", "https:///{here}",
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerWays(), func(t *testing.T, s *stage, l list) {
				s.pages(l, once("<"+target+`>; rel="next"`))
				s.wantListed(l, s.client(regret.WithToken("a-token-to-steal")), regret.ErrIncompleteList, 1)
			})
		})
	}
}

func TestThreatV07PaginationWithoutEnd(t *testing.T) {
	t.Parallel()
	link := func(i int) []string { return []string{fmt.Sprintf(`<?last=%d>; rel="next"`, i)} }
	small := regret.DefaultLimits()
	small.Pages, small.Entries = 60, 90
	for name, test := range map[string]struct {
		answer func(i int) sheet
		limits regret.Limits
		most   int
	}{
		"new pages for ever":       {func(i int) sheet { return sheet{[]string{fmt.Sprint("t", i)}, link(i)} }, small, 60},
		"new entries for ever":     {func(i int) sheet { return sheet{[]string{fmt.Sprint("a", i), fmt.Sprint("b", i)}, link(i)} }, small, 46},
		"empty pages for ever":     {func(i int) sheet { return sheet{nil, link(i)} }, small, 3},
		"a circle of 7":            {func(i int) sheet { return sheet{[]string{fmt.Sprint("t", i%7)}, link(i % 7)} }, small, 3 * 7},
		"a circle of 17":           {func(i int) sheet { return sheet{[]string{fmt.Sprint("t", i%17)}, link(i % 17)} }, small, 3 * 17},
		"a circle after a way":     {func(i int) sheet { return sheet{[]string{fmt.Sprint("t", i)}, link(min(i, 9+i%3))} }, small, 40},
		"a circle of 17 by itself": {func(i int) sheet { return sheet{[]string{fmt.Sprint("t", i%17)}, link(i % 17)} }, regret.DefaultLimits(), 3 * 17},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerWays(), func(t *testing.T, s *stage, l list) {
				s.pages(l, test.answer)
				s.wantListed(l, s.client(regret.WithLimits(test.limits)), regret.ErrIncompleteList, test.most)
			})
		})
	}
	t.Run("new pages up to the default limits", func(t *testing.T) {
		t.Parallel()
		if raced {
			return
		}
		inMemory(t, func(t *testing.T, s *stage) {
			l := lists()[0]
			s.pages(l, func(i int) sheet { return sheet{[]string{fmt.Sprint("t", i)}, link(i)} })
			s.wantListed(l, s.client(), regret.ErrIncompleteList, 10_000)
		})
	})
}

// endpoints are all that a client reads, with what their limit is called.
func endpoints() []struct {
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
		{ping, "GET", "", 200, 4 << 10, nil}, // what it says does not matter
		{manifest, "GET", "", 200, l.ManifestBytes, regret.ErrTooLarge},
		{tags, "GET", "", 200, l.PageBytes, regret.ErrIncompleteList},
		{repositories, "GET", "", 200, l.PageBytes, regret.ErrIncompleteList},
		{referrers, "GET", "", 200, l.PageBytes, regret.ErrIncompleteList},
		{deleteManifest, "DELETE", "", 202, l.ErrorBytes, regret.ErrStillPresent},
		{untag, "DELETE", "", 202, l.ErrorBytes, regret.ErrStillPresent},
		{checkDelete, "DELETE", "", 404, l.ErrorBytes, regret.ErrNotFound},
	}
}

func TestThreatV08DataWithoutEnd(t *testing.T) {
	t.Parallel()
	page := regret.DefaultLimits()
	page.PageBytes = 1 << 20
	for _, e := range endpoints() {
		for name, length := range map[string]string{"of no length": "", "of a length": "1099511627776"} {
			t.Run(e.name+" "+name, func(t *testing.T) {
				t.Parallel()
				everywhere(t, func(t *testing.T, s *stage) {
					header := typed(ociImage)
					if length != "" {
						header["Content-Length"] = length
					}
					s.on(e.method, e.path, fakeregistry.Flood(e.status, header, `{"schemaVersion":2,"x":"`, "a"))
					err := e.run(s.ctx(), s.client(regret.WithLimits(page)), s)
					s.wantWritten(1, e.limit)
					s.wantAtMost(3)
					s.wantAllThere()
					switch {
					case e.want == nil && err != nil:
						t.Error(err)
					case e.want == regret.ErrNotFound: // a 404 that is not a registry's
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
	pad := func(document string, size int) string { // to a longer document that says the same
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
			everywhere(t, func(t *testing.T, s *stage) {
				content := pad(emptyImage, size)
				s.serves(content, "")
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
					t.Errorf("a part counts: %+v, %s", m, dgst)
				}
			})
		})
		t.Run(fmt.Sprint("a page of ", size), func(t *testing.T) {
			t.Parallel()
			eachList(t, anyWay(), func(t *testing.T, s *stage, l list) {
				s.on("GET", l.path(s), fakeregistry.Answer(200, nil, pad(l.page("v1", "v2"), size)))
				s.wantListed(l, s.client(regret.WithLimits(limits)), want(regret.ErrIncompleteList), 1)
			})
		})
		t.Run(fmt.Sprint("a token of ", size), func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, s *stage) {
				token := func(req *http.Request) bool { return req.Header.Get("Authorization") != "Bearer abcdefgh" }
				s.registry.Intercept(0, token, func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.origin()+`/token"`)
					w.WriteHeader(http.StatusUnauthorized)
					return true
				})
				s.on("", "/token", fakeregistry.Answer(200, nil, pad(`{"token":"abcdefgh"}`, size)))
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

// Not parallel: it measures what is allocated.
func TestThreatV10AllocationByAnnouncement(t *testing.T) {
	const most = 4 << 20
	announced := []string{"4611686018427387904", "9223372036854775807", "1073741824"}
	for _, e := range endpoints() {
		for _, length := range announced {
			t.Run(e.name+" of "+length, func(t *testing.T) {
				s := newStage(t, plain, nil)
				s.on(e.method, e.path, s.raw(func(w *wire) {
					w.say(fmt.Sprintf("HTTP/1.1 %d OK\r\nContent-Type: %s\r\nContent-Length: %s\r\n\r\n{\"x\"", e.status, ociImage, length))
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
	for name, lie := range map[string]func(*stage){
		"HEAD names another":                  func(s *stage) { s.names("HEAD", other); s.names("GET", other) },
		"GET has another":                     func(s *stage) { s.serves(emptyImage, "") },
		"GET has another and names it":        func(s *stage) { s.serves(emptyImage, other) },
		"GET has another and names the right": func(s *stage) { s.serves(emptyImage, string(s.image.Digest)) },
		"GET has the right and names another": func(s *stage) {
			s.names("HEAD")
			s.names("GET", other)
		},
		"a redirect leads to another": func(s *stage) {
			s.serves(emptyImage, "")
			s.on("GET", "/v2/*/sha256:*", fakeregistry.Redirect(307, manifestPath("v2")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, anyWay(), byDigest(), func(t *testing.T, s *stage, op operation) {
				lie(s)
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
				s.wantNoWrites()
				s.wantAllThere()
			})
		})
	}
}

func TestThreatV12DigestsThatAreListed(t *testing.T) {
	t.Parallel()
	for id, digests := range malformed {
		for i, bad := range digests {
			t.Run(fmt.Sprint(id, " ", i), func(t *testing.T) {
				t.Parallel()
				play := func(path string) func(*testing.T, *stage) {
					return func(t *testing.T, s *stage) {
						if strings.Contains(path, "manifests") {
							s.on("GET", "/v2/*/referrers/*", fakeregistry.Answer(404, nil, ""))
						}
						body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":2}]}`, ocispec.MediaTypeImageIndex, ociImage, bad)
						s.on("GET", path, fakeregistry.Answer(200, typed(ocispec.MediaTypeImageIndex), body))
						wantErr(t, referrers.run(s.ctx(), s.client(), s), regret.ErrNotRegistry)
						for _, r := range s.registry.Requests() {
							if !strings.HasSuffix(r.Path, s.image.Digest.Encoded()) {
								t.Errorf("asked for %s", r.Path)
							}
						}
					}
				}
				everywhere(t, play("/v2/*/referrers/*"))
				t.Run("under the fallback tag", func(t *testing.T) {
					t.Parallel()
					inMemory(t, play("/v2/*/manifests/sha256-*"))
				})
			})
		}
	}
}

func TestThreatV13ManifestOrIndex(t *testing.T) {
	t.Parallel()
	const child = `{"mediaType":"` + ociImage + `","digest":"` + aDigest + `","size":2}`
	image, index := ociImage, ocispec.MediaTypeImageIndex
	for name, test := range map[string]struct{ header, content string }{
		"both keys, as image":            {image, `{"schemaVersion":2,"manifests":[` + child + `],"layers":[],"config":{}}`},
		"both keys, as index":            {index, `{"schemaVersion":2,"manifests":[` + child + `],"layers":[],"config":{}}`},
		"both keys and a media type":     {index, `{"schemaVersion":2,"mediaType":"` + index + `","manifests":[` + child + `],"layers":[]}`},
		"both keys in other letters":     {image, `{"schemaVersion":2,"Manifests":[` + child + `],"layers":[]}`},
		"layers of schema1 in an index":  {index, `{"schemaVersion":2,"manifests":[` + child + `],"fsLayers":[]}`},
		"an index, called an image":      {image, `{"schemaVersion":2,"manifests":[` + child + `]}`},
		"an image, called an index":      {index, `{"schemaVersion":2,"layers":[],"config":{}}`},
		"an index that says it is image": {index, `{"schemaVersion":2,"mediaType":"` + image + `","manifests":[` + child + `]}`},
		"an image that says it is index": {image, `{"schemaVersion":2,"mediaType":"` + index + `","layers":[]}`},
		"a contradiction about an index": {regret.MediaTypeDockerManifestList, `{"schemaVersion":2,"mediaType":"` + index + `","manifests":[` + child + `]}`},
		"the key twice, null last":       {image, `{"schemaVersion":2,"manifests":[` + child + `],"manifests":null,"layers":[]}`},
		"the key twice, in capitals":     {image, `{"schemaVersion":2,"manifests":[` + child + `],"Manifests":null,"layers":[]}`},
		"two media types":                {image, `{"schemaVersion":2,"mediaType":"` + index + `","mediaType":"` + image + `","layers":[]}`},
		"no type at all":                 {"application/json", `{"schemaVersion":2,"manifests":[` + child + `],"layers":[]}`},
		"neither, by no type":            {"", `{"schemaVersion":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, anyWay(), []operation{resolve, manifest, resolveAndDelete, bulk}, func(t *testing.T, s *stage, op operation) {
				s.serves("", "")
				s.on("GET", "/v2/*/manifests/*", fakeregistry.Answer(200, typed(cmp.Or(test.header, "text/plain")), test.content))
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrNotRegistry)
				s.wantNoWrites()
			})
		})
	}
	t.Run("the type changes between two reads", func(t *testing.T) {
		t.Parallel()
		everywhere(t, func(t *testing.T, s *stage) {
			content := `{"schemaVersion":2,"manifests":[` + child + `]}`
			dgst := string(digest.FromString(content))
			s.on("GET", "/v2/*/manifests/*", fakeregistry.Answer(200, typed(image), content))
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
			everywhere(t, func(t *testing.T, s *stage) {
				l := lists()[0]
				s.pages(l, func(int) sheet { return sheet{numbered(n), nil} })
				got, err := collect(s.client().Tags(s.ctx(), repo))
				if err != nil || len(got) != n {
					t.Errorf("%d tags, want %d: %v", len(got), n, err)
				}
				for _, r := range s.registry.Requests() { // never more than a thousand
					if !strings.HasPrefix(r.Query, "n=1000") && !strings.HasPrefix(r.Query, "n=999&") {
						t.Errorf("asked for %s", r.Query)
					}
				}
			})
		})
	}
	t.Run("a million entries", func(t *testing.T) {
		t.Parallel()
		if raced {
			return
		}
		inMemory(t, func(t *testing.T, s *stage) {
			body := tagPage(numbered(1_000_000)...)
			s.on("GET", "", fakeregistry.Answer(200, nil, body))
			n := 0
			for _, err := range s.client().Tags(s.ctx(), repo) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != 1_000_000 {
				t.Errorf("%d entries", n)
			}
			s.registry.Intercept(0, fakeregistry.On("GET", "/v2/"), fakeregistry.Answer(200, nil, strings.Replace(body, `]`, `,"one-more"]`, 1)))
			wantErr(t, bulk.run(s.ctx(), s.client(), s), regret.ErrIncompleteList)
			s.wantNoWrites()
		})
	})
}

// numbered are so many tags, no two alike.
func numbered(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint("t", i)
	}
	return all
}
