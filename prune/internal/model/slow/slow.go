// Package slow computes what can be deleted in the slowest and most obvious way: it applies the rules by
// which manifests stay to everything, until nothing changes. Only tests import it.
package slow

import "slices"

// Nodes are the manifests of a repository, as the computation of what goes sees them. They are
// called by their place in the slice.
type Nodes []Node

// A Node is one manifest.
type Node struct {
	Tags     []Tag
	Lists    []int // what it lists in its `manifests`
	Subject  int   // NoSubject if it has none
	InUse    bool
	Missing  bool // the registry does not have it
	Selected bool // the policy wants it deleted
	Explicit bool // the policy names it and all its tags: what it belongs to does not hold it
}

// NoSubject is the Subject of a manifest without one.
const NoSubject = -1

// A Tag points to a manifest.
type Tag struct {
	Kind TagKind
	Of   []int // of a companion tag: the manifests that it belongs to
}

// TagKind says when a tag stays.
type TagKind int

// The kinds of tags.
const (
	Ordinary  TagKind = iota // stays unless its manifest is selected and goes
	Companion                // stays unless what it belongs to goes
	Fixed                    // stays, like a trash tag
	Taken                    // goes by a rule of its own, like an orphan
)

// A Set of manifests.
type Set []bool

// A StayRule reports whether a manifest must stay: begin are those that are concerned at all, left
// those that were not taken out yet.
type StayRule func(n Nodes, m int, begin, left Set) bool

// AllRules are the rules by which manifests stay.
var AllRules = []StayRule{Tagged, Used, Listed, SubjectStays, ReferrerStays, ListsWhatStays}

// Goes returns what can be deleted by the rules that are asked, which is what is left of the
// beginning when nothing more must be taken out.
func (n Nodes) Goes(rules ...StayRule) Set {
	begin := n.Beginning()
	left := slices.Clone(begin)
	for changed := true; changed; {
		changed = false
		for m := range n {
			for _, stays := range rules {
				if left[m] && stays(n, m, begin, left) {
					left[m] = false
					changed = true
				}
			}
		}
	}
	return left
}

// Beginning is everything selected, everything these list and everything that refers to any of
// these, to any depth. A manifest that is missing counts for nothing.
func (n Nodes) Beginning() Set {
	begin := make(Set, len(n))
	for m := range n {
		begin[m] = n[m].Selected && !n[m].Missing
	}
	for changed := true; changed; {
		changed = false
		for m := range n {
			for other := range n {
				if begin[other] && !begin[m] && (n.ListsIt(other, m) || n.RefersTo(m, other)) {
					begin[m] = true
					changed = true
				}
			}
		}
	}
	return begin
}

// Stays reports whether the registry has a manifest that does not go.
func (n Nodes) Stays(m int, left Set) bool { return !left[m] && !n[m].Missing }

// ListsIt reports whether a manifest lists another. What is missing lists nothing and is not listed.
func (n Nodes) ListsIt(m, other int) bool {
	return !n[m].Missing && !n[other].Missing && slices.Contains(n[m].Lists, other)
}

// SubjectIs reports whether the subject of a manifest is another. A subject that is missing is none.
func (n Nodes) SubjectIs(m, other int) bool {
	return !n[m].Missing && !n[other].Missing && n[m].Subject == other
}

// RefersTo reports whether a manifest refers to another by its subject or by a companion tag.
func (n Nodes) RefersTo(m, other int) bool {
	if n[m].Missing || n[other].Missing {
		return false
	}
	return n.SubjectIs(m, other) || slices.ContainsFunc(n[m].Tags, func(t Tag) bool { return slices.Contains(t.Of, other) })
}

// HasOrdinaryTag reports whether an ordinary tag points to a manifest.
func (n Nodes) HasOrdinaryTag(m int) bool {
	return slices.ContainsFunc(n[m].Tags, func(t Tag) bool { return t.Kind == Ordinary })
}

// tagStays reports whether a tag of a manifest stays. All do except the ordinary ones of what is
// selected and goes, companions of what goes, and those that a rule removes.
func (n Nodes) tagStays(m int, t Tag, left Set) bool {
	switch t.Kind {
	case Ordinary:
		return !n[m].Selected || !left[m]
	case Companion:
		return !n.AllGo(t.Of, left) && !(n[m].Explicit && n.anyThere(t.Of))
	case Fixed:
		return true
	}
	return false
}

// AllGo reports whether all go that a companion tag belongs to. What is missing does not count, and
// a tag that belongs to nothing else stays.
func (n Nodes) AllGo(owners []int, left Set) bool {
	there := slices.DeleteFunc(slices.Clone(owners), func(owner int) bool { return n[owner].Missing })
	return len(there) > 0 && !slices.ContainsFunc(there, func(owner int) bool { return !left[owner] })
}

// anyThere reports whether the registry has any of these manifests.
func (n Nodes) anyThere(manifests []int) bool {
	return slices.ContainsFunc(manifests, func(m int) bool { return !n[m].Missing })
}

// Tagged is the first rule: a tag that stays points to it.
func Tagged(n Nodes, m int, _, left Set) bool {
	return slices.ContainsFunc(n[m].Tags, func(t Tag) bool { return n.tagStays(m, t, left) })
}

// Used belongs to the first rule: it is in use, or it lists what is in use, at any depth.
func Used(n Nodes, m int, _, _ Set) bool { return n.IsUsed(m) }

// IsUsed reports whether a manifest is in use or lists what is, at any depth.
func (n Nodes) IsUsed(m int) bool { return n.isUsed(m, nil) }

func (n Nodes) isUsed(m int, above []int) bool {
	if n[m].Missing || slices.Contains(above, m) {
		return false
	}
	return n[m].InUse || slices.ContainsFunc(n[m].Lists, func(child int) bool { return n.isUsed(child, append(above, m)) })
}

// Listed is the second rule: an index that stays lists it.
func Listed(n Nodes, m int, _, left Set) bool {
	return n.Any(func(index int) bool { return n.Stays(index, left) && n.ListsIt(index, m) })
}

// SubjectStays is the third rule: it refers to what stays.
func SubjectStays(n Nodes, m int, _, left Set) bool {
	return !n[m].Explicit && n.Any(func(subject int) bool { return n.Stays(subject, left) && n.RefersTo(m, subject) })
}

// ReferrerStays is the fourth rule: what stays refers to it by its subject.
func ReferrerStays(n Nodes, m int, _, left Set) bool {
	return n.Any(func(referrer int) bool { return n.Stays(referrer, left) && n.SubjectIs(referrer, m) })
}

// ListsWhatStays is the fifth rule: it lists what stays, unless that stays by itself.
func ListsWhatStays(n Nodes, m int, begin, left Set) bool {
	return n.Any(func(child int) bool {
		return n.Stays(child, left) && n.ListsIt(m, child) && !n.StaysByItself(child, begin)
	})
}

// StaysByItself reports whether a manifest has an ordinary tag and was not selected, or an index
// outside the beginning lists it.
func (n Nodes) StaysByItself(m int, begin Set) bool {
	return n.HasOrdinaryTag(m) && !n[m].Selected ||
		n.Any(func(index int) bool { return !begin[index] && n.ListsIt(index, m) })
}

// Any reports whether something is true of a manifest.
func (n Nodes) Any(is func(m int) bool) bool {
	for m := range n {
		if is(m) {
			return true
		}
	}
	return false
}
