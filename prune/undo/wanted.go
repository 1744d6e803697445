package undo

import (
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A wanted is a manifest that the archive of a plan is to hold.
type wanted struct {
	digest    regret.Digest
	mediaType string   // as the plan says; may be empty
	tags      []string // that the plan takes away, sorted
}

// wantedOf returns the manifests that a plan deletes, and those that it takes tags off, in
// the order of its steps. The tags of the latter that stay are none of the archive's
// business.
func wantedOf(p *plan.Plan) []wanted {
	var all []wanted
	place := make(map[regret.Digest]int)
	for step := range p.Steps() {
		tags := step.Tags
		if step.Action == plan.Untag {
			tags = step.Untag
		}
		i, again := place[step.Digest]
		if !again {
			i = len(all)
			place[step.Digest] = i
			all = append(all, wanted{digest: step.Digest, mediaType: step.MediaType})
		}
		all[i].tags = append(all[i].tags, tags...)
	}
	for i := range all {
		slices.Sort(all[i].tags)
		all[i].tags = slices.Compact(all[i].tags)
	}
	return all
}
