package regret

import (
	"fmt"
	"io"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/jsonstream"
)

// errMalformed is what an answer is that does not have the form of its kind.
var errMalformed = jsonstream.ErrMalformed

// read decodes one page as it comes in and hands every entry to take. It reads
// to the end of the body, so that the connection can be used again, and fails
// on anything that is not exactly one JSON object with the key, at most once.
func (l *list[T]) read(body io.Reader, take func(T) error) error {
	limit := l.client.config.limits.PageBytes
	s := jsonstream.NewScanner(&limitedReader{r: body, left: limit, limit: limit})
	found := false
	err := s.Object(func(key string) error {
		switch {
		case key == l.key && found:
			return fmt.Errorf("%w: two keys %q", errMalformed, l.key)
		case key == l.key:
			found = true
			return l.entries(s, take)
		case key == "name" && l.name != "":
			return l.checkName(s)
		}
		return s.Skip()
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: no key %q", errMalformed, l.key)
	}
	if err == nil {
		err = s.End()
	}
	return err
}

// checkName reads whose list this is. Some registries leave out what a proxy
// before them added to the name, or the other way round.
func (l *list[T]) checkName(s *jsonstream.Scanner) error {
	if null, err := s.Null(); null || err != nil {
		return err
	}
	name, err := s.String()
	if err != nil || name == l.name || strings.HasSuffix(name, "/"+l.name) || strings.HasSuffix(l.name, "/"+name) {
		return err
	}
	return fmt.Errorf("%w: a list of %q", errMalformed, clip(name))
}

// entries reads an array; null is an empty one.
func (l *list[T]) entries(s *jsonstream.Scanner, take func(T) error) error {
	if null, err := s.Null(); null || err != nil {
		return err
	}
	return s.Array(func() error {
		entry, err := l.entry(s)
		if err != nil {
			return err
		}
		return take(entry)
	})
}

// A limitedReader fails beyond its limit instead of pretending the end.
type limitedReader struct {
	r           io.Reader
	left, limit int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &Error{Kind: ErrIncompleteList, Err: fmt.Errorf("a page exceeds the limit of %d bytes", l.limit)}
	}
	return n, err
}
