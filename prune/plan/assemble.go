package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// Plan returns what the decision means for the repository. It must hold: nothing may be
// missing.
//
// Errors: [*BrakeError] if the policy's limits refuse the plan; it holds the plan to look
// at. [ErrUndecided] if [Decision.Missing] has questions.
func (d *Decision) Plan() (*Plan, error) {
	if len(d.missing) > 0 {
		return nil, ErrUndecided
	}
	p := &Plan{header: d.header()}
	a := assembler{Decision: d, steps: make(map[graph.ID]regret.Digest)}
	p.steps = append(a.deletions(), a.untags()...)
	p.kept = a.kept()
	p.totals = d.totals(p)
	if err := d.brakes(); err != nil {
		err.Plan = p
		return nil, err
	}
	return p, nil
}

func (d *Decision) header() Header {
	s := d.snapshot
	h := Header{
		Registry: s.registry, Repository: s.repository, At: d.at.UTC(), Policy: d.policy.JSON(),
		NamesAll: s.namesAll, Tags: s.tagsDigest(), Broken: s.broken(), Rules: d.ruleCounts(), Gone: d.gone(),
	}
	for _, rule := range d.policy.Keep() {
		if rule.File() == "" {
			continue
		}
		list := s.inUseList(rule.File())
		h.InUse = append(h.InUse, InUseList{list.Name(), list.Digest(), list.Made().UTC(), rule.MaxAge().After(list.Made()).UTC()})
	}
	for id := range graph.ID(len(s.nodes)) {
		if s.nodes[id].flags&isMissing != 0 {
			h.Missing = append(h.Missing, s.digests.at(id))
		}
	}
	slices.Sort(h.Missing)
	return h
}

// tagsDigest identifies the tags and what they point to.
func (s *Snapshot) tagsDigest() regret.Digest {
	lines := make([]string, 0, len(s.tags))
	for _, t := range s.tags {
		switch t.state {
		case tagRead:
			lines = append(lines, t.name+" "+string(s.digests.at(t.id))+"\n")
		case tagListed, tagBroken:
			lines = append(lines, t.name+"\n")
		}
	}
	slices.Sort(lines)
	hash := digest.SHA256.Digester()
	for _, line := range lines {
		hash.Hash().Write([]byte(line))
	}
	return hash.Digest()
}

// broken returns what is in the list of tags and leads to nothing, sorted.
func (s *Snapshot) broken() []string {
	broken := slices.Clone(s.invalid)
	for _, t := range s.tags {
		if t.state == tagBroken {
			broken = append(broken, t.name)
		}
	}
	slices.Sort(broken)
	return broken
}

// gone returns what in-use lists expect here and the registry does not have.
func (d *Decision) gone() []regret.Digest {
	s := d.snapshot
	var gone []regret.Digest
	for _, rule := range d.policy.Keep() {
		list := s.inUseList(rule.File())
		for id := range d.inUse.byRule[rule.Name()] {
			dgst := s.digests.at(id)
			if s.nodes[id].flags&isMissing != 0 && list.Expects(s.registry, s.repository, rule, dgst) {
				gone = append(gone, dgst)
			}
		}
	}
	slices.Sort(gone)
	return slices.Compact(gone)
}

// An assembler makes the steps of a plan.
type assembler struct {
	*Decision
	steps map[graph.ID]regret.Digest // what is deleted
}

func (a *assembler) deletions() []Step {
	order := a.graph.Order(a.result.Goes)
	for _, o := range order {
		a.steps[o.ID] = a.snapshot.digests.at(o.ID)
	}
	freed := a.freedBlobs()
	steps := make([]Step, 0, len(order))
	for _, o := range order {
		step := Step{Action: Delete, Manifest: a.manifest(o.ID), Rules: a.rulesThatWant(o.ID), Bytes: freed.take(o.ID)}
		for _, before := range o.After {
			step.After = append(step.After, a.steps[before])
		}
		step.Reason = a.reasonToGo(step, o.ID)
		steps = append(steps, step)
	}
	return steps
}

// untags returns the steps that take tags off manifests that stay.
func (a *assembler) untags() []Step {
	var steps []Step
	for id := range graph.ID(len(a.snapshot.nodes)) {
		tags := a.tagsOf.Of(id)
		if len(tags) == 0 || a.result.Goes(id) {
			continue
		}
		plain, overwrite := a.tagsThatComeOff(id)
		for _, step := range []Step{{Untag: a.names(plain)}, {Untag: a.names(overwrite), Overwrite: true}} {
			if len(step.Untag) == 0 {
				continue
			}
			step.Action, step.Manifest = Untag, a.manifest(id)
			a.explainUntag(&step, id)
			steps = append(steps, step)
		}
	}
	slices.SortFunc(steps, func(x, y Step) int { return compareUntags(&x, &y) })
	return steps
}

// compareUntags orders the steps that take tags off, by the first tag of each.
func compareUntags(a, b *Step) int {
	return cmp.Or(strings.Compare(a.Untag[0], b.Untag[0]), cmp.Compare(a.Digest, b.Digest))
}

// tagsThatComeOff returns the tags to take off a manifest that stays. Gitea, ECR and GHCR
// delete a manifest with its last tag, so that ordinary tags come off only while an
// ordinary tag remains that nothing wants, and others only while any tag remains.
func (a *assembler) tagsThatComeOff(id graph.ID) (plain, overwrite []graph.ID) {
	tags := a.tagsOf.Of(id)
	byRule := make(map[graph.ID]bool) // with overwriting or without
	if c := a.candidate[id]; c >= 0 && !a.snapshot.isReferrer(id) && a.hasUnwantedTag(int(c)) {
		byRule = a.untagged(int(c))
	}
	others := make(map[graph.ID]bool)
	for _, tag := range tags {
		if a.comesOffAlone(tag) {
			others[tag] = true
		}
	}
	if len(byRule)+len(others) == len(tags) {
		others = nil
	}
	for _, tag := range tags {
		if over, wanted := byRule[tag]; wanted && over {
			overwrite = append(overwrite, tag)
		} else if wanted || others[tag] {
			plain = append(plain, tag)
		}
	}
	return plain, overwrite
}

// comesOffAlone reports whether a companion or trash tag goes although its manifest stays:
// what it belongs to goes, or is gone and a rule takes orphans, or it is due.
func (a *assembler) comesOffAlone(tag graph.ID) bool {
	name := classify(a.snapshot.tags[tag].name)
	switch name.class {
	case companion:
		owners := a.snapshot.owners(name)
		return len(owners) > 0 && !slices.ContainsFunc(owners, func(o graph.ID) bool { return !a.result.Goes(o) }) || a.isOrphan(name)
	case trash:
		return a.isDueTrash(name)
	}
	return false
}

func (d *Decision) hasUnwantedTag(c int) bool {
	return slices.ContainsFunc(d.ordinaryTags(c), func(tag graph.ID) bool { return d.wanted[tag] == no })
}

// untagged returns the tags that rules with "untag" want off an image, and whether by
// overwriting them. Tags that a keep rule names stay on what it holds.
func (d *Decision) untagged(c int) map[graph.ID]bool {
	off := make(map[graph.ID]bool)
	for _, tag := range d.ordinaryTags(c) {
		for _, r := range d.removes {
			if r.Untag() && d.wants(r, c, tag) == yes && d.named(c, tag) == no {
				off[tag] = off[tag] || r.Overwrite()
			}
		}
	}
	return off
}

// named returns whether a keep rule that holds a candidate names one of its tags.
func (d *Decision) named(c int, tag graph.ID) answer {
	named := no
	name := d.snapshot.tags[tag].name
	for _, k := range d.keeps {
		if k.holds[c] > named && (d.inUse.tags[name] && k.File() != "" || len(k.Match(name)) > 0) {
			named = k.holds[c]
		}
	}
	return named
}

func (d *Decision) names(tags []graph.ID) []string {
	var names []string
	for _, tag := range tags {
		names = append(names, d.snapshot.tags[tag].name)
	}
	return names
}

// manifest returns what a plan says of a manifest.
func (d *Decision) manifest(id graph.ID) Manifest {
	s := d.snapshot
	n := &s.nodes[id]
	m := Manifest{
		Digest: s.digests.at(id), MediaType: s.texts.at(n.mediaType), ArtifactType: s.texts.at(n.artifactType),
		Size: n.size, Role: d.role(id), Platform: s.texts.at(n.platform),
		Tags: d.names(d.tagsOf.Of(id)), Selected: d.graph.Flags[id]&graph.Selected != 0, InUse: d.graph.Flags[id]&graph.InUse != 0,
	}
	for _, child := range s.lists(id) {
		m.Lists = append(m.Lists, s.digests.at(child))
	}
	if n.subject != none {
		m.Subject = s.digests.at(n.subject)
	}
	if c := d.candidate[id]; c >= 0 && d.ages[c].complete {
		if a := d.ages[c]; a.at != 0 {
			m.Created, m.Source = instant(a.at), a.source
		}
		m.Undated = d.isUndated(int(c))
	}
	return m
}

func (d *Decision) role(id graph.ID) Role {
	n := &d.snapshot.nodes[id]
	role := RoleUntagged
	for _, tag := range d.tagsOf.Of(id) {
		switch name := classify(d.snapshot.tags[tag].name); {
		case name.class == companion && name.suffix == "":
			role = RoleList
		case name.class == companion && role != RoleList:
			role = RoleReferrer
		case name.class == trash && role == RoleUntagged:
			role = RoleTrash
		}
	}
	switch {
	case d.candidate[id] >= 0 && n.subject == none:
		return RoleImage
	case role != RoleUntagged:
		return role
	case n.subject != none:
		return RoleReferrer
	case n.flags&isAttestation != 0:
		return RoleAttestation
	case len(d.graph.ListedBy(id)) > 0:
		return RoleChild
	}
	return RoleUntagged
}
