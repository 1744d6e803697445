package auth_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// at returns the header of a 401 that names a token service.
func at(realm string) http.Header {
	return http.Header{"Www-Authenticate": {fmt.Sprintf(`Bearer realm=%q,service="s"`, realm)}}
}

// registryAt returns a configuration with the given registry and trusted realms.
func registryAt(scheme, host string, realms ...string) func(*auth.Config) {
	return func(c *auth.Config) {
		c.Origin, c.TrustedRealms = origin.Origin{Scheme: scheme, Host: host}, realms
	}
}

func TestTrustedRealms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, scheme, host, realm string
		trusted                   []string
	}{
		{"the registry's own origin is trusted", "https", host, "https://registry.example.com/token", nil},
		{"the registry's own origin is trusted by http", "http", host, "http://registry.example.com:80/token", nil},
		{"a given origin is trusted", "https", host, "https://auth.example.com/a/b?c=d", []string{"https://auth.example.com"}},
		{"a given origin is trusted in another spelling", "https", host, "HTTPS://Auth.Example.com:443/token", []string{"https://AUTH.example.com/"}},
		{"a given port is trusted", "https", host, "https://auth.example.com:8443/token", []string{"https://a.example.com", "https://auth.example.com:8443"}},
		{"Docker Hub's token service is trusted", "https", origin.DockerHub, "https://auth.docker.io/token", nil},
		{"GitLab's token service is trusted", "https", "registry.gitlab.com", "https://gitlab.com/jwt/auth", nil},
		{"DigitalOcean's token service is trusted", "https", "registry.digitalocean.com", "https://api.digitalocean.com/v2/registry/auth", nil},
		{"a realm that does not parse is ignored beside one that does", "https", host, "https://auth.example.com/token", []string{"https://[", "https://auth.example.com"}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, numbered(), registryAt(tt.scheme, tt.host, tt.trusted...))
			wantHeader(t, f.accepted(t, pull, at(tt.realm)), "Bearer t0ken1")
		})
	}
}

func TestUntrustedRealms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, realm string
		want        origin.Origin // nothing if the text is the one below
		text        string
	}{
		{"another host is not trusted", "https://evil.example.net/token", origin.Origin{Scheme: "https", Host: "evil.example.net"}, ""},
		{"a subdomain is not trusted", "https://a.auth.example.com/token", origin.Origin{Scheme: "https", Host: "a.auth.example.com"}, ""},
		{"a parent domain is not trusted", "https://example.com/token", origin.Origin{Scheme: "https", Host: "example.com"}, ""},
		{"a name that begins with a trusted one is not trusted", "https://auth.example.com.evil.example.net/", origin.Origin{Scheme: "https", Host: "auth.example.com.evil.example.net"}, ""},
		{"another port is not trusted", "https://auth.example.com:8443/token", origin.Origin{Scheme: "https", Host: "auth.example.com:8443"}, ""},
		{"http is not trusted where https is", "http://auth.example.com/token", origin.Origin{Scheme: "http", Host: "auth.example.com"}, ""},
		{"http at the registry itself is not trusted where it has https", "http://registry.example.com/token", origin.Origin{Scheme: "http", Host: host}, ""},
		{"Docker Hub's token service is not trusted by others", "https://auth.docker.io/token", origin.Origin{Scheme: "https", Host: "auth.docker.io"}, ""},
		{"a query does not make a host trusted and is not shown", "https://evil.example.net?hunter2@auth.example.com", origin.Origin{Scheme: "https", Host: "evil.example.net"}, ""},
		{"user information is not trusted and not shown", "https://user:hunter2@auth.example.com/token", origin.Origin{}, "the challenge's realm contains user information"},
		{"empty user information is not trusted", "https://@auth.example.com/token", origin.Origin{}, "the challenge's realm contains user information"},
	} {
		t.Run(tt.rule+", and is sent nothing", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, numbered())
			want := failure{Reason: auth.UntrustedRealm, Realm: tt.want, StatusCode: 401, Text: tt.text}
			if tt.text == "" {
				want.Text = "the registry sends callers to " + tt.want.String() + " for a token"
			}
			wantFailure(t, want, f.refused(t, at(tt.realm)))
			f.wantScopes(t)
		})
	}
}

func TestMalformedChallenges(t *testing.T) {
	t.Parallel()
	const notURL = "the challenge's realm is not a URL: "
	for _, tt := range []struct {
		rule      string
		challenge http.Header
		want      string
	}{
		{"a challenge that does not parse", challenge("Basic ="), `WWW-Authenticate: a parameter that belongs to no scheme at "Basic ="`},
		{"a bearer challenge without a realm", challenge(`Bearer service="s"`), notURL + `""`},
		{"a realm that is empty", at(""), notURL + `""`},
		{"a realm without a host", at("https:///token"), notURL + `"https:///token"`},
		{"a realm without a scheme", at("auth.example.com/token"), notURL + `"auth.example.com/token"`},
		{"a realm of another scheme", at("ftp://auth.example.com/token"), notURL + `"ftp://auth.example.com/token"`},
		{"a realm that does not parse", at("https://auth.example.com:port/"), notURL + `"https://auth.example.com:port/"`},
		{"a realm with an escaped host", at("https://auth%2eexample.com/"), notURL + `"https://auth%2eexample.com/"`},
		{"a query, which is not shown", at("auth.example.com/token?hunter2"), notURL + `"auth.example.com/token?…"`},
		{"user information, which is not shown", at("user:hunter2@auth.example.com"), notURL + `"…@auth.example.com"`},
		{"a password with a question mark, which is not shown", at("user:hunter2?hunter3@auth.example.com"), notURL + `"…"`},
	} {
		t.Run(tt.rule+" is an error", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, numbered())
			wantFailure(t, failure{Reason: auth.MalformedChallenge, StatusCode: 401, Text: tt.want}, f.refused(t, tt.challenge))
			f.wantScopes(t)
		})
	}
}

func TestCheckRealm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ rule, realm, registry, want string }{
		{"an origin is accepted", "https://auth.example.com", "https", ""},
		{"a port is accepted", "https://auth.example.com:8443", "https", ""},
		{"a slash at the end is accepted", "https://auth.example.com/", "https", ""},
		{"http is accepted for a registry by http", "http://auth.example.com", "http", ""},
		{"https is accepted for a registry by http", "https://auth.example.com", "http", ""},
		{"http is refused for a registry by https", "http://auth.example.com", "https",
			`"http://auth.example.com" is http, which would show the credentials to everybody on the way`},
		{"another scheme is refused", "ftp://auth.example.com", "https", `"ftp://auth.example.com": the scheme is neither http nor https`},
		{"a name without a scheme is refused", "auth.example.com", "https", `"auth.example.com" is not an origin like https://auth.example.com`},
		{"an empty name is refused", "", "https", `"" is not an origin like https://auth.example.com`},
		{"a path is refused", "https://auth.example.com/token", "https", `"https://auth.example.com/token" is not an origin like https://auth.example.com`},
		{"a query is refused and not shown", "https://auth.example.com?hunter2", "https", `"https://auth.example.com?…" is not an origin like https://auth.example.com`},
		{"a fragment is refused and not shown", "https://auth.example.com#hunter2", "https", `"https://auth.example.com#…" is not an origin like https://auth.example.com`},
		{"user information is refused and not shown", "https://user:hunter2@auth.example.com", "https", `"…@auth.example.com" is not an origin like https://auth.example.com`},
		{"a name that does not parse is refused", "https://auth example", "https", `"https://auth example" is not an origin like https://auth.example.com`},
		{"a host name that is none is refused", "https://auth-.example.com", "https",
			`"https://auth-.example.com": not a host name; write it in ASCII, as host or host:port`},
		{"an empty port is refused", "https://auth.example.com:", "https", `"https://auth.example.com:": the port is not a number from 1 to 65535`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := auth.CheckRealm(tt.realm, origin.Origin{Scheme: tt.registry, Host: host}); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
}
