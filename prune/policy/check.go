package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// maxName is how many bytes the name of a rule may have.
const maxName = 200

// A checker finds the faults of a document and compiles what is right.
//
// What a rule's values are in combination is checked only if each of them is right,
// so that one fault is not reported as several.
type checker struct{ faults faults }

// name checks the name of a rule.
func (c *checker) name(at, name string) {
	switch {
	case len(name) > maxName:
		c.faults.add(at, "it is longer than %d bytes", maxName)
	case !isPlainText(name):
		c.faults.add(at, "it has control characters, or is not UTF-8")
	}
}

func isPlainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// selection compiles the patterns of a rule.
func (c *checker) selection(at string, r *Rule, tags, except []Pattern) {
	if tags != nil && len(tags) == 0 {
		c.faults.add(at+"/tags", "the list is empty, so that no tag matches: leave it out to match every tag")
	}
	r.patterns = c.patterns(at+"/tags", tags)
	r.except = c.patterns(at+"/except", except)
	if !c.faults.within(at) && exceptsAll(r.patterns, r.except) {
		c.faults.add(at+"/except", "it takes away every tag that matches")
	}
}

func (c *checker) patterns(at string, list []Pattern) (compiled []*pattern) {
	for i, p := range list {
		at := at + "/" + strconv.Itoa(i)
		if c.faults.within(at) {
			continue
		}
		one, fault := compilePattern(p)
		if fault == nil {
			compiled = append(compiled, one)
			continue
		}
		if fault.key != "" {
			at += "/" + fault.key
		}
		c.faults.add(at, "%s", fault.problem)
	}
	return compiled
}

// exceptsAll reports whether exceptions certainly take away all that patterns match: because
// they match everything, because they repeat a pattern, or because each glob of a pattern is a
// word, a beginning or an end that a glob of them covers. Without patterns a rule matches
// everything.
func exceptsAll(patterns, except []*pattern) bool {
	if slices.ContainsFunc(except, func(e *pattern) bool { return e.glob.matchesEverything() }) {
		return true
	}
	uncovered := func(a alternative) bool {
		return !slices.ContainsFunc(except, func(e *pattern) bool {
			return a.kind == word && e.matches(a.text) || slices.ContainsFunc(e.glob, func(b alternative) bool { return b.covers(a) })
		})
	}
	return len(patterns) > 0 && !slices.ContainsFunc(patterns, func(p *pattern) bool {
		repeated := slices.ContainsFunc(except, func(e *pattern) bool { return e.source == p.source })
		return !repeated && (p.glob == nil || slices.ContainsFunc(p.glob, uncovered))
	})
}

// positive checks a number that may be absent, which is 0.
func (c *checker) positive(at string, n int) int {
	if n < 0 {
		c.faults.add(at, "it must be at least 1")
	}
	return n
}

func (c *checker) span(at, s string) Span {
	if s == "" {
		return Span{}
	}
	span, err := ParseSpan(s)
	if err != nil {
		c.faults.add(at, "%q is not a length of time: %v", redact.Clip(s), err)
	}
	return span
}

func (c *checker) zone(at, name string) *time.Location {
	if name == "" {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	switch {
	case name == "Local": // differs from machine to machine
		c.faults.add(at, `"Local" is not a time zone: write its name, such as "Europe/Berlin"`)
	case err != nil:
		c.faults.add(at, `%q is not a time zone that this machine knows, such as "Europe/Berlin"; `+
			`a machine without time zones needs a program that imports time/tzdata`, redact.Clip(name))
	default:
		return zone
	}
	return time.UTC
}

func (c *checker) file(at, name string) string {
	if !isPlainText(name) {
		c.faults.add(at, "it has control characters, or is not UTF-8")
	}
	return name
}

func (c *checker) registries(at string, names []string) {
	for i, name := range names {
		at := at + "/" + strconv.Itoa(i)
		if c.faults.within(at) {
			continue
		}
		ref, err := regret.ParseReference(name + "/x/y")
		if err != nil || ref.Repository != "x/y" { // otherwise a part of the name is one of a repository's
			c.faults.add(at, `%q is not a registry such as "mirror.example:5000"`, redact.Clip(name))
		}
	}
}

// ranking is what a rule says about groups and their order.
type ranking struct {
	count    int
	per      []string
	by       string
	groups   int
	zone     string
	calendar bool
}

// ranking compiles what ranks images. It expects that the patterns are right.
func (c *checker) ranking(at string, r *Rule, k ranking) {
	r.count, r.groups = k.count, c.positive(at+"/groups", k.groups)
	r.per = sortedSet(k.per)
	if k.per != nil && len(k.per) == 0 && !c.faults.within(at+"/per") {
		c.faults.add(at+"/per", "the list is empty: leave it out to have one group")
	}
	r.zone = c.zone(at+"/zone", k.zone)
	for i, name := range k.per {
		if at := at + "/per/" + strconv.Itoa(i); name == "" && !c.faults.within(at) {
			c.faults.add(at, "it is empty")
		}
	}
	if k.by != "" && k.by != "version" && k.by != "number" && k.by != "date" {
		c.faults.add(at+"/by", `%q does not rank images: write "version", "number" or "date"`, redact.Clip(k.by))
	}
}

// combine checks what a rule says about groups against the rest of the rule.
func (c *checker) combine(at string, r *Rule, k ranking) {
	counts := k.count > 0 || k.calendar
	r.by = resolveBy(r.patterns)
	switch {
	case k.by == "":
	case k.count == 0 && k.groups == 0:
		c.faults.add(at+"/by", "the rule ranks nothing: it has no number of images")
	case k.by == "version" && !slices.ContainsFunc(r.patterns, (*pattern).hasVersion):
		c.faults.add(at+"/by", `no pattern of the rule has a version: write a "semver", or a "regexp" with a group (?P<version>…)`)
	case k.by == "number" && !slices.ContainsFunc(r.patterns, (*pattern).hasNumber):
		c.faults.add(at+"/by", `no pattern of the rule has a number: write a "regexp" with a group (?P<number>…)`)
	default:
		r.by = map[string]By{"version": ByVersion, "number": ByNumber, "date": ByDate}[k.by]
	}
	if missing, ok := resolvePer(r.patterns, r.per); !ok {
		c.per(at, k.per, missing)
	} else if len(k.per) > 0 && !counts {
		c.faults.add(at+"/per", "it makes groups, but the rule has no number of images to count in each")
	}
	if k.groups > 0 && len(k.per) == 0 {
		c.faults.add(at+"/groups", `it needs "per", which makes the groups`)
	}
	if k.zone != "" && !asksZone(r) {
		c.faults.add(at+"/zone", "nothing in the rule depends on a time zone: neither a calendar nor the date in a tag")
	}
}

// per reports a value that no pattern has.
func (c *checker) per(at string, per []string, missing string) {
	at += "/per/" + strconv.Itoa(slices.Index(per, missing))
	if missing == "major" || missing == "minor" {
		c.faults.add(at, "no pattern of the rule has a version whose %s number could make groups", missing)
		return
	}
	c.faults.add(at, "no pattern of the rule has a group (?P<%s>…)", redact.Clip(missing))
}

// resolveBy returns what ranks the images of a rule that does not say it.
func resolveBy(patterns []*pattern) By {
	lacks := func(has func(*pattern) bool) bool {
		return slices.ContainsFunc(patterns, func(p *pattern) bool { return !has(p) })
	}
	switch {
	case len(patterns) == 0:
		return ByDate
	case !lacks((*pattern).hasVersion):
		return ByVersion
	case !lacks((*pattern).hasNumber):
		return ByNumber
	}
	return ByDate
}

// asksZone reports whether a rule depends on a time zone.
func asksZone(r *Rule) bool {
	hasDate := slices.ContainsFunc(r.patterns, func(p *pattern) bool { return p.date > 0 })
	return len(r.calendar) > 0 || hasDate && r.AsksDate()
}

func sortedSet(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
