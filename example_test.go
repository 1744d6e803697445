package regret_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// These examples use a registry in memory: WithTransport replaces the network. Omit that option to
// use a real registry.
func Example() {
	ctx := context.Background()
	registry := fakeregistry.New()
	registry.PutImage("derek/busybox", "hello", "latest")

	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}
	dgst, err := c.ResolveDigest(ctx, "derek/busybox", "latest")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.DeleteManifest(ctx, "derek/busybox", dgst); err != nil {
		fmt.Println(err)
		return
	}

	for _, request := range registry.Requests() {
		fmt.Println(request)
	}
	// Output:
	// HEAD /v2/derek/busybox/manifests/latest 200
	// DELETE /v2/derek/busybox/manifests/sha256:779316c5dc171553b46f4d6fc2e14a7bbf3be561ebfe16693b7f6e726f2abb24 202
}

// A client is for one registry. It uses https, unless the name has the scheme http or the host is
// localhost or a loopback address. New sends nothing. Contradictory options are an error.
func ExampleNew() {
	for _, registry := range []string{"registry.example.com", "localhost:5000", "docker.io", "http://10.0.0.7:5000"} {
		c, err := regret.New(registry)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(c.Registry())
	}

	_, err := regret.New("registry.example.com", regret.WithToken("token"), regret.WithBasicAuth("user", "password"))
	fmt.Println(errors.Is(err, regret.ErrInvalid))
	// Output:
	// https://registry.example.com
	// http://localhost:5000
	// https://registry-1.docker.io
	// http://10.0.0.7:5000
	// true
}

// ParseReference splits a name into its parts. A missing tag stays empty.
func ExampleParseReference() {
	for _, name := range []string{"localhost:5000/busybox:latest", "registry.example.com/team/app", "busybox"} {
		ref, err := regret.ParseReference(name)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q %q %q\n", ref.Registry, ref.Repository, ref.Tag)
	}
	// Output:
	// "localhost:5000" "busybox" "latest"
	// "registry.example.com" "team/app" ""
	// "docker.io" "library/busybox" ""
}

// The digest is that of the index itself, not of the image for one platform.
func ExampleClient_ResolveDigest() {
	registry := fakeregistry.New()
	index := registry.PutIndex("team/app", []string{"for amd64", "for arm64"}, "v1.2")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	dgst, err := c.ResolveDigest(context.Background(), "team/app", "v1.2")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(dgst)
	fmt.Println(dgst == index.Digest)
	// Output:
	// sha256:7076dc186b332c0bad8b8cd26e6f347f01c43636cb05a60e995dfaa2c790f12c
	// true
}

// Resolve also returns the media type and the size.
func ExampleClient_Resolve() {
	registry := fakeregistry.New()
	registry.PutIndex("team/app", []string{"for amd64", "for arm64"}, "v1.2")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	desc, err := c.Resolve(context.Background(), "team/app", "v1.2")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(desc.MediaType)
	// Output:
	// application/vnd.oci.image.index.v1+json
}

// Manifest returns the exact content of a manifest, which hashes to its digest.
func ExampleClient_Manifest() {
	registry := fakeregistry.New()
	registry.PutManifest("team/app", "v1", "application/vnd.oci.image.index.v1+json", []byte(`{"schemaVersion":2,"manifests":[]}`))
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	m, err := c.Manifest(context.Background(), "team/app", "v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Descriptor.MediaType, m.Descriptor.Size)
	fmt.Println(m.Descriptor.Digest)
	fmt.Println(string(m.Raw))
	// Output:
	// application/vnd.oci.image.index.v1+json 34
	// sha256:bc5857ac9458293d5111ab85c952172cd7f56bceb4e3014ddc4cafac8927b313
	// {"schemaVersion":2,"manifests":[]}
}

// An image that was deleted by mistake can be restored under its tag until the registry collects
// garbage.
func ExampleClient_PutManifest() {
	ctx := context.Background()
	registry := fakeregistry.New()
	registry.PutImage("team/app", "hello", "v1")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	kept, err := c.Manifest(ctx, "team/app", "v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.DeleteManifest(ctx, "team/app", kept.Descriptor.Digest); err != nil {
		fmt.Println(err)
		return
	}
	_, tagged := registry.Tag("team/app", "v1")
	fmt.Println("after the deletion:", tagged)

	if err := c.PutManifest(ctx, "team/app", "v1", kept); err != nil {
		fmt.Println(err)
		return
	}
	_, tagged = registry.Tag("team/app", "v1")
	fmt.Println("after the restoration:", tagged)
	// Output:
	// after the deletion: false
	// after the restoration: true
}

// Every failure is an *Error. Programs use its kind, codes and hint; its text is for people.
func ExampleError() {
	registry := fakeregistry.New(fakeregistry.WithDeleteDisabled())
	image := registry.PutImage("team/app", "hello", "v1")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	err = c.DeleteManifest(context.Background(), "team/app", image.Digest)
	if e, ok := errors.AsType[*regret.Error](err); ok {
		fmt.Println("operation: ", e.Op)
		fmt.Println("repository:", e.Repository)
		fmt.Println("status:    ", e.StatusCode)
		fmt.Println("kind:      ", e.Kind)
		for _, d := range e.Details {
			fmt.Println("detail:    ", d.Code, "-", d.Message)
		}
		fmt.Println("attempts:  ", e.Attempts)
		fmt.Println("hint:      ", e.Hint)
	}
	// Output:
	// operation:  delete manifest
	// repository: team/app
	// status:     405
	// kind:       deletion is disabled
	// detail:     UNSUPPORTED - The operation is unsupported.
	// attempts:   1
	// hint:       deletion is disabled, the default of many registries; in distribution set storage.delete.enabled: true (REGISTRY_STORAGE_DELETE_ENABLED=true) and restart it; a pull-through cache never allows deletion
}
