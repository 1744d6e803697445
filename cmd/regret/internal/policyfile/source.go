package policyfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A position is a line and a column of a file, both from 1. Columns count characters.
type position struct{ line, column int }

// A source is the text of a file by lines.
type source struct {
	name  string
	lines [][]rune
}

// fault returns an error at a position.
func (s *source) fault(at position, detail Detail, format string, args ...any) *Error {
	return s.wrap(at, detail, &policy.Error{Problem: fmt.Sprintf(format, args...)})
}

// wrap returns an error at a position, or one of the file as a whole if the line is 0.
func (s *source) wrap(at position, detail Detail, err error) *Error {
	e := &Error{File: s.name, Line: at.line, Column: at.column, Detail: detail, Err: err}
	if at.line > 0 && at.line <= len(s.lines) {
		e.Excerpt = excerpt(s.lines[at.line-1], at)
	}
	return e
}

// Windows of long lines that are shown: characters before and after the column.
const shownBefore, shownAfter = 60, 40

// excerpt returns a line with its number, and a caret below the column of a position.
func excerpt(line []rune, at position) string {
	column := min(at.column-1, len(line))
	from, to := max(0, column-shownBefore), min(len(line), column+shownAfter)
	before, after := printable(string(line[from:column])), printable(string(line[column:to]))
	if from > 0 {
		before = "…" + before
	}
	if to < len(line) {
		after += "…"
	}
	number := fmt.Sprintf("%5d", at.line)
	return fmt.Sprintf("%s | %s\n%s | %s^", number, strings.TrimRight(before+after, " "),
		strings.Repeat(" ", len(number)), strings.Repeat(" ", utf8.RuneCountInString(before)))
}

// printable replaces each character that a terminal would act on, and each that cannot be
// seen, by one that can. The number of characters stays the same.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return utf8.RuneError
	}, s)
}

// newSource splits a text of valid UTF-8 into lines.
func newSource(name string, data []byte) *source {
	s := &source{name: name}
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		s.lines = append(s.lines, []rune(string(bytes.TrimSuffix(line, []byte("\r")))))
	}
	return s
}

// positionOf returns the position of a byte.
func positionOf(data []byte, offset int) position {
	before := data[:max(0, min(offset, len(data)))]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return position{bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(line) + 1}
}

// decode checks that a file is UTF-8, and returns it without the byte order mark that
// editors on Windows write.
func decode(name string, data []byte) ([]byte, *Error) {
	whole := &source{name: name}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) || bytes.HasPrefix(data, []byte("\x00")) {
		return nil, whole.fault(position{}, Encoding, "the file is UTF-16 or UTF-32, as PowerShell writes it: save it as UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for offset := 0; offset < len(data); {
		r, size := utf8.DecodeRune(data[offset:])
		if r == utf8.RuneError && size == 1 {
			text := newSource(name, bytes.ToValidUTF8(data, []byte("\ufffd")))
			return nil, text.fault(positionOf(data, offset), Encoding, "this is not UTF-8: save the file as UTF-8")
		}
		offset += size
	}
	return data, nil
}

// checkCharacters reports characters of a YAML file that readers of YAML treat differently
// or that make a line look like another one, and tabs that indent.
func (s *source) checkCharacters() (found Errors) {
	for i, line := range s.lines {
		indenting := true
		for j, r := range line {
			at := position{i + 1, j + 1}
			switch {
			case r == '\t' && indenting:
				found = append(found, s.fault(at, Tab, "a tab indents the line: YAML is indented with spaces"))
			case r == '\r':
				found = append(found, s.fault(at, Encoding, "a carriage return ends the line alone: save the file with line ends of Unix or Windows"))
			case r != '\t' && unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufeff', unicode.Is(unicode.Bidi_Control, r):
				found = append(found, s.fault(at, Encoding, "the character %U cannot be seen here: remove it, or in double quotes write it as \\u%04X", r, r))
			default:
				indenting = indenting && r == ' '
				continue
			}
			break // one fault a line
		}
		if len(found) > maxFaults {
			break
		}
	}
	return found
}
