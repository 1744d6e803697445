package regret

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/retryafter"
)

const (
	maxToken = 16 << 10

	// A service that does not say how long its token lasts means 60 seconds.
	// See https://distribution.github.io/distribution/spec/auth/token/#token-response-fields
	leastLifetime = time.Minute
	mostLifetime  = time.Hour

	// A token is replaced before it runs out, for the clock of the registry is
	// not ours and the request takes time.
	earlyRenewal = 10 * time.Second
)

// climb gets a token for a demand, from the rung of the ladder that worked
// last. It goes one rung further where the service refuses the scope, or grants
// a token that says of itself that it lacks what the challenge asked for.
func (a *authorizer) climb(ctx context.Context, x *exchange, want *demand, cred Credential) (grant, error) {
	for rung := a.rung.Load(); ; {
		scope, actions := x.scopeFor(rung, want.scope)
		token, lifetime, err := a.fetch(ctx, x, want, scope, cred)
		switch {
		case err != nil:
			next := x.nextRung(rung, want.scope)
			if next > rungStar || !scopeRefused(err) {
				return grant{}, err
			}
			rung = next
			continue
		case rung == rungWide && scope != want.scope && lacks(token, want.scope, x.resource):
			if narrow, ok := a.narrow(ctx, x, want, cred); ok {
				return narrow, nil
			}
		default:
			a.rung.Store(rung)
		}
		return grant{header: "Bearer " + token, actions: actions, expires: time.Now().Add(lifetime - earlyRenewal)}, nil
	}
}

// narrow asks for the challenge's own scope where more of it brought less.
func (a *authorizer) narrow(ctx context.Context, x *exchange, want *demand, cred Credential) (grant, bool) {
	scope, actions := x.scopeFor(rungOwn, want.scope)
	token, lifetime, err := a.fetch(ctx, x, want, scope, cred)
	if err != nil || lacks(token, want.scope, x.resource) {
		return grant{}, false
	}
	a.rung.Store(rungOwn)
	return grant{header: "Bearer " + token, actions: actions, expires: time.Now().Add(lifetime - earlyRenewal)}, true
}

// stepDown remembers that a token for more than the challenge asked did not
// help, at a registry where none has helped so far. The next call asks for the
// challenge's own scope.
func (a *authorizer) stepDown(want *demand) {
	if want.scheme == "bearer" && want.scope != "" && a.learned.Load() == nil {
		a.rung.CompareAndSwap(rungWide, rungOwn)
	}
}

// scopeRefused says that the service did not like what was asked, as opposed to
// who asked.
func scopeRefused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.StatusCode == http.StatusBadRequest || e.StatusCode == http.StatusForbidden) && !identityRefused(err)
}

// fetch sends one token request, or two where an identity token meets a service
// that knows no POST. Nothing of the service's answer but its status and a known
// code is ever shown: it may be a secret.
func (a *authorizer) fetch(ctx context.Context, x *exchange, want *demand, scope string, cred Credential) (string, time.Duration, error) {
	if cred.IdentityToken != "" && !a.noPost.Load() {
		token, lifetime, err := a.exchangeIdentity(ctx, x, want, scope, cred)
		if !postUnknown(err) {
			return token, lifetime, err
		}
		a.noPost.Store(true)
	}
	answer, err := a.askByGet(ctx, x, want, scope, cred)
	return answer.token, answer.lifetime, err
}

// askByGet is the request that every token service knows.
//
// Sends GET <realm>?service=…&scope=…; see
// https://distribution.github.io/distribution/spec/auth/token/#requesting-a-token
func (a *authorizer) askByGet(ctx context.Context, x *exchange, want *demand, scope string, cred Credential) (tokenAnswer, error) {
	u := *want.realm
	q := u.Query()
	if want.service != "" {
		q.Set("service", want.service)
	}
	for field := range strings.FieldsSeq(scope) {
		q.Add("scope", field)
	}
	if cred.Username != "" {
		q.Set("account", cred.Username)
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return tokenAnswer{}, err
	}
	if !cred.anonymous() {
		req.SetBasicAuth(cred.Username, cred.secret())
	}
	return a.ask(x, req)
}

// ask sends a token request and reads its answer.
func (a *authorizer) ask(x *exchange, req *http.Request) (tokenAnswer, error) {
	t := &exchange{transport: x.transport, op: "token", method: req.Method}
	ctx := context.WithValue(req.Context(), exchangeKey{}, t)
	req = req.WithContext(ctx)
	req.Header["User-Agent"] = a.config.userAgent
	req.Header["Accept-Encoding"] = identity
	resp, err := a.tokens.RoundTrip(req)
	if err != nil {
		return tokenAnswer{}, a.tokenFailure(ctx, req, nil, err)
	}
	defer resp.Body.Close() // also where the context ends before it was read
	if resp.StatusCode != http.StatusOK {
		return tokenAnswer{}, a.tokenFailure(ctx, req, resp, nil)
	}
	body, err := t.readAll(resp, a.config.limits.TokenBytes)
	if err != nil {
		return tokenAnswer{}, a.tokenFailure(ctx, req, resp, err)
	}
	answer, err := parseToken(body)
	if err != nil {
		return tokenAnswer{}, a.tokenFailure(ctx, req, resp, err)
	}
	a.secrets.add(answer.token, answer.refresh)
	return answer, nil
}

// tokenFailure says why there is no token. Only a request for a token was sent,
// so that what failed for the moment may be repeated as a whole.
func (a *authorizer) tokenFailure(ctx context.Context, req *http.Request, resp *http.Response, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := &Error{Method: req.Method, URL: redactURL(req.URL)}
	if resp != nil {
		e.StatusCode = resp.StatusCode
	}
	switch inner, ok := errors.AsType[*Error](err); {
	case ok: // by one of our own layers
		e.Kind, e.Err, e.RetryAfter = inner.Kind, inner.Err, inner.RetryAfter
	case err != nil:
		e.Kind, e.Err, e.transient = ErrUnavailable, withoutURL(err), !hopeless(err)
	default:
		a.tokenRefusal(e, resp)
	}
	return e
}

// tokenRefusal reads an answer other than 200.
func (a *authorizer) tokenRefusal(e *Error, resp *http.Response) {
	switch code := resp.StatusCode; {
	case code < 300:
		e.Kind, e.Err = ErrNotRegistry, errors.New("not a status that brings a token")
	case isRedirect(code):
		e.Kind, e.Err = ErrRedirect, errors.New("a token service is not followed elsewhere")
	case code == http.StatusUnauthorized:
		e.Kind, e.Hint = ErrUnauthorized, "the token service did not accept the credentials"
	case code == http.StatusForbidden:
		e.Kind = ErrForbidden
	case code == http.StatusTooManyRequests:
		e.Kind, e.transient = ErrRateLimited, true
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		e.Kind, e.transient = ErrUnavailable, true
	default:
		e.Kind = ErrUnauthorized
	}
	if d, ok := retryafter.FromResponse(resp, time.Now()); ok {
		e.RetryAfter = d
	}
	body, whole := readErrorBody(resp, a.config.limits.ErrorBytes)
	for _, d := range decodeErrors(body, whole, &a.secrets) {
		for _, said := range []Code{d.Code, Code(d.Message)} { // OAuth 2.0 says {"error":"invalid_scope"}
			if knownCode(said) {
				e.Details = append(e.Details, Detail{Code: said})
			}
		}
	}
}

// withoutURL drops what may repeat a URL with its query.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// knownCode lets no word of a token service through that could be a secret.
func knownCode(c Code) bool {
	switch c {
	case CodeUnauthorized, CodeDenied, CodeUnsupported, CodeTooManyRequests, CodeUnavailable, CodeUnknown, CodeNameUnknown, CodeNotFound,
		"INVALID_REQUEST", "FORBIDDEN", "invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client", "unsupported_grant_type":
		return true
	}
	return false
}

// A tokenAnswer is what a token service grants.
type tokenAnswer struct {
	token    string
	lifetime time.Duration
	refresh  string // a new identity token in place of the one that was used; often empty
}

// parseToken reads a token service's answer.
//
// See https://distribution.github.io/distribution/spec/auth/token/#token-response-fields
func parseToken(body []byte) (tokenAnswer, error) {
	var wire struct {
		Token        looseString     `json:"token"`
		AccessToken  looseString     `json:"access_token"`
		RefreshToken looseString     `json:"refresh_token"`
		ExpiresIn    json.RawMessage `json:"expires_in"`
	}
	if json.Unmarshal(body, &wire) != nil {
		return noToken("the token service's answer is not JSON")
	}
	token := cmp.Or(string(wire.Token), string(wire.AccessToken))
	if token == "" {
		return noToken("the token service's answer has no token")
	}
	if !validToken(token) {
		return noToken("the token has characters that no token has, or more than %d bytes", maxToken)
	}
	return tokenAnswer{token: token, lifetime: lifetime(wire.ExpiresIn), refresh: string(wire.RefreshToken)}, nil
}

func noToken(format string, args ...any) (tokenAnswer, error) {
	return tokenAnswer{}, &Error{Kind: ErrNotRegistry, Err: fmt.Errorf(format, args...)}
}

// lifetime brings whatever was sent as expires_in between a minute and an hour.
func lifetime(raw json.RawMessage) time.Duration {
	var seconds float64
	if json.Unmarshal(bytes.Trim(raw, `"`), &seconds) != nil {
		return leastLifetime
	}
	return time.Duration(min(max(seconds, leastLifetime.Seconds()), mostLifetime.Seconds())) * time.Second
}

// validToken accepts the grammar of bearer tokens.
//
// See https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func validToken(token string) bool {
	if len(token) > maxToken {
		return false
	}
	body := strings.TrimRight(token, "=")
	return body != "" && !strings.ContainsFunc(body, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~+/", r))
	})
}
