package plan

import (
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

func (d *Decision) totals(p *Plan) Totals {
	var t Totals
	t.Images, t.Removed = d.images()
	t.Kept = t.Images - t.Removed
	for _, step := range p.steps {
		if step.Action == Delete {
			t.Manifests++
			t.Tags += len(step.Tags)
		}
		t.Tags += len(step.Untag)
		t.Bytes += step.Bytes
	}
	for c, id := range d.candidates {
		if !d.snapshot.isReferrer(id) && d.isUndated(c) {
			t.Undated++
		}
	}
	for _, r := range slices.Concat(d.keeps, d.removes) {
		t.Tie = max(t.Tie, r.tie)
	}
	return t
}

// isUndated reports whether a rule asks for the date of a candidate, and it has none that
// is usable.
func (d *Decision) isUndated(c int) bool {
	if a := d.ages[c]; !a.complete || a.at != 0 {
		return false
	}
	return slices.ContainsFunc(slices.Concat(d.keeps, d.removes), func(r *ranked) bool {
		return r.AsksDate() && len(d.matched(r, c)) > 0
	})
}

// ruleCounts returns how many images each rule matches, and holds or wants.
func (d *Decision) ruleCounts() []RuleCount {
	counts := make([]RuleCount, 0, len(d.keeps)+len(d.removes))
	for _, k := range d.keeps {
		count := RuleCount{Rule: k.Name(), Keep: true}
		for c := range d.candidates {
			o := d.keep(k, c)
			if o.matched {
				count.Matched++
			}
			if o.answer == yes {
				count.Decided++
			}
		}
		counts = append(counts, count)
	}
	for _, r := range d.removes {
		count := RuleCount{Rule: r.Name()}
		for c := range d.candidates {
			if len(d.matched(r, c)) > 0 {
				count.Matched++
			}
			if slices.ContainsFunc(d.ordinaryTags(c), func(tag graph.ID) bool { return d.wants(r, c, tag) == yes }) {
				count.Decided++
			}
		}
		for _, id := range d.loose {
			if d.takesLoose(r, id) {
				count.Matched++
				count.Decided++
			}
		}
		counts = append(counts, count)
	}
	return counts
}
