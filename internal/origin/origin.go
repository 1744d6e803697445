// Package origin says which server a URL belongs to: scheme, host and port. It
// decides what may be a host, and how an address is shown to people.
//
// Invariants: origins that differ in case, or in whether they name their scheme's
// default port, compare equal; no error and no shown address contains user
// information, a query or a fragment.
package origin

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// DockerHub is the host at which docker.io's registry is reached.
const DockerHub = "registry-1.docker.io"

// An Origin is what credentials are bound to.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-4.3.1
type Origin struct {
	Scheme string
	Host   string // in lower case, with the port unless it is the scheme's default
}

// String returns "https://registry.example.com:5000".
func (o Origin) String() string { return o.Scheme + "://" + o.Host }

// Of returns the origin of a URL.
func Of(u *url.URL) Origin {
	o := Origin{strings.ToLower(u.Scheme), strings.ToLower(u.Host)}
	switch o.Scheme {
	case "https":
		o.Host = strings.TrimSuffix(o.Host, ":443")
	case "http":
		o.Host = strings.TrimSuffix(o.Host, ":80")
	}
	return o
}

// Parse reads the name of a registry: a host with an optional scheme and port.
// Without a scheme it is https, but http for loopback names and where plainHTTP
// is set. Anything else in the name is an error, because it would end up
// somewhere it was not meant to.
func Parse(registry string, plainHTTP bool) (Origin, error) {
	scheme, rest, named := strings.Cut(registry, "://")
	if !named {
		scheme, rest = "", registry
	}
	if rest == "index.docker.io/v1/" || rest == "index.docker.io/v1" { // Docker Hub's name in docker's own files
		rest = "docker.io"
	}
	host := strings.TrimSuffix(rest, "/")
	if err := checkRegistry(host, rest); err != nil {
		return Origin{}, fmt.Errorf("registry %q: %w", Shown(registry), err)
	}
	switch scheme = strings.ToLower(scheme); {
	case named && scheme != "http" && scheme != "https":
		return Origin{}, fmt.Errorf("registry %q: the scheme is neither http nor https", Shown(registry))
	case scheme == "https" && plainHTTP:
		return Origin{}, fmt.Errorf("registry %q is https, but plain http was asked for", Shown(registry))
	case !named && (plainHTTP || loopback(host)):
		scheme = "http"
	case !named:
		scheme = "https"
	}
	o := Of(&url.URL{Scheme: scheme, Host: host})
	o.Host = CanonicalHost(o.Host)
	return o, nil
}

// checkRegistry checks a host, which is rest without a slash at its end. If there is a
// path, as in the addresses of Nexus, Artifactory and GitLab, it says where the path belongs.
func checkRegistry(host, rest string) error {
	err := CheckHost(host)
	name, _, found := strings.Cut(host, "/")
	if err == nil || !found || CheckHost(name) != nil || strings.ContainsAny(rest, "@?#") { // a secret may be in any part
		return err
	}
	path := rest[len(name):]
	switch inner := strings.Trim(path, "/"); {
	case inner == "":
		return fmt.Errorf("the slashes after %q do not belong to it", redact.Clip(name))
	case inner == "v1" || inner == "v2":
		return fmt.Errorf("the path %q does not belong to it: leave it out, every request adds /v2/", path)
	}
	return fmt.Errorf("the path %q does not belong to it: a registry is at /v2/ of a host, %q; "+
		"write the path as the beginning of the repository's name, or set up a host or a port of its own for the registry",
		redact.Clip(path), redact.Clip(name))
}

// Hostname returns the host without its port.
func (o Origin) Hostname() string { return (&url.URL{Host: o.Host}).Hostname() }

// CanonicalHost returns the one name of a host that has several: Docker Hub.
func CanonicalHost(host string) string {
	host = strings.ToLower(host)
	switch host {
	case "docker.io", "index.docker.io", "www.docker.io":
		return DockerHub
	}
	return host
}

// loopback reports whether plain http to a host never leaves this machine.
func loopback(hostport string) bool {
	host := strings.ToLower(Origin{Host: hostport}.Hostname())
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr == netip.IPv6Loopback() || addr.Is4() && addr.IsLoopback())
}

// Redact returns the URL without user information, query and fragment, any of
// which may be a secret.
func Redact(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// Shown returns a malformed address in a form that an error may quote: without
// user information, query and fragment. Where "?" or "#" comes before "@", it
// returns "…": the secret may be a password before the "@" or a query after it.
func Shown(s string) string {
	at, query := strings.LastIndexByte(s, '@'), strings.IndexAny(s, "?#")
	switch {
	case query >= 0 && query < at:
		return "…"
	case query >= 0:
		s = s[:query+1] + "…"
	}
	if at >= 0 {
		s = "…" + s[at:]
	}
	return redact.Clip(s)
}
