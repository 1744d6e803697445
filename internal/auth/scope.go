package auth

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// A Scope is what a request needs: one action on one resource. The resource is
// empty for requests about the registry as a whole.
//
// See https://distribution.github.io/distribution/spec/auth/scope/
type Scope struct {
	Type   string // "repository" or "registry"
	Name   string
	Action string // "pull", "push", "delete" or "*"
}

// resource is the scope without its action, as in "repository:team/app".
func (s Scope) resource() string {
	if s.Type == "" {
		return ""
	}
	return s.Type + ":" + s.Name
}

// repository is the name to ask the source of credentials for.
func (s Scope) repository() string {
	if s.Type == "repository" {
		return s.Name
	}
	return ""
}

// scopeBreadth is how much is asked for in one token request. Asking at once for
// what a resolve and a delete need saves two requests. Token services that do
// not know the action "delete" refuse that; they are asked for exactly the
// challenge's scope, and at last for every action.
type scopeBreadth int32

const (
	scopeWide  scopeBreadth = iota // the challenge's scope together with pull,delete
	scopeExact                     // the challenge's scope
	scopeStar                      // every action
)

var allActions = []string{"*"}

// wideActions are asked for together with the challenge's.
func (s Scope) wideActions() []string {
	switch s.Action {
	case "pull", "delete":
		return []string{"pull", "delete"}
	case "push":
		return []string{"pull", "push"}
	}
	return []string{s.Action}
}

// request returns the scope to ask the token service for, given the challenge's
// own, and the actions that it covers.
func (s Scope) request(breadth scopeBreadth, challenged string) (scope string, actions []string) {
	others, actions := splitScope(challenged, s.resource())
	switch {
	case s.resource() == "":
		return challenged, []string{s.Action}
	case breadth == scopeStar:
		actions = allActions
	case breadth == scopeWide || challenged == "":
		actions = union(actions, s.wideActions())
	default:
		return challenged, union(actions, []string{s.Action})
	}
	return strings.Join(append(others, s.resource()+":"+strings.Join(actions, ",")), " "), actions
}

// fallback returns the next breadth that asks for something else; beyond
// scopeStar if there is none.
func (s Scope) fallback(breadth scopeBreadth, challenged string) scopeBreadth {
	refused, _ := s.request(breadth, challenged)
	for breadth++; breadth <= scopeStar; breadth++ {
		if scope, _ := s.request(breadth, challenged); scope != refused {
			break
		}
	}
	return breadth
}

// splitScope separates the actions on one resource from the rest of a scope.
func splitScope(scope, resource string) (others, actions []string) {
	for field := range strings.FieldsSeq(scope) {
		i := strings.LastIndexByte(field, ':')
		if i >= 0 && field[:i] == resource {
			actions = union(actions, strings.Split(field[i+1:], ","))
		} else {
			others = append(others, field)
		}
	}
	return others, actions
}

// union keeps the order in which actions first appear.
func union(a, b []string) []string {
	merged := slices.Clone(a)
	for _, action := range b {
		if action != "" && !slices.Contains(merged, action) {
			merged = append(merged, action)
		}
	}
	return merged
}

// permits reports whether a list of actions includes one.
func permits(actions []string, action string) bool {
	return slices.Contains(actions, action) || slices.Contains(actions, "*")
}

// lacks reports whether a token states that it does not allow what the challenge
// asked for. A token is the registry's business, but a service that grants less
// than it was asked for often says so in the token, and the registry's next
// response would only confirm it. A token that cannot be read lacks nothing.
//
// See https://distribution.github.io/distribution/spec/auth/jwt/
func lacks(token, challenged, resource string) bool {
	_, asked := splitScope(challenged, resource)
	parts := strings.Split(token, ".")
	if len(asked) == 0 || len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return false
	}
	var claims struct {
		Access *[]struct {
			Type, Name string
			Actions    []string
		} `json:"access"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Access == nil {
		return false
	}
	var granted []string
	for _, entry := range *claims.Access {
		if (Scope{Type: entry.Type, Name: entry.Name}).resource() == resource {
			granted = union(granted, entry.Actions)
		}
	}
	return slices.ContainsFunc(asked, func(action string) bool { return !permits(granted, action) })
}
