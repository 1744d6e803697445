package regret_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The configuration of an image is a blob. It says, among other things, for which platform the
// image is.
func ExampleClient_Blob() {
	ctx := context.Background()
	registry := fakeregistry.New()
	registry.PutImage("team/app", "hello", "v1")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	m, err := c.Manifest(ctx, "team/app", "v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	var image ocispec.Manifest
	if err := json.Unmarshal(m.Raw, &image); err != nil {
		fmt.Println(err)
		return
	}
	raw, err := c.Blob(ctx, "team/app", image.Config.Digest, 1<<20)
	if err != nil {
		fmt.Println(err)
		return
	}
	var config ocispec.Image
	if err := json.Unmarshal(raw, &config); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(config.OS, config.Architecture)
	// Output:
	// linux amd64
}

// Only what the registry says itself is an answer. Without an error code a 404 may come from a
// proxy, and HasBlob returns an error.
func ExampleClient_HasBlob() {
	ctx := context.Background()
	registry := fakeregistry.New()
	layer := registry.PutBlob("team/app", []byte("a layer"))
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	fmt.Println(c.HasBlob(ctx, "team/app", layer.Digest))
	fmt.Println(c.HasBlob(ctx, "team/app", digest.FromString("another layer")))
	for _, request := range registry.Requests() {
		fmt.Println(request.Method, request.Status)
	}
	// Output:
	// true <nil>
	// false <nil>
	// HEAD 200
	// HEAD 404
	// GET 404
}

// A blob that is there already is not pushed again.
func ExampleClient_PutBlob() {
	ctx := context.Background()
	registry := fakeregistry.New()
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	empty := []byte("{}") // the configuration of an artifact that has none
	for range 2 {
		fmt.Println(c.PutBlob(ctx, "team/app", digest.FromBytes(empty), empty))
	}
	for _, request := range registry.Requests() {
		fmt.Println(request.Method, request.Status)
	}
	// Output:
	// <nil>
	// <nil>
	// HEAD 404
	// POST 202
	// PUT 201
	// HEAD 200
}

// A registry without the referrers API leaves it to clients to keep the list of referrers.
func ExampleClient_HasReferrers() {
	ctx := context.Background()
	for _, option := range [][]fakeregistry.Option{nil, {fakeregistry.WithoutReferrersAPI()}} {
		registry := fakeregistry.New(option...)
		image := registry.PutImage("team/app", "hello", "v1")
		c, err := regret.New("registry.example.com", regret.WithTransport(registry))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(c.HasReferrers(ctx, "team/app", image.Digest))
	}
	// Output:
	// true <nil>
	// false <nil>
}
