package threats_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// An operation is something that a client is used for.
type operation struct {
	name string
	run  func(ctx context.Context, c *regret.Client, s *stage) error
}

// Every operation by itself, under the names that choose among them.
var (
	resolve = operation{"resolve", func(ctx context.Context, c *regret.Client, _ *stage) error {
		_, err := c.ResolveDigest(ctx, repo, "v1")
		return err
	}}
	resolveDigest = operation{"resolve a digest", func(ctx context.Context, c *regret.Client, s *stage) error {
		_, err := c.ResolveDigest(ctx, repo, string(s.image.Digest))
		return err
	}}
	manifest = operation{"manifest", func(ctx context.Context, c *regret.Client, _ *stage) error {
		_, err := c.Manifest(ctx, repo, "v1")
		return err
	}}
	manifestByDigest = operation{"manifest by digest", func(ctx context.Context, c *regret.Client, s *stage) error {
		_, err := c.Manifest(ctx, repo, string(s.image.Digest))
		return err
	}}
	tags = operation{"tags", func(ctx context.Context, c *regret.Client, _ *stage) error {
		_, err := collect(c.Tags(ctx, repo))
		return err
	}}
	repositories = operation{"repositories", func(ctx context.Context, c *regret.Client, _ *stage) error {
		_, err := collect(c.Repositories(ctx))
		return err
	}}
	referrers = operation{"referrers", func(ctx context.Context, c *regret.Client, s *stage) error {
		_, err := collect(c.Referrers(ctx, repo, s.image.Digest))
		return err
	}}
	ping = operation{"ping", func(ctx context.Context, c *regret.Client, _ *stage) error { return c.Ping(ctx) }}

	deleteManifest = operation{"delete", func(ctx context.Context, c *regret.Client, s *stage) error {
		return c.DeleteManifest(ctx, repo, s.image.Digest)
	}}
	resolveAndDelete = operation{"resolve and delete", func(ctx context.Context, c *regret.Client, _ *stage) error {
		dgst, err := c.ResolveDigest(ctx, repo, "v1")
		if err != nil {
			return err
		}
		return c.DeleteManifest(ctx, repo, dgst)
	}}
	untag = operation{"untag", func(ctx context.Context, c *regret.Client, _ *stage) error {
		return c.Untag(ctx, repo, "v1")
	}}
	checkDelete = operation{"check delete", func(ctx context.Context, c *regret.Client, _ *stage) error {
		return c.CheckDelete(ctx, repo)
	}}
	bulk = operation{"bulk", deleteEverything}
)

// all are the operations that a case is played with if it can hit any request.
func all() []operation {
	return []operation{resolve, manifest, tags, deleteManifest, untag, checkDelete, bulk}
}

// deleteEverything is what a cleaning job does: list, resolve, delete. A list
// that ends in an error is not acted on; what fails is reported, one by one.
func deleteEverything(ctx context.Context, c *regret.Client, _ *stage) error {
	names, err := collect(c.Tags(ctx, repo))
	if err != nil {
		return err
	}
	var digests []regret.Digest
	var failures []error
	for _, tag := range names {
		dgst, err := c.ResolveDigest(ctx, repo, tag)
		if err != nil {
			failures = append(failures, err)
		} else if !slices.Contains(digests, dgst) {
			digests = append(digests, dgst)
		}
	}
	for _, dgst := range digests {
		if err := c.DeleteManifest(ctx, repo, dgst); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// collect reads a list to its end. An error must be the last of it.
func collect[T any](list iter.Seq2[T, error]) ([]T, error) {
	var entries []T
	var failure error
	for entry, err := range list {
		switch {
		case failure != nil:
			return entries, errors.Join(failure, errors.New("the list goes on after its error"))
		case err != nil:
			failure = err
		default:
			entries = append(entries, entry)
		}
	}
	return entries, failure
}

// eachOperation plays a scenario with each of some operations, every one on a
// stage of its own.
func eachOperation(t *testing.T, ways []way, operations []operation, play func(*testing.T, *stage, operation), opts ...fakeregistry.Option) {
	t.Helper()
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			over(t, ways, func(t *testing.T, s *stage) { play(t, s, op) }, opts...)
		})
	}
}

// anyWay are all transports that differ.
func anyWay() []way { return []way{memory, http1, http2} }
