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

// Every secret bears this mark, so that a part of one is recognised too.
const marker = "cAnArY"

const (
	username = marker + "-user"
	password = marker + ` p"ss\<ü>/+&%`
)

// encoded is user and password as Basic authentication sends them.
func encoded() string { return base64.StdEncoding.EncodeToString([]byte(username + ":" + password)) }

// marks are the mark as it is, and within base64, wherever it begins.
var marks = []string{
	marker,
	base64.RawStdEncoding.EncodeToString([]byte(marker)),
	base64.RawStdEncoding.EncodeToString([]byte("x" + marker))[2:9],
	base64.RawStdEncoding.EncodeToString([]byte("xx" + marker))[3:10],
}

// leaks says whether a text shows a secret or a part of one, plain or encoded.
func leaks(text string) bool {
	return slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(text, mark) })
}

type authMode int

const (
	anonymous authMode = iota
	basicAuth
	bearerAuth
)

// A token is what the token service granted.
type token struct {
	allowed []string // "repository:team/app:pull"
	expires time.Time
}

// needs is the permission that a request takes.
func (e *event) needs() string {
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

// authorize is nil if the request may be served.
func (m *model) authorize(e *event, req *http.Request) *answer {
	scheme, value, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	switch m.profile.auth {
	case anonymous:
		return nil
	case basicAuth:
		if scheme == "Basic" && value == encoded() {
			return nil
		}
		return m.challenge(req, "", `Basic realm="registry"`)
	}
	needs := e.needs()
	got := m.tokens[value]
	valid := scheme == "Bearer" && got != nil && time.Now().Before(got.expires)
	if valid && (needs == "" || slices.Contains(got.allowed, needs)) {
		return nil
	}
	scope := needs
	if strings.HasSuffix(needs, ":push") {
		scope = strings.TrimSuffix(needs, "push") + "pull,push"
	}
	realm := tokenOrigin + "/token"
	if m.profile.ownRealm {
		realm = registryOrigin + "/token"
	}
	challenge := fmt.Sprintf(`Bearer realm=%q,service="registry.test"`, realm)
	if needs != "" {
		challenge += fmt.Sprintf(`,scope=%q`, scope)
	}
	if valid {
		challenge += `,error="insufficient_scope"`
	}
	if m.profile.offersBasic {
		challenge = `Basic realm="registry", ` + challenge
	}
	a := m.challenge(req, needs, challenge)
	if valid {
		a.facts |= forbidden
	}
	return a
}

func (m *model) challenge(req *http.Request, needs, challenge string) *answer {
	a := m.refuse(req, 401, "UNAUTHORIZED", "authentication required "+needs)
	a.header.Set("WWW-Authenticate", challenge)
	return a
}

// serveToken grants what was asked for, or less, or nothing.
func (m *model) serveToken(req *http.Request) *answer {
	if user, pass, _ := req.BasicAuth(); user != username || pass != password {
		m.problem("a token request without the credentials")
		return m.refuse(req, 401, "UNAUTHORIZED", "who are you")
	}
	p := &m.profile
	var allowed []string
	for _, scope := range req.URL.Query()["scope"] {
		i := strings.LastIndexByte(scope, ':')
		actions := strings.Split(scope[i+1:], ",")
		if p.knowsNoDelete && slices.Contains(actions, "delete") && slices.Contains(actions, "pull") {
			return m.refuse(req, 400, "INVALID_REQUEST", "no such action")
		}
		if p.grantsLess && len(actions) > 1 && slices.Contains(actions, "delete") {
			actions = []string{"pull"}
		}
		if slices.Contains(actions, "*") && !strings.HasPrefix(scope, "registry:") {
			actions = []string{"pull", "push", "delete"}
		}
		for _, action := range actions {
			if action != "delete" || !p.mayNotDelete {
				allowed = append(allowed, scope[:i+1]+action)
			}
		}
	}
	m.issued++
	text := fmt.Sprintf("%s-token-%d", marker, m.issued)
	if p.tellsAccess {
		text = describing(allowed, text)
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

// describing is a token that says what it is good for.
func describing(allowed []string, signature string) string {
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

// checkRequest holds a request against what may be sent at all: the right
// object at the right place, and no secret where it does not belong.
func (m *model) checkRequest(e *event, req *http.Request) {
	auth := req.Header.Get("Authorization")
	where := e.method + " " + e.url.Scheme + "://" + e.url.Host + e.url.Path
	query := e.url.RawQuery
	switch e.route.kind {
	case elsewhere:
		m.problem("a request to where nobody asked for: %s", where)
	case storage:
		query = ""
		if auth != "" {
			m.problem("credentials for the storage: %s", where)
		}
	case tokens:
		query = ""
		if auth != "Basic "+encoded() {
			m.problem("the token service got %q", auth)
		}
	default:
		if e.url.Query().Get("via") != "" && auth != "" {
			m.problem("credentials after a detour: %s", where)
		}
		if scheme, _, _ := strings.Cut(auth, " "); m.profile.auth == bearerAuth && scheme == "Basic" && !e.op.facts.has(untrusted) {
			m.problem("the password went to a registry that takes tokens: %s", where)
		}
	}
	for key, values := range req.Header {
		if key != "Authorization" && leaks(key+strings.Join(values, " ")) {
			m.problem("a secret in the header %s: %s", key, where)
		}
	}
	if leaks(query) || leaks(e.url.Path) || e.url.User != nil {
		m.problem("a secret in the URL: %s", where)
	}
	if e.route.kind != tokens && e.route.kind != storage && !m.mayHave(e.op, e) {
		m.problem("%s sends %s", e.op, where)
	}
}
