package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// errNoConsent is the error of a command that deletes, was not told to do so, and cannot ask.
var errNoConsent = exit.With(exit.Usage, errors.New("there is no terminal to ask at: to go on without a question, add --yes"))

// mustAsk reports whether the command asks before it deletes. It returns an error if it would have
// to, but cannot; is that known before the first request, nothing is sent.
func (c *carrying) mustAsk() (bool, error) {
	switch {
	case c.yes:
		return false, nil
	case !c.app.streams.CanAsk():
		return false, errNoConsent
	}
	return true, nil
}

// An amount is how much goes.
type amount struct{ images, manifests, tags int }

// amountOf returns how much plans take away that were not carried out before. Images in the trash
// are images, although no rule counts them.
func amountOf(tasks []*task) (a amount) {
	for _, t := range tasks {
		if t.done {
			continue
		}
		if t.only {
			for step := range t.steps() {
				a.images++
				a.manifests++
				a.tags += len(step.Tags)
			}
			continue
		}
		a.images += t.totals.Removed
		a.manifests += t.totals.Manifests
		a.tags += t.totals.Tags
		for step := range t.plan.Steps() {
			if step.Action == plan.Delete && step.Role == plan.RoleTrash && !isNamesIndex(step.Tags) {
				a.images++
			}
		}
	}
	return a
}

// number returns the number to type, and what it counts.
func (a amount) number() (int, string) {
	switch {
	case a.images > 0:
		return a.images, "images"
	case a.manifests > 0:
		return a.manifests, "manifests"
	}
	return a.tags, "tags"
}

// String says how much goes: "49 images (61 tags)".
func (a amount) String() string {
	tags := count(a.tags, "tag")
	switch {
	case a.images > 0:
		return fmt.Sprintf("%s (%s)", count(a.images, "image"), tags)
	case a.manifests > 0:
		return fmt.Sprintf("%s (%s)", count(a.manifests, "manifest"), tags)
	}
	return tags
}

// count returns a number and its noun: "1 tag", "2,586 tags".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return terminal.Number(n) + " " + noun
}

// maxAnnounced bounds how many repositories are named before the question.
const maxAnnounced = 20

// announce says what is about to be removed, and how that is taken back. With -q it does so only
// before it asks.
func (c *carrying) announce(tasks []*task, asks bool) {
	if c.app.flags.quiet && !asks {
		return
	}
	named, left := 0, 0
	for _, t := range tasks {
		if t.done || t.folder == "" {
			continue
		}
		if named++; named > maxAnnounced {
			left++
			continue
		}
		what := amountOf([]*task{t}).String()
		verb := fmt.Sprintf("Removes %s from %s.", what, terminal.Safe(t.name()))
		if c.quarantine {
			verb = fmt.Sprintf("Puts %s of %s in the trash.", what, terminal.Safe(t.name()))
		}
		fmt.Fprintf(c.app.streams.Err, "%s  Undo: %s\n", verb, c.undoCommand(t))
		if c.showTags {
			c.printTags(t)
		}
	}
	if left > 0 {
		fmt.Fprintf(c.app.streams.Err, "And from others, %d in all.\n", named)
	}
	if named > 1 {
		fmt.Fprintf(c.app.streams.Err, "In all: %s.\n", amountOf(tasks))
	}
}

// printTags prints every tag that goes, and what goes without a tag.
func (c *carrying) printTags(t *task) {
	for step := range t.steps() {
		tags := step.Tags
		if step.Action == plan.Untag {
			tags = step.Untag
		}
		for _, tag := range tags {
			fmt.Fprintf(c.app.streams.Err, "  %s:%s\n", terminal.Safe(t.name()), terminal.Safe(tag))
		}
		if t.only && len(tags) == 0 {
			fmt.Fprintf(c.app.streams.Err, "  %s@%s\n", terminal.Safe(t.name()), step.Digest)
		}
	}
	if n := unnamed(t.plan); t.only && n > 0 {
		fmt.Fprintf(c.app.streams.Err, "  Some registries, such as Harbor, delete along with that what only it needs: %s.\n", count(n, "manifest"))
	}
}

// ask asks for the number of images of all plans together.
func (c *carrying) ask(ctx context.Context, tasks []*task) error {
	number, what := amountOf(tasks).number()
	if number == 0 {
		return nil
	}
	yes, err := c.app.streams.AskNumber(ctx, fmt.Sprintf("Type the number of %s to go on: ", what), number)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w; nothing was deleted", context.Cause(ctx))
	case err != nil:
		return exit.With(exit.Usage, fmt.Errorf("%w: nothing was deleted; to go on without a question, add --yes", err))
	case !yes:
		return exit.With(exit.Usage, fmt.Errorf("that is not the number of %s: nothing was deleted", what))
	}
	return nil
}
