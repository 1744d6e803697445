package clients

import (
	"context"
	"net/http"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ociauth"
	"cuelabs.dev/go/oci/ociregistry/ociclient"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

const ociModule = "cuelabs.dev/go/oci/ociregistry"

// ociClient uses package ociclient, with package ociauth for tokens.
type ociClient struct {
	registry ociregistry.Interface
	pool     *http.Transport
}

func openOCI(s Setup) (Client, error) { return newOCI(s, nil) }

// openOCITuned adds one connection pool for all callers. With tokens the pool does not limit the
// number of connections, because ociauth requests a token while the previous response is still open.
func openOCITuned(s Setup) (Client, error) {
	pool := newPool(s)
	if s.Bearer {
		pool.MaxConnsPerHost = 0
	}
	return newOCI(s, pool)
}

func newOCI(s Setup, pool *http.Transport) (Client, error) {
	opts := &ociclient.Options{Insecure: s.plainHTTP()}
	if pool != nil {
		opts.Transport = pool
	}
	if s.Bearer {
		opts.Transport = ociauth.NewStdTransport(ociauth.StdTransportParams{Config: ociCredential{}, Transport: opts.Transport})
	}
	reg, err := ociclient.New(s.Host, opts)
	if err != nil {
		return nil, err
	}
	return &ociClient{reg, pool}, nil
}

// ociCredential takes the place of a configuration file.
type ociCredential struct{}

func (ociCredential) EntryForRegistry(string) (ociauth.ConfigEntry, error) {
	return ociauth.ConfigEntry{Username: registry.User, Password: registry.Password}, nil
}

func (c *ociClient) ResolveDelete(ctx context.Context, repository, tag string) error {
	desc, err := c.registry.ResolveTag(ctx, repository, tag)
	if err != nil {
		return err
	}
	return c.registry.DeleteManifest(ctx, repository, desc.Digest)
}

func (c *ociClient) List(ctx context.Context, repository string) (int, error) {
	total := 0
	for _, err := range c.registry.Tags(ctx, repository, "") {
		if err != nil {
			return total, err
		}
		total++
	}
	return total, nil
}

func (c *ociClient) Close() error {
	if c.pool != nil {
		c.pool.CloseIdleConnections()
	}
	return nil
}
