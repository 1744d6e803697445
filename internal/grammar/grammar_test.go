package grammar_test

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/grammar"
)

// aSHA256 and aSHA512 are the digests of no bytes.
var aSHA256, aSHA512 = digest.SHA256.FromString(""), digest.SHA512.FromString("")

// A row is a name and what its error says, if there is one.
type row struct{ rule, name, says string }

func check(t *testing.T, rows []row, accept func(name string) error) {
	t.Helper()
	for _, test := range rows {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			err := accept(test.name)
			if test.says == "" {
				if err != nil {
					t.Errorf("%q: %v", test.name, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.says) || len(err.Error()) > 1<<10 {
				t.Errorf("%q: error %v, want %q", test.name, err, test.says)
			}
		})
	}
}

func TestRepository(t *testing.T) {
	t.Parallel()
	const no = "does not fit the grammar"
	check(t, []row{
		{"one component is a name", "busybox", ""},
		{"several components are a name", "a/b/c0", ""},
		{"digits are allowed", "0/0a", ""},
		{"a dot, an underscore or two separate", "a.b_c__d", ""},
		{"any number of dashes separates", "a-b----c", ""},
		{"255 bytes are allowed", strings.Repeat("a", 255), ""},

		{"an empty name is an error", "", "the repository name is empty"},
		{"256 bytes are an error", strings.Repeat("a", 256), "longer than 255 bytes"},
		{"a megabyte is an error", strings.Repeat("a", 1<<20), "longer than 255 bytes"},
		{"an empty component is an error", "a//b", no},
		{"a leading slash is an error", "/a", no},
		{"a trailing slash is an error", "a/", no},
		{"a leading separator is an error", "-a", no},
		{"a trailing separator is an error", "a/b_", no},
		{"two dots are an error", "a..b", no},
		{"three underscores are an error", "a___b", no},
		{"two kinds of separator in a row are an error", "a.-b", no},
		{"a path that climbs is an error", "a/../b", no},
		{"upper case is an error", "Team/app", no},
		{"a tag is an error", "a:v1", no},
		{"an escape is an error", "a%2fb", no},
		{"a query is an error", "a?b", no},
		{"a fragment is an error", "a#b", no},
		{"a backslash is an error", `a\b`, no},
		{"white space is an error", "a b", no},
		{"a trailing line feed is an error", "a\n", no},
		{"a zero byte is an error", "a\x00", no},
		{"Unicode is an error", "ä", no},
		{"invalid UTF-8 is an error", "a\xff", no},
		{"a digest is an error and is shown", "a@" + string(aSHA256), `"a@sha256:e3b0`},
		{"user information is an error and is not shown", "user:hunter2@host/a", `"…@host/a"`},
	}, grammar.Repository)
}

func TestTag(t *testing.T) {
	t.Parallel()
	const no = "does not fit the grammar"
	check(t, []row{
		{"letters, digits, dots, dashes and underscores are allowed", "vV1.2-rc_3", ""},
		{"an underscore may lead", "_", ""},
		{"a digit may lead", "0", ""},
		{"two dots are allowed", "a..b", ""},
		{"128 bytes are allowed", strings.Repeat("v", 128), ""},

		{"an empty tag is an error", "", no},
		{"129 bytes are an error", strings.Repeat("v", 129), no},
		{"a megabyte is an error", strings.Repeat("v", 1<<20), no},
		{"a leading dot is an error", ".v1", no},
		{"a leading dash is an error", "-v1", no},
		{"a slash is an error", "v1/x", no},
		{"a plus is an error", "v1+x", no},
		{"a colon is an error", "v1:x", no},
		{"an escape is an error", "v1%2f", no},
		{"a query is an error", "v1?x", no},
		{"a trailing line feed is an error", "v1\n", `"v1\n"`},
		{"Unicode is an error", "vé", no},
		{"invalid UTF-8 is an error", "v\xff", no},
	}, grammar.Tag)
}

func TestDigest(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"sha256 is allowed", string(aSHA256), ""},
		{"sha384 is allowed", string(digest.SHA384.FromString("")), ""},
		{"sha512 is allowed", string(aSHA512), ""},

		{"an empty digest is an error", "", `digest "": invalid`},
		{"a tag is an error", "latest", "invalid"},
		{"an algorithm alone is an error", "sha256:", "invalid"},
		{"a hash alone is an error", ":" + aSHA256.Encoded(), "invalid"},
		{"a hash that is too short is an error", string(aSHA256[:70]), "length"},
		{"a hash that is too long is an error", string(aSHA256) + "0", "length"},
		{"the length of another algorithm is an error", "sha512:" + aSHA256.Encoded(), "length"},
		{"upper case is an error", "sha256:" + strings.ToUpper(aSHA256.Encoded()), "invalid"},
		{"a path of the right length is an error", "sha256:" + strings.Repeat("../", 21) + "a", "invalid"},
		{"a trailing line feed is an error", string(aSHA256) + "\n", `\n`},
		{"a line feed in place of the last digit is an error", string(aSHA256[:70]) + "\n", "invalid"},
		{"a megabyte is an error", "sha256:" + strings.Repeat("a", 1<<20), "length"},
		{"a broken algorithm is an error", "md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported"},
		{"an unknown algorithm is an error", "blake9:" + aSHA256.Encoded(), "unsupported"},
	}, func(d string) error { return grammar.Digest(digest.Digest(d)) })
}

func TestReference(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		s    string
		want digest.Digest
		ok   bool
	}{
		{"latest", "", true},
		{string(aSHA256), aSHA256, true},
		{string(aSHA512), aSHA512, true},
		{"sha256-" + aSHA256.Encoded(), "", true},
		{"", "", false},
		{".v1", "", false},
		{"v1:x", "v1:x", false},
		{"sha256:zz", "sha256:zz", false},
	} {
		if got, err := grammar.Reference(test.s); got != test.want || (err == nil) != test.ok {
			t.Errorf("%q: %q, %v", test.s, got, err)
		}
	}
}
