package simulation

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// secretMarker is part of every secret, so that the tests also recognise a part of one.
const secretMarker = "cAnArY"

const (
	username = secretMarker + "-user"
	password = secretMarker + ` p"ss\<ü>/+&%`
)

// basicCredentials returns user name and password as Basic authentication encodes them.
func basicCredentials() string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
}

// markerForms are the marker in plain text and its three base64 encodings, one for each alignment.
var markerForms = []string{
	secretMarker,
	base64.RawStdEncoding.EncodeToString([]byte(secretMarker)),
	base64.RawStdEncoding.EncodeToString([]byte("x" + secretMarker))[2:9],
	base64.RawStdEncoding.EncodeToString([]byte("xx" + secretMarker))[3:10],
}

// leaks reports whether text contains a secret or a part of one, in plain text or base64.
func leaks(text string) bool {
	return slices.ContainsFunc(markerForms, func(mark string) bool { return strings.Contains(text, mark) })
}

type authMode int

const (
	anonymous authMode = iota
	basicAuth
	bearerAuth
)

// A token is a token that the token service issued.
type token struct {
	allowed []string // "repository:team/app:pull"
	expires time.Time
}

// requiredScope returns the permission that a request needs.
func (e *event) requiredScope() string {
	switch {
	case e.route.kind == ping:
		return ""
	case e.route.kind == catalog:
		return "registry:catalog:*"
	case e.method == http.MethodDelete:
		return "repository:" + e.route.repository + ":delete"
	case e.method == http.MethodPut:
		return "repository:" + e.route.repository + ":push"
	}
	return "repository:" + e.route.repository + ":pull"
}

// authorize returns nil if the request is authorized, and otherwise a 401.
func (m *model) authorize(e *event, req *http.Request) *response {
	scheme, value, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	switch m.profile.auth {
	case anonymous:
		return nil
	case basicAuth:
		if scheme == "Basic" && value == basicCredentials() {
			return nil
		}
		return m.challenge(req, "", `Basic realm="registry"`)
	}
	scope := e.requiredScope()
	got := m.tokens[value]
	valid := scheme == "Bearer" && got != nil && time.Now().Before(got.expires)
	if valid && (scope == "" || slices.Contains(got.allowed, scope)) {
		return nil
	}
	challengeScope := scope
	if strings.HasSuffix(scope, ":push") {
		challengeScope = strings.TrimSuffix(scope, "push") + "pull,push"
	}
	realm := tokenOrigin + "/token"
	if m.profile.ownTokenService {
		realm = registryOrigin + "/token"
	}
	challenge := fmt.Sprintf(`Bearer realm=%q,service="registry.test"`, realm)
	if scope != "" {
		challenge += fmt.Sprintf(`,scope=%q`, challengeScope)
	}
	if valid {
		challenge += `,error="insufficient_scope"`
	}
	if m.profile.offersBasic {
		challenge = `Basic realm="registry", ` + challenge
	}
	a := m.challenge(req, scope, challenge)
	if valid {
		a.facts |= forbidden
	}
	return a
}

func (m *model) challenge(req *http.Request, scope, challenge string) *response {
	a := m.errorResponse(req, 401, "UNAUTHORIZED", "authentication required "+scope)
	a.header.Set("WWW-Authenticate", challenge)
	return a
}

// serveToken issues a token with the requested permissions or fewer, as the profile demands.
func (m *model) serveToken(req *http.Request) *response {
	if user, pass, _ := req.BasicAuth(); user != username || pass != password {
		m.problem("a token request without valid credentials")
		return m.errorResponse(req, 401, "UNAUTHORIZED", "who are you")
	}
	p := &m.profile
	var allowed []string
	for _, scope := range req.URL.Query()["scope"] {
		i := strings.LastIndexByte(scope, ':')
		actions := strings.Split(scope[i+1:], ",")
		if p.rejectsDeleteScope && slices.Contains(actions, "delete") && slices.Contains(actions, "pull") {
			return m.errorResponse(req, 400, "INVALID_REQUEST", "no such action")
		}
		if p.narrowsGrants && len(actions) > 1 && slices.Contains(actions, "delete") {
			actions = []string{"pull"}
		}
		if slices.Contains(actions, "*") && !strings.HasPrefix(scope, "registry:") {
			actions = []string{"pull", "push", "delete"}
		}
		for _, action := range actions {
			if action != "delete" || !p.withholdsDelete {
				allowed = append(allowed, scope[:i+1]+action)
			}
		}
	}
	m.issued++
	text := fmt.Sprintf("%s-token-%d", secretMarker, m.issued)
	if p.tokensListAccess {
		text = tokenWithClaims(allowed, text)
	}
	seconds := []int{0, 30, 60, 90, 300}[m.rng.IntN(5)]
	m.tokens[text] = &token{allowed, time.Now().Add(time.Duration(max(seconds, 30)) * time.Second)}
	content := map[string]any{[]string{"token", "access_token"}[m.rng.IntN(2)]: text, "padding": strings.Repeat("x", m.rng.IntN(300))}
	switch {
	case seconds == 0:
	case m.rng.IntN(4) == 0:
		content["expires_in"] = fmt.Sprint(seconds)
	default:
		content["expires_in"] = seconds
	}
	body, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return reply(200, "application/json", body)
}

// tokenWithClaims returns a JWT whose access claim lists the granted permissions.
func tokenWithClaims(allowed []string, signature string) string {
	type entry struct {
		Type    string   `json:"type"`
		Name    string   `json:"name"`
		Actions []string `json:"actions"`
	}
	access := []entry{}
	for _, permission := range allowed {
		parts := strings.Split(permission, ":")
		access = append(access, entry{parts[0], parts[1], parts[2:]})
	}
	claims, err := json.Marshal(map[string]any{"access": access})
	if err != nil {
		panic(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"none"}`)) + "." + b64(claims) + "." + signature
}

// checkRequest reports a problem if a request goes to the wrong place, touches an object that the
// operation does not name, or carries a secret to an origin that must not receive it.
func (m *model) checkRequest(e *event, req *http.Request) {
	auth := req.Header.Get("Authorization")
	where := e.method + " " + e.url.Scheme + "://" + e.url.Host + e.url.Path
	query := e.url.RawQuery
	switch e.route.kind {
	case elsewhere:
		m.problem("a request to an unexpected URL: %s", where)
	case storage:
		query = ""
		if auth != "" {
			m.problem("credentials were sent to the storage: %s", where)
		}
	case tokens:
		query = ""
		if auth != "Basic "+basicCredentials() {
			m.problem("the token service received the Authorization %q", auth)
		}
	default:
		if e.url.Query().Get("via") != "" && auth != "" {
			m.problem("credentials were sent after a redirect left the registry: %s", where)
		}
		if scheme, _, _ := strings.Cut(auth, " "); m.profile.auth == bearerAuth && scheme == "Basic" && !e.op.facts.has(untrusted) {
			m.problem("the password was sent to a registry that takes tokens: %s", where)
		}
	}
	for key, values := range req.Header {
		if key != "Authorization" && leaks(key+strings.Join(values, " ")) {
			m.problem("a secret in the header field %s: %s", key, where)
		}
	}
	if leaks(query) || leaks(e.url.Path) || e.url.User != nil {
		m.problem("a secret in the URL: %s", where)
	}
	if e.route.kind != tokens && e.route.kind != storage && !m.permits(e.op, e) {
		m.problem("%s must not send %s", e.op, where)
	}
}
