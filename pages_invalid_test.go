package regret_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// quotedList returns a page of tags and repositories.
func quotedList(entries ...string) string {
	var b strings.Builder
	for i, entry := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q", entry)
	}
	return `{"name":"team/app","tags":[` + b.String() + `],"repositories":[` + b.String() + `]}`
}

// invalidEntries returns the entries that err names.
func invalidEntries(t *testing.T, err error) *regret.InvalidEntriesError {
	t.Helper()
	wantErr(t, err, regret.ErrInvalidEntries)
	wantNot(t, err, regret.ErrIncompleteList, regret.ErrNotRegistry)
	list, ok := errors.AsType[*regret.InvalidEntriesError](err)
	if !ok {
		t.Fatalf("not an *InvalidEntriesError: %v", err)
	}
	return list
}

func TestReportK02InvalidTagIsNamedAtTheEnd(t *testing.T) {
	t.Parallel()
	tests := []struct{ rule, entry, named string }{
		{"a leading dash", "-ot-beta-jmx", "-ot-beta-jmx"},
		{"a leading dot", ".hidden", ".hidden"},
		{"an empty string", "", ""},
		{"a plus", "1.0+build", "1.0+build"},
		{"a space", "1.0 rc", "1.0 rc"},
		{"a slash", "feature/x", "feature/x"},
		{"a parent path", "../..", "../.."},
		{"a query", "a?x", "a?x"},
		{"a fragment", "a#x", "a#x"},
		{"an escape", "a%2fb", "a%2fb"},
		{"129 letters", strings.Repeat("a", 129), strings.Repeat("a", 124) + "…"},
		{"a short digest", "sha256:abc", "sha256:abc"},
		{"a digest in capitals", "sha256:" + strings.Repeat("A", 64), "sha256:" + strings.Repeat("A", 64)},
		{"a digest of an unknown algorithm", "blake3:" + strings.Repeat("a", 64), "blake3:" + strings.Repeat("a", 64)},
		{"an image", "team/app:1.0", "team/app:1.0"},
		{"Unicode", "größe", "größe"},
		{"a line break and a header", "a\r\nHost: evil.example.net", "a Host: evil.example.net"},
		{"an escape sequence", "a\x1b[2J", "a?[2J"},
		{"a change of direction", "a\u202eb", "a?b"},
		{"a URL with credentials", "https://user:hunter2@registry.example.com/a", "https://…@registry.example.com/a"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			body := quotedList("1.0", "TEST", "latest")
			entry, err := json.Marshal(tt.entry)
			if err != nil {
				t.Fatal(err)
			}
			c := newClient(t, always(200, strings.ReplaceAll(body, `"TEST"`, string(entry))))
			got, err := collect(t, c.Tags(t.Context(), repo))
			if diff := cmp.Diff([]string{"1.0", "latest"}, got); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(&regret.InvalidEntriesError{Entries: []string{tt.named}}, invalidEntries(t, err)); diff != "" {
				t.Errorf("invalid entries (-want +got):\n%s", diff)
			}
			wantText(t, err, "the list has invalid entries", fmt.Sprintf("%q", tt.named))
		})
	}
}

func TestReportK02DigestIsNoTag(t *testing.T) {
	t.Parallel()
	for _, dgst := range []string{aDigest, aSHA512, "sha384:" + strings.Repeat("ab", 48)} {
		t.Run(dgst[:6], func(t *testing.T) {
			t.Parallel()
			got, err := collect(t, newClient(t, always(200, quotedList("1.0", dgst, "latest"))).Tags(t.Context(), repo))
			wantErr(t, err)
			if diff := cmp.Diff([]string{"1.0", "latest"}, got); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("digests do not hide what is invalid", func(t *testing.T) {
		t.Parallel()
		got, err := collect(t, newClient(t, always(200, quotedList(aDigest, "-x", aSHA512))).Tags(t.Context(), repo))
		if list := invalidEntries(t, err); len(got) != 0 || len(list.Entries) != 1 {
			t.Errorf("tags %q, invalid entries %q", got, list.Entries)
		}
	})
}

func TestReportK02InvalidRepositoryIsNamedAtTheEnd(t *testing.T) {
	t.Parallel()
	for rule, entry := range map[string]string{
		"capital letters": "Team/App", "a digest": aDigest, "an empty string": "", "an empty component": "a//b", "a parent path": "../x",
		"256 letters": strings.Repeat("a", 256), "a leading slash": "/a", "a trailing slash": "a/", "a registry with a port": "registry:5000/a",
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			got, err := collect(t, newClient(t, always(200, quotedList("a/b", entry, "c/d"))).Repositories(t.Context()))
			if diff := cmp.Diff([]string{"a/b", "c/d"}, got); diff != "" {
				t.Errorf("repositories (-want +got):\n%s", diff)
			}
			if list := invalidEntries(t, err); len(list.Entries) != 1 || !strings.HasPrefix(entry, strings.TrimSuffix(list.Entries[0], "…")) {
				t.Errorf("invalid entries %q", list.Entries)
			}
		})
	}
}

func TestReportK02InvalidDigestOfAReferrerIsNamedAtTheEnd(t *testing.T) {
	t.Parallel()
	const body = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"digest":"` + aDigest + `"},{"digest":%q},{"digest":"` + aSHA512 + `"}]}`
	for rule, dgst := range map[string]string{"a short hash": "sha256:abc", "an unknown algorithm": "blake3:" + sixtyFour, "a path": "sha256:../x"} {
		check := func(t *testing.T, list iter.Seq2[regret.Descriptor, error]) {
			got, err := collect(t, list)
			if diff := cmp.Diff([]string{aDigest, aSHA512}, digests(got)); diff != "" {
				t.Errorf("referrers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{dgst}, invalidEntries(t, err).Entries); diff != "" {
				t.Errorf("invalid entries (-want +got):\n%s", diff)
			}
		}
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			check(t, newClient(t, always(200, fmt.Sprintf(body, dgst))).Referrers(t.Context(), repo, someDigest))
		})
		t.Run(rule+" under the fallback tag", func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithoutReferrersAPI())
			reg.PutManifest(repo, strings.Replace(someDigest, ":", "-", 1), "application/vnd.oci.image.index.v1+json", fmt.Appendf(nil, body, dgst))
			check(t, newClient(t, reg).Referrers(t.Context(), repo, someDigest))
		})
	}
}

// What is not a list of strings is no list of this API: to leave out its entries could make a
// repository look empty. The page is malformed.
func TestReportK02EntryOfAnotherTypeMakesThePageMalformed(t *testing.T) {
	t.Parallel()
	for rule, entry := range map[string]string{
		"null": `null`, "a number": `7`, "true": `true`, "an object": `{"name":"1.1"}`, "an array": `["1.1"]`, "invalid UTF-8": "\"a\xff\"", "half a surrogate pair": `"\ud800"`,
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			body := `{"tags":["1.0",` + entry + `,"latest"],"repositories":["1.0",` + entry + `,"latest"]}`
			for _, list := range []iter.Seq2[string, error]{
				newClient(t, always(200, body)).Tags(t.Context(), repo), newClient(t, always(200, body)).Repositories(t.Context()),
			} {
				got, err := collect(t, list)
				wantErr(t, err, regret.ErrNotRegistry)
				wantNot(t, err, regret.ErrInvalidEntries)
				if len(got) > 1 {
					t.Errorf("entries %q", got)
				}
			}
		})
	}
	t.Run("a descriptor without a digest", func(t *testing.T) {
		t.Parallel()
		_, err := collect(t, newClient(t, always(200, `{"manifests":[{"name":"a"}]}`)).Referrers(t.Context(), repo, someDigest))
		wantErr(t, err, regret.ErrNotRegistry)
	})
}

func TestReportK02InvalidEntriesAreBounded(t *testing.T) {
	t.Parallel()
	t.Run("the text names only the first ten", func(t *testing.T) {
		t.Parallel()
		var want []string
		for i := range 15 {
			want = append(want, fmt.Sprintf("-%02d", i))
		}
		reg, tags := withTags(30, fakeregistry.WithPageCap(7), fakeregistry.WithExtraTags(want...))
		got, err := collect(t, newClient(t, reg).Tags(t.Context(), repo))
		if diff := cmp.Diff(tags, got); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		list := invalidEntries(t, err)
		if diff := cmp.Diff(&regret.InvalidEntriesError{Entries: want}, list); diff != "" || list.Total() != 15 {
			t.Errorf("%d invalid entries (-want +got):\n%s", list.Total(), diff)
		}
		wantText(t, err, `"-09" and 5 more`, "the rest of the list is complete")
		if n := len(reg.Requests()); n != 7 {
			t.Errorf("%d requests, want 7", n)
		}
	})
	t.Run("a megabyte is named by its beginning", func(t *testing.T) {
		t.Parallel()
		got, err := collect(t, newClient(t, always(200, quotedList("1.0", strings.Repeat("x", 1<<20), "latest"))).Tags(t.Context(), repo))
		list := invalidEntries(t, err)
		if len(got) != 2 || len(list.Entries) != 1 || len(list.Entries[0]) > 128 {
			t.Errorf("%d tags, %d invalid entries", len(got), len(list.Entries))
		}
	})
	t.Run("they count towards the limit of entries", func(t *testing.T) {
		t.Parallel()
		limits := regret.DefaultLimits()
		limits.Entries = 3
		_, err := collect(t, newClient(t, always(200, quotedList("-a", "-b", "-c", "-d")), regret.WithLimits(limits)).Tags(t.Context(), repo))
		wantErr(t, err, regret.ErrIncompleteList)
	})
	t.Run("a password is redacted before an entry is cut", func(t *testing.T) {
		t.Parallel()
		const password = "correct-horse-battery"
		entry := strings.Repeat("-", 115) + password
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Header.Get("Authorization") == "" {
				return respond(req, 401, "", "WWW-Authenticate", `Basic realm="r"`), nil
			}
			return respond(req, 200, quotedList("1.0", entry)), nil
		}), regret.WithBasicAuth("user", password))
		_, err := collect(t, c.Tags(t.Context(), repo))
		if list := invalidEntries(t, err); strings.Contains(list.Entries[0], "correct") || strings.Contains(err.Error(), "correct") {
			t.Errorf("a part of the password is shown: %v", err)
		}
	})
	t.Run("an endless list of them ends", func(t *testing.T) {
		t.Parallel()
		limits := regret.DefaultLimits()
		limits.Pages = 20
		n := 0
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			n++
			return respond(req, 200, quotedList(fmt.Sprint("-", n)), "Link", fmt.Sprintf(`<?last=%d>; rel="next"`, n)), nil
		}), regret.WithLimits(limits))
		_, err := collect(t, c.Tags(t.Context(), repo))
		wantErr(t, err, regret.ErrIncompleteList)
		if n != 20 {
			t.Errorf("%d requests, want 20", n)
		}
	})
	t.Run("memory does not grow with their number", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, always(200, `{"tags":[`+strings.Repeat(`"-an-invalid-entry",`, 50_000)+`"a"]}`))
		got, err := collect(t, c.Tags(t.Context(), repo))
		if list := invalidEntries(t, err); len(got) != 1 || len(list.Entries) != 1000 || list.Omitted != 49_000 || list.Total() != 50_000 {
			t.Errorf("%d tags, %d invalid entries, %d omitted, %d in total", len(got), len(list.Entries), list.Omitted, list.Total())
		}
	})
}

func TestReportK02ListGoesOnAfterAnInvalidEntry(t *testing.T) {
	t.Parallel()
	t.Run("a full page that ends with one is probed for more", func(t *testing.T) {
		t.Parallel()
		first := strings.Replace(fullPage("a"), `"a0999"`, `"-z&n=1"`, 1)
		var queries []string
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			queries = append(queries, req.URL.RawQuery)
			if len(queries) == 1 {
				return respond(req, 200, first), nil
			}
			return respond(req, 200, `{"tags":["b"]}`), nil
		}))
		got, err := collect(t, c.Tags(t.Context(), repo))
		if list := invalidEntries(t, err); len(got) != 1000 || len(list.Entries) != 1 {
			t.Errorf("%d tags, invalid entries %q", len(got), list.Entries)
		}
		if diff := cmp.Diff([]string{"n=1000", "n=999&last=-z%26n%3D1"}, queries); diff != "" {
			t.Errorf("queries (-want +got):\n%s", diff)
		}
	})
	t.Run("a page that fails afterwards is what is reported", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, pages(page(200, `{"tags":["a","-b"]}`, `<?last=-b>; rel="next"`), page(404, refusal("NAME_UNKNOWN", "gone"), "")))
		got, err := collect(t, c.Tags(t.Context(), repo))
		wantErr(t, err, regret.ErrIncompleteList, regret.ErrNotFound)
		wantNot(t, err, regret.ErrInvalidEntries)
		if len(got) != 1 {
			t.Errorf("tags %q", got)
		}
	})
	t.Run("nothing is reported after a break", func(t *testing.T) {
		t.Parallel()
		for tag, err := range newClient(t, always(200, quotedList("-a", "1.0", "2.0"))).Tags(t.Context(), repo) {
			wantErr(t, err)
			if tag != "1.0" {
				t.Errorf("tag %q", tag)
			}
			break
		}
	})
	t.Run("ranging again starts anew", func(t *testing.T) {
		t.Parallel()
		list := newClient(t, always(200, quotedList("-a", "1.0"))).Repositories(t.Context())
		for range 2 {
			_, err := collect(t, list)
			if entries := invalidEntries(t, err).Entries; len(entries) != 1 {
				t.Errorf("invalid entries %q", entries)
			}
		}
	})
	t.Run("the error tells which list and request", func(t *testing.T) {
		t.Parallel()
		_, err := collect(t, newClient(t, always(200, quotedList("-a"))).Tags(t.Context(), repo))
		e := wantErr(t, err, regret.ErrInvalidEntries)
		if e.Op != "tags" || e.Repository != repo || e.Method != "GET" || e.StatusCode != 200 || e.URL != "https://registry.example.com/v2/team/app/tags/list" {
			t.Errorf("%+v", e)
		}
	})
}

func TestInvalidEntriesErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]regret.InvalidEntriesError{
		``:                       {},
		`"-a"`:                   {Entries: []string{"-a"}},
		`"-a", "" and 1 more`:    {Entries: []string{"-a", ""}, Omitted: 1},
		`"a\"b\\c", "größe"`:     {Entries: []string{`a"b\c`, "größe"}},
		`"x\n" and 1000000 more`: {Entries: []string{"x\n"}, Omitted: 1_000_000},
		`"0", "1", "2", "3", "4", "5", "6", "7", "8", "9" and 5 more`: {Entries: strings.Split("0 1 2 3 4 5 6 7 8 9 10 11", " "), Omitted: 3},
	} {
		if got := e.Error(); got != want || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("text %q, want %q", got, want)
		}
	}
}
