package model

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/bmatcuk/doublestar/v4"
)

// A match is what one pattern of a rule reads from a tag.
type match struct {
	pattern Pattern
	version *semver.Version // nil for none
	number  string          // "" for none
	dated   bool            // the pattern reads the date from the tag
	date    time.Time       // zero if the tag has no valid one
	named   map[string]string
}

// matches returns what each pattern of a rule reads from an ordinary tag. It is empty if the rule
// does not match the tag.
func (r Rule) matches(tag string) (all []match) {
	for _, p := range r.Except {
		if _, ok := p.match(tag, time.UTC); ok {
			return nil
		}
	}
	if len(r.Tags) == 0 {
		return []match{{}}
	}
	for _, p := range r.Tags {
		if m, ok := p.match(tag, r.location()); ok {
			all = append(all, m)
		}
	}
	return all
}

func (r Rule) location() *time.Location {
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		panic(err)
	}
	return zone
}

func (p Pattern) match(tag string, zone *time.Location) (match, bool) {
	m := match{pattern: p}
	switch {
	case p.Glob != "":
		ok, err := doublestar.Match(p.Glob, tag)
		return m, ok && err == nil
	case p.Regexp == "":
		m.version = strictVersion(tag)
		return m, p.inRange(m.version)
	}
	expression := regexp.MustCompile(`\A(?:` + p.Regexp + `)\z`)
	values := expression.FindStringSubmatch(tag)
	if values == nil {
		return m, false
	}
	m.named = map[string]string{}
	for i, name := range expression.SubexpNames() {
		if name != "" {
			m.named[name] = values[i]
		}
	}
	m.version = strictVersion(m.named["version"])
	if regexp.MustCompile(`^\d+$`).MatchString(m.named["number"]) {
		m.number = m.named["number"]
	}
	m.dated = slices.Contains(expression.SubexpNames(), "date")
	m.date = dateInTag(m.named["date"], zone)
	return m, p.Semver == "" || p.inRange(m.version)
}

// yields reports whether a pattern reads a version or a number from tags.
func (p Pattern) yields(group string) bool {
	if p.Semver != "" && group == "version" {
		return true
	}
	return p.Regexp != "" && slices.Contains(regexp.MustCompile(p.Regexp).SubexpNames(), group)
}

// inRange reports whether a version satisfies the range of a pattern. Pre-releases do only where the
// range itself has one, or where the pattern wants nothing else.
func (p Pattern) inRange(v *semver.Version) bool {
	if v == nil {
		return false
	}
	c, err := semver.NewConstraint(p.Semver)
	if err != nil {
		panic(err)
	}
	if p.Pre == "only" {
		c.IncludePrerelease = true
		return v.Prerelease() != "" && c.Check(v)
	}
	return c.Check(v)
}

// From the recommended expression of https://semver.org, with an optional v and without metadata,
// which tags cannot have.
var versionForm = regexp.MustCompile(`^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?$`)

// strictVersion returns the version that a text is, or nil.
func strictVersion(text string) *semver.Version {
	if !versionForm.MatchString(text) {
		return nil
	}
	v, err := semver.StrictNewVersion(strings.TrimPrefix(text, "v"))
	if err != nil {
		return nil
	}
	return v
}

// dateInTag returns the date that the digits of a text are, or zero.
func dateInTag(text string, zone *time.Location) time.Time {
	digits := regexp.MustCompile(`\D`).ReplaceAllString(text, "")
	var date time.Time
	switch layout := "20060102150405"; len(digits) {
	case 8, 12, 14:
		parsed, err := time.ParseInLocation(layout[:len(digits)], digits, zone)
		if err != nil {
			return time.Time{}
		}
		date = parsed
	case 10:
		seconds, _ := strconv.ParseInt(digits, 10, 64)
		date = time.Unix(seconds, 0)
	case 13:
		milliseconds, _ := strconv.ParseInt(digits, 10, 64)
		date = time.UnixMilli(milliseconds).Truncate(time.Second)
	}
	return date
}

// groupOf returns in which group of a rule a match is. Variants and pre-releases are always apart.
func (r Rule) groupOf(m match) group {
	g := group{variant: m.named["variant"], pre: m.version != nil && m.version.Prerelease() != ""}
	for _, per := range r.Per {
		var value string
		switch {
		case per == "pattern":
			value = m.pattern.Glob + "|" + m.pattern.Regexp + "|" + m.pattern.Semver + "|" + m.pattern.Pre
		case per != "major" && per != "minor":
			value = m.named[per]
		case m.version == nil:
			value = "no version"
		default:
			numbers := []uint64{m.version.Major(), m.version.Minor(), m.version.Patch()}
			for _, number := range numbers[:1+slices.Index([]string{"major", "minor"}, per)] {
				value += strconv.FormatUint(number, 10) + "."
			}
		}
		g.per += strconv.Quote(value)
	}
	return g
}

// A group of images that are ranked together.
type group struct {
	variant string
	pre     bool
	per     string
}

// sameClass reports whether groups compete with each other under "groups".
func (g group) sameClass(other group) bool { return g.variant == other.variant && g.pre == other.pre }

// rankedBy returns what ranks the images of a rule.
func (r Rule) rankedBy() string {
	if r.By != "" {
		return r.By
	}
	for _, by := range []string{"version", "number"} {
		without := func(p Pattern) bool { return !p.yields(by) }
		if len(r.Tags) > 0 && !slices.ContainsFunc(r.Tags, without) {
			return by
		}
	}
	return "date"
}

// compareNumbers compares numbers of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
