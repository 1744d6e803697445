package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// serveTLS serves a registry over TLS with a certificate of its own. It returns its host and the
// file with the certificate. If it wants a client certificate, that must be the same one.
func serveTLS(t *testing.T, reg *fakeregistry.Registry, wantsClient bool) (host, cert, key string) {
	t.Helper()
	cert, key, pair := certificate(t)
	server := httptest.NewUnstartedServer(reg)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if wantsClient {
		pool := x509.NewCertPool()
		pool.AddCert(pair.Leaf)
		server.TLS.ClientCAs, server.TLS.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "https://"), cert, key
}

// certificate makes a certificate for the loopback interface, and for clients.
func certificate(t *testing.T) (certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "regret"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	if pair, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "cert.pem", string(certPEM)), writeFile(t, "key.pem", string(keyPEM)), pair
}

func TestTLS(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule        string
		wantsClient bool
		flags       string // CERT and KEY stand for files
		code        exit.Code
		stderr      string
	}{
		{"a private authority", false, "--ca-file CERT", exit.Done, ""},
		{"another authority", false, "--ca-file OTHER", exit.Failed, "certificate"},
		{"no TLS on the loopback interface", false, "", exit.Failed, "HTTP request to an HTTPS server"},
		{"a client certificate", true, "--ca-file CERT --cert CERT --key KEY", exit.Done, ""},
		{"a client certificate that is missing", true, "--ca-file CERT", exit.Failed, "certificate"},
		{"a file that is no certificate", false, "--ca-file KEY", exit.Usage, "no certificate in PEM"},
		{"a key that is no key", false, "--cert CERT --key CERT", exit.Usage, "--cert, --key"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.PutImage("app", "hello", "1")
			host, cert, key := serveTLS(t, reg, test.wantsClient)
			other, _, _ := certificate(t)
			flags := strings.NewReplacer("CERT", cert, "KEY", key, "OTHER", other).Replace(test.flags)
			got := run(t, append(strings.Fields(flags), "resolve", host+"/app:1")...)
			got.checkCode(t, test.code)
			if !strings.Contains(got.errors, test.stderr) {
				t.Errorf("stderr has no %q:\n%s", test.stderr, got.errors)
			}
		})
	}
}
