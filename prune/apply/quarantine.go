package apply

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// QuarantineOptions say how to put images in the trash. The zero value, or nil, is right
// unless there is a reason for something else.
type QuarantineOptions struct {
	Options
	// Overwrite removes tags by [regret.Client.UntagByOverwrite] where the registry does not
	// delete by tag, such as distribution 2, Harbor and ACR.
	Overwrite bool
}

// Quarantine carries out a plan as [Apply] does, but deletes no image. Each image that the
// plan deletes gets a tag of the trash, and then loses its ordinary tags:
//
//	regret-trash-<day>-<8 digits of the plan>-<12 digits of the image>
//
// Everything else stays that the plan deletes along with images: children of indexes,
// referrers with or without a tag, companions such as signatures. So do untagged manifests
// and orphans, because the trash could not give them back. All these end as Spared; where
// they are to go, apply a plan.
//
// What the trash rule of the policy selects is deleted for good, with what goes along with
// it: it was in the trash for as long as the rule says. What images in the trash still need
// is spared. Steps that take tags off manifests that stay are taken as in Apply.
//
// Before anything else, the names of the images are kept at the registry, under tags of the
// trash that end in "names-" and a number, so that [undo.RestoreTrash] needs no archive. The
// first of them is put, removed and put again. Where that fails, nothing is quarantined: the
// registry keeps tags for good, as Docker Hub does, or tags that match a rule for immutable
// tags. Where it does not delete by tag at all, nothing is put there unless Overwrite is set.
//
// An image with a digest of another algorithm than sha256 is refused: under a tag of the trash,
// registries would know it by another digest.
//
// If a tag of an image cannot be removed, the image gets back those that were removed before,
// and leaves the trash. An image that is in the trash stays there until a trash rule selects
// it; it counts as no image. How registries treat tags of the trash is in docs/undo.md.
//
// The report says how each step ended; it is nil only if the plan was refused, could not be
// archived, or the names could not be kept, so that nothing was put in the trash. Journals of
// Apply and Quarantine are different: one cannot go on where the other was interrupted.
//
// Errors: those of [Apply]; [ErrNoQuarantine].
//
// Sends, besides what Apply sends before its first step, DELETE by a tag that does not exist,
// PUT, DELETE, HEAD and PUT of the first index of names, PUT of each further one; for each
// image one PUT, and a HEAD twice and one DELETE for each of its tags.
func Quarantine(ctx context.Context, w Writer, p *plan.Plan, archive undo.Store, o *QuarantineOptions) (*Report, error) {
	if o == nil {
		o = new(QuarantineOptions)
	}
	r, err := newRun(w, p, archive, &o.Options, true)
	if err != nil {
		return nil, err
	}
	if err := newTrashing(r, o.Overwrite, time.Now()); err != nil {
		return nil, err
	}
	return r.run(ctx)
}

// A trashing is what a run knows besides if it puts images in the trash.
type trashing struct {
	*run
	mayOverwrite bool
	overwrite    bool                     // the registry does not delete by tag
	today        trash.Tag                // that of the plan, without digits of a manifest
	tags         []string                 // by step: the tag of an image in the trash; empty for other steps
	taken        map[string]regret.Digest // by such a tag: the image that it is for
	spared       map[int]string           // steps that are not taken, and why
	last         map[int]bool             // steps that are taken once all images are in the trash
	emptying     bool                     // these are being taken
	found        map[string]regret.Digest // tags of the trash of this plan that are there, and what they point to
}

// newTrashing prepares a run for quarantine. It sends nothing.
func newTrashing(r *run, mayOverwrite bool, now time.Time) error {
	q := &trashing{
		run: r, mayOverwrite: mayOverwrite, today: trash.New(now, r.report.Plan, ""), tags: make([]string, len(r.steps)),
		taken: make(map[string]regret.Digest), spared: make(map[int]string), last: make(map[int]bool),
	}
	for i := range r.steps {
		step := &r.steps[i]
		if !isImage(step) {
			continue
		}
		step.After = nil // nothing goes, so that nothing must go before
		if err := q.name(i, trash.New(now, r.report.Plan, step.Digest).String()); err != nil {
			return err
		}
		r.report.Results[i].Tags = step.OrdinaryTags()
	}
	r.trash = q
	return q.sortOut()
}

// isImage reports whether a step deletes an image.
func isImage(step *plan.Step) bool {
	return step.Action == plan.Delete && step.Role == plan.RoleImage
}

// name sets the tag of an image in the trash. The first digits of two digests may be the same.
func (q *trashing) name(step int, tag string) error {
	dgst := q.steps[step].Digest
	if other, taken := q.taken[tag]; taken && other != dgst {
		return fmt.Errorf("%w: %s and %s would both get the tag %s; make a plan without one of them", ErrNoQuarantine, other, dgst, tag)
	}
	q.tags[step], q.taken[tag] = tag, dgst
	return nil
}

// Why steps are not taken.
const (
	staysWithImage  = "it stays with an image in the trash"
	nothingForTrash = "it is no image that the trash could give back; apply a plan to delete it"
)

// sortOut finds out which of the other steps are taken: those that empty the trash, and those
// that take tags off. What images need that stay in the trash stays, too.
func (q *trashing) sortOut() error {
	isLast := make(map[regret.Digest]bool)
	var guard *plan.Guard // that knows the images to be in the trash
	for i := range q.steps {
		step := &q.steps[i]
		if isImage(step) {
			continue
		}
		after := 0
		for _, before := range step.After {
			if isLast[before] {
				after++
			}
		}
		switch {
		case after < len(step.After):
			q.spared[i] = staysWithImage
			continue
		case step.Action == plan.Untag:
			continue
		case len(step.After) == 0 && !(step.Role == plan.RoleTrash && step.Selected):
			q.spared[i] = nothingForTrash
			continue
		}
		if guard == nil {
			var err error
			if guard, err = q.plan.Guard(); err != nil {
				return err
			}
			q.protect(guard)
		}
		if reason, held := guard.Holds(step.Digest); held {
			q.spared[i] = staysWithImage + ": " + reason.Text
			continue
		}
		q.last[i], isLast[step.Digest] = true, true
	}
	return nil
}

// protect tells a guard that all images of the plan are in the trash.
func (q *trashing) protect(guard *plan.Guard) {
	for i, tag := range q.tags {
		if tag != "" {
			guard.SetTag(tag, q.steps[i].Digest)
		}
	}
}

// postpones reports whether a step is not to be taken yet.
func (q *trashing) postpones(step int) bool { return q != nil && !q.emptying && q.last[step] }

// sweep notes which tags of the trash of this plan are there, and takes them out of what was
// found: the guard must not hold images because they are in the trash already. Once the trash
// is emptied, it is told that all of them are. The caller holds the mutex.
func (q *trashing) sweep(found map[string]regret.Digest) {
	if q == nil {
		return
	}
	q.found = make(map[string]regret.Digest)
	for name, dgst := range found {
		tag, ok := trash.Parse(name)
		if !ok || !tag.IsOf(q.report.Plan) {
			continue
		}
		q.found[name] = dgst
		delete(found, name)
		if i, known := q.byDigest[dgst]; known && q.tags[i] != "" && q.found[q.tags[i]] != dgst && tag.IsNamedAfter(q.report.Plan, dgst) {
			q.tags[i] = name // by an earlier run, on another day
		}
	}
	for i, tag := range q.tags {
		if q.emptying && tag != "" {
			found[tag] = q.steps[i].Digest
		}
	}
}

// empty takes the steps that empty the trash.
func (q *trashing) empty(ctx, writing context.Context) error {
	q.mu.Lock()
	q.emptying = true
	q.protect(q.guard)
	q.mu.Unlock()
	err := q.takeSteps(ctx, writing)
	q.tellGuard()
	return err
}

// tellGuard tells the guard which images are not in the trash after all.
func (q *trashing) tellGuard() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, tag := range q.tags {
		if tag != "" && q.report.Results[i].Status != Quarantined {
			q.guard.DropTag(tag)
		}
	}
}
