package simulation

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// knowledge is what a process has been told about tags by the registry, and which of its steps have
// ended.
type knowledge struct {
	mu       sync.Mutex
	exact    bool                   // one step is taken at a time
	seen     map[string]observation // by tag, the latest
	inFlight int                    // looks and reads
	quiet    time.Time              // when there were none of these last
	ended    map[int]apply.Status   // of steps
	deleting map[regret.Digest]deletion
	untagged map[string]regret.Digest // tags that a call of the client is to remove, and from what
	looks    looks
	problems []string
}

// begin and end count what is in flight.
func (k *knowledge) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.inFlight++
}

// end records that something is not in flight any more. The caller holds the mutex.
func (k *knowledge) end() {
	if k.inFlight--; k.inFlight == 0 {
		k.quiet = time.Now()
	}
}

// A deletion is what the client knows when it begins to delete a manifest.
type deletion struct {
	tags  map[string]regret.Digest // what they point to
	ended map[int]apply.Status     // of steps
}

// An observation is what a tag pointed to, and when the client was told.
type observation struct {
	digest regret.Digest // empty if the tag was gone
	at     time.Time
}

func newKnowledge(exact bool) *knowledge {
	return &knowledge{
		exact: exact, seen: make(map[string]observation), ended: make(map[int]apply.Status),
		deleting: make(map[regret.Digest]deletion), untagged: make(map[string]regret.Digest),
		looks: looks{count: make(map[string]int), endedAt: make(map[int]time.Time)},
	}
}

func (k *knowledge) observe(tag string, dgst regret.Digest, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.end()
	if err != nil && !errors.Is(err, regret.ErrNotFound) {
		return
	}
	k.seen[tag] = observation{dgst, time.Now()}
	k.looks.look(tag)
}

// result records how a step ended.
func (k *knowledge) result(r apply.Result) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended[r.Step] = r.Status
	k.looks.endedAt[r.Step] = time.Now()
}

// tags returns what the client must know of tags when it begins to delete a manifest: everything
// that it was told before. If it takes several steps at once, it has looked at the tags in own for
// this one. Of other tags it counts what was told before a moment at which nothing was in flight: what
// another step is just being told may come too late.
//
// The caller holds the mutex.
func (k *knowledge) tags(own []string) map[string]regret.Digest {
	now := time.Now()
	known := make(map[string]regret.Digest)
	for tag, o := range k.seen {
		isSettled := !o.at.After(k.quiet) && k.quiet.Before(now)
		if o.digest != "" && (k.exact || slices.Contains(own, tag) || isSettled) {
			known[tag] = o.digest
		}
	}
	return known
}

// A client is a client under test. It records what the registry tells it and what it is about to do.
type client struct {
	*regret.Client
	knowledge *knowledge
	plan      *planned
	patience  time.Duration // how long a step may take, if that is known
}

func (c *client) List(ctx context.Context, repository string) iter.Seq2[regret.ListEntry, error] {
	return func(yield func(regret.ListEntry, error) bool) {
		listed, began := make(map[string]bool), time.Now()
		for e, err := range c.Client.List(ctx, repository) {
			if err != nil && !errors.Is(err, regret.ErrInvalidEntries) {
				yield(e, err)
				return
			}
			for _, tag := range e.Tags {
				listed[tag] = true
			}
			if !yield(e, err) && err == nil {
				return
			}
			if err != nil {
				break // the list is complete, and has entries that are no tags
			}
		}
		c.knowledge.mu.Lock()
		defer c.knowledge.mu.Unlock()
		c.knowledge.looks.list(listed, began)
		for tag := range c.knowledge.seen {
			if !listed[tag] {
				c.knowledge.seen[tag] = observation{at: time.Now()}
			}
		}
	}
}

func (c *client) Resolve(ctx context.Context, repository, reference string) (regret.Descriptor, error) {
	c.knowledge.begin()
	d, err := c.Client.Resolve(ctx, repository, reference)
	c.knowledge.observe(reference, d.Digest, err)
	return d, err
}

func (c *client) Manifest(ctx context.Context, repository, reference string) (*regret.Manifest, error) {
	c.knowledge.begin()
	m, err := c.Client.Manifest(ctx, repository, reference)
	c.knowledge.mu.Lock()
	defer c.knowledge.mu.Unlock()
	c.knowledge.end()
	return m, err
}

func (c *client) DeleteManifest(ctx context.Context, repository string, dgst regret.Digest) error {
	c.knowledge.mu.Lock()
	c.checkLooks(dgst)
	c.knowledge.deleting[dgst] = deletion{c.knowledge.tags(c.plan.looksOf(dgst)), maps.Clone(c.knowledge.ended)}
	c.knowledge.mu.Unlock()
	return c.Client.DeleteManifest(ctx, repository, dgst)
}

func (c *client) Untag(ctx context.Context, repository, tag string) error {
	defer c.untagging(tag)()
	return c.Client.Untag(ctx, repository, tag)
}

func (c *client) UntagByOverwrite(ctx context.Context, repository, tag string) error {
	defer c.untagging(tag)()
	return c.Client.UntagByOverwrite(ctx, repository, tag)
}

// untagging records that a tag is being removed from what it pointed to at the last look.
func (c *client) untagging(tag string) (done func()) {
	c.knowledge.mu.Lock()
	defer c.knowledge.mu.Unlock()
	c.checkOtherTags(tag)
	c.knowledge.untagged[tag] = c.knowledge.seen[tag].digest
	return func() {
		c.knowledge.mu.Lock()
		defer c.knowledge.mu.Unlock()
		delete(c.knowledge.untagged, tag)
	}
}

// A planned is a plan in the form in which the test asks for it.
type planned struct {
	*plan.Plan
	steps     []plan.Step
	delete    map[regret.Digest]int // steps
	manifests map[regret.Digest]*plan.Manifest
}

func newPlanned(p *plan.Plan) *planned {
	all := &planned{Plan: p, delete: make(map[regret.Digest]int), manifests: make(map[regret.Digest]*plan.Manifest)}
	for step := range p.Steps() {
		if step.Action == plan.Delete {
			all.delete[step.Digest] = len(all.steps)
		}
		all.steps = append(all.steps, step)
		all.manifests[step.Digest] = &step.Manifest
	}
	for kept := range p.Kept() {
		all.manifests[kept.Digest] = &kept.Manifest
	}
	return all
}

// looksOf returns the tags at which a client must look before it deletes a manifest: its own, and
// those of what the manifest is a part of.
func (p *planned) looksOf(dgst regret.Digest) []string {
	i, ok := p.delete[dgst]
	if !ok {
		return nil
	}
	tags := slices.Clone(p.steps[i].Tags)
	for _, whole := range p.wholesOf(dgst) {
		tags = append(tags, p.steps[whole].Tags...)
	}
	return tags
}
