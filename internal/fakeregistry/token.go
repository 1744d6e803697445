package fakeregistry

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// tokenPath is where the registry serves tokens whose service has no realm of its own.
const tokenPath = "/token"

// TokenService hands out the Bearer tokens a registry made with WithTokenAuth wants. It is an [http.Handler] and an
// [http.RoundTripper], so that it can live under an origin of its own, and answers at every path.
//
//	GET /token?service=…&scope=…      https://distribution.github.io/distribution/spec/auth/token/
//	POST /token grant_type=…&…        https://distribution.github.io/distribution/spec/auth/oauth/
//
// It grants, of what is asked for, what the user may do: a token without any right is still a token, and the registry
// answers insufficient_scope to it.
type TokenService struct {
	server
	service             string
	users               map[string]tokenUser
	anonymous           []Grant
	expiry              time.Duration
	withoutExpiry       bool // expires_in is left out
	jwt                 bool
	scopeActions        []string // nil: all
	rotateRefresh       bool
	oauth2Status        int // the status to say so with
	credentialsRequired bool

	mu            sync.Mutex // guards everything below
	realm         string
	tokens        map[string]grantedToken
	refreshTokens map[string]string // token to user
	secretCount   int
}

type tokenUser struct {
	password string
	grants   []Grant
}

// Grant is what may be done to some repositories.
type Grant struct {
	Pattern string   // of names, "*" standing for any run of characters
	Actions []string // "pull", "push", "delete"; "*" for all
}

// Allow makes a Grant. For the catalog the pattern is "registry:catalog", the action "*".
func Allow(pattern string, actions ...string) Grant { return Grant{pattern, actions} }

type grantedToken struct {
	expires time.Time
	access  []resourceActions
}

// resourceActions is how tokens speak of access.
type resourceActions struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// TokenOption configures a TokenService.
type TokenOption func(*TokenService)

// NewTokenService makes a service that knows nobody and lets nobody do anything. realm is the URL that challenges name;
// if it is empty, the registry serves the tokens itself, at /token of whatever origin it is called by, as Harbor does
// at a path of its own.
func NewTokenService(realm, service string, opts ...TokenOption) *TokenService {
	ts := &TokenService{
		service:       service,
		realm:         realm,
		users:         map[string]tokenUser{},
		expiry:        5 * time.Minute,
		tokens:        map[string]grantedToken{},
		refreshTokens: map[string]string{},
	}
	for _, opt := range opts {
		opt(ts)
	}
	ts.server.inner = ts.serve
	return ts
}

// WithUser adds a user and what it may do.
func WithUser(name, password string, grants ...Grant) TokenOption {
	return func(ts *TokenService) { ts.users[name] = tokenUser{password, grants} }
}

// WithAnonymous says what may be done without credentials, as on Docker Hub: pull public repositories.
func WithAnonymous(grants ...Grant) TokenOption {
	return func(ts *TokenService) { ts.anonymous = append(ts.anonymous, grants...) }
}

// WithCredentialsRequired answers 401 to requests without credentials, instead of a token without rights.
func WithCredentialsRequired() TokenOption {
	return func(ts *TokenService) { ts.credentialsRequired = true }
}

// WithTokenExpiry makes tokens good for d instead of five minutes: Docker Hub's for five minutes, Harbor's for thirty,
// Quay's for an hour.
func WithTokenExpiry(d time.Duration) TokenOption {
	return func(ts *TokenService) { ts.expiry = d }
}

// WithoutExpiresIn leaves expires_in and issued_at out of the answer. Clients are to assume 60 seconds.
func WithoutExpiresIn() TokenOption {
	return func(ts *TokenService) { ts.withoutExpiry = true }
}

// WithJWT gives tokens the shape of a JSON Web Token whose payload holds the access claim, as distribution wants them.
// They are not signed: the signature is a constant.
func WithJWT() TokenOption {
	return func(ts *TokenService) { ts.jwt = true }
}

// WithScopeActions answers 400 to a scope with any action but these, as Quay does with "push", "pull" and "*".
func WithScopeActions(actions ...string) TokenOption {
	return func(ts *TokenService) { ts.scopeActions = actions }
}

// WithRefreshRotation gives out a new refresh token whenever one is used, which is then no longer good.
func WithRefreshRotation() TokenOption {
	return func(ts *TokenService) { ts.rotateRefresh = true }
}

// WithoutOAuth2 answers every POST with a status: 404 or 405, for services that know only GET.
func WithoutOAuth2(status int) TokenOption {
	return func(ts *TokenService) { ts.oauth2Status = status }
}

// SetRealm changes the URL that challenges name: for a service whose address is known only once it listens.
func (ts *TokenService) SetRealm(realm string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.realm = realm
}

// RevokeAll makes every token and every refresh token so far worthless.
func (ts *TokenService) RevokeAll() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	clear(ts.tokens)
	clear(ts.refreshTokens)
}

// IssueRefreshToken makes a refresh token for a user: what "docker login" would have stored as identity token.
func (ts *TokenService) IssueRefreshToken(name string) string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.newRefreshToken(name)
}

// servedAt reports whether a request to the registry is one for a token.
func (ts *TokenService) serves(req *http.Request) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.realm == "" && req.URL.Path == tokenPath
}

func (ts *TokenService) realmFor(req *http.Request) string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.realm != "" {
		return ts.realm
	}
	return schemeOf(req) + "://" + req.Host + tokenPath
}

// insufficientScope is how a challenge refuses a token that is good for something else.
const insufficientScope = "insufficient_scope"

// check says whether a token covers what a request needs, and if not, what the challenge gives as error.
func (ts *TokenService) checkToken(token string, needed []access) (refusal string, ok bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if token == "" {
		return "", false
	}
	granted, known := ts.tokens[token]
	if !known || !time.Now().Before(granted.expires) {
		return "invalid_token", false
	}
	for _, need := range needed {
		if !slices.ContainsFunc(granted.access, func(r resourceActions) bool {
			return r.Type == need.Type && r.Name == need.Name && covers(r.Actions, need.Action)
		}) {
			return insufficientScope, false
		}
	}
	return "", true
}

func covers(actions []string, action string) bool {
	return slices.Contains(actions, action) || slices.Contains(actions, "*")
}

// grant is what of the requested access a user may have; the empty name is nobody.
func (ts *TokenService) grantedAccess(name string, requested []resourceActions) []resourceActions {
	grants := ts.anonymous
	if name != "" {
		grants = ts.users[name].grants
	}
	granted := []resourceActions{}
	for _, r := range requested {
		resource := r.Name
		if r.Type != "repository" {
			resource = r.Type + ":" + r.Name
		}
		var allowed []string
		for _, g := range grants {
			if glob(g.Pattern, resource) {
				allowed = append(allowed, g.Actions...)
			}
		}
		if actions := intersect(r.Actions, allowed); len(actions) > 0 {
			granted = append(granted, resourceActions{r.Type, r.Name, actions})
		}
	}
	return granted
}

// intersect is what is both requested and allowed; "*" on either side is everything.
func intersect(requested, allowed []string) []string {
	if slices.Contains(requested, "*") {
		return slices.Compact(slices.Sorted(slices.Values(allowed)))
	}
	return slices.DeleteFunc(slices.Clone(requested), func(action string) bool { return !covers(allowed, action) })
}

// newToken makes and remembers a token. The caller holds the lock.
func (ts *TokenService) newToken(name string, granted []resourceActions, now time.Time) string {
	var token string
	if ts.jwt {
		token = ts.newJWT(name, granted, now)
	} else {
		token = ts.newSecret("token")
	}
	ts.tokens[token] = grantedToken{now.Add(ts.expiry), granted}
	return token
}

func (ts *TokenService) newRefreshToken(name string) string {
	token := ts.newSecret("refresh")
	ts.refreshTokens[token] = name
	return token
}

// secret makes up a string that no other call makes up, the same in every run.
func (ts *TokenService) newSecret(kind string) string {
	ts.secretCount++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d", kind, ts.service, ts.realm, ts.secretCount))
	return kind + "." + base64.RawURLEncoding.EncodeToString(sum[:])
}

// newJWT puts the claims of https://distribution.github.io/distribution/spec/auth/jwt/ into an unsigned token.
func (ts *TokenService) newJWT(name string, granted []resourceActions, now time.Time) string {
	encode := func(v any) string { return base64.RawURLEncoding.EncodeToString(mustJSON(v)) }
	return strings.Join([]string{
		encode(map[string]string{"typ": "JWT", "alg": "none"}),
		encode(map[string]any{
			"iss": "fakeregistry", "sub": name, "aud": ts.service, "jti": ts.newSecret("jti"),
			"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(ts.expiry).Unix(), "access": granted,
		}),
		"unsigned",
	}, ".")
}
