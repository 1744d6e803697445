package regret

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errMalformed is what an answer is that does not have the form of its kind.
var errMalformed = errors.New("malformed answer")

// No list nests deeper than this in what is skipped.
const maxNesting = 100

// read decodes one page as it comes in and hands every entry to take. It reads
// to the end of the body, so that the connection can be used again, and fails
// on anything that is not exactly one JSON object with the key, at most once.
func (l *list[T]) read(body io.Reader, take func(T) error) error {
	limit := l.client.config.limits.PageBytes
	dec := json.NewDecoder(&limitedReader{r: body, left: limit, limit: limit})
	if err := delim(dec, '{'); err != nil {
		return err
	}
	found := false
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return malformed(err)
		}
		switch {
		case key == l.key && found:
			return fmt.Errorf("%w: two keys %q", errMalformed, l.key)
		case key == l.key:
			found = true
			err = entries(dec, take)
		case key == "name" && l.name != "":
			err = l.checkName(dec)
		default:
			err = skip(dec)
		}
		if err != nil {
			return err
		}
	}
	if err := delim(dec, '}'); err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: no key %q", errMalformed, l.key)
	}
	switch _, err := dec.Token(); err {
	case io.EOF:
		return nil
	case nil:
		return fmt.Errorf("%w: more after the end", errMalformed)
	default:
		return malformed(err)
	}
}

// checkName reads whose list this is. Some registries leave out what a proxy
// before them added to the name, or the other way round.
func (l *list[T]) checkName(dec *json.Decoder) error {
	var name *string
	if err := dec.Decode(&name); err != nil {
		return malformed(err)
	}
	if name == nil || *name == l.name || strings.HasSuffix(*name, "/"+l.name) || strings.HasSuffix(l.name, "/"+*name) {
		return nil
	}
	return fmt.Errorf("%w: a list of %q", errMalformed, clip(*name))
}

// entries reads an array; null is an empty one.
func entries[T any](dec *json.Decoder, take func(T) error) error {
	open, err := dec.Token()
	if err != nil {
		return malformed(err)
	}
	if open == nil {
		return nil
	}
	if open != json.Delim('[') {
		return fmt.Errorf("%w: not an array", errMalformed)
	}
	var entry T // one for all: every decoding would put its own on the heap
	for dec.More() {
		entry = *new(T)
		if err := dec.Decode(&entry); err != nil {
			return malformed(err)
		}
		if err := take(entry); err != nil {
			return err
		}
	}
	return delim(dec, ']')
}

// delim reads one bracket.
func delim(dec *json.Decoder, want json.Delim) error {
	got, err := dec.Token()
	if err != nil {
		return malformed(err)
	}
	if got != want {
		return fmt.Errorf("%w: %v where %v should be", errMalformed, got, want)
	}
	return nil
}

// skip reads over one value without keeping it.
func skip(dec *json.Decoder) error {
	for depth := 0; ; {
		token, err := dec.Token()
		if err != nil {
			return malformed(err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxNesting {
			return fmt.Errorf("%w: nested deeper than %d", errMalformed, maxNesting)
		}
		if depth == 0 {
			return nil
		}
	}
}

// malformed tells JSON's complaints from the network's.
func malformed(err error) error {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, kind := errors.AsType[*json.UnmarshalTypeError](err)
	if syntax || kind || err == io.EOF {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return err
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
