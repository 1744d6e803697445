package htmlpage

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// An outline is a plan arranged for people to look at: what a manifest consists of, and what
// belongs to it.
//
// A place is where a manifest is: among the steps, or behind them among what is kept.
type outline struct {
	header    plan.Header
	steps     []plan.Step
	kept      []plan.Kept
	places    map[regret.Digest]int
	belonging map[regret.Digest][]regret.Digest // to a manifest, by subject or by companion tag
	missing   map[regret.Digest]bool
	roots     []int        // places of what goes and waits for nothing else to go, as people look for it
	shown     []bool       // by place: with all its parts
	rules     map[rule]int // their numbers
}

// A rule is named apart from those of the other kind.
type rule struct {
	keep bool
	name string
}

func newOutline(p *plan.Plan) *outline {
	o := &outline{
		header: p.Header(), places: make(map[regret.Digest]int),
		belonging: make(map[regret.Digest][]regret.Digest), missing: make(map[regret.Digest]bool), rules: make(map[rule]int),
	}
	o.steps = slices.AppendSeq(make([]plan.Step, 0, p.Totals().Manifests), p.Steps())
	o.kept = slices.AppendSeq(make([]plan.Kept, 0, p.Totals().Kept), p.Kept())
	for i := range o.kept { // before the steps: a step that deletes a manifest decides
		o.places[o.kept[i].Digest] = len(o.steps) + i
	}
	for i := range o.steps {
		if o.steps[i].Action == plan.Delete {
			o.places[o.steps[i].Digest] = i
		}
	}
	o.shown = make([]bool, len(o.steps)+len(o.kept))
	for _, dgst := range o.header.Missing {
		o.missing[dgst] = true
	}
	for i, r := range o.header.Rules {
		o.rules[rule{r.Keep, r.Rule}] = i
	}
	o.findBelonging()
	o.findRoots()
	return o
}

// manifest returns the manifest at a place.
func (o *outline) manifest(place int) *plan.Manifest {
	if k := o.stays(place); k != nil {
		return &k.Manifest
	}
	return &o.steps[place].Manifest
}

// goes returns the step that deletes the manifest at a place, or nil.
func (o *outline) goes(place int) *plan.Step {
	if place < len(o.steps) {
		return &o.steps[place]
	}
	return nil
}

// stays returns what the plan says of the manifest at a place if it stays, or nil.
func (o *outline) stays(place int) *plan.Kept {
	if place < len(o.steps) {
		return nil
	}
	return &o.kept[place-len(o.steps)]
}

// findBelonging finds what belongs to each manifest.
func (o *outline) findBelonging() {
	companions := make(map[string][]regret.Digest) // by the beginning of the digest in their tags
	for dgst, place := range o.places {
		m := o.manifest(place)
		if m.Subject != "" {
			o.belongs(dgst, m.Subject)
		}
		for _, tag := range companionTags(m) {
			owner := beginningInTag(tag)
			companions[owner] = append(companions[owner], dgst)
		}
	}
	if len(companions) > 0 {
		for owner := range o.places {
			for _, dgst := range companions[beginning(owner)] {
				o.belongs(dgst, owner)
			}
		}
	}
	for owner, all := range o.belonging {
		slices.SortFunc(all, o.compare)
		o.belonging[owner] = slices.Compact(all)
	}
}

func (o *outline) belongs(dgst, owner regret.Digest) {
	if dgst != owner {
		o.belonging[owner] = append(o.belonging[owner], dgst)
	}
}

// findRoots finds what goes and waits for nothing else to go.
func (o *outline) findRoots() {
	names := make(map[int]string)
	for i := range o.steps {
		if s := &o.steps[i]; s.Action == plan.Delete && len(s.After) == 0 {
			o.roots = append(o.roots, i)
			names[i] = name(&s.Manifest)
		}
	}
	slices.SortFunc(o.roots, func(a, b int) int {
		return cmp.Or(compareRoles(o.manifest(a), o.manifest(b)), strings.Compare(names[a], names[b]), a-b)
	})
}

// compare orders manifests as people look for them: images, then the others, by name.
func (o *outline) compare(a, b regret.Digest) int {
	x, y := o.manifest(o.places[a]), o.manifest(o.places[b])
	return cmp.Or(compareRoles(x, y), strings.Compare(name(x), name(y)), cmp.Compare(a, b))
}

func compareRoles(a, b *plan.Manifest) int {
	switch image := a.Role == plan.RoleImage; {
	case image == (b.Role == plan.RoleImage):
		return 0
	case image:
		return -1
	}
	return 1
}

// parts returns what a manifest lists, then what belongs to it, once each.
func (o *outline) parts(m *plan.Manifest) []regret.Digest {
	if len(m.Lists) == 0 {
		return o.belonging[m.Digest]
	}
	seen := make(map[regret.Digest]bool)
	return slices.DeleteFunc(slices.Concat(m.Lists, o.belonging[m.Digest]), func(dgst regret.Digest) bool {
		again := seen[dgst]
		seen[dgst] = true
		return again
	})
}

// companionDigits is the number of digits after which the specification cuts a digest in a tag.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
const companionDigits = 64

// companionTags returns those of the tags that name the digest that a manifest belongs to.
func companionTags(m *plan.Manifest) []string {
	if !slices.ContainsFunc(m.Tags, func(tag string) bool { return beginningInTag(tag) != "" }) {
		return nil
	}
	ordinary := m.OrdinaryTags()
	return slices.DeleteFunc(slices.Clone(m.Tags), func(tag string) bool {
		return beginningInTag(tag) == "" || slices.Contains(ordinary, tag)
	})
}

// beginningInTag returns the beginning of the digest that a tag may name, or nothing.
func beginningInTag(tag string) string {
	algorithm, rest, _ := strings.Cut(tag, "-")
	if algorithm != "sha256" && algorithm != "sha512" || len(rest) < companionDigits {
		return ""
	}
	return algorithm + ":" + rest[:companionDigits]
}

// beginning returns as much of a digest as there is of it in tags.
func beginning(dgst regret.Digest) string {
	algorithm, digits, _ := strings.Cut(string(dgst), ":")
	return algorithm + ":" + digits[:min(companionDigits, len(digits))]
}
