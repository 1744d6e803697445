package regret_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The client uses the credentials that docker login and podman login have stored. Without a path,
// LoadDockerConfig reads the files in which both store them.
func ExampleWithCredentials_dockerConfig() {
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
	source, err := credentials.LoadDockerConfig(path)
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
	// Output:
	// <nil>
}
