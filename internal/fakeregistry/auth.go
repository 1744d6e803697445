package fakeregistry

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

type basicUser struct{ name, password string }

// access is one thing a request does to one resource.
type access struct {
	Type   string
	Class  string
	Name   string
	Action string
}

// authorize wants what the options say it does: Basic, Bearer or either.
func (r *Registry) authorize(w http.ResponseWriter, req *http.Request, rt route) *problem {
	if r.opts.tokens == nil && len(r.opts.basic) == 0 {
		return nil
	}
	if user, password, ok := req.BasicAuth(); ok && r.knows(user, password) {
		return nil
	}
	needed := r.needs(req, rt)
	if ts := r.opts.tokens; ts != nil {
		refusal, ok := ts.check(bearer(req), needed)
		if ok {
			return nil
		}
		w.Header().Add("WWW-Authenticate", challenge(ts.realmFor(req), ts.service, needed, refusal))
	}
	if len(r.opts.basic) > 0 {
		w.Header().Add("WWW-Authenticate", `Basic realm="registry"`)
	}
	return refuse(http.StatusUnauthorized, codeUnauthorized, "authentication required", needed)
}

func (r *Registry) knows(user, password string) bool {
	return slices.ContainsFunc(r.opts.basic, func(known basicUser) bool {
		return known.name == user && subtle.ConstantTimeCompare([]byte(known.password), []byte(password)) == 1
	})
}

// needs is what distribution asks for, by method: DELETE is "delete" alone.
func (r *Registry) needs(req *http.Request, rt route) []access {
	switch rt.endpoint {
	case endpointBase:
		return nil
	case endpointCatalog:
		return []access{{Type: "registry", Name: "catalog", Action: "*"}}
	}
	var actions []string
	switch req.Method {
	case http.MethodGet, http.MethodHead:
		actions = []string{"pull"}
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		actions = []string{"pull", "push"}
	case http.MethodDelete:
		actions = []string{"delete"}
		if r.opts.deleteActions != nil {
			actions = r.opts.deleteActions
		}
	}
	var needed []access
	for _, action := range actions {
		needed = append(needed, access{Type: "repository", Name: rt.name, Action: action})
	}
	if from := req.URL.Query().Get("from"); rt.endpoint == endpointUploads && from != "" {
		needed = append(needed, access{Type: "repository", Name: from, Action: "pull"})
	}
	return needed
}

func bearer(req *http.Request) string {
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// challenge is the value of WWW-Authenticate.
//
// https://distribution.github.io/distribution/spec/auth/token/#how-to-authenticate
func challenge(realm, service string, needed []access, refusal string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Bearer realm=%q,service=%q", realm, service)
	if len(needed) > 0 {
		fmt.Fprintf(&b, ",scope=%q", scopes(needed))
	}
	if refusal != "" {
		fmt.Fprintf(&b, ",error=%q", refusal)
	}
	return b.String()
}

// scopes joins the actions on each resource, resources in the order they are first named.
func scopes(needed []access) string {
	var resources []string
	actions := map[string][]string{}
	for _, a := range needed {
		resource := a.Type + ":" + a.Name
		if _, ok := actions[resource]; !ok {
			resources = append(resources, resource)
		}
		actions[resource] = append(actions[resource], a.Action)
	}
	for i, resource := range resources {
		resources[i] = resource + ":" + strings.Join(actions[resource], ",")
	}
	return strings.Join(resources, " ")
}
