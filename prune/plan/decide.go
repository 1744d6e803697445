package plan

import (
	"time"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A Decision is what a policy decides about a snapshot at an instant.
type Decision struct {
	policy   *policy.Policy
	snapshot *Snapshot
	at       time.Time
	now      int64 // at, in seconds since 1970

	*layout
	ages     []age           // of candidates; of a referrer that of its subject
	inUse    usage           // what the in-use lists hold
	refs     map[string]bool // the references that rules name; nil: none
	keeps    []*ranked       // by rule
	removes  []*ranked
	held     []answer   // by candidate: by any keep rule
	wanted   []answer   // by tag: by any remove rule
	loose    []graph.ID // selected although they are no images
	selected []bool     // by candidate
	result   *graph.Result
	missing  []Question
}

// An answer is what a rule says. Before all dates are read it may be maybe.
type answer uint8

const (
	no answer = iota
	maybe
	yes
)

// Decide applies a policy to a snapshot. It reads no clock: at is the time of the
// decision, in whole seconds. If [Decision.Missing] has questions, the decision does not
// hold yet.
//
// Errors: [*policy.Error] if the policy is not for this repository, [*policy.InUseError],
// [*LimitError].
func Decide(p *policy.Policy, s *Snapshot, at time.Time) (*Decision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at = at.Truncate(time.Second)
	if err := p.CheckRepository(s.repository); err != nil {
		return nil, err
	}
	d := &Decision{policy: p, snapshot: s, at: at, now: at.Unix()}
	var err error
	if d.inUse, err = d.usage(); err != nil {
		return nil, err
	}
	d.layout, d.refs = s.layout(), namesOf(p)
	if err := d.checkLimits(); err != nil {
		return nil, err
	}
	d.findAges()
	d.judge()
	d.selectImages()
	d.selectLoose()
	d.flags()
	d.result = d.graph.Solve()
	d.ask()
	return d, nil
}

// judge asks each rule about each candidate.
func (d *Decision) judge() {
	d.held = make([]answer, len(d.candidates))
	d.wanted = make([]answer, len(d.snapshot.tags))
	for _, rule := range d.policy.Keep() {
		k := d.rank(rule)
		d.keeps = append(d.keeps, k)
		k.holds = make([]answer, len(d.candidates))
		for c := range d.candidates {
			k.holds[c] = d.keep(k, c).answer
			d.held[c] = max(d.held[c], k.holds[c])
		}
	}
	for _, rule := range d.policy.Remove() {
		r := d.rank(rule)
		d.removes = append(d.removes, r)
		for c := range d.candidates {
			for _, tag := range d.ordinaryTags(c) {
				d.wanted[tag] = max(d.wanted[tag], d.wants(r, c, tag))
			}
		}
	}
}

// selectImages selects the candidates of which every ordinary tag is wanted and that no
// keep rule holds.
func (d *Decision) selectImages() {
	d.selected = make([]bool, len(d.candidates))
	for c := range d.candidates {
		d.selected[c] = d.held[c] == no && d.wantedAll(c) == yes
	}
}

// wantedAll returns whether rules want every ordinary tag of a candidate.
func (d *Decision) wantedAll(c int) answer {
	all := yes
	for _, tag := range d.ordinaryTags(c) {
		all = min(all, d.wanted[tag])
	}
	return all
}

// flags tells the graph what is selected and which tags stay.
func (d *Decision) flags() {
	for c, id := range d.candidates {
		d.graph.Flags[id] |= graph.Ordinary
		if d.selected[c] {
			d.graph.Flags[id] |= graph.Selected
		}
	}
	for _, id := range d.loose {
		d.graph.Flags[id] |= graph.Selected
	}
	for id := range d.snapshot.nodes {
		if d.snapshot.nodes[id].flags&isMissing != 0 {
			d.graph.Flags[id] |= graph.Missing
		}
		if d.inUse.holds(graph.ID(id)) {
			d.graph.Flags[id] |= graph.InUse
		}
		if d.isExplicit(graph.ID(id)) {
			d.graph.Flags[id] |= graph.Explicit
		}
	}
	for tag := range d.snapshot.tags {
		if id := d.snapshot.tags[tag].id; id != none && d.isPinned(tag) {
			d.graph.Flags[id] |= graph.Pinned
		}
	}
}
