package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// blockSize is how many steps are announced in the journal at once, at most.
const blockSize = 256

// A dispatcher hands out steps, each after it was announced in the journal, and takes in their
// results. While steps are taken, it announces the next ones, so that none waits for a disk.
type dispatcher struct {
	*run
	schedule  *schedule
	todo      chan int    // steps to take
	results   chan Result // of these
	inFlight  int
	draining  bool           // all tags are to be looked at once nothing is in flight
	announced []int          // in the journal, and not handed out yet
	block     []int          // is being announced
	durable   chan error     // the end of that; nil while nothing is written
	putOff    map[int]Result // steps to try once more, by what the first try said
	unordered map[int][]int  // by step: those that must not be taken if it stays, and do not wait for it
}

// takeSteps takes all steps that are open, until none is left or something ends the run.
func (r *run) takeSteps(ctx, writing context.Context) error {
	unordered := r.findUnordered()
	d := &dispatcher{
		run: r, todo: make(chan int), results: make(chan Result), putOff: make(map[int]Result), unordered: unordered,
		schedule: newSchedule(r.steps, r.byDigest, unordered,
			func(i int) bool { return r.report.Results[i].Status == NotAttempted && !r.trash.postpones(i) },
			func(i int) bool { return r.report.Results[i].Status.isGone() }),
	}
	r.beginSteps()
	var workers sync.WaitGroup
	for range r.workers() {
		workers.Go(func() {
			for i := range d.todo {
				d.results <- r.take(ctx, writing, i)
			}
		})
	}
	err := d.dispatch(ctx)
	close(d.todo)
	workers.Wait()
	return err
}

// workers returns how many steps are taken at once. Distribution 2 first deletes a manifest, and
// then reads all tags to find its own. If another one is just being written, it gives up, and
// leaves tags that lead nowhere; so while tags are overwritten, nothing else is taken.
func (r *run) workers() int {
	if r.trash != nil && r.trash.overwrite || slices.ContainsFunc(r.steps, func(step plan.Step) bool { return step.Overwrite }) {
		return min(1, len(r.steps))
	}
	return min(r.Concurrency, len(r.steps))
}

// dispatch hands out steps until none is left or something ends the run. When it returns,
// nothing is in flight.
func (d *dispatcher) dispatch(ctx context.Context) error {
	var end error
	for {
		if end == nil {
			end = d.next(ctx)
		}
		if end != nil && d.inFlight == 0 && d.durable == nil {
			break
		}
		d.wait(ctx, end == nil)
	}
	for _, i := range slices.Sorted(maps.Keys(d.putOff)) {
		if d.report.Results[i].Status == NotAttempted { // there was no second try
			d.record(d.putOff[i])
		}
	}
	if errors.Is(end, errNothingLeft) {
		return nil
	}
	return end
}

var errNothingLeft = errors.New("nothing is left")

// next does what can be done without waiting: it looks at all tags if that is due and nothing
// is in flight, and begins to announce steps. It returns why no further step is to be taken.
func (d *dispatcher) next(ctx context.Context) error {
	if err := d.ended(ctx); err != nil {
		return err
	}
	if err := d.checkInUse(time.Now()); err != nil {
		return err
	}
	isMore := len(d.announced) > 0 || d.schedule.hasNext()
	if d.draining = isMore && d.sweepIsDue(); d.draining && d.inFlight == 0 {
		if err := d.sweep(ctx); err != nil {
			return err
		}
		d.draining = false
		d.beginSteps()
	}
	if d.durable != nil || len(d.announced) >= blockSize/2 {
		return nil
	}
	if d.block = d.schedule.take(blockSize); len(d.block) == 0 {
		d.block = d.schedule.takeLater()
	}
	switch {
	case len(d.block) > 0:
		d.journal.add(entry{Intent: d.block})
	case d.inFlight+len(d.announced) == 0:
		return errNothingLeft
	case len(d.announced) > 0 || d.journal.isDurable(): // results can wait for the next block
		return nil
	}
	d.durable = make(chan error, 1)
	go func(durable chan<- error) { durable <- d.journal.sync() }(d.durable)
	return nil
}

// wait hands out a step, or waits until something ends.
func (d *dispatcher) wait(ctx context.Context, goOn bool) {
	var todo chan<- int
	step := 0
	if goOn && len(d.announced) > 0 && !d.draining {
		todo, step = d.todo, d.announced[0]
	}
	var done <-chan struct{}
	if goOn {
		done = ctx.Done()
	}
	select {
	case err := <-d.durable: // before another step is handed out
		d.wrote(err)
		return
	default:
	}
	select {
	case todo <- step:
		d.announced = d.announced[1:]
		d.inFlight++
		d.dirty = true
	case result := <-d.results:
		d.inFlight--
		d.settle(result)
	case err := <-d.durable:
		d.wrote(err)
	case <-done:
	}
}

// wrote hands over the steps that were announced to those that may be taken.
func (d *dispatcher) wrote(err error) {
	d.durable = nil
	if err != nil {
		d.fail(err)
		return
	}
	d.announced = append(d.announced, d.block...)
}

// settle records how a step ended, and what that means for those after it.
func (d *dispatcher) settle(result Result) {
	i := result.Step
	if _, again := d.putOff[i]; result.Kind == regret.ErrReferenced && result.Status == Refused && !again {
		d.putOff[i] = result
		d.schedule.putOff(i)
		return
	}
	if result.Status == NotAttempted { // the run ends
		return
	}
	if result.Status.isGone() {
		d.wasDeleted(i)
	}
	d.record(result)
	held := d.schedule.settle(i, result.Status.isGone())
	for _, j := range held {
		d.record(d.held(j))
	}
	if !result.Status.isGone() {
		d.tellRemaining(append(held, i))
	}
}

// tellRemaining tells the guard of manifests that stay although the plan deletes them, if a step is
// open that does not wait for them and must not be taken now.
func (d *dispatcher) tellRemaining(staying []int) {
	isOpen := func(i int) bool { return d.report.Results[i].Status == NotAttempted }
	for _, i := range staying {
		if d.steps[i].Action == plan.Delete && slices.ContainsFunc(d.unordered[i], isOpen) {
			d.remains(i)
		}
	}
}

// held returns the result of a step that comes after one that did not go.
func (d *dispatcher) held(i int) Result {
	result := d.report.Results[i]
	result.Status = Held
	for _, before := range d.steps[i].After {
		if b, known := d.byDigest[before]; known && !d.report.Results[b].Status.isGone() && d.report.Results[b].Status != NotAttempted {
			result.Reason = fmt.Sprintf("%s must go before it and is still there", before)
		}
	}
	return result
}
