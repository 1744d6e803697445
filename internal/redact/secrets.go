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
	"unicode/utf8"
)

const (
	// MinSecret is the length from which a secret is redacted. Shorter ones
	// cannot be told from ordinary text.
	MinSecret = 4
	// MinPrefix is the length from which the beginning of a secret is redacted
	// at the end of a text that its sender may have cut.
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
//
// The unescaped text shows other spellings, but not these where the text was cut
// in one, or where what stands before one makes another escape of it.
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

// Redact replaces every secret in text. Secrets that overlap are replaced
// together.
func (s *Secrets) Redact(text string) string { return replace(text, s.find(text)) }

// RedactCut is [Secrets.Redact] for a text that may have been cut in the middle
// of a secret: it also replaces the beginning of a secret at the very end of
// the text, if that beginning has at least minPrefix bytes.
func (s *Secrets) RedactCut(text string, minPrefix int) string {
	found := s.find(text)
	if n := s.cut(text, minPrefix); n > 0 {
		found = append(found, span{len(text) - n, len(text)})
	}
	for _, u := range unescape(text) {
		whole := u.beforeCut()
		if n := s.cut(whole, minPrefix); n > 0 {
			found = append(found, span{u.at[len(whole)-n], len(text)})
		}
	}
	return replace(text, found)
}

// A span is a part of a text that is to be replaced.
type span struct{ start, end int }

// find returns every occurrence of every secret in text, as it is and unescaped.
func (s *Secrets) find(text string) []span {
	found := s.occurrences(text)
	for _, u := range unescape(text) {
		for _, o := range s.occurrences(u.text) {
			found = append(found, span{u.at[o.start], u.at[o.end]})
		}
	}
	return found
}

func (s *Secrets) occurrences(text string) []span {
	var found []span
	for _, forms := range s.known() {
		for _, form := range forms {
			for start := 0; ; start++ {
				i := strings.Index(text[start:], form)
				if i < 0 {
					break
				}
				start += i
				found = append(found, span{start, start + len(form)})
			}
		}
	}
	return found
}

// cut returns the length of the longest beginning of a secret, of at least
// minPrefix bytes, at the end of text; 0 if there is none.
func (s *Secrets) cut(text string, minPrefix int) int {
	if text == "" {
		return 0
	}
	longest, last := 0, text[len(text)-1]
	for _, forms := range s.known() {
		for _, form := range forms {
			for n := min(len(form), len(text)); n >= minPrefix && n > longest; n-- {
				if form[n-1] == last && strings.HasSuffix(text, form[:n]) {
					longest = n
				}
			}
		}
	}
	return longest
}

// replace puts a placeholder in the place of each span, and only one where spans
// overlap.
func replace(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var b strings.Builder
	end := 0 // of what is written or replaced
	for _, s := range spans {
		if s.start >= end {
			b.WriteString(text[end:s.start])
			b.WriteString(placeholder)
		}
		end = max(end, s.end)
	}
	b.WriteString(text[end:])
	return b.String()
}

// redactCuts is [Secrets.Redact] for a text that quotes parts of other texts, each
// of which may have been cut in the middle of a secret: by [Clip], or by a parser
// that shows where it failed.
func (s *Secrets) redactCuts(text string) string {
	text = s.Redact(text)
	var b strings.Builder
	for {
		i := strings.IndexAny(text, `"'…`)
		if i < 0 {
			b.WriteString(s.RedactCut(text, MinPrefix))
			return b.String()
		}
		minPrefix := MinPrefix
		if strings.HasPrefix(text[i:], "…") {
			minPrefix = MinSecret
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		b.WriteString(s.RedactCut(text[:i], minPrefix))
		b.WriteString(text[i : i+size])
		text = text[i+size:]
	}
}

// RedactError returns err, or if its text contains a secret or a part of a URL
// that may be one, an error with the redacted text. Of what that one wraps only
// the end of a context remains.
func (s *Secrets) RedactError(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := s.redactCuts(URLs(text))
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
