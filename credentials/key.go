package credentials

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// canonicalRegistry returns the one spelling of a registry for which a source is asked: in lower
// case, without the port of https, and with one name for Docker Hub.
func canonicalRegistry(registry string) string {
	return origin.CanonicalHost(strings.TrimSuffix(registry, ":443"))
}

// normalizeKey returns the one spelling of a key that has several: "https://host/v1/", "host/v2",
// "host:443" and "host" are all "host". A key without a scheme may name a namespace or a repository,
// "host/team/app", as podman's do, and keeps its path. Docker and podman both take only the host of
// a key with a scheme, whatever its path is.
func normalizeKey(key string) string {
	host, path, isURL := splitKey(key)
	if path == "" || isURL {
		return host
	}
	return host + "/" + path
}

// splitKey returns the canonical host of a key, and its path unless that is the version of an API.
func splitKey(key string) (host, path string, isURL bool) {
	scheme, rest, isURL := strings.Cut(key, "://")
	if !isURL {
		scheme, rest = "", key
	}
	host, path, _ = strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	if path == "v1" || path == "v2" {
		path = ""
	}
	switch strings.ToLower(scheme) { // a client names a registry without the default port of its scheme
	case "", "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return origin.CanonicalHost(host), path, isURL
}

// shortestFirst orders keys by length, so that the shortest of several spellings of a name comes
// first. The order does not depend on the order of the map.
func shortestFirst[V any](entries map[string]V) []string {
	return slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(b, a))
	})
}

// dockerHubServer is the name of Docker Hub in docker's files and helpers.
const dockerHubServer = "https://index.docker.io/v1/"

// plainServer matches the keys by which a helper may be asked: nothing in them means anything to a
// shell or to a terminal, because an error quotes them in a command.
var plainServer = regexp.MustCompile(`^[A-Za-z0-9._:/\[\]-]+$`)

// helperServers returns the names by which a helper is asked for a host, in order. A key of
// credHelpers is a name by which docker login or podman login stored the credential in that helper:
// for Docker Hub, docker writes "https://index.docker.io/v1/" and podman "docker.io".
func helperServers(host, key string) []string {
	server := host
	if host == origin.DockerHub {
		server = dockerHubServer
	}
	if key == "" || key == server || !plainServer.MatchString(key) {
		return []string{server}
	}
	return []string{key, server}
}
