package cases

import (
	"time"

	"github.com/seed-8cb7cc86/regret"
)

// Result is what the code under test decided, in terms of the ids of a case; see [Case.IDOf]. A
// test fills in what it knows: [Compare] reads only the fields that the case is about.
type Result struct {
	Images       map[string]Image
	Steps        []Step   // in the order of the plan
	Reported     []string // ids of images that stay although a child is missing
	UnknownDates int
	FreedBytes   int64           // of blobs, if the children that stay were read
	Freed        []regret.Digest // these blobs; nil if the plan does not name them
	Errors       []Error         // in place of a plan: all faults that were found
}

// Image is an image as the code under test saw it.
type Image struct {
	Verdict    Verdict
	KeptBy     []string
	WantedBy   []string
	SharedWith []string
	Untag      []string
	Needed     bool
	Nearly     map[string][2]int // keep rule: place, number of places
	Age        time.Time         // zero if unknown
	AgeSource  string            // "uploaded", "annotation", "config", or "" if unknown
}

// Step is a step of the plan.
type Step struct {
	Action    Action
	ID        string
	Role      string
	Tags      []string
	After     []string // ids
	Overwrite bool
}

// Error is one fault.
type Error struct {
	Kind   ErrorKind
	Rule   string
	Field  string
	Detail string
	Limits map[string]int // each limit that refuses, and the number that would not
	Names  []string       // the tags and digests that it names
}
