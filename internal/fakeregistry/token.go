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

// tokenPath is the path at which the registry serves tokens if the token service has no realm.
const tokenPath = "/token"

// TokenService issues the Bearer tokens that a registry with WithTokenAuth requires. It is an
// [http.Handler] and an [http.RoundTripper], so it can have an origin of its own. It responds to
// every path.
//
//	GET /token?service=…&scope=…      https://distribution.github.io/distribution/spec/auth/token/
//	POST /token grant_type=…&…        https://distribution.github.io/distribution/spec/auth/oauth/
//
// A token grants the part of the requested access that the user has. A token without any access is
// still issued; the registry then responds with insufficient_scope.
type TokenService struct {
	server
	service             string
	users               map[string]tokenUser
	anonymous           []Grant
	expiry              time.Duration
	withoutExpiry       bool // omit expires_in and issued_at
	jwt                 bool
	scopeActions        []string // the actions allowed in scopes; nil for all
	scopesIgnored       bool
	rotateRefresh       bool
	oauth2Status        int // status code of the response to a POST; 0 if OAuth2 is supported
	credentialsRequired bool

	mu            sync.Mutex // guards everything below
	realm         string
	tokens        map[string]grantedToken
	refreshTokens map[string]string // refresh token to user name
	secretCount   int
}

type tokenUser struct {
	password string
	grants   []Grant
}

// Grant allows actions on some repositories.
type Grant struct {
	Pattern string   // of repository names; "*" matches any run of characters
	Actions []string // "pull", "push", "delete"; "*" for all
}

// Allow returns a Grant. The pattern for the catalog is "registry:catalog", and its action is "*".
func Allow(pattern string, actions ...string) Grant { return Grant{pattern, actions} }

// grantedToken is an issued token.
type grantedToken struct {
	expires time.Time
	access  []resourceActions
}

// resourceActions is an entry of the access claim of a token.
type resourceActions struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// TokenOption configures a TokenService.
type TokenOption func(*TokenService)

// NewTokenService returns a service without users and without anonymous access. realm is the URL in
// challenges. If it is empty, the registry serves the tokens itself, at /token of the origin of the
// request, as Harbor does at another path.
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

// WithUser adds a user with the given grants.
func WithUser(name, password string, grants ...Grant) TokenOption {
	return func(ts *TokenService) { ts.users[name] = tokenUser{password, grants} }
}

// WithAnonymous grants access without credentials. Docker Hub lets anonymous clients pull public
// repositories.
func WithAnonymous(grants ...Grant) TokenOption {
	return func(ts *TokenService) { ts.anonymous = append(ts.anonymous, grants...) }
}

// WithCredentialsRequired responds with 401 to a request without credentials, instead of issuing a
// token without access.
func WithCredentialsRequired() TokenOption {
	return func(ts *TokenService) { ts.credentialsRequired = true }
}

// WithTokenExpiry sets the lifetime of tokens. The default is five minutes, as on Docker Hub.
// Harbor's tokens expire after thirty minutes, Quay's after an hour.
func WithTokenExpiry(d time.Duration) TokenOption {
	return func(ts *TokenService) { ts.expiry = d }
}

// WithoutExpiresIn omits expires_in and issued_at from the response. Clients must then assume 60
// seconds.
func WithoutExpiresIn() TokenOption {
	return func(ts *TokenService) { ts.withoutExpiry = true }
}

// WithJWT makes tokens JSON Web Tokens with an access claim, as distribution requires. They are not
// signed; the signature is a constant.
func WithJWT() TokenOption {
	return func(ts *TokenService) { ts.jwt = true }
}

// WithScopeActions responds with 400 to a scope with any other action, as Quay does for all but
// "push", "pull" and "*".
func WithScopeActions(actions ...string) TokenOption {
	return func(ts *TokenService) { ts.scopeActions = actions }
}

// WithScopesIgnored grants every token all that its user may do, whatever scope is requested, as
// Gitea does.
func WithScopesIgnored() TokenOption {
	return func(ts *TokenService) { ts.scopesIgnored = true }
}

// WithRefreshRotation issues a new refresh token whenever one is used, and revokes the used one.
func WithRefreshRotation() TokenOption {
	return func(ts *TokenService) { ts.rotateRefresh = true }
}

// WithoutOAuth2 responds to every POST with a status code, usually 404 or 405, like a service that
// supports only GET.
func WithoutOAuth2(status int) TokenOption {
	return func(ts *TokenService) { ts.oauth2Status = status }
}

// SetRealm changes the URL in challenges, for a service whose address is not known until it
// listens.
func (ts *TokenService) SetRealm(realm string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.realm = realm
}

// RevokeAll revokes all tokens and refresh tokens issued so far.
func (ts *TokenService) RevokeAll() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	clear(ts.tokens)
	clear(ts.refreshTokens)
}

// IssueRefreshToken returns a new refresh token for a user, such as "docker login" stores as
// identity token.
func (ts *TokenService) IssueRefreshToken(name string) string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.newRefreshToken(name)
}

// serves reports whether a request to the registry is a request for a token.
func (ts *TokenService) serves(req *http.Request) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.realm == "" && req.URL.Path == tokenPath
}

// realmFor returns the realm of the challenge in the response to req.
func (ts *TokenService) realmFor(req *http.Request) string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.realm != "" {
		return ts.realm
	}
	return schemeOf(req) + "://" + req.Host + tokenPath
}

// anyType is the type of the resources in a token that was issued with [WithScopesIgnored]. Their
// names are patterns.
const anyType = "*"

// insufficientScope is the error in the challenge for a valid token that does not grant the
// required access.
const insufficientScope = "insufficient_scope"

// checkToken reports whether a token grants the needed access. If not, it returns the error for the
// challenge.
func (ts *TokenService) checkToken(token string, needed []access) (challengeError string, ok bool) {
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
			return covers(r.Actions, need.Action) && (r.Type == need.Type && r.Name == need.Name || r.Type == anyType && glob(r.Name, need.Name))
		}) {
			return insufficientScope, false
		}
	}
	return "", true
}

// covers reports whether actions include action, explicitly or by "*".
func covers(actions []string, action string) bool {
	return slices.Contains(actions, action) || slices.Contains(actions, "*")
}

// grantedAccess returns the part of the requested access that a user has. The empty name means an
// anonymous client.
func (ts *TokenService) grantedAccess(name string, requested []resourceActions) []resourceActions {
	grants := ts.anonymous
	if name != "" {
		grants = ts.users[name].grants
	}
	granted := []resourceActions{}
	if ts.scopesIgnored {
		for _, g := range grants {
			granted = append(granted, resourceActions{anyType, g.Pattern, g.Actions})
		}
		return granted
	}
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

// intersect returns the actions that are both requested and allowed. "*" on either side means all
// actions.
func intersect(requested, allowed []string) []string {
	if slices.Contains(requested, "*") {
		return slices.Compact(slices.Sorted(slices.Values(allowed)))
	}
	return slices.DeleteFunc(slices.Clone(requested), func(action string) bool { return !covers(allowed, action) })
}

// newToken issues a token. The caller holds the lock.
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

// newRefreshToken issues a refresh token. The caller holds the lock.
func (ts *TokenService) newRefreshToken(name string) string {
	token := ts.newSecret("refresh")
	ts.refreshTokens[token] = name
	return token
}

// newSecret returns a string that is unique for each call but the same in every run.
func (ts *TokenService) newSecret(kind string) string {
	ts.secretCount++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d", kind, ts.service, ts.realm, ts.secretCount))
	return kind + "." + base64.RawURLEncoding.EncodeToString(sum[:])
}

// newJWT returns an unsigned token with the claims that distribution specifies.
//
// https://distribution.github.io/distribution/spec/auth/jwt/
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
