package cli

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
)

// client returns a client for a registry, as the flags say. It sends nothing. Further options come
// after those of the flags.
func (a *app) client(registry string, options ...regret.Option) (*regret.Client, error) {
	source, err := a.source(registry)
	if err != nil {
		return nil, err
	}
	all := []regret.Option{regret.WithCredentials(source), regret.WithUserAgent("regret/" + version())}
	if a.flags.plainHTTP {
		all = append(all, regret.WithPlainHTTP())
	}
	if len(a.flags.trustedRealm) > 0 {
		all = append(all, regret.WithTrustedRealm(a.flags.trustedRealm...))
	}
	if logger := a.logger(); logger != nil {
		all = append(all, regret.WithLogger(logger))
	}
	if a.flags.rate > 0 {
		all = append(all, regret.WithRequestRate(a.flags.rate))
	}
	config, err := a.flags.tlsConfig()
	if err != nil {
		return nil, err
	}
	if config != nil {
		all = append(all, regret.WithTLSConfig(config))
		registry = "https://" + registry // on the loopback interface, too
	}
	return regret.New(registry, append(all, options...)...)
}

// tlsConfig returns what --ca-file, --cert and --key say; nil without them. There is no way to skip
// the verification of a server.
func (g *globals) tlsConfig() (*tls.Config, error) {
	if g.caFile == "" && g.cert == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if g.caFile != "" {
		pem, err := os.ReadFile(g.caFile)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("--ca-file: %w", err))
		}
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool() // some systems have none
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usagef("--ca-file %s has no certificate in PEM", g.caFile)
		}
	}
	if g.cert != "" {
		pair, err := tls.LoadX509KeyPair(g.cert, g.key)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("--cert, --key: %w", err))
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// clients are one client for each registry of a command line.
type clients struct {
	app     *app
	options []regret.Option
	all     map[string]*regret.Client
}

// newClients returns no clients yet. They have further options besides those of the flags.
func (a *app) newClients(options ...regret.Option) *clients {
	return &clients{a, options, make(map[string]*regret.Client)}
}

// of returns the client for a registry.
func (c *clients) of(registry string) (*regret.Client, error) {
	if client, ok := c.all[registry]; ok {
		return client, nil
	}
	client, err := c.app.client(registry, c.options...)
	if err == nil {
		c.all[registry] = client
	}
	return client, err
}
