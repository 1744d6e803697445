// Package jsonstream reads a JSON document of any length with little memory: one string, one value at a time.
//
// encoding/json can do that too, for five allocations a string instead of one, and going over white space again after
// every read. What is not a plain string is left to it here as well. See https://www.rfc-editor.org/rfc/rfc8259
package jsonstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// MaxValue limits, in bytes, what is read as one String or Value.
	MaxValue = 1 << 20
	// MaxDepth limits how deeply arrays and objects may be nested in one value.
	MaxDepth = 100
)

var (
	// ErrMalformed is matched by every error that says the document is not JSON, or not of the kind that was read.
	ErrMalformed = errors.New("malformed JSON")
	// ErrTooLong is the error for a value of more than MaxValue bytes. All others are the reader's.
	ErrTooLong = fmt.Errorf("a value exceeds the limit of %d bytes", MaxValue)
)

// A Scanner reads one document. Its methods are called in the order of the document, and none after an error.
type Scanner struct {
	buffer
}

// NewScanner returns a Scanner of what r reads.
func NewScanner(r io.Reader) *Scanner {
	return &Scanner{buffer{r: r, kept: -1, data: make([]byte, bufferSize)}}
}

// Object reads an object. It calls member after each key, to read the value.
func (s *Scanner) Object(member func(key string) error) error {
	return s.list('{', '}', func() error {
		key, err := s.String()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		return member(key)
	})
}

// Array reads an array. It calls element before each value, to read it.
func (s *Scanner) Array(element func() error) error {
	return s.list('[', ']', element)
}

// Null reports whether null comes next, and reads it if so.
func (s *Scanner) Null() (bool, error) {
	switch c, err := s.peek(); {
	case err != nil:
		return false, s.unexpected(c, err)
	case c != 'n':
		return false, nil
	}
	return true, s.literal("null")
}

// String reads a string.
func (s *Scanner) String() (string, error) {
	if c, err := s.peek(); err != nil || c != '"' {
		return "", s.unexpected(c, err)
	}
	s.keep()
	defer s.release()
	plain, err := s.quoted()
	if err != nil {
		return "", err
	}
	raw := s.keeping()
	if plain {
		return string(raw[1 : len(raw)-1]), nil
	}
	var text string
	return text, foreign(json.Unmarshal(raw, &text))
}

// Decode reads a value of any kind into v, as encoding/json does.
func (s *Scanner) Decode(v any) error {
	if c, err := s.peek(); err != nil {
		return s.unexpected(c, err)
	}
	s.keep()
	defer s.release()
	if err := s.Skip(); err != nil {
		return err
	}
	return foreign(json.Unmarshal(s.keeping(), v))
}

// foreign is an error of encoding/json.
func foreign(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// Skip reads over a value of any kind.
func (s *Scanner) Skip() error { return s.skip(0) }

// End reads to the end of the stream. Only white space may be there.
func (s *Scanner) End() error {
	c, err := s.peek()
	if err == errEnded {
		return nil
	}
	return s.unexpected(c, err)
}

// list reads what is between two brackets, and separated by commas.
func (s *Scanner) list(open, shut byte, item func() error) error {
	if err := s.expect(open); err != nil {
		return err
	}
	c, err := s.peek()
	if err == nil && c == shut {
		s.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch c, err = s.peek(); {
		case err == nil && c == ',':
			s.pos++
		case err == nil && c == shut:
			s.pos++
			return nil
		default:
			return s.unexpected(c, err)
		}
	}
}

func (s *Scanner) skip(depth int) error {
	c, err := s.peek()
	switch {
	case err != nil:
		return s.unexpected(c, err)
	case depth == MaxDepth && (c == '{' || c == '['):
		return fmt.Errorf("%w: nested deeper than %d", ErrMalformed, MaxDepth)
	}
	switch c {
	case '{':
		return s.list('{', '}', func() error {
			if err := s.name(); err != nil {
				return err
			}
			return s.skip(depth + 1)
		})
	case '[':
		return s.list('[', ']', func() error { return s.skip(depth + 1) })
	case '"':
		_, err := s.quoted()
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

// name reads over the key of a member.
func (s *Scanner) name() error {
	if c, err := s.peek(); err != nil || c != '"' {
		return s.unexpected(c, err)
	}
	if _, err := s.quoted(); err != nil {
		return err
	}
	return s.expect(':')
}
