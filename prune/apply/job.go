package apply

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A job is what a run is to do, and how. Nothing but the tracker changes
// once the run has begun.
type job struct {
	Writer
	Options  // with the defaults filled in
	plan     *plan.Plan
	digest   regret.Digest // of the plan
	header   plan.Header
	steps    []plan.Step
	byDigest map[regret.Digest]int   // the steps that delete
	untags   map[regret.Digest][]int // the steps that take tags off
	expiries []expiry                // of in-use lists
	tracker  *tracker
}

// An expiry is when an in-use list expires.
type expiry struct {
	name string
	at   time.Time
}

func newJob(w Writer, p *plan.Plan, o *Options) *job {
	j := &job{
		Writer: w, plan: p, digest: p.Digest(), header: p.Header(), steps: slices.Collect(p.Steps()),
		byDigest: make(map[regret.Digest]int), untags: make(map[regret.Digest][]int),
	}
	if o != nil {
		j.Options = *o
	}
	j.tracker = &tracker{call: j.Progress, progress: Progress{Repository: j.header.Repository}}
	if j.Concurrency <= 0 {
		j.Concurrency = defaultConcurrency
	}
	for i := range j.steps {
		if step := &j.steps[i]; step.Action == plan.Delete {
			j.byDigest[step.Digest] = i
		} else {
			j.untags[step.Digest] = append(j.untags[step.Digest], i)
		}
	}
	return j
}

// checkPlan refuses a plan that is for another registry, or not the expected one.
func (j *job) checkPlan() error {
	switch {
	case plan.RegistryName(j.Registry()) != j.header.Registry:
		return fmt.Errorf("%w: for %s, not %s", ErrOtherRegistry, j.header.Registry, plan.RegistryName(j.Registry()))
	case j.Expect != "" && j.Expect != j.digest:
		return fmt.Errorf("%w: it is %s, not %s", ErrUnexpected, j.digest, j.Expect)
	}
	return nil
}

// checkAge refuses a plan that is too old.
func (j *job) checkAge(now time.Time) error {
	if age := now.Sub(j.header.At); j.MaxAge > 0 && age > j.MaxAge {
		return fmt.Errorf("%w: it was made %s ago, at %s; make a new one", ErrTooOld, age.Round(time.Second), j.header.At.Format(time.RFC3339))
	}
	return nil
}

// findExpiry finds out when the plan ends because its in-use lists, or newer ones, expire.
func (j *job) findExpiry() error {
	rules, err := policy.Parse(j.header.Policy)
	if err != nil {
		return err
	}
	for _, list := range j.header.InUse {
		e := expiry{list.Name, list.Expires}
		for _, rule := range rules.Keep() {
			for _, newer := range j.InUse {
				if rule.File() == list.Name && newer.Name() == list.Name && newer.Made().After(list.Made) {
					e.at = rule.MaxAge().After(newer.Made())
				}
			}
		}
		j.expiries = append(j.expiries, e)
	}
	return nil
}

// checkInUse returns an error once an in-use list has expired.
func (j *job) checkInUse(now time.Time) error {
	for _, list := range j.expiries {
		if now.After(list.at) {
			return fmt.Errorf("%w: %s, at %s; give a newer one", ErrInUseExpired, list.name, list.at.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// checkNames refuses in-use lists that no rule of the plan names: nothing would obey them.
func (j *job) checkNames() error {
	for _, given := range j.InUse {
		isOf := func(list plan.InUseList) bool { return given != nil && list.Name == given.Name() }
		if !slices.ContainsFunc(j.header.InUse, isOf) {
			name := "nil"
			if given != nil {
				name = given.Name()
			}
			return &policy.InUseError{Name: name, Detail: policy.InUseForeign, Problem: "no keep rule of the plan names it, so that nothing would obey it"}
		}
	}
	return nil
}

// takes reports whether the plan takes a tag off what it points to, with the manifest or
// without it.
func (j *job) takes(tag string, from regret.Digest) bool {
	if i, deleted := j.byDigest[from]; deleted {
		return slices.Contains(j.steps[i].Tags, tag)
	}
	return slices.ContainsFunc(j.untags[from], func(i int) bool { return slices.Contains(j.steps[i].Untag, tag) })
}
