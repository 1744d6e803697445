package policyfile

import (
	"regexp"
	"strings"
)

// What readers of YAML take a text without quotes for. The rules are those of YAML 1.1 and of
// the schemas of YAML 1.2, and wider where that makes them simpler or where readers go
// further: all words in any case, several signs, infinity without a dot. Readers ignore
// underscores in numbers, and some ignore commas, so that both are removed before numbers are
// looked for. A text that is quoted without need does no harm, one that lacks its quotes does.
var (
	// 10, 1.10, 012, 12:30:45, 1.2.3, 1-2, and even "." by YAML 1.1
	digitsOnly = regexp.MustCompile(`^[0-9.:+-]*$`)
	// 1e3, 1.5E+3, .5e-3: abbreviated commits may look like this
	exponent = regexp.MustCompile(`^[-+]*[0-9.]*[0-9][0-9.]*[eE][-+]?[0-9]+$`)
	// 0x1F, 0o14, 0b11, 0x1p-2
	prefixed = regexp.MustCompile(`^[-+]*0([xX][-+]?[0-9a-fA-F.]+([pP][-+]?[0-9]+)?|[oO][-+]?[0-7]+|[bB][-+]?[01]+)$`)
	infinite = regexp.MustCompile(`(?i)^[-+]*\.?(inf|infinity|nan)$`)
	// 2024-01-31, 2024-01-31T12:00:00Z, 2024-01-31 12:00:00 +01:00
	date = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(([Tt]|[ \t]+)[0-9:.,+\-Zz \t]*)?$`)
	// 12:30, 190:20:30.15
	base60 = regexp.MustCompile(`^[-+]*[0-9]+(:[0-9]+)+(\.[0-9]*)?$`)
)

// words are what readers of YAML take for something else than text, in lower case.
var words = map[string]string{
	"": "null", "~": "null", "null": "null",
	"true": "a boolean", "yes": "a boolean", "y": "a boolean", "on": "a boolean",
	"false": "a boolean", "no": "a boolean", "n": "a boolean", "off": "a boolean",
	"<<": "a merge key", "=": "a default value",
}

// resolve returns what some reader of YAML takes a text without quotes for, or "" if all
// of them take it for a text.
func resolve(text string) string {
	if word, ok := words[strings.ToLower(text)]; ok {
		return word
	}
	number := strings.NewReplacer("_", "", ",", "").Replace(text)
	switch {
	case date.MatchString(text):
		return "a date"
	case base60.MatchString(number):
		return "a number to the base of 60"
	case digitsOnly.MatchString(number), exponent.MatchString(number), prefixed.MatchString(number), infinite.MatchString(number):
		return "a number"
	}
	return ""
}

// asQuoted returns a text as it is written in YAML as a text: in double quotes, or
// in single quotes if these are easier to read.
func asQuoted(text string) string {
	if !strings.ContainsAny(text, `"\`) {
		return `"` + text + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
