package plan

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// An Image is what is decided about an image, or about a manifest with an ordinary tag
// that refers to another.
type Image struct {
	Manifest
	Goes       bool            // it is deleted
	Untag      []string        // ordinary tags that come off although it stays
	KeptBy     []string        // keep rules that hold it
	WantedBy   []string        // remove rules that want one of its tags
	SharedWith []string        // tags that no rule wants, where others are or, at some age, would be wanted
	Needed     *Reason         // why it stays although rules select it
	Missing    []regret.Digest // what it lists that is not there
}

// A Verdict is what one rule says about one image.
type Verdict struct {
	Rule    string
	Keep    bool     // a keep rule
	Matched []string // the tags that its patterns match; none if the rule has nothing to say
	Holds   bool     // of a keep rule
	Wants   []string // of a remove rule: the tags that it wants
	// Place is the place in the ranking of the rule, 1 for the best, in the group where it
	// is best, and Of the number of places: 11 of 10 is nearly kept. Both are 0 if the rule
	// does not rank, or no place was needed to decide.
	Place, Of int
	Text      string
}

// Images yields every image and tagged referrer, by tag, with the verdict of every rule,
// those of keep rules first.
func (d *Decision) Images() iter.Seq2[Image, []Verdict] {
	return func(yield func(Image, []Verdict) bool) {
		for _, c := range d.sorted() {
			if !yield(d.image(c), d.verdicts(c)) {
				return
			}
		}
	}
}

// sorted returns the candidates by their first tag.
func (d *Decision) sorted() []int {
	all := make([]int, len(d.candidates))
	for c := range all {
		all[c] = c
	}
	first := func(c int) string { return d.snapshot.tags[d.ordinaryTags(c)[0]].name }
	slices.SortFunc(all, func(a, b int) int { return strings.Compare(first(a), first(b)) })
	return all
}

func (d *Decision) image(c int) Image {
	id := d.candidates[c]
	i := Image{Manifest: d.manifest(id), Goes: d.result.Goes(id), Missing: d.missingOf(id)}
	for _, k := range d.keeps {
		if k.holds[c] == yes {
			i.KeptBy = append(i.KeptBy, k.Name())
		}
	}
	i.WantedBy = d.rulesThatWant(id)
	if unwanted := d.sharedWith(c); len(unwanted) < len(d.ordinaryTags(c)) {
		i.SharedWith = unwanted
	}
	if d.selected[c] && !i.Goes {
		reason := d.needed(id)
		i.Needed = &reason
	}
	if !i.Goes {
		a := assembler{Decision: d}
		plain, overwrite := a.tagsThatComeOff(id)
		for _, tag := range slices.Concat(plain, overwrite) {
			if d.classes[tag] == ordinary {
				i.Untag = append(i.Untag, d.snapshot.tags[tag].name)
			}
		}
		slices.Sort(i.Untag)
	}
	return i
}

// sharedWith returns the ordinary tags that no rule wants.
func (d *Decision) sharedWith(c int) []string {
	var tags []string
	for _, tag := range d.ordinaryTags(c) {
		if d.wanted[tag] == no {
			tags = append(tags, d.snapshot.tags[tag].name)
		}
	}
	return tags
}

// rulesThatWant returns the remove rules that want a tag of a manifest, or the manifest
// itself if it is no image.
func (d *Decision) rulesThatWant(id graph.ID) []string {
	var rules []string
	c := int(d.candidate[id])
	for _, r := range d.removes {
		if c >= 0 && slices.ContainsFunc(d.ordinaryTags(c), func(tag graph.ID) bool { return d.wants(r, c, tag) == yes }) ||
			c < 0 && d.graph.Flags[id]&graph.Selected != 0 && d.takesLoose(r, id) {
			rules = append(rules, r.Name())
		}
	}
	return rules
}

// missingOf returns what an index lists that is not there.
func (d *Decision) missingOf(id graph.ID) []regret.Digest {
	var missing []regret.Digest
	for _, child := range d.snapshot.lists(id) {
		if d.snapshot.nodes[child].flags&isMissing != 0 {
			missing = append(missing, d.snapshot.digests.at(child))
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

func (d *Decision) verdicts(c int) []Verdict {
	verdicts := make([]Verdict, 0, len(d.keeps)+len(d.removes))
	for _, k := range d.keeps {
		o := d.keep(k, c)
		v := Verdict{Rule: k.Name(), Keep: true, Holds: o.answer == yes, Text: "does not match"}
		if o.matched {
			v.Matched = d.matched(k, c)
			v.Text = o.why(k)
		}
		if o.newest.better >= 0 {
			v.Place, v.Of = int(o.newest.better)+1, k.Count()
		}
		verdicts = append(verdicts, v)
	}
	for _, r := range d.removes {
		v := Verdict{Rule: r.Name(), Matched: d.matched(r, c), Text: "does not match"}
		for _, tag := range d.ordinaryTags(c) {
			if d.wants(r, c, tag) == yes {
				v.Wants = append(v.Wants, d.snapshot.tags[tag].name)
			}
		}
		if len(v.Matched) > 0 {
			v.Text = d.whyWanted(r, c, len(v.Wants) > 0)
		}
		if r.newest != nil {
			if p := d.placeOf(r.newest, c); p.better >= 0 {
				v.Place, v.Of = int(p.better)+1, r.Count()
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// matched returns the ordinary tags of a candidate that a rule matches.
func (d *Decision) matched(r *ranked, c int) []string {
	var tags []string
	for _, tag := range d.ordinaryTags(c) {
		name := d.snapshot.tags[tag].name
		if len(r.Match(name)) > 0 {
			tags = append(tags, name)
		}
	}
	return tags
}

func instant(at int64) time.Time { return time.Unix(at, 0).UTC() }
