package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// maxPattern is how many bytes a pattern may have.
const maxPattern = 4096

// A pattern is a compiled Pattern.
type pattern struct {
	source Pattern
	glob   glob           // or:
	re     *regexp.Regexp // anchored; nil: none
	prefix string         // of all that re matches
	groups map[string]int // index of each named group of re; nil: none
	semver *constraint    // of the whole tag, or of the group "version" of re

	version, variant, number, date int // indices of these groups; 0: none
	per                            []part
	noGroup                        string // the group of a match without values
}

// A part is where one value of "per" comes from.
type part struct {
	component string // "major" or "minor" of the version, or
	text      string // of the pattern itself, or
	group     int    // index of a named group; 0: this pattern has no such value
}

// A patternError is what is wrong with a pattern.
type patternError struct {
	key     string // of the pattern's object; empty: the pattern
	problem string
}

// compilePattern returns a compiled pattern, or what is wrong with it.
func compilePattern(p Pattern) (*pattern, *patternError) {
	c := &pattern{source: p}
	if fault := checkPattern(p); fault != nil {
		return nil, fault
	}
	if p.Glob != "" {
		glob, err := compileGlob(p.Glob)
		if err != nil {
			return nil, &patternError{"", err.Error()}
		}
		c.glob = glob
		return c, nil
	}
	if p.Regexp != "" {
		if err := c.compileRegexp(p.Regexp); err != nil {
			return nil, &patternError{"regexp", err.Error()}
		}
	}
	if p.Semver != "" {
		if c.re != nil && c.version == 0 {
			return nil, &patternError{"semver", `beside a regexp it needs a group that is the version: (?P<version>…)`}
		}
		allowed, err := compileConstraint(p.Semver, p.Pre)
		if err != nil {
			return nil, &patternError{"semver", err.Error()}
		}
		c.semver = allowed
	}
	return c, nil
}

func checkPattern(p Pattern) *patternError {
	for _, text := range []struct{ key, value string }{{"", p.Glob}, {"regexp", p.Regexp}, {"semver", p.Semver}} {
		if len(text.value) > maxPattern {
			return &patternError{text.key, fmt.Sprintf("it is longer than %d bytes", maxPattern)}
		}
		if !utf8.ValidString(text.value) {
			return &patternError{text.key, "it is not UTF-8"}
		}
	}
	switch {
	case p.Glob != "" && (p.Regexp != "" || p.Semver != "" || p.Pre != ""):
		return &patternError{"", "a pattern is a glob, or has a regexp, a semver or both"}
	case p.Pre != "" && p.Pre != "only":
		return &patternError{"pre", `the only value is "only", for pre-releases alone`}
	case p.Pre != "" && p.Semver == "":
		return &patternError{"pre", "it needs a semver beside it"}
	case p == Pattern{}:
		return &patternError{"", "the pattern is empty"}
	}
	return nil
}

func (c *pattern) compileRegexp(s string) error {
	plain, err := regexp.Compile(s) // alone, so that "a)(b" is no expression
	if err != nil {
		return fmt.Errorf("%q is not a regular expression: %w", redact.Clip(s), err)
	}
	c.re, err = regexp.Compile(`\A(?:` + s + `)\z`)
	if err != nil {
		return fmt.Errorf("%q is not a regular expression: %w", redact.Clip(s), err)
	}
	if !canMatchTag(s) {
		return fmt.Errorf("%q matches no tag", redact.Clip(s))
	}
	c.prefix, _ = plain.LiteralPrefix()
	for i, name := range c.re.SubexpNames() {
		switch {
		case name == "":
			continue
		case c.groups == nil:
			c.groups = map[string]int{}
		case c.groups[name] > 0:
			return fmt.Errorf("%q has two groups of the name %q", redact.Clip(s), redact.Clip(name))
		}
		c.groups[name] = i
	}
	c.version, c.variant, c.number, c.date = c.groups["version"], c.groups["variant"], c.groups["number"], c.groups["date"]
	return nil
}

// hasVersion reports whether a match has a version, if its text is one.
func (c *pattern) hasVersion() bool { return c.version > 0 || c.re == nil && c.semver != nil }

// hasNumber reports whether a match has a number, if its text is one.
func (c *pattern) hasNumber() bool { return c.number > 0 }

// resolvePer finds the values of "per". It reports the first one that none of the
// patterns of a rule has.
func resolvePer(patterns []*pattern, per []string) (missing string, ok bool) {
	for _, name := range per {
		found := false
		for i, c := range patterns {
			p := part{group: c.groups[name]}
			switch {
			case name == "pattern":
				p = part{text: strconv.Itoa(i + 1)}
			case c.hasVersion() && (name == "major" || name == "minor"):
				p = part{component: name}
			}
			c.per = append(c.per, p)
			found = found || p != part{}
		}
		if !found {
			return name, false
		}
	}
	for _, c := range patterns {
		c.noGroup = c.groupOf("", nil, nil)
	}
	return "", true
}

// matches reports whether a tag matches.
func (c *pattern) matches(tag string) bool {
	if c.glob != nil {
		return c.glob.match(tag)
	}
	_, ok := c.match(tag, time.UTC)
	return ok
}

// match reads from a tag what the pattern has groups for.
func (c *pattern) match(tag string, zone *time.Location) (Match, bool) {
	switch {
	case c.glob != nil:
		return Match{Group: c.noGroup}, c.glob.match(tag)
	case c.re == nil:
		v, ok := parseVersion(tag)
		if !ok || !c.semver.match(v) {
			return Match{}, false
		}
		return c.read(tag, nil, &v, zone), true
	case !strings.HasPrefix(tag, c.prefix):
		return Match{}, false
	case c.groups == nil:
		return Match{Group: c.noGroup}, c.re.MatchString(tag)
	}
	found := c.re.FindStringSubmatchIndex(tag)
	if found == nil {
		return Match{}, false
	}
	var version *Version
	if v, ok := parseVersion(group(tag, found, c.version)); c.version > 0 && ok {
		version = &v
	}
	if c.semver != nil && (version == nil || !c.semver.match(*version)) {
		return Match{}, false
	}
	return c.read(tag, found, version, zone), true
}

func (c *pattern) read(tag string, found []int, v *Version, zone *time.Location) Match {
	m := Match{Version: v, Pre: v != nil && v.Pre != "", Variant: group(tag, found, c.variant), HasDate: c.date > 0}
	if number := group(tag, found, c.number); isDigits(number) {
		m.Number = number
	}
	if m.HasDate {
		m.Date = parseDate(group(tag, found, c.date), zone)
	}
	m.Group = c.groupOf(tag, found, v)
	return m
}

// groupOf returns the values of "per".
func (c *pattern) groupOf(tag string, found []int, v *Version) string {
	switch len(c.per) {
	case 0:
		return ""
	case 1:
		return c.per[0].value(tag, found, v)
	}
	values := make([]string, len(c.per))
	for i, p := range c.per {
		values[i] = p.value(tag, found, v)
	}
	return strings.Join(values, ",") // tags have no commas
}

func (p part) value(tag string, found []int, v *Version) string {
	switch {
	case p.text != "":
		return p.text
	case p.component == "" || v == nil:
		return group(tag, found, p.group)
	case p.component == "major":
		return v.major()
	}
	return v.minor()
}

// group returns the text of a group of a regular expression. Index 0 is no group, and found
// is nil if the expression has none.
func group(tag string, found []int, index int) string {
	if index == 0 || found == nil || found[2*index] < 0 {
		return ""
	}
	return tag[found[2*index]:found[2*index+1]]
}
