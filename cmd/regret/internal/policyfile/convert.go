package policyfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// maxValues is how many values a policy may have once its aliases are replaced. The library
// looks at all faults for each value, so that many values with faults would take it long.
const maxValues = 10_000

// A converter writes the values of a file as the JSON that the library reads, and collects
// faults. In place of a value with a fault it writes null.
type converter struct {
	src    *source
	root   *node
	shape  *shape // of the root
	out    []byte
	faults Errors

	nodes    int
	full     bool            // there are too many values
	reported map[string]bool // pointers of values with a fault
	twice    map[string]bool // pointers of keys that are repeated
	seen     map[*node]bool  // values that were searched for repeated keys
}

// fault records a fault of a value, and writes null in place of the value.
func (c *converter) fault(n *node, at string, detail Detail, format string, args ...any) {
	c.record(n, at, detail, fmt.Sprintf(format, args...))
	c.instead(at)
}

// instead writes null in place of a value with a fault, of which the library need say no more.
func (c *converter) instead(at string) {
	if c.reported == nil {
		c.reported = map[string]bool{}
	}
	c.reported[at] = true
	c.out = append(c.out, "null"...)
}

func (c *converter) record(n *node, at string, detail Detail, problem string) {
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, c.src.wrap(n.at, detail, &policy.Error{
			Rule: c.ruleOf(at), Field: fieldOf(at), Pointer: at, Problem: problem,
		}))
	}
}

// value writes a value that must have a shape.
func (c *converter) value(n *node, s *shape, at string) {
	if c.nodes++; c.nodes > maxValues || len(c.out) > 8*MaxSize {
		if !c.full {
			c.full = true
			c.record(n, "", TooLarge, fmt.Sprintf("the policy has more than %d values, or is too long, once its aliases are replaced: lists of images that must stay belong into an in-use list", maxValues))
		}
		c.out = append(c.out, "null"...)
		return
	}
	switch {
	case n.faulty:
		c.instead(at)
	case s.kind == anything: // the library reports the key
		c.out = append(c.out, "null"...)
	case s.oneOrAll && n.kind != list:
		c.value(n, s.element, at)
	case s.kind == text, s.kind == pattern && (n.kind != object || n.bare):
		c.text(n, s, at)
	case n.kind == object:
		c.object(n, s, at)
	case n.kind == list:
		c.list(n, s, at)
	case n.style == absent:
		c.fault(n, at, NoValue, "there is no value: leave the key out, or write what it is")
	case s.kind == number:
		c.number(n, at)
	case s.kind == flag:
		c.flag(n, at)
	default:
		c.string(n.text) // the library says what must be there
	}
}

func (c *converter) object(n *node, s *shape, at string) {
	c.out = append(c.out, '{')
	seen := map[string]bool{}
	for i, key := range n.keys {
		if seen[key.text] || key.faulty {
			continue
		}
		if len(seen) > 0 {
			c.out = append(c.out, ',')
		}
		seen[key.text] = true
		c.string(key.text)
		c.out = append(c.out, ':')
		c.value(n.values[i], s.member(key.text), at+"/"+escape(key.text))
	}
	c.out = append(c.out, '}')
}

// class is a class of characters without its brackets: a-z, A-Za-z0-9.
var class = regexp.MustCompile(`^(\w-\w)+$`)

func (c *converter) list(n *node, s *shape, at string) {
	element := s.element
	if element == nil {
		element = &shape{}
	}
	if n.flow && element.kind == pattern && len(n.values) == 1 && n.values[0].style == plain && class.MatchString(n.values[0].text) {
		glob := n.values[0].text
		c.fault(n, at, Ambiguous, `[%s] without quotes is a list of the one glob %q: write "[%s]" if it is a class of characters, or [%q] if it is a tag`, glob, glob, glob, glob)
		return
	}
	c.out = append(c.out, '[')
	for i, value := range n.values {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.value(value, element, at+"/"+strconv.Itoa(i))
	}
	c.out = append(c.out, ']')
}

// text writes a value that must be a text.
func (c *converter) text(n *node, s *shape, at string) {
	switch {
	case n.kind != scalar && n.text != "":
		c.fault(n, at, Ambiguous, "without quotes, YAML readers take %s for %s: write %s", n.text, n.kind, asQuoted(n.text))
	case n.kind == list:
		c.out = append(c.out, "[]"...) // the library says what must be there
	case n.kind == object:
		c.out = append(c.out, "{}"...)
	case n.style == absent:
		c.fault(n, at, NoValue, "there is no value: leave the key out, or write a text")
	case n.style == plain && n.resolves != "":
		write := asQuoted(n.text)
		if isSpan(s.key) && wholeNumber.MatchString(n.text) {
			write = asQuoted(n.text + "d")
		}
		c.fault(n, at, Ambiguous, "without quotes, YAML readers take %s for %s: write %s", n.text, n.resolves, write)
	case n.style == block && strings.Index(n.text, "\n") == len(n.text)-1:
		c.fault(n, at, LineBreak, "the text ends with a line break: write |- or >-, which leave it out")
	case strings.Contains(n.text, "\n"):
		c.fault(n, at, LineBreak, "the text has line breaks, and nothing that a policy names has one: write it on one line")
	case n.joined && s.key != "name" && s.key != "semver":
		c.fault(n, at, LineBreak, "the lines are joined with spaces: write the text on one line")
	default:
		c.string(n.text)
	}
}

func isSpan(key string) bool {
	return key == "older-than" || key == "within" || key == "not-pulled" || key == "max-age"
}

func (k nodeKind) String() string {
	return [...]string{scalar: "a text", object: "an object", list: "a list"}[k]
}

var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func (c *converter) number(n *node, at string) {
	switch {
	case n.style == plain && wholeNumber.MatchString(n.text):
		c.out = append(c.out, n.text...)
	case wholeNumber.MatchString(n.text):
		c.fault(n, at, Mistyped, "it must be a number, not a text: write %s without quotes", n.text)
	default:
		c.fault(n, at, Mistyped, "it must be a whole number such as 10, in digits alone, not %s", asWritten(n))
	}
}

func (c *converter) flag(n *node, at string) {
	isFlag := n.text == "true" || n.text == "false"
	switch {
	case n.style == plain && isFlag:
		c.out = append(c.out, n.text...)
	case isFlag:
		c.fault(n, at, Mistyped, "it must be true or false, not a text: write %s without quotes", n.text)
	default:
		c.fault(n, at, Mistyped, "it must be true or false, not %s", asWritten(n))
	}
}

// asWritten returns a scalar as the file has it, roughly.
func asWritten(n *node) string {
	const most = 60
	s := n.text
	if n.style != plain {
		s = asQuoted(s)
	}
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

func (c *converter) string(s string) {
	quoted, err := json.Marshal(s)
	if err != nil {
		quoted = []byte("null") // a string can always be encoded
	}
	c.out = append(c.out, quoted...)
}

// duplicates reports each key that an object has twice.
func (c *converter) duplicates(n *node, at string) {
	if c.seen[n] {
		return // by an alias
	}
	if c.seen == nil {
		c.seen = map[*node]bool{}
	}
	c.seen[n] = true
	lines := map[string]int{}
	for i, value := range n.values {
		part := strconv.Itoa(i)
		if n.kind == object {
			key := n.keys[i]
			if key.faulty {
				continue
			}
			part = escape(key.text)
			if line, ok := lines[key.text]; ok {
				if c.twice == nil {
					c.twice = map[string]bool{}
				}
				c.twice[at+"/"+part] = true
				c.record(key, at+"/"+part, Duplicate, fmt.Sprintf("the key is there twice, first on line %d", line))
				continue
			}
			lines[key.text] = key.at.line
		}
		c.duplicates(value, at+"/"+part)
	}
}

// add adds the faults that the library has found, at the positions of their values.
func (c *converter) add(err error) {
	all, ok := errors.AsType[policy.Errors](err)
	if !ok {
		if err != nil {
			c.faults = append(c.faults, c.src.wrap(position{}, Invalid, err))
		}
		return
	}
	for _, fault := range all {
		if c.reported[fault.Pointer] || c.twice[fault.Pointer] && strings.Contains(fault.Problem, "twice") || len(c.faults) >= maxFaults {
			continue
		}
		key, value, found := c.root.find(fault.Pointer)
		if !found && slices.ContainsFunc(value.keys, func(k *node) bool { return k.faulty }) {
			continue // what is missing may be there
		}
		at, detail := value.at, Invalid
		if found && key != nil && !c.shape.has(fault.Pointer) {
			at, detail = key.at, Unknown
		}
		c.faults = append(c.faults, c.src.wrap(at, detail, fault))
	}
}

// ruleOf returns the name of the rule that a value is in, if it has one.
func (c *converter) ruleOf(pointer string) string {
	parts := strings.SplitN(pointer, "/", 4)
	if len(parts) < 3 || parts[1] != "keep" && parts[1] != "remove" {
		return ""
	}
	_, name, found := c.root.find(strings.Join(parts[:3], "/") + "/name")
	if !found || name.kind != scalar || name.resolves != "" {
		return ""
	}
	return name.text
}

// fieldOf returns the key that a user looks for, as the library does.
func fieldOf(pointer string) string {
	parts := strings.Split(pointer, "/")
	switch {
	case len(parts) > 3 && (parts[1] == "keep" || parts[1] == "remove"):
		return parts[3]
	case len(parts) > 2 && parts[1] == "limits":
		return "limits." + parts[2]
	case len(parts) > 1:
		return parts[1]
	}
	return ""
}

// escape makes one part of a JSON pointer from a key.
func escape(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }
