package clients

import (
	"context"

	"github.com/regclient/regclient"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/scheme/reg"
	"github.com/regclient/regclient/types/ref"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

const regclientModule = "github.com/regclient/regclient"

// regClient uses one RegClient for all callers.
type regClient struct {
	client *regclient.RegClient
	host   string
}

// openRegclient configures the client as regclient's ExampleNew does.
func openRegclient(s Setup) (Client, error) {
	rc := regclient.New(
		regclient.WithConfigHost(configHost(s)),
		regclient.WithDockerCerts(),
		regclient.WithDockerCreds(),
	)
	return &regClient{rc, s.Host}, nil
}

// openRegclientTuned allows as many concurrent requests as there are callers, over a connection pool
// of that size.
func openRegclientTuned(s Setup) (Client, error) {
	host := configHost(s)
	host.ReqConcurrent = int64(s.Callers)
	rc := regclient.New(
		regclient.WithConfigHost(host),
		regclient.WithRegOpts(reg.WithTransport(newPool(s))),
	)
	return &regClient{rc, s.Host}, nil
}

func configHost(s Setup) config.Host {
	host := config.Host{Name: s.Host}
	if s.plainHTTP() {
		host.TLS = config.TLSDisabled
	}
	if s.Bearer {
		host.User, host.Pass = registry.User, registry.Password
	}
	return host
}

func (c *regClient) ResolveDelete(ctx context.Context, repository, tag string) error {
	r, err := ref.New(c.host + "/" + repository + ":" + tag)
	if err != nil {
		return err
	}
	m, err := c.client.ManifestHead(ctx, r, regclient.WithManifestRequireDigest())
	if err != nil {
		return err
	}
	return c.client.ManifestDelete(ctx, r.SetDigest(m.GetDescriptor().Digest.String()))
}

func (c *regClient) List(ctx context.Context, repository string) (int, error) {
	r, err := ref.New(c.host + "/" + repository)
	if err != nil {
		return 0, err
	}
	list, err := c.client.TagList(ctx, r)
	if err != nil {
		return 0, err
	}
	tags, err := list.GetTags()
	return len(tags), err
}

func (c *regClient) Close() error { return nil }
