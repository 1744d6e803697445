package regret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Credentials are sent only after the registry has asked for them.
func ExampleWithBasicAuth() {
	ctx := context.Background()
	registry := fakeregistry.New(fakeregistry.WithBasicAuth("ann", "secret"))
	registry.PutImage("team/app", "hello", "v1")

	for _, password := range []string{"secret", "mistyped"} {
		c, err := regret.New("registry.example.com", regret.WithTransport(registry), regret.WithBasicAuth("ann", password))
		if err != nil {
			fmt.Println(err)
			return
		}
		_, err = c.ResolveDigest(ctx, "team/app", "v1")
		fmt.Println(err == nil, errors.Is(err, regret.ErrUnauthorized))
	}
	// Output:
	// true false
	// false true
}

// When the registry asks for credentials, the client calls a source, such as a vault, a prompt or
// a credential helper. It caches the result for as long as the registry accepts it.
func ExampleWithCredentials() {
	ctx := context.Background()
	registry := fakeregistry.New(fakeregistry.WithBasicAuth("ann", "secret"))
	registry.PutImage("team/app", "hello", "v1")

	vault := credentials.Func(func(_ context.Context, registry, repository string) (credentials.Credential, error) {
		fmt.Println("credentials for", registry, repository)
		return credentials.Credential{Username: "ann", Password: "secret"}, nil
	})
	c, err := regret.New("registry.example.com", regret.WithTransport(registry), regret.WithCredentials(vault))
	if err != nil {
		fmt.Println(err)
		return
	}
	dgst, err := c.ResolveDigest(ctx, "team/app", "v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.DeleteManifest(ctx, "team/app", dgst))
	// Output:
	// credentials for registry.example.com team/app
	// <nil>
}

// The registry names its token service. The client sends credentials to a service at another host
// only if the caller has named it, or if it is the known service of a public registry.
func ExampleWithTrustedRealm() {
	ctx := context.Background()
	tokens := fakeregistry.NewTokenService("https://auth.example.net/token", "registry.example.com",
		fakeregistry.WithUser("ann", "secret", fakeregistry.Allow("team/*", "pull", "delete")))
	registry := fakeregistry.New(fakeregistry.WithTokenAuth(tokens))
	registry.PutImage("team/app", "hello", "v1")
	network := fakeregistry.NewNetwork()
	network.Handle("https://registry.example.com", registry)
	network.Handle("https://auth.example.net", tokens)

	ann := regret.WithBasicAuth("ann", "secret")
	c, err := regret.New("registry.example.com", regret.WithTransport(network), ann)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.ResolveDigest(ctx, "team/app", "v1")
	fmt.Println(errors.Is(err, regret.ErrUntrustedRealm), len(tokens.Requests()))
	if e, ok := errors.AsType[*regret.Error](err); ok {
		fmt.Println(e.Hint)
	}

	c, err = regret.New("registry.example.com", regret.WithTransport(network), ann,
		regret.WithTrustedRealm("https://auth.example.net"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.ResolveDigest(ctx, "team/app", "v1")
	fmt.Println(err, len(tokens.Requests()))
	// Output:
	// true 0
	// if that is the registry's token service, use WithTrustedRealm("https://auth.example.net")
	// <nil> 1
}

// WithTrace reports every request as it was sent. At a registry with tokens, ResolveDigest and
// DeleteManifest send four requests.
func ExampleWithTrace() {
	ctx := context.Background()
	tokens := fakeregistry.NewTokenService("", "registry.example.com",
		fakeregistry.WithUser("ann", "secret", fakeregistry.Allow("team/*", "pull", "delete")))
	registry := fakeregistry.New(fakeregistry.WithTokenAuth(tokens))
	registry.PutImage("team/app", "hello", "v1")

	c, err := regret.New("registry.example.com",
		regret.WithTransport(registry),
		regret.WithBasicAuth("ann", "secret"),
		regret.WithTrace(func(a regret.Attempt) {
			fmt.Printf("%-15s  %d %s %s\n", a.Op, a.StatusCode, a.Method, strings.TrimPrefix(a.URL, "https://registry.example.com"))
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	dgst, err := c.ResolveDigest(ctx, "team/app", "v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.DeleteManifest(ctx, "team/app", dgst); err != nil {
		fmt.Println(err)
	}
	// Output:
	// resolve          401 HEAD /v2/team/app/manifests/v1
	// token            200 GET /token
	// resolve          200 HEAD /v2/team/app/manifests/v1
	// delete manifest  202 DELETE /v2/team/app/manifests/sha256:779316c5dc171553b46f4d6fc2e14a7bbf3be561ebfe16693b7f6e726f2abb24
}
