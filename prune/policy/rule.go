package policy

import "time"

// A Rule is a compiled rule. It answers questions about tags and times without
// parsing anything again.
type Rule struct{ name string }

// By says what ranks images.
type By int

// What ranks images.
const (
	ByDate By = iota
	ByVersion
	ByNumber
)

// Name returns the name of the rule, or what it is called by its content.
func (r *Rule) Name() string { return r.name }

// Match returns one match for each pattern of the rule that matches an ordinary tag.
func (r *Rule) Match(tag string) []Match { return r.AppendMatches(nil, tag) }

// AppendMatches appends to dst what Match returns.
func (r *Rule) AppendMatches(dst []Match, tag string) []Match { return dst }

// HasConditions reports whether a match alone does not suffice.
func (r *Rule) HasConditions() bool { return false }

// Count returns N of "newest" or "beyond"; 0: none.
func (r *Rule) Count() int { return 0 }

// Groups returns in how many of the best groups the rule counts; 0: in all.
func (r *Rule) Groups() int { return 0 }

// Per returns what makes a group, sorted.
func (r *Rule) Per() []string { return nil }

// By returns what ranks images.
func (r *Rule) By() By { return ByDate }

// Calendar returns the periods of a keep rule, the shortest first.
func (r *Rule) Calendar() []Period { return nil }

// Within returns the span of "within".
func (r *Rule) Within() (Span, bool) { return Span{}, false }

// OlderThan returns the span of "older-than".
func (r *Rule) OlderThan() (Span, bool) { return Span{}, false }

// NotPulled returns the span of "not-pulled".
func (r *Rule) NotPulled() (Span, bool) { return Span{}, false }

// Undated reports whether images without a usable date count as old.
func (r *Rule) Undated() bool { return false }

// Untag reports whether wanted tags are taken off images that stay.
func (r *Rule) Untag() bool { return false }

// Overwrite reports whether tags are taken off by overwriting them.
func (r *Rule) Overwrite() bool { return false }

// Untagged reports whether the rule is for digests without a tag.
func (r *Rule) Untagged() bool { return false }

// Orphans reports whether the rule is for companions of images that are gone.
func (r *Rule) Orphans() bool { return false }

// Trash reports whether the rule empties the trash.
func (r *Rule) Trash() bool { return false }

// File returns the name of the in-use list.
func (r *Rule) File() string { return "" }

// MaxAge returns how old the in-use list may be.
func (r *Rule) MaxAge() Span { return Span{} }

// Registries returns further names of the registry in the in-use list.
func (r *Rule) Registries() []string { return nil }

// Location returns the zone of the calendar and of dates in tags.
func (r *Rule) Location() *time.Location { return time.UTC }

// A Match is what a pattern reads from a tag.
type Match struct {
	Version *Version  // nil: none
	Pre     bool      // a pre-release: ranks apart
	Variant string    // named group "variant": ranks apart
	Number  string    // digits of the named group "number"; empty: none. Compare with CompareNumbers
	HasDate bool      // the pattern has a group "date": Date is the age for this rule, not the image's
	Date    time.Time // of the named group "date"; zero: unknown
	Group   string    // values of "per", joined by commas
}
