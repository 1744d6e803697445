package simulation

import (
	"net/http"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// rules check each write of the client under test before and after the registry serves it.
type rules struct {
	*world
	plan       *planned // nil while there is none: then nothing may be written
	profile    string
	quarantine bool
	overwrite  bool            // quarantine may remove tags by overwriting them
	inUse      []regret.Digest // by lists that are newer than the plan
	restoring  bool
}

// protected returns everything that must stay because of what tags point to: what they point to, what
// that lists, what these refer to, and what refers to them, by subject or by a companion tag. Only
// what is known to the client counts. It also returns which manifests the client must have read.
//
// Tags that the plan takes, with what it takes, protect nothing while the step has not ended without
// taking them. Nor do companion tags of what is to go, unless that has been found to be needed.
func (r *rules) protected(d deletion, now state) (stays map[regret.Digest]string, read map[regret.Digest]bool) {
	tags := d.tags
	targets := make(map[regret.Digest]bool)
	for tag, dgst := range tags {
		targets[dgst] = targets[dgst] || now.tags[tag] == dgst
	}
	stays, read = make(map[regret.Digest]string), make(map[regret.Digest]bool)
	var keep func(dgst regret.Digest, isRead bool, why string)
	keep = func(dgst regret.Digest, isRead bool, why string) {
		if _, done := stays[dgst]; done || !now.manifests[dgst] || r.isDeleted(d, dgst) {
			return
		}
		stays[dgst], read[dgst] = why, isRead
		name := r.nameOf(dgst)
		lists, subject := r.relations(dgst, isRead)
		for _, listed := range lists {
			keep(listed, isRead && r.isIndex(listed), why+", listed by "+name)
		}
		if subject != "" {
			keep(subject, isRead && r.plan.manifests[dgst] == nil || targets[subject], why+", referred to by "+name)
		}
		for other := range r.contents {
			if _, subject := r.relations(other, targets[other]); subject == dgst {
				keep(other, targets[other], why+", refers to "+name)
			}
		}
		for tag, target := range tags {
			if now.tags[tag] == target && ownerOf(tag) == dgst.Encoded() {
				keep(target, true, why+", is the companion of "+name)
			}
		}
	}
	for _, tag := range sortedTags(tags) {
		if dgst := tags[tag]; now.tags[tag] == dgst && !r.isTaken(d, tag, dgst) {
			keep(dgst, true, "the tag "+r.readable(tag)+" on "+r.nameOf(dgst))
		}
	}
	for _, dgst := range r.inUse {
		keep(dgst, false, "in use")
	}
	return stays, read
}

// isDeleted reports whether the client has deleted a manifest. Quay serves it on.
func (r *rules) isDeleted(d deletion, dgst regret.Digest) bool {
	i, ok := r.plan.delete[dgst]
	return ok && isGone(d.ended[i])
}

// relations returns what a manifest lists and refers to, as far as the client knows: if it has read the
// manifest because a tag led to it, or by what the plan says.
func (r *rules) relations(dgst regret.Digest, isRead bool) (lists []regret.Digest, subject regret.Digest) {
	if c := r.contents[dgst]; isRead && c != nil {
		return c.lists, c.subject
	}
	if m := r.plan.manifests[dgst]; m != nil {
		return m.Lists, m.Subject
	}
	return nil, ""
}

func (r *rules) isIndex(dgst regret.Digest) bool {
	c := r.contents[dgst]
	return c != nil && strings.HasSuffix(c.mediaType, "index.v1+json")
}

// isPlaceholder reports whether a manifest is one that the client has put in the place of another. A run
// that ends may leave it under the tag, and the next run goes on from there.
func (r *rules) isPlaceholder(dgst regret.Digest) bool {
	c := r.contents[dgst]
	return c != nil && trash.IsPlaceholder(c.raw)
}

// ownerOf returns the first 64 digits of the digest that a companion tag belongs to.
func ownerOf(tag string) string {
	digits, ok := strings.CutPrefix(tag, "sha256-")
	if !ok || len(digits) < 64 || strings.Trim(digits[:64], "0123456789abcdef") != "" || len(digits) > 64 && digits[64] != '.' {
		return ""
	}
	return digits[:64]
}

// isTaken reports whether a tag is to go from a manifest, or belongs to what is to go.
func (r *rules) isTaken(d deletion, tag string, dgst regret.Digest) bool {
	if i, ok := r.plan.delete[dgst]; ok && slices.Contains(r.plan.steps[i].Tags, tag) && d.mayGo(i) {
		return true
	}
	for _, step := range r.plan.steps {
		if step.Action == plan.Untag && (step.Digest == dgst || step.Overwrite && r.isPlaceholder(dgst)) && slices.Contains(step.Untag, tag) {
			return true
		}
	}
	for owner, i := range r.plan.delete {
		if ownerOf(tag) == owner.Encoded() && d.ended[i] != apply.Stale {
			return true
		}
	}
	if t, ok := trash.Parse(tag); ok && t.Manifest == "" && t.IsOf(r.plan.Digest()) {
		return true // that of an index of names, which is put, removed and put again
	}
	return false
}

// mayGo reports whether a step may still take away its manifest, or has done so.
func (d deletion) mayGo(step int) bool {
	switch d.ended[step] {
	case apply.Stale, apply.Held, apply.Refused, apply.Failed, apply.Spared:
		return false
	}
	return true
}

// checkRequest checks a write before the registry serves it.
func (r *rules) checkRequest(p *process, req *request, before state) {
	if r.plan == nil {
		r.problem("P10: a write while the repository is read: %s %s", req.Method, req.URL.Path)
		return
	}
	if !r.isAllowed(p, req, before) {
		r.problem("P6: run %d: this is not in the plan: %s %s", p.number, req.Method, req.URL.Path)
	}
	if req.Method != http.MethodDelete || !strings.Contains(req.reference, ":") || r.restoring {
		return
	}
	p.knowledge.mu.Lock()
	defer p.knowledge.mu.Unlock()
	dgst := regret.Digest(req.reference)
	d, deleting := p.knowledge.deleting[dgst]
	if !deleting || !before.manifests[dgst] {
		return
	}
	stays, _ := r.protected(d, before)
	if why, protected := stays[dgst]; protected {
		r.problem("P5: run %d deletes %s, which must stay: %s", p.number, r.nameOf(dgst), why)
	}
	for _, tag := range sortedTags(before.tags) {
		if before.tags[tag] == dgst && d.tags[tag] != dgst && !slices.Contains(r.plan.steps[r.plan.delete[dgst]].Tags, tag) {
			r.counts.windows++
			r.say("in the window: the tag %s", tag)
		}
	}
}

// checkEffect checks what a write has taken away.
func (r *rules) checkEffect(p *process, req *request, before state, gone []regret.Digest) {
	if r.plan == nil || r.restoring || req.Method != http.MethodDelete {
		return // what a registry removes when a tag is overwritten, the client restores
	}
	p.knowledge.mu.Lock()
	defer p.knowledge.mu.Unlock()
	d, deleting := p.knowledge.deleting[regret.Digest(req.reference)]
	if !deleting {
		if _, untagging := p.knowledge.untagged[req.reference]; !untagging {
			return
		}
		d = deletion{p.knowledge.tags(nil), p.knowledge.ended}
	}
	stays, read := r.protected(d, before)
	for _, dgst := range gone {
		why, protected := stays[dgst]
		switch {
		case !protected, string(dgst) == req.reference, r.isSibling(req.reference, dgst, before):
		case r.contents[dgst].subject != "" && !read[dgst] && r.plan.manifests[dgst] == nil:
			r.say("%s goes along: the client has not read what it refers to", r.nameOf(dgst))
		case r.hasMoved(d.tags, gone, before):
			r.counts.windows++
			r.say("in the window: a tag has moved away from what goes along")
		default:
			r.problem("P5: with %s, run %d takes away %s, which must stay: %s", r.readable(req.reference), p.number, r.nameOf(dgst), why)
		}
	}
}

// hasMoved reports whether a tag that the client has seen on one of some manifests is not there any
// more. It may have been what kept a registry from deleting that along.
func (r *rules) hasMoved(tags map[string]regret.Digest, gone []regret.Digest, now state) bool {
	for tag, dgst := range tags {
		if slices.Contains(gone, dgst) && now.tags[tag] != dgst {
			return true
		}
	}
	return false
}

// isSibling reports whether a manifest had no tag but companion tags of what was deleted. Quay removes
// such tags, and then what they point to, whatever else that belongs to.
func (r *rules) isSibling(deleted string, dgst regret.Digest, before state) bool {
	if r.profile != fakeregistry.Quay().Name {
		return false
	}
	for tag, at := range before.tags {
		if at == dgst && ownerOf(tag) != strings.TrimPrefix(deleted, "sha256:") {
			return false
		}
	}
	return true
}

// isAllowed reports whether the plan, or restoring it, may lead to a write.
func (r *rules) isAllowed(p *process, req *request, before state) bool {
	byDigest := strings.Contains(req.reference, ":")
	switch {
	case r.restoring:
		return r.mayRestore(req)
	case req.reference == "":
		return false
	case req.Method == http.MethodDelete && byDigest:
		return r.mayDelete(regret.Digest(req.reference))
	case req.Method == http.MethodDelete:
		return r.mayUntag(p, req.reference)
	case req.Method == http.MethodPut && byDigest:
		return r.overwrites() && before.manifests[digestOf(req.raw)] || r.overwrites() && r.contents[digestOf(req.raw)] != nil
	case req.Method == http.MethodPut:
		return r.mayPut(req.reference, digestOf(req.raw))
	}
	return false
}

// overwrites reports whether tags may be removed by overwriting them.
func (r *rules) overwrites() bool {
	return r.quarantine && r.overwrite || slices.ContainsFunc(r.plan.steps, func(step plan.Step) bool { return step.Overwrite })
}

func (r *rules) mayDelete(dgst regret.Digest) bool {
	if i, ok := r.plan.delete[dgst]; ok {
		return !r.quarantine || r.plan.steps[i].Role != plan.RoleImage
	}
	c := r.contents[dgst]
	return r.overwrites() && (c == nil || trash.IsPlaceholder(c.raw)) // nil: to find out whether deletion is allowed
}

// mayUntag reports whether a tag may be removed: one that a step takes, from what it takes it.
func (r *rules) mayUntag(p *process, tag string) bool {
	p.knowledge.mu.Lock()
	from := p.knowledge.untagged[tag]
	p.knowledge.mu.Unlock()
	if strings.HasPrefix(tag, "regret-keep-") {
		return r.overwrites()
	}
	if t, ok := trash.Parse(tag); ok && r.quarantine && t.IsOf(r.plan.Digest()) {
		return true
	}
	i, ok := r.plan.delete[from]
	if ok && slices.Contains(r.plan.steps[i].Tags, tag) {
		return true
	}
	return slices.ContainsFunc(r.plan.steps, func(step plan.Step) bool {
		return step.Action == plan.Untag && step.Digest == from && slices.Contains(step.Untag, tag)
	})
}

// mayPut reports whether a manifest may be put under a tag: to put back a tag that was removed in
// vain, to overwrite a tag, or to put an image in the trash.
func (r *rules) mayPut(tag string, dgst regret.Digest) bool {
	t, isTrash := trash.Parse(tag)
	switch {
	case strings.HasPrefix(tag, "regret-keep-"):
		return r.overwrites()
	case isTrash && r.quarantine && t.IsOf(r.plan.Digest()):
		return true
	case r.isPlaceholder(dgst):
		return r.overwrites() && r.takes(tag)
	}
	i, ok := r.plan.delete[dgst]
	return ok && slices.Contains(r.plan.steps[i].Tags, tag) || r.overwrites() && r.takes(tag)
}

// takes reports whether a step takes a tag.
func (r *rules) takes(tag string) bool {
	return slices.ContainsFunc(r.plan.steps, func(step plan.Step) bool {
		return slices.Contains(step.Tags, tag) && step.Action == plan.Delete || slices.Contains(step.Untag, tag)
	})
}

// mayRestore reports whether restoring may lead to a write: it pushes what the plan takes, under
// digests and the tags that the plan takes, and lists of referrers with further entries. From the
// trash it takes tags of the trash.
func (r *rules) mayRestore(req *request) bool {
	_, isTrash := trash.Parse(req.reference)
	switch {
	case req.Method == http.MethodDelete:
		c := r.contents[regret.Digest(req.reference)]
		return isTrash || strings.HasPrefix(req.reference, "regret-keep-") || r.quarantine && (c == nil || strings.HasPrefix(c.name, "placeholder") || strings.HasPrefix(c.name, "joined"))
	case req.reference == "":
		return strings.Contains(req.URL.Path, "/blobs/uploads/")
	case strings.Contains(req.reference, ":"):
		return r.plan.manifests[regret.Digest(req.reference)] != nil || r.quarantine
	}
	return r.takes(req.reference) || r.quarantine
}
