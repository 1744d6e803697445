package apply

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret"
)

// A Journal keeps what a run has done, so that another run can go on from there. An
// [*os.File] that is opened for reading and appending is one.
//
// It consists of JSON objects, one a line: first the plan, then what is about to be done,
// and what came of it. What is there is read first; a last line that was cut off is ignored.
type Journal interface {
	io.ReadWriter
	Sync() error
}

// An entry is a line of a journal.
type entry struct {
	Journal string        `json:"regret,omitempty"` // of the first line: the form
	Plan    regret.Digest `json:"plan,omitempty"`   // of the first line
	At      time.Time     `json:"at,omitzero"`
	// Quarantine says in the first line that the plan is not applied, but its images put in
	// the trash.
	Quarantine bool     `json:"quarantine,omitempty"`
	Intent     []int    `json:"intent,omitempty"` // steps that are about to be taken
	Result     *outcome `json:"result,omitempty"`
	End        *ending  `json:"end,omitempty"` // of the last line: the run is finished
}

// An outcome is a result in a journal.
type outcome struct {
	Step   int         `json:"step"`
	Status Status      `json:"status"`
	Reason string      `json:"reason,omitempty"`
	Kind   regret.Kind `json:"kind,omitempty"`
}

// An ending is what only the end of a run tells.
type ending struct {
	Started      time.Time `json:"started"`
	Ended        time.Time `json:"ended"`
	Lost         []Lost    `json:"lost,omitempty"`
	StillPresent []string  `json:"stillPresent,omitempty"`
	Survival     *Survival `json:"survival,omitempty"`
}

const journalForm = "journal/1"

// maxLine bounds the lines of a journal.
const maxLine = 16 << 20

// A history is what a journal says of earlier runs.
type history struct {
	begun      bool
	quarantine bool
	results    map[int]outcome
	intents    map[int]bool // without a result
	end        *ending
	torn       bool // the last line is cut off
}

// readJournal reads what earlier runs have done.
func readJournal(r io.Reader, plan regret.Digest, steps int) (history, error) {
	h := history{results: make(map[int]outcome), intents: make(map[int]bool)}
	lines := bufio.NewReaderSize(r, 64<<10)
	var torn error // of a line that cannot be read
	for n := 1; ; n++ {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			h.torn = len(line) > 0
			return h, torn
		}
		if err != nil {
			return h, &JournalError{n, err}
		}
		e, err := parseEntry(line)
		if torn != nil && (err != nil || e.Journal == "") {
			return h, torn
		}
		torn = nil
		switch {
		case err != nil: // the end of an earlier run, if the next line begins another
			torn = &JournalError{n, err}
		default:
			err = h.add(e, plan, steps)
		}
		if torn == nil && err != nil {
			if errors.Is(err, ErrOtherPlan) {
				return h, err
			}
			return h, &JournalError{n, err}
		}
	}
}

func parseEntry(line []byte) (e entry, err error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&e)
	return e, err
}

// readLine returns a line without its end. With io.EOF it returns what is left of a line
// that has none.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, fmt.Errorf("it is longer than %d bytes", maxLine)
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

func (h *history) add(e entry, plan regret.Digest, steps int) error {
	switch {
	case e.Journal != "":
		if e.Journal != journalForm {
			return fmt.Errorf("the form is %.40q, not %q", e.Journal, journalForm)
		}
		if e.Plan != plan {
			return fmt.Errorf("%w: %.80q", ErrOtherPlan, e.Plan)
		}
		h.begun, h.quarantine = true, e.Quarantine
	case !h.begun:
		return errors.New("it does not begin with the plan")
	case e.Result != nil:
		if e.Result.Step < 0 || e.Result.Step >= steps {
			return fmt.Errorf("the plan has no step %d", e.Result.Step)
		}
		h.results[e.Result.Step] = *e.Result
		delete(h.intents, e.Result.Step)
	case e.End != nil:
		h.end = e.End
	}
	for _, step := range e.Intent {
		if step < 0 || step >= steps {
			return fmt.Errorf("the plan has no step %d", step)
		}
		h.intents[step] = true
		h.end = nil
	}
	return nil
}

// A recorder writes a journal. Entries that are added while others are written share the
// next write and sync.
type recorder struct {
	journal Journal

	writing sync.Mutex // held while entries are written

	mu      sync.Mutex
	pending bytes.Buffer
	added   int   // how many entries there are
	durable int   // how many of them are durable
	err     error // nothing more is written after a failure
}

// begin starts a run. A line that was cut off is ended first, so that it does not spoil the
// next one.
func (r *recorder) begin(torn bool, plan regret.Digest, quarantine bool, at time.Time) error {
	if torn {
		r.pending.WriteByte('\n')
	}
	r.add(entry{Journal: journalForm, Plan: plan, Quarantine: quarantine, At: at})
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
	r.added++
}

// sync makes all entries durable that were added before.
func (r *recorder) sync() error {
	if r.journal == nil {
		return nil
	}
	r.mu.Lock()
	mine := r.added
	r.mu.Unlock()
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	lines, all, done, err := bytes.Clone(r.pending.Bytes()), r.added, r.durable >= mine, r.err
	if !done {
		r.pending.Reset()
	}
	r.mu.Unlock()
	if done || err != nil {
		return err
	}
	_, err = r.journal.Write(lines)
	if err == nil {
		err = r.journal.Sync()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.err = &JournalError{0, err}
		return r.err
	}
	r.durable = all
	return nil
}
