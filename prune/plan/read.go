package plan

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// Read reads a plan that [Plan.WriteTo] wrote. It accepts these bytes only, so that
// [Plan.Digest] is the digest of what was read, and verifies what the plan says: the
// policy in it is valid, what goes is exactly what can go by what the plan says of the
// repository, the steps are in order, the totals add up, and no limit of the policy
// refuses it. What it cannot verify is what the plan says that the registry said: whoever
// receives a plan compares its digest with that of the plan that was reviewed.
//
// It streams: beside the plan and its verification it needs memory for one line of at most
// 64 MiB.
//
// Errors: [*FormatError], [*VersionError], [*VerifyError], [*BrakeError], and those of r.
func Read(r io.Reader) (*Plan, error) {
	whole := sha256.New()
	in := &limitedReader{r: io.TeeReader(r, whole)}
	p, content, err := (&reader{jsontext.NewDecoder(in), in}).plan()
	if err != nil {
		return nil, err
	}
	again := sha256.New()
	switch written := p.write(again); {
	case written.err != nil:
		return nil, &FormatError{Problem: written.err.Error()}
	case written.content != content || !bytes.Equal(again.Sum(nil), whole.Sum(nil)):
		return nil, &FormatError{Path: "/content", Problem: "the plan was edited or formatted anew after it was made; make a new one"}
	}
	if err := p.verify(); err != nil {
		return nil, err
	}
	return p, nil
}

// A FormatError says why something is no plan.
type FormatError struct {
	Offset  int64  // about where, in bytes
	Path    string // a JSON pointer (RFC 6901) such as /steps/3/digest; empty for the whole
	Problem string
}

func (e *FormatError) Error() string {
	where := ""
	if e.Path != "" {
		where = " at " + redact.Printable(e.Path, redact.MaxClip)
	}
	if e.Offset > 0 {
		where += fmt.Sprintf(" (byte %d)", e.Offset)
	}
	return "malformed plan" + where + ": " + e.Problem
}

// A VersionError says that a plan has a format of another version.
type VersionError struct {
	Version   string // of the plan, such as plan/2
	Supported string // the only one that can be read
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("the format of the plan is %s; this version of regret reads %s only: use the version that made it, or make a new plan",
		redact.Printable(e.Version, redact.MaxClip), e.Supported)
}

// A reader reads a plan member by member, and lists element by element.
type reader struct {
	*jsontext.Decoder
	in *limitedReader
}

// plan reads a plan, and the digest of the content that it ends with.
func (r *reader) plan() (p *Plan, content regret.Digest, err error) {
	if err := r.version(); err != nil {
		return nil, "", err
	}
	p = new(Plan)
	members := p.members()
	name, err := r.name()
	for i := 0; i < len(members) && err == nil; i++ {
		if name == members[i].name {
			if err = members[i].read(r); err == nil {
				name, err = r.name()
			}
		} else if !members[i].optional {
			err = r.misplaced(name, members, members[i].name)
		}
	}
	if err == nil && name != "content" {
		err = r.misplaced(name, members, "content")
	}
	if err == nil {
		err = one[regret.Digest]{&content, checkDigest}.read(r)
	}
	if err == nil {
		err = r.end()
	}
	return p, content, err
}

// version reads the beginning, which says that this is a plan that can be read.
func (r *reader) version() error {
	if err := r.token('{'); err != nil {
		return err
	}
	var kind string
	switch name, err := r.name(); {
	case err != nil:
		return err
	case name != "regret":
		return r.fail("", `it does not begin with the member "regret", as a plan does`)
	}
	switch err := (one[string]{&kind, nil}).read(r); {
	case err != nil:
		return err
	case kind == format:
		return nil
	case strings.HasPrefix(kind, "plan/"):
		return &VersionError{kind, format}
	}
	return r.fail("", "it is no plan, but says it is %q", redact.Clip(kind))
}

// misplaced is the error of a member that is not the one to come.
func (r *reader) misplaced(name string, members []member, want string) error {
	switch {
	case name == "":
		return r.fail("", "the member %q is missing", want)
	case name == "content" || slices.ContainsFunc(members, func(m member) bool { return m.name == name }):
		return r.fail("", "the member %q is not where it belongs; %q is to come", name, want)
	}
	return r.fail("", "the member %q is unknown", redact.Clip(name))
}

// name reads the name of the next member; it is empty at the end of the object.
func (r *reader) name() (string, error) {
	r.allow()
	if r.PeekKind() == '}' {
		return "", nil
	}
	token, err := r.ReadToken()
	if err != nil {
		return "", r.wrap(err)
	}
	return token.String(), nil
}

// token reads a token of one kind.
func (r *reader) token(kind jsontext.Kind) error {
	r.allow()
	token, err := r.ReadToken()
	if err != nil {
		return r.wrap(err)
	}
	if token.Kind() != kind {
		return r.fail("", "there is %s where %s belongs", token.Kind(), kind)
	}
	return nil
}

// end reads the end of the object and of the file.
func (r *reader) end() error {
	if err := r.token('}'); err != nil {
		return err
	}
	switch _, err := r.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil && r.in.err != nil:
		return r.wrap(err)
	}
	return r.fail("", "there is more after the end of the plan")
}

func (f one[T]) read(r *reader) error { return readValue(r, f.to, f.check) }

func (f many[T]) read(r *reader) error {
	if err := r.token('['); err != nil {
		return err
	}
	for {
		r.allow()
		if r.PeekKind() == ']' {
			return r.token(']')
		}
		var element T
		if err := readValue(r, &element, f.check); err != nil {
			return err
		}
		if n := len(*f.to); n > 0 && f.inOrder != nil && !f.inOrder(&(*f.to)[n-1], &element) {
			return r.fail("", "the list is not sorted, or has duplicates")
		}
		*f.to = append(*f.to, element)
	}
}

// readValue reads a value and checks it.
func readValue[T any](r *reader, to *T, check func(*T) error) error {
	r.allow()
	if err := json.UnmarshalDecode(r.Decoder, to, json.RejectUnknownMembers(true)); err != nil {
		return r.wrap(err)
	}
	if check == nil {
		return nil
	}
	err := check(to)
	if malformed, ok := errors.AsType[*FormatError](err); ok {
		return r.fail(malformed.Path, "%s", malformed.Problem)
	}
	return err
}

// fail returns an error about what was read last, or a part of it.
func (r *reader) fail(part, problem string, args ...any) error {
	return &FormatError{r.InputOffset(), string(r.StackPointer()) + part, fmt.Sprintf(problem, args...)}
}

// wrap turns an error of the decoder into one of this package.
func (r *reader) wrap(err error) error {
	if errors.Is(r.in.err, errTooLarge) {
		return r.fail("", "%v", r.in.err)
	}
	if r.in.err != nil {
		return fmt.Errorf("the plan cannot be read: %w", r.in.err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.fail("", "the plan ends too early")
	}
	malformed := &FormatError{r.InputOffset(), string(r.StackPointer()), err.Error()}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		malformed = &FormatError{syntax.ByteOffset, string(syntax.JSONPointer), syntax.Err.Error()}
	} else if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		malformed = &FormatError{semantic.ByteOffset, string(semantic.JSONPointer), "a value of another type is expected"}
		if semantic.Err != nil {
			malformed.Problem = semantic.Err.Error()
		}
	}
	malformed.Problem = redact.Printable(malformed.Problem, redact.MaxClip)
	return malformed
}

// allow allows the decoder to read one more element.
func (r *reader) allow() { r.in.left = r.InputOffset() + maxElement - r.in.read }

var errTooLarge = fmt.Errorf("it is larger than %d bytes", maxElement)

// A limitedReader reads no more than it may, so that no single value fills the memory.
type limitedReader struct {
	r    io.Reader
	read int64
	left int64
	err  error // the first error other than io.EOF
}

// maxEmptyReads is how often in a row a reader may return no data and no error. jsontext
// has no such limit and would read for ever.
const maxEmptyReads = 100

func (l *limitedReader) Read(p []byte) (n int, err error) {
	if l.err == nil && l.left <= 0 {
		l.err = errTooLarge
	}
	for range maxEmptyReads {
		if l.err != nil {
			return 0, l.err
		}
		n, err = l.r.Read(p[:min(int64(len(p)), l.left)])
		l.read += int64(n)
		l.left -= int64(n)
		if err != io.EOF {
			l.err = err
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	l.err = io.ErrNoProgress
	return 0, l.err
}
