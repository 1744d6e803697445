package policy

import (
	"cmp"
	"strconv"
	"strings"
)

// A Version is a semantic version without build metadata. Tags cannot contain the
// plus sign that build metadata begins with.
//
// See https://semver.org/spec/v2.0.0.html
type Version struct {
	Major, Minor, Patch uint64
	Pre                 string // "rc.1"; empty for a release
}

// parseVersion parses X.Y.Z or X.Y.Z-pre, with or without a "v" before it. Nothing
// else is a version: "1.2" is mostly a tag that moves, and "20240131" a date.
func parseVersion(s string) (Version, bool) {
	s = strings.TrimPrefix(s, "v")
	if s == "" || !isDigit(s[0]) { // most tags that are no versions end here
		return Version{}, false
	}
	core, pre, hasPre := strings.Cut(s, "-")
	major, rest, ok1 := strings.Cut(core, ".")
	minor, patch, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || hasPre && !isPreRelease(pre) {
		return Version{}, false
	}
	v := Version{Pre: pre}
	for _, part := range []struct {
		to   *uint64
		text string
	}{{&v.Major, major}, {&v.Minor, minor}, {&v.Patch, patch}} {
		if !isDigits(part.text) || hasLeadingZero(part.text) {
			return Version{}, false
		}
		n, err := strconv.ParseUint(part.text, 10, 64)
		if err != nil {
			return Version{}, false
		}
		*part.to = n
	}
	return v, true
}

// isPreRelease reports whether s is one or more identifiers with dots between them.
func isPreRelease(s string) bool {
	for identifier := range strings.SplitSeq(s, ".") {
		if identifier == "" || strings.ContainsFunc(identifier, notInIdentifier) || isDigits(identifier) && hasLeadingZero(identifier) {
			return false
		}
	}
	return true
}

func notInIdentifier(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-'
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func hasLeadingZero(digits string) bool { return len(digits) > 1 && digits[0] == '0' }

// Compare returns a negative number if v has a lower precedence than w, a positive
// one if it has a higher one, and zero if they are equal. The identifiers of a
// pre-release are compared as numbers only if they consist of digits alone: rc.10
// is after rc.9, but rc10 is before rc9.
func (v Version) Compare(w Version) int {
	core := cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
	switch {
	case core != 0 || v.Pre == w.Pre:
		return core
	case v.Pre == "": // a release is after all of its pre-releases
		return 1
	case w.Pre == "":
		return -1
	}
	return comparePre(v.Pre, w.Pre)
}

func comparePre(a, b string) int {
	for {
		var x, y string
		var moreA, moreB bool
		x, a, moreA = strings.Cut(a, ".")
		y, b, moreB = strings.Cut(b, ".")
		if c := compareIdentifiers(x, y); c != 0 {
			return c
		}
		if !moreA || !moreB {
			return cmp.Compare(btoi(moreA), btoi(moreB))
		}
	}
}

func compareIdentifiers(x, y string) int {
	switch dx, dy := isDigits(x), isDigits(y); {
	case dx && dy:
		return CompareNumbers(x, y)
	case dx: // a number is before every word
		return -1
	case dy:
		return 1
	}
	return strings.Compare(x, y)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// String returns the version without a "v".
func (v Version) String() string {
	s := v.minor() + "." + strconv.FormatUint(v.Patch, 10)
	if v.Pre != "" {
		s += "-" + v.Pre
	}
	return s
}

func (v Version) major() string { return strconv.FormatUint(v.Major, 10) }

func (v Version) minor() string { return v.major() + "." + strconv.FormatUint(v.Minor, 10) }

// CompareNumbers compares two strings of decimal digits of any length as numbers,
// and returns a negative number, zero or a positive number.
func CompareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
