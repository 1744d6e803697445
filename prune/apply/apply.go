package apply

import (
	"context"
	"iter"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A Writer reads from a registry and writes to it. [*regret.Client] is one. Its methods must
// be safe for concurrent use and return errors of these kinds: [regret.ErrNotFound] for what
// the registry says that it does not have, and for nothing else; [regret.ErrOutcomeUnknown]
// for a write that may have had an effect.
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
	// Journal lets a run that was interrupted go on. Without one, a second run finds out for
	// itself what is left to do. The journal of a run that got to its end returns the report of
	// that run, and nothing is sent; to try again what failed, use another one.
	Journal Journal
	// RetryFailed goes on with the journal of a run that got to its end, if steps of it failed.
	RetryFailed bool
	// Expect is the digest of the plan that was reviewed; see [plan.Plan.Digest].
	Expect regret.Digest
	// MaxAge is how old the plan may be when the run begins; 0 is no limit.
	MaxAge time.Duration
	// InUse are newer versions of the in-use lists of the plan. What they name stays, besides
	// what the plan keeps.
	InUse []*policy.InUse
	// Concurrency is how many steps are taken at once; by default 8.
	Concurrency int
	// Writes bounds how many writes are sent in a second; 0 is no limit. Overwriting a tag
	// counts as one.
	Writes float64
	// Verify proves at the end that all that stays is served to the last blob, with one GET
	// for each manifest and one HEAD for each blob.
	Verify bool
	// OnResult is called with each result as it comes, from one goroutine at a time. The run
	// waits for it.
	OnResult func(Result)
	// Progress is called as the run goes on, from one goroutine at a time. The run waits for it.
	Progress func(Progress)
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
// repository, and then takes one step after the other, each right after a look at what the
// step is about. See the package documentation for what each result means.
//
// A failure of one step ends no others. The report has a result for each step. It is nil only
// if nothing was deleted, because something came up before the first step. A plan without steps
// sends nothing, unless there is something to verify.
//
// When the context ends, no further step is taken. Those that are in flight get 30 seconds to
// be settled, and are in the report.
//
// Errors, before any request: [ErrOtherRegistry], [ErrUnexpected], [ErrTooOld],
// [ErrInUseExpired], [*policy.InUseError], [ErrOtherPlan], [*JournalError].
//
// Errors, before anything is deleted: those of [undo.Write]; [ErrKeepLost]; those of the
// Writer if the tags cannot be read.
//
// Errors, with a report of what was done: [ErrStopped]; ErrInUseExpired, ErrKeepLost and
// *JournalError if they come up later; [ErrLost]; [regret.ErrStillPresent]; the error of the
// context.
//
// Sends for the archive one GET for each manifest and one for each configuration; one request
// for each page of the list of tags and one HEAD for each tag, and the same again whenever as
// much time has passed as that took, but no less than 10 minutes; for each step a HEAD of each
// tag of its manifest and one DELETE; for an image with parts a second HEAD of each of its tags
// before the first part, or before a companion tag comes off what stays; for an orphan a HEAD of
// what it belonged to; for a tag to overwrite that points elsewhere by now one GET; and at the end
// one request for each page of the list. What new tags lead to is read with one GET for each
// manifest.
func Apply(ctx context.Context, w Writer, p *plan.Plan, archive undo.Store, o *Options) (*Report, error) {
	r, err := newRun(w, p, archive, o, false)
	if err != nil {
		return nil, err
	}
	return r.run(ctx)
}
