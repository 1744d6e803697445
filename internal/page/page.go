// Package page decodes one page of a registry's list (tags, repositories or
// referrers) while the page streams in.
//
// It knows the JSON form of a page, but no HTTP and nothing of what the entries
// mean.
//
// Invariants: a page is decoded completely or fails with an error. Success means
// that the body was read to its end, and that it held exactly one JSON object
// with the wanted key exactly once, and with that of the map at most once. Memory
// use depends on the longest value of a page, which the limit of the page bounds,
// but not on the number of values.
package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// The errors of Read match one of these, or are those of the body's reader or of
// the function take.
var (
	ErrMalformed = errors.New("malformed list")
	ErrTooLarge  = errors.New("a page of the list is too large")
)

// MaxValue limits the entries that Value decodes, in bytes. What they become in
// memory may be many times as large.
const MaxValue = 1 << 20

// Form describes a page: {"<Key>": [entries…], "<Map>": {"…": entry, …}, "name":
// "<Name>", …}. Members with other keys are skipped.
type Form struct {
	Key   string // of the array of entries
	Map   string // of the object whose members are entries, for ReadWithMap
	Name  string // the repository that "name" must agree with; empty to skip that member
	Limit int64  // of the page, in bytes
}

// Read decodes one page. It calls entry to decode each element of the array, and
// passes what entry returns to take. An error of take ends Read and is returned
// as it is. A null in place of the array is an empty list.
//
// Readers disagree on what invalid UTF-8, data after the object and duplicate
// keys mean, so Read fails on each of them. Duplicate keys in members that are
// skipped are the exception: to find them would cost memory for every key, and
// Google's registries send one for every manifest of the repository.
func Read[T any](body io.Reader, form Form, entry func(*jsontext.Decoder) (T, error), take func(T) error) error {
	return ReadWithMap(body, form, entry, nil, take)
}

// ReadWithMap is Read for a page that may also have entries in an object. It
// calls member with the key to decode the value of each member. It does not look
// for duplicate keys in that object; take may do so. A page without the object,
// or with another kind of value in its place, has no such entries.
func ReadWithMap[T any](body io.Reader, form Form, entry func(*jsontext.Decoder) (T, error),
	member func(string, *jsontext.Decoder) (T, error), take func(T) error,
) error {
	d := newDecoder(body, form.Limit)
	if err := d.expect('{'); err != nil {
		return err
	}
	var found, mapped, named bool
	for d.PeekKind() != '}' {
		token, err := d.token()
		if err != nil {
			return err
		}
		switch key := token.String(); {
		case key == form.Key && found, key == nameKey && named, key == form.Map && mapped:
			return fmt.Errorf("%w: duplicate key %q", ErrMalformed, key)
		case key == form.Key:
			found = true
			err = entries(d, entry, take)
		case key == form.Map && member != nil:
			mapped = true
			err = members(d, member, take)
		case key == nameKey && form.Name != "":
			named = true
			err = d.name(form.Name)
		default:
			err = d.check(d.SkipValue())
		}
		if err != nil {
			return err
		}
	}
	if err := d.expect('}'); err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: no key %q", ErrMalformed, form.Key)
	}
	return d.end()
}

const nameKey = "name"

// entries reads the array of entries.
func entries[T any](d *decoder, entry func(*jsontext.Decoder) (T, error), take func(T) error) error {
	if d.PeekKind() == 'n' {
		_, err := d.token()
		return err
	}
	if err := d.expect('['); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		value, err := entry(d.Decoder)
		if err != nil {
			return d.check(err)
		}
		if err := take(value); err != nil {
			return err
		}
	}
	return d.expect(']')
}

// members reads the object whose members are entries.
func members[T any](d *decoder, member func(string, *jsontext.Decoder) (T, error), take func(T) error) error {
	if d.PeekKind() != '{' {
		return d.check(d.SkipValue())
	}
	if err := d.expect('{'); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		key, err := d.token()
		if err != nil {
			return err
		}
		value, err := member(key.String(), d.Decoder)
		if err != nil {
			return d.check(err)
		}
		if err := take(value); err != nil {
			return err
		}
	}
	return d.expect('}')
}

// String decodes an entry that is a JSON string.
func String(d *jsontext.Decoder) (string, error) {
	token, err := d.ReadToken()
	if err != nil {
		return "", err
	}
	if token.Kind() != '"' {
		return "", fmt.Errorf("%v in place of a string", token.Kind())
	}
	return token.String(), nil
}

// Value decodes an entry of any form, as encoding/json does, but fails on
// duplicate keys.
func Value[T any](d *jsontext.Decoder) (T, error) {
	var value T
	raw, err := d.ReadValue()
	switch {
	case err != nil:
		return value, err
	case len(raw) > MaxValue:
		return value, fmt.Errorf("%w: an entry exceeds the limit of %d bytes", ErrTooLarge, MaxValue)
	case !raw.IsValid():
		return value, errors.New("an entry with a duplicate key")
	}
	err = json.Unmarshal(raw, &value)
	return value, err
}

// A decoder is a jsontext.Decoder whose methods return the errors of this
// package.
type decoder struct {
	*jsontext.Decoder
	body *limitedReader
}

func newDecoder(body io.Reader, limit int64) *decoder {
	limited := &limitedReader{r: body, left: limit, limit: limit}
	return &decoder{jsontext.NewDecoder(limited, jsontext.AllowDuplicateNames(true)), limited}
}

func (d *decoder) token() (jsontext.Token, error) {
	token, err := d.ReadToken()
	return token, d.check(err)
}

// expect reads one token of the kind.
func (d *decoder) expect(kind jsontext.Kind) error {
	token, err := d.token()
	if err == nil && token.Kind() != kind {
		return fmt.Errorf("%w: %v in place of %v", ErrMalformed, token.Kind(), kind)
	}
	return err
}

// name reads which repository the list belongs to. Behind a proxy that maps
// names, a registry may name the repository with a prefix more or less.
func (d *decoder) name(want string) error {
	token, err := d.token()
	if err != nil || token.Kind() == 'n' {
		return err
	}
	name := token.String()
	switch {
	case token.Kind() != '"':
		return fmt.Errorf("%w: the name is no string", ErrMalformed)
	case name == want, strings.HasSuffix(name, "/"+want), strings.HasSuffix(want, "/"+name):
		return nil
	}
	return fmt.Errorf("%w: it belongs to %q", ErrMalformed, redact.Clip(name))
}

// end reads to the end of the body.
func (d *decoder) end() error {
	_, err := d.ReadToken()
	switch err {
	case io.EOF:
		return nil
	case nil:
		return fmt.Errorf("%w: data after the JSON object", ErrMalformed)
	}
	return d.check(err)
}

// check turns an error of jsontext, or of the function that decodes an entry,
// into one of this package. Its text may quote the body and is cut short, and
// io.ErrUnexpectedEOF is not wrapped: a body that ends too early did arrive.
func (d *decoder) check(err error) error {
	if err == nil {
		return nil
	}
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case ok:
		return fmt.Errorf("%w: %s after %d bytes", ErrMalformed, redact.Clip(syntax.Err.Error()), syntax.ByteOffset)
	case err == io.EOF:
		return fmt.Errorf("%w: the body is empty", ErrMalformed)
	case d.body.err != nil && errors.Is(err, d.body.err):
		return d.body.err
	case errors.Is(err, ErrTooLarge):
		return err
	}
	return fmt.Errorf("%w: %s", ErrMalformed, redact.Clip(err.Error()))
}
