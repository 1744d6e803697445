package link_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/link"
)

const page = "https://registry.example.com/v2/team/app/tags/list"

func header(lines ...string) http.Header {
	return http.Header{"Link": lines}
}

func parseURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestNext(t *testing.T) {
	t.Parallel()
	const second = page + "?last=b&n=2"
	for name, test := range map[string]struct {
		lines []string
		from  string // page?n=2 if empty
		want  string // empty: no next page
	}{
		"a header without a line has no next page":       {},
		"an empty line has no next page":                 {lines: []string{""}},
		"a path is resolved":                             {lines: []string{`</v2/team/app/tags/list?last=b&n=2>; rel="next"`}, want: second},
		"a target may be a URL":                          {lines: []string{`<` + second + `>; rel="next"`}, want: second},
		"a path may lack its brackets":                   {lines: []string{`/v2/team/app/tags/list?last=b&n=2; rel="next"`}, want: second},
		"a URL may lack its brackets":                    {lines: []string{second + `; rel="next"`}, want: second},
		"a query alone keeps the path":                   {lines: []string{`<?last=b&n=2>; rel="next"`}, want: second},
		"a relative path is resolved":                    {lines: []string{`<list?last=b&n=2>; rel="next"`}, want: second},
		"dots are resolved before paths are compared":    {lines: []string{`<../tags/./list?last=b&n=2>; rel="next"`}, want: second},
		"an empty target is the page itself":             {lines: []string{`<>; rel="next"`}, want: page + "?n=2"},
		"a target without a query has none":              {lines: []string{`</v2/team/app/tags/list>; rel="next"`}, want: page},
		"a fragment is dropped":                          {lines: []string{`</v2/team/app/tags/list?last=b&n=2#%zz>; rel="next"`}, want: second},
		"the relation may be a token":                    {lines: []string{`<?last=b&n=2>; rel=next`}, want: second},
		"the relation may be in upper case":              {lines: []string{`<?last=b&n=2>;REL="NEXT"`}, want: second},
		"the relation may be one of several":             {lines: []string{`<?last=b&n=2>; rel="prev  next"`}, want: second},
		"other relations are not followed":               {lines: []string{`<?last=b>; rel="prev", <?last=c>; rel="nextish"`}},
		"other relations may have any target":            {lines: []string{`<https://example.com/café>; rel="help", <mailto:a@b>; rel=author, <?last=b&n=2>; rel=next`}, want: second},
		"a link without a relation is not followed":      {lines: []string{`<?last=b>`, `<?last=b>; rel`}},
		"only the first relation parameter counts":       {lines: []string{`<?last=a>; rel=prev; rel=next, <?last=b&n=2>; rel=next; rel=prev`}, want: second},
		"other parameters may come before and after":     {lines: []string{`<?last=b&n=2>; title="a, b; c"; rel="next"; type=text/css; title*=UTF-8''x; crossorigin`}, want: second},
		"there may be space around everything":           {lines: []string{" , <?last=b&n=2> ;\trel = \"next\" ; "}, want: second},
		"commas and semicolons may be part of a target":  {lines: []string{`<?last=b,c;d&n=2>; rel="next"`}, want: page + "?last=b,c;d&n=2"},
		"links may be on several lines":                  {lines: []string{`<?last=a>; rel="prev"`, `<?last=b&n=2>; rel="next"`}, want: second},
		"the same next page twice is one":                {lines: []string{`<?last=b&n=2>; rel="next"`, `<` + second + `>; rel="next"`}, want: second},
		"a link from another page is not followed":       {lines: []string{`<?last=a>; rel="next"; anchor="/v2/other/tags/list"`}},
		"a link from a part of the page is not followed": {lines: []string{`<?last=a>; rel="next"; anchor="#part"`}},
		"an anchor may be the page itself":               {lines: []string{`<?last=b&n=2>; rel="next"; anchor="/v2/team/app/tags/list?n=2"; anchor="#x"`}, want: second},
		"an anchor may be empty":                         {lines: []string{`<?last=b&n=2>; rel="next"; anchor=""`}, want: second},
		"the default port may be added":                  {lines: []string{`<https://REGISTRY.example.com:443/v2/team/app/tags/list?last=b&n=2>; rel="next"`}, want: second},
		"the default port may be missing": {
			lines: []string{`<http://localhost/v2/a/tags/list?last=b>; rel="next"`},
			from:  "http://localhost:80/v2/a/tags/list", want: "http://localhost:80/v2/a/tags/list?last=b",
		},
		"another port is kept": {
			lines: []string{`</v2/a/tags/list?last=b>; rel="next"`},
			from:  "http://[::1]:5000/v2/a/tags/list", want: "http://[::1]:5000/v2/a/tags/list?last=b",
		},
		"escapes in the path are kept": {
			lines: []string{`</v2/a%2Fb/tags/list?last=b%20c>; rel="next"`},
			from:  "https://registry.example.com/v2/a%2Fb/tags/list", want: "https://registry.example.com/v2/a%2Fb/tags/list?last=b%20c",
		},
		"user information of the page is dropped": {
			lines: []string{`<?last=b&n=2>; rel="next"`},
			from:  "https://user:secret@registry.example.com/v2/team/app/tags/list", want: second,
		},
		// What proxies, Nexus and Artifactory write: only the cursor counts.
		"another prefix before the version":          {lines: []string{`<https://registry.example.com/repository/docker-hosted/v2/team/app/tags/list?last=b&n=2>; rel="next"`}, want: second},
		"the repository without its first component": {lines: []string{`</v2/team/app/tags/list?last=b&n=2>; rel="next"`}, from: "https://registry.example.com/v2/docker/team/app/tags/list", want: "https://registry.example.com/v2/docker/team/app/tags/list?last=b&n=2"},
		"no version":                                 {lines: []string{`</repository/docker/team/app/tags/list?last=b&n=2>; rel="next"`}, want: second},
		"no version of the catalog":                  {lines: []string{`</_catalog?last=b>; rel="next"`}, from: "https://registry.example.com/v2/_catalog", want: "https://registry.example.com/v2/_catalog?last=b"},
		"the repository with one component more":     {lines: []string{`</v2/docker/team/app/tags/list?last=b&n=2>; rel="next"`}, want: second},
		"another prefix of both kinds":               {lines: []string{`</artifactory/api/docker/local/v2/app/tags/list?last=b>; rel="next"`}, from: "https://registry.example.com/v2/local/app/tags/list", want: "https://registry.example.com/v2/local/app/tags/list?last=b"},
		"a repository with a component called v2":    {lines: []string{`</inner/v2/team/v2/app/tags/list?last=b>; rel="next"`}, from: "https://registry.example.com/v2/team/v2/app/tags/list", want: "https://registry.example.com/v2/team/v2/app/tags/list?last=b"},
		"another prefix of the catalog":              {lines: []string{`</repository/docker/v2/_catalog?last=b>; rel="next"`}, from: "https://registry.example.com/v2/_catalog", want: "https://registry.example.com/v2/_catalog?last=b"},
		"another port":                               {lines: []string{`<https://registry.example.com:444/v2/team/app/tags/list?last=b&n=2>; rel=next`}, want: second},
		"another scheme":                             {lines: []string{`<http://registry.example.com/v2/team/app/tags/list?last=b&n=2>; rel=next`}, want: second},
		"the inner port of a registry at plain http": {lines: []string{`<http://localhost/v2/a/tags/list?last=b>; rel="next"`}, from: "http://localhost:5000/v2/a/tags/list", want: "http://localhost:5000/v2/a/tags/list?last=b"},
		"a path that is escaped differently":         {lines: []string{`</v2/team%2Fapp/tags/list?last=b&n=2>; rel=next`}, want: second},
		"eight kibibytes are within the limit":       {lines: []string{`<?last=b&n=2>; rel="next"` + strings.Repeat(",", 8<<10-25)}, want: second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := test.from
			if from == "" {
				from = page + "?n=2"
			}
			next, err := link.Next(header(test.lines...), parseURL(t, from))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if next != nil {
				got = next.String()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("next page (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNextErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lines []string
		want  string
	}{
		"a bare target of another origin":    {[]string{`https://example.org/v2/team/app/tags/list?n=2; rel="next"`}, `a target at another host at "https://example.org/v2/team/app/"`},
		"a word without brackets":            {[]string{`list?n=2; rel="next"`}, `expected a target in angle brackets at "list?..."`},
		"a comma in a bare target":           {[]string{`?last=a,b; rel="next"`}, `expected a target in angle brackets at "b; rel=\"next\""`},
		"a target without a closing bracket": {[]string{`<?n=2; rel="next"`}, `a target without its closing bracket at "<?..."`},
		"junk after a target":                {[]string{`<?n=2> rel="next"`}, `expected a semicolon or a comma at "rel=\"next\""`},
		"junk after a parameter":             {[]string{`<?n=2>; rel="next" junk`}, `expected a semicolon or a comma at "junk"`},
		"junk instead of a parameter":        {[]string{`<?n=2>; "next"`}, `expected a parameter at "\"next\""`},
		"junk after the next page":           {[]string{`<?n=2>; rel="next", junk`}, `expected a target in angle brackets at "junk"`},
		"junk on a later line":               {[]string{`<?n=2>; rel="next"`, `>`}, `expected a target in angle brackets at ">"`},
		"a missing value":                    {[]string{`<?n=2>; rel=`}, "expected a token or a quoted string"},
		"an unterminated quoted string":      {[]string{`<?n=2>; rel="next`}, `unterminated quoted string at "\"next"`},
		"a control character":                {[]string{"<?n=2>; rel=\"next\n\""}, `control character in a quoted string at "\"next\n\""`},
		"two next pages":                     {[]string{`<?last=a>; rel="next", <?last=b>; rel="next"`}, `a second next page at "?..."`},
		"two next pages on two lines":        {[]string{`<?last=a>; rel="next"`, `<?last=b>; rel="next"`}, `a second next page at "?..."`},
		"more than eight kibibytes":          {[]string{strings.Repeat(",", 8<<10), `,`}, "longer than the limit of 8192 bytes"},
		"another host":                       {[]string{`<https://example.org/v2/team/app/tags/list>; rel=next`}, `a target at another host at "https://example.org/v2/team/app/"`},
		"a host with the same beginning":     {[]string{`<https://registry.example.com.org/v2/team/app/tags/list>; rel=next`}, `a target at another host at "https://registry.example.com.org"`},
		"a scheme without a host":            {[]string{`<https:/v2/team/app/tags/list>; rel=next`}, `a target at another host at "https:/v2/team/app/tags/list"`},
		"a scheme without a path":            {[]string{`<https:?n=2>; rel=next`}, `a target at another host at "https:?..."`},
		"a host without a scheme":            {[]string{`<//example.org/v2/team/app/tags/list>; rel=next`}, `a target that names a host without a scheme at "//example.org/v2/team/app/tags/l"`},
		"the same host without a scheme":     {[]string{`<//registry.example.com/v2/team/app/tags/list>; rel=next`}, `a target that names a host without a scheme at "//registry.example.com/v2/team/a"`},
		"user information":                   {[]string{`<https://u@registry.example.com/v2/team/app/tags/list>; rel=next`}, `a target with user information at "https://...@registry.example.com"`},
		"user information and another host":  {[]string{`<https://registry.example.com@example.org/>; rel=next`}, `a target with user information at "https://...@example.org/"`},
		"empty user information":             {[]string{`<https://@registry.example.com/v2/team/app/tags/list>; rel=next`}, `a target with user information at "https://...@registry.example.com"`},
		"another repository":                 {[]string{`</v2/team/other/tags/list?n=2>; rel=next`}, `a target of another list at "/v2/team/other/tags/list?..."`},
		"the end of every repository's list": {[]string{`</v2/tags/list?n=2>; rel=next`}, `a target of another list at "/v2/tags/list?..."`},
		"the list of a longer name":          {[]string{`</v2/myteam/app/tags/list?n=2>; rel=next`}, `a target of another list at "/v2/myteam/app/tags/list?..."`},
		"another list of the repository":     {[]string{`</v2/team/app/referrers/list?n=2>; rel=next`}, `a target of another list at "/v2/team/app/referrers/list?..."`},
		"the catalog":                        {[]string{`</v2/_catalog?n=2>; rel=next`}, `a target of another list at "/v2/_catalog?..."`},
		"another path with dots":             {[]string{`<../../other/tags/list>; rel=next`}, `a target of another list at "../../other/tags/list"`},
		"a path with a trailing slash":       {[]string{`</v2/team/app/tags/list/>; rel=next`}, `a target of another list at "/v2/team/app/tags/list/"`},
		"backslashes":                        {[]string{`<\\example.org\>; rel=next`}, `a target that is not a URL at "\\\\example.org\\"`},
		"backslashes before the same list":   {[]string{`<\\example.org/v2/team/app/tags/list?n=2>; rel=next`}, `a target that is not a URL at "\\\\example.org/v2/team/app/tags/l"`},
		"a space in the target":              {[]string{`<?last=b HTTP/1.1>; rel=next`}, `a target that is not a URL at "?..."`},
		"a line break in the target":         {[]string{"<?last=b\r\nX: y>; rel=next"}, `a target that is not a URL at "?..."`},
		"bytes above ASCII in the target":    {[]string{"<?last=caf\xe9>; rel=next"}, `a target that is not a URL at "?..."`},
		"a target that does not parse":       {[]string{`<https://[>; rel=next`}, `a target that is not a URL at "https://["`},
		"an anchor that does not parse":      {[]string{`<?n=2>; rel=next; anchor="%zz"`}, `an anchor that is not a URL at "%zz"`},
		"a file":                             {[]string{`<file:///etc/passwd>; rel=next`}, `a target at another host at "file:///etc/passwd"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next, err := link.Next(header(test.lines...), parseURL(t, page))
			if next != nil {
				t.Errorf("got %s, want none", next)
			}
			parseError, ok := errors.AsType[*link.Error](err)
			if !ok {
				t.Fatalf("got %v, want a *link.Error", err)
			}
			if diff := cmp.Diff("Link: "+test.want, parseError.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	from := parseURL(b, page+"?n=1000")
	for _, bench := range []struct{ name, line string }{
		{"path", `</v2/team/app/tags/list?last=v1.2.3&n=1000>; rel="next"`},
		{"url", `<` + page + `?last=v1.2.3&n=1000>; rel="next"`},
		{"none", `</v2/team/app/tags/list?n=1000>; rel="prev"`},
	} {
		b.Run(bench.name, func(b *testing.B) {
			h := header(bench.line)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := link.Next(h, from); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
