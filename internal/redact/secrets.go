// Package redact keeps secrets out of text that people read: errors, logs and
// traces. It knows nothing about where the secrets or the text come from.
//
// Invariants: a text that passed through [Secrets.Redact] contains no secret of
// [MinSecret] bytes or more in any spelling that this package knows; a text that
// passed through [Printable] is one line without control characters.
package redact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
)

const (
	// MinSecret is the length from which a secret is redacted. Shorter ones
	// cannot be told from ordinary text.
	MinSecret = 4
	// MinPrefix is the length from which the beginning of a secret is redacted
	// at the end of a text that somebody else may have cut.
	MinPrefix = 8

	maxSecrets = 1024
	maxBytes   = 4 << 20

	placeholder = "[redacted]"
)

// Secrets is a set of secrets to remove from text. It keeps the 1,024 added
// last, 4 MiB at most: a long run sees many tokens but few passwords. The zero
// value is empty and ready to use, by several goroutines at once.
type Secrets struct {
	mu   sync.Mutex
	list [][]string // the spellings of each secret, the plain one first; replaced as a whole, never modified
}

// Add adds secrets. Values shorter than [MinSecret] are ignored.
func (s *Secrets) Add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.list)
	for _, v := range values {
		if len(v) < MinSecret {
			continue
		}
		list = slices.DeleteFunc(list, func(known []string) bool { return known[0] == v })
		list = append(list, spellings(v))
	}
	s.list = latest(list)
}

// latest drops the oldest entries beyond the limits.
func latest(list [][]string) [][]string {
	room := maxBytes
	for i := len(list) - 1; i >= 0; i-- {
		for _, form := range list[i] {
			room -= len(form)
		}
		if room < 0 || len(list)-i > maxSecrets {
			return list[i+1:]
		}
	}
	return list
}

// spellings returns the forms in which a secret may be echoed: plain, escaped
// in a query and in a path, and quoted in JSON with and without HTML escaping,
// each also without the white space around it, and with its lines folded into
// one. The key files that Google's registries take as passwords have several
// lines and end in one.
func spellings(secret string) []string {
	forms := []string{secret}
	add := func(form string) {
		if len(form) >= MinSecret && !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	add(strings.Join(strings.Fields(secret), " "))
	for _, form := range []string{secret, strings.TrimSpace(secret)} {
		quoted := jsonEscapes.Replace(form)
		add(form)
		add(url.QueryEscape(form))
		add(url.PathEscape(form))
		add(quoted)
		add(strings.NewReplacer("&", `\u0026`, "<", `\u003c`, ">", `\u003e`).Replace(quoted))
	}
	return forms
}

// jsonEscapes writes a string as JSON does, without the quotes around it.
var jsonEscapes = func() *strings.Replacer {
	pairs := []string{`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`}
	for c := range ' ' {
		if !strings.ContainsRune("\n\r\t\b\f", c) {
			pairs = append(pairs, string(c), fmt.Sprintf(`\u%04x`, c))
		}
	}
	return strings.NewReplacer(pairs...)
}()

func (s *Secrets) known() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

// Redact replaces every secret in text.
func (s *Secrets) Redact(text string) string {
	var found []string
	for _, forms := range s.known() {
		for _, form := range forms {
			if strings.Contains(text, form) {
				found = append(found, form)
			}
		}
	}
	// Longest first: one secret may be the beginning of another.
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, form := range found {
		text = strings.ReplaceAll(text, form, placeholder)
	}
	return text
}

// RedactCut is [Secrets.Redact] for a text that may have been cut in the middle
// of a secret: it also replaces the beginning of a secret at the very end of
// the text, if that beginning has at least minPrefix bytes.
func (s *Secrets) RedactCut(text string, minPrefix int) string {
	text = s.Redact(text)
	if text == "" {
		return text
	}
	cut, last := 0, text[len(text)-1]
	for _, forms := range s.known() {
		for _, form := range forms {
			for n := min(len(form), len(text)); n >= minPrefix && n > cut; n-- {
				if form[n-1] == last && strings.HasSuffix(text, form[:n]) {
					cut = n
				}
			}
		}
	}
	if cut == 0 {
		return text
	}
	return text[:len(text)-cut] + placeholder
}

// RedactError returns err, or if its text contains a secret or a part of a URL
// that may be one, an error with the redacted text. Of what that one wraps only
// the end of a context remains.
func (s *Secrets) RedactError(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := s.Redact(URLs(text))
	switch {
	case clean == text:
		return err
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", clean, context.Canceled)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", clean, context.DeadlineExceeded)
	}
	return errors.New(clean)
}
