package body_test

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/body"
)

var errBroken = errors.New("the connection is broken")

// A stream is a body that counts the bytes that were read and knows whether it was closed.
type stream struct {
	io.Reader
	read   int
	closed atomic.Bool
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.read += n
	return n, err
}

func (s *stream) Close() error {
	s.closed.Store(true)
	return nil
}

// endless is a body without an end.
func endless() io.Reader { return zeros{} }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func broken(text string) io.Reader {
	return io.MultiReader(strings.NewReader(text), iotest.ErrReader(errBroken))
}

func TestReadAllWithoutALimitInPractice(t *testing.T) {
	t.Parallel()
	got, err := body.ReadAll(io.NopCloser(strings.NewReader("abc")), math.MaxInt64)
	if string(got) != "abc" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestReadAll(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule    string
		content io.Reader
		want    string
		err     string
	}{
		{"a body within the limit is read whole", strings.NewReader("abc"), "abc", ""},
		{"a body as long as the limit is read whole", strings.NewReader("abcd"), "abcd", ""},
		{"a body that comes byte by byte is read whole", iotest.OneByteReader(strings.NewReader("abcd")), "abcd", ""},
		{"an empty body is no error", strings.NewReader(""), "", ""},
		{"a body beyond the limit is an error", strings.NewReader("abcde"), "", "the response exceeds the limit of 4 bytes"},
		{"a body without an end is an error", endless(), "", "the response exceeds the limit of 4 bytes"},
		{"a body that breaks off is an error", broken("abc"), "", "the connection is broken"},
		{"a body that breaks off at the limit is an error", broken("abcd"), "", "the connection is broken"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			s := &stream{Reader: tt.content}
			got, err := body.ReadAll(s, 4)
			switch {
			case tt.err == "" && err != nil, tt.err != "" && (err == nil || err.Error() != tt.err):
				t.Errorf("error %v, want %q", err, tt.err)
			case err == nil && string(got) != tt.want:
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if s.read > 5 {
				t.Errorf("%d bytes were read", s.read)
			}
			if !s.closed.Load() {
				t.Error("the body is not closed")
			}
		})
	}
	t.Run("the error states the limit", func(t *testing.T) {
		t.Parallel()
		_, err := body.ReadAll(&stream{Reader: endless()}, 4)
		tooLarge, ok := errors.AsType[*body.TooLargeError](err)
		if !ok {
			t.Fatalf("got %T", err)
		}
		if diff := cmp.Diff(&body.TooLargeError{Limit: 4}, tooLarge); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	})
}

func TestReadError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule    string
		content io.Reader
		want    string
		whole   bool
	}{
		{"a body within the limit is whole", strings.NewReader("abc"), "abc", true},
		{"an empty body is whole", strings.NewReader(""), "", true},
		{"a body as long as the limit may not be whole", strings.NewReader("abcd"), "abcd", false},
		{"a body beyond the limit is cut", strings.NewReader("abcde"), "abcd", false},
		{"a body without an end is cut", endless(), "\x00\x00\x00\x00", false},
		{"of a body that breaks off the beginning is kept", broken("abc"), "abc", false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			s := &stream{Reader: tt.content}
			got, whole := body.ReadError(s, 4)
			if string(got) != tt.want || whole != tt.whole {
				t.Errorf("got %q, %t, want %q, %t", got, whole, tt.want, tt.whole)
			}
			if s.read > 4 {
				t.Errorf("%d bytes were read", s.read)
			}
			if !s.closed.Load() {
				t.Error("the body is not closed")
			}
		})
	}
}

// slow returns a body of which a byte comes at once and one after each pause, without an end.
func slow(t *testing.T, pause time.Duration) *io.PipeReader {
	t.Helper()
	reader, writer := io.Pipe()
	go func() {
		for {
			if _, err := writer.Write([]byte("a")); err != nil {
				return // the reader is closed
			}
			select {
			case <-time.After(pause):
			case <-t.Context().Done():
				return
			}
		}
	}()
	return reader
}

// checkClosed fails if a read from a pipe does not fail at once.
func checkClosed(t *testing.T, reader *io.PipeReader) {
	t.Helper()
	if n, err := reader.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the body is not closed: read %d bytes: %v", n, err)
	}
}

func TestReadErrorWaitsForTwoSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, reader := time.Now(), slow(t, 600*time.Millisecond)
		got, whole := body.ReadError(reader, 1<<10)
		if string(got) != "aaaa" || whole {
			t.Errorf("got %q, %t", got, whole)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
		checkClosed(t, reader)
	})
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule    string
		content io.Reader
		read    int
	}{
		{"a short body is read to its end", strings.NewReader("abc"), 3},
		{"a long body is read up to 4 KiB", endless(), 4 << 10},
		{"a body that breaks off is closed as well", broken("abc"), 3},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			s := &stream{Reader: tt.content}
			body.Discard(s)
			if s.read != tt.read {
				t.Errorf("%d bytes were read, want %d", s.read, tt.read)
			}
			if !s.closed.Load() {
				t.Error("the body is not closed")
			}
		})
	}
	t.Run("no body needs nothing", func(t *testing.T) {
		t.Parallel()
		body.Discard(http.NoBody)
	})
}

func TestDiscardWaitsForAQuarterOfASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, reader := time.Now(), slow(t, time.Minute)
		body.Discard(reader)
		if took := time.Since(start); took != 250*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		checkClosed(t, reader)
	})
}
