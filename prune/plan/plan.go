package plan

import (
	"iter"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-8cb7cc86/regret"
)

// A Plan says what is to be done to a repository, and why everything else stays. It is
// data: making one writes nothing.
type Plan struct {
	header Header
	steps  []Step
	kept   []Kept
	totals Totals
}

// A Header says what a plan was made from.
type Header struct {
	Registry   string          `json:"registry"`
	Repository string          `json:"repository"`
	At         time.Time       `json:"at"`     // of the decision
	Policy     jsontext.Value  `json:"policy"` // in its canonical form
	InUse      []InUseList     `json:"inUse,omitempty"`
	Tags       regret.Digest   `json:"tags"`              // of all tags that were read and what they point to
	NamesAll   bool            `json:"namesAll,omitzero"` // a list named every manifest
	Gone       []regret.Digest `json:"gone,omitempty"`    // in use, but not here
	Missing    []regret.Digest `json:"missing,omitempty"` // listed by an index, or named by a tag, but not there
	Broken     []string        `json:"broken,omitempty"`  // tags and entries of the list that lead to nothing
	Rules      []RuleCount     `json:"rules"`
}

// An InUseList identifies an in-use list that a plan was made with.
type InUseList struct {
	Name    string        `json:"name"`
	Digest  regret.Digest `json:"digest"`
	Made    time.Time     `json:"made"`
	Expires time.Time     `json:"expires"`
}

// A RuleCount says how many images a rule matched, and how many of these it holds or wants.
type RuleCount struct {
	Rule    string `json:"rule"`
	Keep    bool   `json:"keep,omitzero"`
	Matched int    `json:"matched"`
	Decided int    `json:"decided"` // held by a keep rule, or wanted in part by a remove rule
}

// An Action is what a step does.
type Action string

// What a step does.
const (
	Delete Action = "delete" // a manifest by its digest, with every tag that points to it
	Untag  Action = "untag"  // takes tags off a manifest that stays
)

// A Role says what a manifest is to the repository.
type Role string

// What a manifest is.
const (
	RoleImage       Role = "image"       // it has an ordinary tag
	RoleChild       Role = "child"       // an index lists it
	RoleAttestation Role = "attestation" // an index lists it as an attestation
	RoleReferrer    Role = "referrer"    // it belongs to another by its subject or a companion tag
	RoleList        Role = "list"        // a list of referrers under a companion tag
	RoleTrash       Role = "trash"       // put aside by a former run
	RoleUntagged    Role = "untagged"    // nothing leads to it
)

// A Manifest is what a plan knows of a manifest.
type Manifest struct {
	Digest       regret.Digest   `json:"digest"`
	MediaType    string          `json:"mediaType,omitempty"`
	ArtifactType string          `json:"artifactType,omitempty"`
	Size         int64           `json:"size,omitzero"`
	Role         Role            `json:"role"`
	Platform     string          `json:"platform,omitempty"`
	Tags         []string        `json:"tags,omitempty"`    // that point to it, sorted
	Lists        []regret.Digest `json:"lists,omitempty"`   // what it lists
	Subject      regret.Digest   `json:"subject,omitempty"` // what it refers to
	Created      time.Time       `json:"created,omitzero"`  // the date that rules asked for; zero if none did or it is unknown
	Source       AgeSource       `json:"source,omitempty"`  // of Created
	Undated      bool            `json:"undated,omitzero"`  // rules asked for a date, and there is none that is usable
	Selected     bool            `json:"selected,omitzero"` // rules want it gone
	InUse        bool            `json:"inUse,omitzero"`
}

// A Step is one thing to do.
type Step struct {
	Action Action `json:"action"`
	Manifest
	Untag     []string        `json:"untag,omitempty"`    // of Untag: the tags that come off
	Overwrite bool            `json:"overwrite,omitzero"` // of Untag: by overwriting them
	After     []regret.Digest `json:"after,omitempty"`    // what must be deleted before
	Rules     []string        `json:"rules,omitempty"`    // that want it
	Reason    string          `json:"reason"`
	Bytes     int64           `json:"bytes,omitzero"` // that this step and those before it free at most, and those before it do not
}

// A Kept is a manifest that stays: every image, and of the rest what has to do with
// something that goes, lists or refers to something, or has a tag.
type Kept struct {
	Manifest
	WantedBy []string        `json:"wantedBy,omitempty"` // remove rules that want one of its tags
	Reasons  []Reason        `json:"reasons,omitempty"`
	Missing  []regret.Digest `json:"missing,omitempty"` // what it lists that is not there
}

// A Reason is one reason for a manifest to stay.
type Reason struct {
	Rule string        `json:"rule,omitempty"` // the keep rule that holds it
	By   regret.Digest `json:"by,omitempty"`   // the manifest that needs it
	Text string        `json:"text"`
}

// Totals are counts. Those of several repositories can be added up with [Totals.Add].
type Totals struct {
	Images    int   `json:"images"` // Kept + Removed
	Kept      int   `json:"kept"`
	Removed   int   `json:"removed"`
	Manifests int   `json:"manifests"` // to delete, images included
	Tags      int   `json:"tags"`      // that go
	Bytes     int64 `json:"bytes"`     // that are freed at most, once garbage is collected
	Undated   int   `json:"undated"`   // images without a usable date, of those whose date was asked for
	Tie       int   `json:"tie"`       // the most images that share a place in a ranking
}

// Add adds up totals.
func (t Totals) Add(o Totals) Totals {
	return Totals{
		t.Images + o.Images, t.Kept + o.Kept, t.Removed + o.Removed, t.Manifests + o.Manifests,
		t.Tags + o.Tags, t.Bytes + o.Bytes, t.Undated + o.Undated, max(t.Tie, o.Tie),
	}
}

// Header returns what the plan was made from.
func (p *Plan) Header() Header { return p.header }

// Steps yields what is to be done, in order.
func (p *Plan) Steps() iter.Seq[Step] { return slices.Values(p.steps) }

// Kept yields what stays, images first, by tag.
func (p *Plan) Kept() iter.Seq[Kept] { return slices.Values(p.kept) }

// Totals returns the counts of the plan.
func (p *Plan) Totals() Totals { return p.totals }
