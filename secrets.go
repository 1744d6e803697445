package regret

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"sync"
)

const (
	// Secrets shorter than this cannot be told from ordinary text; nor can the
	// beginning of one, at the end of a text that we have not cut ourselves.
	leastSecret    = 4
	leastBeginning = 8
	// What is remembered of them, at most; the latest.
	maxSecrets     = 1024
	maxSecretBytes = 4 << 20
)

// secrets remembers what must not appear in any text that came from outside:
// what was used last, for a long run sees many tokens, but few passwords.
type secrets struct {
	mu   sync.Mutex
	list [][]string // the spellings of each, as it is first; never changed, only replaced
}

func (s *secrets) add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.list)
	for _, v := range values {
		if len(v) < leastSecret {
			continue
		}
		list = slices.DeleteFunc(list, func(known []string) bool { return known[0] == v })
		list = append(list, spellings(v))
	}
	s.list = latest(list)
}

// latest drops what came first where there is too much.
func latest(list [][]string) [][]string {
	room := maxSecretBytes
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

// spellings are a secret as it is, in a query, in a path, and in JSON that was
// taken for text, with and without HTML in mind.
func spellings(secret string) []string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret)
	html := strings.NewReplacer("&", `\u0026`, "<", `\u003c`, ">", `\u003e`).Replace(quoted)
	forms := []string{secret}
	for _, form := range []string{url.QueryEscape(secret), url.PathEscape(secret), quoted, html} {
		if !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	return forms
}

func (s *secrets) known() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

// scrub replaces every secret in a text.
func (s *secrets) scrub(text string) string {
	var found []string
	for _, forms := range s.known() {
		for _, form := range forms {
			if strings.Contains(text, form) {
				found = append(found, form)
			}
		}
	}
	// The longest first: one may begin like another, of which nothing must be left.
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, form := range found {
		text = strings.ReplaceAll(text, form, "[redacted]")
	}
	return text
}

// scrubCut is scrub for a text that may have been cut in the middle of a
// secret: what one begins with at the very end goes, too, if it has at least
// that many bytes.
func (s *secrets) scrubCut(text string, least int) string {
	text = s.scrub(text)
	if text == "" {
		return text
	}
	cut, last := 0, text[len(text)-1]
	for _, forms := range s.known() {
		for _, form := range forms {
			for n := min(len(form), len(text)); n >= least && n > cut; n-- {
				if form[n-1] == last && strings.HasSuffix(text, form[:n]) {
					cut = n
				}
			}
		}
	}
	if cut == 0 {
		return text
	}
	return text[:len(text)-cut] + "[redacted]"
}
