package credentials_test

import (
	"context"
	"strings"
	"testing"

	"github.com/docker/cli/cli/config"
	podman "go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"

	"github.com/seed-8cb7cc86/regret/credentials"
)

// A finding is what a program finds for a registry. The zero finding is nothing.
type finding struct {
	user, secret string
	kind         string // "password", "identity" or "registry"
	failed       bool
}

func newFinding(user, password, identity, registry string) finding {
	switch {
	case registry != "":
		return finding{user: user, secret: registry, kind: "registry"}
	case identity != "": // both exchange it and ignore the password
		return finding{user: user, secret: identity, kind: "identity"}
	case user == "" && password == "":
		return finding{}
	}
	return finding{user: user, secret: password, kind: "password"}
}

func (f finding) found() bool { return f.kind != "" }

// askDocker asks docker's reader, which knows registries but no repositories.
func askDocker(t *testing.T, text, host string) finding {
	t.Helper()
	file, err := config.LoadFromReader(strings.NewReader(text))
	if err != nil {
		t.Fatalf("docker cannot load %s: %v", text, err)
	}
	auth, err := file.GetAuthConfig(host)
	if err != nil {
		return finding{failed: true}
	}
	return newFinding(auth.Username, auth.Password, auth.IdentityToken, auth.RegistryToken)
}

// askPodman asks podman's reader.
func askPodman(t *testing.T, sys *types.SystemContext, host, repository string) finding {
	t.Helper()
	name := host
	if repository != "" {
		name += "/" + repository
	}
	auth, err := podman.GetCredentials(sys, name)
	if err != nil {
		return finding{failed: true}
	}
	return newFinding(auth.Username, auth.Password, auth.IdentityToken, "")
}

func askRegret(t *testing.T, source credentials.Source, host, repository string) (finding, error) {
	t.Helper()
	cred, err := source.Credential(context.Background(), host, repository)
	if err != nil {
		return finding{failed: true}, err
	}
	return newFinding(cred.Username, cred.Password, cred.IdentityToken, cred.RegistryToken), nil
}
