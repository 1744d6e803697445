package undo

import (
	"context"
	"sync"

	"github.com/seed-8cb7cc86/regret"
)

// A Writer restores what is in an archive. [*regret.Client] is one. Its methods must be safe
// for concurrent use and return an error of the kind [regret.ErrNotFound] for what the
// registry says that it does not have, and for nothing else.
type Writer interface {
	Registry() string
	Resolve(ctx context.Context, repository, reference string) (regret.Descriptor, error)
	Manifest(ctx context.Context, repository, reference string) (*regret.Manifest, error)
	HasBlob(ctx context.Context, repository string, dgst regret.Digest) (bool, error)
	PutBlob(ctx context.Context, repository string, dgst regret.Digest, data []byte) error
	PutManifest(ctx context.Context, repository, reference string, m *regret.Manifest) error
}

// RestoreOptions say how to restore. The zero value, or nil, is right unless there is a
// reason for something else.
type RestoreOptions struct {
	// DryRun only looks, and reports what would be restored. What a registry would refuse,
	// it cannot tell.
	DryRun bool
	// Move moves a tag that points to something else by now. What it pointed to then may be
	// left without a tag; zot removes it at once.
	Move bool
	// Overwrite lets [RestoreTrash] remove tags of the trash by
	// [regret.Client.UntagByOverwrite] where the registry does not delete by tag.
	Overwrite bool
	// Concurrency is how many requests are in flight at once; by default 8.
	Concurrency int
	// OnResult is called with each result as it comes, from one goroutine at a time.
	OnResult func(Result)
	// Progress is called as restoring goes on, from one goroutine at a time: how many results
	// there are, and how many there will be; 0 while that is not known.
	Progress func(done, total int)
}

// Restore pushes again what the plan of an archive took away, to the same repository: the
// manifests, byte for byte, and their tags. It deletes nothing.
//
// It looks first: which manifests are still there, and for the others, whether the registry
// still has what they need. An image whose layers are gone cannot come back, and is not
// pushed. Then it pushes configurations and manifests: what an index lists before the index,
// a subject before what refers to it. An index of which something is gone is pushed all the
// same, if any of it is there; many registries refuse that.
//
// Tags come last. A tag that points to the right manifest is left alone, and so is one that
// points to another by now, unless Move is set. A list of referrers under a companion tag
// ("sha256-…") is joined with the one that is there by now: entries are added to it, and none
// is dropped.
//
// A failure of one object ends no others. Restoring again goes on, and does no harm where
// nothing is left to do; so does restoring after a deletion that was interrupted.
//
// The report is nil only if nothing was sent because the archive cannot be used. The error is
// then one of [Open], or [ErrOtherRegistry]. Otherwise it is nil, or that of the context.
//
// Sends one HEAD for each manifest; for each that is missing, one for each of its layers and
// for each manifest that it lists and that is not in the archive; a HEAD for each tag, and a GET
// for one that points to another index; and a PUT for each manifest and each tag that are to be
// restored, besides those of [regret.Client.PutBlob].
func Restore(ctx context.Context, w Writer, store Store, o *RestoreOptions) (*Report, error) {
	a, err := Open(ctx, store)
	if err != nil {
		return nil, err
	}
	if err := checkRegistry(a.plan, w.Registry()); err != nil {
		return nil, err
	}
	r := newRestoring(a, w, o)
	r.each(ctx, all(len(r.objects)), r.look)
	for _, level := range r.levels() {
		r.each(ctx, level, r.bringBack)
	}
	r.each(ctx, all(len(r.tags)), r.restoreTag)
	return r.conclude(ctx)
}

// A restoring is a call of Restore in progress.
type restoring struct {
	RestoreOptions // with the defaults filled in
	archive        *Archive
	writer         Writer
	repository     string
	objects        []object // in the order of the plan
	tags           []tag
	place          map[regret.Digest]int // of objects
	lookups        lookups

	mu      sync.Mutex // guards results, done and calls of OnResult and Progress
	results []Result   // of objects, then of tags
	done    int        // how many have come
}

// An object is a manifest to restore.
type object struct {
	digest  regret.Digest
	missing bool            // it is not in the archive
	content content         // of one that is not there
	config  regret.Digest   // that is in the archive; empty if there is none to push
	lacks   []regret.Digest // of what it lists, what is gone
}

// A tag is a tag to restore.
type tag struct {
	name   string
	object int
}

func newRestoring(a *Archive, w Writer, o *RestoreOptions) *restoring {
	r := &restoring{archive: a, writer: w, repository: a.plan.Header().Repository, place: make(map[regret.Digest]int)}
	if o != nil {
		r.RestoreOptions = *o
	}
	if r.Concurrency <= 0 {
		r.Concurrency = defaultConcurrency
	}
	for i, want := range wantedOf(a.plan) {
		r.place[want.digest] = i
		r.objects = append(r.objects, object{digest: want.digest, missing: !a.Has(want.digest)})
		r.results = append(r.results, Result{Digest: want.digest})
		for _, name := range want.tags {
			r.tags = append(r.tags, tag{name, i})
		}
	}
	for _, t := range r.tags {
		r.results = append(r.results, Result{Digest: r.objects[t.object].digest, Tag: t.name})
	}
	return r
}

func all(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

// each calls fn for each number, for several at once, until the context ends.
func (r *restoring) each(ctx context.Context, numbers []int, fn func(context.Context, int)) {
	g := newGroup(ctx, r.Concurrency)
	defer g.end()
	for _, i := range numbers {
		g.run(func(ctx context.Context) error {
			fn(ctx, i)
			return nil
		})
	}
	g.running.Wait()
}

// settle records how an object ended.
func (r *restoring) settle(i int, result Result) {
	result.Digest = r.objects[i].digest
	r.record(i, result)
}

// settleTag records how a tag ended.
func (r *restoring) settleTag(i int, result Result) {
	t := r.tags[i]
	result.Digest, result.Tag = r.objects[t.object].digest, t.name
	r.record(len(r.objects)+i, result)
}

func (r *restoring) record(i int, result Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.results[i].Status == "" {
		r.done++
	}
	r.results[i] = result
	if r.OnResult != nil {
		r.OnResult(result)
	}
	if r.Progress != nil {
		r.Progress(r.done, len(r.results))
	}
}

// resultOf returns how an object ended. The status is empty if that is not known yet.
func (r *restoring) resultOf(i int) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.results[i]
}

// conclude returns the report. What the end of the context kept from being tried says so.
func (r *restoring) conclude(ctx context.Context) (*Report, error) {
	for i := range r.results {
		if r.results[i].Status == "" {
			result := r.results[i]
			result.Status, result.Err = NotAttempted, context.Cause(ctx)
			r.record(i, result)
		}
	}
	header := r.archive.plan.Header()
	report := &Report{Plan: r.archive.digest, Registry: header.Registry, Repository: header.Repository, DryRun: r.DryRun, Results: r.results}
	return report, context.Cause(ctx)
}
