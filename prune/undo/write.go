package undo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A Reader reads what goes into an archive. [*regret.Client] is one. Its methods must be
// safe for concurrent use and return an error of the kind [regret.ErrNotFound] for what the
// registry says that it does not have.
type Reader interface {
	Registry() string
	Manifest(ctx context.Context, repository, reference string) (*regret.Manifest, error)
	Blob(ctx context.Context, repository string, dgst regret.Digest, limit int64) ([]byte, error)
}

// WriteOptions say how to write an archive. The zero value, or nil, is right unless there is
// a reason for something else.
type WriteOptions struct {
	// Concurrency is how many requests are in flight at once; by default 8. Twice as many
	// files are stored at once.
	Concurrency int
	// Progress is called as writing goes on, from one goroutine at a time. The total is that
	// of manifests, and from then on of manifests and configurations.
	Progress func(done, total int)
}

const defaultConcurrency = 8

// Write archives what a plan takes away: each manifest that it deletes or takes a tag off,
// and the configuration of each image, up to 1 MiB. It deletes nothing. When it returns
// without an error, all of it is durable.
//
// A manifest that the registry does not have any more is left out; see [Archive.Missing]. So
// is a configuration that is gone or larger.
//
// Writing an archive again, for the same plan, goes on where an earlier call was interrupted:
// what is in the store is verified and not read again. A manifest that a finished archive
// holds is never given up: if it is damaged, and the registry does not have it any more, that
// is an error.
//
// Errors: [ErrOtherRegistry] before any request; [ErrOtherPlan], [*CorruptError] if the
// archive of the plan is damaged beyond repair, or the store holds something else;
// [*StoreError]; those of the [Reader], such as [*regret.Error].
//
// Sends one GET for each manifest, and one for each configuration.
func Write(ctx context.Context, r Reader, p *plan.Plan, store Store, o *WriteOptions) (*Archive, error) {
	w := &writing{reader: r, plan: p, store: store, repository: p.Header().Repository}
	if o != nil {
		w.WriteOptions = *o
	}
	if w.Concurrency <= 0 {
		w.Concurrency = defaultConcurrency
	}
	if err := checkRegistry(p, r.Registry()); err != nil {
		return nil, err
	}
	if err := w.begin(ctx); err != nil {
		return nil, err
	}
	entries, missing, err := w.manifests(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.configs(ctx); err != nil {
		return nil, err
	}
	return w.finish(ctx, &index{plan: w.digest, entries: entries, missing: missing})
}

// A writing is a call of Write in progress.
type writing struct {
	WriteOptions // with the defaults filled in
	reader       Reader
	plan         *plan.Plan
	digest       regret.Digest // of the plan
	store        Store
	repository   string
	begun        bool     // the store may hold blobs of an earlier call
	finished     *Archive // that an earlier call has written; nil if there is none

	mu          sync.Mutex
	needed      map[regret.Digest]bool // the configurations
	done, total int
}

// begin claims the store for the plan, by storing it, and reads what an earlier call has
// finished.
func (w *writing) begin(ctx context.Context) error {
	var content bytes.Buffer
	if _, err := w.plan.WriteTo(&content); err != nil {
		return err
	}
	w.digest, w.needed = digest.FromBytes(content.Bytes()), make(map[regret.Digest]bool)
	planned, begun, err := get(ctx, w.store, planFile)
	if err != nil {
		return err
	}
	indexed, finished, err := get(ctx, w.store, indexFile)
	switch {
	case err != nil:
		return err
	case !begun && finished:
		return &CorruptError{indexFile, ProblemForeign, errors.New("there is an image layout without a plan; choose another place for the archive")}
	case !begun:
		return put(ctx, w.store, planFile, content.Bytes())
	case !bytes.Equal(planned, content.Bytes()):
		return fmt.Errorf("%w: of %s, not of %s; choose another place for this one", ErrOtherPlan, digest.FromBytes(planned), w.digest)
	}
	w.begun = true
	if finished {
		w.finished, err = openIndex(w.store, w.plan, w.digest, indexed)
	}
	return err
}

// manifests archives all manifests. It returns their entries, and what is missing, in the
// order of the plan.
func (w *writing) manifests(ctx context.Context) (entries []stored, missing []regret.Digest, err error) {
	all := wantedOf(w.plan)
	found := make([]*stored, len(all))
	err = w.archive(ctx, len(all), func(ctx context.Context, i int) (name string, data []byte, err error) {
		m, fresh, err := w.manifest(ctx, &all[i])
		if err != nil || m == nil {
			return "", nil, err
		}
		w.need(m)
		found[i] = &stored{Entry{m.Descriptor, all[i].tags}, blobOf(m)}
		found[i].Descriptor.Size = int64(len(m.Raw))
		if !fresh {
			return "", nil, nil
		}
		return blobName(found[i].blob), m.Raw, nil
	})
	if err != nil {
		return nil, nil, err
	}
	for i := range all {
		if found[i] == nil {
			missing = append(missing, all[i].digest)
		} else {
			entries = append(entries, *found[i])
		}
	}
	return entries, missing, nil
}

// archive reads n things and stores the data of those that have any. Storing one does not
// keep the next request waiting.
func (w *writing) archive(ctx context.Context, n int, read func(ctx context.Context, i int) (name string, data []byte, err error)) error {
	w.expect(n)
	requests := newGroup(ctx, w.Concurrency)
	defer requests.end()
	puts := requests.beside(2 * w.Concurrency)
	for i := range n {
		requests.run(func(ctx context.Context) error {
			name, data, err := read(ctx, i)
			if err != nil || name == "" {
				w.report()
				return err
			}
			puts.run(func(ctx context.Context) error {
				defer w.report()
				return put(ctx, w.store, name, data)
			})
			return nil
		})
	}
	requests.running.Wait()
	return puts.wait()
}

// manifest returns a manifest from the store or the registry; nil if neither has it. It
// reports whether it is fresh, so that it must be stored.
func (w *writing) manifest(ctx context.Context, want *wanted) (m *regret.Manifest, fresh bool, err error) {
	m, damage := w.stored(ctx, want)
	if m != nil {
		return m, false, nil
	}
	if _, unreadable := errors.AsType[*StoreError](damage); unreadable {
		return nil, false, damage
	}
	m, err = w.reader.Manifest(ctx, w.repository, want.digest.String())
	switch {
	case errors.Is(err, regret.ErrNotFound):
		return nil, false, damage
	case err != nil:
		return nil, false, err
	}
	if m.Descriptor.Digest != want.digest {
		err = fmt.Errorf("the manifest has the digest %s", m.Descriptor.Digest)
	} else {
		err = checkManifest(m)
	}
	if err != nil {
		return nil, false, w.mismatch(want.digest, err)
	}
	return m, true, nil
}

// stored returns a manifest that an earlier call has stored, or nil. If a finished archive
// is to have it, the error says why it does not.
func (w *writing) stored(ctx context.Context, want *wanted) (*regret.Manifest, error) {
	switch {
	case w.finished != nil && w.finished.Has(want.digest):
		return w.finished.Manifest(ctx, want.digest)
	case !w.begun:
		return nil, nil
	}
	raw, found, err := get(ctx, w.store, blobName(want.digest))
	if err != nil || !found {
		return nil, err
	}
	m := &regret.Manifest{Descriptor: regret.Descriptor{MediaType: want.mediaType, Digest: want.digest}, Raw: raw}
	if checkManifest(m) != nil {
		return nil, nil // it is read again
	}
	return m, nil
}

// mismatch returns the error for a manifest or configuration that is not what was asked for.
func (w *writing) mismatch(dgst regret.Digest, err error) error {
	return &regret.Error{Op: "archive", Repository: w.repository, Reference: dgst.String(), Kind: regret.ErrDigestMismatch, Err: err}
}

// need notes which configuration a manifest needs.
func (w *writing) need(m *regret.Manifest) {
	c := contentOf(m.Raw)
	config, ok := c.config()
	if !ok || config.Size > maxConfig {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.needed[config.Digest] = true
}

// configs archives the configurations, each once.
func (w *writing) configs(ctx context.Context) error {
	all := slices.Sorted(maps.Keys(w.needed))
	return w.archive(ctx, len(all), func(ctx context.Context, i int) (name string, data []byte, err error) {
		dgst := all[i]
		if w.begun {
			raw, found, err := get(ctx, w.store, blobName(dgst))
			if err != nil || found && checkDigest(dgst, raw) == nil {
				return "", nil, err
			}
		}
		raw, err := w.reader.Blob(ctx, w.repository, dgst, maxConfig)
		switch {
		case errors.Is(err, regret.ErrNotFound), errors.Is(err, regret.ErrTooLarge):
			return "", nil, nil
		case err != nil:
			return "", nil, err
		}
		if err := checkDigest(dgst, raw); err != nil {
			return "", nil, w.mismatch(dgst, err)
		}
		return blobName(dgst), raw, nil
	})
}

// finish stores the version of the layout and, last, the index.
func (w *writing) finish(ctx context.Context, x *index) (*Archive, error) {
	content, err := x.encode()
	if err != nil {
		return nil, err
	}
	for _, file := range []struct{ name, content string }{{layoutFile, layout}, {indexFile, string(content)}} {
		there, found, err := get(ctx, w.store, file.name)
		if err == nil && (!found || string(there) != file.content) {
			err = put(ctx, w.store, file.name, []byte(file.content))
		}
		if err != nil {
			return nil, err
		}
	}
	return newArchive(w.store, w.plan, x), nil
}

// expect adds to what is to be done.
func (w *writing) expect(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total += n
}

// report tells the caller that one more is done.
func (w *writing) report() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done++
	if w.Progress != nil {
		w.Progress(w.done, w.total)
	}
}
