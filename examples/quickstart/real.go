package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seed-8cb7cc86/regret"
)

// maxTags is how many tags are resolved to find those that share a digest.
const maxTags = 200

// A deletion is what was asked for on the command line.
type deletion struct {
	registry, repository, tag string
	user, password            string
	yes                       bool
}

// do shows what a tag stands for, asks, and deletes it.
func (d deletion) do(ctx context.Context, p *page, in io.Reader) error {
	opts := []regret.Option{regret.WithTrace(p.request)}
	if d.user != "" {
		opts = append(opts, regret.WithBasicAuth(d.user, d.password))
	}
	c, err := regret.New(d.registry, opts...)
	if err != nil {
		return err
	}
	p.origin = c.Registry()
	p.say("%s at %s", d.name(), c.Registry())
	image, err := c.Resolve(ctx, d.repository, d.tag)
	if err != nil {
		return err
	}
	p.result("digest     %s", image.Digest)
	p.result("type       %s", image.MediaType)
	d.showSharing(ctx, p, c, image.Digest)
	if !d.yes && !confirmed(p, in) {
		p.say("Nothing was deleted.")
		return nil
	}
	if err := c.DeleteManifest(ctx, d.repository, image.Digest); err != nil {
		return err
	}
	p.say("Deleted %s.", image.Digest)
	return d.showTag(ctx, p, c)
}

func (d deletion) name() string { return d.repository + ":" + d.tag }

// showSharing tells which other tags go with the digest, as far as that could
// be found out.
func (d deletion) showSharing(ctx context.Context, p *page, c *regret.Client, dgst regret.Digest) {
	p.muted = true // one request for each tag
	others, err := d.sharing(ctx, c, dgst)
	p.muted = false
	switch {
	case len(others) > 0:
		p.result("goes with  %s", strings.Join(others, " "))
	case err == nil:
		p.result("goes with  no other tag")
	}
	if err != nil {
		p.result("           perhaps with more tags: %v", err)
	}
}

// sharing finds the other tags of a digest. It may give up, with an error and
// those it has found.
func (d deletion) sharing(ctx context.Context, c *regret.Client, dgst regret.Digest) (others []string, err error) {
	var tags []string
	for tag, err := range c.Tags(ctx, d.repository) {
		if err != nil {
			return nil, err
		}
		if tag != d.tag {
			tags = append(tags, tag)
		}
		if len(tags) > maxTags {
			break
		}
	}
	for i, tag := range tags {
		if i == maxTags {
			return others, fmt.Errorf("gave up after looking at %d tags", maxTags)
		}
		image, err := c.Resolve(ctx, d.repository, tag)
		switch {
		case errors.Is(err, regret.ErrNotFound): // it went, or its manifest did
		case err != nil:
			return others, err
		case image.Digest == dgst:
			others = append(others, tag)
		}
	}
	return others, nil
}

// confirmed asks. Anything but yes is no, and so is the end of the input.
func confirmed(p *page, in io.Reader) bool {
	fmt.Fprint(p.w, "Delete it, with all of its tags? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil { // the caller's next line would continue this one
		p.say("")
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}

// showTag tells what the tag stands for now.
func (d deletion) showTag(ctx context.Context, p *page, c *regret.Client) error {
	now, err := c.ResolveDigest(ctx, d.repository, d.tag)
	switch {
	case errors.Is(err, regret.ErrNotFound):
		p.say("%s is gone. Disk space is freed when the registry collects its garbage.", d.name())
	case err != nil:
		return fmt.Errorf("deleted, but what became of %s is unknown: %w", d.name(), err)
	default:
		p.say("%s was pushed anew meanwhile: it is %s now.", d.name(), now)
	}
	return nil
}
