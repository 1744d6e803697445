package apply

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// AllOptions say how to carry out several plans. The zero value, or nil, is right unless there
// is a reason for something else.
type AllOptions struct {
	// Options are those for each plan. Journal and Expect, which are of one plan, must not be
	// set.
	Options
	// Journals returns the journal of a plan; nil means that there are none. A journal that is
	// an [io.Closer], such as a file, is closed when the plan has been carried out. Journals is
	// not called for a plan without steps.
	Journals func(p *plan.Plan) (Journal, error)
}

// All carries out plans, such as those of [prune.MakeAll], one after the other, and yields a
// report for each. It makes the next plan once the caller has taken the report of the last
// one, and keeps nothing of either, so that it needs no more memory for many repositories than
// for one.
//
// Archive returns the store for the archive of a plan, such as a folder of its own. It is not
// called for a plan without steps, which sends nothing.
//
// An error is a [*prune.RepositoryError]; with it there may be a report. It does not end the
// others: All ends early only if the context does. To spread a registry over several
// processes, make plans for the repositories of one shard in each; see [prune.Shard].
func All(ctx context.Context, w Writer, plans iter.Seq2[*plan.Plan, error], archive func(p *plan.Plan) (undo.Store, error), o *AllOptions) iter.Seq2[*Report, error] {
	if o == nil {
		o = new(AllOptions)
	}
	return func(yield func(*Report, error) bool) {
		if o.Journal != nil || o.Expect != "" {
			yield(nil, &prune.RepositoryError{Err: errors.New("a journal or an expected digest is that of one plan; use Journals, and Apply")})
			return
		}
		for p, err := range plans {
			var report *Report
			if err == nil {
				report, err = applyOne(ctx, w, p, archive, o)
			}
			if _, named := errors.AsType[*prune.RepositoryError](err); err != nil && !named {
				failure := &prune.RepositoryError{Err: err}
				if p != nil {
					failure.Repository = p.Header().Repository
				}
				err = failure
			}
			if !yield(report, err) || ctx.Err() != nil {
				return
			}
		}
	}
}

// applyOne carries out one of several plans.
func applyOne(ctx context.Context, w Writer, p *plan.Plan, archive func(*plan.Plan) (undo.Store, error), o *AllOptions) (*Report, error) {
	options := o.Options
	if !hasSteps(p) {
		return Apply(ctx, w, p, nil, &options)
	}
	store, err := archive(p)
	if err != nil {
		return nil, err
	}
	if o.Journals == nil {
		return Apply(ctx, w, p, store, &options)
	}
	if options.Journal, err = o.Journals(p); err != nil {
		return nil, err
	}
	report, err := Apply(ctx, w, p, store, &options)
	if file, ok := options.Journal.(io.Closer); ok {
		err = errors.Join(err, file.Close())
	}
	return report, err
}

func hasSteps(p *plan.Plan) bool {
	for range p.Steps() {
		return true
	}
	return false
}
