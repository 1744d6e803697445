package undo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// An Archive is a finished archive. It holds no content in memory but the plan.
type Archive struct {
	store  Store
	plan   *plan.Plan
	digest regret.Digest // of the plan
	index  *index
	place  map[regret.Digest]int // of the entries
}

// Open opens a finished archive. It verifies the plan, the index, and that both agree; a
// manifest or configuration is verified when it is read.
//
// Errors: [ErrNoArchive], [ErrUnfinished], [*CorruptError], [*StoreError], the
// [*plan.VersionError] of an archive that another version wrote.
func Open(ctx context.Context, store Store) (*Archive, error) {
	rawIndex, finished, err := get(ctx, store, indexFile)
	if err != nil {
		return nil, err
	}
	rawPlan, planned, err := get(ctx, store, planFile)
	switch {
	case err != nil:
		return nil, err
	case !finished && !planned:
		return nil, ErrNoArchive
	case !finished:
		return nil, ErrUnfinished
	case !planned:
		return nil, &CorruptError{planFile, ProblemMissing, nil}
	}
	if err := checkLayout(ctx, store); err != nil {
		return nil, err
	}
	p, err := plan.Read(bytes.NewReader(rawPlan))
	if _, other := errors.AsType[*plan.VersionError](err); other {
		return nil, fmt.Errorf("archive: %s: %w", planFile, err)
	}
	if err != nil {
		return nil, &CorruptError{planFile, ProblemChanged, err}
	}
	return openIndex(store, p, digest.FromBytes(rawPlan), rawIndex)
}

func checkLayout(ctx context.Context, store Store) error {
	raw, found, err := get(ctx, store, layoutFile)
	switch {
	case err != nil:
		return err
	case !found:
		return &CorruptError{layoutFile, ProblemMissing, nil}
	case string(raw) != layout:
		return &CorruptError{layoutFile, ProblemChanged, nil}
	}
	return nil
}

// openIndex opens an archive whose plan is known.
func openIndex(store Store, p *plan.Plan, planned regret.Digest, raw []byte) (*Archive, error) {
	x, err := decodeIndex(raw, planned, wantedOf(p))
	if err != nil {
		return nil, err
	}
	return newArchive(store, p, x), nil
}

func newArchive(store Store, p *plan.Plan, x *index) *Archive {
	a := &Archive{store: store, plan: p, digest: x.plan, index: x, place: make(map[regret.Digest]int, len(x.entries))}
	for i := range x.entries {
		a.place[x.entries[i].Descriptor.Digest] = i
	}
	return a
}

// Plan returns the plan.
func (a *Archive) Plan() *plan.Plan { return a.plan }

// Entries yields the manifests in the archive, in the order of the plan.
func (a *Archive) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for i := range a.index.entries {
			e := a.index.entries[i].Entry
			e.Tags = slices.Clone(e.Tags)
			if !yield(e) {
				return
			}
		}
	}
}

// Missing returns the manifests that the plan names, but that the registry did not have any
// more when the archive was written. They cannot be restored.
func (a *Archive) Missing() []regret.Digest { return slices.Clone(a.index.missing) }

// Has reports whether a manifest is in the archive.
func (a *Archive) Has(dgst regret.Digest) bool {
	_, ok := a.place[dgst]
	return ok
}

// Manifest reads a manifest from the archive, as the registry served it.
//
// Errors: [*CorruptError], also if the archive never had the manifest; [*StoreError].
func (a *Archive) Manifest(ctx context.Context, dgst regret.Digest) (*regret.Manifest, error) {
	i, ok := a.place[dgst]
	if !ok {
		return nil, &CorruptError{indexFile, ProblemMissing, fmt.Errorf("there is no entry for %.80q", dgst)}
	}
	e := &a.index.entries[i]
	raw, err := a.blob(ctx, e.blob)
	if err != nil {
		return nil, err
	}
	m := &regret.Manifest{Descriptor: e.Descriptor, Raw: raw}
	err = checkManifest(m)
	if size := int64(len(raw)); err == nil && size != e.Descriptor.Size {
		err = fmt.Errorf("it has %d bytes, the index says %d", size, e.Descriptor.Size)
	}
	if err != nil {
		return nil, &CorruptError{blobName(e.blob), ProblemChanged, err}
	}
	return m, nil
}

// blob reads a manifest or a configuration.
func (a *Archive) blob(ctx context.Context, dgst regret.Digest) ([]byte, error) {
	name := blobName(dgst)
	raw, found, err := get(ctx, a.store, name)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, &CorruptError{name, ProblemMissing, nil}
	}
	if err := checkDigest(dgst, raw); err != nil {
		return nil, &CorruptError{name, ProblemChanged, err}
	}
	return raw, nil
}
