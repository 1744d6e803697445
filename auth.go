package regret

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/bounded"
	"github.com/seed-8cb7cc86/regret/internal/challenge"
)

// knownRealms are the public registries whose token service has another origin.
var knownRealms = map[origin]origin{
	{"https", "registry-1.docker.io"}:      {"https", "auth.docker.io"},
	{"https", "registry.gitlab.com"}:       {"https", "gitlab.com"},
	{"https", "registry.digitalocean.com"}: {"https", "api.digitalocean.com"},
}

// An authorizer adds credentials to requests for the registry's own origin. It
// learns from the first challenge what the registry wants, and from then on
// sends it along. A 401 evicts what was sent, is answered once, and the request
// is replayed once; what comes then is the answer.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-11 and
// https://distribution.github.io/distribution/spec/auth/token/
type authorizer struct {
	origin  origin
	config  *config
	next    http.RoundTripper // sends the registry's requests
	tokens  http.RoundTripper // sends the token service's; follows no redirect
	realms  map[origin]bool
	learned atomic.Pointer[demand]
	rung    atomic.Int32                 // of the scope ladder: what this token service accepts
	noPost  atomic.Bool                  // this token service knows no POST
	turn    chan struct{}                // to use an identity token, which may be good for one use
	renewed *bounded.Map[string, string] // identity tokens that the service replaced: the source's to the latest
	grants  grants
	secrets secrets
}

func newAuthorizer(o origin, cfg *config, w *wire) *authorizer {
	a := &authorizer{
		origin:  o,
		config:  cfg,
		next:    &redirector{origin: o, next: w},
		tokens:  w,
		realms:  map[origin]bool{o: true},
		turn:    make(chan struct{}, 1),
		renewed: bounded.New[string, string](maxSecrets),
	}
	if known, ok := knownRealms[o]; ok {
		a.realms[known] = true
	}
	for _, realm := range cfg.realms {
		if u, err := url.Parse(realm); err == nil {
			a.realms[originOf(u)] = true
		}
	}
	a.secrets.add(cfg.token)
	return a
}

// A demand is what a registry asks for: Basic credentials, or a token from the
// service at a realm.
type demand struct {
	scheme  string   // "basic" or "bearer"
	realm   *url.URL // of a bearer challenge
	service string
	scope   string // the challenge's own, as it came
}

// RoundTrip sends a request with the credentials that are known to be wanted,
// and answers one challenge.
func (a *authorizer) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	x := exchangeOf(ctx)
	x.attempts++
	sent, err := a.known(ctx, x)
	if err != nil {
		return nil, err
	}
	resp, err := a.send(ctx, x, req, sent)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || originOf(resp.Request.URL) != a.origin || a.config.hasToken {
		return resp, err
	}
	// Read before a token is fetched: an unread answer keeps its connection, and
	// the token service may be behind the only one there is.
	body, _ := readErrorBody(resp, a.config.limits.ErrorBytes)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	want, err := a.read(resp.Header)
	if err != nil {
		return nil, err
	}
	if want == nil { // a 401 without a challenge that could be answered
		return resp, nil
	}
	header, err := a.obtain(ctx, x, want, sent)
	if err != nil {
		return nil, err
	}
	if header == "" || header == sent { // nothing new to offer
		return resp, nil
	}
	resp, err = a.send(ctx, x, req, header)
	switch {
	case err != nil:
	case resp.StatusCode != http.StatusUnauthorized:
		a.learned.Store(&demand{scheme: want.scheme, realm: want.realm, service: want.service})
	default: // what does not help now is not to be offered to the next request
		a.grants.evict(x.resource, header)
		a.stepDown(want)
	}
	return resp, err
}

// send gives the request its headers, and its body anew. A request that has
// been sent before is copied: the connection of that attempt may still be
// reading it, and its context is that attempt's.
func (a *authorizer) send(ctx context.Context, x *exchange, req *http.Request, authorization string) (*http.Response, error) {
	if len(req.Header) > 0 {
		req = req.WithContext(ctx)
	}
	req.Host = req.URL.Host // not before: net/http's client would copy the URL for it
	req.Header = x.header(authorization)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		req.Body = body
	}
	return a.next.RoundTrip(req)
}

// known is the Authorization header that can be sent unasked, because an
// earlier challenge of this registry told what it wants.
func (a *authorizer) known(ctx context.Context, x *exchange) (string, error) {
	if a.config.hasToken {
		return "Bearer " + a.config.token, nil
	}
	want := a.learned.Load()
	if want == nil {
		return "", nil
	}
	if g, ok := a.grants.lookup(x.resource, x.action, time.Now()); ok {
		return g.header, nil
	}
	if want.scheme == "bearer" && a.rung.Load() != rungWide {
		return "", nil // only a challenge tells which scope this one wants
	}
	return a.obtain(ctx, x, want, "")
}

// read picks the challenge to answer: a token rather than the password, if it
// comes from a service that may be asked.
func (a *authorizer) read(h http.Header) (*demand, error) {
	offered, err := challenge.Parse(h)
	if err != nil {
		return nil, &Error{Kind: ErrNotRegistry, StatusCode: http.StatusUnauthorized, Err: err}
	}
	var basic *demand
	var refusal error
	for _, c := range offered {
		switch c.Scheme {
		case "bearer":
			realm, err := a.trusted(c.Params["realm"])
			if err == nil {
				return &demand{scheme: "bearer", realm: realm, service: c.Params["service"], scope: c.Params["scope"]}, nil
			}
			refusal = err
		case "basic":
			basic = &demand{scheme: "basic"}
		}
	}
	if basic != nil {
		return basic, nil
	}
	return nil, refusal
}

// trusted says whether a token service may be asked at all. Nothing is sent to
// one that may not, not even a request without credentials: its address is the
// other side's choice.
func (a *authorizer) trusted(realm string) (*url.URL, error) {
	refuse := func(kind Kind, hint, format string, args ...any) (*url.URL, error) {
		return nil, &Error{Kind: kind, StatusCode: http.StatusUnauthorized, Hint: hint, Err: fmt.Errorf(format, args...)}
	}
	u, err := url.Parse(realm)
	switch {
	case realm == "" || err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		shown, _, _ := strings.Cut(realm, "?")
		return refuse(ErrNotRegistry, "", "the challenge's realm is not a URL: %q", redactedRegistry(shown))
	case u.User != nil:
		return refuse(ErrUntrustedRealm, "", "the challenge's realm carries user information")
	case !a.realms[originOf(u)]:
		o := originOf(u).String()
		var hint string
		if checkRealm(o, a.origin) == nil { // not advice that New would refuse
			hint = fmt.Sprintf("if that is the registry's token service, use WithTrustedRealm(%q)", o)
		}
		return refuse(ErrUntrustedRealm, hint, "the registry sends callers to %s for a token", clip(o))
	}
	return u, nil
}

// obtain is the header that answers a demand: from the cache, from somebody who
// is fetching it right now, or fetched here. What was refused is forgotten
// first.
func (a *authorizer) obtain(ctx context.Context, x *exchange, want *demand, refused string) (string, error) {
	g, err := a.grants.obtain(ctx, x.resource, x.action, refused, func() (grant, error) {
		cred, err := a.credential(ctx, x.repository)
		if err != nil {
			return grant{}, err
		}
		switch {
		case cred.RegistryToken != "":
			return grant{header: "Bearer " + cred.RegistryToken, actions: []string{"*"}, expires: time.Now().Add(basicLifetime)}, nil
		case want.scheme == "basic":
			return a.basic(cred), nil
		}
		return a.climb(ctx, x, want, cred)
	})
	return g.header, err
}

// credential asks the source.
func (a *authorizer) credential(ctx context.Context, repository string) (Credential, error) {
	if len(a.config.credentials) == 0 {
		return Credential{}, nil
	}
	cred, err := a.config.credentials[0].Credential(ctx, a.origin.host, repository)
	if err == nil {
		err = cred.check()
	}
	if err != nil {
		if named, ok := errors.AsType[*CredentialError](err); !ok || named.Registry == "" {
			err = fmt.Errorf("credentials for %s: %w", a.origin.host, err)
		}
		return Credential{}, &Error{Kind: ErrUnauthorized, Err: err}
	}
	a.secrets.add(cred.Password, cred.IdentityToken, cred.RegistryToken, encoded(cred.secret()), encoded(cred.Username+":"+cred.secret()))
	return cred, nil
}

// basicLifetime is how long credentials are used before the source is asked
// again.
const basicLifetime = time.Hour

// basic is the grant for Basic authentication; empty for the anonymous.
func (a *authorizer) basic(cred Credential) grant {
	if cred.anonymous() {
		return grant{}
	}
	return grant{header: "Basic " + encoded(cred.Username+":"+cred.secret()), actions: []string{"*"}, expires: time.Now().Add(basicLifetime)}
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// scrub replaces every secret in a text that came from outside.
func (a *authorizer) scrub(text string) string { return a.secrets.scrub(text) }
