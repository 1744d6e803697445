package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/challenge"
	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// knownRealms are the token services of public registries that have another
// origin than their registry.
var knownRealms = map[origin.Origin]origin.Origin{
	{Scheme: "https", Host: origin.DockerHub}:            {Scheme: "https", Host: "auth.docker.io"},
	{Scheme: "https", Host: "registry.gitlab.com"}:       {Scheme: "https", Host: "gitlab.com"},
	{Scheme: "https", Host: "registry.digitalocean.com"}: {Scheme: "https", Host: "api.digitalocean.com"},
}

// Trusted returns the origins of the token services that may be sent credentials,
// beside the registry's own origin: a known one, and those that the caller names.
func Trusted(registry origin.Origin, realms []string) []origin.Origin {
	var trusted []origin.Origin
	if realm, ok := knownRealms[registry]; ok {
		trusted = append(trusted, realm)
	}
	for _, realm := range realms {
		if u, err := url.Parse(realm); err == nil {
			trusted = append(trusted, origin.Of(u))
		}
	}
	return trusted
}

// read picks the challenge to answer: a bearer challenge before a basic one,
// because that sends the password less often, if its realm is trusted.
func (a *Authorizer) read(h http.Header) (*demand, error) {
	offered, err := challenge.Parse(h)
	if err != nil {
		return nil, &Error{Reason: MalformedChallenge, StatusCode: http.StatusUnauthorized, Err: err}
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

// trusted returns the URL of a realm that may be sent credentials. The address
// is the other side's choice, so an untrusted realm is not even asked
// anonymously.
func (a *Authorizer) trusted(realm string) (*url.URL, error) {
	refuse := func(reason Reason, format string, args ...any) error {
		return &Error{Reason: reason, StatusCode: http.StatusUnauthorized, Err: fmt.Errorf(format, args...)}
	}
	u, err := url.Parse(realm)
	switch {
	case realm == "" || err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, refuse(MalformedChallenge, "the challenge's realm is not a URL: %q", origin.Shown(realm))
	case u.User != nil:
		return nil, refuse(UntrustedRealm, "the challenge's realm contains user information")
	case !a.realms[origin.Of(u)]:
		return nil, &Error{
			Reason: UntrustedRealm, StatusCode: http.StatusUnauthorized, Realm: origin.Of(u),
			Err: fmt.Errorf("the registry sends callers to %s for a token", origin.Of(u)),
		}
	}
	return u, nil
}

// CheckRealm accepts the origin of a token service and nothing more; http only
// where the registry itself is reached by http.
func CheckRealm(realm string, registry origin.Origin) error {
	u, err := url.Parse(realm)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q is not an origin like https://auth.example.com", origin.Shown(realm))
	case u.Scheme == "https", u.Scheme == "http" && registry.Scheme == "http":
		if err := origin.CheckHost(u.Host); err != nil {
			return fmt.Errorf("%q: %w", origin.Shown(realm), err)
		}
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("%q is http, which would show the credentials to everybody on the way", origin.Shown(realm))
	}
	return fmt.Errorf("%q: the scheme is neither http nor https", origin.Shown(realm))
}
