package prune

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// defaultConcurrency is how many requests are in flight at once unless options say more.
const defaultConcurrency = 8

// Read reads what the policy needs to know of a repository to decide about it, and no more:
// all tags, and from then on what a decision about what was read so far still asks for. With
// the snapshot that it returns [plan.Decide] misses nothing, if it gets the same policy and
// time. Decisions for other policies and times may miss something.
//
// If anything cannot be read, there is no snapshot. A tag is the exception: one that is not
// found is dropped if a second list does not have it either, and otherwise counts as broken,
// which plans only allow as far as the policy's limits.broken says.
//
// Errors: [*policy.Error] if the policy is not for this repository and [*policy.InUseError]
// if it cannot use an in-use list, both before any request; [*IncompleteError].
//
// Sends one request for each page of the list of tags and one GET for each tag. At docker.io
// and ghcr.io, which count GETs against a limit, and if there is a cache, it sends a HEAD
// for each tag and a GET for each manifest. Further requests are for indexes in indexes; if
// a date decides, for configurations, and for the manifests in an index; if something may
// go, for manifests in it, and for what refers to each of these.
func Read(ctx context.Context, r Reader, repository string, p *policy.Policy, o *ReadOptions) (*plan.Snapshot, error) {
	reading, _, err := read(ctx, r, repository, p, o)
	if err != nil {
		return nil, err
	}
	return reading.snapshot, nil
}

// A reading is a call of Read in progress.
type reading struct {
	Reader
	ReadOptions // with the defaults filled in
	repository  string
	snapshot    *plan.Snapshot
	byDigest    bool // tags are read by HEAD, and manifests by their digest
	probed      bool // it is known whether there is a referrers API

	mu       sync.Mutex // guards progress and calls of Progress
	progress Progress
}

// read also returns the decision for which nothing is missing.
func read(ctx context.Context, r Reader, repository string, p *policy.Policy, o *ReadOptions) (*reading, *plan.Decision, error) {
	re := newReading(r, repository, o)
	if _, err := plan.Decide(p, re.snapshot, re.At); err != nil { // what is wrong without any request
		return nil, nil, err
	}
	if err := re.list(ctx); err != nil {
		return nil, nil, err
	}
	decision, err := re.decide(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	return re, decision, nil
}

// decide reads until nothing is missing for a decision.
func (r *reading) decide(ctx context.Context, p *policy.Policy) (*plan.Decision, error) {
	for asked := []plan.Question(nil); ; {
		decision, err := plan.Decide(p, r.snapshot, r.At)
		if err != nil {
			return nil, r.explainLimit(err)
		}
		questions := slices.Collect(decision.Missing())
		if len(questions) == 0 {
			return decision, nil
		}
		if slices.Equal(questions, asked) { // or else this would never end
			return nil, r.incomplete(IncompleteManifest, asked[0], errAskedTwice)
		}
		asked = questions
		if err := r.answer(ctx, questions); err != nil {
			return nil, err
		}
	}
}

var errAskedTwice = errors.New("it was read, but is still missing: this is a bug")

func newReading(r Reader, repository string, o *ReadOptions) *reading {
	re := &reading{Reader: r}
	if o != nil {
		re.ReadOptions = *o
	}
	if re.At.IsZero() {
		re.At = time.Now()
	}
	re.At = re.At.Truncate(time.Second).UTC()
	if re.Concurrency <= 0 {
		re.Concurrency = defaultConcurrency
	}
	registry := plan.RegistryName(r.Registry())
	if registry == dockerHub && !strings.Contains(repository, "/") {
		repository = "library/" + repository // as in-use lists name it, too
	}
	re.repository = repository
	re.byDigest = re.Cache != nil || registry == dockerHub || registry == "ghcr.io"
	re.progress = Progress{Repository: repository, Phase: PhaseList}
	re.snapshot = plan.NewSnapshot(registry, repository, plan.Options{InUse: re.InUse, Thorough: re.Thorough, Sizes: re.Sizes})
	return re
}

// dockerHub is how people name the registry of Docker Hub.
const dockerHub = "docker.io"

// explainLimit makes an error of reading of that of a limit.
func (r *reading) explainLimit(err error) error {
	if limit, ok := errors.AsType[*plan.LimitError](err); ok {
		return &IncompleteError{r.repository, IncompleteLimit, limit.Tag, limit.Digest, err}
	}
	return err
}

// incomplete returns the error for a question that could not be answered.
func (r *reading) incomplete(detail IncompleteDetail, q plan.Question, err error) error {
	return &IncompleteError{r.repository, detail, q.Tag, q.Digest, err}
}

// isMissing reports whether an error says that the registry does not have something.
func isMissing(err error) bool { return errors.Is(err, regret.ErrNotFound) }
