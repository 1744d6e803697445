package apply

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/seed-8cb7cc86/regret"
)

// A recorder writes a journal. Entries that are added while others are written share the
// next write and sync. Without a journal it does nothing.
type recorder struct {
	journal Journal

	writing sync.Mutex // held while entries are written

	mu      sync.Mutex
	pending bytes.Buffer
	err     error // nothing more is written after a failure
}

// begin starts a run. A line that was cut off is ended first, so that it does not spoil the
// next one.
func (r *recorder) begin(unended bool, first entry) error {
	if unended {
		r.pending.WriteByte('\n')
	}
	r.add(first)
	return r.sync()
}

// add records an entry, which becomes durable with the next sync.
func (r *recorder) add(e entry) {
	if r.journal == nil {
		return
	}
	line, err := json.Marshal(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && r.err == nil {
		r.err = &JournalError{0, err}
	}
	r.pending.Write(line)
	r.pending.WriteByte('\n')
}

// maxTags is how many tags one line has at most.
const maxTags = 1000

// addTags records what tags point to by now, and which are gone.
func (r *recorder) addTags(changed map[string]regret.Digest, gone []string) {
	for names := range slices.Chunk(slices.Sorted(maps.Keys(changed)), maxTags) {
		tags := make(map[string]regret.Digest, len(names))
		for _, name := range names {
			tags[name] = changed[name]
		}
		r.add(entry{Tags: tags})
	}
	slices.Sort(gone)
	for names := range slices.Chunk(gone, maxTags) {
		r.add(entry{Gone: names})
	}
}

// addEnd records what a run found at its end.
func (r *recorder) addEnd(report *Report) {
	end := &ending{Started: report.Started, Ended: report.Ended}
	for i := range report.Lost {
		r.add(entry{Lost: &report.Lost[i]})
	}
	for i := range report.StillPresent {
		r.add(entry{Remnant: &report.StillPresent[i]})
	}
	if report.Survival != nil {
		for i := range report.Survival.Missing {
			r.add(entry{Damage: &report.Survival.Missing[i]})
		}
		counts := *report.Survival
		counts.Missing = nil
		end.Survival = &counts
	}
	r.add(entry{End: end})
}

// isDurable reports whether there is nothing to sync.
func (r *recorder) isDurable() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pending.Len() == 0
}

// sync makes all entries durable that were added before.
func (r *recorder) sync() error {
	if r.journal == nil {
		return nil
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	lines, err := bytes.Clone(r.pending.Bytes()), r.err
	r.pending.Reset()
	r.mu.Unlock()
	if err != nil || len(lines) == 0 {
		return err
	}
	n, err := r.journal.Write(lines)
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = r.journal.Sync()
	}
	if err == nil {
		return nil
	}
	err = &JournalError{0, err}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	return err
}
