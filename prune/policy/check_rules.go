package policy

import (
	"strconv"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
)

// defaultAge is the default of "max-age", and of "older-than" for untagged manifests and orphans.
const defaultAge = "24h"

// keep checks a keep rule and compiles it.
func (c *checker) keep(at string, k Keep) *Rule {
	r := &Rule{file: c.file(at+"/file", k.File), registries: sortedSet(k.Registries), calendar: k.calendar()}
	c.name(at+"/name", k.Name)
	c.selection(at, r, k.Tags, k.Except)
	for _, p := range r.calendar {
		c.positive(at+"/"+p.Unit.String(), p.N)
	}
	rank := ranking{c.positive(at+"/newest", k.Newest), k.Per, k.By, k.Groups, k.Zone, len(r.calendar) > 0}
	c.ranking(at, r, rank)
	r.within = c.span(at+"/within", k.Within)
	r.maxAge = c.span(at+"/max-age", k.MaxAge)
	c.registries(at+"/registries", k.Registries)
	if c.faults.within(at) {
		return r
	}
	if k.File != "" {
		r.other = true
		if r.maxAge.IsZero() {
			r.maxAge = c.span(at+"/max-age", defaultAge)
		}
		c.alone(at, "file", keysOf(k.fields(), "file", "max-age", "registries"))
		return r
	}
	if k.MaxAge != "" {
		c.faults.add(at+"/max-age", `it is the age of a list: it needs "file"`)
	}
	if k.Registries != nil {
		c.faults.add(at+"/registries", `these are names in a list: they need "file"`)
	}
	if k.Tags == nil && !r.HasConditions() {
		c.faults.add(at+"/tags", `the rule has neither tags nor a condition, and would hold every image: write "*" to mean that`)
	}
	c.combine(at, r, rank)
	return r
}

// remove checks a remove rule and compiles it.
func (c *checker) remove(at string, m Remove) *Rule {
	r := &Rule{
		undated: m.Undated, untag: m.Untag, overwrite: m.Overwrite,
		untagged: m.Untagged, orphans: m.Orphans, trash: m.Trash, other: m.Untagged || m.Orphans || m.Trash || m.References != nil,
	}
	c.name(at+"/name", m.Name)
	c.selection(at, r, m.Tags, m.Except)
	r.references = c.references(at+"/references", m.References)
	r.olderThan = c.span(at+"/older-than", m.OlderThan)
	r.notPulled = c.span(at+"/not-pulled", m.NotPulled)
	rank := ranking{c.positive(at+"/beyond", m.Beyond), m.Per, m.By, m.Groups, m.Zone, false}
	c.ranking(at, r, rank)
	if c.faults.within(at) {
		return r
	}
	if r.other {
		c.removeOther(at, r, m)
		return r
	}
	if m.Undated && m.OlderThan == "" {
		c.faults.add(at+"/undated", `it makes images old: it needs "older-than"`)
	}
	if m.Overwrite && !m.Untag {
		c.faults.add(at+"/overwrite", `it says how tags are taken off: it needs "untag"`)
	}
	if m.Tags == nil && !r.HasConditions() {
		c.faults.add(at+"/tags", `the rule has neither tags nor a condition, and would remove every image: write "*" to mean that`)
	}
	c.combine(at, r, rank)
	return r
}

// removeOther checks a rule that does not go by tags.
func (c *checker) removeOther(at string, r *Rule, m Remove) {
	for _, kind := range []struct {
		key string
		is  bool
	}{{"untagged", m.Untagged}, {"orphans", m.Orphans}, {"trash", m.Trash}} {
		if kind.is {
			c.alone(at, kind.key, keysOf(m.fields(), kind.key, "older-than"))
		}
	}
	if m.References != nil {
		c.alone(at, "references", keysOf(m.fields(), "references"))
		return
	}
	switch {
	case c.faults.within(at):
	case m.Trash && m.OlderThan == "":
		c.faults.add(at+"/older-than", "it is missing: the trash is emptied by age")
	case !m.Trash && m.OlderThan == "":
		r.olderThan = c.span(at+"/older-than", defaultAge)
	case !m.Trash && r.olderThan.shorterThanADay():
		c.faults.add(at+"/older-than", `it must be at least "24h": what is being pushed has no tag for a while`)
	}
}

// references checks the tags and digests that a rule names.
func (c *checker) references(at string, names []string) map[string]bool {
	if names == nil {
		return nil
	}
	if len(names) == 0 {
		c.faults.add(at, "the list is empty, so that the rule would want nothing: leave out the rule")
	}
	set := make(map[string]bool, len(names))
	for i, name := range names {
		at := at + "/" + strconv.Itoa(i)
		if c.faults.within(at) {
			continue
		}
		check := grammar.Tag
		if strings.Contains(name, ":") {
			check = func(name string) error { return grammar.Digest(regret.Digest(name)) }
		}
		if err := check(name); err != nil {
			c.faults.add(at, "%v", err)
		}
		set[name] = true
	}
	return set
}

// alone reports keys that a rule has beside one that makes it a rule of its own.
func (c *checker) alone(at, key string, others []string) {
	if len(others) > 0 {
		c.faults.add(at+"/"+key, "it makes a rule of its own: make another rule of %s", strings.Join(others, ", "))
	}
}
