package threats_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"sync"
	"time"
)

// startServer starts a server for one of the transports. The server stops when the test ends.
func (s *testServer) startServer(server *httptest.Server, tr transport) {
	s.t.Helper()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.t.Cleanup(server.Close)
	if tr == plainHTTP {
		server.Start()
		return
	}
	own, err := certificate()
	if err != nil {
		s.t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	server.EnableHTTP2 = tr == http2
	server.StartTLS()
}

// certificate is the certificate of every server in these tests. Its key is not RSA, as that of
// net/http/httptest is, because thousands of RSA handshakes would take most of the tests' time.
var certificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, err
})
