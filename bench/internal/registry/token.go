package registry

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// authorized reports whether the request carries a token that permits the action.
func (s *server) authorized(r *http.Request, action string) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return false
	}
	s.mu.RLock()
	granted, ok := s.tokens[token]
	s.mu.RUnlock()
	if !ok {
		return false
	}
	if r.URL.Path == "/v2/" {
		return true
	}
	actions := strings.Split(granted, ",")
	return slices.Contains(actions, action) || slices.Contains(actions, "*")
}

// challenge responds with 401 and points the client to the token service, at the same address.
func (s *server) challenge(w http.ResponseWriter, r *http.Request, action string) {
	s.challenges.Add(1)
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	value := fmt.Sprintf(`Bearer realm="%s://%s/token",service=%q`, scheme, r.Host, service)
	if r.URL.Path != "/v2/" {
		value += fmt.Sprintf(`,scope="repository:%s:%s"`, Repository, action)
	}
	w.Header()["Docker-Distribution-Api-Version"] = apiVersion
	w.Header().Set("WWW-Authenticate", value)
	writeError(w, http.StatusUnauthorized, "UNAUTHORIZED")
}

// token issues a token with all requested actions if the password is right. It accepts both a GET
// (the distribution project's token protocol) and a POST (OAuth 2.0).
//
// See https://distribution.github.io/distribution/spec/auth/token/
func (s *server) token(w http.ResponseWriter, r *http.Request) {
	s.tokenRequests.Add(1)
	if err := r.ParseForm(); err != nil {
		writeError(w, http.StatusBadRequest, "UNSUPPORTED")
		return
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		user, password = r.PostForm.Get("username"), r.PostForm.Get("password")
	}
	if user != User || password != Password {
		writeError(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	var actions []string
	for _, field := range r.Form["scope"] {
		for scope := range strings.FieldsSeq(field) {
			if granted, ok := strings.CutPrefix(scope, "repository:"+Repository+":"); ok {
				actions = append(actions, granted)
			}
		}
	}
	token := rand.Text()
	s.mu.Lock()
	s.tokens[token] = strings.Join(actions, ",")
	s.mu.Unlock()
	w.Header()["Content-Type"] = jsonTypes
	fmt.Fprintf(w, `{"token":%q,"access_token":%q,"expires_in":3600}`, token, token)
}
