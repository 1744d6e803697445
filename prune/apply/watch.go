package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A watch knows what the repository is like by now, as far as that matters to the plan.
type watch struct {
	*job
	looks chan struct{} // bounds how many tags are looked at at once

	// mu guards the guard. It is held while what a tag newly leads to is read, so that
	// nothing is deleted meanwhile that may be needed there.
	mu       gate
	guard    *plan.Guard
	deleted  []bool                   // by step
	missed   map[string]regret.Digest // tags that a look before a step did not find, and what they pointed to
	rechecks []recheck                // by step

	lastSweep time.Time // when it ended
	sweepTook time.Duration
}

// A recheck is the second look at the tags of an image, before its parts are deleted.
type recheck struct {
	looking gate // held during the look, so that no part goes before its end; nil before the first
	done    bool
}

// newWatch returns a watch that knows what the plan says, and what earlier runs have seen.
func newWatch(j *job, h *history, now time.Time) (*watch, error) {
	guard, err := j.plan.Guard()
	if err != nil {
		return nil, err
	}
	if err := guard.Use(j.InUse, now); err != nil {
		return nil, err
	}
	for _, tag := range slices.Sorted(maps.Keys(h.tags)) {
		if dgst := h.tags[tag]; dgst == "" {
			guard.DropTag(tag)
		} else {
			guard.SetTag(tag, dgst)
		}
	}
	w := &watch{job: j, mu: newGate(), guard: guard, missed: make(map[string]regret.Digest), looks: make(chan struct{}, j.Concurrency)}
	w.deleted, w.rechecks = make([]bool, len(j.steps)), make([]recheck, len(j.steps))
	for i := range j.steps {
		w.deleted[i] = h.results[i].Status.isGone()
	}
	return w, nil
}

// wasDeleted records that a manifest is gone.
func (w *watch) wasDeleted(step int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deleted[step] = true
}

// remains records that a manifest is still there although the plan deletes it.
func (w *watch) remains(step int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.guard.Back(w.steps[step].Digest)
}

// setTag tells the guard what a tag points to, and reports whether that is new. If it was
// deleted, it was pushed again. The caller holds the mutex.
func (w *watch) setTag(tag string, dgst regret.Digest) bool {
	if i, known := w.byDigest[dgst]; known && w.deleted[i] {
		w.guard.Back(dgst)
	}
	return w.guard.SetTag(tag, dgst)
}

// learnConfigs tells the guard which configurations the manifests have that are to go, if an
// in-use list may name one: CRI-O reports the digest of the configuration, not of the image.
func (w *watch) learnConfigs(ctx context.Context, archive *undo.Archive) error {
	if !w.guard.NamesUnknown() {
		return nil
	}
	entries := slices.Collect(archive.Entries())
	return each(ctx, w.Concurrency, len(entries), func(ctx context.Context, i int) error {
		m, err := archive.Manifest(ctx, entries[i].Descriptor.Digest)
		if err != nil {
			return err
		}
		if references, err := plan.ReadReferences(m.Raw); err == nil && references.Config != "" {
			w.mu.Lock()
			w.guard.Config(m.Descriptor.Digest, references.Config)
			w.mu.Unlock()
		}
		return nil
	})
}

// learnMissing reads what the guard must know, such as what new tags lead to.
func (w *watch) learnMissing(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.learn(ctx)
}

// learn is learnMissing for a caller that holds the mutex.
func (w *watch) learn(ctx context.Context) error {
	for {
		questions := slices.Collect(w.guard.Missing())
		if len(questions) == 0 {
			return nil
		}
		found := make([]*regret.Manifest, len(questions))
		err := each(ctx, w.Concurrency, len(questions), func(ctx context.Context, i int) (err error) {
			found[i], err = w.read(ctx, questions[i].Digest)
			return err
		})
		if err != nil {
			return err
		}
		for i, q := range questions {
			if found[i] == nil {
				w.guard.NotFound(q)
			} else if err := w.guard.Manifest(q, found[i]); err != nil {
				return fmt.Errorf("%s, which a tag leads to or which is in use: %w", q.Digest, err)
			}
		}
		if err := w.guard.CheckLimits(); err != nil {
			return err
		}
	}
}

// read returns a manifest; nil if there is none.
func (w *watch) read(ctx context.Context, dgst regret.Digest) (*regret.Manifest, error) {
	m, err := w.Manifest(ctx, w.header.Repository, string(dgst))
	switch {
	case errors.Is(err, regret.ErrNotFound):
		return nil, nil
	case err == nil && m.Descriptor.Digest != dgst:
		err = fmt.Errorf("it has the digest %s", m.Descriptor.Digest)
	}
	if err != nil {
		return nil, fmt.Errorf("%s, which a tag leads to or which is in use, cannot be read: %w", dgst, err)
	}
	return m, nil
}

// look looks at what tags point to now, tells the guard, and returns those that still point
// to the manifest.
func (w *watch) look(ctx context.Context, dgst regret.Digest, tags []string) (still []string, err error) {
	found := make([]regret.Digest, len(tags))
	err = each(ctx, w.Concurrency, len(tags), func(ctx context.Context, i int) (err error) {
		w.looks <- struct{}{}
		defer func() { <-w.looks }()
		found[i], err = w.where(ctx, tags[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, tag := range tags {
		if found[i] == "" {
			w.drop(tag)
			continue
		}
		w.setTag(tag, found[i])
		if found[i] == dgst {
			still = append(still, tag)
		}
	}
	return still, w.learn(ctx)
}

// drop tells the guard that a tag is gone. If the plan does not take it, it is remembered. The
// caller holds the mutex.
func (w *watch) drop(tag string) {
	if dgst, known := w.guard.Tag(tag); known && !w.takes(tag, dgst) {
		w.missed[tag] = dgst
	}
	w.guard.DropTag(tag)
}

// find returns what a tag points to now; it is empty if the tag is gone. If that is not the
// manifest that a step takes the tag from, the guard is told.
func (w *watch) find(ctx context.Context, tag string, from regret.Digest) (regret.Digest, error) {
	at, err := w.where(ctx, tag)
	if err != nil || at == "" || at == from {
		return at, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.setTag(tag, at)
	return at, w.learn(ctx)
}

// lookBefore looks right before a step at everything that it depends on. It returns the tags
// that still point to its manifest, or the reason why the manifest must stay.
func (w *watch) lookBefore(ctx context.Context, step *plan.Step) (still []string, reason string, err error) {
	if err := w.lookAtOwners(ctx, step); err != nil {
		return nil, "", err
	}
	if err := w.lookAtWholes(ctx, step); err != nil {
		return nil, "", err
	}
	if still, err = w.look(ctx, step.Digest, step.Tags); err != nil {
		return nil, "", err
	}
	reason, err = w.holds(ctx, step.Digest)
	return still, reason, err
}

// holds returns the reason why a manifest must stay; it is empty if there is none. It first reads
// what another step may have failed to read.
func (w *watch) holds(ctx context.Context, dgst regret.Digest) (reason string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.learn(ctx); err != nil {
		return "", err
	}
	if held, isHeld := w.guard.Holds(dgst); isHeld {
		return cmp.Or(held.Text, "something needs it"), nil
	}
	return "", nil
}

// lookAtOwners looks whether what an orphan belongs to is still gone.
func (w *watch) lookAtOwners(ctx context.Context, step *plan.Step) error {
	w.mu.Lock()
	gone := w.guard.Presumed(step)
	w.mu.Unlock()
	for _, dgst := range gone {
		found, err := w.has(ctx, dgst)
		if err != nil {
			return err
		}
		if found {
			w.mu.Lock()
			w.guard.Found(dgst)
			w.mu.Unlock()
		}
	}
	return nil
}

// lookAtWholes looks at the tags of the images that a manifest is a part of once more, after
// they were deleted and before their first part is: a tag that was pushed meanwhile may lead
// to the part again.
func (w *watch) lookAtWholes(ctx context.Context, step *plan.Step) error {
	for _, i := range w.wholes(step) {
		if err := w.recheck(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (w *watch) recheck(ctx context.Context, image int) error {
	w.mu.Lock()
	r := &w.rechecks[image]
	if r.looking == nil {
		r.looking = newGate()
	}
	w.mu.Unlock()
	r.looking.Lock()
	defer r.looking.Unlock()
	if r.done {
		return nil
	}
	_, err := w.look(ctx, w.steps[image].Digest, w.steps[image].Tags)
	r.done = err == nil
	return err
}

// wholes returns the steps with tags that a step comes after, directly or not.
func (w *watch) wholes(step *plan.Step) []int {
	var wholes []int
	seen := make(map[int]bool)
	for next := []*plan.Step{step}; len(next) > 0; {
		last := next[len(next)-1]
		next = next[:len(next)-1]
		for _, before := range last.After {
			i, known := w.byDigest[before]
			if !known || seen[i] {
				continue
			}
			seen[i] = true
			if len(w.steps[i].Tags) > 0 {
				wholes = append(wholes, i)
			}
			next = append(next, &w.steps[i])
		}
	}
	return wholes
}
