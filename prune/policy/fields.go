package policy

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A field is a key that a rule has, and its value as text.
type field struct{ key, value string }

// fields returns the keys that a rule has, except its name.
func (k Keep) fields() []field {
	var f fieldList
	f.patterns("tags", k.Tags)
	f.patterns("except", k.Except)
	f.number("newest", k.Newest)
	f.text("per", strings.Join(k.Per, ","))
	f.text("by", k.By)
	f.number("groups", k.Groups)
	for _, p := range k.calendar() {
		f.number(p.Unit.String(), p.N)
	}
	f.text("zone", k.Zone)
	f.text("within", k.Within)
	f.quoted("file", k.File)
	f.text("max-age", k.MaxAge)
	f.text("registries", strings.Join(k.Registries, ","))
	return f
}

// calendar returns the periods of a rule, the shortest first.
func (k Keep) calendar() (periods []Period) {
	for unit, n := range []int{Hourly: k.Hourly, Daily: k.Daily, Weekly: k.Weekly, Monthly: k.Monthly, Yearly: k.Yearly} {
		if n != 0 {
			periods = append(periods, Period{Unit(unit), n})
		}
	}
	return periods
}

func (m Remove) fields() []field {
	var f fieldList
	f.patterns("tags", m.Tags)
	f.patterns("except", m.Except)
	f.flag("untagged", m.Untagged)
	f.flag("orphans", m.Orphans)
	f.flag("trash", m.Trash)
	f.text("references", strings.Join(m.References, " "))
	f.text("older-than", m.OlderThan)
	f.flag("undated", m.Undated)
	f.number("beyond", m.Beyond)
	f.text("per", strings.Join(m.Per, ","))
	f.text("by", m.By)
	f.number("groups", m.Groups)
	f.text("zone", m.Zone)
	f.text("not-pulled", m.NotPulled)
	f.flag("untag", m.Untag)
	f.flag("overwrite", m.Overwrite)
	return f
}

type fieldList []field

func (f *fieldList) text(key, value string) {
	if value != "" {
		*f = append(*f, field{key, value})
	}
}

func (f *fieldList) quoted(key, value string) {
	if value != "" {
		*f = append(*f, field{key, strconv.Quote(value)})
	}
}

func (f *fieldList) number(key string, n int) {
	if n != 0 {
		*f = append(*f, field{key, strconv.Itoa(n)})
	}
}

func (f *fieldList) flag(key string, set bool) {
	if set {
		*f = append(*f, field{key, ""})
	}
}

// patterns adds patterns as text that no other patterns have.
func (f *fieldList) patterns(key string, patterns []Pattern) {
	var texts []string
	for _, p := range patterns {
		if p != (Pattern{}) { // one that could not be read
			texts = append(texts, p.String())
		}
	}
	f.text(key, strings.Join(texts, " "))
}

// maxContentName is how long the name of a rule is that is called by its content.
const maxContentName = 100

// contentName returns what a rule without a name is called: "keep", its patterns, and
// each further key with its value. A long name is cut, and ends in a hash of all. If
// nothing of the rule could be read, its place is its name.
func contentName(side string, index int, fields []field) string {
	if len(fields) == 0 {
		return fmt.Sprintf("%s rule %d", side, index+1)
	}
	var b strings.Builder
	b.WriteString(side)
	for _, f := range fields {
		if f.key != "tags" {
			b.WriteString(" " + f.key)
		}
		if f.value != "" {
			b.WriteString(" " + f.value)
		}
	}
	name := b.String()
	if len(name) <= maxContentName {
		return name
	}
	hash := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s… #%x", strings.ToValidUTF8(name[:maxContentName-15], ""), hash[:4])
}

// keysOf returns the keys among fields, without those in except.
func keysOf(fields []field, except ...string) (keys []string) {
	for _, f := range fields {
		if !slices.Contains(except, f.key) {
			keys = append(keys, f.key)
		}
	}
	return keys
}
