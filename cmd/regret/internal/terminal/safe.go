package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Safe returns a text from a registry or a file as it may be shown. What a terminal would act on,
// or what cannot be seen, is escaped as in a Go string: control characters (C0, C1), line
// breaks among them, what changes the direction of text, what has no width, and bytes that are
// not UTF-8.
func Safe(s string) string { return escape(s, false) }

// SafeLines is [Safe] for a text of several lines: line feeds stay.
func SafeLines(s string) string { return escape(s, true) }

func escape(s string, lines bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case isVisible(r), lines && r == '\n':
			b.WriteRune(r)
		default:
			writeEscaped(&b, r)
		}
		i += size
	}
	return b.String()
}

// isVisible reports whether a rune is a space or leaves something on the screen and does nothing
// else. A letter of the category Lo may be invisible: the fillers of Hangul.
func isVisible(r rune) bool {
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func writeEscaped(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < 0x80:
		fmt.Fprintf(b, `\x%02x`, r)
	case r < 0x10000:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}
