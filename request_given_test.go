package regret_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A webSource asks a web service for credentials, with a client of its own and
// in the context that it is given, over a new connection each time.
type webSource struct {
	client *http.Client
	url    string
	want   *httptrace.ClientTrace // that of the context
	asked  atomic.Int64
}

func (s *webSource) Credential(ctx context.Context, _, _ string) (credentials.Credential, error) {
	s.asked.Add(1)
	if got := httptrace.ContextClientTrace(ctx); got != s.want {
		return credentials.Credential{}, errors.New("not the trace of the caller")
	}
	for range 2 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
		if err != nil {
			return credentials.Credential{}, err
		}
		req.Close = true
		resp, err := s.client.Do(req)
		if err != nil {
			return credentials.Credential{}, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			return credentials.Credential{}, err
		}
	}
	return credentials.Credential{Username: account, Password: password}, nil
}

func TestASourceOfCredentialsSendsRequestsInTheCallersContext(t *testing.T) {
	t.Parallel()
	for _, traced := range []bool{false, true} {
		rule := "without a trace"
		if traced {
			rule = "with a trace of the caller's"
		}
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			t.Cleanup(web.Close)
			reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, password))
			reg.PutImage(repo, "hello", "v1")
			server, _ := listen(t, reg, (*httptest.Server).Start)
			source := &webSource{client: web.Client(), url: web.URL}
			ctx := t.Context()
			var written atomic.Int64
			if traced {
				ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { written.Add(1) }})
				source.want = httptrace.ContextClientTrace(ctx)
			}
			c := newSocketClient(t, server, regret.WithCredentials(source))
			wantErr(t, c.Untag(ctx, repo, "v1"))
			if got, want := methods(t, reg), "DELETE 401, DELETE 202"; got != want {
				t.Errorf("requests %q, want %q", got, want)
			}
			if n := source.asked.Load(); n != 1 {
				t.Errorf("the source was asked %d times", n)
			}
			if n := written.Load(); traced && n != 4 { // two of the source, two of the library
				t.Errorf("the caller's trace saw %d requests", n)
			}
		})
	}
}

// A repeatingTransport sends every request again after a failure.
type repeatingTransport struct {
	base  http.RoundTripper
	tries int
}

func (s *repeatingTransport) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	for range s.tries {
		if resp, err = s.base.RoundTrip(req); err == nil {
			return resp, nil
		}
	}
	return nil, err
}

// A dial that fails says that there is no connection now, not that there was
// none before.
func TestAttackR8ALostConnectionBeforeAFailedDialMayHaveCarriedTheRequest(t *testing.T) {
	t.Parallel()
	for _, processed := range []bool{false, true} {
		rule := "not processed"
		if processed {
			rule = "processed"
		}
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			fault := loseRequest
			if processed {
				fault = loseResponse
			}
			play(reg, step{1, "DELETE", fault})
			server, _ := listen(t, reg, (*httptest.Server).Start)
			var dials atomic.Int64
			pool := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if dials.Add(1) == 2 {
					return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}}
			c := newSocketClient(t, server, regret.WithTransport(&repeatingTransport{base: pool, tries: 2}))
			t.Cleanup(pool.CloseIdleConnections)
			err := c.Untag(t.Context(), repo, "v1")
			sent := "DELETE 202 lost, HEAD 404, GET 404"
			if processed {
				wantErr(t, err)
			} else {
				wantErr(t, err, regret.ErrOutcomeUnknown)
				sent = "DELETE 0 lost, HEAD 200"
			}
			if diff := cmp.Diff(sent, methods(t, reg)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// A transport that sends requests again is stopped from repeating a write, and
// what it asks net/http for says nothing about what the server has done: a
// stream that is reset may have been processed, unlike one that is refused.
func TestATransportThatSendsRequestsAgainRepeatsNoWrite(t *testing.T) {
	t.Parallel()
	for _, f := range http2Faults {
		for _, processed := range []bool{false, true} {
			if processed && f.refused {
				continue
			}
			rule := f.name + ", not processed"
			if processed {
				rule = f.name + ", processed"
			}
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				reg := fakeregistry.New()
				original := reg.PutImage(repo, "hello", "v1").Digest
				server := newHTTP2Server(t, reg)
				pool := server.pool()
				t.Cleanup(pool.CloseIdleConnections)
				c := server.client(t, &repeatingTransport{base: pool, tries: 3})
				ctx := server.context(t.Context())
				wantErr(t, c.Ping(ctx))
				var deletes atomic.Int64
				server.fault = func(line string) (http2Fault, bool) {
					if !isDeleteOfTag(line, reg, original) || deletes.Add(1) > 1 {
						return nil, false
					}
					return func(conn *http2Conn, stream uint32) bool {
						if processed {
							reg.PutImage(repo, "pushed anew", "v1")
						}
						return f.fault(conn, stream)
					}, processed
				}
				wantErr(t, c.Untag(ctx, repo, "v1"), regret.ErrOutcomeUnknown)
				if n := deletes.Load(); n != 1 {
					t.Errorf("%d DELETEs", n)
				}
				if _, there := reg.Tag(repo, "v1"); !there {
					t.Error("the tag is gone")
				}
			})
		}
	}
}
