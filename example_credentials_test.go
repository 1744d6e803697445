package regret_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// What docker login and podman login have stored is used; without a name the
// files are looked for where both keep them.
func ExampleLoadDockerConfig() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "config.json")
	config := `{"auths": {"registry.example.com": {"auth": "YW5uOnNlY3JldA=="}}}` // ann:secret
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	source, err := regret.LoadDockerConfig(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := fakeregistry.New(fakeregistry.WithBasicAuth("ann", "secret"))
	registry.PutImage("team/app", "hello", "v1")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry), regret.WithCredentials(source))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.ResolveDigest(context.Background(), "team/app", "v1")
	fmt.Println(err)

	_, err = regret.LoadDockerConfig("/does/not/exist.json")
	if e, ok := errors.AsType[*regret.CredentialError](err); ok {
		fmt.Println("cannot use", e.File)
	}
	// Output:
	// <nil>
	// cannot use /does/not/exist.json
}

// A robot's account for one registry, and for all others whatever the user has
// logged in to.
func ExampleFirstOf() {
	robot := regret.StaticCredential(regret.Credential{Username: "robot", Password: "secret"})
	user := regret.CredentialFunc(func(_ context.Context, registry, _ string) (regret.Credential, error) {
		return regret.Credential{Username: "ann", Password: "of " + registry}, nil
	})
	source := regret.FirstOf(regret.ForRegistry("registry.example.com", robot), user)

	for _, registry := range []string{"registry.example.com", "registry-1.docker.io"} {
		cred, err := source.Credential(context.Background(), registry, "team/app")
		fmt.Println(cred, err)
	}
	// Output:
	// "robot" with a password <nil>
	// "ann" with a password <nil>
}
