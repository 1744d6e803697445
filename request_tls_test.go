package regret_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The certificate of this registry is signed by a root that only the given configuration
// has. A failed verification is not retried.
func TestServerCertificateIsVerified(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(fakeregistry.New())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would log the failed handshake
	server.StartTLS()
	t.Cleanup(server.Close)
	given := server.Client().Transport.(*http.Transport).TLSClientConfig
	for _, test := range []struct {
		rule string
		opts []regret.Option
		want []error
	}{
		{"the certificate is valid with the given roots", []regret.Option{regret.WithTLSConfig(given)}, nil},
		{"the certificate is invalid without them", nil, []error{regret.ErrUnavailable}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			c, err := regret.New(server.URL, test.opts...)
			wantErr(t, err)
			e := wantErr(t, c.Ping(t.Context()), test.want...)
			if e != nil && e.Attempts != 1 {
				t.Errorf("%d attempts, want 1", e.Attempts)
			}
		})
	}
}

func TestTLSConfig(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		server *tls.Config
		client func(roots *x509.CertPool, own tls.Certificate) *tls.Config
		works  bool
	}{
		{"an unknown root is refused", nil, func(*x509.CertPool, tls.Certificate) *tls.Config { return nil }, false},
		{"a given root is trusted", nil, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config { return &tls.Config{RootCAs: roots} }, true},
		{"a certificate for another name is refused", nil, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots, ServerName: "registry.example.net"}
		}, false},
		{"a client certificate is sent", &tls.Config{ClientAuth: tls.RequireAnyClientCert}, func(roots *x509.CertPool, own tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}
		}, true},
		{"a server that requires a client certificate refuses the client without one", &tls.Config{ClientAuth: tls.RequireAnyClientCert}, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots}
		}, false},
		{"TLS before 1.2 is refused", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots}
		}, false},
		{"TLS 1.0 is used if the configuration allows it", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10}
		}, true},
		{"TLS before the configured minimum is refused", &tls.Config{MaxVersion: tls.VersionTLS12}, func(roots *x509.CertPool, _ tls.Certificate) *tls.Config {
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
			err := newSocketClient(t, server, opts...).Ping(t.Context())
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

func TestHTTP2IsUsedIfOffered(t *testing.T) {
	t.Parallel()
	var major atomic.Int64
	reg := fakeregistry.New()
	server, _ := listen(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		major.Store(int64(req.ProtoMajor))
		reg.ServeHTTP(w, req)
	}), func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() })
	given := server.Client().Transport.(*http.Transport).TLSClientConfig
	wantErr(t, newSocketClient(t, server, regret.WithTLSConfig(given)).Ping(t.Context()))
	if major.Load() != 2 {
		t.Errorf("the request used HTTP/%d, want HTTP/2", major.Load())
	}
}

func TestHTTPSToPlainHTTPRegistry(t *testing.T) {
	t.Parallel()
	plain, _ := listen(t, fakeregistry.New(), (*httptest.Server).Start)
	c, err := regret.New("https://" + strings.TrimPrefix(plain.URL, "http://"))
	wantErr(t, err)
	err = c.Ping(t.Context())
	e := wantErr(t, err, regret.ErrUnavailable)
	wantText(t, err, "WithPlainHTTP")
	if e.Attempts != 1 {
		t.Errorf("%d attempts, want 1", e.Attempts)
	}
}

func TestDeleteAnsweredWithoutTLSIsAmbiguous(t *testing.T) {
	t.Parallel()
	var deletes, gone atomic.Int32
	dgst := digest.FromString("x")
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Method == http.MethodDelete:
			deletes.Add(1)
			gone.Store(1)
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			raw := conn.(*tls.Conn).NetConn()
			fmt.Fprint(raw, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			raw.Close()
		case gone.Load() == 1:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`)
		default:
			w.Header().Set("Docker-Content-Digest", string(dgst))
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		}
	}))
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c := newClientOf(t, srv.URL, srv.Client().Transport)
	if err := c.DeleteManifest(t.Context(), repo, dgst); err != nil {
		t.Error(err)
	}
	gone.Store(0)
	if err := c.Untag(t.Context(), repo, "v1"); err != nil {
		t.Error(err)
	}
	if n := deletes.Load(); n != 2 {
		t.Errorf("%d DELETEs, want one of the digest and one of the tag", n)
	}
}
