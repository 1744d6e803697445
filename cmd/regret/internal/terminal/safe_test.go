package terminal_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

func TestSafe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"plain text stays":                   {`1.4-rc.1 "quoted" C:\dir`, `1.4-rc.1 "quoted" C:\dir`},
		"letters of any script stay":         {"Größe 大きさ размер आकार", "Größe 大きさ размер आकार"},
		"pictures stay":                      {"🚀", "🚀"},
		"the replacement character stays":    {"\ufffd", "\ufffd"},
		"escape sequences":                   {"\x1b[2J\x1b]0;title\a", `\x1b[2J\x1b]0;title\x07`},
		"their form of one byte, as a rune":  {"\u009b2J", `\u009b2J`},
		"their form of one byte, as a byte":  {"\x9b2J", `\x9b2J`},
		"line breaks":                        {"a\nb\rc\u0085d\u2028e", `a\nb\rc\u0085d\u2028e`},
		"tabs, backspace, delete and NUL":    {"\t\b\x7f\x00", `\t\x08\x7f\x00`},
		"overrides of direction":             {"\u202egpj.\u202c\u2066\u2069\u200f", `\u202egpj.\u202c\u2066\u2069\u200f`},
		"what has no width":                  {"a\u200bb\u200d\ufeff\u00ad\u2060", `a\u200bb\u200d\ufeff\u00ad\u2060`},
		"letters that cannot be seen":        {"\u3164\u115f\uffa0", `\u3164\u115f\uffa0`},
		"variation selectors":                {"a\ufe0f\U000e0100", `a\ufe0f\U000e0100`},
		"tags that hide text":                {"\U000e0041", `\U000e0041`},
		"spaces that are others":             {"a\u00a0b\u3000", `a\u00a0b\u3000`},
		"bytes that are not UTF-8":           {"\xff\xc3(", `\xff\xc3(`},
		"private and unassigned code points": {"\ue000\U0010ffff", `\ue000\U0010ffff`},
		"nothing":                            {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := terminal.Safe(test.text); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSafeLinesKeepsLineFeedsAlone(t *testing.T) {
	t.Parallel()
	if got, want := terminal.SafeLines("a\nb\r\n\x1b"), "a\nb\\r\n\\x1b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzSafe(f *testing.F) {
	for _, seed := range []string{"", "plain", "\x1b[31m", "\u202e", "\xff", "a\nb", "\u009b", "\U000e0041"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := terminal.Safe(text)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		if i := strings.IndexFunc(got, func(r rune) bool {
			return r != ' ' && (unicode.IsSpace(r) || !unicode.IsGraphic(r))
		}); i >= 0 {
			t.Fatalf("%q has a rune at %d that a terminal acts on", got, i)
		}
		if again := terminal.Safe(got); again != got {
			t.Fatalf("%q changes again: %q", got, again)
		}
		if lines := strings.ReplaceAll(terminal.SafeLines(text), "\n", `\n`); lines != got {
			t.Fatalf("SafeLines differs in more than line feeds: %q, %q", lines, got)
		}
		if cut := terminal.Cut(got, 5); terminal.Width(cut) > 5 {
			t.Fatalf("%q is wider than 5", cut)
		}
	})
}
