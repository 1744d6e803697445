package plan

import (
	"time"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// An AgeSource says where the date of an image is from.
type AgeSource string

// Where dates are from.
const (
	AgeUnknown        AgeSource = ""           // there is no usable date, or none was needed
	AgeFromUpload     AgeSource = "uploaded"   // a list of the registry says when it was uploaded
	AgeFromAnnotation AgeSource = "annotation" // org.opencontainers.image.created
	AgeFromConfig     AgeSource = "config"     // created in the configuration
)

// An age is what is known of the date of an image.
type age struct {
	at     int64 // seconds since 1970; 0 is unknown. If not complete, the date is no earlier
	source AgeSource
	// complete says that reading more does not change it. A complete age without a date
	// is unknown for good, and unknown is never old.
	complete bool
}

// earliest is the day of Docker's first public version. Reproducible builds set dates of
// 1970 or 1980, which say nothing about the age of an image.
var earliest = time.Date(2013, 3, 20, 0, 0, 0, 0, time.UTC).Unix()

// clockSkew is how far in the future a date may lie.
const clockSkew = int64(24 * time.Hour / time.Second)

// plausible returns a date, or 0 if it cannot be one.
func (d *Decision) plausible(at int64) int64 {
	if at < earliest || at > d.now+clockSkew {
		return 0
	}
	return at
}

func (d *Decision) findAges() {
	d.ages = make([]age, len(d.candidates))
	for c, id := range d.candidates {
		root := d.snapshot.root(id)
		if root == none {
			d.ages[c] = age{complete: true}
			continue
		}
		d.ages[c] = d.ageOf(root)
	}
}

// ageOf returns the date of a manifest: when it was uploaded if a list says so; otherwise
// the newest of its annotation and its configuration, of an index the newest of its
// annotation and the dates of everything in it that can run.
func (d *Decision) ageOf(id graph.ID) age {
	if at := d.plausible(d.snapshot.nodes[id].uploaded); at != 0 {
		return age{at, AgeFromUpload, true}
	}
	a := age{complete: true}
	d.visitDated(id, func(id graph.ID) {
		n := &d.snapshot.nodes[id]
		a.add(d.plausible(n.annotated), AgeFromAnnotation)
		if n.flags&isDated != 0 {
			created, known := d.snapshot.configs[n.config]
			a.add(d.plausible(created), AgeFromConfig)
			a.complete = a.complete && known
		}
		a.complete = a.complete && n.flags&isRead != 0
	})
	return a
}

// visitDated calls visit for a manifest and everything in it that can run, once each. What is
// an attestation each index says for itself, so that none can take away the date of another.
func (d *Decision) visitDated(id graph.ID, visit func(graph.ID)) {
	nodes := d.snapshot.nodes
	visit(id)
	var seen map[graph.ID]bool // only for what is nested
	var enter func(id graph.ID)
	enter = func(id graph.ID) {
		for i, child := range d.snapshot.lists(id) {
			attests := d.snapshot.attests[int(nodes[id].lists.from)+i]
			if attests || nodes[child].flags&isMissing != 0 || seen[child] {
				continue
			}
			visit(child)
			if nodes[child].lists.n == 0 {
				continue
			}
			if seen == nil {
				seen = make(map[graph.ID]bool)
			}
			seen[child] = true
			enter(child)
		}
	}
	enter(id)
}

// add takes the newer date. The annotation counts where both are equal.
func (a *age) add(at int64, source AgeSource) {
	if at > a.at || at == a.at && at != 0 && source < a.source {
		a.at, a.source = at, source
	}
}
