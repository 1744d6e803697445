package apply

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
)

// A Journal keeps what a run has done, so that another run can go on from there. An
// [*os.File] that is opened for reading and appending is one.
//
// It consists of JSON objects, one a line: first the plan, then what is about to be done,
// what came of it, and at the end of a run that got to its end what that found. What is there
// is read first. A last line that was cut off is ignored.
type Journal interface {
	io.ReadWriter
	// Sync returns once everything that was written survives a loss of power.
	Sync() error
}

const journalForm = "journal/1"

// An entry is a line of a journal. The first line has the form and the plan; each of the
// others has one of the further fields.
type entry struct {
	Journal    string        `json:"regret,omitempty"`
	Plan       regret.Digest `json:"plan,omitempty"`
	Quarantine bool          `json:"quarantine,omitempty"` // the images are not deleted, but put in the trash
	At         time.Time     `json:"at,omitzero"`

	Tags   map[string]regret.Digest `json:"tags,omitempty"`   // what tags point to by now
	Gone   []string                 `json:"gone,omitempty"`   // tags that are not there any more
	Intent []int                    `json:"intent,omitempty"` // steps that are about to be taken
	Result *outcome                 `json:"result,omitempty"`
	// TagsFirst says that from here on tags are removed before their manifest.
	TagsFirst bool `json:"tagsFirst,omitempty"`

	Lost    *Lost    `json:"lost,omitempty"`
	Remnant *Remnant `json:"stillPresent,omitempty"`
	Damage  *Damage  `json:"damage,omitempty"`
	End     *ending  `json:"end,omitempty"` // the run is finished
}

// An outcome is a result in a journal.
type outcome struct {
	Step   int         `json:"step"`
	Status Status      `json:"status"`
	Reason string      `json:"reason,omitempty"`
	Kind   regret.Kind `json:"kind,omitempty"`
}

// An ending is what the last line of a finished run says.
type ending struct {
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended"`
	Survival *Survival `json:"survival,omitempty"` // without what is missing
}

// A history is what a journal says of earlier runs.
type history struct {
	begun      bool
	first      time.Time // when the first run began
	runs       int
	quarantine bool
	tagsFirst  bool
	tags       map[string]regret.Digest // what tags pointed to when they were last looked at; empty if they were gone
	results    map[int]outcome
	intents    map[int]bool // without a result

	lost     []Lost
	remnants []Remnant
	damages  []Damage
	end      *ending
	unended  bool // the last line has no end
}

// isDirty reports whether earlier runs may have changed something.
func (h *history) isDirty() bool { return len(h.results)+len(h.intents) > 0 }

// mayHaveTaken reports whether an earlier run may have taken a step without being able to
// say so.
func (h *history) mayHaveTaken(step int) bool {
	return h.intents[step] || h.results[step].Status == Unknown
}

// hasFailed reports whether another try of a step may succeed.
func (h *history) hasFailed() bool {
	for _, o := range h.results {
		if o.Status == Failed {
			return true
		}
	}
	return false
}

// hasTried reports whether an earlier run may have begun a step.
func (h *history) hasTried(step int) bool {
	_, ended := h.results[step]
	return ended || h.intents[step]
}

// maxLine bounds the lines of a journal.
const maxLine = 16 << 20

// A journalReader reads what earlier runs have done.
type journalReader struct {
	history
	plan  regret.Digest // empty: that of the first line
	steps int           // -1: not known

	torn     error // of a line that cannot be read; nil once another run has begun
	tornLine int
}

// readJournal reads the journal of a plan with so many steps.
//
// Errors: [ErrOtherPlan], [*JournalError].
func readJournal(r io.Reader, plan regret.Digest, steps int) (history, error) {
	j := newJournalReader(plan, steps)
	number, err := j.read(bufio.NewReaderSize(r, 64<<10))
	if err == nil || errors.Is(err, ErrOtherPlan) {
		return j.history, err
	}
	return history{}, &JournalError{number, err}
}

func newJournalReader(plan regret.Digest, steps int) *journalReader {
	return &journalReader{plan: plan, steps: steps, history: history{
		tags: make(map[string]regret.Digest), results: make(map[int]outcome), intents: make(map[int]bool),
	}}
}

// read reads all lines. It returns the number of the one that fails.
func (j *journalReader) read(r *bufio.Reader) (number int, err error) {
	for number := 1; ; number++ {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) {
			j.unended = len(line) > 0
			if j.unended && !j.begun && !j.isHeader(line) {
				return number, errors.New("it is no journal")
			}
			return 0, nil
		}
		if err != nil {
			return number, err
		}
		if err := j.line(number, line); err != nil {
			if j.torn != nil {
				number = j.tornLine
			}
			return number, err
		}
	}
}

// line reads a line. Lines that cannot be read were cut off when a run ended, if what comes
// next is the beginning of another run, or nothing.
func (j *journalReader) line(number int, line []byte) error {
	e, err := parseEntry(line)
	switch {
	case err == nil && (j.torn == nil || e.Journal != ""):
		j.torn = nil
		return j.add(e)
	case err == nil:
		return j.torn
	case j.torn != nil:
		return nil
	case !j.begun && !j.isHeader(line):
		return err
	}
	j.torn, j.tornLine = err, number
	return nil
}

// isHeader reports whether a line is the first one of a journal of this plan, or its
// beginning.
func (j *journalReader) isHeader(line []byte) bool {
	begin := fmt.Sprintf(`{"regret":%q,"plan":"`, journalForm)
	if j.plan != "" {
		begin += string(j.plan) + `",`
	}
	return strings.HasPrefix(begin, string(line[:min(len(line), len(begin))]))
}

func parseEntry(line []byte) (e entry, err error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return e, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return e, errors.New("there is more than one value")
	}
	return e, nil
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

// add takes over what a line says.
func (j *journalReader) add(e entry) error {
	switch {
	case e.Journal != "":
		return j.addHeader(e)
	case !j.begun:
		return errors.New("it does not begin with the plan")
	case e.Result != nil:
		if err := j.checkStep(e.Result.Step); err != nil {
			return err
		}
		if !slices.Contains(statuses[:], e.Result.Status) {
			return fmt.Errorf("step %d has the status %.40q", e.Result.Step, e.Result.Status)
		}
		j.results[e.Result.Step] = *e.Result
		delete(j.intents, e.Result.Step)
	case e.Lost != nil:
		j.lost = append(j.lost, *e.Lost)
	case e.Remnant != nil:
		j.remnants = append(j.remnants, *e.Remnant)
	case e.Damage != nil:
		j.damages = append(j.damages, *e.Damage)
	case e.End != nil:
		j.end = e.End
	}
	j.tagsFirst = j.tagsFirst || e.TagsFirst
	for tag, dgst := range e.Tags {
		if err := dgst.Validate(); err != nil {
			return fmt.Errorf("the tag %.140q points to %.140q: %w", tag, dgst, err)
		}
		j.tags[tag] = dgst
	}
	for _, tag := range e.Gone {
		j.tags[tag] = ""
	}
	for _, step := range e.Intent {
		if err := j.checkStep(step); err != nil {
			return err
		}
		j.intents[step] = true
	}
	return nil
}

// addHeader takes over the beginning of a run.
func (j *journalReader) addHeader(e entry) error {
	switch {
	case e.Journal != journalForm:
		return fmt.Errorf("the form is %.40q, not %q", e.Journal, journalForm)
	case j.plan == "" && e.Plan.Validate() != nil:
		return fmt.Errorf("it is the journal of the plan %.80q, which is no digest", e.Plan)
	case j.plan != "" && e.Plan != j.plan:
		return fmt.Errorf("%w: that of %.80q, not of %s", ErrOtherPlan, e.Plan, j.plan)
	case j.begun && e.Quarantine != j.quarantine:
		return errors.New("a run that puts images in the trash and one that deletes them share it")
	}
	if !j.begun {
		j.plan, j.first = e.Plan, e.At
	}
	j.begun, j.quarantine = true, e.Quarantine
	j.runs++
	j.lost, j.remnants, j.damages, j.end = nil, nil, nil, nil // what an earlier run found is looked for again
	return nil
}

func (j *journalReader) checkStep(step int) error {
	if step < 0 || j.steps >= 0 && step >= j.steps {
		return fmt.Errorf("the plan has no step %d", step)
	}
	return nil
}
