package plan

import (
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// selectLoose selects what is no image: untagged manifests, what belongs to images that
// are gone, and the trash, each by rules of its own.
func (d *Decision) selectLoose() {
	for id := range graph.ID(len(d.snapshot.nodes)) {
		if d.snapshot.nodes[id].flags&isMissing != 0 {
			continue
		}
		if len(d.tagsOf.Of(id)) == 0 {
			if d.isDueUntagged(id) {
				d.loose = append(d.loose, id)
			}
		} else if d.candidate[id] < 0 && d.isDueByTags(id) {
			d.loose = append(d.loose, id)
		}
	}
}

// isDueUntagged reports whether a rule selects a manifest without tags: one that a list
// names with an upload time long enough ago. A manifest whose subject is gone is selected
// by a rule for orphans, too, and any by a rule that names its digest.
func (d *Decision) isDueUntagged(id graph.ID) bool {
	return slices.ContainsFunc(d.removes, func(r *ranked) bool { return d.takesUntagged(r, id) })
}

// takesUntagged reports whether a rule takes a manifest without tags.
func (d *Decision) takesUntagged(r *ranked, id graph.ID) bool {
	if d.isNamed(id) && r.Names(string(d.snapshot.digests.at(id))) {
		return true
	}
	n := &d.snapshot.nodes[id]
	uploaded := d.plausible(n.uploaded)
	if n.flags&isListed == 0 || uploaded == 0 {
		return false
	}
	orphaned := n.subject != none && d.snapshot.nodes[n.subject].flags&isMissing != 0
	return (r.Untagged() || r.Orphans() && orphaned) && uploaded < d.dueSince(r.Rule)
}

// takesLoose reports whether a rule takes a manifest that is no image.
func (d *Decision) takesLoose(r *ranked, id graph.ID) bool {
	tags := d.tagsOf.Of(id)
	if len(tags) == 0 {
		return d.takesUntagged(r, id)
	}
	return slices.ContainsFunc(tags, func(tag graph.ID) bool {
		name := classify(d.snapshot.tags[tag].name)
		return r.Names(d.snapshot.tags[tag].name) || r.Orphans() && name.class == companion && d.isOrphan(name) ||
			r.Trash() && name.class == trash && name.day.Unix() < d.dueSince(r.Rule)
	})
}

// dueSince returns the time before which something must be uploaded for a rule to take it.
func (d *Decision) dueSince(r *policy.Rule) int64 {
	span, _ := r.OlderThan()
	return span.Before(d.at).Unix()
}

// isDueByTags reports whether rules select a manifest that has companion and trash tags
// only: if each of them belongs to something that is gone, or is of the trash and due, or is
// named by a rule.
func (d *Decision) isDueByTags(id graph.ID) bool {
	return !slices.ContainsFunc(d.tagsOf.Of(id), func(tag graph.ID) bool {
		name := classify(d.snapshot.tags[tag].name)
		return !d.refs[d.snapshot.tags[tag].name] && !(name.class == trash && d.isDueTrash(name) || name.class == companion && d.isOrphan(name))
	})
}

func (d *Decision) isDueTrash(name className) bool {
	return slices.ContainsFunc(d.removes, func(r *ranked) bool {
		return r.Trash() && name.day.Unix() < d.dueSince(r.Rule)
	})
}

// isOrphan reports whether a rule takes a companion tag because what it belongs to is
// gone: the registry says so, or, where the tag does not hold the whole digest, its list
// names every manifest of the repository.
func (d *Decision) isOrphan(name className) bool {
	if !slices.ContainsFunc(d.removes, func(r *ranked) bool { return r.Orphans() }) || len(d.snapshot.owners(name)) > 0 {
		return false
	}
	if name.whole == "" {
		return d.snapshot.namesAll
	}
	id, known := d.snapshot.digests.find(name.whole)
	return known && d.snapshot.nodes[id].flags&isMissing != 0
}

// isPinned reports whether a tag stays whatever else goes, so that its manifest stays: a
// trash tag that is not due, or a companion tag of something that is not known, or gone, if
// no rule names it.
// An ordinary tag stays if its manifest is not selected, which the graph knows.
func (d *Decision) isPinned(tag int) bool {
	name := classify(d.snapshot.tags[tag].name)
	switch {
	case d.refs[d.snapshot.tags[tag].name]:
	case name.class == trash:
		return !d.isDueTrash(name)
	case name.class == companion:
		return len(d.snapshot.owners(name)) == 0 && !d.isOrphan(name)
	}
	return false
}
