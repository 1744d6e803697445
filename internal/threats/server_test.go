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

// start lets a server speak as one way wants it to, until the test ends.
func (s *stage) start(server *httptest.Server, speaks way) {
	s.t.Helper()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.t.Cleanup(server.Close)
	if speaks == plain {
		server.Start()
		return
	}
	own, err := certificate()
	if err != nil {
		s.t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	server.EnableHTTP2 = speaks == http2
	server.StartTLS()
}

// certificate is what every server here proves itself with. Thousands of
// handshakes with the RSA key that net/http/httptest has would take most of the
// time of all these tests.
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
