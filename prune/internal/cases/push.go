package cases

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret"
)

// RunsOnReal reports whether the case can be pushed to a real registry such as distribution or
// olareg, with or without a referrers API: its list has tags only, nothing is at fault, and
// referrers are found where the case says. Without any subject it does not matter where they are.
func (c *Case) RunsOnReal(hasReferrersAPI bool) bool {
	hasSubject := slices.ContainsFunc(c.Manifests, func(m Manifest) bool { return m.Subject != "" })
	switch {
	case c.Listing != ListingOCI || !c.Faults.IsZero():
		return false
	case c.Referrers == ReferrersAPI:
		return hasReferrersAPI || !hasSubject
	}
	return !hasReferrersAPI || !hasSubject
}

// Push pushes the case to a repository of a real registry, which should be empty: each manifest by
// its digest after those that it needs, then the tags. A missing manifest is pushed if another
// needs it, and deleted at the end.
func (c *Case) Push(ctx context.Context, client *regret.Client, repository string) error {
	needed := map[string]bool{}
	for i := range c.Manifests {
		for _, id := range c.contained(&c.Manifests[i]) {
			needed[id] = true
		}
	}
	pushed := map[string]bool{}
	for _, m := range c.Manifests {
		if !m.Missing || needed[m.ID] {
			if err := c.pushManifest(ctx, client, repository, m.ID, pushed); err != nil {
				return err
			}
		}
	}
	for _, m := range c.Manifests {
		for _, tag := range m.Tags {
			if m.Missing {
				continue
			}
			if err := client.PutManifest(ctx, repository, tag, &c.content[m.ID].Manifest); err != nil {
				return fmt.Errorf("tag %s of %s: %w", tag, m.ID, err)
			}
		}
	}
	for _, m := range c.Manifests {
		if m.Missing && pushed[m.ID] {
			if err := client.DeleteManifest(ctx, repository, c.Digest(m.ID)); err != nil {
				return fmt.Errorf("missing manifest %s: %w", m.ID, err)
			}
		}
	}
	return nil
}

// pushManifest pushes a manifest, unless it has been pushed, after all that it needs.
func (c *Case) pushManifest(ctx context.Context, client *regret.Client, repository, id string, pushed map[string]bool) error {
	if pushed[id] {
		return nil
	}
	pushed[id] = true
	for _, other := range c.contained(c.Manifest(id)) {
		if err := c.pushManifest(ctx, client, repository, other, pushed); err != nil {
			return err
		}
	}
	content := c.content[id]
	for _, blob := range content.blobs() {
		if err := client.PutBlob(ctx, repository, blob.Descriptor.Digest, blob.Data); err != nil {
			return fmt.Errorf("%s: %w", blob.Name, err)
		}
	}
	if err := client.PutManifest(ctx, repository, c.Digest(id).String(), &content.Manifest); err != nil {
		return fmt.Errorf("manifest %s: %w", id, err)
	}
	return nil
}

// OnRegistry returns the same case for another registry, such as "localhost:5000", by whose name
// the in-use lists call it.
func (c *Case) OnRegistry(name string) *Case {
	moved := *c
	moved.Files = maps.Clone(c.Files)
	for file, list := range moved.Files {
		list.Content = strings.ReplaceAll(list.Content, Registry+"/", name+"/")
		moved.Files[file] = list
	}
	return &moved
}
