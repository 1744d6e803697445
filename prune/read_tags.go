package prune

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// tags asks what tags point to. Of those that are not found, a second list says whether
// they are gone or broken.
func (r *reading) tags(ctx context.Context, questions []plan.Question) error {
	t := tagQuestions{reading: r, found: make(map[regret.Digest][]plan.Question)}
	var err error
	if r.byDigest {
		err = t.resolve(ctx, questions)
	} else {
		err = each(ctx, r, PhaseTags, questions, t.get)
	}
	if err != nil || len(t.missing) == 0 {
		return err
	}
	names := make(map[string]bool)
	for _, q := range t.missing {
		names[q.Tag] = true
	}
	still, err := r.listAgain(ctx, names)
	if err != nil {
		return err
	}
	for _, q := range t.missing {
		if still[q.Tag] {
			r.snapshot.NotFound(q)
		} else {
			r.snapshot.Vanished(q)
		}
	}
	return nil
}

// tagQuestions are questions about tags that are being answered.
type tagQuestions struct {
	*reading

	mu      sync.Mutex
	missing []plan.Question                   // about tags that are not found
	found   map[regret.Digest][]plan.Question // by the digest that the tag points to
	digests []regret.Digest                   // of found
}

// get reads a tag by one GET.
func (t *tagQuestions) get(ctx context.Context, q plan.Question) error {
	t.countRequest()
	m, err := t.Manifest(ctx, t.repository, q.Tag)
	if isMissing(err) {
		t.miss(q)
		return nil
	}
	if err == nil {
		q.Digest = m.Descriptor.Digest // for the error
		err = t.snapshot.Manifest(q, m)
	}
	if err != nil {
		return t.incomplete(IncompleteManifest, q, err)
	}
	return nil
}

func (t *tagQuestions) miss(q plan.Question) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.missing = append(t.missing, q)
}

// resolve reads tags by a HEAD each, and then what they point to by a GET each, unless that
// is known.
func (t *tagQuestions) resolve(ctx context.Context, questions []plan.Question) error {
	if err := each(ctx, t.reading, PhaseTags, questions, t.head); err != nil {
		return err
	}
	slices.Sort(t.digests)
	return each(ctx, t.reading, PhaseManifests, t.digests, t.content)
}

func (t *tagQuestions) head(ctx context.Context, q plan.Question) error {
	t.countRequest()
	d, err := t.Resolve(ctx, t.repository, q.Tag)
	switch {
	case isMissing(err):
		t.miss(q)
	case err != nil:
		return t.incomplete(IncompleteManifest, q, err)
	case t.snapshot.IsRead(d.Digest):
		t.snapshot.Exists(q, d)
	default:
		t.find(q, d.Digest)
	}
	return nil
}

func (t *tagQuestions) find(q plan.Question, dgst regret.Digest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.found[dgst] == nil {
		t.digests = append(t.digests, dgst)
	}
	t.found[dgst] = append(t.found[dgst], q)
}

// content reads a manifest that tags point to. If it is gone, they have moved since the
// HEAD, and a GET of each tells where.
func (t *tagQuestions) content(ctx context.Context, dgst regret.Digest) error {
	questions := t.found[dgst]
	slices.SortFunc(questions, func(a, b plan.Question) int { return cmp.Compare(a.Tag, b.Tag) })
	m, err := t.manifest(ctx, dgst)
	if isMissing(err) {
		for _, q := range questions {
			if err := t.get(ctx, q); err != nil {
				return err
			}
		}
		return nil
	}
	if err == nil {
		err = t.snapshot.Manifest(questions[0], m)
	}
	if err != nil {
		questions[0].Digest = dgst // for the error
		return t.incomplete(IncompleteManifest, questions[0], err)
	}
	for _, q := range questions[1:] {
		t.snapshot.Exists(q, m.Descriptor)
	}
	return nil
}
