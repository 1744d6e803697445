package field_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/field"
)

func TestValue(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in      string
		want    string
		problem field.Problem
		rest    string
	}{
		"a token ends at the first byte that is not allowed":  {in: "next;", want: "next", rest: ";"},
		"a token may have all punctuation of the grammar":     {in: "!#$%&'*+-.^_`|~ ", want: "!#$%&'*+-.^_`|~", rest: " "},
		"a quoted string loses its quotes":                    {in: `"a, b";`, want: "a, b", rest: ";"},
		"an empty quoted string is a value":                   {in: `"",`, want: "", rest: ","},
		"a backslash escapes the byte after it":               {in: `"a\"b\\c\d"`, want: `a"b\cd`},
		"a quoted string may have tabs and bytes above ASCII": {in: "\"a\t\xe9\"", want: "a\t\xe9"},
		"the empty string is not a value":                     {in: "", problem: field.NoValue},
		"a comma is not a value":                              {in: ",", problem: field.NoValue, rest: ","},
		"a quoted string needs a closing quote":               {in: `"a`, problem: field.Unterminated, rest: `"a`},
		"an escaped quote is not a closing quote":             {in: `"a\"`, problem: field.Unterminated, rest: `"a\"`},
		"a backslash needs a byte after it":                   {in: `"a\`, problem: field.Unterminated, rest: `"a\`},
		"a quoted string has no control characters":           {in: "\"a\nb\"", problem: field.Control, rest: "\"a\nb\""},
		"a quoted string has no escaped control characters":   {in: "\"a\\\x00b\"", problem: field.Control, rest: "\"a\\\x00b\""},
		"a quoted string has no delete character":             {in: "\"\x7f\"", problem: field.Control, rest: "\"\x7f\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := field.NewScanner(test.in)
			got, problem := s.Value()
			if diff := cmp.Diff([]any{test.want, test.problem, test.rest}, []any{got, problem, s.Rest()}); diff != "" {
				t.Errorf("value, problem and rest (-want +got):\n%s", diff)
			}
		})
	}
}

func TestElement(t *testing.T) {
	t.Parallel()
	s := field.NewScanner(" ,, a , ,\tb c,")
	var got []string
	for s.Element() {
		got = append(got, s.Token())
		if !s.EndOfElement() {
			got = append(got, "then "+s.Token())
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "then c"}, got); diff != "" {
		t.Errorf("elements (-want +got):\n%s", diff)
	}
}

// FuzzQuoted checks that Quoted reads back what Quote writes, and that what it reads comes from its
// input.
func FuzzQuoted(f *testing.F) {
	for _, seed := range []string{"", "plain", `with "quotes"`, `back\slash`, `"quoted" rest`, `"a\"b"`, "\"\x00\"", `"\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s := field.NewScanner(in)
		value, problem := s.Quoted()
		if problem != "" {
			if value != "" || s.Rest() != in {
				t.Fatalf("%s, but Quoted returned %q and left %q", problem, value, s.Rest())
			}
			return
		}
		if len(value)+len(s.Rest())+2 > len(in) || !strings.HasSuffix(in, s.Rest()) {
			t.Fatalf("Quoted returned %q and left %q", value, s.Rest())
		}
		var b strings.Builder
		field.Quote(&b, value)
		again, problem := field.NewScanner(b.String()).Quoted()
		if problem != "" || again != value {
			t.Fatalf("%q is quoted as %s and read back as %q (%s)", value, &b, again, problem)
		}
	})
}
