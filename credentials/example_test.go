package credentials_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-8cb7cc86/regret/credentials"
)

// Without a path, LoadDockerConfig reads the files where docker login and podman login keep them.
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
	source, err := credentials.LoadDockerConfig(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, registry := range []string{"registry.example.com", "other.example.com"} {
		cred, err := source.Credential(context.Background(), registry, "team/app")
		fmt.Println(cred, err)
	}

	_, err = credentials.LoadDockerConfig("/does/not/exist.json")
	if e, ok := errors.AsType[*credentials.Error](err); ok {
		fmt.Println("cannot use", e.File)
	}
	// Output:
	// "ann" with a password <nil>
	// anonymous <nil>
	// cannot use /does/not/exist.json
}

// A robot account is used for one registry, and the user's own logins for all others.
func ExampleFirstOf() {
	robot := credentials.Static(credentials.Credential{Username: "robot", Password: "secret"})
	user := credentials.Func(func(_ context.Context, registry, _ string) (credentials.Credential, error) {
		return credentials.Credential{Username: "ann", Password: "of " + registry}, nil
	})
	source := credentials.FirstOf(credentials.ForRegistry("registry.example.com", robot), user)

	for _, registry := range []string{"registry.example.com", "registry-1.docker.io"} {
		cred, err := source.Credential(context.Background(), registry, "team/app")
		fmt.Println(cred, err)
	}
	// Output:
	// "robot" with a password <nil>
	// "ann" with a password <nil>
}
