package policyfile

import (
	"reflect"
	"strings"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A shape is what a value of a policy must be.
type shape struct {
	kind     shapeKind
	key      string            // of the object that the value is in
	members  map[string]*shape // of an object, and of a pattern that is one
	element  *shape            // of a list
	oneOrAll bool              // one element may stand in place of the list
}

type shapeKind int

const (
	anything shapeKind = iota // the value of an unknown key
	text
	number
	flag
	objectShape
	listShape
	pattern // a text, or an object
)

// documentShape returns the shape of a policy. It follows from the types of
// [policy.Document], so that a key that the library gains is read strictly, too.
func documentShape() *shape {
	return shapeOf("", reflect.TypeFor[policy.Document]())
}

func shapeOf(key string, t reflect.Type) *shape {
	s := &shape{key: key}
	switch {
	case t == reflect.TypeFor[policy.Pattern]():
		s.kind, s.members = pattern, map[string]*shape{}
		for _, key := range []string{"regexp", "semver", "pre"} {
			s.members[key] = &shape{kind: text, key: key}
		}
	case t.Kind() == reflect.Pointer:
		return shapeOf(key, t.Elem())
	case t.Kind() == reflect.String:
		s.kind = text
	case t.Kind() == reflect.Int:
		s.kind = number
	case t.Kind() == reflect.Bool:
		s.kind = flag
	case t.Kind() == reflect.Slice:
		s.kind, s.element = listShape, shapeOf(key, t.Elem())
		s.oneOrAll = s.element.kind == pattern || key == "per"
	case t.Kind() == reflect.Struct:
		s.kind, s.members = objectShape, map[string]*shape{}
		for i := range t.NumField() {
			key, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			s.members[key] = shapeOf(key, t.Field(i).Type)
		}
	}
	return s
}

// member returns the shape of the value of a key.
func (s *shape) member(key string) *shape {
	if m, ok := s.members[key]; ok {
		return m
	}
	return &shape{}
}

// has reports whether the value that a JSON pointer leads to is one that a policy has.
func (s *shape) has(pointer string) bool {
	for _, part := range strings.Split(pointer, "/")[1:] {
		switch {
		case s.kind == listShape && part != "" && strings.Trim(part, "0123456789") == "":
			s = s.element
		case s.kind == listShape && s.oneOrAll: // of the one element
			s = s.element.member(part)
		default:
			s = s.member(part)
		}
		if s.kind == anything {
			return false
		}
	}
	return true
}
