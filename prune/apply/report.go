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
	Untagged     Status = "untagged"
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

// isDone reports whether a step needs no other try.
func (s Status) isDone() bool {
	return s == Deleted || s == Untagged || s == Quarantined || s == Spared || s == AlreadyGone
}

// isGone reports whether the manifest of a deletion is gone.
func (s Status) isGone() bool { return s == Deleted || s == AlreadyGone }

// A Result says how one step ended.
type Result struct {
	Step   int // its number in the plan, from 0
	Action plan.Action
	Digest regret.Digest
	Tags   []string // that went, or were to go
	Status Status
	Reason string      // why it ended so; empty if as planned
	Kind   regret.Kind // of a refusal or failure
	Err    error       // of a refusal or failure; nil if the result is from a journal
	Bytes  int64       // freed at most
}

// A Lost is a tag that the plan did not mean to remove, and that is not there any more.
type Lost struct {
	Tag    string
	Digest regret.Digest // what it pointed to when it was last seen
	Ours   bool          // this run deleted that manifest
}

// A Report says what a run did. Its results add up: there is one for each step.
type Report struct {
	Plan                 regret.Digest
	Registry, Repository string
	Started, Ended       time.Time
	Resumed              bool // a journal had results of an earlier run
	Results              []Result
	Lost                 []Lost    // to look at first
	StillPresent         []string  // tags of deleted manifests that are still served
	Survival             *Survival // if it was asked for
}

// Count returns how many steps ended so.
func (r *Report) Count(s Status) (n int) {
	for i := range r.Results {
		if r.Results[i].Status == s {
			n++
		}
	}
	return n
}

// Bytes returns what the steps that were done free at most, once garbage is collected.
func (r *Report) Bytes() (n int64) {
	for i := range r.Results {
		if r.Results[i].Status == Deleted {
			n += r.Results[i].Bytes
		}
	}
	return n
}

// A Survival says whether everything that stays is served to the last blob.
type Survival struct {
	Images, Manifests, Blobs int // that were looked at and are there
	Missing                  []Damage
}

// A Damage is something that stays, and needs what is not there.
type Damage struct {
	Image  regret.Digest // what needs it
	Tag    string        // of the image
	Digest regret.Digest // what is missing
	Ours   bool          // a step of this run deleted it
}
