package clients

import (
	"context"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// regretClient uses this library with its default options.
type regretClient struct{ client *regret.Client }

func openRegret(s Setup) (Client, error) {
	var opts []regret.Option
	if s.Bearer {
		opts = append(opts, regret.WithBasicAuth(registry.User, registry.Password))
	}
	c, err := regret.New(s.url(), opts...)
	if err != nil {
		return nil, err
	}
	return regretClient{c}, nil
}

func (r regretClient) ResolveDelete(ctx context.Context, repository, tag string) error {
	dgst, err := r.client.ResolveDigest(ctx, repository, tag)
	if err != nil {
		return err
	}
	return r.client.DeleteManifest(ctx, repository, dgst)
}

func (r regretClient) List(ctx context.Context, repository string) (int, error) {
	total := 0
	for _, err := range r.client.Tags(ctx, repository) {
		if err != nil {
			return total, err
		}
		total++
	}
	return total, nil
}

func (r regretClient) Close() error {
	r.client.CloseIdleConnections()
	return nil
}
