package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// refusedRealms are realms to which a client must send neither credentials nor requests,
// although a registry names them in a challenge. The advice, if any, is the argument of
// WithTrustedRealm that the error suggests.
var refusedRealms = []struct {
	name, registry, realm string
	trust                 []string
	kind                  regret.Kind
	advice                string
}{
	{"another public host", host, "https://evil.example.net/token", nil, regret.ErrUntrustedRealm, "https://evil.example.net"},
	{"a sub-domain", host, "https://auth." + host + "/token", nil, regret.ErrUntrustedRealm, "https://auth." + host},
	{"the parent domain", host, "https://example.com/token", nil, regret.ErrUntrustedRealm, "https://example.com"},
	{"a neighbour", host, realm, nil, regret.ErrUntrustedRealm, authURL},
	{"a host that begins with the registry's name", host, registryURL + ".evil.example.net/token", nil, regret.ErrUntrustedRealm, registryURL + ".evil.example.net"},
	{"a host that ends with the registry's name", host, "https://evil" + host + "/token", nil, regret.ErrUntrustedRealm, "https://evil" + host},
	{"another port", host, registryURL + ":8443/token", nil, regret.ErrUntrustedRealm, registryURL + ":8443"},
	{"the port of the other scheme", host, registryURL + ":80/token", nil, regret.ErrUntrustedRealm, registryURL + ":80"},
	{"a dot at the end of the host", host, "https://" + host + "./token", nil, regret.ErrUntrustedRealm, ""},
	{"an empty port", host, "https://" + host + ":/token", nil, regret.ErrUntrustedRealm, ""},
	{"http instead of https", host, "http://" + host + "/token", nil, regret.ErrUntrustedRealm, ""},
	{"http, although its host is trusted by https", host, "http://auth.example.com/token", []string{authURL}, regret.ErrUntrustedRealm, ""},
	{"https, although the registry is plain http", "http://" + host, registryURL + "/token", nil, regret.ErrUntrustedRealm, registryURL},
	{"another port than the trusted one", host, authURL + ":8443/token", []string{authURL}, regret.ErrUntrustedRealm, authURL + ":8443"},
	{"a sub-domain of the trusted one", host, "https://x.auth.example.com/token", []string{authURL}, regret.ErrUntrustedRealm, "https://x.auth.example.com"},
	{"an IPv4 address", host, "https://192.0.2.7/token", nil, regret.ErrUntrustedRealm, "https://192.0.2.7"},
	{"the metadata service of a cloud", host, "http://169.254.169.254/latest/meta-data/", nil, regret.ErrUntrustedRealm, ""},
	{"the metadata service over https", host, "https://169.254.169.254/token", nil, regret.ErrUntrustedRealm, "https://169.254.169.254"},
	{"the metadata service as an IPv4-mapped IPv6 address", host, "https://[::ffff:169.254.169.254]/token", nil, regret.ErrUntrustedRealm, "https://[::ffff:169.254.169.254]"},
	{"the metadata service as one number", host, "https://2852039166/token", nil, regret.ErrUntrustedRealm, ""},
	{"localhost", host, "http://localhost/token", nil, regret.ErrUntrustedRealm, ""},
	{"localhost as 0.0.0.0", host, "https://0.0.0.0/token", nil, regret.ErrUntrustedRealm, "https://0.0.0.0"},
	{"localhost as a hexadecimal number", host, "https://0x7f.1/token", nil, regret.ErrUntrustedRealm, ""},
	{"another port of localhost for a registry on localhost", "localhost:5000", "http://localhost:5001/token", nil, regret.ErrUntrustedRealm, "http://localhost:5001"},
	{"user information (C21)", host, "https://ann:pw@" + host + "/token", nil, regret.ErrUntrustedRealm, ""},
	{"user information that looks like the registry", host, "https://" + host + "@evil.example.net/token", nil, regret.ErrUntrustedRealm, ""},
	{"Docker Hub's token service for another registry", host, "https://auth.docker.io/token", nil, regret.ErrUntrustedRealm, "https://auth.docker.io"},
	{"another token service for Docker Hub", "docker.io", realm, nil, regret.ErrUntrustedRealm, authURL},
	{"Docker Hub's token service over http", "docker.io", "http://auth.docker.io/token", nil, regret.ErrUntrustedRealm, ""},
	{"a file URL", host, "file:///etc/passwd", nil, regret.ErrNotRegistry, ""},
	{"a javascript URL", host, "javascript:alert(1)", nil, regret.ErrNotRegistry, ""},
	{"a data URL", host, "data:application/json,{}", nil, regret.ErrNotRegistry, ""},
	{"a gopher URL", host, "gopher://" + host + "/token", nil, regret.ErrNotRegistry, ""},
	{"a path", host, "/token", nil, regret.ErrNotRegistry, ""},
	{"a path with a secret in its query", host, "/token?sig=" + serviceSecret, nil, regret.ErrNotRegistry, ""},
	{"a host without a scheme", host, "//evil.example.net/token", nil, regret.ErrNotRegistry, ""},
	{"a bare host", host, "evil.example.net", nil, regret.ErrNotRegistry, ""},
	{"a scheme without a host", host, "https:///token", nil, regret.ErrNotRegistry, ""},
	{"an opaque URL", host, "https:evil.example.net", nil, regret.ErrNotRegistry, ""},
	{"an invalid URL", host, "https://evil example net/%zz", nil, regret.ErrNotRegistry, ""},
	{"a backslash", host, `https://evil.example.net\@` + host + "/token", nil, regret.ErrNotRegistry, ""},
	{"an empty realm", host, "", nil, regret.ErrNotRegistry, ""},
	{"a host of 15,000 letters", host, "https://" + strings.Repeat("a", 15000), nil, regret.ErrUntrustedRealm, ""},
}

func TestRefusedRealms(t *testing.T) {
	t.Parallel()
	for _, tt := range refusedRealms {
		t.Run(tt.name+" is refused", func(t *testing.T) {
			t.Parallel()
			network := fakeregistry.NewNetwork()
			c := newClientOf(t, tt.registry, network, regret.WithBasicAuth(account, password), regret.WithTrustedRealm(tt.trust...))
			network.Handle(c.Registry(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="`+strings.ReplaceAll(tt.realm, `\`, `\\`)+`",service="s"`)
				w.WriteHeader(401)
			}))
			err := c.Untag(t.Context(), repo, "v1")
			e := wantErr(t, err, tt.kind)
			wantNoSecretInError(t, err, password, serviceSecret)
			want := ""
			if tt.advice != "" {
				want = `if that is the registry's token service, use WithTrustedRealm("` + tt.advice + `")`
				if _, err := regret.New(tt.registry, regret.WithTrustedRealm(tt.advice)); err != nil {
					t.Errorf("New refuses the realm that the error suggests: %v", err)
				}
				wantText(t, err, tt.advice)
			}
			if tt.realm == "http://"+host+"/token" && tt.registry == host {
				want = "the registry is reached by https, but sends callers to its own host by http: make the proxy before it pass on " +
					"that requests came by https (X-Forwarded-Proto), or set its external URL to https"
			}
			if diff := cmp.Diff(want, e.Hint); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
			if all := network.Requests(); len(all) != 1 || all[0].Method != "DELETE" || all[0].Header.Get("Authorization") != "" {
				t.Errorf("requests: %v, want one DELETE without credentials", all)
			}
		})
	}
}

func TestTrustedRealms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, registry, realm string
		trust                 []string
	}{
		{"the registry itself", host, registryURL + "/token", nil},
		{"the registry itself with any path", host, registryURL + "/a/b/../token", nil},
		{"the registry with its explicit port", host, registryURL + ":443/token", nil},
		{"the registry in upper case", host, "HTTPS://REGISTRY.Example.COM/token", nil},
		{"the registry without its port, which New was given", host + ":443", registryURL + "/token", nil},
		{"the registry at another port", host + ":5000", registryURL + ":5000/token", nil},
		{"the registry over plain http", "http://" + host, "http://" + host + ":80/token", nil},
		{"the registry on localhost", "localhost:5000", "http://localhost:5000/token", nil},
		{"the registry at a private address", "10.0.0.7", "https://10.0.0.7/token", nil},
		{"the registry at an IPv6 address", "[2001:db8::1]:5000", "https://[2001:DB8::1]:5000/token", nil},
		{"a trusted realm", host, realm, []string{authURL}},
		{"a trusted realm in upper case, with port and slash", host, realm, []string{"https://AUTH.example.com:443/"}},
		{"the second of two trusted realms", host, realm, []string{"https://other.example.com", authURL}},
		{"a trusted realm over http for a registry over http", "http://" + host, "http://auth.example.com/token", []string{"http://auth.example.com"}},
		{"Docker Hub's token service", "docker.io", "https://auth.docker.io/token", nil},
		{"Docker Hub's token service for index.docker.io", "index.docker.io", "https://auth.docker.io/token", nil},
		{"GitLab's token service", "registry.gitlab.com", "https://gitlab.com/jwt/auth", nil},
		{"DigitalOcean's token service", "registry.digitalocean.com", "https://api.digitalocean.com/v2/registry/auth", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is trusted", func(t *testing.T) {
			t.Parallel()
			network := fakeregistry.NewNetwork()
			c := newClientOf(t, tt.registry, network, regret.WithBasicAuth(account, password), regret.WithTrustedRealm(tt.trust...))
			serve := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				user, pass, _ := req.BasicAuth()
				switch bearer := req.Header.Get("Authorization") == "Bearer t0ken"; {
				case req.URL.Path == "/v2/" && !bearer:
					w.Header().Set("WWW-Authenticate", `Bearer realm="`+tt.realm+`"`)
					w.WriteHeader(401)
				case req.URL.Path != "/v2/" && user == account && pass == password:
					w.Write([]byte(`{"token":"t0ken"}`))
				}
			})
			network.Handle(c.Registry(), serve)
			network.Handle(originOf(t, tt.realm), serve)
			wantErr(t, c.Ping(t.Context()))
			if got := len(network.Requests()); got != 3 {
				t.Errorf("%d requests, want 3", got)
			}
		})
	}
}
