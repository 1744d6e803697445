package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestNewAcceptsRegistryNames(t *testing.T) {
	t.Parallel()
	plain := []regret.Option{regret.WithPlainHTTP()}
	for _, test := range []struct {
		rule, registry string
		opts           []regret.Option
		want           string
	}{
		{"a host is https", "registry.example.com", nil, "https://registry.example.com"},
		{"a single label is accepted as host", "registry", nil, "https://registry"},
		{"a port is kept", "registry.example.com:5000", nil, "https://registry.example.com:5000"},
		{"the highest port is 65535", "registry.example.com:65535", nil, "https://registry.example.com:65535"},
		{"the default port of https is dropped", "registry.example.com:443", nil, "https://registry.example.com"},
		{"the default port of http is dropped", "http://registry.example.com:80", nil, "http://registry.example.com"},
		{"port 80 with https is kept", "https://registry.example.com:80", nil, "https://registry.example.com:80"},
		{"the scheme https is kept", "https://registry.example.com", nil, "https://registry.example.com"},
		{"the scheme http is kept", "http://registry.example.com", nil, "http://registry.example.com"},
		{"the scheme https is kept for localhost", "https://localhost:5000", nil, "https://localhost:5000"},
		{"a scheme in capitals is accepted", "HTTPS://registry.example.com", nil, "https://registry.example.com"},
		{"a trailing slash is dropped", "https://registry.example.com/", nil, "https://registry.example.com"},
		{"a host is converted to lower case", "Registry.EXAMPLE.com", nil, "https://registry.example.com"},
		{"an internationalised name as A-label is accepted", "xn--bcher-kva.example", nil, "https://xn--bcher-kva.example"},
		{"digits and dashes are accepted", "1-2.example4.com", nil, "https://1-2.example4.com"},
		{"WithPlainHTTP selects http", "registry.example.com", plain, "http://registry.example.com"},
		{"WithPlainHTTP may be combined with the scheme http", "http://registry.example.com", plain, "http://registry.example.com"},

		{"docker.io is Docker Hub", "docker.io", nil, "https://registry-1.docker.io"},
		{"index.docker.io is Docker Hub", "index.docker.io", nil, "https://registry-1.docker.io"},
		{"www.docker.io is Docker Hub", "www.docker.io", nil, "https://registry-1.docker.io"},
		{"Docker Hub with its port is accepted", "docker.io:443", nil, "https://registry-1.docker.io"},
		{"Docker Hub with its scheme is accepted", "https://docker.io", nil, "https://registry-1.docker.io"},
		{"the URL that docker uses for Docker Hub is accepted", "https://index.docker.io/v1/", nil, "https://registry-1.docker.io"},
		{"registry-1.docker.io is kept", "registry-1.docker.io", nil, "https://registry-1.docker.io"},
		{"another port of docker.io is not Docker Hub", "docker.io:5000", nil, "https://docker.io:5000"},

		{"localhost is http", "localhost", nil, "http://localhost"},
		{"localhost with a port is http", "localhost:5000", nil, "http://localhost:5000"},
		{"localhost in capitals is http", "LOCALHOST:5000", nil, "http://localhost:5000"},
		{"127.0.0.1 is http", "127.0.0.1:5000", nil, "http://127.0.0.1:5000"},
		{"all of 127.0.0.0/8 is http", "127.255.3.4", nil, "http://127.255.3.4"},
		{"[::1] is http", "[::1]", nil, "http://[::1]"},
		{"[::1] with a port is http", "[::1]:5000", nil, "http://[::1]:5000"},
		{"[::1] in long form is http", "[0:0:0:0:0:0:0:1]:5000", nil, "http://[0:0:0:0:0:0:0:1]:5000"},
		{"128.0.0.1 is https", "128.0.0.1", nil, "https://128.0.0.1"},
		{"a private address is https", "10.0.0.1:5000", nil, "https://10.0.0.1:5000"},
		{"0.0.0.0 is https", "0.0.0.0", nil, "https://0.0.0.0"},
		{"another IPv6 address is https", "[2001:db8::1]:5000", nil, "https://[2001:db8::1]:5000"},
		{"an IPv4-mapped loopback address is https", "[::ffff:127.0.0.1]", nil, "https://[::ffff:127.0.0.1]"},
		{"a name that begins with localhost is https", "localhost.example.com", nil, "https://localhost.example.com"},
		{"a name that begins with a loopback address is https", "127.0.0.1.example.com", nil, "https://127.0.0.1.example.com"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			c, err := regret.New(test.registry, test.opts...)
			wantErr(t, err)
			if got := c.Registry(); got != test.want {
				t.Errorf("Registry() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestNewRejectsInvalidRegistryNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, registry, says string }{
		{"an empty string", "", "empty"},
		{"a scheme alone", "https://", "empty"},
		{"a port alone", ":5000", "empty"},
		{"another scheme", "ftp://registry.example.com", "neither http nor https"},
		{"an empty scheme", "://registry.example.com", "neither http nor https"},
		{"the path of the API", "registry.example.com/v2/", "leave it out"},
		{"a path", "https://nexus.example.com/repository/docker/", `the path "/repository/docker/" does not belong to it`},
		{"an image", "registry.example.com/team/app:v1", `the path "/team/app:v1" does not belong to it`},
		{"two slashes at the end", "registry.example.com//", "the slashes"},
		{"a query", "registry.example.com?x", "not a host name"},
		{"a fragment", "registry.example.com#x", "not a host name"},
		{"an empty port", "registry.example.com:", "port"},
		{"port 0", "registry.example.com:0", "port"},
		{"port 65536", "registry.example.com:65536", "port"},
		{"port 99999", "registry.example.com:99999", "port"},
		{"a negative port", "registry.example.com:-1", "port"},
		{"a port with a sign", "registry.example.com:+80", "port"},
		{"a service name as port", "registry.example.com:https", "port"},
		{"two ports", "registry.example.com:1:2", "not a host name"},
		{"a trailing dot", "registry.example.com.", "not a host name"},
		{"an empty label", "registry..example", "not a host name"},
		{"a leading dot", ".example.com", "not a host name"},
		{"a leading dash", "-registry.example.com", "not a host name"},
		{"a trailing dash", "registry-.example.com", "not a host name"},
		{"an underscore at the beginning", "_registry:5000", "not a host name"},
		{"an underscore at the end", "registry_:5000", "not a host name"},
		{"a space", "registry example.com", "not a host name"},
		{"a leading space", " registry.example.com", "not a host name"},
		{"a line feed", "registry.example.com\n", "not a host name"},
		{"a carriage return and a header", "registry.example.com\r\nX: y", "port"},
		{"a zero byte", "registry\x00.example.com", "not a host name"},
		{"a percent escape", "registry%2eexample.com", "not a host name"},
		{"a name in Unicode", "bücher.example", "ASCII"},
		{"a letter that looks like an ASCII letter", "reg.ex\u0430mple", "ASCII"},
		{"a sign whose lower case is ASCII", "\u212aregistry.example.com", "ASCII"},
		{"a full stop that is not ASCII", "registry\u3002example.com", "ASCII"},
		{"a name longer than 253 bytes", strings.Repeat("a.", 127) + "a", "not a host name"},
		{"an address as one number", "2130706433", "four decimal numbers"},
		{"an address with a hexadecimal part", "0x7f.1", "four decimal numbers"},
		{"an address in hexadecimal", "0x7f000001", "four decimal numbers"},
		{"a short address", "127.1", "four decimal numbers"},
		{"an address in octal", "0177.0.0.1", "four decimal numbers"},
		{"an address with five parts", "1.2.3.4.5", "four decimal numbers"},
		{"an address out of range", "256.1.1.1", "four decimal numbers"},
		{"an address with a port in hexadecimal", "0x7f.1:5000", "four decimal numbers"},
		{"an IPv6 address without brackets", "::1", "not a host name"},
		{"an IPv6 address without the closing bracket", "[::1", "brackets"},
		{"an IPv6 address with a zone", "[fe80::1%eth0]:5000", "zone"},
		{"an IPv6 address with an escaped zone", "[fe80::1%25eth0]:5000", "zone"},
		{"an IPv4 address in brackets", "[127.0.0.1]", "IPv6"},
		{"a name in brackets", "[registry]", "IPv6"},
		{"text after the bracket", "[::1]x:5000", "brackets"},
	} {
		t.Run(test.rule+" is not a registry", func(t *testing.T) {
			t.Parallel()
			c, err := regret.New(test.registry)
			wantErr(t, err, regret.ErrInvalid)
			wantText(t, err, test.says)
			if c != nil {
				t.Error("New returned a client and an error")
			}
		})
	}
}

func TestNewErrorsContainNoSecrets(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, test := range []struct {
		rule, registry string
		opt            regret.Option
	}{
		{"a password before the host", "user:" + secret + "@registry.example.com", nil},
		{"a password before the host of a URL", "https://user:" + secret + "@registry.example.com", nil},
		{"a password under another scheme", "ftp://user:" + secret + "@registry.example.com", nil},
		{"a password with an @", "https://user:" + secret + "@x@registry.example.com", nil},
		{"a token in the query", "https://registry.example.com/?token=" + secret, nil},
		{"a token in the fragment", "registry.example.com#" + secret, nil},
		{"the password of WithBasicAuth", host, regret.WithBasicAuth("us:er", secret)},
		{"the password beside a user name with a control character", host, regret.WithBasicAuth("user\n", secret+"\n")},
		{"the token of WithToken", host, regret.WithToken(secret + " ")},
		{"a password in a realm", host, regret.WithTrustedRealm("https://user:" + secret + "@auth.example.com")},
		{"a query of a realm", host, regret.WithTrustedRealm("https://auth.example.com?token=" + secret)},
		{"a malformed realm", host, regret.WithTrustedRealm("https://user:" + secret + "@auth\x7f")},
	} {
		t.Run(test.rule+" is not in the error", func(t *testing.T) {
			t.Parallel()
			opts := []regret.Option{}
			if test.opt != nil {
				opts = append(opts, test.opt)
			}
			_, err := regret.New(test.registry, opts...)
			wantErr(t, err, regret.ErrInvalid)
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the secret is in the error: %v", err)
			}
		})
	}
}

func TestNewSendsNothing(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	newClient(t, reg, regret.WithBasicAuth("user", "password"), regret.WithTrustedRealm("https://auth.example.com"))
	wantRequests(t, reg)
}

func TestPing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule    string
		respond func(http.ResponseWriter, *http.Request) bool
		want    []error
		sent    string
	}{
		{"a registry is recognised", nil, nil, "GET /v2/ 200"},
		{"a registry with an empty response is recognised",
			fakeregistry.Answer(200, map[string]string{"Content-Type": "application/json"}, ""), nil, "GET /v2/ 200"},
		{"an HTML page is not a registry",
			fakeregistry.Answer(200, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<html>"),
			[]error{regret.ErrNotRegistry}, "GET /v2/ 200"},
		{"404 with an HTML page is not a registry",
			fakeregistry.Answer(404, map[string]string{"Content-Type": "text/html"}, "<html>"), []error{regret.ErrNotRegistry}, "GET /v2/ 404"},
		{"401 means unauthorized",
			fakeregistry.Errors(401, "UNAUTHORIZED", "authentication required"),
			[]error{regret.ErrUnauthorized, regret.CodeUnauthorized}, "GET /v2/ 401"},
		{"403 means forbidden",
			fakeregistry.Errors(403, "DENIED", "denied"), []error{regret.ErrForbidden, regret.CodeDenied}, "GET /v2/ 403"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			if test.respond != nil {
				reg.Intercept(0, fakeregistry.On("GET", "/v2/"), test.respond)
			}
			wantErr(t, newClient(t, reg).Ping(t.Context()), test.want...)
			wantRequests(t, reg, test.sent)
		})
	}
}

func TestDockerHubShortNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, registry, repository, sent string }{
		{"a name without a slash gets the prefix library", "docker.io", "busybox", "library/busybox"},
		{"a name with a slash is kept", "docker.io", "team/busybox", "team/busybox"},
		{"registry-1.docker.io adds the prefix too", "https://registry-1.docker.io", "busybox", "library/busybox"},
		{"other registries add no prefix", host, "busybox", "busybox"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			want := reg.PutImage(test.sent, "hello", "latest")
			c := newClientOf(t, test.registry, reg)
			dgst, err := c.ResolveDigest(t.Context(), test.repository, "latest")
			wantErr(t, err)
			if dgst != want.Digest {
				t.Errorf("ResolveDigest = %s, want %s", dgst, want.Digest)
			}
			wantErr(t, c.DeleteManifest(t.Context(), test.repository, dgst))
			wantRequests(t, reg,
				"HEAD /v2/"+test.sent+"/manifests/latest 200",
				"DELETE /v2/"+test.sent+"/manifests/"+string(dgst)+" 202")
		})
	}
}
