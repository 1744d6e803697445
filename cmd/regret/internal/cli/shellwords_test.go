package cli

import (
	"regexp"
	"slices"
	"strings"
)

// beforeCommands are the words that a command may follow.
var beforeCommands = []string{"$", "!", "{", "exec", "then", "do", "else", "time"}

var assignment = regexp.MustCompile(`^[A-Z_]+=`)

// shellCommands returns the words of each command line of regret in a script, without redirections.
func shellCommands(script string) [][]string {
	var found [][]string
	s := &shellScanner{text: script}
	for !s.atEnd() {
		words := s.command()
		for len(words) > 0 && (slices.Contains(beforeCommands, words[0]) || assignment.MatchString(words[0])) {
			words = words[1:]
		}
		if len(words) > 0 && words[0] == "regret" {
			found = append(found, words)
		}
	}
	return found
}

// A shellScanner reads words as a shell does, as far as the files of this repository need it.
type shellScanner struct {
	text string
	at   int
}

func (s *shellScanner) atEnd() bool { return s.at >= len(s.text) }

// command returns the words up to the next operator or the end of the line.
func (s *shellScanner) command() (words []string) {
	for !s.atEnd() {
		switch c := s.text[s.at]; {
		case strings.HasPrefix(s.text[s.at:], "\\\n"):
			s.at += 2
		case c == ' ' || c == '\t':
			s.at++
		case c == '#':
			s.skipLine()
		case c == '>' || c == '<':
			if s.at++; !s.atEnd() && s.text[s.at] == '(' {
				s.at++
				return words
			}
			s.redirection()
		case strings.IndexByte("\n;|&()", c) >= 0:
			s.at++
			return words
		default:
			word := s.word()
			if !s.atEnd() && s.text[s.at] == '>' && (word == "1" || word == "2") {
				continue
			}
			words = append(words, word)
		}
	}
	return words
}

func (s *shellScanner) skipLine() {
	for !s.atEnd() && s.text[s.at] != '\n' {
		s.at++
	}
}

// redirection skips what comes after < or >.
func (s *shellScanner) redirection() {
	for !s.atEnd() && strings.IndexByte("<>& ", s.text[s.at]) >= 0 {
		s.at++
	}
	s.word()
}

// word returns the next word, without its quotes.
func (s *shellScanner) word() string {
	var word strings.Builder
	quote := byte(0)
	for ; !s.atEnd(); s.at++ {
		c := s.text[s.at]
		switch {
		case quote == 0 && strings.IndexByte(" \t\n;|&()<>", c) >= 0:
			return word.String()
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		default:
			word.WriteByte(c)
		}
	}
	return word.String()
}
