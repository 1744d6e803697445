package model

import (
	"encoding/json"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/internal/model/slow"
)

// An Outcome is what must be planned.
type Outcome struct {
	cases.Result                          // whatever the brakes say
	Others       map[string]cases.Verdict // of the manifests that are known and no images
	Brakes       map[string]int           // limits that refuse the plan, and the number that would not
	DateNeeded   map[string]bool          // ids of what rules must know the date of
}

// Planned returns the result with the error that takes the place of the plan, if there is one.
func (o *Outcome) Planned() cases.Result {
	if len(o.Brakes) > 0 {
		return cases.Result{Errors: []cases.Error{{Kind: cases.ErrorBrake, Limits: o.Brakes}}}
	}
	return o.Result
}

// Decide decides about a scenario. Of its faults it knows those of the list of tags and tags that
// cannot be found, not those that make reading fail.
func Decide(c *cases.Case) (*Outcome, error) {
	s := &scenario{Case: c, rankings: map[string]*ranking{}}
	if err := json.Unmarshal(c.PolicyJSON(), &s.policy); err != nil {
		return nil, err
	}
	s.read()
	if err := s.readInUse(); err != nil {
		return &Outcome{Result: cases.Result{Errors: []cases.Error{*err}}}, nil
	}
	s.know()
	d := &decision{scenario: s, nodes: s.nodes()}
	d.goes = d.nodes.Goes(slow.AllRules...)
	o := &Outcome{Others: map[string]cases.Verdict{}, Brakes: d.brakes()}
	o.Images = map[string]cases.Image{}
	for _, id := range s.ids {
		switch {
		case s.manifests[id].isImage():
			o.Images[id] = d.image(id)
		case s.known[id]:
			o.Others[id] = d.verdict(id)
		}
	}
	o.Steps = d.steps()
	o.Reported = d.withMissingChild()
	o.DateNeeded = d.datesNeeded()
	o.UnknownDates = len(d.where(func(m *manifest) bool { return m.isImage() && o.DateNeeded[m.ID] && d.age(m.ID).IsZero() }))
	o.Freed, o.FreedBytes = d.freed()
	return o, nil
}

// A decision is a scenario of which is known what goes.
type decision struct {
	*scenario
	nodes slow.Nodes
	goes  slow.Set
}

func (d *decision) isGoing(id string) bool { return d.goes[d.place(id)] }

// stays reports whether the registry has a manifest that does not go.
func (d *decision) stays(id string) bool { return d.manifests[id].there && !d.isGoing(id) }

func (d *decision) verdict(id string) cases.Verdict {
	if d.isGoing(id) {
		return cases.Remove
	}
	return cases.Keep
}

func (d *decision) image(id string) cases.Image {
	age := d.age(id)
	image := cases.Image{
		Verdict:   d.verdict(id),
		KeptBy:    d.keptBy(id),
		WantedBy:  d.wantedBy(id),
		Untag:     d.untagged(id),
		Needed:    d.isSelected(d.manifests[id]) && d.stays(id),
		Nearly:    d.nearly(id),
		Age:       age.Time,
		AgeSource: age.source,
	}
	if len(image.WantedBy) > 0 {
		image.SharedWith = d.unwanted(id)
	}
	if len(image.Untag) > 0 {
		image.Verdict = cases.Untag
	}
	return image
}

// untagged returns the ordinary tags that rules take off an image that stays, sorted: those that a
// rule with "untag" wants and no keep rule names, if a tag remains that no rule wants.
func (d *decision) untagged(id string) (tags []string) {
	m := d.manifests[id]
	if !m.isImage() || !d.stays(id) || len(d.unwanted(id)) == 0 {
		return nil
	}
	for _, tag := range m.ordinary {
		named := slices.ContainsFunc(d.policy.Keep, func(r Rule) bool { return d.names(r, id, tag) })
		wanted := slices.ContainsFunc(d.policy.Remove, func(r Rule) bool { return r.Untag && d.wants(r, id, tag) })
		if wanted && !named {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

// withMissingChild returns the images that stay and list what the registry does not have, at any
// depth.
func (d *decision) withMissingChild() []string {
	var lacks func(id string) bool
	lacks = func(id string) bool {
		return !d.manifests[id].there || slices.ContainsFunc(d.manifests[id].lists, lacks)
	}
	return d.where(func(m *manifest) bool { return m.isImage() && d.stays(m.ID) && lacks(m.ID) })
}

// freed returns the blobs that only manifests hold that go, and their size.
func (d *decision) freed() (freed []regret.Digest, size int64) {
	held := map[regret.Digest]bool{}
	for _, id := range d.where(func(m *manifest) bool { return d.known[m.ID] && d.stays(m.ID) }) {
		for _, blob := range d.blobs(id) {
			held[blob.Digest] = true
		}
	}
	for _, id := range d.where(func(m *manifest) bool { return d.isGoing(m.ID) }) {
		for _, blob := range d.blobs(id) {
			if !held[blob.Digest] {
				held[blob.Digest] = true // count it once
				freed, size = append(freed, blob.Digest), size+blob.Size
			}
		}
	}
	return freed, size
}

func (s *scenario) blobs(id string) (blobs []regret.Descriptor) {
	content := s.Content(id)
	if content.Config != nil {
		blobs = append(blobs, content.Config.Descriptor)
	}
	for _, layer := range content.Layers {
		blobs = append(blobs, layer.Descriptor)
	}
	return blobs
}

// brakes returns the limits that refuse the plan, and the numbers that would not.
func (d *decision) brakes() map[string]int {
	images := len(d.images())
	going := len(d.where(func(m *manifest) bool { return m.isImage() && d.isGoing(m.ID) }))
	selected := len(d.where(func(m *manifest) bool { return d.isGoing(m.ID) && d.isSelected(m) }))
	limits := d.policy.Limits
	brakes := map[string]int{}
	if going > 0 && images-going < limit(limits.MinLeft, 1) {
		brakes["min-left"] = images - going
	}
	if going > 0 && going*100 > limit(limits.MaxPercent, 50)*images {
		brakes["max-percent"] = (going*100 + images - 1) / images
	}
	if selected > limit(limits.MaxImages, 5000) {
		brakes["max-images"] = selected
	}
	if broken := len(d.brokenTags()); broken > limit(limits.Broken, 0) {
		brakes["broken"] = broken
	}
	return brakes
}

// brokenTags returns the tags that are noticed to be broken. Companion tags are read only once
// something is selected.
func (d *decision) brokenTags() []string {
	selected := len(d.where(func(m *manifest) bool { return d.known[m.ID] && d.isSelected(m) })) > 0
	return slices.DeleteFunc(slices.Clone(d.broken), func(tag string) bool {
		return companionForm.MatchString(tag) && !selected
	})
}
