package regret_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		server *tls.Config
		client func(roots *x509.CertPool, own tls.Certificate) *tls.Config
		works  bool
	}{
		{"an unknown root is refused", nil, func(*x509.CertPool, tls.Certificate) *tls.Config { return nil }, false},
		{"a root of one's own is trusted", nil, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config { return &tls.Config{RootCAs: roots} }, true},
		{"another name than the certificate's is refused", nil, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots, ServerName: "registry.example.net"}
		}, false},
		{"a client certificate is shown", &tls.Config{ClientAuth: tls.RequireAnyClientCert}, func(roots *x509.CertPool, own tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}
		}, true},
		{"without the client certificate there is no answer", &tls.Config{ClientAuth: tls.RequireAnyClientCert}, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots}
		}, false},
		{"TLS before 1.2 is refused", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots}
		}, false},
		{"unless it was asked for", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10}
		}, true},
		{"a later version can be demanded", &tls.Config{MaxVersion: tls.VersionTLS12}, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
		}, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			server, _ := listen(t, reg, func(s *httptest.Server) { s.TLS = test.server; s.StartTLS() })
			var opts []regret.Option
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			given := test.client(roots, server.TLS.Certificates[0])
			if given != nil {
				opts = append(opts, regret.WithTLSConfig(given))
			}
			err := dialled(t, server, opts...).Ping(t.Context())
			if !test.works {
				wantErr(t, err, regret.ErrUnavailable)
				wantRequests(t, reg)
				return
			}
			wantErr(t, err)
			wantRequests(t, reg, "GET /v2/ 200")
		})
	}
}

// The environment names proxies for the client's own transport, and for no
// other. It is read once in the life of a process, so that this runs in one of
// its own.
func TestProxiesOfTheEnvironment(t *testing.T) {
	t.Parallel()
	const asked = "REGRET_TEST_PROXY"
	if os.Getenv(asked) != "" {
		c, err := regret.New("http://registry.example.com")
		wantErr(t, err)
		wantErr(t, c.Ping(t.Context()))
		elsewhere := errors.New("the transport was asked")
		c, err = regret.New("http://registry.example.com", regret.WithTransport(roundTrip(func(*http.Request) (*http.Response, error) { return nil, elsewhere })))
		wantErr(t, err)
		wantErr(t, c.Ping(t.Context()), regret.ErrUnavailable, elsewhere)
		return
	}
	reg := fakeregistry.New()
	reg.Intercept(0, fakeregistry.On("GET", "/v2/"), func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Connection", "close") // the other process leaves nothing behind
		return false
	})
	server, _ := listen(t, reg, (*httptest.Server).Start)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxiesOfTheEnvironment$")
	child.Env = append(os.Environ(), asked+"=1", "HTTP_PROXY="+server.URL, "NO_PROXY=")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantRequests(t, reg, "GET /v2/ 200")
}
