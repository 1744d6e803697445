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

// serve puts a registry with an image for two platforms, under two tags, on a
// socket that only this machine can reach. What it returns must be called.
func serve(opts ...fakeregistry.Option) (url string, stop func() error, err error) {
	registry := fakeregistry.New(opts...)
	registry.PutIndex(repository, []string{"hello on amd64", "hello on arm64"}, "v1.2", "latest")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: registry, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) // until stop, of which it tells by an error
	return "http://" + listener.Addr().String(), server.Close, nil
}

// visit tells one part of the story at a registry of its own.
func visit(ctx context.Context, p *page, part func(context.Context, *page, *regret.Client) error, opts ...fakeregistry.Option) (err error) {
	url, stop, err := serve(opts...)
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

// tell tells the whole story.
func tell(ctx context.Context, p *page) error {
	if err := visit(ctx, p, deleting); err != nil {
		return err
	}
	if err := visit(ctx, p, refused, fakeregistry.WithDeleteDisabled()); err != nil {
		return err
	}
	p.say("\nWith a registry of your own: go run ./examples/quickstart -registry URL REPOSITORY:TAG")
	return nil
}

// deleting is the story at a registry that deletes.
func deleting(ctx context.Context, p *page, c *regret.Client) error {
	p.say("A registry runs in this process, at %s. Its repository %s holds one", c.Registry(), repository)
	p.say("image for two platforms, an index, under two tags: v1.2 and latest. The requests that are sent")
	p.say("stand beneath each step.")

	p.step("Which digest does the tag stand for?", `c.ResolveDigest(ctx, "team/app", "v1.2")`)
	dgst, err := c.ResolveDigest(ctx, repository, "v1.2")
	if err != nil {
		return err
	}
	p.result("%s, the index", dgst)
	for _, next := range []func(context.Context, *page, *regret.Client, regret.Digest) error{
		checking, removing, tagless, again,
	} {
		if err := next(ctx, p, c, dgst); err != nil {
			return err
		}
	}
	return nil
}

func checking(ctx context.Context, p *page, c *regret.Client, _ regret.Digest) error {
	p.step("Would this registry delete at all?", `c.CheckDelete(ctx, "team/app")`)
	if err := c.CheckDelete(ctx, repository); err != nil {
		return err
	}
	p.result("Yes: asked to delete a digest that nobody has, it only says that it does not know it.")
	return nil
}

func removing(ctx context.Context, p *page, c *regret.Client, dgst regret.Digest) error {
	p.step("Delete it.", `c.DeleteManifest(ctx, "team/app", dgst)`)
	if err := c.DeleteManifest(ctx, repository, dgst); err != nil {
		return err
	}
	p.result("Deleted.")
	return nil
}

func tagless(ctx context.Context, p *page, c *regret.Client, _ regret.Digest) error {
	p.step("What became of the tags?", `c.Tags(ctx, "team/app")`)
	for tag, err := range c.Tags(ctx, repository) {
		if err != nil {
			return err
		}
		return fmt.Errorf("the tag %s is still there", tag)
	}
	p.result("Both are gone, for they stood for the same digest. The images of the two platforms stay, under")
	p.result("digests of their own, and the disk is as full as before until the registry collects garbage.")
	return nil
}

func again(ctx context.Context, p *page, c *regret.Client, dgst regret.Digest) error {
	p.step("Delete it once more.", `c.DeleteManifest(ctx, "team/app", dgst)`)
	err := c.DeleteManifest(ctx, repository, dgst)
	if !errors.Is(err, regret.ErrNotFound) || !errors.Is(err, regret.CodeManifestUnknown) {
		return fmt.Errorf("the second deletion should have found nothing: %w", err)
	}
	p.result("An error, which can be asked what it means and what the registry said:")
	p.result("errors.Is(err, regret.ErrNotFound)           %t", errors.Is(err, regret.ErrNotFound))
	p.result("errors.Is(err, regret.CodeManifestUnknown)   %t", errors.Is(err, regret.CodeManifestUnknown))
	return nil
}

// refused is the story at a registry that does not.
func refused(ctx context.Context, p *page, c *regret.Client) error {
	p.step("At a registry where deletion is disabled:", `c.DeleteManifest(ctx, "team/app", dgst)`)
	dgst, err := c.ResolveDigest(ctx, repository, "v1.2")
	if err != nil {
		return err
	}
	err = c.DeleteManifest(ctx, repository, dgst)
	e, ok := errors.AsType[*regret.Error](err)
	if !ok || !errors.Is(err, regret.ErrDeleteDisabled) {
		return fmt.Errorf("the deletion should have been refused as disabled: %w", err)
	}
	if _, err := c.ResolveDigest(ctx, repository, "v1.2"); err != nil {
		return err
	}
	p.result("errors.Is(err, regret.ErrDeleteDisabled)     %t", errors.Is(err, regret.ErrDeleteDisabled))
	p.result("The image is where it was. The error says what to do:")
	p.quote(e.Hint)
	return nil
}
