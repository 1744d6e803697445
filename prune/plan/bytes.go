package plan

import "github.com/seed-8cb7cc86/regret/prune/internal/graph"

// freed counts what is freed once garbage is collected: the blobs that only manifests that
// go are known to need. It is an upper bound, for manifests that stay and are not read may
// need them, too, and so may other repositories.
type freed struct {
	*Snapshot
	held []bool // by blob: needed by something that stays, or counted already
}

func (d *Decision) freedBlobs() *freed {
	f := &freed{d.snapshot, make([]bool, len(d.snapshot.blobSizes))}
	for id := range graph.ID(len(f.nodes)) {
		if !d.result.Goes(id) && f.nodes[id].flags&isMissing == 0 {
			f.take(id)
		}
	}
	return f
}

// take returns the size of the blobs of a manifest that were not taken before.
func (f *freed) take(id graph.ID) (size int64) {
	span := f.nodes[id].blobs
	for _, blob := range f.needed[span.from : span.from+span.n] {
		if !f.held[blob] {
			f.held[blob] = true
			size += f.blobSizes[blob]
		}
	}
	return size
}
