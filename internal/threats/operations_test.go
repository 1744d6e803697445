package threats_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// An operation is a use of the client.
type operation struct {
	name string
	run  func(ctx context.Context, c *regret.Client, s *testServer) error
}

// The operations that the cases choose from.
var (
	resolve = operation{"resolve", func(ctx context.Context, c *regret.Client, _ *testServer) error {
		_, err := c.ResolveDigest(ctx, repo, "v1")
		return err
	}}
	resolveDigest = operation{"resolve a digest", func(ctx context.Context, c *regret.Client, s *testServer) error {
		_, err := c.ResolveDigest(ctx, repo, string(s.image.Digest))
		return err
	}}
	manifest = operation{"manifest", func(ctx context.Context, c *regret.Client, _ *testServer) error {
		_, err := c.Manifest(ctx, repo, "v1")
		return err
	}}
	manifestByDigest = operation{"manifest by digest", func(ctx context.Context, c *regret.Client, s *testServer) error {
		_, err := c.Manifest(ctx, repo, string(s.image.Digest))
		return err
	}}
	tags = operation{"tags", func(ctx context.Context, c *regret.Client, _ *testServer) error {
		_, err := collect(c.Tags(ctx, repo))
		return err
	}}
	repositories = operation{"repositories", func(ctx context.Context, c *regret.Client, _ *testServer) error {
		_, err := collect(c.Repositories(ctx))
		return err
	}}
	referrers = operation{"referrers", func(ctx context.Context, c *regret.Client, s *testServer) error {
		_, err := collect(c.Referrers(ctx, repo, s.image.Digest))
		return err
	}}
	hasReferrers = operation{"has referrers", func(ctx context.Context, c *regret.Client, s *testServer) error {
		_, err := c.HasReferrers(ctx, repo, s.image.Digest)
		return err
	}}
	blob = operation{"blob", func(ctx context.Context, c *regret.Client, s *testServer) error {
		_, err := c.Blob(ctx, repo, s.blob.Digest, blobLimit)
		return err
	}}
	hasBlob = operation{"has blob", func(ctx context.Context, c *regret.Client, s *testServer) error {
		_, err := c.HasBlob(ctx, repo, s.blob.Digest)
		return err
	}}
	ping = operation{"ping", func(ctx context.Context, c *regret.Client, _ *testServer) error { return c.Ping(ctx) }}

	deleteManifest = operation{"delete", func(ctx context.Context, c *regret.Client, s *testServer) error {
		return c.DeleteManifest(ctx, repo, s.image.Digest)
	}}
	resolveAndDelete = operation{"resolve and delete", func(ctx context.Context, c *regret.Client, _ *testServer) error {
		dgst, err := c.ResolveDigest(ctx, repo, "v1")
		if err != nil {
			return err
		}
		return c.DeleteManifest(ctx, repo, dgst)
	}}
	untag = operation{"untag", func(ctx context.Context, c *regret.Client, _ *testServer) error {
		return c.Untag(ctx, repo, "v1")
	}}
	checkDelete = operation{"check delete", func(ctx context.Context, c *regret.Client, _ *testServer) error {
		return c.CheckDelete(ctx, repo)
	}}
	putBlob = operation{"put blob", func(ctx context.Context, c *regret.Client, _ *testServer) error {
		return c.PutBlob(ctx, repo, digest.FromString(pushedBlob), []byte(pushedBlob))
	}}
	bulkDelete = operation{"bulk deletion", deleteTaggedManifests}
)

const (
	storedBlob = `{"architecture":"amd64"}`
	pushedBlob = `{"architecture":"arm64"}`
	blobLimit  = 64 << 10
)

// allOperations returns the operations for cases that can affect any request.
func allOperations() []operation {
	return []operation{resolve, manifest, tags, blob, hasBlob, deleteManifest, untag, checkDelete, putBlob, bulkDelete}
}

// deleteTaggedManifests does what a clean-up job does: list the tags, resolve them and delete the
// manifests. If the list ends with an error, it deletes nothing. It returns every failure.
func deleteTaggedManifests(ctx context.Context, c *regret.Client, _ *testServer) error {
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

// collect reads a list to its end and checks that nothing follows an error.
func collect[T any](list iter.Seq2[T, error]) ([]T, error) {
	var entries []T
	var failure error
	for entry, err := range list {
		switch {
		case failure != nil:
			return entries, errors.Join(failure, errors.New("the list continues after an error"))
		case err != nil:
			failure = err
		default:
			entries = append(entries, entry)
		}
	}
	return entries, failure
}

// eachOperation runs a scenario with each of the given operations, each on its own testServer.
func eachOperation(t *testing.T, transports []transport, operations []operation, run func(*testing.T, *testServer, operation), opts ...fakeregistry.Option) {
	t.Helper()
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			onTransports(t, transports, func(t *testing.T, s *testServer) { run(t, s, op) }, opts...)
		})
	}
}

// allTransports returns the transports over which the client may behave differently.
func allTransports() []transport { return []transport{memory, http1, http2} }
