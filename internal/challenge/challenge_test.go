package challenge_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/challenge"
)

func header(lines ...string) http.Header {
	return http.Header{"Www-Authenticate": lines}
}

type params = map[string]string

func TestParse(t *testing.T) {
	t.Parallel()
	bearer := challenge.Challenge{Scheme: "bearer", Params: params{
		"realm": "https://auth.example.com/token", "service": "registry.example.com", "scope": "repository:team/app:pull,delete",
	}}
	basic := challenge.Challenge{Scheme: "basic", Params: params{"realm": "registry"}}
	negotiate := challenge.Challenge{Scheme: "negotiate"}
	const bearerText = `Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:team/app:pull,delete"`

	for name, test := range map[string]struct {
		lines []string
		want  []challenge.Challenge
	}{
		"a header without a line has no challenges":          {nil, nil},
		"an empty line has no challenges":                    {[]string{""}, nil},
		"a list of empty elements has no challenges":         {[]string{" ,\t, "}, nil},
		"a comma in a quoted string is no separator":         {[]string{bearerText}, []challenge.Challenge{bearer}},
		"a line may have several challenges":                 {[]string{`Basic realm="registry", Negotiate, ` + bearerText}, []challenge.Challenge{basic, negotiate, bearer}},
		"several lines are read in order":                    {[]string{bearerText, `Basic realm="registry"`}, []challenge.Challenge{bearer, basic}},
		"a scheme may have no parameters":                    {[]string{"Negotiate"}, []challenge.Challenge{negotiate}},
		"schemes without parameters may form a list":         {[]string{"Negotiate, Negotiate ,Negotiate"}, []challenge.Challenge{negotiate, negotiate, negotiate}},
		"schemes and names become lower case, values do not": {[]string{`BASIC REALM="Registry"`}, []challenge.Challenge{{Scheme: "basic", Params: params{"realm": "Registry"}}}},
		"a value may be a token":                             {[]string{"Basic realm=registry"}, []challenge.Challenge{basic}},
		"a value may be empty if it is quoted":               {[]string{`Basic realm=""`}, []challenge.Challenge{{Scheme: "basic", Params: params{"realm": ""}}}},
		"there may be space around the equals sign":          {[]string{"Basic realm \t= \"registry\" "}, []challenge.Challenge{basic}},
		"escapes are decoded":                                {[]string{`Basic realm="say \"hi\\\""`}, []challenge.Challenge{{Scheme: "basic", Params: params{"realm": `say "hi\"`}}}},
		"empty list elements are skipped":                    {[]string{`, Basic , realm="registry",,charset="UTF-8", ,`}, []challenge.Challenge{{Scheme: "basic", Params: params{"realm": "registry", "charset": "UTF-8"}}}},
		"a token68 is not changed":                           {[]string{"Negotiate YIIB+/-._~==, NTLM TlRM"}, []challenge.Challenge{{Scheme: "negotiate", Token68: "YIIB+/-._~=="}, {Scheme: "ntlm", Token68: "TlRM"}}},
		"a word and an equals sign are a token68":            {[]string{"Foo a="}, []challenge.Challenge{{Scheme: "foo", Token68: "a="}}},
		"a scheme after a token68 starts another challenge":  {[]string{"Foo a, b"}, []challenge.Challenge{{Scheme: "foo", Token68: "a"}, {Scheme: "b"}}},
		"the same name may occur in two challenges":          {[]string{"A x=1, B x=2"}, []challenge.Challenge{{Scheme: "a", Params: params{"x": "1"}}, {Scheme: "b", Params: params{"x": "2"}}}},
		"bytes above ASCII are kept in quoted strings":       {[]string{"Basic realm=\"caf\xe9\""}, []challenge.Challenge{{Scheme: "basic", Params: params{"realm": "caf\xe9"}}}},
		"eight challenges are within the limit":              {[]string{"N,N,N,N", "N,N,N,N"}, repeat(challenge.Challenge{Scheme: "n"}, 8)},
		"sixteen kibibytes are within the limit":             {[]string{"N" + strings.Repeat(",", 16<<10-2), "N"}, repeat(challenge.Challenge{Scheme: "n"}, 2)},
		"the error parameter is a parameter":                 {[]string{`Bearer realm="r",error="insufficient_scope"`}, []challenge.Challenge{{Scheme: "bearer", Params: params{"realm": "r", "error": "insufficient_scope"}}}},
		"a line may end in a comma":                          {[]string{`Basic realm="registry",`, "Negotiate"}, []challenge.Challenge{basic, negotiate}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := challenge.Parse(header(test.lines...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("challenges (-want +got):\n%s", diff)
			}
		})
	}
}

func repeat(c challenge.Challenge, n int) (list []challenge.Challenge) {
	for range n {
		list = append(list, c)
	}
	return list
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lines []string
		want  string
	}{
		"junk after a value":                       {[]string{`Other realm="x" junk`}, `expected a comma at "junk"`},
		"junk right after a value":                 {[]string{`Other realm="x"junk`}, `expected a comma at "junk"`},
		"junk after a scheme":                      {[]string{`Other @realm="x"`}, `expected a parameter at "@realm=\"x\""`},
		"junk right after a scheme":                {[]string{`Other"x"`}, `expected a space after a scheme at "\"x\""`},
		"junk after a token68":                     {[]string{`Negotiate abc== def`}, `expected a token or a quoted string at "= def"`},
		"junk after a good challenge":              {[]string{`Other realm="x", @`}, `expected a scheme or a parameter at "@"`},
		"junk on a second line":                    {[]string{`Other realm="x"`, `"`}, `expected a scheme or a parameter at "\""`},
		"a missing comma":                          {[]string{`Other realm="x" charset="y"`}, `expected a comma at "charset=\"y\""`},
		"an unterminated quoted string":            {[]string{`Other realm="x`}, `unterminated quoted string at "\"x"`},
		"a quoted string that ends in a backslash": {[]string{`Other realm="x\`}, `unterminated quoted string at "\"x\\"`},
		"a quoted string that spans two lines":     {[]string{`Other realm="x`, `y"`}, `unterminated quoted string at "\"x"`},
		"a control character in a quoted string":   {[]string{"Other realm=\"\x00\""}, `control character in a quoted string at "\"\x00\""`},
		"a line feed":                              {[]string{"Other realm=x\n"}, `expected a comma at "\n"`},
		"a missing value":                          {[]string{`Other realm = , charset="x"`}, `expected a token or a quoted string at ", charset=\"x\""`},
		"a missing name":                           {[]string{`Other ="x"`}, `a parameter that belongs to no scheme at "Other =\"x\""`},
		"a parameter before any scheme":            {[]string{`realm="x"`}, `a parameter that belongs to no scheme at "realm=\"x\""`},
		"a parameter after a scheme and a comma":   {[]string{`Negotiate,realm="x"`}, `a parameter that belongs to no scheme at "realm=\"x\""`},
		"a parameter after a token68":              {[]string{`Foo abc, realm="x"`}, `a parameter that belongs to no scheme at "realm=\"x\""`},
		"a parameter on a line of its own":         {[]string{`Other realm="x"`, `charset="y"`}, `a parameter that belongs to no scheme at "charset=\"y\""`},
		"the first parameter twice":                {[]string{`Other realm="x", REALM="y"`}, `a parameter given twice at "realm"`},
		"a later parameter twice":                  {[]string{`Other realm=x, a=1, a=1`}, `a parameter given twice at "a"`},
		"nine challenges":                          {[]string{"N,N,N,N", "N,N,N,N,N"}, `more than the limit of 8 challenges at "N"`},
		"more than sixteen kibibytes":              {[]string{strings.Repeat(",", 16<<10), ","}, "longer than the limit of 16384 bytes"},
		"33 parameters":                            {[]string{manyParams(33)}, `more than the limit of 32 parameters at "p33"`},
		"a long quotation is cut":                  {[]string{"Other @" + strings.Repeat("\x01", 99)}, `expected a parameter at "@` + strings.Repeat(`\x01`, 23) + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := challenge.Parse(header(test.lines...))
			if diff := cmp.Diff([]challenge.Challenge(nil), got); diff != "" {
				t.Errorf("challenges (-want +got):\n%s", diff)
			}
			parseError, ok := errors.AsType[*challenge.Error](err)
			if !ok {
				t.Fatalf("got %v, want a *challenge.Error", err)
			}
			if diff := cmp.Diff("WWW-Authenticate: "+test.want, parseError.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

// A Basic challenge needs nothing but its name.
func TestParseToleratesWhatFollowsBasic(t *testing.T) {
	t.Parallel()
	basic := challenge.Challenge{Scheme: "basic"}
	bearer := challenge.Challenge{Scheme: "bearer", Params: params{"realm": "r"}}
	for name, test := range map[string]struct {
		lines []string
		want  []challenge.Challenge
	}{
		"a realm that needs quotes":            {[]string{"Basic realm=/"}, []challenge.Challenge{basic}},
		"a realm in single quotes":             {[]string{"Basic realm='Sandstorm API'"}, []challenge.Challenge{basic}},
		"a realm of two words":                 {[]string{"Basic realm=Registry Realm"}, []challenge.Challenge{basic}},
		"a realm with a port":                  {[]string{"basic realm=registry.example.com:5000"}, []challenge.Challenge{basic}},
		"a realm without its closing quote":    {[]string{`Basic realm="Registry`}, []challenge.Challenge{basic}},
		"a realm and no equals sign":           {[]string{`Basic "Registry"`}, []challenge.Challenge{basic}},
		"no comma between parameters":          {[]string{`Basic realm="x" charset="UTF-8"`}, []challenge.Challenge{basic}},
		"the rest of the line is not read":     {[]string{`Basic realm=/, Bearer realm="r"`}, []challenge.Challenge{basic}},
		"other lines are":                      {[]string{`Basic realm=/`, `Bearer realm="r"`}, []challenge.Challenge{basic, bearer}},
		"a challenge before it on the line is": {[]string{`Bearer realm="r", Basic realm=/`}, []challenge.Challenge{bearer, basic}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := challenge.Parse(header(test.lines...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("challenges (-want +got):\n%s", diff)
			}
		})
	}
}

func manyParams(n int) string {
	var b strings.Builder
	b.WriteString("Many ")
	for i := range n {
		fmt.Fprintf(&b, "p%d=x,", i+1)
	}
	return b.String()
}

func TestString(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in   challenge.Challenge
		want string
	}{
		"a scheme may be alone":              {challenge.Challenge{Scheme: "negotiate"}, "negotiate"},
		"a token68 follows the scheme":       {challenge.Challenge{Scheme: "negotiate", Token68: "YII="}, "negotiate YII="},
		"parameters are sorted and quoted":   {challenge.Challenge{Scheme: "bearer", Params: params{"service": "s", "realm": "r"}}, `bearer realm="r",service="s"`},
		"quotes and backslashes are escaped": {challenge.Challenge{Scheme: "basic", Params: params{"realm": `"\`}}, `basic realm="\"\\"`},
		"an empty value is quoted":           {challenge.Challenge{Scheme: "basic", Params: params{"realm": ""}}, `basic realm=""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, test.in.String()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for name, h := range map[string]http.Header{
		"bearer": header(`Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:team/app:pull,delete"`),
		"basic":  header(`Basic realm="registry"`),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := challenge.Parse(h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
