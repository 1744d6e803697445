package policy

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// members are the keys of an object, and how to read the value of each.
type members map[string]func(at string)

// object reads the object at a pointer. Hints are for keys that it does not have.
func (r *reader) object(at string, known members, hints map[string]string) {
	if !r.is(at, '{', "an object") {
		return
	}
	r.token()
	seen := map[string]bool{}
	for r.dec.PeekKind() == '"' {
		key := r.token().String()
		member := at + "/" + escape(key)
		read, ok := known[key]
		switch {
		case seen[key]:
			r.mark(member)
			r.faults.add(member, "the key is there twice")
			r.skip()
		case ok:
			read(member)
		default:
			r.mark(member)
			r.faults.add(member, "%s", unknownKey(key, known, hints))
			r.skip()
		}
		seen[key] = true
	}
	r.token()
}

// unknownKey says what to write in place of a key that an object does not have.
func unknownKey(key string, known members, hints map[string]string) string {
	if hint, ok := hints[key]; ok {
		return hint
	}
	fold := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(s))
	}
	var names []string
	for name := range known {
		if fold(name) == fold(key) {
			return "the key is unknown: write " + strconv.Quote(name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return "the key is unknown; the keys here are " + strings.Join(names, ", ")
}

// list reads a list at a pointer, and calls element with the pointer of each element.
func (r *reader) list(at string, element func(at string)) {
	if !r.is(at, '[', "a list") {
		return
	}
	r.token()
	for i := 0; r.dec.PeekKind() > 0 && r.dec.PeekKind() != ']'; i++ {
		element(at + "/" + strconv.Itoa(i))
	}
	r.token()
}

// one reads a list, or one value in place of it.
func (r *reader) one(at string, element func(at string)) {
	if r.dec.PeekKind() == '[' {
		r.list(at, element)
		return
	}
	r.mark(at)
	r.single[at] = true
	element(at + "/0")
}

func (r *reader) strings(at string) []string {
	list := []string{}
	r.list(at, func(at string) { list = append(list, r.string(at)) })
	return list
}

func (r *reader) oneOrMore(at string) []string {
	list := []string{}
	r.one(at, func(at string) { list = append(list, r.string(at)) })
	return list
}

func (r *reader) string(at string) string {
	if !r.is(at, '"', "a string") {
		return ""
	}
	s := r.token().String()
	if s == "" {
		r.faults.add(at, "it is empty: leave it out")
	}
	return s
}

func (r *reader) flag(at string) bool {
	r.mark(at)
	if kind := r.dec.PeekKind(); kind != 't' && kind != 'f' {
		r.faults.add(at, "it must be true or false, not %s", describe(kind))
		r.skip()
		return false
	}
	return r.token().Bool()
}

// count reads a number that is at least 1.
func (r *reader) count(at string) int {
	n := r.number(at, "a whole number")
	if n == 0 && !r.faults.within(at) {
		r.faults.add(at, "it must be at least 1: leave it out to have none")
	}
	return n
}

func (r *reader) number(at, what string) int {
	if !r.is(at, '0', what) {
		return 0
	}
	text := r.token().String() // of a number: as it is written
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		r.faults.add(at, "%s is too large", redact.Clip(text))
	case err != nil:
		r.faults.add(at, "it must be %s, not %s", what, redact.Clip(text))
	}
	return int(n)
}

// is reports whether the next value is of a kind, and skips it with a fault if not.
func (r *reader) is(at string, kind jsontext.Kind, what string) bool {
	r.mark(at)
	if got := r.dec.PeekKind(); got != kind {
		r.faults.add(at, "it must be %s, not %s", what, describe(got))
		r.skip()
		return false
	}
	return true
}

func describe(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 'n':
		return "null"
	}
	return "a boolean"
}

// mark records where the value of a pointer begins. Of repeated keys, the first one counts.
func (r *reader) mark(at string) {
	if _, ok := r.offsets[at]; !ok {
		r.offsets[at] = r.dec.InputOffset()
	}
}

// token returns the next token. The syntax has been checked, so there is one.
func (r *reader) token() jsontext.Token {
	token, err := r.dec.ReadToken()
	if err != nil {
		return jsontext.Null
	}
	return token.Clone()
}

func (r *reader) skip() { _ = r.dec.SkipValue() }
