package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Parse reads a policy from JSON. The form is that of [Document], in which one
// pattern may stand in place of a list, as may one value of "per". A pattern is a
// string (a glob) or an object with the keys "regexp", "semver" and "pre".
//
// It is strict. Unknown and repeated keys, other types, data after the end and what
// is not UTF-8 are faults, keys are case-sensitive, and a zero or an empty string
// is not the same as leaving a key out. All faults are reported at once.
//
// Parse opens no file but those of the time zones that the policy names.
//
// Errors: [Errors], in the order of the document.
func Parse(data []byte) (*Policy, error) {
	if fault := checkSyntax(data); fault != nil {
		return nil, Errors{fault}
	}
	r := &reader{
		dec:     jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true)),
		offsets: map[string]int64{},
		single:  map[string]bool{},
	}
	doc := r.document()
	policy, found := compile(doc, r.faults.list)
	if len(found) == 0 {
		return policy, nil
	}
	r.faults.list = found
	r.faults.sort(r.offset)
	for _, fault := range found {
		fault.Pointer = r.inFile(fault.Pointer)
	}
	return nil, r.faults.list
}

// checkSyntax reports what makes data no JSON document. The reader relies on it.
func checkSyntax(data []byte) *Error {
	dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
	_, err := dec.ReadValue()
	if err == nil {
		if _, err = dec.ReadToken(); err == nil {
			err = errors.New("there is more after the end of the document")
		}
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF) && dec.InputOffset() > 0 && len(bytes.TrimSpace(data)) > 0:
		return nil
	case len(bytes.TrimSpace(data)) == 0:
		return &Error{Problem: "the document is empty"}
	case bytes.HasPrefix(data, []byte("\ufeff")):
		return &Error{Problem: "the document begins with a byte order mark: save it as UTF-8 without one"}
	case errors.As(err, &syntax):
		return &Error{Problem: fmt.Sprintf("%s: the document is no JSON: %v", position(data, syntax.ByteOffset), syntax.Err)}
	}
	return &Error{Problem: fmt.Sprintf("%s: %v", position(data, dec.InputOffset()), err)}
}

func position(data []byte, offset int64) string {
	before := data[:min(int(offset), len(data))]
	return fmt.Sprintf("line %d, column %d", bytes.Count(before, []byte("\n"))+1, len(before)-bytes.LastIndexByte(before, '\n'))
}

// A reader reads a document from JSON whose syntax is right. It records what is of
// another form and goes on after it.
type reader struct {
	dec     *jsontext.Decoder
	faults  faults
	offsets map[string]int64 // where the value of each pointer begins
	single  map[string]bool  // pointers of values that stand in place of a list
}

func (r *reader) document() Document {
	var doc Document
	r.object("", members{
		"version":      func(at string) { doc.Version = r.number(at, "1") },
		"repositories": func(at string) { doc.Repositories = r.strings(at) },
		"keep":         func(at string) { doc.Keep = rules(r, at, r.keep) },
		"remove":       func(at string) { doc.Remove = rules(r, at, r.remove) },
		"limits":       func(at string) { doc.Limits = r.limits(at) },
	}, nil)
	return doc
}

func (r *reader) limits(at string) (l Limits) {
	number := func(to **int) func(string) {
		return func(at string) {
			n := r.number(at, "a whole number")
			*to = &n
		}
	}
	r.object(at, members{
		"max-percent": number(&l.MaxPercent),
		"max-images":  number(&l.MaxImages),
		"min-left":    number(&l.MinLeft),
		"broken":      number(&l.Broken),
	}, nil)
	return l
}

// rules reads a list of rules. One that is no object leaves an empty rule, so that
// the others keep their places.
func rules[T any](r *reader, at string, read func(at string) T) (list []T) {
	list = []T{}
	r.list(at, func(at string) { list = append(list, read(at)) })
	return list
}

func (r *reader) keep(at string) (k Keep) {
	r.object(at, members{
		"name":       func(at string) { k.Name = r.string(at) },
		"tags":       func(at string) { k.Tags = r.patterns(at) },
		"except":     func(at string) { k.Except = r.patterns(at) },
		"newest":     func(at string) { k.Newest = r.count(at) },
		"per":        func(at string) { k.Per = r.oneOrMore(at) },
		"by":         func(at string) { k.By = r.string(at) },
		"groups":     func(at string) { k.Groups = r.count(at) },
		"hourly":     func(at string) { k.Hourly = r.count(at) },
		"daily":      func(at string) { k.Daily = r.count(at) },
		"weekly":     func(at string) { k.Weekly = r.count(at) },
		"monthly":    func(at string) { k.Monthly = r.count(at) },
		"yearly":     func(at string) { k.Yearly = r.count(at) },
		"zone":       func(at string) { k.Zone = r.string(at) },
		"within":     func(at string) { k.Within = r.string(at) },
		"file":       func(at string) { k.File = r.string(at) },
		"max-age":    func(at string) { k.MaxAge = r.string(at) },
		"registries": func(at string) { k.Registries = r.strings(at) },
	}, ofRemove)
	return k
}

func (r *reader) remove(at string) (m Remove) {
	r.object(at, members{
		"name":       func(at string) { m.Name = r.string(at) },
		"tags":       func(at string) { m.Tags = r.patterns(at) },
		"except":     func(at string) { m.Except = r.patterns(at) },
		"older-than": func(at string) { m.OlderThan = r.string(at) },
		"undated":    func(at string) { m.Undated = r.flag(at) },
		"beyond":     func(at string) { m.Beyond = r.count(at) },
		"per":        func(at string) { m.Per = r.oneOrMore(at) },
		"by":         func(at string) { m.By = r.string(at) },
		"groups":     func(at string) { m.Groups = r.count(at) },
		"zone":       func(at string) { m.Zone = r.string(at) },
		"not-pulled": func(at string) { m.NotPulled = r.string(at) },
		"untag":      func(at string) { m.Untag = r.flag(at) },
		"overwrite":  func(at string) { m.Overwrite = r.flag(at) },
		"untagged":   func(at string) { m.Untagged = r.flag(at) },
		"orphans":    func(at string) { m.Orphans = r.flag(at) },
		"trash":      func(at string) { m.Trash = r.flag(at) },
		"references": func(at string) { m.References = r.oneOrMore(at) },
	}, ofKeep)
	return m
}

// The keys that only the other kind of rule has, and what to write instead.
var (
	ofRemove = map[string]string{
		"older-than": `it is for remove rules: a keep rule has "within"`,
		"beyond":     `it is for remove rules: a keep rule has "newest"`,
		"undated":    "it is for remove rules: a keep rule holds images without a usable date anyway",
		"not-pulled": "it is for remove rules", "untag": "it is for remove rules", "overwrite": "it is for remove rules",
		"untagged": "it is for remove rules", "orphans": "it is for remove rules", "trash": "it is for remove rules",
		"references": "it is for remove rules",
	}
	ofKeep = map[string]string{
		"newest": `it is for keep rules: a remove rule has "beyond"`,
		"within": `it is for keep rules: a remove rule has "older-than"`,
		"hourly": "it is for keep rules", "daily": "it is for keep rules", "weekly": "it is for keep rules",
		"monthly": "it is for keep rules", "yearly": "it is for keep rules", "file": "it is for keep rules",
		"max-age": "it is for keep rules", "registries": "it is for keep rules",
	}
	ofGlob = map[string]string{
		"glob": "write a glob as a string in place of the object",
		"not":  `a pattern has no "not": write "except" beside "tags"`,
	}
)

func (r *reader) patterns(at string) []Pattern {
	list := []Pattern{}
	r.one(at, func(at string) { list = append(list, r.pattern(at)) })
	return list
}

func (r *reader) pattern(at string) (p Pattern) {
	switch kind := r.dec.PeekKind(); kind {
	case '"':
		p.Glob = r.string(at)
		return p
	case '{':
	default:
		r.mark(at)
		r.faults.add(at, "it must be a glob, which is a string, or an object, not %s", describe(kind))
		r.skip()
		return p
	}
	r.object(at, members{
		"regexp": func(at string) { p.Regexp = r.string(at) },
		"semver": func(at string) { p.Semver = r.string(at) },
		"pre":    func(at string) { p.Pre = r.string(at) },
	}, ofGlob)
	return p
}

// inFile returns the pointer to a value in the file, where one value may stand in
// place of a list.
func (r *reader) inFile(pointer string) string {
	for at := pointer; at != ""; at = at[:strings.LastIndexByte(at, '/')] {
		if list, ok := strings.CutSuffix(at, "/0"); ok && r.single[list] {
			return list + pointer[len(at):]
		}
	}
	return pointer
}

// offset returns where a value begins, or what should contain it.
func (r *reader) offset(pointer string) int64 {
	for {
		if offset, ok := r.offsets[pointer]; ok || pointer == "" {
			return offset
		}
		pointer = pointer[:strings.LastIndexByte(pointer, '/')]
	}
}
