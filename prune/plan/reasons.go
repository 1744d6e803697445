package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// kept returns what stays, with all reasons: every image, and of the rest what has to do
// with something that goes, lists or refers to something, or has a tag, a companion tag of
// another manifest included.
func (a *assembler) kept() []Kept {
	var images, others []Kept
	owns := make([]bool, len(a.snapshot.nodes)) // a companion tag belongs to it
	for id := range graph.ID(len(owns)) {
		for _, owner := range a.graph.Companions.Of(id) {
			owns[owner] = true
		}
	}
	for _, c := range a.sorted() {
		if id := a.candidates[c]; !a.result.Goes(id) {
			images = append(images, Kept{a.manifest(id), a.rulesThatWant(id), a.reasonsToStay(c), a.missingOf(id)})
		}
	}
	for id := range graph.ID(len(a.snapshot.nodes)) {
		n := &a.snapshot.nodes[id]
		if n.flags&isMissing != 0 || a.candidate[id] >= 0 || a.result.Goes(id) {
			continue
		}
		if a.result.Concerned(id) || owns[id] || n.lists.n > 0 || n.subject != none || len(a.tagsOf.Of(id)) > 0 || a.graph.Flags[id]&graph.InUse != 0 {
			k := Kept{Manifest: a.manifest(id), Missing: a.missingOf(id)}
			if a.result.Concerned(id) {
				k.Reasons = []Reason{a.needed(id)}
			}
			others = append(others, k)
		}
	}
	slices.SortFunc(others, func(x, y Kept) int { return cmp.Compare(x.Digest, y.Digest) })
	return append(images, others...)
}

// Reasons that a reader of a plan looks for: of an image that has tags that rules want, and
// others, and of one that a rule would want if it had a date.
const (
	sharedWith   = "shared with "
	noUsableDate = "no usable date"
)

// reasonsToStay returns why an image stays: every keep rule that holds it, tags that no
// rule wants, what needs it.
func (a *assembler) reasonsToStay(c int) []Reason {
	var reasons []Reason
	for _, k := range a.keeps {
		if o := a.keep(k, c); o.answer == yes {
			reasons = append(reasons, Reason{Rule: k.Name(), Text: o.why(k)})
		}
	}
	id := a.candidates[c]
	switch unwanted := a.sharedWith(c); {
	case a.selected[c]:
		reasons = append(reasons, a.needed(id))
	case len(unwanted) == len(a.ordinaryTags(c)):
		reasons = append(reasons, Reason{Text: a.whyUnwanted(c)})
	case len(unwanted) > 0:
		reasons = append(reasons, Reason{Text: sharedWith + shorten(unwanted)})
	}
	return reasons
}

// whyUnwanted returns why no rule wants a candidate.
func (d *Decision) whyUnwanted(c int) string {
	if slices.ContainsFunc(d.removes, func(r *ranked) bool { return d.lacksDate(r, c) }) {
		return noUsableDate
	}
	return "no rule wants it"
}

// lacksDate reports whether a rule asks how old a candidate is, and neither the candidate nor
// the tag by which it matches tells.
func (d *Decision) lacksDate(r *ranked, c int) bool {
	_, asks := r.OlderThan()
	return asks && slices.ContainsFunc(d.ordinaryTags(c), func(tag graph.ID) bool {
		return slices.ContainsFunc(r.Match(d.snapshot.tags[tag].name), func(m policy.Match) bool {
			a := d.dateFor(c, &m)
			return a.complete && a.at == 0
		})
	})
}

// needed returns why a manifest stays although rules select it, or something that it
// belongs to.
func (d *Decision) needed(id graph.ID) Reason {
	rule, by := d.result.Reason(id)
	r := Reason{By: d.snapshot.digests.at(by)}
	name := d.nameOf(by)
	switch rule {
	case graph.Tagged:
		if by == id {
			r.By = ""
			r.Text = "a tag that stays points to it: " + d.stayingTag(id)
		} else {
			r.Text = "a companion tag of " + name + ", which stays, points to it"
		}
	case graph.Used:
		r.By, r.Text = "", "it is in use, or lists what is"
	case graph.Listed:
		r.Text = "also in " + name
	case graph.SubjectStays:
		r.Text = "it refers to " + name + ", which stays"
	case graph.ReferrerStays:
		r.Text = name + " refers to it and stays"
	case graph.ListsWhatStays:
		r.Text = "it lists " + name + ", which stays"
	}
	return r
}

// nameOf returns what people call a manifest: a tag that points to it, or the beginning of
// its digest.
func (d *Decision) nameOf(id graph.ID) string {
	tags := d.tagsOf.Of(id)
	for _, tag := range tags {
		if d.classes[tag] == ordinary {
			return d.snapshot.tags[tag].name
		}
	}
	if len(tags) > 0 {
		return d.snapshot.tags[tags[0]].name
	}
	return short(d.snapshot.digests.at(id))
}

// stayingTag returns a tag that keeps a manifest.
func (d *Decision) stayingTag(id graph.ID) string {
	for _, tag := range d.tagsOf.Of(id) {
		if d.isPinned(int(tag)) || d.classes[tag] == ordinary && d.graph.Flags[id]&graph.Selected == 0 {
			return d.snapshot.tags[tag].name
		}
	}
	return d.nameOf(id)
}

// shorten joins names, and says how many it leaves out.
func shorten(names []string) string {
	const shown = 3
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}

// reasonToGo says why a manifest goes.
func (a *assembler) reasonToGo(step Step, id graph.ID) string {
	if len(step.Rules) > 0 {
		return a.rulesInWords(step.Rules)
	}
	switch step.Role {
	case RoleChild, RoleAttestation:
		return "only what goes lists it"
	case RoleList:
		return "the list of referrers of what goes"
	}
	if len(a.graph.ListedBy(id)) > 0 {
		return "only what goes lists it"
	}
	return "what it belongs to goes"
}

// rulesInWords names rules and what they ask.
func (d *Decision) rulesInWords(names []string) string {
	var texts []string
	for _, r := range d.removes {
		if !slices.Contains(names, r.Name()) {
			continue
		}
		text := r.Name()
		if asked := conditions(r.Rule); asked != "" && asked != text {
			text += ": " + asked
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

// conditions says in words what a remove rule asks.
func conditions(r *policy.Rule) string {
	var asked []string
	if span, ok := r.OlderThan(); ok {
		asked = append(asked, "older than "+span.String())
	}
	if n := r.Count(); n > 0 {
		asked = append(asked, fmt.Sprintf("beyond the newest %d", n))
	}
	if span, ok := r.NotPulled(); ok {
		asked = append(asked, "not pulled for "+span.String())
	}
	return strings.Join(asked, ", ")
}

// whyWanted says why a remove rule that matches an image wants it, or does not.
func (d *Decision) whyWanted(r *ranked, c int, wants bool) string {
	if wants {
		if asked := conditions(r.Rule); asked != "" {
			return asked
		}
		return "the rule names its tag"
	}
	switch span, asks := r.NotPulled(); {
	case r.newest != nil && d.beyond(r, c) == no:
		if p := d.placeOf(r.newest, c); p.better >= 0 {
			return fmt.Sprintf("number %d of the newest %d", p.better+1, r.Count())
		}
		return fmt.Sprintf("not known to be beyond the newest %d", r.Count())
	case asks && d.notPulled(r, c) != yes:
		return "not known to be unused for " + span.String()
	}
	return d.whyNotOld(r, c)
}

// whyNotOld says why the date of an image does not let a remove rule want it.
func (d *Decision) whyNotOld(r *ranked, c int) string {
	span, _ := r.OlderThan()
	undated := true
	for _, tag := range d.ordinaryTags(c) {
		for _, m := range r.Match(d.snapshot.tags[tag].name) {
			a := d.dateFor(c, &m)
			if !a.complete && d.olderThan(r, a) == maybe || d.beyond(r, c) == maybe {
				return dateNotNeeded
			}
			undated = undated && a.at == 0
		}
	}
	if undated {
		return "no usable date"
	}
	return "not older than " + span.String()
}

// explainUntag completes a step that takes tags off.
func (a *assembler) explainUntag(step *Step, id graph.ID) {
	var reasons []string
	for _, name := range step.Untag {
		tag := a.tagNamed(id, name)
		class := classify(name)
		switch class.class {
		case ordinary:
			for _, r := range a.removes {
				if r.Untag() && a.wants(r, int(a.candidate[id]), tag) == yes {
					step.Rules = append(step.Rules, r.Name())
				}
			}
		case companion:
			for _, owner := range a.snapshot.owners(class) {
				step.After = append(step.After, a.steps[owner])
			}
			reasons = append(reasons, "what the tag belongs to goes or is gone")
		case trash:
			reasons = append(reasons, "the trash is due")
		}
	}
	slices.Sort(step.Rules)
	step.Rules = slices.Compact(step.Rules)
	slices.Sort(step.After)
	step.After = slices.Compact(step.After)
	if len(step.Rules) > 0 {
		reasons = append(reasons, a.rulesInWords(step.Rules))
	}
	slices.Sort(reasons)
	step.Reason = strings.Join(slices.Compact(reasons), "; ")
}

func (d *Decision) tagNamed(id graph.ID, name string) graph.ID {
	tags := d.tagsOf.Of(id)
	i, _ := slices.BinarySearchFunc(tags, name, func(t graph.ID, name string) int { return strings.Compare(d.snapshot.tags[t].name, name) })
	return tags[i]
}
