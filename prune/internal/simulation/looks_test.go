package simulation

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// looks are what a process has looked at since it has last listed all tags.
type looks struct {
	listed  map[string]bool
	began   time.Time
	swept   time.Time         // when each tag in the list was looked at; zero before
	count   map[string]int    // of looks at each tag
	endedAt map[int]time.Time // of steps
}

// list records that all tags were listed.
func (l *looks) list(listed map[string]bool, began time.Time) {
	*l = looks{listed: listed, began: began, count: make(map[string]int), endedAt: l.endedAt}
	l.look("")
}

// look records a look at a tag.
func (l *looks) look(tag string) {
	l.count[tag]++
	if l.swept.IsZero() && l.listed != nil && !slices.ContainsFunc(slices.Collect(maps.Keys(l.listed)), func(tag string) bool { return l.count[tag] == 0 }) {
		l.swept = time.Now()
	}
}

// isOverdue reports whether all tags should have been looked at again: after as much time as that took,
// but no less than ten minutes, and the time for what is in flight.
func (l *looks) isOverdue(inFlight time.Duration) bool {
	return time.Since(l.swept) > max(10*time.Minute, l.swept.Sub(l.began))+inFlight
}

// isFresh reports whether a tag was looked at once more since all tags were.
func (l *looks) isFresh(tag string) bool {
	return l.count[tag] > 1 || l.count[tag] == 1 && !l.listed[tag]
}

// checkLooks checks that the client has looked at everything that it must look at before it deletes a
// manifest: at all tags, at those of the manifest right before, and at those of what the manifest is a
// part of once more since that was deleted.
func (c *client) checkLooks(dgst regret.Digest) {
	i, planned := c.plan.delete[dgst]
	if !planned {
		return
	}
	l := &c.knowledge.looks
	switch {
	case l.swept.IsZero():
		c.report("P5: %s is to be deleted before all tags were looked at", dgst)
	case c.patience > 0 && l.isOverdue(c.patience):
		c.report("P5: %s is to be deleted %v after all tags were looked at", dgst, time.Since(l.swept))
	}
	for _, tag := range c.plan.steps[i].Tags {
		if !l.isFresh(tag) {
			c.report("P5: %s is to be deleted without a look at %s right before", dgst, tag)
		}
	}
	for _, whole := range c.plan.wholesOf(dgst) {
		for _, tag := range c.plan.steps[whole].Tags {
			if ended, ok := l.endedAt[whole]; ok && c.knowledge.seen[tag].at.Before(ended) {
				c.report("P5: %s is to be deleted, which was a part of what %s pointed to, without another look at that", dgst, tag)
			}
		}
	}
}

// checkOtherTags checks that the client has looked at another tag of a manifest right before it takes a
// tag off that is to stay.
func (c *client) checkOtherTags(tag string) {
	l, seen := &c.knowledge.looks, c.knowledge.seen
	for _, step := range c.plan.steps {
		if step.Action != plan.Untag || step.Digest != seen[tag].digest || !slices.Contains(step.Untag, tag) {
			continue
		}
		isLeft := false
		for other, o := range seen {
			isLeft = isLeft || o.digest == step.Digest && !slices.Contains(step.Untag, other) && l.isFresh(other)
		}
		if !isLeft {
			c.report("P5: %s is to be taken off %s without a look at another tag that stays", tag, step.Digest)
		}
	}
}

// wholesOf returns the steps with tags after which a manifest is deleted.
func (p *planned) wholesOf(dgst regret.Digest) (wholes []int) {
	seen := make(map[int]bool)
	var visit func(dgst regret.Digest)
	visit = func(dgst regret.Digest) {
		i, ok := p.delete[dgst]
		if !ok {
			return
		}
		for _, before := range p.steps[i].After {
			if w, ok := p.delete[before]; ok && !seen[w] {
				seen[w] = true
				if len(p.steps[w].Tags) > 0 {
					wholes = append(wholes, w)
				}
				visit(before)
			}
		}
	}
	visit(dgst)
	return wholes
}

// report keeps a problem until the run has ended. The caller holds the mutex.
func (c *client) report(format string, args ...any) {
	c.knowledge.problems = append(c.knowledge.problems, fmt.Sprintf(format, args...))
}
