package jsonstream

import (
	"errors"
	"fmt"
	"io"
)

const bufferSize = 16 << 10

// errEnded is the regular end of the stream.
var errEnded = errors.New("end of the stream")

// A buffer holds what was read and not yet used, and what is to be kept of it.
type buffer struct {
	r        io.Reader
	data     []byte
	pos, end int // data[pos:end] is to be read
	kept     int // where what is to be kept begins, or -1
	err      error
}

// keep holds what follows in the buffer until release.
func (b *buffer) keep() { b.kept = b.pos }

func (b *buffer) release() { b.kept = -1 }

func (b *buffer) keeping() []byte { return b.data[b.kept:b.pos] }

// here is the next byte, which stays the next.
func (b *buffer) here() (byte, error) {
	if b.pos == b.end {
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	return b.data[b.pos], nil
}

// next reads one byte.
func (b *buffer) next() (byte, error) {
	c, err := b.here()
	if err == nil {
		b.pos++
	}
	return c, err
}

// peek is the next byte that is not white space.
func (b *buffer) peek() (byte, error) {
	for {
		switch c, err := b.here(); {
		case err != nil:
			return 0, err
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			b.pos++
		default:
			return c, nil
		}
	}
}

// fill reads on: at least one byte, or why there is none.
func (b *buffer) fill() error {
	from := b.pos
	if b.kept >= 0 {
		from = b.kept
	}
	if from > 0 {
		copy(b.data, b.data[from:b.end])
		b.pos, b.end = b.pos-from, b.end-from
		if b.kept >= 0 {
			b.kept = 0
		}
	}
	if b.end == len(b.data) {
		if len(b.data) >= MaxValue {
			return ErrTooLong
		}
		b.data = append(b.data, make([]byte, len(b.data))...)
	}
	for range 100 { // as often as others put up with a reader that reads nothing
		if b.err != nil {
			return b.err
		}
		var n int
		n, b.err = b.r.Read(b.data[b.end:])
		if b.err == io.EOF {
			b.err = errEnded
		}
		if b.end += n; n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// unexpected is the error for a byte, or for none, where something else has to be.
func (b *buffer) unexpected(c byte, err error) error {
	switch err {
	case nil:
		return fmt.Errorf("%w: unexpected %q", ErrMalformed, c)
	case errEnded:
		return fmt.Errorf("%w: unexpected end", ErrMalformed)
	}
	return err
}
