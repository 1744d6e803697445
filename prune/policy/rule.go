package policy

import (
	"maps"
	"slices"
	"time"
)

// A Rule is a compiled rule, a keep rule or a remove rule. It answers questions
// about tags and times without parsing anything again. It is immutable, and may be
// used by several goroutines.
type Rule struct {
	name     string
	patterns []*pattern // nil: every tag
	except   []*pattern
	other    bool // it selects by other means than tags

	count, groups int
	per           []string
	by            By
	zone          *time.Location
	calendar      []Period

	within, olderThan, notPulled Span
	undated, untag, overwrite    bool
	untagged, orphans, trash     bool
	references                   map[string]bool // nil: it names none
	file                         string
	maxAge                       Span
	registries                   []string
}

// By says what ranks the images of a rule.
type By int

// What ranks images. The String method returns the value in the policy.
const (
	ByDate By = iota
	ByVersion
	ByNumber
)

func (b By) String() string {
	switch b {
	case ByVersion:
		return "version"
	case ByNumber:
		return "number"
	}
	return "date"
}

// A Match is what a pattern reads from a tag.
type Match struct {
	// Version is the version of the tag, or nil if it has none.
	Version *Version
	// Pre reports whether Version is a pre-release. These rank apart from releases.
	Pre bool
	// Variant is the text of the group "variant". Variants rank apart.
	Variant string
	// Number is the text of the group "number", for [CompareNumbers]; empty if the tag has
	// none, or if that does not consist of digits alone.
	Number string
	// HasDate reports whether the pattern has a group "date". Then Date is the age of the
	// image for this rule, and not when it was uploaded or made.
	HasDate bool
	// Date is what the group "date" says, or the zero time if that is no date.
	Date time.Time
	// Group has the values of Rule.Per, with commas between them. Tags have no commas.
	Group string
}

// Name returns the name of the rule. A rule without one is called by its content:
// "keep" or "remove", its patterns in quotes, and its other keys and values, without
// those that are the default, as in: remove "pr-*" older-than 30d.
func (r *Rule) Name() string { return r.name }

// Match returns a [Match] for each pattern of the rule that matches a tag, and none if
// an exception matches. The order of matches does not matter. The tag is an ordinary
// one. A rule without patterns matches every tag. A rule for an in-use list,
// untagged manifests, orphans or trash matches none, because it does not go by tags. A rule
// for references matches the tags that it names.
func (r *Rule) Match(tag string) []Match { return r.AppendMatches(nil, tag) }

// AppendMatches appends to dst what [Rule.Match] returns.
func (r *Rule) AppendMatches(dst []Match, tag string) []Match {
	if r.references[tag] {
		return append(dst, Match{})
	}
	if r.other {
		return dst
	}
	before := len(dst)
	if r.patterns == nil {
		dst = append(dst, Match{})
	}
	for _, p := range r.patterns {
		if m, ok := p.match(tag, r.zone); ok {
			dst = append(dst, m)
		}
	}
	if len(dst) > before && r.isException(tag) {
		return dst[:before]
	}
	return dst
}

func (r *Rule) isException(tag string) bool {
	return slices.ContainsFunc(r.except, func(p *pattern) bool { return p.matches(tag) })
}

// HasConditions reports whether a tag must do more than match: a keep rule with
// conditions holds an image that meets at least one of them, and a remove rule wants
// an image that meets all.
func (r *Rule) HasConditions() bool {
	return r.count > 0 || len(r.calendar) > 0 || !r.within.IsZero() || !r.olderThan.IsZero() || !r.notPulled.IsZero()
}

// AsksDate reports whether a condition depends on the date of an image, or, where
// [Match.HasDate] is set, on that of the tag. "Not pulled" is not among these.
func (r *Rule) AsksDate() bool {
	return len(r.calendar) > 0 || !r.within.IsZero() || !r.olderThan.IsZero() || r.count > 0 && r.by == ByDate
}

// Count returns N of "newest" or "beyond", or 0 if the rule has neither.
func (r *Rule) Count() int { return r.count }

// Per returns what makes the groups of the rule, sorted.
func (r *Rule) Per() []string { return slices.Clone(r.per) }

// Groups returns how many of the best groups the rule applies to, or 0 if to all.
func (r *Rule) Groups() int { return r.groups }

// By returns what ranks images: what the policy says, or else the version if every
// pattern yields one, the number likewise, or the date.
func (r *Rule) By() By { return r.by }

// Calendar returns the periods of a keep rule, the shortest first.
func (r *Rule) Calendar() []Period { return slices.Clone(r.calendar) }

// Location returns the time zone for Calendar.
func (r *Rule) Location() *time.Location { return r.zone }

// Within returns the span of "within", and whether the rule has it.
func (r *Rule) Within() (Span, bool) { return r.within, !r.within.IsZero() }

// OlderThan returns the span of "older-than", and whether the rule has it.
func (r *Rule) OlderThan() (Span, bool) { return r.olderThan, !r.olderThan.IsZero() }

// NotPulled returns the span of "not-pulled", and whether the rule has it.
func (r *Rule) NotPulled() (Span, bool) { return r.notPulled, !r.notPulled.IsZero() }

// Undated reports whether an image without a usable date counts as old.
func (r *Rule) Undated() bool { return r.undated }

// Untag reports whether wanted tags are taken off images that stay.
func (r *Rule) Untag() bool { return r.untag }

// Overwrite reports whether these tags are taken off by overwriting them.
func (r *Rule) Overwrite() bool { return r.overwrite }

// Untagged reports whether the rule is for manifests without a tag.
func (r *Rule) Untagged() bool { return r.untagged }

// Orphans reports whether the rule is for companions of images that are gone.
func (r *Rule) Orphans() bool { return r.orphans }

// Trash reports whether the rule empties the trash.
func (r *Rule) Trash() bool { return r.trash }

// Names reports whether the rule names a reference, which is a tag of any kind or a digest.
func (r *Rule) Names(reference string) bool { return r.references[reference] }

// References returns the tags and digests that the rule names, sorted.
func (r *Rule) References() []string { return slices.Sorted(maps.Keys(r.references)) }

// File returns the name of the in-use list of a keep rule; empty: it has none.
func (r *Rule) File() string { return r.file }

// MaxAge returns how old the in-use list may be.
func (r *Rule) MaxAge() Span { return r.maxAge }

// Registries returns further names that the in-use list has for the registry, sorted.
func (r *Rule) Registries() []string { return slices.Clone(r.registries) }
