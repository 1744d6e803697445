package regret

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/bounded"
)

// dockerHub is where docker.io's registry really answers.
const dockerHub = "registry-1.docker.io"

// What a client remembers, at most: manifests it has seen served, tags it has
// resolved. Older ones are forgotten first; forgetting costs one request.
const maxRemembered = 16384

// A Client speaks to one registry. It is safe for concurrent use, keeps its
// connections, tokens and what it has seen, and needs no closing.
type Client struct {
	origin    origin
	hub       bool // Docker Hub, where "busybox" means "library/busybox"
	config    config
	transport *transport
	manifests *bounded.Map[imageName, string] // digests seen served as manifests, and the tag of each that was resolved last
	tags      *bounded.Map[imageName, Digest] // tags as last resolved
	seed      maphash.Seed                    // of the hashes that recognise a repeated page
}

// An imageName is a tag or digest of a repository.
type imageName struct{ repository, reference string }

// New makes a client for one registry: "registry.example.com",
// "localhost:5000", "https://registry.example.com", "docker.io". Without a
// scheme it is https, but http for localhost, 127.0.0.0/8 and [::1]; a named
// scheme is taken as it is. There is no probing and no downgrade.
//
// New sends nothing. It looks at all options together, in whatever order they
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
	o, err := parseRegistry(registry, cfg.plainHTTP)
	if err := errors.Join(append([]error{err}, cfg.check(o)...)...); err != nil {
		return nil, &Error{Op: "new client", Kind: ErrInvalid, Err: err}
	}
	return &Client{
		origin:    o,
		hub:       o.host == dockerHub,
		config:    cfg,
		transport: newTransport(o, &cfg),
		manifests: bounded.New[imageName, string](maxRemembered),
		tags:      bounded.New[imageName, Digest](maxRemembered),
		seed:      maphash.MakeSeed(),
	}, nil
}

// Registry is where the client sends its requests: "https://registry-1.docker.io".
func (c *Client) Registry() string { return c.origin.String() }

// CloseIdleConnections closes the connections that no call is using, those of a
// transport given by [WithTransport] too if it has a method of this name. A
// client needs no closing: its own connections end 45 to 90 seconds after they
// were last needed.
func (c *Client) CloseIdleConnections() {
	c.transport.wire.reads.shut()
	c.transport.wire.writes.shut()
	if pool, ok := c.transport.wire.next.(interface{ CloseIdleConnections() }); ok {
		pool.CloseIdleConnections()
	}
}

// Ping asks whether the registry is there, speaks the protocol and accepts the
// credentials. That says nothing about any repository; see [Client.CheckDelete].
//
// Errors: [ErrUnauthorized], [ErrForbidden], [ErrUnavailable], [ErrNotRegistry].
//
// Sends GET /v2/ ([end-1]).
//
// [end-1]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#determining-support
func (c *Client) Ping(ctx context.Context) error {
	x := c.exchange("ping", "GET", "", "")
	x.path = "/v2/"
	resp, err := x.do(ctx)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == "" && e.StatusCode == http.StatusNotFound && e.Method == x.method {
		e.Kind, e.Hint = ErrNotRegistry, "every registry answers at this path: the host or the port may be another's"
	}
	if err != nil {
		return err
	}
	discard(resp.Body)
	if t := mediaType(resp.Header); t == "text/html" {
		return x.refuse(resp, ErrNotRegistry, fmt.Errorf("content type %q", t))
	}
	return nil
}

// repository validates a name and completes Docker Hub's short ones.
func (c *Client) repository(op, name string) (string, error) {
	if err := checkRepository(name); err != nil {
		return "", invalid(op, redactedReference(name), "", "%w", err)
	}
	if c.hub && !strings.Contains(name, "/") {
		name = "library/" + name
	}
	return name, nil
}

// An origin is what credentials are bound to: scheme, host and port.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-4.3.1
type origin struct {
	scheme string
	host   string // lower case, with the port unless it is the scheme's own
}

func (o origin) String() string { return o.scheme + "://" + o.host }

// knownOrigin is originOf, quick for the registry's own URLs.
func (x *exchange) knownOrigin(u *url.URL) origin {
	if own := x.transport.origin; u.Host == own.host && u.Scheme == own.scheme {
		return own
	}
	return originOf(u)
}

// originOf is the origin a URL belongs to.
func originOf(u *url.URL) origin {
	return origin{u.Scheme, u.Host}.normal()
}

// normal is the one way to write an origin.
func (o origin) normal() origin {
	o.scheme, o.host = strings.ToLower(o.scheme), strings.ToLower(o.host)
	switch o.scheme {
	case "https":
		o.host = strings.TrimSuffix(o.host, ":443")
	case "http":
		o.host = strings.TrimSuffix(o.host, ":80")
	}
	return o
}

// parseRegistry reads what was given to New. Only a scheme, a host and a port
// may be there; what is more would end up somewhere it was not meant to.
func parseRegistry(s string, plainHTTP bool) (origin, error) {
	scheme, rest, named := strings.Cut(s, "://")
	if !named {
		scheme, rest = "", s
	}
	if rest == "index.docker.io/v1/" || rest == "index.docker.io/v1" { // the name Docker Hub has in docker's own files
		rest = "docker.io"
	}
	host := strings.TrimSuffix(rest, "/")
	if err := checkHost(host); err != nil {
		return origin{}, fmt.Errorf("registry %q: %w", redactedRegistry(s), err)
	}
	switch scheme = strings.ToLower(scheme); {
	case named && scheme != "http" && scheme != "https":
		return origin{}, fmt.Errorf("registry %q: the scheme is neither http nor https", redactedRegistry(s))
	case scheme == "https" && plainHTTP:
		return origin{}, fmt.Errorf("registry %q is https, but WithPlainHTTP asks for http", redactedRegistry(s))
	case !named && (plainHTTP || loopback(host)):
		scheme = "http"
	case !named:
		scheme = "https"
	}
	o := originOf(&url.URL{Scheme: scheme, Host: host})
	switch o.host {
	case "docker.io", "index.docker.io", "www.docker.io":
		o.host = dockerHub
	}
	return o, nil
}

// redactedRegistry drops what may be a secret before the value is quoted: user
// information, query and fragment.
func redactedRegistry(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = "…" + s[i:]
	}
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i+1] + "…"
	}
	return clip(s)
}

var (
	hostPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$`)
	// A last label like these makes some resolvers read the whole name as an
	// IPv4 address in another notation: 2130706433, 0x7f.1, 127.1.
	numericPattern = regexp.MustCompile(`(^|\.)(0[xX][0-9a-fA-F]*|[0-9]+)$`)
)

// checkHost accepts a DNS name, an IPv4 or a bracketed IPv6 address, and an
// optional port. Its errors quote nothing: in "user:password@host" the password
// is where the port would be.
func checkHost(hostport string) error {
	host, port := hostport, ""
	if i := strings.LastIndexByte(hostport, ':'); i > strings.LastIndexByte(hostport, ']') {
		host, port = hostport[:i], hostport[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("the port is not a number from 1 to 65535")
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !strings.HasSuffix(inner, "]") || !addr.Is6() || addr.Zone() != "" {
			return errors.New("not an IPv6 address in brackets without a zone")
		}
		return nil
	}
	if host == "" {
		return errors.New("the host is empty")
	}
	if len(host) > 253 || !hostPattern.MatchString(host) {
		return errors.New("not a host name; write it in ASCII, as host or host:port")
	}
	if addr, err := netip.ParseAddr(host); numericPattern.MatchString(host) && (err != nil || !addr.Is4()) {
		return errors.New("an address must be written as four decimal numbers")
	}
	return nil
}

// loopback says whether plain http never leaves this machine.
func loopback(hostport string) bool {
	host := strings.ToLower((&url.URL{Host: hostport}).Hostname())
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr == netip.IPv6Loopback() || addr.Is4() && addr.IsLoopback())
}
