package htmlpage

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A row is a manifest on the page.
type row struct {
	Verdict string // remove, untag, keep or missing
	Name    string
	Kind    string
	Age     string
	Frees   string
	Why     string
	Rules   string // the numbers of the rules that have to do with it
	Digest  regret.Digest
	Facts   []fact // more about it; only of rows that are no part of another one
	Parts   []row
	bytes   int64           // of it and its parts
	deeper  []regret.Digest // parts that are shown beside it
}

// A fact is something more about a manifest.
type fact struct {
	Term, Text string
	Code       bool
}

// maxDepth is how deep rows are nested. What is deeper is shown at this depth: a registry may nest
// what refers to each other as deep as it likes, but browsers stop at 512 elements.
const maxDepth = 8

// head returns the row of the manifest at a place, without its parts.
func (o *outline) head(place int) row {
	m := o.manifest(place)
	r := row{Verdict: "keep", Name: name(m), Kind: kind(m), Age: age(m, o.header.At), Digest: m.Digest}
	if s := o.goes(place); s != nil {
		r.Verdict, r.Why, r.Rules = "remove", visible(s.Reason, maxProse), o.numbers(false, s.Rules...)
		return r
	}
	k := o.stays(place)
	r.Why, r.Rules = reasons(k), o.numbersOf(k)
	return r
}

// row returns the row of the manifest at a place. It has its parts the first time.
func (o *outline) row(place, depth int) row {
	r := o.head(place)
	if o.shown[place] {
		return r
	}
	o.shown[place] = true
	if s := o.goes(place); s != nil {
		r.bytes = s.Bytes
	}
	if depth >= maxDepth {
		r.deeper = o.parts(o.manifest(place))
		r.Frees = atMost(r.bytes)
		return r
	}
	for todo := slices.Clip(o.parts(o.manifest(place))); len(todo) > 0; todo = todo[1:] {
		part, ok := o.part(todo[0], r.Verdict, depth+1)
		if !ok {
			continue
		}
		r.bytes += part.bytes
		r.Parts = append(r.Parts, part)
		todo = append(todo, part.deeper...)
	}
	r.Frees = atMost(r.bytes)
	return r
}

// part returns the row of a part of something that goes or stays. It is false if the plan says
// nothing about it.
func (o *outline) part(dgst regret.Digest, verdictOfWhole string, depth int) (row, bool) {
	place, known := o.places[dgst]
	switch {
	case !known:
		return row{Verdict: "missing", Name: short(dgst), Why: "it is listed, but it is not there", Digest: dgst}, o.missing[dgst]
	case o.goes(place) == nil && (verdictOfWhole == "remove" || o.manifest(place).Role == plan.RoleImage):
		return o.head(place), true // its parts are shown where it stays
	}
	return o.row(place, depth), true
}

// whole returns the row of a manifest that is shown by itself.
func (o *outline) whole(place int) row {
	r := o.row(place, 0)
	r.Facts = o.facts(o.manifest(place))
	if k := o.stays(place); k != nil {
		if len(k.WantedBy) > 0 {
			r.Facts = append(r.Facts, fact{Term: "Wanted by", Text: visible(strings.Join(k.WantedBy, ", "), maxProse)})
		}
		for _, dgst := range k.Missing {
			if !o.missing[dgst] {
				r.Facts = append(r.Facts, fact{"Missing", visible(string(dgst), maxName), true})
			}
		}
	}
	return r
}

// untagged returns the row of a step that takes tags off.
func (o *outline) untagged(s *plan.Step) row {
	r := row{
		Verdict: "untag", Name: tagsInWords(s.Untag), Kind: kind(&s.Manifest), Age: age(&s.Manifest, o.header.At), Why: visible(s.Reason, maxProse),
		Rules: o.numbers(false, s.Rules...), Digest: s.Digest, Facts: o.facts(&s.Manifest),
	}
	if len(s.Untag) > shownTags {
		r.Facts = append(r.Facts, fact{"Tags that come off", tags(s.Untag), true})
	}
	if s.Overwrite {
		r.Facts = append(r.Facts, fact{Term: "How", Text: "the tags are overwritten"})
	}
	return r
}

// facts returns more about a manifest.
func (o *outline) facts(m *plan.Manifest) []fact {
	facts := []fact{{"Digest", visible(string(m.Digest), maxName), true}}
	if m.MediaType != "" {
		facts = append(facts, fact{"Type", visible(m.MediaType, maxName), true})
	}
	if m.ArtifactType != "" {
		facts = append(facts, fact{"Artifact type", visible(m.ArtifactType, maxName), true})
	}
	if len(m.Tags) > shownTags || len(m.OrdinaryTags()) < len(m.Tags) {
		facts = append(facts, fact{"Tags", tags(m.Tags), true})
	}
	if !m.Created.IsZero() {
		text := instant(m.Created)
		if m.Source != "" {
			text += " (" + visible(string(m.Source), maxName) + ")"
		}
		facts = append(facts, fact{Term: "Created", Text: text})
	}
	if m.Subject != "" {
		facts = append(facts, fact{"Refers to", visible(string(m.Subject), maxName), true})
	}
	if len(m.Lists) > 0 {
		facts = append(facts, fact{Term: "Lists", Text: counted(len(m.Lists), "manifest")})
	}
	if m.InUse {
		facts = append(facts, fact{Term: "In use", Text: "yes"})
	}
	return facts
}

// tags returns all of so many tags.
func tags(all []string) string {
	text := strings.Join(all, ", ")
	return visible(text, 10*len(text)) // an escape sequence has at most 10 bytes
}

// reasons returns why a manifest stays.
func reasons(k *plan.Kept) string {
	texts := make([]string, len(k.Reasons))
	for i, r := range k.Reasons {
		if texts[i] = r.Text; r.Rule != "" {
			texts[i] = r.Rule + ": " + r.Text
		}
	}
	return visible(strings.Join(texts, "; "), maxProse)
}

// numbersOf returns the numbers of the rules that hold or want what stays.
func (o *outline) numbersOf(k *plan.Kept) string {
	var names []string
	for _, r := range k.Reasons {
		if r.Rule != "" {
			names = append(names, r.Rule)
		}
	}
	return strings.TrimSpace(o.numbers(true, names...) + " " + o.numbers(false, k.WantedBy...))
}

func (o *outline) numbers(keep bool, names ...string) string {
	var numbers []string
	for _, name := range names {
		if n, ok := o.rules[rule{keep, name}]; ok {
			numbers = append(numbers, strconv.Itoa(n))
		}
	}
	return strings.Join(numbers, " ")
}

// rows yields the rows of places that are not shown yet.
func (o *outline) rows(places iter.Seq[int]) iter.Seq[row] {
	return func(yield func(row) bool) {
		for place := range places {
			if !o.shown[place] && !yield(o.whole(place)) {
				return
			}
		}
	}
}

// isDoubtful reports whether something stays that a reader may have expected to go.
func isDoubtful(k *plan.Kept) bool {
	held := slices.ContainsFunc(k.Reasons, func(r plan.Reason) bool { return r.Rule != "" })
	return k.Selected || k.Undated || len(k.Missing) > 0 || len(k.WantedBy) > 0 && !held
}
