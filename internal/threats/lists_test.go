package threats_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A listEndpoint is an endpoint of a paginated list, with an operation that reads it.
type listEndpoint struct {
	operation
	path func(*testServer) string
	page func(entries ...string) string
}

// listEndpoints returns every operation that reads a list, including the bulk deletion.
func listEndpoints() []listEndpoint {
	tagsPath := func(*testServer) string { return "/v2/" + repo + "/tags/list" }
	return []listEndpoint{
		{tags, tagsPath, tagPage},
		{bulkDelete, tagsPath, tagPage},
		{repositories, func(*testServer) string { return "/v2/_catalog" }, func(entries ...string) string {
			return `{"repositories":[` + quoted(entries) + `]}`
		}},
		{referrers, func(s *testServer) string { return "/v2/" + repo + "/referrers/" + string(s.image.Digest) }, func(entries ...string) string {
			var all []string
			for _, entry := range entries {
				all = append(all, fmt.Sprintf(`{"mediaType":%q,"size":2,"digest":%q}`, ociImage, digest.FromString(entry)))
			}
			return `{"schemaVersion":2,"manifests":[` + strings.Join(all, ",") + `]}`
		}},
	}
}

func tagPage(entries ...string) string {
	return `{"name":"` + repo + `","tags":[` + quoted(entries) + `]}`
}

func quoted(entries []string) string {
	var all []string
	for _, entry := range entries {
		all = append(all, fmt.Sprintf("%q", entry))
	}
	return strings.Join(all, ",")
}

// A listPage is a page of a list and its Link fields. In a Link, "{here}" is replaced by the path of
// the list, "{origin}" by its origin, "{host}" by its host and port and "{hostname}" by its host.
type listPage struct {
	entries []string
	links   []string
}

// servePages makes the registry answer the i-th request for a list with the i-th page, whatever the
// query.
func (s *testServer) servePages(l listEndpoint, page func(i int) listPage) {
	var served atomic.Int64
	s.intercept("GET", l.path(s), func(w http.ResponseWriter, _ *http.Request) bool {
		p := page(int(served.Add(1) - 1))
		fill := strings.NewReplacer("{here}", l.path(s), "{origin}", s.origin(), "{hostname}", s.hostname(), "{host}", strings.TrimPrefix(s.origin(), "https://"))
		for _, line := range p.links {
			w.Header().Add("Link", fill.Replace(line))
		}
		fmt.Fprint(w, l.page(p.entries...))
		return true
	})
}

// hostname returns the host of the registry without the port.
func (s *testServer) hostname() string {
	u, err := url.Parse(s.origin())
	if err != nil {
		s.t.Fatal(err)
	}
	return u.Hostname()
}

// wantListed checks that an operation on a list succeeds after exactly the given number of requests,
// or that it fails with want after at most so many and deletes nothing. No request may go elsewhere.
func (s *testServer) wantListed(l listEndpoint, c *regret.Client, want error, requests int) {
	s.t.Helper()
	err := l.run(s.ctx(), c, s)
	requestCount := 0
	for _, r := range s.registry.Requests() {
		if at := r.Scheme + "://" + r.Host; at != s.origin() {
			s.t.Errorf("unexpected request to %s", at)
		}
		if r.Path == l.path(s) {
			requestCount++
		} else if r.Method == "GET" {
			s.t.Errorf("unexpected request for %s", r.Path)
		}
	}
	if requestCount > requests || want == nil && requestCount < requests {
		s.t.Errorf("%d requests, want %d: %q", requestCount, requests, s.requestLog())
	}
	switch {
	case want != nil:
		wantErr(s.t, err, want)
		s.wantNoWrites()
	case err != nil:
		s.t.Error(err)
	}
}

// eachList runs a scenario with every list.
func eachList(t *testing.T, transports []transport, run func(*testing.T, *testServer, listEndpoint)) {
	t.Helper()
	for _, l := range listEndpoints() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			onTransports(t, transports, func(t *testing.T, s *testServer) { run(t, s, l) })
		})
	}
}

// headerTransports returns the transports for cases about header fields. HTTP/1.1 would not differ.
func headerTransports() []transport { return []transport{memory, http2} }

const nextPage = `<{here}?last=b>; rel="next"`

func TestThreatE01RepeatedPages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		page func(i int) listPage
		most int
	}{
		"the same page": {func(int) listPage { return listPage{[]string{"v1", "v2"}, []string{nextPage}} }, 2},
		"the same page with other queries": {func(i int) listPage {
			return listPage{[]string{"v1", "v2"}, []string{fmt.Sprintf(`<?last=%d>; rel="next"`, i)}}
		}, 2},
		"two pages alternating": {func(i int) listPage {
			return listPage{[]string{fmt.Sprint("v", i%2)}, []string{fmt.Sprintf(`<?last=%d>; rel="next"`, i%2)}}
		}, 4},
		"three pages in a cycle": {func(i int) listPage {
			return listPage{[]string{fmt.Sprint("v", i%3)}, []string{fmt.Sprintf(`<?last=%d>; rel="next"`, i%3)}}
		}, 7},
		"a page and a part of it": {func(i int) listPage {
			if i == 0 {
				return listPage{[]string{"v1", "v2"}, []string{nextPage}}
			}
			return listPage{[]string{"v2"}, nil}
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, allTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.servePages(l, test.page)
				s.wantListed(l, s.client(), regret.ErrIncompleteList, test.most)
			})
		})
	}
}

func TestThreatE02EmptyPagesForever(t *testing.T) {
	t.Parallel()
	eachList(t, allTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
		s.servePages(l, func(i int) listPage { return listPage{nil, []string{fmt.Sprintf(`<?last=%d>; rel="next"`, i)}} })
		s.wantListed(l, s.client(), regret.ErrIncompleteList, 3)
	})
}

func TestThreatE03NextPageOnAnotherHost(t *testing.T) {
	t.Parallel()
	eachList(t, allTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
		s.servePages(l, twoPages(`<https://evil.example.net{here}?last=b>; rel="next"`))
		s.wantListed(l, s.client(), regret.ErrIncompleteList, 1)
	})
}

// twoPages returns a first page with the given Link fields and then pages without any.
func twoPages(links ...string) func(int) listPage {
	return func(i int) listPage {
		if i == 0 {
			return listPage{[]string{"v1"}, links}
		}
		return listPage{[]string{"v2"}, nil}
	}
}

// What a registry behind a proxy writes as its own address does not matter: only the cursor is taken,
// and the request goes to the registry's own origin and path.
func TestThreatE03NextPageUnderAnotherAddressOfTheSameList(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"https://{hostname}:1{here}", "http://{hostname}{here}", "http://{host}{here}", "/inner/path{here}", "https://{hostname}/inner/path{here}"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.servePages(l, twoPages("<"+address+`?last=b>; rel="next"`))
				s.wantListed(l, s.client(regret.WithToken("a-token-to-steal")), nil, 2)
			})
		})
	}
}

// Invalid entries are not yielded, appear in no request, and are reported once, at the end.
func TestThreatInvalidEntriesOnBothPages(t *testing.T) {
	t.Parallel()
	eachList(t, allTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
		s.servePages(l, twoPages(nextPage))
		s.registry.Intercept(0, func(req *http.Request) bool { return req.URL.Path == l.path(s) && req.URL.Query().Has("last") },
			fakeregistry.Answer(200, nil, `{"tags":["../x"],"repositories":["../x"],"manifests":[{"digest":"sha256:../x"}]}`))
		s.wantListed(l, s.client(), regret.ErrInvalidEntries, 2)
	})
}

func TestThreatE04LinksThatAreNotNext(t *testing.T) {
	t.Parallel()
	for name, links := range map[string][]string{
		"prev":                      {`<{here}?last=a>; rel="prev"`},
		"first, on another host":    {`<https://evil.example.net/>; rel="first"`},
		"no relation":               {`<{here}?last=a>`},
		"next only in the title":    {`<{here}?last=a>; rel="last"; title="rel=next"`},
		"only the first rel counts": {`<{here}?last=a>; rel="prev"; rel="next"`},
		"next of another anchor":    {`<{here}?last=a>; rel="next"; anchor="/elsewhere"`},
		"prev and first":            {`<{here}?n=1>; rel="prev", <{here}?n=2>; rel="first"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.servePages(l, twoPages(links...))
				s.wantListed(l, s.client(), nil, 1)
			})
		})
	}
}

func TestThreatE05MalformedLink(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]string{
		"no URL": `next; rel="next"`, "no opening bracket": `{here}?last=b>; rel="next"`, "no closing bracket": `<{here}?last=b; rel="next"`, "no closing quote": `<{here}?last=b>; rel="next`,
		"trailing junk": `<{here}?last=b>; rel="next" junk`, "a space in the URL": `<{here}?last=b c>; rel="next"`, "a bad escape": `<{here}%zz?last=b>; rel="next"`,
		"more than 8 KiB": `<{here}?last=` + strings.Repeat("b", 8<<10) + `>; rel="next"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.servePages(l, twoPages(link))
				s.wantListed(l, s.client(), regret.ErrIncompleteList, 1)
			})
		})
	}
}

func TestThreatE06NextPageUnderAnotherPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v2/team/other/tags/list", "{here}/", "{here}/../elsewhere", "/v2/team%2fother/tags/list", `\\evil.example.net{here}`, "/", "/v2/", "next", "{here};x"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.servePages(l, twoPages(`<`+path+`?last=b>; rel="next"`))
				s.wantListed(l, s.client(), regret.ErrIncompleteList, 1)
			})
		})
	}
}

func TestThreatE07PageTwoFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		secondPage fault
		requests   int
	}{
		"500 forever":              {fakeregistry.Errors(500, "UNKNOWN", "disk on fire"), 4},
		"404":                      {fakeregistry.Errors(404, "NAME_UNKNOWN", "gone"), 1},
		"403":                      {fakeregistry.Errors(403, "DENIED", "no"), 1},
		"401":                      {fakeregistry.Errors(401, "UNAUTHORIZED", "who"), 1},
		"204":                      {fakeregistry.Answer(204, nil, ""), 1},
		"206":                      {fakeregistry.Answer(206, nil, `{"tags":["x"],"repositories":["x"],"manifests":[]}`), 1},
		"HTML":                     {fakeregistry.Answer(200, typed("text/html"), "<html>"), 1},
		"an empty body":            {fakeregistry.Answer(200, nil, ""), 1},
		"half a page":              {fakeregistry.Answer(200, nil, `{"tags":["x"],"repositories":["x"],"manifests":[]`), 1},
		"an entry of another type": {fakeregistry.Answer(200, nil, `{"tags":[7],"repositories":[7],"manifests":[7]}`), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, allTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.servePages(l, twoPages(nextPage))
				second := func(req *http.Request) bool { return req.URL.Path == l.path(s) && req.URL.Query().Has("last") }
				s.registry.Intercept(0, second, test.secondPage)
				s.wantListed(l, s.client(), regret.ErrIncompleteList, 1+test.requests)
			})
		})
	}
}

func TestThreatE08SeveralLinks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		links    []string
		want     error
		requests int
	}{
		"prev and next in two fields":                 {[]string{`<https://evil.example.net/>; rel="prev"`, nextPage}, nil, 2},
		"prev and next in one field":                  {[]string{`<https://evil.example.net/>; rel="prev", ` + nextPage}, nil, 2},
		"the same next twice":                         {[]string{nextPage, nextPage}, nil, 2},
		"next and prev in one link":                   {[]string{`<{here}?last=b>; rel="prev next"`}, nil, 2},
		"two different next links":                    {[]string{nextPage, `<{here}?last=c>; rel="next"`}, regret.ErrIncompleteList, 1},
		"two next links in one field":                 {[]string{nextPage + `, <{here}?last=c>; rel="next"`}, regret.ErrIncompleteList, 1},
		"a next link to this host and one to another": {[]string{nextPage, `<https://evil.example.net{here}?last=b>; rel="next"`}, regret.ErrIncompleteList, 1},
		"a next link and a malformed one":             {[]string{nextPage, `last=b; rel="next"`}, regret.ErrIncompleteList, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.servePages(l, twoPages(test.links...))
				s.wantListed(l, s.client(), test.want, test.requests)
			})
		})
	}
}

// The client follows a next link even if the page is shorter than requested, or empty.
func TestThreatShortPageWithALink(t *testing.T) {
	t.Parallel()
	for name, first := range map[string][]string{"one entry": {"v1"}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, allTransports(), func(t *testing.T, s *testServer, l listEndpoint) {
				s.servePages(l, func(i int) listPage {
					if i == 0 {
						return listPage{first, []string{nextPage}}
					}
					return listPage{[]string{"v2"}, nil}
				})
				s.wantListed(l, s.client(), nil, 2)
			})
		})
	}
}
