package apply_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestTagsFirstFindsATagElsewhere moves a tag while the tags of its image are removed one by one: to
// something that refers to the image, which Google would delete along.
func TestTagsFirstFindsATagElsewhere(t *testing.T) {
	t.Parallel()
	f := newFixture(t, fakeregistry.WithTagsFirst(), fakeregistry.WithReferrerCascade())
	f.image("kept", "latest")
	image := f.image("image", "pr-1", "pr-2")
	f.makePlan(removal)
	f.before(1, "DELETE", "pr-1", func() {
		f.referrer("sbom", image)
		f.reg.SetTag(repository, "pr-2", f.digest("sbom"))
	})
	report := f.apply()
	f.wantStatuses(report, map[string]apply.Status{"image": apply.Stale})
	if at, _ := f.reg.Tag(repository, "pr-1"); at != image || !f.has("image") || !f.has("sbom") {
		t.Errorf("the tag points to %s, or something is gone", at)
	}
}

// TestOverwritingIsExclusive counts the steps that are taken at once.
func TestOverwritingIsExclusive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, fakeregistry.WithDistribution2())
		f.options.Concurrency = 8
		f.image("kept", "latest")
		for _, name := range []string{"1", "2", "3"} {
			f.image("shared "+name, "old-"+name, "v"+name)
			f.image("image "+name, "pr-"+name)
		}
		f.makePlan(overwriting)
		w := &crowded{Client: f.client}
		if _, err := apply.Apply(t.Context(), w, f.plan, f.store, &f.options); err != nil {
			t.Fatal(err)
		}
		if most := w.most.Load(); most != 1 || w.all.Load() < 3 {
			t.Errorf("of %d writes, %d were in flight at once", w.all.Load(), most)
		}
	})
}

// A crowded client takes time for its writes, and counts them.
type crowded struct {
	*regret.Client
	all, now, most atomic.Int32
}

func (c *crowded) enter() (leave func()) {
	c.all.Add(1)
	if n := c.now.Add(1); n > c.most.Load() {
		c.most.Store(n)
	}
	time.Sleep(time.Second)
	return func() { c.now.Add(-1) }
}

func (c *crowded) DeleteManifest(ctx context.Context, repository string, dgst regret.Digest) error {
	defer c.enter()()
	return c.Client.DeleteManifest(ctx, repository, dgst)
}

func (c *crowded) UntagByOverwrite(ctx context.Context, repository, tag string) error {
	defer c.enter()()
	return c.Client.UntagByOverwrite(ctx, repository, tag)
}
