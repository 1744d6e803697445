package clients

import (
	"context"
	"os"
	"path/filepath"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/types"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

const podmanModule = "go.podman.io/image/v5"

// podmanClient uses DeleteImage of package docker's references, which resolves and deletes in one
// call. Every call starts from scratch: the API keeps nothing between calls except the
// SystemContext.
type podmanClient struct {
	host string
	sys  *types.SystemContext
	temp string
}

func openPodman(s Setup) (Client, error) {
	return &podmanClient{host: s.Host, sys: systemContext(s)}, nil
}

// openPodmanTuned names every configuration file, so that the library does not search for any.
func openPodmanTuned(s Setup) (Client, error) {
	temp, err := os.MkdirTemp("", "bench-podman-")
	if err != nil {
		return nil, err
	}
	c := &podmanClient{host: s.Host, sys: systemContext(s), temp: temp}
	registries, auth := filepath.Join(temp, "registries.conf"), filepath.Join(temp, "auth.json")
	if err := os.WriteFile(registries, nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(auth, []byte("{}"), 0o600); err != nil {
		return nil, err
	}
	c.sys.SystemRegistriesConfPath = registries
	c.sys.SystemRegistriesConfDirPath = filepath.Join(temp, "none")
	c.sys.RegistriesDirPath = filepath.Join(temp, "none")
	c.sys.DockerCertPath = temp
	c.sys.AuthFilePath = auth
	return c, nil
}

func systemContext(s Setup) *types.SystemContext {
	sys := &types.SystemContext{}
	if s.plainHTTP() { // the only way to allow plain HTTP
		sys.DockerInsecureSkipTLSVerify = types.OptionalBoolTrue
	}
	if s.Bearer {
		sys.DockerAuthConfig = &types.DockerAuthConfig{Username: registry.User, Password: registry.Password}
	}
	return sys
}

func (c *podmanClient) ResolveDelete(ctx context.Context, repository, tag string) error {
	ref, err := docker.ParseReference("//" + c.host + "/" + repository + ":" + tag)
	if err != nil {
		return err
	}
	return ref.DeleteImage(ctx, c.sys)
}

func (c *podmanClient) List(ctx context.Context, repository string) (int, error) {
	ref, err := docker.ParseReference("//" + c.host + "/" + repository)
	if err != nil {
		return 0, err
	}
	tags, err := docker.GetRepositoryTags(ctx, c.sys, ref)
	return len(tags), err
}

func (c *podmanClient) Close() error {
	if c.temp == "" {
		return nil
	}
	return os.RemoveAll(c.temp)
}
