package graph_test

import "slices"

// This file computes what can be deleted in the slowest and most obvious way, from the rules as the
// documentation of prune states them. The properties compare Solve with it.

// A repository is all its manifests.
type repository []manifest

type manifest struct {
	tags     []tag
	lists    []int // what it lists in its `manifests`
	subject  int   // none if it has no subject
	inUse    bool
	missing  bool // the registry does not have it
	selected bool // the policy wants it deleted
}

const none = -1

type tag struct {
	kind tagKind
	of   []int // of a companion tag: the manifests that it belongs to
}

type tagKind int

const (
	ordinary  tagKind = iota
	companion         // belongs to other manifests
	fixed             // stays whatever goes, like a trash tag
	taken             // a rule removes it whatever goes, like an orphan
)

// A set of manifests.
type set []bool

// goes returns what can be deleted by the rules that are asked.
func (r repository) goes(rules ...func(r repository, m int, begin, left set) bool) set {
	begin := r.beginning()
	left := slices.Clone(begin)
	for changed := true; changed; {
		changed = false
		for m := range r {
			for _, stays := range rules {
				if left[m] && stays(r, m, begin, left) {
					left[m] = false
					changed = true
				}
			}
		}
	}
	return left
}

// beginning is everything selected, everything these list and everything that refers to any of
// these, to any depth. A manifest that is missing counts for nothing.
func (r repository) beginning() set {
	begin := make(set, len(r))
	for m := range r {
		begin[m] = r[m].selected && !r[m].missing
	}
	for changed := true; changed; {
		changed = false
		for m := range r {
			for other := range r {
				if begin[other] && !begin[m] && (r.listsIt(other, m) || r.refersTo(m, other)) {
					begin[m] = true
					changed = true
				}
			}
		}
	}
	return begin
}

// stays reports whether the registry has a manifest that does not go.
func (r repository) stays(m int, left set) bool { return !left[m] && !r[m].missing }

// listsIt reports whether a manifest lists another. What is missing lists nothing and is not listed.
func (r repository) listsIt(m, other int) bool {
	return !r[m].missing && !r[other].missing && slices.Contains(r[m].lists, other)
}

// subjectIs reports whether the subject of a manifest is another. A subject that is missing is none.
func (r repository) subjectIs(m, other int) bool {
	return !r[m].missing && !r[other].missing && r[m].subject == other
}

// refersTo reports whether a manifest refers to another by its subject or by a companion tag.
func (r repository) refersTo(m, other int) bool {
	if r[m].missing || r[other].missing {
		return false
	}
	return r.subjectIs(m, other) || slices.ContainsFunc(r[m].tags, func(t tag) bool { return slices.Contains(t.of, other) })
}

func (r repository) hasOrdinaryTag(m int) bool {
	return slices.ContainsFunc(r[m].tags, func(t tag) bool { return t.kind == ordinary })
}

// tagStays reports whether a tag of a manifest stays. All do except the ordinary ones of what is
// selected and goes, companions of what goes, and those that a rule removes.
func (r repository) tagStays(m int, t tag, left set) bool {
	switch t.kind {
	case ordinary:
		return !r[m].selected || !left[m]
	case companion:
		owners := 0
		for _, owner := range t.of {
			if r[owner].missing {
				continue
			}
			if owners++; !left[owner] {
				return true
			}
		}
		return owners == 0
	case fixed:
		return true
	}
	return false
}

// Rule 1: a tag that stays points to it, it is in use, or it lists what is in use, at any depth.

func tagged(r repository, m int, _, left set) bool {
	return slices.ContainsFunc(r[m].tags, func(t tag) bool { return r.tagStays(m, t, left) })
}

func used(r repository, m int, _, _ set) bool { return r.isUsed(m, nil) }

func (r repository) isUsed(m int, above []int) bool {
	if r[m].missing || slices.Contains(above, m) {
		return false
	}
	return r[m].inUse || slices.ContainsFunc(r[m].lists, func(child int) bool { return r.isUsed(child, append(above, m)) })
}

// Rule 2: an index that stays lists it.
func listed(r repository, m int, _, left set) bool {
	return r.any(func(index int) bool { return r.stays(index, left) && r.listsIt(index, m) })
}

// Rule 3: it refers to what stays.
func subjectStays(r repository, m int, _, left set) bool {
	return r.any(func(subject int) bool { return r.stays(subject, left) && r.refersTo(m, subject) })
}

// Rule 4: what stays refers to it by its subject.
func referrerStays(r repository, m int, _, left set) bool {
	return r.any(func(referrer int) bool { return r.stays(referrer, left) && r.subjectIs(referrer, m) })
}

// Rule 5: it lists what stays, unless that has an ordinary tag and was not selected, or an index
// outside the beginning lists it.
func listsWhatStays(r repository, m int, begin, left set) bool {
	return r.any(func(child int) bool {
		return r.stays(child, left) && r.listsIt(m, child) && !r.staysByItself(child, begin)
	})
}

func (r repository) staysByItself(child int, begin set) bool {
	return r.hasOrdinaryTag(child) && !r[child].selected ||
		r.any(func(index int) bool { return !begin[index] && r.listsIt(index, child) })
}

func (r repository) any(is func(m int) bool) bool {
	for m := range r {
		if is(m) {
			return true
		}
	}
	return false
}
