package regret_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Whoever still waits for a connection has sent nothing, whatever error that
// ends in.
func TestAWriteThatWaitsForAConnectionHasNotArrived(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		call func(context.Context, *regret.Client) error
	}{
		{"an untag", func(ctx context.Context, c *regret.Client) error { return c.Untag(ctx, repo, "v1") }},
		{"a check", func(ctx context.Context, c *regret.Client) error { return c.CheckDelete(ctx, repo) }},
		{"a push", func(ctx context.Context, c *regret.Client) error {
			return c.PutManifest(ctx, repo, "v1", manifestOf(emptyImage))
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			over := make(chan struct{}) // nobody else ends a dial that was given up
			defer close(over)
			dial := func(context.Context, string, string) (net.Conn, error) {
				cancel()
				<-over
				return nil, net.ErrClosed
			}
			err := test.call(ctx, newClient(t, &http.Transport{DialContext: dial, DialTLSContext: dial}))
			wantErr(t, err, context.Canceled)
			wantNot(t, err, regret.ErrOutcomeUnknown)
		})
	}
}

// A connection that was there has carried the request, over every protocol.
func TestAWriteThatHadItsConnectionMayHaveArrived(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		start func(*httptest.Server)
	}{
		{"over HTTP/1.1", (*httptest.Server).Start},
		{"over HTTP/1.1 and TLS", (*httptest.Server).StartTLS},
		{"over HTTP/2", func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() }},
	} {
		for _, warm := range []bool{false, true} {
			rule := test.rule + ", connected anew"
			if warm {
				rule = test.rule + ", connected before"
			}
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				reg := fakeregistry.New()
				server, _ := listen(t, reg, test.start)
				c := dialled(t, server, trusting(server)...)
				if warm {
					wantErr(t, c.Ping(t.Context()))
				}
				reg.PutImage(repo, "hello", "v1")
				ctx, cancel := context.WithCancel(t.Context())
				reg.Intercept(1, fakeregistry.On("DELETE", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
					reg.Serve(&nobody{}, req)
					cancel()
					return fakeregistry.Hang()(w, req)
				})
				wantErr(t, c.Untag(ctx, repo, "v1"), regret.ErrOutcomeUnknown, context.Canceled)
				if _, there := reg.Tag(repo, "v1"); there {
					t.Error("the test itself is wrong: nothing arrived")
				}
			})
		}
	}
}

// trusting are the options for a server with a certificate of its own.
func trusting(server *httptest.Server) []regret.Option {
	if server.TLS == nil {
		return nil
	}
	return []regret.Option{regret.WithTLSConfig(server.Client().Transport.(*http.Transport).TLSClientConfig)}
}
