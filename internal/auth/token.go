package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/errorbody"
	"github.com/seed-8cb7cc86/regret/internal/field"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
	"github.com/seed-8cb7cc86/regret/internal/retryafter"
)

const (
	maxToken = 16 << 10

	// A token response without a lifetime means 60 seconds.
	// See https://distribution.github.io/distribution/spec/auth/token/#token-response-fields
	minLifetime = time.Minute
	maxLifetime = time.Hour

	// A token is replaced this long before it expires: the registry's clock is
	// not ours, and the request takes time.
	renewEarly = 10 * time.Second
)

// IsToken reports whether s can be a bearer token.
//
// See https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func IsToken(s string) bool { return len(s) <= maxToken && field.IsToken68(s) }

// token gets a token for a demand with the breadth of scope that worked last. It
// falls back where the service refuses the scope, or grants a token that states
// that it lacks what the challenge asked for.
func (a *Authorizer) token(ctx context.Context, scope Scope, want *demand, cred credentials.Credential) (grant, error) {
	for breadth := scopeBreadth(a.breadth.Load()); ; {
		asked, actions := scope.request(breadth, want.scope)
		response, err := a.fetch(ctx, want, asked, cred)
		switch {
		case err != nil:
			next := scope.fallback(breadth, want.scope)
			if next > scopeStar || !scopeRefused(err) {
				return grant{}, err
			}
			breadth = next
			continue
		case breadth == scopeWide && asked != want.scope && lacks(response.token, want.scope, scope.resource()):
			if g, ok := a.exactToken(ctx, scope, want, cred); ok {
				return g, nil
			}
		default:
			a.breadth.Store(int32(breadth))
		}
		return response.grant(actions), nil
	}
}

// exactToken asks for the challenge's own scope where asking for more got less.
func (a *Authorizer) exactToken(ctx context.Context, scope Scope, want *demand, cred credentials.Credential) (grant, bool) {
	asked, actions := scope.request(scopeExact, want.scope)
	response, err := a.fetch(ctx, want, asked, cred)
	if err != nil || lacks(response.token, want.scope, scope.resource()) {
		return grant{}, false
	}
	a.breadth.Store(int32(scopeExact))
	return response.grant(actions), true
}

// narrowNext remembers that a token for more than the challenge asked did not
// help, at a registry where none has helped so far: the next call asks for the
// challenge's own scope.
func (a *Authorizer) narrowNext(want *demand) {
	if want.scheme == "bearer" && want.scope != "" && a.learned.Load() == nil {
		a.breadth.CompareAndSwap(int32(scopeWide), int32(scopeExact))
	}
}

// scopeRefused reports whether the service refused what was asked for, and not
// who asked.
func scopeRefused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.StatusCode == http.StatusBadRequest || e.StatusCode == http.StatusForbidden) && !identityRefused(err)
}

// fetch sends one token request, or two where an identity token meets a service
// that does not know POST.
func (a *Authorizer) fetch(ctx context.Context, want *demand, scope string, cred credentials.Credential) (tokenResponse, error) {
	if cred.IdentityToken != "" && !a.noPost.Load() {
		response, err := a.exchangeIdentity(ctx, want, scope, cred)
		if !postUnknown(err) {
			return response, err
		}
		if response, err = a.getToken(ctx, want, scope, cred); err == nil {
			a.noPost.Store(true)
		}
		return response, err
	}
	return a.getToken(ctx, want, scope, cred)
}

// getToken sends the request that every token service knows.
//
// Sends GET <realm>?service=…&scope=…; see
// https://distribution.github.io/distribution/spec/auth/token/#requesting-a-token
func (a *Authorizer) getToken(ctx context.Context, want *demand, scope string, cred credentials.Credential) (tokenResponse, error) {
	u := *want.realm
	q := u.Query()
	if want.service != "" {
		q.Set("service", want.service)
	}
	for resource := range strings.FieldsSeq(scope) {
		q.Add("scope", resource)
	}
	if cred.Username != "" {
		q.Set("account", cred.Username)
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return tokenResponse{}, err
	}
	if !cred.IsZero() {
		req.SetBasicAuth(cred.Username, cred.Secret())
	}
	return a.ask(req)
}

// ask sends a token request and reads the response.
func (a *Authorizer) ask(req *http.Request) (tokenResponse, error) {
	req.Header.Set("User-Agent", a.config.UserAgent)
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := a.config.Tokens.RoundTrip(req)
	if err != nil {
		return tokenResponse{}, failed(req, 0, NoResponse, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return tokenResponse{}, a.refused(req, resp)
	}
	raw, err := body.ReadAll(resp.Body, a.config.TokenBytes)
	if _, tooLarge := errors.AsType[*body.TooLargeError](err); tooLarge {
		return tokenResponse{}, failed(req, resp.StatusCode, TokenMalformed, err)
	}
	if err != nil {
		return tokenResponse{}, failed(req, resp.StatusCode, NoResponse, err)
	}
	response, err := parseToken(raw)
	if err != nil {
		return tokenResponse{}, failed(req, resp.StatusCode, TokenMalformed, err)
	}
	a.config.Secrets.Add(response.token, response.refresh)
	return response, nil
}

// failed returns the error for a token request without a usable response. If the
// caller's context has ended, it returns the context's error as it is.
func failed(req *http.Request, status int, reason Reason, err error) error {
	if ended := req.Context().Err(); ended != nil {
		return ended
	}
	return &Error{Reason: reason, Method: req.Method, URL: origin.Redact(req.URL), StatusCode: status, Err: err}
}

// refused returns the error for a response without a token.
func (a *Authorizer) refused(req *http.Request, resp *http.Response) error {
	if ended := req.Context().Err(); ended != nil {
		return ended
	}
	e := &Error{Reason: TokenRefused, Method: req.Method, URL: origin.Redact(req.URL), StatusCode: resp.StatusCode}
	if d, ok := retryafter.FromResponse(resp, time.Now()); ok {
		e.RetryAfter = d
	}
	raw, whole := body.ReadError(resp.Body, a.config.ErrorBytes)
	for _, entry := range errorbody.Parse(raw, whole, &redact.Secrets{}) {
		for _, code := range []string{entry.Code, entry.Message} { // OAuth 2.0 says {"error":"invalid_scope"}
			if slices.Contains(knownCodes, code) && !slices.Contains(e.Codes, code) {
				e.Codes = append(e.Codes, code)
			}
		}
	}
	return e
}

// knownCodes are the words of a token service that cannot be a secret.
var knownCodes = []string{
	"UNAUTHORIZED", "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS", "UNAVAILABLE", "UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND",
	"INVALID_REQUEST", "FORBIDDEN", "invalid_request", "invalid_client", "invalid_grant", "invalid_scope",
	"unauthorized_client", "unsupported_grant_type",
}

// A tokenResponse is what a token service grants.
type tokenResponse struct {
	token    string
	lifetime time.Duration
	refresh  string // a new identity token in place of the one that was used; often empty
}

func (t tokenResponse) grant(actions []string) grant {
	return grant{header: "Bearer " + t.token, actions: actions, expires: time.Now().Add(t.lifetime - renewEarly), fetched: true}
}

// parseToken decodes a token response.
//
// See https://distribution.github.io/distribution/spec/auth/token/#token-response-fields
func parseToken(raw []byte) (tokenResponse, error) {
	var wire struct {
		Token        json.RawMessage `json:"token"`
		AccessToken  json.RawMessage `json:"access_token"`
		RefreshToken json.RawMessage `json:"refresh_token"`
		ExpiresIn    json.RawMessage `json:"expires_in"`
	}
	if json.Unmarshal(raw, &wire) != nil {
		return tokenResponse{}, errors.New("the token response is not JSON")
	}
	token := cmp.Or(text(wire.Token), text(wire.AccessToken))
	switch {
	case token == "":
		return tokenResponse{}, errors.New("the token response has no token")
	case !IsToken(token):
		return tokenResponse{}, fmt.Errorf("the token has characters that no token has, or more than %d bytes", maxToken)
	}
	return tokenResponse{token: token, lifetime: lifetime(wire.ExpiresIn), refresh: text(wire.RefreshToken)}, nil
}

// text decodes a JSON string, and anything else as empty.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// lifetime clamps expires_in, whatever its type, to between a minute and an hour.
func lifetime(raw json.RawMessage) time.Duration {
	var seconds float64
	if json.Unmarshal(bytes.Trim(raw, `"`), &seconds) != nil {
		return minLifetime
	}
	return time.Duration(min(max(seconds, minLifetime.Seconds()), maxLifetime.Seconds())) * time.Second
}
