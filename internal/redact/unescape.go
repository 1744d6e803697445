package redact

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// An unescaped text is one whose escapes are replaced by what they stand for, to
// find secrets that a server escapes in a form of its own.
type unescaped struct {
	text string
	at   []int // where each byte, and the end, begins in the original text
}

// unescape returns the forms of a text in which the escapes of URLs (%2F) and of
// JSON (\u002f, \/) are replaced: none if there are none, and one more if a plus may
// stand for a space, as it does in a query.
func unescape(text string) (forms []unescaped) {
	if strings.ContainsAny(text, `%\`) {
		forms = append(forms, replaceEscapes(text, "+"))
	}
	if strings.Contains(text, "+") {
		forms = append(forms, replaceEscapes(text, " "))
	}
	return forms
}

func replaceEscapes(text, plus string) (u unescaped) {
	var b strings.Builder
	for i := 0; i < len(text); {
		meaning, length := escape(text[i:])
		switch {
		case length == 0 && text[i] == '+':
			meaning, length = plus, 1
		case length == 0:
			meaning, length = text[i:i+1], 1
		}
		for range len(meaning) {
			u.at = append(u.at, i)
		}
		b.WriteString(meaning)
		i += length
	}
	u.text, u.at = b.String(), append(u.at, len(text))
	return u
}

// incomplete is an escape that was cut.
var incomplete = regexp.MustCompile(`(?:%[0-9A-Fa-f]?|\\(?:u[0-9A-Fa-f]{0,3})?)$`)

// beforeCut returns the text without an escape that was cut at its end.
func (u unescaped) beforeCut() string {
	if at := incomplete.FindStringIndex(u.text); at != nil {
		return u.text[:at[0]]
	}
	return u.text
}

// jsonMeanings are the escapes of JSON that are one letter.
var jsonMeanings = map[byte]string{'"': `"`, '\\': `\`, '/': "/", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t"}

// escape returns what the escape at the beginning of a text stands for, and its
// length; 0 if there is none.
func escape(text string) (meaning string, length int) {
	if len(text) < 2 {
		return "", 0
	}
	switch {
	case text[0] == '%' && len(text) >= 3:
		if c, err := strconv.ParseUint(text[1:3], 16, 8); err == nil {
			return string([]byte{byte(c)}), 3
		}
	case text[0] != '\\':
	case text[1] == 'u':
		return unicodeEscape(text)
	default:
		if meaning, ok := jsonMeanings[text[1]]; ok {
			return meaning, 2
		}
	}
	return "", 0
}

// unicodeEscape reads an escape such as \u00e4, or two that are a pair of surrogates.
func unicodeEscape(text string) (meaning string, length int) {
	unit := func(text string) (rune, bool) {
		if len(text) < 6 || text[:2] != `\u` {
			return 0, false
		}
		c, err := strconv.ParseUint(text[2:6], 16, 16)
		return rune(c), err == nil
	}
	first, ok := unit(text)
	if !ok {
		return "", 0
	}
	if second, ok := unit(text[6:]); ok {
		if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
			return string(pair), 12
		}
	}
	return string(first), 6
}
