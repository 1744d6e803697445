package redact

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxClip is the length to which [Clip] shortens a text.
const MaxClip = 200

// Clip keeps an error that quotes hostile input short. Redact before you clip:
// half a secret is no longer recognised.
func Clip(s string) string {
	if len(s) > MaxClip {
		return s[:MaxClip] + "…"
	}
	return s
}

// Printable makes one line of a text: it folds white space, replaces what a
// terminal would act on, and cuts at limit bytes.
func Printable(s string, limit int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		if b.Len()+utf8.RuneLen(r)+1 > limit-len("…") {
			b.WriteString("…")
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

var (
	// A query may contain an "@", and a malformed address a password with a "?".
	ambiguousPattern = regexp.MustCompile(`://[^\s"]*[?#][^\s"]*@[^\s"]*`)
	userinfoPattern  = regexp.MustCompile(`://[^\s"]*@`)
	queryPattern     = regexp.MustCompile(`(://[^\s"?]*)\?[^\s"]*`)
)

// URLs removes user information and queries from the URLs in a text: the
// password of a proxy from the environment, the signature of a storage URL.
func URLs(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	text = ambiguousPattern.ReplaceAllString(text, "://…")
	text = userinfoPattern.ReplaceAllString(text, "://…@")
	return queryPattern.ReplaceAllString(text, "$1?…")
}
