package plan

import (
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// wants returns whether a remove rule wants a tag of a candidate: a pattern matches the
// tag, and every condition holds for the candidate. What has no usable date, version or
// number is not wanted by a rule that asks for one.
func (d *Decision) wants(r *ranked, c int, tag graph.ID) answer {
	wanted := no
	var buffer [2]policy.Match
	for _, m := range r.AppendMatches(buffer[:0], d.snapshot.tags[tag].name) {
		all := min(d.beyond(r, c), d.notPulled(r, c))
		if all != no {
			all = min(all, d.olderThan(r, d.dateFor(c, &m)))
		}
		wanted = max(wanted, all)
	}
	return wanted
}

// olderThan answers for "older-than", and for "undated" beside it.
func (d *Decision) olderThan(r *ranked, a age) answer {
	span, ok := r.OlderThan()
	switch since := span.Before(d.at).Unix(); {
	case !ok:
		return yes
	case a.at != 0 && a.at >= since: // reading more can only make it younger
		return no
	case !a.complete:
		return maybe
	case a.at == 0 && !r.Undated():
		return no
	}
	return yes
}

// beyond answers for "beyond": the image is not among the newest N of any group.
func (d *Decision) beyond(r *ranked, c int) answer {
	if r.newest == nil {
		return yes
	}
	switch d.placeOf(r.newest, c).status {
	case placeOut:
		return yes
	case placeOpen:
		return maybe
	}
	return no
}

// notPulled answers for "not-pulled". What was never pulled counts from its upload; where
// no list says anything about pulls, nothing is wanted.
func (d *Decision) notPulled(r *ranked, c int) answer {
	span, ok := r.NotPulled()
	if !ok {
		return yes
	}
	n := &d.snapshot.nodes[d.candidates[c]]
	last := d.plausible(n.pulled)
	if last == 0 && n.flags&isNeverPulled != 0 {
		last = d.plausible(n.uploaded)
	}
	if last == 0 || last >= span.Before(d.at).Unix() {
		return no
	}
	return yes
}
