package cases

import (
	"bytes"
	"time"
)

// Expect is what must be planned, or the error in place of a plan. A field that is nil is not
// compared.
type Expect struct {
	Images       map[string]WantImage `json:"images"` // by id; no other image may be there
	Others       map[string]Verdict   `json:"others"` // by id, of manifests that are no images
	Steps        []WantStep           `json:"steps"`  // in any order; no other step may be there
	Reported     []string             `json:"reported"`
	Freed        []string             `json:"freed"` // names of blobs
	UnknownDates *int                 `json:"unknown-dates"`
	Error        *WantError           `json:"error"`
}

// Verdict is what happens to a manifest.
type Verdict string

// The verdicts.
const (
	Keep   Verdict = "keep"
	Remove Verdict = "remove" // a step deletes it
	Untag  Verdict = "untag"  // it stays and loses ordinary tags
)

// WantImage is the verdict on an image, and why.
type WantImage struct {
	Verdict    Verdict           `json:"verdict"`
	KeptBy     []string          `json:"kept-by"`
	WantedBy   []string          `json:"wanted-by"`
	SharedWith []string          `json:"shared-with"`
	Untag      []string          `json:"untag"`
	Needed     *bool             `json:"needed"`
	Nearly     map[string][2]int `json:"nearly"` // keep rule: place, number of places
	Age        WantAge           `json:"age"`
	AgeSource  string            `json:"age-source"`
}

// WantAge is the date that counts for an image.
type WantAge struct {
	Known bool      // the case names it
	Time  time.Time // zero if no date is usable
}

// UnmarshalJSON reads an instant or null.
func (a *WantAge) UnmarshalJSON(data []byte) error {
	a.Known = true
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	return a.Time.UnmarshalJSON(data)
}

// Action is what a step does.
type Action string

// The actions.
const (
	DeleteManifest Action = "delete"
	RemoveTags     Action = "untag"
)

// WantStep is one step of the plan.
type WantStep struct {
	Action    Action   `json:"action"`
	ID        string   `json:"id"`
	Role      string   `json:"role"` // "" for any
	Tags      []string `json:"tags"`
	After     []string `json:"after"` // ids
	Overwrite bool     `json:"overwrite"`
}

// WantError is the error in place of a plan.
type WantError struct {
	Kind   ErrorKind      `json:"kind"`
	Rule   string         `json:"rule"`   // "" for any
	Field  string         `json:"field"`  // "" for any
	Detail string         `json:"detail"` // "" for any
	Limits map[string]int `json:"limits"` // each limit that refuses, and the number that would not
	Names  []string       `json:"names"`  // tags and ids
}

// ErrorKind is what an error is about.
type ErrorKind string

// The kinds of errors.
const (
	ErrorPolicy     ErrorKind = "policy"
	ErrorInUse      ErrorKind = "in-use"
	ErrorIncomplete ErrorKind = "incomplete"
	ErrorBrake      ErrorKind = "brake"
)
