package policyfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// syntaxOfYAML returns the fault that the YAML library has found.
func syntaxOfYAML(src *source, err error) *Error {
	where, problem := position{1, 1}, err.Error()
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		where, problem = at(syntax.GetToken()), syntax.GetMessage()
	}
	advice := hint(src, where)
	switch {
	case strings.Contains(advice, "must be quoted"):
		return src.fault(where, Syntax, "%s", strings.TrimPrefix(advice, "; "))
	case strings.Contains(problem, "escape"):
		advice = inDouble
	case strings.Contains(problem, "reserved character"), strings.Contains(problem, "invalid header"):
		problem = "this text must be quoted"
	case problem == "non-map value is specified":
		problem = "this is no key with a value: the line before it may lack quotes, or this one its colon or dash"
	case strings.HasPrefix(problem, "value is not allowed in this context"):
		problem = "nothing can stand here: compare how this line and the lines before it are indented"
	case problem == "mapping value is not allowed in this context":
		problem = "no key can stand here: a text with a colon must be quoted, and a key begins a line"
	}
	return src.fault(where, Syntax, "this is not YAML: %s%s", problem, advice)
}

const inDouble = "; in double quotes a backslash is written twice, and regular expressions are easier to read in single quotes"

// special are the characters that mean something at the beginning of a text.
const special = "*&!%@`>|?"

var (
	// value is what is behind the key or the dash of a line.
	value = regexp.MustCompile(`^ *(?:- +)*(?:[\w-]+ *: +)?(.*?) *(?: #.*)?$`)
	// insideFlow is a text without quotes in brackets or braces.
	insideFlow = regexp.MustCompile(`^[^\s,\]}]+`)
	// wordWithBracket is a glob such as v[0-9], {a,b}-* or [0-9]*.
	wordWithBracket = regexp.MustCompile(`[^\s,:\[{("'][\[{]|[\]}][^\s,\]}]`)
)

// hint says what to quote in a line that is not YAML, or "". Globs and ranges of versions often
// begin with a character that has a meaning in YAML.
func hint(src *source, at position) string {
	if at.line < 1 || at.line > len(src.lines) {
		return ""
	}
	line := src.lines[at.line-1]
	text := value.FindStringSubmatch(string(line))[1]
	if strings.ContainsAny(text[:min(1, len(text))], "[{") && at.column <= len(line) {
		here := insideFlow.FindString(string(line[max(0, at.column-1):]))
		if here != "" && strings.Contains(special, here[:1]) && !wordWithBracket.MatchString(text) {
			text = here
		}
	}
	switch {
	case text == "":
		return ""
	case strings.Contains(special, text[:1]):
		return fmt.Sprintf("; a text that begins with %s must be quoted: %s", text[:1], asQuoted(text))
	case wordWithBracket.MatchString(text):
		return `; a pattern with brackets or braces must be quoted: "v[0-9]*"`
	case text[0] == '"' && strings.Contains(text, `\`):
		return inDouble
	}
	return ""
}
