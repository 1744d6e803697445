package regret

import (
	"errors"
	"fmt"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// WithBasicAuth sets a user name and a password (or access token) for the
// registry and for the token services that it may send callers to. They are
// sent only when the registry asks for them. Two empty strings are an error;
// omit the option to be anonymous.
func WithBasicAuth(username, password string) Option {
	return func(c *config) {
		c.sources = append(c.sources, credentials.Static(credentials.Credential{Username: username, Password: password}))
		c.emptyBasic = c.emptyBasic || username == "" && password == ""
	}
}

// WithCredentials sets the source that is asked when the registry wants
// credentials: [credentials.LoadDockerConfig], [credentials.Func] and others of
// package credentials.
func WithCredentials(source credentials.Source) Option {
	return func(c *config) { c.sources = append(c.sources, source) }
}

// WithToken sets a bearer token that the registry accepts as it is. It is sent
// with every request to the registry's origin and is never exchanged or renewed.
func WithToken(token string) Option {
	return func(c *config) { c.token, c.hasToken = token, true }
}

// WithTrustedRealm names the origins ("https://auth.example.com") of token
// services that may receive the credentials, in addition to the registry's own
// origin and the token services of well-known public registries. Without it, a
// challenge that names another origin is [ErrUntrustedRealm].
func WithTrustedRealm(origins ...string) Option {
	return func(c *config) { c.realms = append(c.realms, origins...) }
}

// anonymous reports whether there is nothing to authenticate with.
func (c *config) anonymous() bool { return len(c.sources) == 0 && !c.hasToken }

// source is what to ask for credentials, or nil.
func (c *config) source() credentials.Source {
	if len(c.sources) == 0 {
		return nil
	}
	return c.sources[0]
}

// checkAuth returns everything that is wrong with the options above.
func (c *config) checkAuth(o origin.Origin) []error {
	var errs []error
	refuse := func(wrong bool, text string) {
		if wrong {
			errs = append(errs, errors.New(text))
		}
	}
	refuse(len(c.sources) > 1, "WithBasicAuth and WithCredentials: more than one source of credentials")
	refuse(len(c.sources) > 0 && c.hasToken, "WithToken cannot be combined with WithBasicAuth or WithCredentials")
	refuse(c.emptyBasic, "WithBasicAuth: user name and password are empty")
	refuse(c.hasToken && !auth.IsToken(c.token), "WithToken: the token is empty, too long or has characters that no token has")
	for _, source := range c.sources {
		if err := credentials.Check(source); err != nil {
			errs = append(errs, err)
		}
	}
	for _, realm := range c.realms {
		if err := auth.CheckRealm(realm, o); err != nil {
			errs = append(errs, fmt.Errorf("WithTrustedRealm: %w", err))
		}
	}
	return errs
}
