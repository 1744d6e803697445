package threats_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A list is one of those that a registry gives page by page.
type list struct {
	operation
	path func(*stage) string
	page func(entries ...string) string
}

// lists are all of them. Whoever deletes what is listed reads tags.
func lists() []list {
	tagsPath := func(*stage) string { return "/v2/" + repo + "/tags/list" }
	return []list{
		{tags, tagsPath, tagPage},
		{bulk, tagsPath, tagPage},
		{repositories, func(*stage) string { return "/v2/_catalog" }, func(entries ...string) string {
			return `{"repositories":[` + quoted(entries) + `]}`
		}},
		{referrers, func(s *stage) string { return "/v2/" + repo + "/referrers/" + string(s.image.Digest) }, func(entries ...string) string {
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

// A sheet is a page of a list and the Link lines that come with it. In a target,
// "{here}" is the path of the list, "{origin}" its origin.
type sheet struct {
	entries []string
	links   []string
}

// pages lets the registry answer the i-th question about a list with the i-th
// page, whatever the question was.
func (s *stage) pages(l list, answer func(i int) sheet) {
	var asked atomic.Int64
	s.on("GET", l.path(s), func(w http.ResponseWriter, _ *http.Request) bool {
		p := answer(int(asked.Add(1) - 1))
		fill := strings.NewReplacer("{here}", l.path(s), "{origin}", s.origin(), "{host}", strings.TrimPrefix(s.origin(), "https://"))
		for _, line := range p.links {
			w.Header().Add("Link", fill.Replace(line))
		}
		fmt.Fprint(w, l.page(p.entries...))
		return true
	})
}

// wantListed wants an operation on a list to succeed after so many questions
// about the list, or to end in an error after at most so many and to have
// deleted nothing that an incomplete list told of. None may go elsewhere.
func (s *stage) wantListed(l list, c *regret.Client, want error, asked int) {
	s.t.Helper()
	err := l.run(s.ctx(), c, s)
	questions := 0
	for _, r := range s.registry.Requests() {
		if at := r.Scheme + "://" + r.Host; at != s.origin() {
			s.t.Errorf("asked %s", at)
		}
		if r.Path == l.path(s) {
			questions++
		} else if r.Method == "GET" {
			s.t.Errorf("asked for %s", r.Path)
		}
	}
	if questions > asked || want == nil && questions < asked {
		s.t.Errorf("%d questions, want %d: %q", questions, asked, s.requests())
	}
	switch {
	case want != nil:
		wantErr(s.t, err, want)
		s.wantNoWrites()
	case err != nil:
		s.t.Error(err)
	}
}

// eachList plays a scenario with every list.
func eachList(t *testing.T, ways []way, play func(*testing.T, *stage, list)) {
	t.Helper()
	for _, l := range lists() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			over(t, ways, func(t *testing.T, s *stage) { play(t, s, l) })
		})
	}
}

// headerWays are enough for what a header says: HTTP/1.1 brings the same.
func headerWays() []way { return []way{memory, http2} }

const nextPage = `<{here}?last=b>; rel="next"`

func TestThreatE01PagesThatRepeat(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(i int) sheet
		most   int
	}{
		"the same page": {func(int) sheet { return sheet{[]string{"v1", "v2"}, []string{nextPage}} }, 2},
		"the same page under other queries": {func(i int) sheet {
			return sheet{[]string{"v1", "v2"}, []string{fmt.Sprintf(`<?last=%d>; rel="next"`, i)}}
		}, 2},
		"two pages in turn": {func(i int) sheet {
			return sheet{[]string{fmt.Sprint("v", i%2)}, []string{fmt.Sprintf(`<?last=%d>; rel="next"`, i%2)}}
		}, 4},
		"three pages in turn": {func(i int) sheet {
			return sheet{[]string{fmt.Sprint("v", i%3)}, []string{fmt.Sprintf(`<?last=%d>; rel="next"`, i%3)}}
		}, 7},
		"a page and a part of it": {func(i int) sheet {
			if i == 0 {
				return sheet{[]string{"v1", "v2"}, []string{nextPage}}
			}
			return sheet{[]string{"v2"}, nil}
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, anyWay(), func(t *testing.T, s *stage, l list) {
				s.pages(l, test.answer)
				s.wantListed(l, s.client(), regret.ErrIncompleteList, test.most)
			})
		})
	}
}

func TestThreatE02EmptyPagesForEver(t *testing.T) {
	t.Parallel()
	eachList(t, anyWay(), func(t *testing.T, s *stage, l list) {
		s.pages(l, func(i int) sheet { return sheet{nil, []string{fmt.Sprintf(`<?last=%d>; rel="next"`, i)}} })
		s.wantListed(l, s.client(), regret.ErrIncompleteList, 3)
	})
}

func TestThreatE03NextPageOnAnotherHost(t *testing.T) {
	t.Parallel()
	eachList(t, anyWay(), func(t *testing.T, s *stage, l list) {
		s.pages(l, once(`<https://evil.example.net{here}?last=b>; rel="next"`))
		s.wantListed(l, s.client(), regret.ErrIncompleteList, 1)
	})
}

// once is a first page with these Link lines, and a second without.
func once(links ...string) func(int) sheet {
	return func(i int) sheet {
		if i == 0 {
			return sheet{[]string{"v1"}, links}
		}
		return sheet{[]string{"v2"}, nil}
	}
}

func TestThreatE04LinksThatAreNotNext(t *testing.T) {
	t.Parallel()
	for name, links := range map[string][]string{
		"prev":                         {`<{here}?last=a>; rel="prev"`},
		"first, elsewhere":             {`<https://evil.example.net/>; rel="first"`},
		"no relation":                  {`<{here}?last=a>`},
		"next in the title alone":      {`<{here}?last=a>; rel="last"; title="rel=next"`},
		"the first relation counts":    {`<{here}?last=a>; rel="prev"; rel="next"`},
		"next of another page":         {`<{here}?last=a>; rel="next"; anchor="/elsewhere"`},
		"prev and next to nothing new": {`<{here}?n=1>; rel="prev", <{here}?n=2>; rel="first"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerWays(), func(t *testing.T, s *stage, l list) {
				s.pages(l, once(links...))
				s.wantListed(l, s.client(), nil, 1)
			})
		})
	}
}

func TestThreatE05MalformedLink(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]string{
		"no address": `next; rel="next"`, "one bracket": `{here}?last=b>; rel="next"`, "an open bracket": `<{here}?last=b; rel="next"`, "an open quote": `<{here}?last=b>; rel="next`,
		"junk behind it": `<{here}?last=b>; rel="next" junk`, "a space in it": `<{here}?last=b c>; rel="next"`, "a bad escape": `<{here}%zz?last=b>; rel="next"`,
		"more than 8 KiB": `<{here}?last=` + strings.Repeat("b", 8<<10) + `>; rel="next"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerWays(), func(t *testing.T, s *stage, l list) {
				s.pages(l, once(link))
				s.wantListed(l, s.client(), regret.ErrIncompleteList, 1)
			})
		})
	}
}

func TestThreatE06NextPageUnderAnotherPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v2/team/other/tags/list", "{here}/", "{here}/../elsewhere", "/v2/team%2fapp/tags/list", "/", "/v2/", "next", "{here};x"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerWays(), func(t *testing.T, s *stage, l list) {
				s.pages(l, once(`<`+path+`?last=b>; rel="next"`))
				s.wantListed(l, s.client(), regret.ErrIncompleteList, 1)
			})
		})
	}
}

func TestThreatE07PageTwoFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer fault
		asked  int
	}{
		"500 for ever":     {fakeregistry.Errors(500, "UNKNOWN", "disk on fire"), 4},
		"404":              {fakeregistry.Errors(404, "NAME_UNKNOWN", "gone"), 1},
		"403":              {fakeregistry.Errors(403, "DENIED", "no"), 1},
		"401":              {fakeregistry.Errors(401, "UNAUTHORIZED", "who"), 1},
		"204":              {fakeregistry.Answer(204, nil, ""), 1},
		"206":              {fakeregistry.Answer(206, nil, `{"tags":["x"],"repositories":["x"],"manifests":[]}`), 1},
		"HTML":             {fakeregistry.Answer(200, typed("text/html"), "<html>"), 1},
		"nothing":          {fakeregistry.Answer(200, nil, ""), 1},
		"half a page":      {fakeregistry.Answer(200, nil, `{"tags":["x"],"repositories":["x"],"manifests":[]`), 1},
		"an invalid entry": {fakeregistry.Answer(200, nil, `{"tags":["../x"],"repositories":["../x"],"manifests":[{"digest":"sha256:../x"}]}`), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, anyWay(), func(t *testing.T, s *stage, l list) {
				s.pages(l, once(nextPage))
				second := func(req *http.Request) bool { return req.URL.Path == l.path(s) && req.URL.Query().Has("last") }
				s.registry.Intercept(0, second, test.answer)
				s.wantListed(l, s.client(), regret.ErrIncompleteList, 1+test.asked)
			})
		})
	}
}

func TestThreatE08SeveralLinks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		links []string
		want  error
		asked int
	}{
		"prev and next in two lines": {[]string{`<https://evil.example.net/>; rel="prev"`, nextPage}, nil, 2},
		"prev and next in one line":  {[]string{`<https://evil.example.net/>; rel="prev", ` + nextPage}, nil, 2},
		"the same next twice":        {[]string{nextPage, nextPage}, nil, 2},
		"next and prev in one link":  {[]string{`<{here}?last=b>; rel="prev next"`}, nil, 2},
		"two different nexts":        {[]string{nextPage, `<{here}?last=c>; rel="next"`}, regret.ErrIncompleteList, 1},
		"two nexts in one line":      {[]string{nextPage + `, <{here}?last=c>; rel="next"`}, regret.ErrIncompleteList, 1},
		"a next here and elsewhere":  {[]string{nextPage, `<https://evil.example.net{here}?last=b>; rel="next"`}, regret.ErrIncompleteList, 1},
		"a next and a malformed one": {[]string{nextPage, `last=b; rel="next"`}, regret.ErrIncompleteList, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, headerWays(), func(t *testing.T, s *stage, l list) {
				s.pages(l, once(test.links...))
				s.wantListed(l, s.client(), test.want, test.asked)
			})
		})
	}
}

// However few entries a page has: where a next one is named, it is read.
func TestThreatShortPageWithALink(t *testing.T) {
	t.Parallel()
	for name, first := range map[string][]string{"one entry": {"v1"}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachList(t, anyWay(), func(t *testing.T, s *stage, l list) {
				s.pages(l, func(i int) sheet {
					if i == 0 {
						return sheet{first, []string{nextPage}}
					}
					return sheet{[]string{"v2"}, nil}
				})
				s.wantListed(l, s.client(), nil, 2)
			})
		})
	}
}
