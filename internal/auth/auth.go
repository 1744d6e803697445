// Package auth finds the Authorization header that a registry wants: it reads
// challenges, asks the source of credentials, and gets tokens from token
// services. It knows neither operations nor retries.
//
// Invariants: a secret goes to the registry's own origin or to a trusted realm
// and nowhere else; an untrusted realm gets no request at all; credentials that
// were refused are not sent again with the same request.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-11 and
// https://distribution.github.io/distribution/spec/auth/token/
package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/bounded"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// A Config is what an [Authorizer] needs. Origin, Tokens and Secrets are
// required.
type Config struct {
	Origin        origin.Origin      // of the registry
	Source        credentials.Source // nil means anonymous
	Token         string             // a bearer token to send with every request; then Source is not used
	TrustedRealms []string           // origins of token services, as [CheckRealm] accepts them
	UserAgent     string
	TokenBytes    int64             // limit of a token response
	ErrorBytes    int64             // limit of an error response
	Tokens        http.RoundTripper // sends token requests and follows no redirect
	Secrets       *redact.Secrets   // learns every secret that is used
}

// maxRenewed is how many replaced identity tokens are remembered.
const maxRenewed = 1024

// An Authorizer learns from the first challenge of its registry what to send,
// and from then on sends it along. It is safe for concurrent use.
type Authorizer struct {
	config  Config
	realms  map[origin.Origin]bool
	learned atomic.Pointer[demand]
	tokens  tokenCache
	breadth atomic.Int32 // of the token scope that the token service accepts, a scopeBreadth
	noPost  atomic.Bool  // the token service does not know POST

	identity turn                         // an identity token may be good for one use, so one caller at a time has it
	renewed  *bounded.Map[string, string] // identity tokens that the token service replaced, by those of the source
}

// New returns an Authorizer. It sends nothing.
func New(config Config) *Authorizer {
	a := &Authorizer{
		config:  config,
		realms:  map[origin.Origin]bool{config.Origin: true},
		renewed: bounded.New[string, string](maxRenewed),
	}
	for _, realm := range Trusted(config.Origin, config.TrustedRealms) {
		a.realms[realm] = true
	}
	config.Secrets.Add(config.Token)
	return a
}

// A demand is what a challenge asks for: Basic credentials, or a token from the
// token service at a realm.
type demand struct {
	scheme  string   // "basic" or "bearer"
	realm   *url.URL // of a bearer challenge
	service string
	scope   string // as the challenge has it
}

// For returns the authorization of one request.
func (a *Authorizer) For(scope Scope) Authorization {
	return Authorization{authorizer: a, scope: scope}
}

// An Authorization finds the header for one request and its replays. It belongs
// to one goroutine.
type Authorization struct {
	authorizer *Authorizer
	scope      Scope
	unasked    string  // the header that Header returned
	sent       string  // the header of the last request
	answered   *demand // the challenge that sent answers; nil if it was sent unasked
	renewed    bool    // the source was asked again for credentials that had expired
	anonymous  bool    // the source was asked and had nothing
}

// Anonymous reports whether the source of credentials was asked for this request
// and had nothing.
func (z *Authorization) Anonymous() bool { return z.anonymous }

// Sent reports whether the last request had an Authorization header.
func (z *Authorization) Sent() bool { return z.sent != "" }

// Header returns the Authorization header that can be sent unasked, because an
// earlier challenge of this registry said what it wants; empty if there is none.
func (z *Authorization) Header(ctx context.Context) (string, error) {
	a := z.authorizer
	z.answered, z.sent = nil, ""
	var err error
	switch want := a.learned.Load(); {
	case a.config.Token != "":
		z.sent = "Bearer " + a.config.Token
	case want == nil:
	default:
		var g grant
		g, err = a.known(ctx, z.scope, want)
		z.sent, z.anonymous = g.header, g.anonymous
	}
	z.unasked = z.sent
	return z.sent, err
}

// known is the grant for what the registry is known to want.
func (a *Authorizer) known(ctx context.Context, scope Scope, want *demand) (grant, error) {
	if kept, ok := a.tokens.lookup(purpose{scope, want.scheme}, time.Now()); ok {
		return kept, nil
	}
	if want.scheme == "bearer" && scopeBreadth(a.breadth.Load()) != scopeWide {
		return grant{}, nil // only a challenge says which scope this request needs
	}
	return a.obtain(ctx, scope, want, "")
}

// Answer returns the header that answers a refusal, or "" if there is nothing to
// offer that was not refused already. The header that [Authorization.Header] or
// Answer returned last counts as refused and is dropped from the cache.
//
// A 401, or a success that comes with a challenge, is answered as the challenge
// wants. A 403 which says that the credentials have expired makes the source be
// asked once more.
func (z *Authorization) Answer(ctx context.Context, status int, header http.Header, body []byte) (string, error) {
	switch {
	case z.authorizer.config.Token != "":
		return "", nil
	case status == http.StatusForbidden:
		return z.renew(ctx, body)
	}
	return z.answer(ctx, header)
}

// Volunteers reports whether there is an answer to a challenge that came with a
// success. Without credentials of the source there is none, and the success stands.
func (z *Authorization) Volunteers(ctx context.Context, header http.Header) (bool, error) {
	want, refusal := z.authorizer.read(header)
	if want == nil && refusal == nil {
		return false, nil
	}
	cred, err := z.authorizer.credential(ctx, z.scope)
	if err != nil || cred.IsZero() {
		return false, err
	}
	if e, ok := errors.AsType[*Error](refusal); ok {
		e.StatusCode = http.StatusOK // of the response that the challenge came with
	}
	return refusal == nil, refusal
}

func (z *Authorization) answer(ctx context.Context, header http.Header) (string, error) {
	a := z.authorizer
	a.tokens.evict(z.scope, z.sent) // what did not help now is not offered to the next request
	want, err := a.read(header)
	if previous := z.answered; previous != nil {
		a.narrowNext(previous)
		if err != nil || want == nil || want.scheme == previous.scheme || want.scheme == "bearer" {
			return "", nil
		}
	}
	if err != nil || want == nil {
		return "", err
	}
	return z.offer(ctx, want)
}

// renew asks the source once more where a long run has outlived its credentials:
// those of ECR last for twelve hours.
func (z *Authorization) renew(ctx context.Context, body []byte) (string, error) {
	want := z.answered
	if want == nil {
		want = z.authorizer.learned.Load()
	}
	if want == nil || z.sent == "" || z.renewed || !saysExpired(body) {
		return "", nil
	}
	z.renewed = true
	return z.offer(ctx, want)
}

// saysExpired reports whether a body says that the credentials have expired.
func saysExpired(body []byte) bool {
	said := strings.ToLower(string(body))
	return strings.Contains(said, "expired") && slices.ContainsFunc([]string{"token", "credential", "authorization", "session", "password"},
		func(what string) bool { return strings.Contains(said, what) })
}

// offer obtains the header for a demand in place of the one that was refused.
func (z *Authorization) offer(ctx context.Context, want *demand) (string, error) {
	g, err := z.authorizer.obtain(ctx, z.scope, want, z.sent)
	z.anonymous = g.anonymous
	refused := g.header == z.sent || g.header == z.unasked
	if err != nil || g.header == "" || refused && !g.fetched {
		return "", err
	}
	z.sent, z.answered = g.header, want
	return g.header, nil
}

// Learn reads the challenge of a response that needed no credentials, so that the
// next request sends them unasked.
func (a *Authorizer) Learn(header http.Header) {
	if want, err := a.read(header); err == nil && want != nil {
		a.learned.CompareAndSwap(nil, &demand{scheme: want.scheme, realm: want.realm, service: want.service})
	}
}

// Learned reports whether a challenge of this registry was answered or read.
func (a *Authorizer) Learned() bool { return a.learned.Load() != nil }

// Accepted records that the registry did not refuse the header that Answer
// returned last.
func (z *Authorization) Accepted() {
	if want := z.answered; want != nil {
		z.authorizer.learned.Store(&demand{scheme: want.scheme, realm: want.realm, service: want.service})
	}
}

// obtain returns the grant for a demand: from the cache, from another caller
// who is fetching it right now, or fetched here. What was refused is dropped
// from the cache first.
func (a *Authorizer) obtain(ctx context.Context, scope Scope, want *demand, refused string) (grant, error) {
	return a.tokens.obtain(ctx, purpose{scope, want.scheme}, refused, func() (grant, error) {
		cred, err := a.credential(ctx, scope)
		if err != nil {
			return grant{}, err
		}
		switch {
		case cred.RegistryToken != "":
			return grant{header: "Bearer " + cred.RegistryToken, actions: allActions, expires: time.Now().Add(credentialLifetime)}, nil
		case want.scheme == "basic":
			return basic(cred), nil
		}
		g, err := a.token(ctx, scope, want, cred)
		g.anonymous = cred.IsZero()
		return g, err
	})
}

// credential asks the source.
func (a *Authorizer) credential(ctx context.Context, scope Scope) (credentials.Credential, error) {
	if a.config.Source == nil {
		return credentials.Credential{}, nil
	}
	cred, err := a.config.Source.Credential(ctx, a.config.Origin.Host, scope.repository())
	if err == nil {
		err = cred.Validate()
	}
	if err != nil {
		return credentials.Credential{}, sourceError(a.config.Origin.Host, err)
	}
	a.config.Secrets.Add(cred.Password, cred.IdentityToken, cred.RegistryToken)
	if secret := cred.Secret(); secret != "" {
		a.config.Secrets.Add(encode(secret), encode(cred.Username+":"+secret))
	}
	return cred, nil
}

// credentialLifetime is how long credentials are used before the source is
// asked again.
const credentialLifetime = time.Hour

// basic is the grant for Basic authentication; empty for anonymous callers.
func basic(cred credentials.Credential) grant {
	if cred.IsZero() {
		return grant{anonymous: true}
	}
	return grant{
		header:  "Basic " + encode(cred.Username+":"+cred.Secret()),
		actions: allActions,
		expires: time.Now().Add(credentialLifetime),
	}
}

func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
