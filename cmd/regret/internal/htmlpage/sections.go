package htmlpage

import (
	"iter"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A section is a list of rows. They are made while they are written.
type section struct {
	ID, Title, Intro string
	Verdict          string // of all rows
	Count            int
	Rows             iter.Seq[row]
}

// sections returns what the page lists. They must be written in this order: a part is shown once.
func (o *outline) sections() []section {
	untag, doubtful, images, others := 0, 0, 0, o.keptByThemselves()
	for i := range o.steps {
		if o.steps[i].Action == plan.Untag {
			untag++
		}
	}
	for i := range o.kept {
		switch k := &o.kept[i]; {
		case k.Role != plan.RoleImage:
		case isDoubtful(k):
			doubtful++
		default:
			images++
		}
	}
	all := []section{
		{"removed", "Removed", "", "remove", len(o.roots), o.rows(o.removed())},
		{"untagged", "Untagged", "These tags come off. What they point to stays.", "untag", untag, o.untaggedRows()},
		{"doubtful", "Kept, worth a look", "Rules want these at least in part, or they lack a usable date, or a part of them is missing.",
			"keep", doubtful, o.rows(o.keptImages(true))},
		{"kept", "Kept", "", "keep", images, o.rows(o.keptImages(false))},
		{"others", "Kept besides images", "", "keep", len(others), o.rows(slices.Values(others))},
	}
	return slices.DeleteFunc(all, func(s section) bool { return s.Count == 0 && s.ID != "removed" })
}

func rowsWith(sections []section, verdict string) int {
	n := 0
	for _, s := range sections {
		if s.Verdict == verdict {
			n += s.Count
		}
	}
	return n
}

// others returns how many manifests go that are no images, and no part of anything that goes.
func (o *outline) others() int {
	n := 0
	for _, root := range o.roots {
		if o.manifest(root).Role != plan.RoleImage {
			n++
		}
	}
	return n
}

// untaggedTags returns how many tags come off what stays.
func (o *outline) untaggedTags() int {
	n := 0
	for i := range o.steps {
		n += len(o.steps[i].Untag)
	}
	return n
}

// removed yields the places of what goes: the roots, then whatever no root leads to.
func (o *outline) removed() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, place := range o.roots {
			if !yield(place) {
				return
			}
		}
		for place := range o.steps {
			if o.steps[place].Action == plan.Delete && !yield(place) {
				return
			}
		}
	}
}

func (o *outline) untaggedRows() iter.Seq[row] {
	return func(yield func(row) bool) {
		for i := range o.steps {
			if s := &o.steps[i]; s.Action == plan.Untag && !yield(o.untagged(s)) {
				return
			}
		}
	}
}

func (o *outline) keptImages(doubtful bool) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range o.kept {
			if k := &o.kept[i]; k.Role == plan.RoleImage && isDoubtful(k) == doubtful && !yield(len(o.steps)+i) {
				return
			}
		}
	}
}

// keptByThemselves returns the places of what stays, is no image, and is no part of anything that
// stays. Of manifests that are parts of each other, it returns the first.
func (o *outline) keptByThemselves() []int {
	isPart := make([]bool, len(o.kept))
	for i := range o.kept {
		for part := range o.keptParts(i) {
			isPart[part] = true
		}
	}
	reached := make([]bool, len(o.kept))
	reach := func(i int) {
		for todo := []int{i}; len(todo) > 0; {
			next := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if !reached[next] {
				reached[next] = true
				todo = slices.AppendSeq(todo, o.keptParts(next))
			}
		}
	}
	var places []int
	for _, evenParts := range []bool{false, true} {
		for i := range o.kept {
			image := o.kept[i].Role == plan.RoleImage
			if reached[i] || isPart[i] && !image && !evenParts {
				continue
			}
			if !image {
				places = append(places, len(o.steps)+i)
			}
			reach(i)
		}
	}
	return places
}

// keptParts yields those parts of something that stays that stay, too. It counts from the first
// manifest that stays.
func (o *outline) keptParts(i int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, dgst := range o.parts(&o.kept[i].Manifest) {
			if place, known := o.places[dgst]; known && place >= len(o.steps) && !yield(place-len(o.steps)) {
				return
			}
		}
	}
}

// A note is something to look at before the plan is applied.
type note struct {
	Text  string
	Count int // of many items, which are folded
	Items []string
}

// maxItems is how many items of a note are shown at once.
const maxItems = 6

// notes returns what may be a mistake.
func (o *outline) notes(totals plan.Totals) []note {
	var notes []note
	add := func(text string, items []string) {
		switch {
		case len(items) > maxItems:
			notes = append(notes, note{text, len(items), items})
		case len(items) > 0:
			notes = append(notes, note{Text: text + ":", Items: items})
		}
	}
	add("Tags that lead to nothing, and may hide what is needed", visibles(o.header.Broken))
	add("Listed by an index, or named by a tag, but not there", visibles(o.missingHere()))
	add("In use, but not here", visibles(o.header.Gone))
	var idle []string
	for _, r := range o.header.Rules {
		if r.Matched == 0 {
			idle = append(idle, r.Rule)
		}
	}
	add("Rules that match nothing", visibles(idle))
	if totals.Undated > 0 {
		notes = append(notes, note{Text: counted(totals.Undated, "image") + " without a usable date. Unknown is never old."})
	}
	if totals.Tie > 1 {
		notes = append(notes, note{Text: counted(totals.Tie, "image") + " share a place in a ranking."})
	}
	return notes
}

// missingHere returns what is missing and is not in use.
func (o *outline) missingHere() []regret.Digest {
	gone := make(map[regret.Digest]bool)
	for _, dgst := range o.header.Gone {
		gone[dgst] = true
	}
	return slices.DeleteFunc(slices.Clone(o.header.Missing), func(dgst regret.Digest) bool { return gone[dgst] })
}

func visibles[S ~string](texts []S) []string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = visible(string(text), maxName)
	}
	return all
}

// policyLines returns the policy as people read it.
func policyLines(h plan.Header) []string {
	indented := slices.Clone(h.Policy)
	if err := indented.Indent(); err != nil { // no plan has a policy that is malformed
		return nil
	}
	lines := strings.Split(string(indented), "\n")
	for i, line := range lines {
		text := strings.TrimLeft(line, "\t")
		lines[i] = strings.Repeat("  ", len(line)-len(text)) + visible(text, 10*len(text))
	}
	return lines
}
