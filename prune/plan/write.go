package plan

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

// format is the value of the first member of a plan on paper: its kind and its version.
const format = "plan/1"

// maxElement bounds one member, or one element of a list, of a plan on paper in bytes. The
// largest is a manifest with many tags: it may have 500,000 of the longest ones.
const maxElement = 64 << 20

// WriteTo writes the plan as JSON. The same plan always results in the same bytes. Each
// step and each manifest that stays has a line of its own, so that a diff of two plans
// reads well. The last member, "content", is the sha256 digest of all bytes before it, so
// that [Read] notices a change.
//
// It streams: beside the plan it needs memory for one line.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	written := p.write(w)
	return written.n, written.err
}

// Digest returns the sha256 digest of exactly the bytes that [Plan.WriteTo] writes. It is
// computed anew each time.
func (p *Plan) Digest() regret.Digest {
	whole := sha256.New()
	p.write(whole)
	return digest.NewDigest(digest.SHA256, whole)
}

// write writes the plan. The writer that it returns knows the digest of the content.
func (p *Plan) write(to io.Writer) *writer {
	w := &writer{to: to, sum: sha256.New()}
	w.buffer = bufio.NewWriterSize(writerFunc(w.pass), 64<<10)
	w.text(`{"regret":`)
	w.value(format)
	for _, m := range p.members() {
		if !m.optional || !m.isEmpty() {
			w.text(",\n\"" + m.name + "\":")
			m.write(w)
		}
	}
	w.text(",\n")
	w.flush()
	w.content = digest.NewDigest(digest.SHA256, w.sum)
	w.text(`"content":`)
	w.value(w.content)
	w.text("}\n")
	w.flush()
	return w
}

// A member is a member of a plan on paper.
type member struct {
	name     string
	optional bool // left out if it is empty
	field
}

// A field is the part of a plan that a member holds.
type field interface {
	isEmpty() bool
	write(w *writer)
	read(r *reader) error
}

// members returns the members of a plan between the first and the last, in their order on
// paper.
func (p *Plan) members() []member {
	h := &p.header
	return []member{
		{"registry", false, one[string]{&h.Registry, checkRegistry}},
		{"repository", false, one[string]{&h.Repository, checkRepository}},
		{"at", false, one[time.Time]{&h.At, checkTime}},
		{"policy", false, one[jsontext.Value]{&h.Policy, nil}},
		{"inUse", true, many[InUseList]{&h.InUse, (*InUseList).check, nil}},
		{"tags", false, one[regret.Digest]{&h.Tags, checkDigest}},
		{"namesAll", false, one[bool]{&h.NamesAll, nil}},
		{"gone", true, many[regret.Digest]{&h.Gone, checkDigest, before[regret.Digest]}},
		{"missing", true, many[regret.Digest]{&h.Missing, checkDigest, before[regret.Digest]}},
		{"broken", true, many[string]{&h.Broken, nil, notAfter[string]}},
		{"rules", false, many[RuleCount]{&h.Rules, (*RuleCount).check, nil}},
		{"steps", false, many[Step]{&p.steps, (*Step).check, nil}},
		{"kept", false, many[Kept]{&p.kept, (*Kept).check, nil}},
		{"totals", false, one[Totals]{&p.totals, (*Totals).check}},
	}
}

// one is a field with one value.
type one[T any] struct {
	to    *T
	check func(*T) error // nil: every value will do
}

// many is a field with a list, of which each element has a line of its own.
type many[T any] struct {
	to      *[]T
	check   func(*T) error
	inOrder func(a, b *T) bool // of neighbours; nil: any order will do
}

func (f one[T]) isEmpty() bool { return false }

func (f one[T]) write(w *writer) { w.value(f.to) }

func (f many[T]) isEmpty() bool { return len(*f.to) == 0 }

func (f many[T]) write(w *writer) {
	if f.isEmpty() {
		w.text("[]")
		return
	}
	separator := "[\n"
	for i := range *f.to {
		if w.err != nil {
			return
		}
		w.text(separator)
		w.value(&(*f.to)[i])
		separator = ",\n"
	}
	w.text("\n]")
}

// A writer writes a plan and remembers the first error.
type writer struct {
	to      io.Writer
	n       int64     // bytes that to has taken
	sum     hash.Hash // of these
	content regret.Digest
	buffer  *bufio.Writer
	line    bytes.Buffer
	err     error
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func (w *writer) pass(b []byte) (int, error) {
	n, err := w.to.Write(b)
	w.n += int64(n)
	w.sum.Write(b)
	return n, err
}

func (w *writer) text(s string) {
	if w.err == nil {
		_, w.err = w.buffer.WriteString(s)
	}
}

// value writes one value. Names that a registry made up may not be UTF-8; what is not is
// replaced.
func (w *writer) value(v any) {
	if w.err != nil {
		return
	}
	w.line.Reset()
	if w.err = json.MarshalWrite(&w.line, v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.EscapeForHTML(false)); w.err != nil {
		return
	}
	if w.line.Len() > maxElement {
		w.err = fmt.Errorf("a line of the plan has %d bytes; the limit is %d", w.line.Len(), maxElement)
		return
	}
	_, w.err = w.buffer.Write(w.line.Bytes())
}

func (w *writer) flush() {
	if w.err == nil {
		w.err = w.buffer.Flush()
	}
}
