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

// maxTags limits how many tags are resolved to find those that point to the same digest: each costs
// a request.
const maxTags = 200

// A deletion holds the arguments of the command line.
type deletion struct {
	registry, repository, tag string
	user, password            string
	yes                       bool
}

// run shows the image that the tag points to, asks, and deletes it.
func (d deletion) run(ctx context.Context, p *printer, in io.Reader) error {
	opts := []regret.Option{regret.WithTrace(p.request)}
	if d.user != "" {
		opts = append(opts, regret.WithBasicAuth(d.user, d.password))
	}
	c, err := regret.New(d.registry, opts...)
	if err != nil {
		return err
	}
	p.origin = c.Registry()
	p.line("%s at %s", d.name(), c.Registry())
	image, err := c.Resolve(ctx, d.repository, d.tag)
	if err != nil {
		return err
	}
	p.result("digest      %s", image.Digest)
	p.result("media type  %s", image.MediaType)
	d.showOtherTags(ctx, p, c, image.Digest)
	if !d.yes && !confirmed(p, in) {
		p.line("Nothing was deleted.")
		return nil
	}
	if err := c.DeleteManifest(ctx, d.repository, image.Digest); err != nil {
		return err
	}
	p.line("Deleted %s.", image.Digest)
	return d.showTag(ctx, p, c)
}

func (d deletion) name() string { return d.repository + ":" + d.tag }

// showOtherTags prints the other tags that a deletion of dgst removes, as far as it can find them.
func (d deletion) showOtherTags(ctx context.Context, p *printer, c *regret.Client, dgst regret.Digest) {
	p.muted = true // one request for each tag
	others, err := d.otherTags(ctx, c, dgst)
	p.muted = false
	switch {
	case len(others) > 0:
		p.result("other tags  %s", strings.Join(others, " "))
	case err == nil:
		p.result("other tags  none")
	}
	if err != nil {
		p.result("            there may be more tags: %v", err)
	}
}

// otherTags returns the other tags that point to dgst. On an error it also returns the tags found so
// far.
func (d deletion) otherTags(ctx context.Context, c *regret.Client, dgst regret.Digest) (others []string, err error) {
	var tags []string
	var invalid error // the list is complete except for entries that are not valid tags
	for tag, err := range c.Tags(ctx, d.repository) {
		if errors.Is(err, regret.ErrInvalidEntries) {
			invalid = err
			break
		}
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
			return others, fmt.Errorf("stopped after checking %d tags", maxTags)
		}
		image, err := c.Resolve(ctx, d.repository, tag)
		switch {
		case errors.Is(err, regret.ErrNotFound): // deleted meanwhile, or a tag without a manifest
		case err != nil:
			return others, err
		case image.Digest == dgst:
			others = append(others, tag)
		}
	}
	return others, invalid
}

// confirmed asks whether to delete. Only y and yes confirm; the end of the input does not.
func confirmed(p *printer, in io.Reader) bool {
	fmt.Fprint(p.w, "Delete this image and all of its tags? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil { // the user did not press Enter: end the line of the prompt
		p.line("")
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}

// showTag prints what became of the tag.
func (d deletion) showTag(ctx context.Context, p *printer, c *regret.Client) error {
	now, err := c.ResolveDigest(ctx, d.repository, d.tag)
	switch {
	case errors.Is(err, regret.ErrNotFound):
		p.line("%s is gone. The registry frees the disk space when it runs garbage collection.", d.name())
	case err != nil:
		return fmt.Errorf("the image is deleted, but %s could not be checked: %w", d.name(), err)
	default:
		p.line("%s was pushed again in the meantime and now points to %s.", d.name(), now)
	}
	return nil
}
