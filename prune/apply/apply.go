package apply

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A Writer reads from a registry and writes to it. [*regret.Client] is one. Its methods must
// be safe for concurrent use.
type Writer interface {
	Registry() string
	List(ctx context.Context, repository string) iter.Seq2[regret.ListEntry, error]
	Resolve(ctx context.Context, repository, reference string) (regret.Descriptor, error)
	Manifest(ctx context.Context, repository, reference string) (*regret.Manifest, error)
	Blob(ctx context.Context, repository string, dgst regret.Digest, limit int64) ([]byte, error)
	HasBlob(ctx context.Context, repository string, dgst regret.Digest) (bool, error)

	DeleteManifest(ctx context.Context, repository string, dgst regret.Digest) error
	Untag(ctx context.Context, repository, tag string) error
	UntagByOverwrite(ctx context.Context, repository, tag string) error
	PutManifest(ctx context.Context, repository, reference string, m *regret.Manifest) error
}

// Options say how to carry out a plan. The zero value, or nil, is right unless there is a
// reason for something else.
type Options struct {
	// Journal lets a run that was interrupted go on. Without one, a second run looks for
	// itself what is left to do.
	Journal Journal
	// Expect is the digest of the plan that was reviewed; see [plan.Plan.Digest].
	Expect regret.Digest
	// MaxAge is how old the plan may be; 0 is no limit.
	MaxAge time.Duration
	// InUse are newer versions of the in-use lists of the plan. What they hold stays.
	InUse []*policy.InUse
	// Concurrency is how many steps are taken at once; by default 8.
	Concurrency int
	// Writes bounds how many writes are sent in a second; 0 is no limit.
	Writes float64
	// Verify proves at the end that all that stays is served to the last blob, with one GET
	// for each manifest and one HEAD for each blob.
	Verify bool
	// OnResult is called with each result as it comes, from one goroutine at a time.
	OnResult func(Result)
}

const (
	defaultConcurrency = 8
	// settleTime is how long writes that are in flight may take to be settled after the
	// context has ended.
	settleTime = 30 * time.Second
	// minSweepPause is the least time between two looks at all tags.
	minSweepPause = 10 * time.Minute
	// maxFailures is how many steps in a row may fail before a run ends.
	maxFailures = 20
)

// Apply carries out a plan: it archives what the plan deletes, looks at all tags of the
// repository, and then takes one step after the other, each after a look at what the step
// is about. See the package documentation for what each result means.
//
// One failure ends no run. The report says how each step ended; it is nil only if the plan
// was refused or could not be archived, so that nothing was deleted.
//
// Errors: [ErrOtherRegistry], [ErrUnexpected], [ErrTooOld], [ErrInUseExpired] and
// [ErrOtherPlan], all before any request; errors of [undo.Write]; [ErrKeepLost];
// [*JournalError]; [ErrStopped]; [ErrLost]; the error of the context.
func Apply(ctx context.Context, w Writer, p *plan.Plan, archive undo.Store, o *Options) (*Report, error) {
	r, err := newRun(w, p, archive, o, false)
	if err != nil {
		return nil, err
	}
	if r.history.end != nil {
		return r.finished(), nil
	}
	if r.archive, err = undo.Write(ctx, w, p, archive, &undo.WriteOptions{Concurrency: r.Concurrency}); err != nil {
		return nil, err
	}
	return r.run(ctx)
}

// A run carries out a plan once.
type run struct {
	Writer
	Options // with the defaults filled in
	plan    *plan.Plan
	header  plan.Header
	archive *undo.Archive
	steps   []plan.Step
	history history
	journal recorder
	limiter limiter
	report  *Report
	trash   *trashing // nil if the plan is applied

	mu        sync.Mutex // guards all below
	guard     *plan.Guard
	byDigest  map[regret.Digest]int // the steps that delete
	rechecked map[int]bool          // images whose tags were looked at after they were deleted
	tagsFirst bool                  // the registry refuses to delete what a tag points to
	failures  int                   // in a row
	stopped   error                 // why no further step is taken
	sweeps    sweeps
}

// newRun checks everything that needs no request.
func newRun(w Writer, p *plan.Plan, archive undo.Store, o *Options, quarantine bool) (*run, error) {
	r := &run{Writer: w, plan: p, header: p.Header(), byDigest: make(map[regret.Digest]int), rechecked: make(map[int]bool)}
	if o != nil {
		r.Options = *o
	}
	if r.Concurrency <= 0 {
		r.Concurrency = defaultConcurrency
	}
	r.limiter.perSecond = r.Writes
	if archive == nil {
		return nil, errors.New("there is no archive to restore from")
	}
	if err := r.check(time.Now()); err != nil {
		return nil, err
	}
	for step := range p.Steps() {
		if step.Action == plan.Delete {
			r.byDigest[step.Digest] = len(r.steps)
		}
		r.steps = append(r.steps, step)
	}
	var err error
	if r.guard, err = p.Guard(); err != nil {
		return nil, err
	}
	if err := r.guard.Use(r.InUse, time.Now()); err != nil {
		return nil, err
	}
	r.report = &Report{Plan: p.Digest(), Registry: r.header.Registry, Repository: r.header.Repository, Started: time.Now()}
	r.report.Results = make([]Result, len(r.steps))
	for i, step := range r.steps {
		r.report.Results[i] = Result{Step: i, Action: step.Action, Digest: step.Digest, Tags: step.Tags, Status: NotAttempted}
		if step.Action == plan.Untag {
			r.report.Results[i].Tags = step.Untag
		}
	}
	return r, r.openJournal(quarantine)
}

// check refuses a plan that is not for this registry, not the expected one, or too old.
func (r *run) check(now time.Time) error {
	switch age := now.Sub(r.header.At); {
	case plan.RegistryName(r.Registry()) != r.header.Registry:
		return fmt.Errorf("%w: for %s, not %s", ErrOtherRegistry, r.header.Registry, r.Registry())
	case r.Expect != "" && r.Expect != r.plan.Digest():
		return fmt.Errorf("%w: it is %s, not %s", ErrUnexpected, r.plan.Digest(), r.Expect)
	case r.MaxAge > 0 && age > r.MaxAge:
		return fmt.Errorf("%w: it was made %s ago, at %s; make a new one", ErrTooOld, age.Round(time.Second), r.header.At)
	}
	for _, list := range r.header.InUse {
		newer := false
		for _, given := range r.InUse {
			newer = newer || given.Name() == list.Name && !given.Made().Before(list.Made)
		}
		if !newer && now.After(list.Expires) {
			return fmt.Errorf("%w: %s, at %s; give a newer one", ErrInUseExpired, list.Name, list.Expires)
		}
	}
	return nil
}

// openJournal reads what earlier runs have done.
func (r *run) openJournal(quarantine bool) error {
	if r.Journal == nil {
		return nil
	}
	h, err := readJournal(r.Journal, r.report.Plan, len(r.steps))
	if err == nil && h.begun && h.quarantine != quarantine {
		err = fmt.Errorf("%w: one is for applying the plan, the other for quarantine", ErrOtherPlan)
	}
	if err != nil {
		return err
	}
	r.history, r.journal.journal = h, r.Journal
	for i, result := range h.results {
		r.report.Resumed = true
		if result.Status.isDone() {
			r.report.Results[i].Status, r.report.Results[i].Reason = result.Status, result.Reason
			r.report.Results[i].Bytes = r.steps[i].Bytes
		}
	}
	return nil
}

// finished returns the report of a run that is in the journal whole.
func (r *run) finished() *Report {
	for i, result := range r.history.results {
		to := &r.report.Results[i]
		to.Status, to.Reason, to.Kind, to.Bytes = result.Status, result.Reason, result.Kind, r.steps[i].Bytes
	}
	end := r.history.end
	r.report.Started, r.report.Ended = end.Started, end.Ended
	r.report.Lost, r.report.StillPresent, r.report.Survival = end.Lost, end.StillPresent, end.Survival
	r.report.Resumed = true
	return r.report
}
