package clients

import (
	"context"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// ours is this library, with default options.
type ours struct{ client *regret.Client }

func openRegret(s Setup) (Client, error) {
	var opts []regret.Option
	if s.Bearer {
		opts = append(opts, regret.WithBasicAuth(registry.User, registry.Password))
	}
	c, err := regret.New(s.url(), opts...)
	if err != nil {
		return nil, err
	}
	return ours{c}, nil
}

func (o ours) ResolveDelete(ctx context.Context, repository, tag string) error {
	dgst, err := o.client.ResolveDigest(ctx, repository, tag)
	if err != nil {
		return err
	}
	return o.client.DeleteManifest(ctx, repository, dgst)
}

func (o ours) List(ctx context.Context, repository string) (int, error) {
	total := 0
	for _, err := range o.client.Tags(ctx, repository) {
		if err != nil {
			return total, err
		}
		total++
	}
	return total, nil
}

func (o ours) Close() error {
	o.client.CloseIdleConnections()
	return nil
}
