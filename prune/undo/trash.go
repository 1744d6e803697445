package undo

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A TrashReader reads what is in the trash of a registry. [*regret.Client] is one. Its methods
// must be safe for concurrent use and return errors of the kinds of package regret.
type TrashReader interface {
	Tags(ctx context.Context, repository string) iter.Seq2[string, error]
	Resolve(ctx context.Context, repository, reference string) (regret.Descriptor, error)
	Manifest(ctx context.Context, repository, reference string) (*regret.Manifest, error)
}

// A TrashWriter restores what is in the trash of a registry. [*regret.Client] is one. Its
// methods must be safe for concurrent use and return errors of the kinds of package regret.
type TrashWriter interface {
	TrashReader
	Registry() string
	PutManifest(ctx context.Context, repository, reference string, m *regret.Manifest) error
	DeleteManifest(ctx context.Context, repository string, dgst regret.Digest) error
	Untag(ctx context.Context, repository, tag string) error
	UntagByOverwrite(ctx context.Context, repository, tag string) error
}

// RestoreTrash gives the images in the trash of a repository their tags back, and takes them
// out of the trash. It needs no archive: quarantine has kept the names at the registry. What
// the trash held is as it was, since nothing of it was deleted.
//
// A tag that is there and points to the right image is left alone. One that points to
// something else by now is moved only if Move is set. If two images in the trash had the same
// tag, the one that was put there last gets it; of the same day, the one whose plan has the
// greater digest.
//
// An image leaves the trash once all its tags are back; until then its tag of the trash holds
// it. Where the registry does not delete by tag, that tag is left, unless Overwrite is set:
// with the others beside it, it does no harm. Last, an index of names is deleted when nothing
// is left in the trash that it names.
//
// A failure of one image ends no others. Doing it again goes on, and does no harm where
// nothing is left to do. Do not do it while images are being put in the trash.
//
// The report has one result for each tag of an image, one for each tag of the trash, and one
// for each index of names. It is nil only if the tags or the names cannot be read; then nothing
// was written. The error is that of the registry, or nil, or that of the context.
//
// Sends the requests of [regret.Client.Tags]; a GET for each index of names, a HEAD for each
// tag of the trash and each tag of an image; for each image with tags to restore a GET, and a
// PUT for each of these; a DELETE for each tag of the trash and each index of names.
func RestoreTrash(ctx context.Context, w TrashWriter, repository string, o *RestoreOptions) (*Report, error) {
	r := &trashRestoring{reader: w, writer: w, repository: repository}
	if o != nil {
		r.RestoreOptions = *o
	}
	if r.Concurrency <= 0 {
		r.Concurrency = defaultConcurrency
	}
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	r.arrange()
	r.each(ctx, len(r.images), func(ctx context.Context, i int) { r.restoreImage(ctx, r.images[i]) })
	r.each(ctx, len(r.tags), func(ctx context.Context, i int) { r.finishRemoval(ctx, r.tags[i]) })
	r.each(ctx, len(r.indexes), func(ctx context.Context, i int) { r.deleteIndex(ctx, r.indexes[i]) })
	return r.conclude(ctx)
}

// A trashRestoring is a call of RestoreTrash in progress.
type trashRestoring struct {
	RestoreOptions // with the defaults filled in
	reader         TrashReader
	writer         TrashWriter // nil if nothing is restored
	repository     string
	tags           []*trashTag     // by name
	indexes        []*namesIndex   // by name
	images         []*trashedImage // by the name of their first tag

	mu          sync.Mutex // guards calls of OnResult and Progress, and what follows
	done, total int        // results
}

// A trashTag is a tag of the trash.
type trashTag struct {
	trash.Tag
	name        string
	digest      regret.Digest // of the image that it points to; empty if that is not known or none
	placeholder regret.Digest // what it points to instead if its removal was interrupted
	names       []string      // of the image, before; empty if they are not known
	result      Result
}

// A namesIndex is an index of names.
type namesIndex struct {
	trash.Tag
	name   string
	digest regret.Digest
	images map[regret.Digest][]string // the names of each image
	result Result
}

// A trashedImage is an image with the tags of the trash that point to it.
type trashedImage struct {
	digest  regret.Digest
	tags    []*trashTag
	names   []string // in the order of the tags
	results []Result // of the names
}

// arrange gathers the images in the trash, with the names that each is to get.
func (r *trashRestoring) arrange() {
	byDigest := make(map[regret.Digest]*trashedImage)
	for _, t := range r.tags {
		if t.result.Status != "" || t.placeholder != "" {
			continue
		}
		image := byDigest[t.digest]
		if image == nil {
			image = &trashedImage{digest: t.digest}
			byDigest[t.digest] = image
			r.images = append(r.images, image)
		}
		t.names = r.namesOf(t)
		image.tags = append(image.tags, t)
		for _, name := range t.names {
			if !slices.Contains(image.names, name) {
				image.names = append(image.names, name)
			}
		}
	}
	for _, image := range r.images {
		image.results = make([]Result, len(image.names))
		for i, name := range image.names {
			image.results[i] = Result{Digest: image.digest, Tag: name}
		}
	}
	r.settleClaims()
	r.total = len(r.tags) + len(r.indexes)
	for _, image := range r.images {
		r.total += len(image.results)
	}
}

// namesOf returns the names that the image of a tag of the trash had.
func (r *trashRestoring) namesOf(t *trashTag) (names []string) {
	for _, index := range r.indexes {
		if index.Run() == t.Run() {
			names = append(names, index.images[t.digest]...)
		}
	}
	return names
}

// settleClaims settles the names that more than one image had: the last one to be put in the
// trash gets the name.
func (r *trashRestoring) settleClaims() {
	claims := make(map[string]*trashTag)
	for _, t := range r.tags {
		for _, name := range t.names {
			if other := claims[name]; other == nil || strings.Compare(other.Run(), t.Run()) <= 0 {
				claims[name] = t
			}
		}
	}
	for _, image := range r.images {
		for i, name := range image.names {
			if winner := claims[name]; winner.digest != image.digest {
				image.results[i] = Result{
					Digest: image.digest, Tag: name, Status: Elsewhere, Found: winner.digest,
					Reason: "another image in the trash had it later: " + winner.name,
				}
			}
		}
	}
}

// each calls fn for each of n things, for several at once, until the context ends.
func (r *trashRestoring) each(ctx context.Context, n int, fn func(context.Context, int)) {
	limit := r.Concurrency
	if r.Overwrite {
		limit = 1 // distribution 2 may leave tags if it deletes a manifest while another tag is written
	}
	g := newGroup(ctx, limit)
	defer g.end()
	for i := range n {
		g.run(func(ctx context.Context) error {
			fn(ctx, i)
			return nil
		})
	}
	g.running.Wait()
}

// report tells the caller of a result.
func (r *trashRestoring) report(result Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.OnResult != nil {
		r.OnResult(result)
	}
	if r.done++; r.Progress != nil {
		r.Progress(r.done, r.total)
	}
}

// conclude returns the report. What the end of the context kept from being tried says so.
func (r *trashRestoring) conclude(ctx context.Context) (*Report, error) {
	report := &Report{Registry: plan.RegistryName(r.writer.Registry()), Repository: r.repository, DryRun: r.DryRun}
	add := func(result Result) {
		if result.Status == "" {
			result.Status, result.Err = NotAttempted, context.Cause(ctx)
			r.report(result)
		}
		report.Results = append(report.Results, result)
	}
	for _, image := range r.images {
		for _, result := range image.results {
			add(result)
		}
	}
	for _, t := range r.tags {
		add(t.result)
	}
	for _, index := range r.indexes {
		add(index.result)
	}
	return report, context.Cause(ctx)
}
