package prune

import (
	"context"
	"iter"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A Reader reads from a registry. [*regret.Client] is one. Its methods must be safe for
// concurrent use and must return an error of the kind [regret.ErrNotFound] for what the
// registry says that it does not have, and for nothing else.
type Reader interface {
	// Registry returns the name of the registry, with or without a scheme.
	Registry() string
	// List yields every tag of the repository. A sequence that ends without an error, or
	// with one of the kind [regret.ErrInvalidEntries], is complete.
	List(ctx context.Context, repository string) iter.Seq2[regret.ListEntry, error]
	// Resolve returns what a tag or a digest leads to.
	Resolve(ctx context.Context, repository, reference string) (regret.Descriptor, error)
	// Manifest reads a manifest, the content of which hashes to its digest.
	Manifest(ctx context.Context, repository, reference string) (*regret.Manifest, error)
	// Referrers yields the manifests that refer to a subject.
	Referrers(ctx context.Context, repository string, subject regret.Digest, types ...string) iter.Seq2[regret.Descriptor, error]
	// HasReferrers reports whether the registry has the referrers API.
	HasReferrers(ctx context.Context, repository string, subject regret.Digest) (bool, error)
	// Blob reads a blob of at most limit bytes.
	Blob(ctx context.Context, repository string, dgst regret.Digest, limit int64) ([]byte, error)
}

// A Lister lists the contents of a repository with the API of a registry's vendor, which
// may know what the registry API does not tell: manifests without a tag, when they were
// uploaded and when they were last pulled.
//
// A sequence that ends without an error must be complete. If each of its entries has a
// digest, it must name every manifest of the repository, those without a tag included. What
// it says about tags is only taken as a hint that they exist.
type Lister interface {
	List(ctx context.Context, repository string) iter.Seq2[regret.ListEntry, error]
}

// ReadOptions say how to read a repository. The zero value, or nil, is right unless there
// is a reason for something else.
type ReadOptions struct {
	// Lister is read in addition to the registry's own list of tags.
	Lister Lister
	// Cache keeps manifests and configurations between runs. With a cache, each tag costs a
	// HEAD, and only what the cache does not have is read. See [DirCache].
	Cache Cache
	// InUse are the lists that [policy.Policy.Files] names.
	InUse []*policy.InUse
	// At is the time for which is decided; by default now. Fractions of a second are dropped.
	At time.Time
	// Concurrency is how many requests are in flight at once; by default 8.
	Concurrency int
	// Thorough also asks what refers to each manifest that stays, at one request each. It
	// protects what only an untagged index lists that refers to something that stays.
	Thorough bool
	// Sizes also reads what indexes list that stay, so that the bytes that a plan frees are
	// exact.
	Sizes bool
	// Progress is called as reading goes on, from one goroutine at a time.
	Progress func(Progress)
}

// Progress says how far reading a repository has come.
type Progress struct {
	Repository string
	Phase      Phase
	Done       int // in this phase
	Total      int // in this phase; 0 while it is unknown
	Requests   int // in all phases, without further pages of lists, retries and redirects
}

// A Phase is what is being read.
type Phase string

// The phases. Each may come more than once, with what is still missing.
const (
	PhaseList      Phase = "list"      // the list of tags; Done counts its entries
	PhaseTags      Phase = "tags"      // what tags point to
	PhaseManifests Phase = "manifests" // manifests by their digest
	PhaseConfigs   Phase = "configs"   // configurations of images
	PhaseReferrers Phase = "referrers" // what refers to manifests
)
