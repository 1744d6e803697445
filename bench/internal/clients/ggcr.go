package clients

import (
	"context"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

const ggcrModule = "github.com/google/go-containerregistry"

// craneClient uses package crane as its README shows.
type craneClient struct {
	host string
	opts []crane.Option
}

func openCrane(s Setup) (Client, error) {
	c := &craneClient{host: s.Host}
	if s.Bearer {
		c.opts = append(c.opts, crane.WithAuth(&authn.Basic{Username: registry.User, Password: registry.Password}))
	}
	return c, nil
}

func (c *craneClient) options(ctx context.Context) []crane.Option {
	return append([]crane.Option{crane.WithContext(ctx)}, c.opts...)
}

func (c *craneClient) ResolveDelete(ctx context.Context, repository, tag string) error {
	opts, repo := c.options(ctx), c.host+"/"+repository
	dgst, err := crane.Digest(repo+":"+tag, opts...)
	if err != nil {
		return err
	}
	return crane.Delete(repo+"@"+dgst, opts...)
}

func (c *craneClient) List(ctx context.Context, repository string) (int, error) {
	tags, err := crane.ListTags(c.host+"/"+repository, c.options(ctx)...)
	return len(tags), err
}

func (c *craneClient) Close() error { return nil }

// remoteClient uses package remote with one Puller, one Pusher and one connection pool for all
// callers.
type remoteClient struct {
	registry name.Registry
	puller   *remote.Puller
	pusher   *remote.Pusher
	pool     *http.Transport
}

func openRemote(s Setup) (Client, error) {
	reg, err := name.NewRegistry(s.Host)
	if err != nil {
		return nil, err
	}
	c := &remoteClient{registry: reg, pool: newPool(s)}
	opts := []remote.Option{remote.WithTransport(c.pool), remote.WithJobs(s.Callers)}
	if s.Bearer {
		opts = append(opts, remote.WithAuth(&authn.Basic{Username: registry.User, Password: registry.Password}))
	}
	if c.puller, err = remote.NewPuller(opts...); err != nil {
		return nil, err
	}
	c.pusher, err = remote.NewPusher(opts...)
	return c, err
}

func (c *remoteClient) ResolveDelete(ctx context.Context, repository, tag string) error {
	repo := c.registry.Repo(repository)
	desc, err := c.puller.Head(ctx, repo.Tag(tag))
	if err != nil {
		return err
	}
	return c.pusher.Delete(ctx, repo.Digest(desc.Digest.String()))
}

func (c *remoteClient) List(ctx context.Context, repository string) (int, error) {
	tags, err := c.puller.List(ctx, c.registry.Repo(repository))
	return len(tags), err
}

func (c *remoteClient) Close() error {
	c.pool.CloseIdleConnections()
	return nil
}
