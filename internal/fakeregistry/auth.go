package fakeregistry

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// basicUser is a user who authenticates with Basic credentials. Unless limited is set, grants is
// ignored and the user may do everything.
type basicUser struct {
	name, password string
	limited        bool
	grants         []Grant
}

// access is one action that a request performs on one resource. distribution sends a list of them
// as the detail of a 401, with these field names and a Class that is always empty here.
type access struct {
	Type   string
	Class  string
	Name   string
	Action string
}

// authorize checks the credentials of req against the configured schemes: Basic, Bearer, or either
// of the two.
func (r *Registry) authorize(w http.ResponseWriter, req *http.Request, rt route) *problem {
	if r.opts.tokens == nil && len(r.opts.basic) == 0 {
		return nil
	}
	if r.isAnonymousRead(w, req, rt) {
		return nil
	}
	info := requestInfo{req: req, route: rt}
	needed := r.requiredAccess(req, rt)
	challengeError := ""
	if user, ok := r.authenticateBasic(req); ok {
		if user.allows(needed) {
			return nil
		}
		return r.refusalFor(reasonForbidden, info, newProblem(http.StatusForbidden, codeDenied, "requested access to the resource is denied", nil))
	}
	if ts := r.opts.tokens; ts != nil {
		var ok bool
		if challengeError, ok = ts.checkToken(bearerToken(req), needed); ok {
			return nil
		}
		if _, custom := r.opts.refusals[reasonForbidden]; custom && challengeError == insufficientScope {
			return r.refusalFor(reasonForbidden, info, nil)
		}
		if r.opts.quietChallenge {
			challengeError = ""
		}
		w.Header().Add("WWW-Authenticate", challenge(ts.realmFor(req), ts.service, cmp.Or(r.opts.challengeScope, scopeString(needed)), challengeError))
	}
	if len(r.opts.basic) > 0 && !r.opts.basicUnoffered {
		w.Header().Add("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", cmp.Or(r.opts.basicRealm, "registry")))
	}
	return r.refusalFor(reasonUnauthenticated, info, newProblem(http.StatusUnauthorized, codeUnauthorized, "authentication required", needed))
}

// authenticateBasic returns the user whose Basic credentials req carries.
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

// allows reports whether the user may perform every needed action.
func (u basicUser) allows(needed []access) bool {
	return !u.limited || !slices.ContainsFunc(needed, func(need access) bool {
		return !slices.ContainsFunc(u.grants, func(g Grant) bool { return glob(g.Pattern, need.Name) && covers(g.Actions, need.Action) })
	})
}

// requiredAccess returns the access that distribution requires for req. A DELETE requires "delete"
// alone, without "pull".
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

// bearerToken returns the Bearer token that req carries, or "".
func bearerToken(req *http.Request) string {
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// challenge returns a Bearer challenge for the WWW-Authenticate header field. An empty scope or
// errorCode is left out.
//
// https://distribution.github.io/distribution/spec/auth/token/#how-to-authenticate
func challenge(realm, service, scope, errorCode string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Bearer realm=%q,service=%q", realm, service)
	if scope != "" {
		fmt.Fprintf(&b, ",scope=%q", scope)
	}
	if errorCode != "" {
		fmt.Fprintf(&b, ",error=%q", errorCode)
	}
	return b.String()
}

// scopeString formats needed as token scopes. The actions on a resource are joined into one scope,
// and resources keep the order in which they first appear.
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
