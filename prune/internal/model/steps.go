package model

import (
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/internal/model/slow"
)

// steps returns the steps of the plan, the deletions first, in an order in which each comes after
// those that it must follow.
func (d *decision) steps() []cases.Step {
	var steps []cases.Step
	done := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for _, id := range d.ids {
			after := d.after(id)
			if d.isGoing(id) && !done[id] && !slices.ContainsFunc(after, func(id string) bool { return !done[id] }) {
				done[id], changed = true, true
				steps = append(steps, cases.Step{
					Action: cases.DeleteManifest, ID: id, Role: d.role(id), After: after,
					Tags: slices.Sorted(slices.Values(d.manifests[id].Tags)),
				})
			}
		}
	}
	for _, id := range d.ids {
		plain, overwritten := d.tagsTakenOff(id), []string{}
		plain = slices.DeleteFunc(plain, func(tag string) bool {
			if d.overwrites(id, tag) {
				overwritten = append(overwritten, tag)
				return true
			}
			return false
		})
		for i, tags := range [][]string{plain, overwritten} {
			if len(tags) > 0 {
				steps = append(steps, cases.Step{
					Action: cases.RemoveTags, ID: id, Role: d.role(id), Tags: tags, After: d.ownersThatGo(tags), Overwrite: i == 1,
				})
			}
		}
	}
	return steps
}

// after returns what must go before a manifest goes: what lists it, and what it refers to unless that
// must also go after it.
func (d *decision) after(id string) []string {
	after := []string{}
	for _, other := range d.ids {
		lists := d.nodes.ListsIt(d.place(other), d.place(id))
		refers := d.nodes.RefersTo(d.place(id), d.place(other)) && !d.mustPrecede(id, other, nil)
		if d.isGoing(other) && (lists || refers) {
			after = append(after, other)
		}
	}
	return after
}

// mustPrecede reports whether a manifest goes before another, directly or by way of others that go.
func (d *decision) mustPrecede(id, other string, by []string) bool {
	return slices.ContainsFunc(d.ids, func(next string) bool {
		if !d.isGoing(next) || slices.Contains(by, next) ||
			!d.nodes.ListsIt(d.place(id), d.place(next)) && !d.nodes.RefersTo(d.place(next), d.place(id)) {
			return false
		}
		return next == other || d.mustPrecede(next, other, append(slices.Clone(by), next))
	})
}

// role returns what a manifest is in the plan.
func (d *decision) role(id string) string {
	m := d.manifests[id]
	hasSuffix := func(tag string) bool { return companionForm.FindStringSubmatch(tag)[3] != "" }
	switch {
	case m.isImage():
		return "image"
	case m.Subject != "":
		return "referrer"
	case len(m.companions) > 0 && slices.ContainsFunc(m.companions, hasSuffix):
		return "referrer"
	case len(m.companions) > 0:
		return "list"
	case len(m.trash) > 0:
		return "trash"
	case !slices.ContainsFunc(d.ids, func(index string) bool { return d.known[index] && slices.Contains(d.manifests[index].lists, id) }):
		return "untagged"
	case m.Kind == cases.KindAttestation:
		return "attestation"
	}
	return "child"
}

// tagsTakenOff returns the tags that are taken off a manifest that stays, sorted: companion tags of
// what goes, tags that a rule takes, and the ordinary tags of an image that rules take off. A tag must
// remain.
func (d *decision) tagsTakenOff(id string) (tags []string) {
	if !d.stays(id) || !d.known[id] {
		return nil
	}
	m := d.manifests[id]
	for _, tag := range m.companions {
		t := d.companionTag(tag)
		if t.Kind == slow.Taken || t.Kind == slow.Companion && d.nodes.AllGo(t.Of, d.goes) {
			tags = append(tags, tag)
		}
	}
	for _, tag := range m.trash {
		if d.trashIsDue(tag) {
			tags = append(tags, tag)
		}
	}
	tags = append(tags, d.untagged(id)...)
	if len(tags) == len(m.ordinary)+len(m.companions)+len(m.trash) {
		return nil
	}
	slices.Sort(tags)
	return tags
}

// ownersThatGo returns what goes and a companion tag belongs to, sorted.
func (d *decision) ownersThatGo(tags []string) []string {
	owners := []string{}
	for _, tag := range tags {
		if companionForm.MatchString(tag) {
			owners = append(owners, slices.DeleteFunc(d.owners(tag), d.stays)...)
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// overwrites reports whether a rule says that a tag comes off by overwriting.
func (d *decision) overwrites(id, tag string) bool {
	return slices.Contains(d.untagged(id), tag) &&
		slices.ContainsFunc(d.policy.Remove, func(r Rule) bool { return r.Untag && r.Overwrite && d.wants(r, id, tag) })
}
