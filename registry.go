package regret

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/memory"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
	"github.com/seed-8cb7cc86/regret/internal/transport"
)

// A Client talks to one registry. It is safe for concurrent use, keeps its
// connections, its tokens and what it has seen, and needs no closing.
type Client struct {
	origin    origin.Origin
	config    config
	secrets   *redact.Secrets // what no text may show
	wire      *transport.Wire
	transport *transport.Client
	auth      *auth.Authorizer
	seen      *memory.Memory
}

// New returns a client for one registry: "registry.example.com",
// "localhost:5000", "https://registry.example.com", "docker.io". Without a
// scheme it is https, but http for localhost, 127.0.0.0/8 and [::1]. A scheme is
// taken as it is: New does not probe, and nothing falls back to http.
//
// New sends nothing. It checks all options together, in whatever order they
// were given, and returns everything that is wrong at once.
//
// Errors: [ErrInvalid].
func New(registry string, opts ...Option) (*Client, error) {
	cfg := defaultConfig()
	for _, opt := range opts {
		if opt == nil {
			cfg.nilOption = true
			continue
		}
		opt(&cfg)
	}
	o, err := origin.Parse(registry, cfg.plainHTTP)
	if err := errors.Join(append([]error{err}, cfg.check(o)...)...); err != nil {
		return nil, &Error{Op: "new client", Kind: ErrInvalid, Err: err}
	}
	c := &Client{origin: o, config: cfg, secrets: new(redact.Secrets), seen: memory.New(cfg.limits.RememberedManifests)}
	c.wire = transport.NewWire(o, c.transportConfig())
	c.transport = transport.New(o, c.wire)
	c.auth = auth.New(auth.Config{
		Origin: o, Source: cfg.source(), Token: cfg.token, TrustedRealms: cfg.realms,
		UserAgent: cfg.userAgent, TokenBytes: cfg.limits.TokenBytes, ErrorBytes: cfg.limits.ErrorBytes,
		Tokens: c.wire.For("token"), Secrets: c.secrets,
	})
	return c, nil
}

func (c *Client) transportConfig() transport.Config {
	cfg := c.config
	t := transport.Config{
		Base: cfg.base, TLS: cfg.tls, Trusted: auth.Trusted(c.origin, cfg.realms), UserAgent: cfg.userAgent,
		ReadTimeout: cfg.limits.ReadTimeout, WriteTimeout: cfg.limits.WriteTimeout, ErrorBytes: cfg.limits.ErrorBytes,
		Rate: cfg.rate, Retries: transport.Retries(cfg.retries), Logger: cfg.logger, Secrets: c.secrets,
	}
	if cfg.trace != nil {
		t.Trace = func(a transport.Attempt) { cfg.trace(Attempt(a)) }
	}
	return t
}

// Registry returns where the client sends its requests, such as
// "https://registry-1.docker.io".
func (c *Client) Registry() string { return c.origin.String() }

// Format prints which registry the client talks to, for every verb. Its other
// fields contain secrets.
func (c Client) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "client of %s", c.origin) }

// CloseIdleConnections closes the connections that no call is using, including
// those of a transport given by [WithTransport] if it has a method of this name.
// Calling it is optional: an idle connection is closed after 90 seconds.
func (c *Client) CloseIdleConnections() { c.wire.CloseIdleConnections() }

// Ping checks that the registry is there, speaks the protocol and accepts the
// credentials. That says nothing about any repository; see [Client.CheckDelete].
//
// Errors: [ErrUnauthorized], [ErrForbidden], [ErrUnavailable], [ErrNotRegistry].
//
// Sends GET /v2/ ([end-1]).
//
// [end-1]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#determining-support
func (c *Client) Ping(ctx context.Context) error {
	r := c.newRequest("ping", http.MethodGet, "", "", "/v2/")
	r.Authenticate = true
	resp, err := r.do(ctx)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == "" && e.StatusCode == http.StatusNotFound && e.Method == r.Method {
		e.Kind, e.Hint = ErrNotRegistry, "every registry has this path: the host or the port may belong to another server"
	}
	if err != nil {
		return err
	}
	if err := r.notHTML(resp); err != nil {
		return err
	}
	body.Discard(resp.Body)
	return nil
}

// learnChallenge asks which credentials the registry wants, if there are any and
// that is not known yet. A registry with repositories for everybody answers the
// question for all of them without a challenge, and then lists those only; zot
// does. What another server says, after a redirect, is no challenge of the
// registry. Any other failure shows in the request that follows.
func (c *Client) learnChallenge(ctx context.Context, op string) {
	if c.config.source() == nil || c.auth.Learned() {
		return
	}
	r := c.newRequest(op, http.MethodGet, "", "", "/v2/")
	resp, failure := c.transport.Do(ctx, &r.Request) // without credentials
	switch {
	case failure == nil:
		body.Discard(resp.Body)
		if origin.Of(resp.Request.URL) == c.origin {
			c.auth.Learn(resp.Header)
		}
	case failure.StatusCode == http.StatusUnauthorized && failure.URL == c.origin.String()+r.Path:
		c.auth.Learn(failure.Header)
	}
}

// repository checks a name and completes Docker Hub's short ones.
func (c *Client) repository(op, name string) (string, error) {
	if err := grammar.Repository(name); err != nil {
		return "", invalid(op, redactedReference(name), "", "%w", err)
	}
	if c.origin.Host == origin.DockerHub && !strings.Contains(name, "/") {
		name = "library/" + name
	}
	return name, nil
}
