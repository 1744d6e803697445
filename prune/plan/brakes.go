package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// ErrUndecided is the error of a plan that is asked for before everything is read.
var ErrUndecided = errors.New("the decision does not hold yet: something is still to be read")

// A Brake is a limit of the policy that refuses a plan.
type Brake struct {
	Limit   string   // such as "max-percent"
	Allowed int      // what the policy says
	Needed  int      // the number to write into the policy to allow this plan
	Names   []string // of "broken": the tags, or entries of the list
}

func (b Brake) String() string {
	switch b.Limit {
	case "min-left":
		return fmt.Sprintf("only %d images would be left; to allow that, set limits.min-left to %d", b.Needed, b.Needed)
	case "max-percent":
		return fmt.Sprintf("%d %% of the images would go, not at most %d %%; to allow that, set limits.max-percent to %d", b.Needed, b.Allowed, b.Needed)
	case "max-images":
		return fmt.Sprintf("rules select %d manifests that would go, not at most %d; to allow that, set limits.max-images to %d", b.Needed, b.Allowed, b.Needed)
	}
	const shown = 10
	names := b.Names[:min(len(b.Names), shown)]
	return fmt.Sprintf("tags that lead to nothing may hide what is needed: %q, %d in all; push them again or untag them, or set limits.broken to %d", names, b.Needed, b.Needed)
}

// A BrakeError says which limits of the policy refuse a plan, and what to write into the
// policy to allow it. Raise a limit only after looking at the plan.
type BrakeError struct {
	Repository string
	Brakes     []Brake
	Plan       *Plan // to look at
}

func (e *BrakeError) Error() string {
	texts := make([]string, len(e.Brakes))
	for i, b := range e.Brakes {
		texts[i] = b.String()
	}
	return e.Repository + ": the plan is refused: " + strings.Join(texts, "; ")
}

// brakes returns an error if limits of the policy refuse what goes.
func (d *Decision) brakes() *BrakeError {
	limits := d.policy.Limits()
	e := &BrakeError{Repository: d.snapshot.repository}
	images, gone := d.images()
	if gone > 0 {
		if left := images - gone; left < limits.MinLeft {
			e.Brakes = append(e.Brakes, Brake{Limit: "min-left", Allowed: limits.MinLeft, Needed: left})
		}
		if gone*100 > limits.MaxPercent*images {
			e.Brakes = append(e.Brakes, Brake{Limit: "max-percent", Allowed: limits.MaxPercent, Needed: (gone*100 + images - 1) / images})
		}
	}
	if selected := d.selectedGone(); selected > limits.MaxImages {
		e.Brakes = append(e.Brakes, Brake{Limit: "max-images", Allowed: limits.MaxImages, Needed: selected})
	}
	if broken := d.snapshot.broken(); len(broken) > limits.Broken {
		e.Brakes = append(e.Brakes, Brake{Limit: "broken", Allowed: limits.Broken, Needed: len(broken), Names: broken})
	}
	if len(e.Brakes) == 0 {
		return nil
	}
	return e
}

// images counts the images, and those that go.
func (d *Decision) images() (all, gone int) {
	for _, id := range d.candidates {
		if d.snapshot.isReferrer(id) {
			continue
		}
		all++
		if d.result.Goes(id) {
			gone++
		}
	}
	return all, gone
}

// selectedGone counts what rules select and what goes, images or not.
func (d *Decision) selectedGone() (n int) {
	for id, f := range d.graph.Flags {
		if f&graph.Selected != 0 && d.result.Goes(graph.ID(id)) {
			n++
		}
	}
	return n
}
