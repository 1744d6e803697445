package clients

import (
	"context"
	"net/http"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

const orasModule = "oras.land/oras-go/v2"

// orasClient uses one remote.Repository for all callers, as in the examples of oras-go.
type orasClient struct {
	repo *remote.Repository
	hint bool // name the scope of the token in advance
	pool *http.Transport
}

func openORAS(s Setup) (Client, error) {
	c, err := newORAS(s)
	if err == nil && s.Bearer {
		c.repo.Client = &auth.Client{Client: retry.DefaultClient, Cache: auth.NewCache(), Credential: credentialORAS(s)}
	}
	return c, err
}

// openORASTuned adds one connection pool for all callers, names the scope of both requests in
// advance, as package auth recommends, and allows tag lists as large as regret does.
func openORASTuned(s Setup) (Client, error) {
	c, err := newORAS(s)
	if err != nil {
		return nil, err
	}
	c.pool, c.hint = newPool(s), s.Bearer
	client := &auth.Client{Client: &http.Client{Transport: retry.NewTransport(c.pool)}, Cache: auth.NewCache()}
	if s.Bearer {
		client.Credential = credentialORAS(s)
	}
	c.repo.Client = client
	c.repo.MaxMetadataBytes = 32 << 20
	return c, nil
}

func newORAS(s Setup) (*orasClient, error) {
	repo, err := remote.NewRepository(s.Host + "/" + registry.Repository)
	if err != nil {
		return nil, err
	}
	repo.PlainHTTP = s.plainHTTP()
	return &orasClient{repo: repo}, nil
}

func credentialORAS(s Setup) auth.CredentialFunc {
	return auth.StaticCredential(s.Host, auth.Credential{Username: registry.User, Password: registry.Password})
}

func (c *orasClient) ResolveDelete(ctx context.Context, _, tag string) error {
	if c.hint {
		ctx = auth.AppendRepositoryScope(ctx, c.repo.Reference, auth.ActionPull, auth.ActionDelete)
	}
	desc, err := c.repo.Resolve(ctx, tag)
	if err != nil {
		return err
	}
	return c.repo.Delete(ctx, desc)
}

func (c *orasClient) List(ctx context.Context, _ string) (int, error) {
	total := 0
	err := c.repo.Tags(ctx, "", func(tags []string) error {
		total += len(tags)
		return nil
	})
	return total, err
}

func (c *orasClient) Close() error {
	if c.pool != nil {
		c.pool.CloseIdleConnections()
	}
	return nil
}
