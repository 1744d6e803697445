package regret_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// DeleteManifest deletes the image that was resolved. If the tag was moved in the meantime, the
// image that it now points to is left alone.
func ExampleClient_DeleteManifest() {
	ctx := context.Background()
	registry := fakeregistry.New()
	registry.PutImage("team/app", "built on Monday", "nightly")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	monday, err := c.ResolveDigest(ctx, "team/app", "nightly")
	if err != nil {
		fmt.Println(err)
		return
	}
	registry.PutImage("team/app", "built on Tuesday", "nightly")
	if err := c.DeleteManifest(ctx, "team/app", monday); err != nil {
		fmt.Println(err)
		return
	}

	tuesday, err := c.ResolveDigest(ctx, "team/app", "nightly")
	fmt.Println(tuesday != monday, err)
	// Output:
	// true <nil>
}

// All tags that point to a digest are removed with it.
func ExampleClient_DeleteManifest_sharedDigest() {
	registry := fakeregistry.New()
	image := registry.PutImage("team/app", "hello", "v1", "v1.2", "latest")
	registry.PutImage("team/app", "goodbye", "v2")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	if err := c.DeleteManifest(context.Background(), "team/app", image.Digest); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(slices.Sorted(maps.Keys(registry.Tags("team/app"))))
	// Output:
	// [v2]
}

// A second deletion returns ErrNotFound. A caller who only wants the image gone can ignore that.
func ExampleClient_DeleteManifest_alreadyGone() {
	ctx := context.Background()
	registry := fakeregistry.New()
	image := registry.PutImage("team/app", "hello", "v1")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	fmt.Println(c.DeleteManifest(ctx, "team/app", image.Digest))
	err = c.DeleteManifest(ctx, "team/app", image.Digest)
	fmt.Println(errors.Is(err, regret.ErrNotFound))
	fmt.Println(errors.Is(err, regret.CodeManifestUnknown))
	// Output:
	// <nil>
	// true
	// true
}

// In many registries deletion is disabled until the operator enables it. The hint says how.
func ExampleClient_DeleteManifest_disabled() {
	registry := fakeregistry.New(fakeregistry.WithDeleteDisabled())
	image := registry.PutImage("team/app", "hello", "v1")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	err = c.DeleteManifest(context.Background(), "team/app", image.Digest)
	fmt.Println(errors.Is(err, regret.ErrDeleteDisabled))
	if e, ok := errors.AsType[*regret.Error](err); ok {
		fmt.Println(e.Hint)
	}
	// Output:
	// true
	// deletion is disabled, the default of many registries; in distribution set storage.delete.enabled: true (REGISTRY_STORAGE_DELETE_ENABLED=true) and restart it; a pull-through cache never allows deletion
}

// Untag removes one tag. The image stays under its digest and its other tags.
func ExampleClient_Untag() {
	registry := fakeregistry.New()
	image := registry.PutImage("team/app", "hello", "v1", "latest")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	if err := c.Untag(context.Background(), "team/app", "latest"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(slices.Sorted(maps.Keys(registry.Tags("team/app"))))
	fmt.Println(registry.HasManifest("team/app", image.Digest))
	// Output:
	// [v1]
	// true
}

// Some registries delete by digest only. Then Untag changes nothing and tries nothing else.
func ExampleClient_Untag_unsupported() {
	registry := fakeregistry.New(fakeregistry.WithoutTagDelete())
	registry.PutImage("team/app", "hello", "v1", "latest")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	err = c.Untag(context.Background(), "team/app", "latest")
	fmt.Println(errors.Is(err, regret.ErrTagDeleteUnsupported))
	for _, request := range registry.Requests() {
		fmt.Println(request)
	}
	// Output:
	// true
	// DELETE /v2/team/app/manifests/latest 400
}

// CheckUntag reports whether the registry removes single tags. It removes nothing.
func ExampleClient_CheckUntag() {
	ctx := context.Background()
	for _, registry := range []*fakeregistry.Registry{fakeregistry.Distribution3().New(), fakeregistry.Distribution2().New()} {
		registry.PutImage("team/app", "hello", "v1")
		c, err := regret.New("registry.example.com", regret.WithTransport(registry))
		if err != nil {
			fmt.Println(err)
			return
		}
		err = c.CheckUntag(ctx, "team/app")
		fmt.Println(err == nil, errors.Is(err, regret.ErrTagDeleteUnsupported), len(registry.Tags("team/app")))
	}
	// Output:
	// true false 1
	// false true 1
}

// CheckDelete reports before a bulk deletion whether the registry allows these credentials to
// delete. It deletes nothing.
func ExampleClient_CheckDelete() {
	ctx := context.Background()
	enabled, disabled := fakeregistry.New(), fakeregistry.New(fakeregistry.WithDeleteDisabled())
	for _, registry := range []*fakeregistry.Registry{enabled, disabled} {
		registry.PutImage("team/app", "hello", "v1")
		c, err := regret.New("registry.example.com", regret.WithTransport(registry))
		if err != nil {
			fmt.Println(err)
			return
		}
		err = c.CheckDelete(ctx, "team/app")
		fmt.Println(err == nil, errors.Is(err, regret.ErrDeleteDisabled), len(registry.Tags("team/app")))
	}
	// Output:
	// true false 1
	// false true 1
}
