package regret

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// The scope ladder. Asking at once for what a resolve and a delete need saves
// two requests; services that do not know the action "delete" refuse that, and
// are asked for exactly what the challenge said, and at last for everything.
//
// See https://distribution.github.io/distribution/spec/auth/scope/
const (
	rungWide int32 = iota // the challenge's scope together with pull,delete
	rungOwn               // the challenge's scope as it came
	rungStar              // every action
)

// A resource is what a scope is about; the zero value is none.
//
// See https://distribution.github.io/distribution/spec/auth/scope/#resource-scope-grammar
type resource struct{ kind, name string }

func (r resource) String() string { return r.kind + ":" + r.name }

// wideActions are asked together with the challenge's.
func (x *exchange) wideActions() []string {
	switch x.action {
	case "pull", "delete":
		return []string{"pull", "delete"}
	case "push":
		return []string{"pull", "push"}
	}
	return []string{x.action}
}

// scopeFor is the scope to ask on a rung, and the actions it covers.
func (x *exchange) scopeFor(rung int32, own string) (scope string, actions []string) {
	_, actions = splitScope(own, x.resource)
	switch {
	case x.resource == resource{}:
		return own, []string{x.action}
	case rung == rungStar:
		actions = []string{"*"}
	case rung == rungWide || own == "":
		actions = union(actions, x.wideActions())
	default:
		return own, union(actions, []string{x.action})
	}
	others, _ := splitScope(own, x.resource)
	return strings.Join(append(others, x.resource.String()+":"+strings.Join(actions, ",")), " "), actions
}

// nextRung is the next rung that asks for something else; beyond rungStar if
// there is none.
func (x *exchange) nextRung(rung int32, own string) int32 {
	refused, _ := x.scopeFor(rung, own)
	for rung++; rung <= rungStar; rung++ {
		if scope, _ := x.scopeFor(rung, own); scope != refused {
			break
		}
	}
	return rung
}

// splitScope separates what a scope says about one resource from the rest.
func splitScope(scope string, about resource) (others, actions []string) {
	for field := range strings.FieldsSeq(scope) {
		i := strings.LastIndexByte(field, ':')
		if i >= 0 && field[:i] == about.String() {
			actions = union(actions, strings.Split(field[i+1:], ","))
		} else {
			others = append(others, field)
		}
	}
	return others, actions
}

// union keeps the order in which actions were first named.
func union(a, b []string) []string {
	merged := slices.Clone(a)
	for _, action := range b {
		if action != "" && !slices.Contains(merged, action) {
			merged = append(merged, action)
		}
	}
	return merged
}

// permits says whether a list of actions includes one.
func permits(actions []string, action string) bool {
	return slices.Contains(actions, action) || slices.Contains(actions, "*")
}

// lacks reports that a token says of itself that it does not allow what the
// challenge asked for. Tokens are the registry's business, but a service that
// grants less than it was asked often writes so, and the answer to the next
// request would only confirm it. A token that does not tell lacks nothing.
//
// See https://distribution.github.io/distribution/spec/auth/jwt/
func lacks(token, own string, about resource) bool {
	_, asked := splitScope(own, about)
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
		if (resource{entry.Type, entry.Name}) == about {
			granted = union(granted, entry.Actions)
		}
	}
	return slices.ContainsFunc(asked, func(action string) bool { return !permits(granted, action) })
}
