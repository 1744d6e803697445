package regret

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/field"
	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// An Option configures a [Client]. Options only record what is wanted; [New]
// checks all of them together. Their order never matters, and two that
// contradict each other are an error.
type Option func(*config)

// config is what the options recorded.
type config struct {
	sources    []credentials.Source // more than one is an error
	token      string
	hasToken   bool
	realms     []string
	emptyBasic bool
	plainHTTP  bool
	base       http.RoundTripper
	hasBase    bool
	tls        *tls.Config
	userAgent  string
	logger     *slog.Logger
	rate       float64
	retries    Retries
	limits     Limits
	trace      func(Attempt)
	verify     bool
	nilOption  bool
}

func defaultConfig() config {
	return config{
		userAgent: "regret (+https://github.com/seed-8cb7cc86/regret)",
		logger:    slog.New(slog.DiscardHandler),
		retries:   DefaultRetries(),
		limits:    DefaultLimits(),
	}
}

// WithPlainHTTP uses http for a registry that is named without a scheme.
// Loopback names need no such option.
func WithPlainHTTP() Option {
	return func(c *config) { c.plainHTTP = true }
}

// WithTransport replaces the HTTP transport, and with it pool sizes, proxies,
// dialing and TLS. Retries, authentication, redirects, limits and pacing remain
// those of the client. It cannot be combined with [WithTLSConfig].
//
// A transport that sends requests again by itself should call the
// net/http/httptrace hooks of the request's context, as [http.Transport] does:
// they stop it from repeating a write.
func WithTransport(base http.RoundTripper) Option {
	return func(c *config) { c.base, c.hasBase = base, true }
}

// WithTLSConfig sets roots, client certificates and the like for https. The
// configuration is cloned. Client certificates are shown to the registry and to
// the token services that are trusted with its credentials, and to no server that
// a read is redirected to. If not set: the system's roots, and TLS 1.2 or newer.
func WithTLSConfig(t *tls.Config) Option {
	return func(c *config) { c.tls = t }
}

// WithUserAgent replaces the User-Agent header field.
func WithUserAgent(agent string) Option {
	return func(c *config) { c.userAgent = agent }
}

// WithLogger logs each HTTP request at level Debug, retries and the registry's
// Warning header fields at level Warn, and at level Info what [Client.UntagByOverwrite]
// restored and which stale entries [Client.DeleteReferrer] removed. If not set, nothing is logged.
// No level shows a credential, a token or a query string.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) { c.logger = logger }
}

// WithRequestRate bounds how many requests the client sends in a second, to all
// servers together and with those for tokens and retries. They are sent at equal
// distances. 0 is no limit, which is the default.
func WithRequestRate(perSecond float64) Option {
	return func(c *config) { c.rate = perSecond }
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
// the goroutine that sent it: fn must be safe for concurrent use if the client
// is used concurrently.
func WithTrace(fn func(Attempt)) Option {
	return func(c *config) { c.trace = fn }
}

// An Attempt is one HTTP request that was sent; see [WithTrace].
type Attempt struct {
	Op         string        // the operation that it belongs to
	Method     string        // HTTP method
	URL        string        // without query and user information
	StatusCode int           // 0 if there was no response
	Err        error         // why there was none
	Duration   time.Duration // until the header of the response was read
}

// Retries says how often and how patiently a failed request is retried. Requests
// that could do harm when they are sent twice are not retried, whatever is set
// here. All calls of a client together retry at most one in ten requests, and 20
// beyond that.
type Retries struct {
	Max     int           // retries after the first attempt; 0 means none
	WaitMin time.Duration // the shortest wait
	WaitMax time.Duration // the longest; in between, waits double and are drawn at random
	// Budget bounds the time from the first attempt to the start of the last. What
	// is left of it shortens a wait, but never one that the registry asked for.
	// 0 means no retries.
	Budget time.Duration
	// RetryAfterMax is the longest Retry-After that is waited for. A longer one,
	// or one beyond the context's deadline, is returned at once in
	// Error.RetryAfter.
	RetryAfterMax time.Duration
}

// DefaultRetries returns 3 retries, 250 ms to 10 s apart, within 2 minutes, and
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

// Limits bound what is accepted from a registry, and what the client remembers of
// it. What exceeds one is refused with [ErrTooLarge] (a list: [ErrIncompleteList])
// and never cut.
type Limits struct {
	ErrorBytes    int64         // of an error response; the rest is ignored
	ManifestBytes int64         // of a manifest
	TokenBytes    int64         // of a token response
	PageBytes     int64         // of one page of a list
	Pages         int           // of one list
	Entries       int           // of one list
	ReadTimeout   time.Duration // until the header of the response to a GET or HEAD
	// WriteTimeout is the same for a DELETE, POST or PUT. Registries with many tags or
	// slow storage take minutes, and a client that gives up leaves work half done.
	WriteTimeout time.Duration
	// RememberedManifests is the number of manifests that the client remembers at
	// least: the latest that it has read or resolved, in whatever repository. It may
	// remember twice as many, each in about 180 bytes. DeleteManifest deletes them
	// without a HEAD. Raise the limit if more manifests and tags than that are read
	// before the first of them is deleted.
	RememberedManifests int
}

// DefaultLimits returns 64 KiB for errors, 4 MiB for manifests, 128 KiB for
// token responses, 32 MiB for a page, 10,000 pages and 1,000,000 entries for a
// list, 30 s for reads, 5 minutes for writes, and 100,000 remembered manifests.
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

		RememberedManifests: 100_000,
	}
}

// check returns everything that is wrong with the options for this registry.
func (c *config) check(o origin.Origin) []error {
	errs := c.checkAuth(o)
	refuse := func(wrong bool, text string) {
		if wrong {
			errs = append(errs, errors.New(text))
		}
	}
	refuse(c.nilOption, "an option is nil")
	refuse(c.hasBase && c.base == nil, "WithTransport: the transport is nil")
	refuse(c.base != nil && c.tls != nil, "WithTLSConfig cannot be combined with WithTransport: give the transport its own")
	refuse(!(c.rate >= 0), "WithRequestRate: the rate is negative or no number")
	refuse(c.logger == nil, "WithLogger: the logger is nil")
	refuse(!field.IsPrintable(c.userAgent), "WithUserAgent: empty or not printable ASCII")
	return append(errs, c.retries.check(), c.limits.check())
}

func (r Retries) check() error {
	if r.Max < 0 || r.WaitMin < 0 || r.WaitMax < r.WaitMin || r.Budget < 0 || r.RetryAfterMax < 0 {
		return errors.New("WithRetries: no field may be negative, nor WaitMax less than WaitMin")
	}
	return nil
}

const maxLimit = 1 << 40

func (l Limits) check() error {
	for _, bytes := range []int64{l.ErrorBytes, l.ManifestBytes, l.TokenBytes, l.PageBytes} {
		if bytes > maxLimit {
			return errors.New("WithLimits: no limit may exceed 1 TiB: what is read is held in memory")
		}
	}
	if l.ErrorBytes <= 0 || l.ManifestBytes <= 0 || l.TokenBytes <= 0 || l.PageBytes <= 0 ||
		l.Pages <= 0 || l.Entries <= 0 || l.ReadTimeout <= 0 || l.WriteTimeout <= 0 || l.RememberedManifests <= 0 {
		return errors.New("WithLimits: every limit must be positive; start from DefaultLimits")
	}
	return nil
}
