package redact_test

import (
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

func TestClip(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", redact.MaxClip)
	for _, tt := range []struct{ rule, text, want string }{
		{"a short text stays as it is", "a\nb", "a\nb"},
		{"a text of the maximum length stays as it is", long, long},
		{"a longer text is cut", long + "b", long + "…"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if got := redact.Clip(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, text string
		limit      int
		want       string
	}{
		{"text stays as it is", "denied: größer", 100, "denied: größer"},
		{"an empty text stays empty", "", 100, ""},
		{"white space is folded", " \r\n a \t\u00a0\u2028 b\n", 100, "a b"},
		{"white space alone is nothing", " \r\n\t", 100, ""},
		{"control characters are replaced", "a\x1b[31mb\x00\x7f\u0085c", 100, "a?[31mb?? c"},
		{"characters that change the direction of text are replaced", "a\u202eb\u2066", 100, "a?b?"},
		{"characters without width are replaced", "a\u200bb\ufeff", 100, "a?b?"},
		{"bytes that are not UTF-8 are replaced", "a\xff\xc3b", 100, "a??b"},
		{"the replacement character is replaced", "a\ufffdb", 100, "a?b"},
		{"a long text is cut with an ellipsis", "abcdefghij", 8, "abcd…"},
		{"a rune is not cut", "ab€€", 8, "ab…"},
		{"white space does not end a text that was cut", "abc     defgh", 7, "abc…"},
		{"without room there is only the ellipsis", "abc", 0, "…"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			got := redact.Printable(tt.text, tt.limit)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if again := redact.Printable(got, tt.limit); again != got {
				t.Errorf("the second time it is %q", again)
			}
		})
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ rule, text, want string }{
		{"text without a URL stays as it is", "user@example.com? yes", "user@example.com? yes"},
		{"a URL without secrets stays as it is", `Get "https://example.com/a": EOF`, `Get "https://example.com/a": EOF`},
		{"user information is removed", "proxy http://user:hunter2@proxy:3128 failed", "proxy http://…@proxy:3128 failed"},
		{"a password may contain an @", "http://user:hunter2@hunter3@proxy:3128", "http://…@proxy:3128"},
		{"a query is removed", `Get "https://storage/a?X-Signature=hunter2": EOF`, `Get "https://storage/a?…": EOF`},
		{"user information and query are removed", "https://user@storage/a?b", "https://…@storage/a?…"},
		{"every URL is redacted", "https://storage/a?b http://user@proxy", "https://storage/a?… http://…@proxy"},
		{"a query with an @ is removed", "https://storage/a?b=hunter2@hunter3 failed", "https://… failed"},
		{"a query with an @ after user information is removed", `"https://user@storage/a?b=hunter2@hunter3" failed`, `"https://…" failed`},
		{"a password with a question mark is removed", `parse "http://user:hunter2?hunter3@proxy": bad`, `parse "http://…": bad`},
		{"a password with a number sign is removed", `parse "http://user:hunter2#hunter3@proxy": bad`, `parse "http://…": bad`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if got := redact.URLs(tt.text); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
