package regret

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// An Option records a wish for [New], which judges all of them together.
// The order of options never matters; two that contradict each other are an
// error.
type Option func(*config)

// config is what the options recorded.
type config struct {
	credentials []CredentialSource // more than one is an error
	token       string
	hasToken    bool
	realms      []string
	plainHTTP   bool
	base        http.RoundTripper
	hasBase     bool
	tls         *tls.Config
	userAgent   []string
	logger      *slog.Logger
	retries     Retries
	limits      Limits
	trace       func(Attempt)
	nilOption   bool
	emptyBasic  bool
	verify      bool
}

func defaultConfig() config {
	return config{
		userAgent: []string{"regret (+https://github.com/seed-8cb7cc86/regret)"},
		logger:    slog.New(slog.DiscardHandler),
		retries:   DefaultRetries(),
		limits:    DefaultLimits(),
	}
}

// WithBasicAuth gives a user name and password (or access token) to use with
// the registry and with a token service that it trusts. They are sent only
// when the registry asks, never unasked. Both empty is an error, for it is
// rarely meant: whoever wants to be anonymous leaves the option out.
func WithBasicAuth(username, password string) Option {
	return func(c *config) {
		c.credentials = append(c.credentials, StaticCredential(Credential{Username: username, Password: password}))
		c.emptyBasic = c.emptyBasic || username == "" && password == ""
	}
}

// WithCredentials gives the place to ask for credentials when the registry
// wants some: a function, or what [LoadDockerConfig], [FirstOf] and
// [ForRegistry] make.
func WithCredentials(source CredentialSource) Option {
	return func(c *config) { c.credentials = append(c.credentials, source) }
}

// WithToken gives a bearer token that the registry accepts as it is. It is sent
// with every request to the registry's origin and is never exchanged or renewed.
func WithToken(token string) Option {
	return func(c *config) { c.token, c.hasToken = token, true }
}

// WithTrustedRealm names the origins ("https://auth.example.com") of token
// services that may receive the credentials, beyond the registry's own origin
// and the pairs that public registries are known for. Without it a challenge
// that points elsewhere ends in [ErrUntrustedRealm].
func WithTrustedRealm(origins ...string) Option {
	return func(c *config) { c.realms = append(c.realms, origins...) }
}

// WithPlainHTTP speaks http to a registry that was named without a scheme.
// Loopback names need no such wish.
func WithPlainHTTP() Option {
	return func(c *config) { c.plainHTTP = true }
}

// WithTransport replaces the HTTP transport: pool sizes, proxies, dialling and
// TLS are then its own affair. Retries, authentication, redirects, limits and
// pacing stay this client's. It cannot be combined with [WithTLSConfig].
func WithTransport(base http.RoundTripper) Option {
	return func(c *config) { c.base, c.hasBase = base, true }
}

// WithTLSConfig sets roots, client certificates and the like for https. The
// configuration is cloned. If not set, the system's roots and TLS 1.2 or newer.
func WithTLSConfig(t *tls.Config) Option {
	return func(c *config) { c.tls = t }
}

// WithUserAgent replaces the User-Agent header.
func WithUserAgent(agent string) Option {
	return func(c *config) { c.userAgent = []string{agent} }
}

// WithLogger logs each attempt at Debug, and retries and the registry's
// Warning headers at Warn. If not set, nothing is logged. No level ever shows a
// credential, a token or a query string.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) { c.logger = logger }
}

// WithRetries replaces [DefaultRetries].
func WithRetries(r Retries) Option {
	return func(c *config) { c.retries = r }
}

// WithLimits replaces [DefaultLimits].
func WithLimits(l Limits) Option {
	return func(c *config) { c.limits = l }
}

// WithTrace calls fn after every HTTP request, including those for tokens, in
// the goroutine that sent it: fn must be safe for as many of them as the client
// is used by.
func WithTrace(fn func(Attempt)) Option {
	return func(c *config) { c.trace = fn }
}

// An Attempt is one HTTP request that was sent, for [WithTrace].
type Attempt struct {
	Op         string        // the operation it belongs to
	Method     string        // HTTP method
	URL        string        // without query and user information
	StatusCode int           // 0 if there was no answer
	Err        error         // why there was none
	Duration   time.Duration // until the header of the answer was there
}

// Retries says how often and how patiently a request is repeated. Requests that
// could do harm when repeated are not, whatever is set here; and all calls of a
// client together repeat at most one in ten requests, and 20 beyond that.
type Retries struct {
	Max     int           // repetitions after the first attempt; 0 means none
	WaitMin time.Duration // the least wait
	WaitMax time.Duration // the most; between the two, waits double and are drawn at random
	// Budget bounds the time from the first attempt to the start of the last:
	// what is left of it shortens a wait, but never one that the registry asked
	// for. 0 means no repetition.
	Budget time.Duration
	// RetryAfterMax is the longest Retry-After that is waited for. A longer
	// one, or one beyond the context's deadline, is returned at once in
	// Error.RetryAfter.
	RetryAfterMax time.Duration
}

// DefaultRetries are 3 repetitions, 250 ms to 10 s apart, within 2 minutes, and
// a Retry-After of at most 60 s.
func DefaultRetries() Retries {
	return Retries{
		Max:           3,
		WaitMin:       250 * time.Millisecond,
		WaitMax:       10 * time.Second,
		Budget:        2 * time.Minute,
		RetryAfterMax: time.Minute,
	}
}

// Limits bound what is accepted from a registry. Whatever exceeds one is
// refused with [ErrTooLarge] (a list: [ErrIncompleteList]), never cut short.
type Limits struct {
	ErrorBytes    int64 // read of an error answer; the rest is ignored
	ManifestBytes int64 // of a manifest
	TokenBytes    int64 // of a token service's answer
	PageBytes     int64 // of one page of a list
	Pages         int   // of one list
	Entries       int   // of one list
	// ReadTimeout is how long a GET or HEAD waits for the header of its answer.
	// While others wait too, this and WriteTimeout may last longer by 1/32 and
	// two seconds.
	ReadTimeout time.Duration
	// WriteTimeout is how long a DELETE or PUT does. Registries with many tags
	// or slow storage take minutes, and giving up early leaves work half done.
	WriteTimeout time.Duration
}

// DefaultLimits are 64 KiB for errors, 4 MiB for manifests, 128 KiB for tokens,
// 32 MiB for a page, 10,000 pages and 1,000,000 entries for a list, 30 s for
// reads and 5 minutes for writes.
func DefaultLimits() Limits {
	return Limits{
		ErrorBytes:    64 << 10,
		ManifestBytes: 4 << 20,
		TokenBytes:    128 << 10,
		PageBytes:     32 << 20,
		Pages:         10_000,
		Entries:       1_000_000,
		ReadTimeout:   30 * time.Second,
		WriteTimeout:  5 * time.Minute,
	}
}

// check lists everything that is wrong with the options for this registry.
func (c *config) check(o origin) []error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(len(c.credentials) > 1, "WithBasicAuth and WithCredentials: more than one source of credentials")
	refuse(len(c.credentials) > 0 && c.hasToken, "WithToken cannot be combined with WithBasicAuth or WithCredentials")
	refuse(c.nilOption, "an option is nil")
	refuse(c.emptyBasic, "WithBasicAuth: user name and password are empty")
	for _, source := range c.credentials {
		errs = append(errs, checkSource(source))
	}
	refuse(c.hasToken && !validToken(c.token), "WithToken: the token is empty, too long or has characters that no token has")
	refuse(c.hasBase && c.base == nil, "WithTransport: the transport is nil")
	refuse(c.base != nil && c.tls != nil, "WithTLSConfig cannot be combined with WithTransport: give the transport its own")
	refuse(c.logger == nil, "WithLogger: the logger is nil")
	refuse(!printableHeader(c.userAgent[0]), "WithUserAgent: empty or not printable ASCII")
	for _, realm := range c.realms {
		errs = append(errs, checkRealm(realm, o))
	}
	return append(errs, c.retries.check(), c.limits.check())
}

// checkRealm accepts an origin and nothing more; over http only where the
// registry itself is reached over http.
func checkRealm(realm string, registry origin) error {
	u, err := url.Parse(realm)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("WithTrustedRealm: %q is not an origin like https://auth.example.com", redactedRegistry(realm))
	case u.Scheme == "https", u.Scheme == "http" && registry.scheme == "http":
		if err := checkHost(u.Host); err != nil {
			return fmt.Errorf("WithTrustedRealm: %q: %w", redactedRegistry(realm), err)
		}
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("WithTrustedRealm: %q is http, which would show the credentials to everybody on the way", clip(realm))
	}
	return fmt.Errorf("WithTrustedRealm: %q: scheme is neither http nor https", clip(realm))
}

func (r Retries) check() error {
	if r.Max < 0 || r.WaitMin < 0 || r.WaitMax < r.WaitMin || r.Budget < 0 || r.RetryAfterMax < 0 {
		return errors.New("WithRetries: no field may be negative, nor WaitMax less than WaitMin")
	}
	return nil
}

func (l Limits) check() error {
	if l.ErrorBytes <= 0 || l.ManifestBytes <= 0 || l.TokenBytes <= 0 || l.PageBytes <= 0 ||
		l.Pages <= 0 || l.Entries <= 0 || l.ReadTimeout <= 0 || l.WriteTimeout <= 0 {
		return errors.New("WithLimits: every limit must be positive; start from DefaultLimits")
	}
	return nil
}

// printableHeader says whether s may be a header's value as it is.
func printableHeader(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return strings.TrimSpace(s) != ""
}
