package fakeregistry

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

type tokenResponse struct {
	Token        string `json:"token,omitempty"`
	AccessToken  string `json:"access_token"`
	Scope        string `json:"scope,omitempty"`
	ExpiresIn    int    `json:"expires_in,omitempty"`
	IssuedAt     string `json:"issued_at,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

func (ts *TokenService) serve(w http.ResponseWriter, req *http.Request) {
	switch req.Method {
	case http.MethodGet, http.MethodHead:
		ts.handleGet(w, req)
	case http.MethodPost:
		ts.handlePost(w, req)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
	}
}

// handleGet issues a token for a GET request, which has its scopes in the query and may have Basic
// credentials.
func (ts *TokenService) handleGet(w http.ResponseWriter, req *http.Request) {
	name, password, hasCredentials := req.BasicAuth()
	if hasCredentials && !ts.validPassword(name, password) || !hasCredentials && ts.credentialsRequired {
		w.Header().Set("WWW-Authenticate", `Basic realm="token service"`)
		writeJSON(w, http.StatusUnauthorized, "application/json",
			errorDocument{[]errorDetail{{Code: codeUnauthorized, Message: "incorrect username or password"}}})
		return
	}
	query := req.URL.Query()
	requested, ok := ts.parseScopes(w, query["scope"])
	if !ok {
		return
	}
	now := time.Now()
	ts.mu.Lock()
	granted := ts.grantedAccess(name, requested)
	token := ts.newToken(name, granted, now)
	resp := tokenResponse{Token: token, AccessToken: token}
	if hasCredentials && query.Get("offline_token") == "true" {
		resp.RefreshToken = ts.newRefreshToken(name)
	}
	ts.mu.Unlock()
	ts.writeToken(w, resp, now)
}

// handlePost issues a token for an OAuth2 request, which has a password or a refresh token.
func (ts *TokenService) handlePost(w http.ResponseWriter, req *http.Request) {
	if ts.oauth2Status != 0 {
		http.Error(w, http.StatusText(ts.oauth2Status), ts.oauth2Status)
		return
	}
	if err := req.ParseForm(); err != nil {
		oauthError(w, "invalid_request", err.Error())
		return
	}
	form := req.PostForm
	for _, field := range []string{"grant_type", "service", "client_id"} {
		if form.Get(field) == "" {
			oauthError(w, "invalid_request", "missing "+field)
			return
		}
	}
	requested, ok := ts.parseScopes(w, form["scope"])
	if !ok {
		return
	}
	ts.mu.Lock()
	name, refresh, errorCode := ts.authenticate(form.Get("grant_type"), form.Get)
	if errorCode != "" {
		ts.mu.Unlock()
		oauthError(w, errorCode, "")
		return
	}
	now := time.Now()
	granted := ts.grantedAccess(name, requested)
	resp := tokenResponse{
		AccessToken:  ts.newToken(name, granted, now),
		Scope:        grantedScope(granted),
		RefreshToken: refresh,
	}
	ts.mu.Unlock()
	ts.writeToken(w, resp, now)
}

// authenticate returns the user of an OAuth2 request and the refresh token for the response, or the
// code of an OAuth2 error. The caller holds the lock.
func (ts *TokenService) authenticate(grantType string, field func(string) string) (name, refresh, errorCode string) {
	switch grantType {
	case "password":
		name = field("username")
		if !ts.validPassword(name, field("password")) {
			return "", "", "invalid_grant"
		}
		if field("access_type") == "offline" {
			refresh = ts.newRefreshToken(name)
		}
		return name, refresh, ""
	case "refresh_token":
		old := field("refresh_token")
		name, ok := ts.refreshTokens[old]
		if !ok {
			return "", "", "invalid_grant"
		}
		if !ts.rotateRefresh {
			return name, old, ""
		}
		delete(ts.refreshTokens, old)
		return name, ts.newRefreshToken(name), ""
	}
	return "", "", "unsupported_grant_type"
}

// validPassword reports whether the user exists and has the password.
func (ts *TokenService) validPassword(name, password string) bool {
	u, ok := ts.users[name]
	return ok && u.password == password
}

// parseScopes parses the scopes of a request, which may come in several parameters or in one,
// separated by spaces. If a scope is malformed, it writes a 400 response and returns false.
//
// https://distribution.github.io/distribution/spec/auth/scope/
func (ts *TokenService) parseScopes(w http.ResponseWriter, params []string) ([]resourceActions, bool) {
	var requested []resourceActions
	if ts.scopesIgnored {
		return nil, true
	}
	for _, scope := range strings.Fields(strings.Join(params, " ")) {
		kind, rest, _ := strings.Cut(scope, ":")
		i := strings.LastIndex(rest, ":")
		if i < 0 {
			return nil, ts.writeInvalidScope(w, scope)
		}
		actions := strings.Split(rest[i+1:], ",")
		if ts.scopeActions != nil && slices.ContainsFunc(actions, func(a string) bool { return !slices.Contains(ts.scopeActions, a) }) {
			return nil, ts.writeInvalidScope(w, scope)
		}
		requested = append(requested, resourceActions{kind, rest[:i], actions})
	}
	return requested, true
}

// writeInvalidScope writes Quay's response to a malformed scope, in which the keys are sorted. It
// always returns false.
func (ts *TokenService) writeInvalidScope(w http.ResponseWriter, scope string) bool {
	writeJSON(w, http.StatusBadRequest, "application/json", map[string]any{"errors": []map[string]any{{
		"code": "INVALID_REQUEST", "detail": struct{}{}, "message": "Unable to decode repository and actions: " + scope,
	}}})
	return false
}

// writeToken writes the response with an issued token.
func (ts *TokenService) writeToken(w http.ResponseWriter, resp tokenResponse, now time.Time) {
	if !ts.withoutExpiry {
		resp.ExpiresIn = int(ts.expiry.Seconds())
		resp.IssuedAt = now.UTC().Format(time.RFC3339)
	}
	writeJSON(w, http.StatusOK, "application/json", resp)
}

// oauthError writes an OAuth2 error response.
//
// https://www.rfc-editor.org/rfc/rfc6749#section-5.2
func oauthError(w http.ResponseWriter, code, description string) {
	doc := map[string]string{"error": code}
	if description != "" {
		doc["error_description"] = description
	}
	writeJSON(w, http.StatusBadRequest, "application/json", doc)
}

// grantedScope formats the granted access as token scopes.
func grantedScope(granted []resourceActions) string {
	var scopes []string
	for _, r := range granted {
		scopes = append(scopes, r.Type+":"+r.Name+":"+strings.Join(r.Actions, ","))
	}
	return strings.Join(scopes, " ")
}
