package regret_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// failingTransport fails every request with err and counts them.
type failingTransport struct {
	err  error
	sent int
}

func (b *failingTransport) RoundTrip(*http.Request) (*http.Response, error) {
	b.sent++
	return nil, b.err
}

func TestRetriedErrors(t *testing.T) {
	t.Parallel()
	const always, reads, never = "every request", "reads only", "no request"
	for _, test := range []struct {
		rule    string
		err     error
		retried string
		unknown bool // whether a DELETE may have arrived
	}{
		{"a refused connection", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, always, false},
		{"a dial that timed out", &net.OpError{Op: "dial", Err: errors.New("i/o timeout")}, always, false},
		{"a proxy that does not connect", &net.OpError{Op: "proxyconnect", Err: errors.New("Bad Gateway")}, always, false},
		{"a name server that fails for the moment", &net.OpError{Op: "dial", Err: &net.DNSError{IsTemporary: true}}, always, false},
		{"a host that does not exist", &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, never, false},
		{"a connection reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, reads, true},
		{"a connection that broke while writing", &net.OpError{Op: "write", Err: syscall.EPIPE}, reads, true},
		{"an end of file before the response", io.EOF, reads, true},
		{"an end of file in the response", io.ErrUnexpectedEOF, reads, true},
		{"an unknown error", errors.New("malformed HTTP response"), reads, true},
		{"a certificate of an unknown authority", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, never, false},
		{"a certificate of another host", &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}}}, never, false},
		{"a server that does not speak TLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, never, false},
		{"plain http where https is expected", http.ErrSchemeMismatch, never, false},
	} {
		t.Run(test.rule+" is retried for "+test.retried, func(t *testing.T) {
			t.Parallel()
			attempts := map[string]int{always: 4, reads: 4, never: 1}[test.retried]
			read := &failingTransport{err: test.err}
			e := wantErr(t, newClient(t, read).Ping(t.Context()), regret.ErrUnavailable, test.err)
			if e.Attempts != attempts || read.sent != attempts || e.StatusCode != 0 {
				t.Errorf("a read was sent %d times, want %d: %+v", read.sent, attempts, e)
			}

			// A DELETE by tag. The reads that would verify its outcome fail too.
			if test.retried == reads {
				attempts = 1
			}
			write := &failingTransport{err: test.err}
			err := newClient(t, &splitTransport{write, &failingTransport{err: &net.DNSError{IsNotFound: true}}}).Untag(t.Context(), repo, "v1")
			if write.sent != attempts {
				t.Errorf("a DELETE by tag was sent %d times, want %d", write.sent, attempts)
			}
			want := regret.ErrUnavailable
			if test.unknown {
				want = regret.ErrOutcomeUnknown
			}
			wantErr(t, err, want, test.err)
		})
	}
}

// splitTransport has one transport for DELETE requests and another for all others.
type splitTransport struct{ deletes, rest http.RoundTripper }

func (o *splitTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodDelete {
		return o.deletes.RoundTrip(req)
	}
	return o.rest.RoundTrip(req)
}

func TestPlainHTTPHint(t *testing.T) {
	t.Parallel()
	err := newClient(t, &failingTransport{err: http.ErrSchemeMismatch}).Ping(t.Context())
	wantErr(t, err, regret.ErrUnavailable)
	wantText(t, err, "WithPlainHTTP", "http://")
}

// A first attempt that was not sent must not make the outcome of the next one ambiguous.
func TestUnsentAttemptIsNotAmbiguous(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	play(reg, step{1, "DELETE", refused}, step{0, "DELETE", failing(403, "DENIED")})
	err := newClient(t, reg).Untag(t.Context(), repo, "v1")
	wantErr(t, err, regret.ErrForbidden)
	wantMethods(t, reg, "v1", "DELETE 403")
}
