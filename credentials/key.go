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

// preferred orders keys, so that of several spellings of a name the best one comes first: for Docker
// Hub, the one that docker writes and then the one that podman writes; otherwise the shortest, but
// what neither docker nor podman reads is last. The order does not depend on the order of the map.
func preferred[V any](entries map[string]V) []string {
	rank := func(key string) int {
		switch {
		case key == dockerHubServer:
			return -2
		case key == "docker.io":
			return -1
		case isUnusual(key):
			return len(key) + maxConfigBytes
		}
		return len(key)
	}
	return slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b, a))
	})
}

// isUnusual reports whether the host of a key is in upper case or has a default port.
func isUnusual(key string) bool {
	scheme, rest, isURL := strings.Cut(key, "://")
	if !isURL {
		scheme, rest = "", key
	}
	host, _, _ := strings.Cut(rest, "/")
	return scheme != strings.ToLower(scheme) || host != strings.ToLower(host) || strings.HasSuffix(host, ":443") || strings.HasSuffix(host, ":80")
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
