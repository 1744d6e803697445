package policy_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
	"github.com/bmatcuk/doublestar/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// FuzzParse checks that a policy is a list of faults or is stable: its JSON makes the
// same policy, as does its document, in any order of the rules.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/policies/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no policies", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Parse(data)
		if err != nil {
			checkErrors(t, err)
			return
		}
		again, err := policy.Parse(p.JSON())
		if err != nil {
			t.Fatalf("%s\nis not read again: %v", p.JSON(), err)
		}
		if diff := cmp.Diff(p.Document(), again.Document()); diff != "" || p.Digest() != again.Digest() {
			t.Fatalf("read again (-first +again):\n%s", diff)
		}
		doc := p.Document()
		for _, list := range [][]policy.Pattern{doc.Remove[0].Tags, doc.Remove[0].Except} {
			slices.Reverse(list)
		}
		slices.Reverse(doc.Keep)
		slices.Reverse(doc.Remove)
		slices.Reverse(doc.Repositories)
		reversed, err := policy.New(doc)
		if err != nil || reversed.Digest() != p.Digest() {
			t.Fatalf("in reverse it is another policy: %v", err)
		}
		for _, rule := range append(p.Keep(), p.Remove()...) {
			for _, tag := range []string{"latest", "v1.2.3", "1.2.3-rc.1", "pr-12", "20261126"} {
				rule.Match(tag)
			}
		}
	})
}

func checkErrors(t *testing.T, err error) {
	var all policy.Errors
	if !errors.As(err, &all) || len(all) == 0 || strings.Count(err.Error(), "\n") < len(all)-1 {
		t.Fatalf("no list of errors: %v", err)
	}
	for _, e := range all {
		if e.Problem == "" || e.Pointer != "" && !strings.HasPrefix(e.Pointer, "/") {
			t.Fatalf("%+v", e)
		}
	}
}

// FuzzParseInUse checks that a list is a list of faults with their lines, or has
// what its lines have.
func FuzzParseInUse(f *testing.F) {
	for _, list := range []string{
		"registry.example/team/app:v1\nsha256:" + hex("a") + "\n", "# made 2026-11-26T12:00:00Z\r\nnginx\r\n", "\ufeffdocker-pullable://registry.example/team/app@sha256:" + hex("b"),
		"Error from server", "\xff\xfe", "# made 2026\n", "<none>\n<none>", " registry.example/team/app ",
	} {
		f.Add(list)
	}
	made := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	rule := keepRule(f, `{"name": "in use", "file": "in-use.txt", "max-age": "1000y", "registries": ["docker.io"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := policy.ParseInUse("in-use.txt", strings.NewReader(text), made)
		var fault *policy.InUseError
		if err != nil {
			if !errors.As(err, &fault) || fault.Detail != policy.InUseMalformed || fault.Line < 1 || fault.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("no fault with a line: %v", err)
			}
			return
		}
		tags, digests, err := list.Held("registry.example", "team/app", rule, made)
		if err != nil {
			if !errors.As(err, &fault) || fault.Line != 0 || fault.Rule != "in use" {
				t.Fatalf("no fault of a list: %v", err)
			}
			return
		}
		if !slices.IsSorted(tags) || !slices.IsSorted(digests) || len(tags)+len(digests) > strings.Count(text, "\n")+1 {
			t.Fatalf("tags %q, digests %q", tags, digests)
		}
		for _, d := range digests {
			if d.Validate() != nil || !strings.Contains(text, string(d)) {
				t.Fatalf("digest %q is not in the list", d)
			}
		}
	})
}

// FuzzSpan checks that a span is written as it is read, and reaches back.
func FuzzSpan(f *testing.F) {
	for _, s := range []string{"36h", "90d", "2w", "6mo", "1y", "5m", "0d", "30", "1000y", "8766000h", "-1d", "1.5h"} {
		f.Add(s, int64(1_795_694_400))
	}
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		span, err := policy.ParseSpan(s)
		if err != nil {
			if !span.IsZero() {
				t.Fatalf("%q: %v with an error", s, span)
			}
			return
		}
		again, err := policy.ParseSpan(span.String())
		if err != nil || again != span || again.String() != span.String() || span.IsZero() {
			t.Fatalf("%q is written as %q: %v", s, span, err)
		}
		at := time.Unix(unix%(1<<35), 0)
		if before := span.Before(at); !before.Before(at) || at.Sub(before) < time.Hour {
			t.Fatalf("%s before %s is %s", span, at, before)
		}
		if after := span.After(at); !after.After(at) || after.Sub(at) < time.Hour {
			t.Fatalf("%s after %s is %s", span, at, after)
		}
	})
}

// matchOf compiles a pattern and reports whether it matches a tag.
func matchOf(p policy.Pattern, tag string) (bool, error) {
	compiled, err := policy.New(policy.Document{Version: 1, Remove: []policy.Remove{{Tags: []policy.Pattern{p}}}})
	if err != nil {
		return false, err
	}
	return len(compiled.Remove()[0].Match(tag)) > 0, nil
}

var tagGrammar = regexp.MustCompile(`\A[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\z`)

// FuzzGlob checks globs against doublestar: one that is refused matches no tag there.
func FuzzGlob(f *testing.F) {
	for _, glob := range []string{"*", "pr-*", "*-debug", "v[0-9]*", "{a,b{c,d}}*", "{a/**,b}", "**/x", "a\\*", "[!a]?", "{[,],\\,}x", "x{,/**}", "[\\]a]"} {
		f.Add(glob, "pr-1")
		f.Add(glob, "b")
	}
	f.Fuzz(func(t *testing.T, glob, tag string) {
		if !tagGrammar.MatchString(tag) || len(glob) > 40 || strings.Count(glob, ",") > 6 {
			return
		}
		want := utf8.ValidString(glob) && doublestar.ValidatePattern(glob) && doublestar.MatchUnvalidated(glob, tag)
		got, err := matchOf(policy.Pattern{Glob: glob}, tag)
		if got && strings.ContainsRune(glob, '*') && strings.ContainsRune(glob, '{') {
			// Doublestar overlooks that both may match nothing: "v1*{,-x}" does not match "v1" there.
			return
		}
		if got != want {
			t.Fatalf("glob %q, tag %q: %v (%v), want %v", glob, tag, got, err, want)
		}
	})
}

// FuzzRegexp checks that an expression matches whole tags, and that one that is
// refused matches none.
func FuzzRegexp(f *testing.F) {
	for _, expression := range []string{"a|b", "^v\\d+$", "(?i)rc", "(?P<number>\\d+)(?P<variant>-x)?", "a)(b", "v*1", "\\bx\\B.", "(?m)^a$", "a{129}", "(?P<date>.*)"} {
		f.Add(expression, "v1")
		f.Add(expression, "b")
	}
	f.Fuzz(func(t *testing.T, expression, tag string) {
		if !tagGrammar.MatchString(tag) || len(expression) > 60 {
			return
		}
		alone, err := regexp.Compile(expression)
		if err != nil || expression == "" {
			if _, err := matchOf(policy.Pattern{Regexp: expression}, tag); err == nil {
				t.Fatalf("%q is accepted", expression)
			}
			return
		}
		names := slices.DeleteFunc(alone.SubexpNames(), func(s string) bool { return s == "" })
		if slices.Sort(names); len(slices.Compact(slices.Clone(names))) < len(names) {
			return // refused, because a group has two meanings
		}
		whole, err := regexp.Compile(`\A(?:` + expression + `)\z`)
		if err != nil {
			return // the nesting is too deep by one
		}
		if got, err := matchOf(policy.Pattern{Regexp: expression}, tag); got != whole.MatchString(tag) {
			t.Fatalf("expression %q, tag %q: %v (%v)", expression, tag, got, err)
		}
	})
}

// FuzzSemver checks ranges against Masterminds/semver.
func FuzzSemver(f *testing.F) {
	for _, r := range []string{">=1.2.0 <2.0.0", "1.x || 3.x", "^0.0.3", "^0.2", "~1.2.3-rc.1", "!=1.2", ">1.2, !=1.3.x", "<=1", ">=1.0.0-0", "1.2 - 2.3.4", "*", "<0.0.0", ">1 <1", "!=*", "~0.0.0-0", "^1-rc"} {
		for _, version := range []string{"1.2.3", "v1.2.3-rc.1", "0.0.3", "1.2", "2.0.0-0"} {
			f.Add(r, version, false)
			f.Add(r, version, true)
		}
	}
	f.Fuzz(func(t *testing.T, r, version string, preOnly bool) {
		allowed, err := semver.NewConstraint(r)
		if err != nil || r == "" || strings.HasPrefix(version, "V") {
			return
		}
		pattern := policy.Pattern{Semver: r}
		if preOnly {
			pattern.Pre, allowed.IncludePrerelease = "only", true
		}
		v, err := semver.StrictNewVersion(strings.TrimPrefix(version, "v"))
		want := err == nil && v.Metadata() == "" && allowed.Check(v) && (!preOnly || v.Prerelease() != "")
		got, err := matchOf(pattern, version)
		if err != nil && strings.Contains(err.Error(), "does not name in full") {
			return
		}
		if got != want {
			t.Fatalf("range %q, pre-releases alone %v, version %q: %v (%v), want %v", r, preOnly, version, got, err, want)
		}
	})
}
