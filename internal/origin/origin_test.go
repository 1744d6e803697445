package origin_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

func parseURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ rule, url, want string }{
		{"an origin is scheme, host and port", "https://auth.example.com:8443/token?a=b#c", "https://auth.example.com:8443"},
		{"user information does not belong to it", "https://user:hunter2@auth.example.com", "https://auth.example.com"},
		{"the case of scheme and host does not matter", "HTTPS://Auth.Example.COM", "https://auth.example.com"},
		{"the default port of https is left out", "https://auth.example.com:443/", "https://auth.example.com"},
		{"the default port of http is left out", "http://auth.example.com:80/", "http://auth.example.com"},
		{"port 80 is not the default of https", "https://auth.example.com:80/", "https://auth.example.com:80"},
		{"port 443 is not the default of http", "http://auth.example.com:443/", "http://auth.example.com:443"},
		{"an empty port stays as it is", "https://auth.example.com:/", "https://auth.example.com:"},
		{"another scheme has no default port", "ftp://auth.example.com:443/", "ftp://auth.example.com:443"},
		{"an IPv6 address keeps its spelling and its port", "http://[0:0::1]:5000/", "http://[0:0::1]:5000"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if got := origin.Of(parseURL(t, tt.url)).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, registry string
		plainHTTP      bool
		want           string
	}{
		{"a name without a scheme is https", "registry.example.com", false, "https://registry.example.com"},
		{"a port is kept", "registry.example.com:5000", false, "https://registry.example.com:5000"},
		{"a name may have an underscore", "qual_registry:5000", false, "https://qual_registry:5000"},
		{"a slash at the end is ignored", "https://registry.example.com/", false, "https://registry.example.com"},
		{"the case of scheme and host does not matter", "HTTPS://Registry.Example.COM", false, "https://registry.example.com"},
		{"the default port is left out", "registry.example.com:443", false, "https://registry.example.com"},
		{"port 80 without a scheme is still https", "registry.example.com:80", false, "https://registry.example.com:80"},
		{"plain http applies to a name without a scheme", "registry.example.com", true, "http://registry.example.com"},
		{"plain http agrees with http", "http://registry.example.com:80", true, "http://registry.example.com"},
		{"http is used where it is named", "http://registry.example.com", false, "http://registry.example.com"},
		{"localhost is http", "LocalHost:5000", false, "http://localhost:5000"},
		{"a loopback IPv4 address is http", "127.9.9.9:5000", false, "http://127.9.9.9:5000"},
		{"the loopback IPv6 address is http", "[::1]:5000", false, "http://[::1]:5000"},
		{"the loopback IPv6 address is http in every spelling, which is kept", "[0:0::1]", false, "http://[0:0::1]"},
		{"a loopback name is https where that is named", "https://localhost", false, "https://localhost"},
		{"a name that begins with localhost is https", "localhost.example.com", false, "https://localhost.example.com"},
		{"another IPv4 address is https", "192.0.2.1", false, "https://192.0.2.1"},
		{"an IPv4 address within IPv6 is https", "[::ffff:127.0.0.1]", false, "https://[::ffff:127.0.0.1]"},
		{"docker.io is Docker Hub", "docker.io", false, "https://registry-1.docker.io"},
		{"index.docker.io is Docker Hub", "https://Index.Docker.io/", false, "https://registry-1.docker.io"},
		{"www.docker.io is Docker Hub", "www.docker.io:443", false, "https://registry-1.docker.io"},
		{"the key in docker's own files is Docker Hub", "https://index.docker.io/v1/", false, "https://registry-1.docker.io"},
		{"the key in docker's own files may lack the slash", "index.docker.io/v1", false, "https://registry-1.docker.io"},
		{"Docker Hub with another port is another host", "docker.io:5000", false, "https://docker.io:5000"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			got, err := origin.Parse(tt.registry, tt.plainHTTP)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if again, err := origin.Parse(got.String(), false); err != nil || again != got {
				t.Errorf("parsed again: %v, %v", again, err)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	const badName = "not a host name; write it in ASCII, as host or host:port"
	for _, tt := range []struct {
		rule, registry string
		plainHTTP      bool
		want           string
	}{
		{"an empty name is refused", "", false, `registry "": the host is empty`},
		{"a scheme alone is refused", "https://", false, `registry "https://": the host is empty`},
		{"another scheme is refused", "ftp://registry.example.com", false, `registry "ftp://registry.example.com": the scheme is neither http nor https`},
		{"an empty scheme is refused", "://registry.example.com", false, `registry "://registry.example.com": the scheme is neither http nor https`},
		{"https contradicts plain http", "https://registry.example.com", true, `registry "https://registry.example.com" is https, but plain http was asked for`},
		{"a path is refused, and the error says where it belongs", "https://nexus.example.com/repository/docker/", false,
			`registry "https://nexus.example.com/repository/docker/": the path "/repository/docker/" does not belong to it: ` +
				`a registry is at /v2/ of a host, "nexus.example.com"; write the path as the beginning of the repository's name, ` +
				`or set up a host or a port of its own for the registry`},
		{"a path without a scheme is refused, and the error says where it belongs", "localhost:8081/team", false,
			`registry "localhost:8081/team": the path "/team" does not belong to it: ` +
				`a registry is at /v2/ of a host, "localhost:8081"; write the path as the beginning of the repository's name, ` +
				`or set up a host or a port of its own for the registry`},
		{"the path of the API is refused, and the error says to leave it out", "https://registry.example.com/v2/", false,
			`registry "https://registry.example.com/v2/": the path "/v2/" does not belong to it: leave it out, every request adds /v2/`},
		{"two slashes at the end are refused", "registry.example.com//", false,
			`registry "registry.example.com//": the slashes after "registry.example.com" do not belong to it`},
		{"the path of docker's own files is refused elsewhere", "registry.example.com/v1/", false,
			`registry "registry.example.com/v1/": the path "/v1/" does not belong to it: leave it out, every request adds /v2/`},
		{"a path after something that is not a host is refused", "a:b:c/team", false, `registry "a:b:c/team": ` + `the port is not a number from 1 to 65535`},
		{"a path with a query is refused and the query not shown", "registry.example.com/team?token=hunter2", false,
			`registry "registry.example.com/team?…": ` + badName},
		{"a path that may be a password is refused and not shown", "user:1/hunter2@registry.example.com", false,
			`registry "…@registry.example.com": the port is not a number from 1 to 65535`},
		{"user information is refused and not shown", "https://user:hunter2@registry.example.com", false,
			`registry "…@registry.example.com": the port is not a number from 1 to 65535`},
		{"a query is refused and not shown", "registry.example.com?token=hunter2", false, `registry "registry.example.com?…": ` + badName},
		{"a fragment is refused and not shown", "registry.example.com#hunter2", false, `registry "registry.example.com#…": ` + badName},
		{"control characters are quoted", "registry\x1b[31m", false, `registry "registry\x1b[31m": ` + badName},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			got, err := origin.Parse(tt.registry, tt.plainHTTP)
			if err == nil || got != (origin.Origin{}) {
				t.Fatalf("got %v and the error %v", got, err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCanonicalHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"Docker.io":            origin.DockerHub,
		"index.docker.io":      origin.DockerHub,
		"www.docker.io":        origin.DockerHub,
		"registry-1.docker.io": origin.DockerHub,
		"auth.docker.io":       "auth.docker.io",
		"Registry.Example.COM": "registry.example.com",
	} {
		if got := origin.CanonicalHost(host); got != want {
			t.Errorf("%s is %s, want %s", host, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ rule, url, want string }{
		{"scheme, host, port and path are shown", "https://auth.example.com:8443/token", "https://auth.example.com:8443/token"},
		{"an escaped path stays as it is", "https://auth.example.com/a%2Fb", "https://auth.example.com/a%2Fb"},
		{"user information is not shown", "https://user:hunter2@auth.example.com/token", "https://auth.example.com/token"},
		{"query and fragment are not shown", "https://auth.example.com/token?a=hunter2#hunter2", "https://auth.example.com/token"},
		{"an opaque part is not shown", "mailto:hunter2", "mailto:"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if got := origin.Redact(parseURL(t, tt.url)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ rule, address, want string }{
		{"an address without secrets stays as it is", "https://registry.example.com/a", "https://registry.example.com/a"},
		{"user information is hidden", "https://user:hunter2@registry.example.com/a", "…@registry.example.com/a"},
		{"a password may contain an @", "user:hunter2@hunter3@registry.example.com", "…@registry.example.com"},
		{"a password may contain a slash", "https://user:hunter2/hunter3@registry.example.com", "…@registry.example.com"},
		{"a query is hidden", "https://registry.example.com/a?hunter2", "https://registry.example.com/a?…"},
		{"a fragment is hidden", "registry.example.com#hunter2", "registry.example.com#…"},
		{"a fragment after a query is hidden", "registry.example.com?hunter2#hunter3", "registry.example.com?…"},
		{"user information and query are hidden", "user@registry.example.com?hunter2", "…@registry.example.com?…"},
		{"an @ after a question mark may end a password", "https://user:hunter2?hunter3@registry.example.com", "…"},
		{"an @ after a question mark may be in the query", "https://registry.example.com/a?b=hunter2@hunter3", "…"},
		{"an @ after a number sign may be in the fragment", "user@registry.example.com#hunter2@hunter3", "…"},
		{"a long address is cut", strings.Repeat("a", 201), strings.Repeat("a", 200) + "…"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if got := origin.Shown(tt.address); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
