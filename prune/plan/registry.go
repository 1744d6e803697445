package plan

import (
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// dockerHub is how people name the registry of Docker Hub.
const dockerHub = "docker.io"

// RegistryName returns the name of a registry as it is written before a repository, and as
// plans and in-use lists have it: without a scheme, and docker.io for any name of Docker
// Hub.
func RegistryName(registry string) string {
	if _, host, ok := strings.Cut(registry, "://"); ok {
		registry = host
	}
	registry = strings.TrimSuffix(registry, "/")
	if origin.CanonicalHost(registry) == origin.DockerHub {
		return dockerHub
	}
	return registry
}
