package prune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// maxConfig is the size in bytes up to which configurations of images are read. Podman
// reads up to half of it.
//
// See https://github.com/containers/image/blob/v5.36.0/internal/iolimits/iolimits.go
const maxConfig = 8 << 20

// maxReferrers is how many referrers of a manifest are read before package plan sees them,
// which allows no more of them either.
const maxReferrers = 10_000

// answer answers questions, one kind after the other.
func (r *reading) answer(ctx context.Context, questions []plan.Question) error {
	kinds := make(map[plan.QuestionKind][]plan.Question)
	for _, q := range questions {
		kinds[q.Kind] = append(kinds[q.Kind], q)
	}
	for _, questions := range kinds { // those about digests come in the order in which others were answered
		slices.SortStableFunc(questions, func(a, b plan.Question) int { return cmp.Compare(a.Digest, b.Digest) })
	}
	if err := r.tags(ctx, kinds[plan.AskTag]); err != nil {
		return err
	}
	if err := each(ctx, r, PhaseManifests, kinds[plan.AskManifest], r.askManifest); err != nil {
		return err
	}
	if err := each(ctx, r, PhaseManifests, kinds[plan.AskExists], r.askExists); err != nil {
		return err
	}
	if err := each(ctx, r, PhaseConfigs, kinds[plan.AskConfig], r.askConfig); err != nil {
		return err
	}
	return r.referrers(ctx, kinds[plan.AskReferrers])
}

func (r *reading) askManifest(ctx context.Context, q plan.Question) error {
	m, err := r.manifest(ctx, q.Digest)
	if isMissing(err) || isInternal(err) && r.isOtherBlob(ctx, q.Digest) {
		r.snapshot.NotFound(q)
		return nil
	}
	if err == nil {
		err = r.snapshot.Manifest(q, m)
	}
	switch {
	case err == nil:
		return nil
	case r.snapshot.InIndex(q.Digest):
		return r.incomplete(IncompleteIndex, q, err)
	}
	return r.incomplete(IncompleteManifest, q, err)
}

func isInternal(err error) bool {
	e, ok := errors.AsType[*regret.Error](err)
	return ok && e.StatusCode == http.StatusInternalServerError
}

// isOtherBlob reports whether a digest is that of something else than a manifest, about which
// distribution 2 responds with 500: in-use lists may name configurations, and BuildKit lists
// layers in the index of a build cache. What is larger than a configuration is no manifest.
func (r *reading) isOtherBlob(ctx context.Context, dgst regret.Digest) bool {
	content, err := r.config(ctx, dgst)
	if err != nil {
		return errors.Is(err, regret.ErrTooLarge)
	}
	_, err = manifest.TypeOf("", content)
	return err != nil
}

func (r *reading) askExists(ctx context.Context, q plan.Question) error {
	r.countRequest()
	d, err := r.Resolve(ctx, r.repository, q.Digest.String())
	switch {
	case isMissing(err):
		r.snapshot.NotFound(q)
	case err != nil:
		return r.incomplete(IncompleteManifest, q, err)
	default:
		r.snapshot.Exists(q, d)
	}
	return nil
}

func (r *reading) askConfig(ctx context.Context, q plan.Question) error {
	raw, err := r.config(ctx, q.Digest)
	switch {
	case isMissing(err):
		r.snapshot.NotFound(q)
	case err != nil:
		return r.incomplete(IncompleteConfig, q, err)
	default:
		r.snapshot.Config(q, raw)
	}
	return nil
}

// referrers asks what refers to manifests, and once before whether the registry can tell.
func (r *reading) referrers(ctx context.Context, questions []plan.Question) error {
	if len(questions) == 0 {
		return nil
	}
	if !r.probed {
		r.countRequest()
		has, err := r.HasReferrers(ctx, r.repository, questions[0].Digest)
		if err != nil {
			return r.incomplete(IncompleteReferrers, questions[0], err)
		}
		r.probed = true
		if !has {
			r.snapshot.NoReferrersAPI()
			return nil
		}
	}
	return each(ctx, r, PhaseReferrers, questions, r.askReferrers)
}

func (r *reading) askReferrers(ctx context.Context, q plan.Question) error {
	var referrers []regret.Descriptor
	r.countRequest()
	for d, err := range r.Referrers(ctx, r.repository, q.Digest) {
		if err != nil {
			return r.incomplete(IncompleteReferrers, q, err)
		}
		if referrers = append(referrers, d); len(referrers) > maxReferrers {
			return r.incomplete(IncompleteLimit, q, &plan.LimitError{Digest: q.Digest, Limit: fmt.Sprintf("%d referrers", maxReferrers)})
		}
	}
	if err := r.snapshot.Referrers(q, referrers); err != nil {
		return r.incomplete(IncompleteReferrers, q, err)
	}
	return nil
}
