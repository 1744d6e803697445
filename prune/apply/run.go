package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/rate"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A run carries out a plan once.
type run struct {
	*job    // what is to be done
	*watch  // what the repository is like by now
	*ledger // what was done
	store   undo.Store
	archive *undo.Archive // in the store, once it is written
	history history
	limiter rate.Limiter
	trash   *trashing // nil if the plan is applied

	tagsFirst atomic.Bool // the registry refuses to delete what a tag points to
}

// newRun returns a run, after it has checked everything that needs no request.
func newRun(w Writer, p *plan.Plan, archive undo.Store, o *Options, quarantine bool) (*run, error) {
	j := newJob(w, p, o)
	if err := j.checkPlan(); err != nil {
		return nil, err
	}
	if archive == nil && len(j.steps) > 0 {
		return nil, errors.New("there is no archive to restore from")
	}
	r := &run{job: j, store: archive, limiter: rate.Limiter{PerSecond: j.Writes}}
	r.ledger = &ledger{report: newReport(j), onResult: j.OnResult, progress: j.tracker}
	if err := r.openJournal(quarantine); err != nil || r.history.end != nil {
		return r, err
	}
	now := time.Now()
	if err := errors.Join(j.checkAge(now), j.checkNames()); err != nil {
		return nil, err
	}
	if err := j.findExpiry(); err != nil {
		return nil, err
	}
	if err := j.checkInUse(now); err != nil {
		return nil, err
	}
	var err error
	r.watch, err = newWatch(j, &r.history, now)
	return r, err
}

// openJournal reads what earlier runs have done.
func (r *run) openJournal(quarantine bool) (err error) {
	if r.Journal == nil {
		return nil
	}
	if r.history, err = readJournal(r.Journal, r.digest, len(r.steps)); err != nil {
		return err
	}
	if r.history.begun && r.history.quarantine != quarantine {
		return fmt.Errorf("%w: one is for applying the plan, the other for quarantine", ErrOtherPlan)
	}
	if r.RetryFailed && r.history.hasFailed() {
		r.history.end = nil
	}
	r.journal.journal = r.Journal
	r.resume(&r.history)
	r.tagsFirst.Store(r.history.tagsFirst)
	return nil
}

// run takes all steps and finds out what came of them.
func (r *run) run(ctx context.Context) (*Report, error) {
	if r.history.end != nil {
		err := r.replay(&r.history)
		r.report.end(err)
		return r.report, err
	}
	writing, stop := settling(ctx)
	defer stop()
	err := r.prepare(ctx, writing)
	switch {
	case err == nil:
		err = r.takeAll(ctx, writing)
		if unsynced := r.journal.sync(); !errors.Is(err, unsynced) {
			err = errors.Join(err, unsynced)
		}
		err = errors.Join(err, r.conclude(ctx, err == nil))
	case !r.history.isDirty():
		return nil, err
	default: // the first look at all tags may have found what an earlier run has lost
		r.report.Lost = r.lost
		slices.SortFunc(r.report.Lost, compareLost)
		err = errors.Join(err, r.report.problem())
	}
	r.noteUncertain(&r.history)
	r.report.end(err)
	return r.report, err
}

// prepare does everything that must be done before anything is deleted.
func (r *run) prepare(ctx, writing context.Context) (err error) {
	first := entry{Journal: journalForm, Plan: r.digest, Quarantine: r.trash != nil, At: r.report.Started}
	if err := r.journal.begin(r.history.unended, first); err != nil {
		return err
	}
	if len(r.steps) == 0 {
		if r.Verify {
			return r.sweep(ctx)
		}
		return nil
	}
	r.tracker.begin(PhaseArchive, 0)
	archiving := &undo.WriteOptions{Concurrency: r.Concurrency, Progress: r.tracker.archived}
	if r.archive, err = undo.Write(ctx, r.Writer, r.plan, r.store, archiving); err != nil {
		return err
	}
	if err := r.learnConfigs(ctx, r.archive); err != nil {
		return err
	}
	if err := r.sweep(ctx); err != nil {
		return err
	}
	if r.trash != nil {
		return r.trash.prepare(ctx, writing)
	}
	return nil
}

// takeAll takes all steps. Those that empty the trash come last.
func (r *run) takeAll(ctx, writing context.Context) error {
	if len(r.steps) == 0 {
		return nil
	}
	err := r.takeSteps(ctx, writing)
	if err == nil && r.trash != nil {
		err = r.trash.empty(ctx, writing)
	}
	return err
}

// settling returns a context for writes, which ends some time after the other: a write that
// is in flight is settled and not abandoned.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(settleTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-writing.Done():
		}
	})
	return writing, func() { stop(); cancel() }
}

// sweep looks at all tags, so that nothing that was pushed since the plan was made loses what
// it needs.
func (r *run) sweep(ctx context.Context) error {
	started := time.Now()
	found, err := r.findTags(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.trash.sweep(found)
	r.noteLost(func(tag string) bool { return found[tag] != "" })
	changed, gone := r.update(found)
	r.journal.addTags(changed, r.exceptLost(gone))
	r.mu.Unlock()
	if err := r.learnMissing(ctx); err != nil {
		return err
	}
	r.swept(started)
	return r.checkKept(ctx, found)
}

// where returns what a tag points to now; it is empty if the tag is gone.
func (j *job) where(ctx context.Context, tag string) (regret.Digest, error) {
	d, err := j.Resolve(ctx, j.header.Repository, tag)
	if errors.Is(err, regret.ErrNotFound) {
		return "", nil
	}
	if err == nil {
		err = d.Digest.Validate()
	}
	return d.Digest, err
}

// has reports whether the registry serves a manifest.
func (j *job) has(ctx context.Context, dgst regret.Digest) (bool, error) {
	_, err := j.Resolve(ctx, j.header.Repository, string(dgst))
	if errors.Is(err, regret.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
