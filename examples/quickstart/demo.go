package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

const repository = "team/app"

// appRegistry returns a registry with one image index for two platforms under two tags.
func appRegistry(opts ...fakeregistry.Option) *fakeregistry.Registry {
	registry := fakeregistry.New(opts...)
	registry.PutIndex(repository, []string{"hello on amd64", "hello on arm64"}, "v1.2", "latest")
	return registry
}

// serveRegistry serves a registry on the loopback interface. The caller must call stop.
func serveRegistry(registry *fakeregistry.Registry) (url string, stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: registry, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) // always returns an error, at the latest when stop closes the server
	return "http://" + listener.Addr().String(), server.Close, nil
}

// withRegistry runs one part of the demo against a registry.
func withRegistry(ctx context.Context, p *printer, registry *fakeregistry.Registry, part func(context.Context, *printer, *regret.Client) error) (err error) {
	url, stop, err := serveRegistry(registry)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	c, err := regret.New(url, regret.WithTrace(p.request))
	if err != nil {
		return err
	}
	p.origin = c.Registry()
	return part(ctx, p, c)
}

// runDemo runs the whole demo.
func runDemo(ctx context.Context, p *printer) error {
	if err := withRegistry(ctx, p, appRegistry(), demoDeletion); err != nil {
		return err
	}
	if err := withRegistry(ctx, p, appRegistry(fakeregistry.WithDeleteDisabled()), demoDeleteDisabled); err != nil {
		return err
	}
	if err := withRegistry(ctx, p, shopRegistry(), demoShop); err != nil {
		return err
	}
	p.line("\nTo delete from a registry of yours, where the command shows the image and asks first:")
	p.line("   go run ./examples/quickstart -registry URL REPOSITORY:TAG")
	return nil
}

// demoDeletion deletes an image from a registry that allows it.
func demoDeletion(ctx context.Context, p *printer, c *regret.Client) error {
	p.line("This demo runs its own registry, at %s. The repository %s holds one", c.Registry(), repository)
	p.line("multi-platform image: an image index with an image for amd64 and one for arm64. Two tags point")
	p.line("to the index: v1.2 and latest. Each step shows a call and, below it, the requests it sends.")

	p.step("Find the digest the tag points to.", `c.ResolveDigest(ctx, "team/app", "v1.2")`)
	dgst, err := c.ResolveDigest(ctx, repository, "v1.2")
	if err != nil {
		return err
	}
	p.result("v1.2 points to %s.", dgst)
	for _, next := range []func(context.Context, *printer, *regret.Client, regret.Digest) error{
		demoCheckDelete, demoDeleteManifest, demoTags, demoDeleteAgain,
	} {
		if err := next(ctx, p, c, dgst); err != nil {
			return err
		}
	}
	return nil
}

func demoCheckDelete(ctx context.Context, p *printer, c *regret.Client, _ regret.Digest) error {
	p.step("Check that the registry allows deletion.", `c.CheckDelete(ctx, "team/app")`)
	if err := c.CheckDelete(ctx, repository); err != nil {
		return err
	}
	p.result("It does. CheckDelete asks to delete a random digest, which does not exist, and a registry that")
	p.result("allows deletion responds that it cannot find it. Nothing is deleted.")
	return nil
}

func demoDeleteManifest(ctx context.Context, p *printer, c *regret.Client, dgst regret.Digest) error {
	p.step("Delete the image by its digest.", `c.DeleteManifest(ctx, "team/app", dgst)`)
	if err := c.DeleteManifest(ctx, repository, dgst); err != nil {
		return err
	}
	p.result("Deleted.")
	return nil
}

func demoTags(ctx context.Context, p *printer, c *regret.Client, _ regret.Digest) error {
	p.step("List the tags that are left.", `c.Tags(ctx, "team/app")`)
	for tag, err := range c.Tags(ctx, repository) {
		if err != nil {
			return err
		}
		return fmt.Errorf("the tag %s is still there", tag)
	}
	p.result("None. Both tags are gone, because both pointed to the deleted digest. The images for amd64 and")
	p.result("arm64 have digests of their own and are still there. No disk space is free yet: the registry")
	p.result("frees it when it runs garbage collection.")
	return nil
}

func demoDeleteAgain(ctx context.Context, p *printer, c *regret.Client, dgst regret.Digest) error {
	p.step("Delete the same digest again.", `c.DeleteManifest(ctx, "team/app", dgst)`)
	err := c.DeleteManifest(ctx, repository, dgst)
	if !errors.Is(err, regret.ErrNotFound) || !errors.Is(err, regret.CodeManifestUnknown) {
		return fmt.Errorf("the second deletion should have failed with %q: %w", regret.ErrNotFound, err)
	}
	p.result("This time it fails. No DELETE was sent, because the client first resolves a digest that it has")
	p.result("deleted before. errors.Is tells you why it fails, and which error code the registry sent:")
	p.result("errors.Is(err, regret.ErrNotFound)           %t", errors.Is(err, regret.ErrNotFound))
	p.result("errors.Is(err, regret.CodeManifestUnknown)   %t", errors.Is(err, regret.CodeManifestUnknown))
	return nil
}

// demoDeleteDisabled tries to delete an image from a registry that does not allow it.
func demoDeleteDisabled(ctx context.Context, p *printer, c *regret.Client) error {
	p.step("Try a registry with deletion disabled.", `c.DeleteManifest(ctx, "team/app", dgst)`)
	dgst, err := resolveMuted(ctx, p, c)
	if err != nil {
		return err
	}
	err = c.DeleteManifest(ctx, repository, dgst)
	e, ok := errors.AsType[*regret.Error](err)
	if !ok || !errors.Is(err, regret.ErrDeleteDisabled) {
		return fmt.Errorf("the deletion should have failed with %q: %w", regret.ErrDeleteDisabled, err)
	}
	if _, err := resolveMuted(ctx, p, c); err != nil {
		return err
	}
	p.result("errors.Is(err, regret.ErrDeleteDisabled)     %t", errors.Is(err, regret.ErrDeleteDisabled))
	p.result("The image is still there. The error says how to fix it:")
	p.quote(e.Hint)
	return nil
}

// resolveMuted returns the digest that v1.2 points to, and does not print the request, because it
// does not belong to the call of the step.
func resolveMuted(ctx context.Context, p *printer, c *regret.Client) (regret.Digest, error) {
	p.muted = true
	defer func() { p.muted = false }()
	return c.ResolveDigest(ctx, repository, "v1.2")
}
