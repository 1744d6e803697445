package fakeregistry

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// basicUser may do everything, or what its grants say.
type basicUser struct {
	name, password string
	limited        bool
	grants         []Grant
}

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
	info := requestInfo{req: req, route: rt}
	needed := r.requiredAccess(req, rt)
	refusal := ""
	if user, ok := r.authenticateBasic(req); ok {
		if user.allows(needed) {
			return nil
		}
		return r.refusalFor(reasonForbidden, info, newProblem(http.StatusForbidden, codeDenied, "requested access to the resource is denied", nil))
	}
	if ts := r.opts.tokens; ts != nil {
		var ok bool
		if refusal, ok = ts.checkToken(bearerToken(req), needed); ok {
			return nil
		}
		if _, puts := r.opts.refusals[reasonForbidden]; puts && refusal == insufficientScope {
			return r.refusalFor(reasonForbidden, info, nil)
		}
		if r.opts.quietChallenge {
			refusal = ""
		}
		w.Header().Add("WWW-Authenticate", challenge(ts.realmFor(req), ts.service, needed, refusal))
	}
	if len(r.opts.basic) > 0 && !r.opts.basicUnoffered {
		w.Header().Add("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", cmp.Or(r.opts.basicRealm, "registry")))
	}
	return r.refusalFor(reasonUnauthenticated, info, newProblem(http.StatusUnauthorized, codeUnauthorized, "authentication required", needed))
}

// user is who asks by Basic authentication.
func (r *Registry) authenticateBasic(req *http.Request) (basicUser, bool) {
	name, password, _ := req.BasicAuth()
	i := slices.IndexFunc(r.opts.basic, func(known basicUser) bool {
		return known.name == name && subtle.ConstantTimeCompare([]byte(known.password), []byte(password)) == 1
	})
	if i < 0 {
		return basicUser{}, false
	}
	return r.opts.basic[i], true
}

func (u basicUser) allows(needed []access) bool {
	return !u.limited || !slices.ContainsFunc(needed, func(need access) bool {
		return !slices.ContainsFunc(u.grants, func(g Grant) bool { return glob(g.Pattern, need.Name) && covers(g.Actions, need.Action) })
	})
}

// needs is what distribution asks for, by method: DELETE is "delete" alone.
func (r *Registry) requiredAccess(req *http.Request, rt route) []access {
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

func bearerToken(req *http.Request) string {
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
		fmt.Fprintf(&b, ",scope=%q", scopeString(needed))
	}
	if refusal != "" {
		fmt.Fprintf(&b, ",error=%q", refusal)
	}
	return b.String()
}

// scopes joins the actions on each resource, resources in the order they are first named.
func scopeString(needed []access) string {
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
