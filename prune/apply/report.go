package apply

import (
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A Status says how a step ended.
type Status string

// How a step ended.
const (
	Deleted      Status = "deleted"
	Untagged     Status = "untagged"      // the tags are off, and the manifest stays
	Quarantined  Status = "quarantined"   // it has a trash tag now, and no ordinary one
	Spared       Status = "spared"        // quarantine does not delete it
	AlreadyGone  Status = "already gone"  // the registry did not have it any more
	Stale        Status = "stale"         // something needs it that the plan did not know
	Held         Status = "held"          // something that must go before it did not go
	Refused      Status = "refused"       // the registry does not allow it
	Failed       Status = "failed"        // another try may succeed
	Unknown      Status = "unknown"       // it may have happened or not
	NotAttempted Status = "not attempted" // the run ended before
)

// statuses are all statuses, in the order in which people read them.
var statuses = [...]Status{
	Deleted, Untagged, Quarantined, Spared, AlreadyGone, Stale, Held, Refused, Failed, Unknown, NotAttempted,
}

// isDone reports whether a step needs no other try.
func (s Status) isDone() bool {
	return s == Deleted || s == Untagged || s == Quarantined || s == Spared || s == AlreadyGone
}

// isGone reports whether the manifest of a deletion is gone.
func (s Status) isGone() bool { return s == Deleted || s == AlreadyGone }

// A Result says how one step ended.
type Result struct {
	Step   int           `json:"step"` // its number in the plan, from 0
	Action plan.Action   `json:"action"`
	Digest regret.Digest `json:"digest"`
	Tags   []string      `json:"tags,omitempty"` // that went, or were to go
	Status Status        `json:"status"`
	Reason string        `json:"reason,omitempty"` // why it ended so; empty if as planned
	Kind   regret.Kind   `json:"kind,omitempty"`   // of a refusal or failure
	Bytes  int64         `json:"bytes,omitzero"`   // that the step frees at most, by the plan
	Err    error         `json:"-"`                // of a refusal or failure; nil if the result was read
}

// A Report says what a run did. Its results add up: there is one for each step of the plan.
type Report struct {
	Plan                 regret.Digest
	Registry, Repository string
	Started, Ended       time.Time
	Resumed              bool      // a journal had results of an earlier run
	Problem              string    // what the error of the run says; empty if there is none
	Lost                 []Lost    // to look at first
	StillPresent         []Remnant // tags that should be gone and that the registry still lists
	Survival             *Survival // if it was asked for
	Results              []Result
}

// A Lost is a tag that the plan does not take and that is not there any more. It was moved onto
// a manifest in the moment before this was deleted, or somebody else has removed it.
type Lost struct {
	Tag    string        `json:"tag"`
	Digest regret.Digest `json:"digest"`        // what it pointed to when it was last seen
	Ours   bool          `json:"ours,omitzero"` // this run took it away for certain
}

// A Remnant is a tag that should be gone and that the registry still lists.
type Remnant struct {
	Tag    string        `json:"tag"`
	Digest regret.Digest `json:"digest"`          // of the manifest that was deleted, or that the tag was taken off
	Served bool          `json:"served,omitzero"` // under the tag; otherwise the tag leads nowhere
}

// A Survival says whether everything that stays is served to the last blob.
type Survival struct {
	Images    int      `json:"images"` // that were looked at and are there
	Manifests int      `json:"manifests"`
	Blobs     int      `json:"blobs"`
	Missing   []Damage `json:"missing,omitempty"`
}

// A Damage is something that is not there, although something that stays needs it.
type Damage struct {
	Image  regret.Digest `json:"image"`           // what needs it
	Tag    string        `json:"tag,omitempty"`   // of the image
	Digest regret.Digest `json:"digest"`          // what is missing
	Ours   bool          `json:"ours,omitzero"`   // a step of this run deleted it
	Before bool          `json:"before,omitzero"` // it was missing already when the plan was made
}

// newReport returns the report of a run that has done nothing yet.
func newReport(j *job) *Report {
	r := &Report{Plan: j.digest, Registry: j.header.Registry, Repository: j.header.Repository, Started: now(), Results: make([]Result, len(j.steps))}
	for i := range j.steps {
		step := &j.steps[i]
		r.Results[i] = Result{Step: i, Action: step.Action, Digest: step.Digest, Tags: step.Tags, Status: NotAttempted, Bytes: step.Bytes}
		if step.Action == plan.Untag {
			r.Results[i].Tags = step.Untag
		}
	}
	return r
}

// end completes the report of a run that ends with an error or without.
func (r *Report) end(err error) {
	if r.Ended.IsZero() {
		r.Ended = now()
	}
	if err != nil {
		r.Problem = err.Error()
	}
}

// now returns the time in the form that reports and journals have on paper, so that they are
// the same when they are read.
func now() time.Time { return time.Now().UTC().Round(0) }

// Totals count the results of one report or several.
type Totals struct {
	Steps    int
	ByStatus map[Status]int // none are 0
	Bytes    int64          // that are freed at most, once garbage is collected
}

// Totals counts the results. They add up to the number of steps.
func (r *Report) Totals() Totals {
	t := Totals{Steps: len(r.Results), ByStatus: make(map[Status]int)}
	for i := range r.Results {
		result := &r.Results[i]
		t.ByStatus[result.Status]++
		if result.Status == Deleted {
			t.Bytes += result.Bytes
		}
	}
	return t
}

// Add returns the totals of both.
func (t Totals) Add(o Totals) Totals {
	sum := Totals{Steps: t.Steps + o.Steps, ByStatus: make(map[Status]int), Bytes: t.Bytes + o.Bytes}
	for _, counts := range []map[Status]int{t.ByStatus, o.ByStatus} {
		for s, n := range counts {
			sum.ByStatus[s] += n
		}
	}
	return sum
}

// Count returns how many steps ended so.
func (r *Report) Count(s Status) int { return r.Totals().ByStatus[s] }
