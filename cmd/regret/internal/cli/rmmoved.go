package cli

import (
	"context"
	"fmt"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A looked is a step, one of its tags, and what that points to now; the digest is empty if the tag is
// gone or cannot be looked at.
type looked struct {
	step   plan.Step
	tag    string
	digest regret.Digest
}

// findMoved says which of the tags that were to go point to another image by now. That image stays,
// since nobody has named it, and so does the tag: this is not what was asked for, whatever else came
// of it.
func (r *removing) findMoved(ctx context.Context, tasks []*task) exit.Code {
	code := exit.Done
	for _, t := range tasks {
		tags := func(yield func(looked, error) bool) {
			for step := range t.steps() {
				for _, tag := range step.Tags {
					if step.Action == plan.Delete && !yield(looked{step: step, tag: tag}, nil) {
						return
					}
				}
			}
		}
		look := func(ctx context.Context, l looked) (looked, error) {
			if d, err := t.client.Resolve(ctx, t.header.Repository, l.tag); err == nil {
				l.digest = d.Digest
			}
			return l, nil
		}
		for l, err := range inOrder(ctx, r.app.flags.concurrency, tags, look) {
			if err == nil && l.digest != "" && l.digest != l.step.Digest {
				code = exit.Partial
				r.app.printError(r.cmd, fmt.Errorf("%s:%s points to %s by now, which stays: it was pushed after the look at %s",
					t.name(), l.tag, l.digest, l.step.Digest))
			}
		}
	}
	return code
}
