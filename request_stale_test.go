package regret_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A staleCase is an operation whose first request finds a keep-alive connection
// of HTTP/1.1 that the server closes.
type staleCase struct {
	rule      string
	call      func(context.Context, *regret.Client, regret.Digest) error
	ambiguous bool // its request is not repeated after it may have been received
	// What is sent if the server has read the request, and closes the connection
	// before or after it is processed.
	read, processed string
	processedErr    error
	// What is sent if the server has not read it although the client could write
	// it, and if the client could not.
	written, unwritten string
}

var staleCases = []staleCase{
	{
		rule: "GET", call: func(ctx context.Context, c *regret.Client, _ regret.Digest) error {
			_, err := c.Manifest(ctx, repo, "v1")
			return err
		},
		read: "GET 0 lost, GET 200", processed: "GET 200 lost, GET 200", written: "GET 200", unwritten: "GET 200",
	},
	{
		rule: "HEAD", call: func(ctx context.Context, c *regret.Client, _ regret.Digest) error {
			_, err := c.ResolveDigest(ctx, repo, "v1")
			return err
		},
		read: "HEAD 0 lost, HEAD 200", processed: "HEAD 200 lost, HEAD 200", written: "HEAD 200", unwritten: "HEAD 200",
	},
	{
		rule: "DELETE by digest", call: func(ctx context.Context, c *regret.Client, dgst regret.Digest) error {
			return c.DeleteManifest(ctx, repo, dgst)
		},
		read: "DELETE 0 lost, DELETE 202", processed: "DELETE 202 lost, DELETE 404, HEAD 404, GET 404", written: "DELETE 202", unwritten: "DELETE 202",
	},
	{
		rule: "DELETE by tag", call: untagV1, ambiguous: true,
		read: "DELETE 0 lost, HEAD 200", processed: "DELETE 202 lost, HEAD 404, GET 404", written: "HEAD 200", unwritten: "DELETE 202",
	},
	{
		rule: "PUT by tag", call: func(ctx context.Context, c *regret.Client, _ regret.Digest) error {
			return c.PutManifest(ctx, repo, "v1", manifestOf(emptyImage))
		}, ambiguous: true,
		read: "PUT 0 lost", processed: "PUT 201 lost", processedErr: regret.ErrOutcomeUnknown, written: "", unwritten: "PUT 201",
	},
}

// prepare returns a registry and a client of it that has used a connection and
// knows the digest.
func (test staleCase) prepare(t *testing.T, start func(*httptest.Server), opts ...regret.Option) (*fakeregistry.Registry, *regret.Client, regret.Digest) {
	t.Helper()
	reg := fakeregistry.New()
	reg.PutBlob(repo, []byte("{}"))
	dgst := reg.PutImage(repo, "hello", "v1").Digest
	server, _ := listen(t, reg, start)
	c := newSocketClient(t, server, opts...)
	t.Cleanup(c.CloseIdleConnections)
	_, err := c.ResolveDigest(t.Context(), repo, string(dgst)) // not the tag: what that pointed to must remain unknown
	wantErr(t, err)
	reg.ResetLog()
	return reg, c, dgst
}

func (test staleCase) check(t *testing.T, reg *fakeregistry.Registry, err, wanted error, sent string) {
	t.Helper()
	if wanted == nil {
		wantErr(t, err)
	} else {
		wantErr(t, err, wanted)
	}
	if diff := cmp.Diff(sent, methods(t, reg)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAStaleConnectionWhoseServerHasReadTheRequest(t *testing.T) {
	t.Parallel()
	for _, test := range staleCases {
		for _, pool := range pools() {
			for _, processed := range []bool{false, true} {
				rule := test.rule + pool.name
				if processed {
					rule += ", processed"
				}
				t.Run(rule, func(t *testing.T) {
					t.Parallel()
					var attempts atomic.Int64
					opts := append(pool.make(t), regret.WithTrace(func(regret.Attempt) { attempts.Add(1) }))
					reg, c, dgst := test.prepare(t, (*httptest.Server).Start, opts...)
					attempts.Store(0)
					var wanted error
					if test.ambiguous {
						wanted = regret.ErrOutcomeUnknown
					}
					fault, sent := loseRequest, test.read
					if processed {
						fault, sent, wanted = loseResponse, test.processed, test.processedErr
					}
					play(reg, step{1, "", fault})
					test.check(t, reg, test.call(t.Context(), c, dgst), wanted, sent)
					if n := len(reg.Requests()); int(attempts.Load()) != n {
						t.Errorf("%d attempts, %d requests on the wire", attempts.Load(), n)
					}
				})
			}
		}
	}
}

// A namedPool is where the client gets its connections from.
type namedPool struct {
	name string
	make func(*testing.T) []regret.Option
}

func pools() []namedPool {
	return []namedPool{
		{"", func(*testing.T) []regret.Option { return nil }},
		{", given transport", func(*testing.T) []regret.Option { return []regret.Option{regret.WithTransport(&http.Transport{})} }},
	}
}

// A staleConn is closed by its server after the first response. The client sees
// that only when it writes its second request.
type staleConn struct {
	net.Conn
	unwritable bool // that write fails, else it is lost

	writes  atomic.Int64
	ended   chan struct{} // the server has closed the connection
	noticed chan struct{} // the client may see it
	once    sync.Once
}

func (c *staleConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		close(c.ended)
		<-c.noticed
	}
	return n, err
}

func (c *staleConn) Write(p []byte) (int, error) {
	if c.writes.Add(1) == 1 {
		return c.Conn.Write(p)
	}
	<-c.ended
	if c.unwritable {
		return 0, syscall.EPIPE
	}
	c.notice()
	return len(p), nil
}

func (c *staleConn) Close() error {
	c.notice()
	return c.Conn.Close()
}

func (c *staleConn) notice() { c.once.Do(func() { close(c.noticed) }) }

// closeFirst closes the first connection as soon as it is idle, without an
// announcement.
func closeFirst(server *httptest.Server) {
	var idle atomic.Bool
	count := server.Config.ConnState
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		count(conn, state)
		if state == http.StateIdle && !idle.Swap(true) {
			conn.Close()
		}
	}
	server.Start()
}

func TestAStaleConnectionWhoseServerHasNotReadTheRequest(t *testing.T) {
	t.Parallel()
	for _, test := range staleCases {
		for _, unwritable := range []bool{false, true} {
			rule := test.rule + ", lost after it was written"
			if unwritable {
				rule = test.rule + ", no byte of it written"
			}
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				var dials atomic.Int64
				pool := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, address)
					if err == nil && dials.Add(1) == 1 {
						conn = &staleConn{Conn: conn, unwritable: unwritable, ended: make(chan struct{}), noticed: make(chan struct{})}
					}
					return conn, err
				}}
				reg, c, dgst := test.prepare(t, closeFirst, regret.WithTransport(pool))
				var wanted error
				if test.ambiguous && !unwritable {
					wanted = regret.ErrOutcomeUnknown
				}
				sent := test.written
				if unwritable {
					sent = test.unwritten
				}
				test.check(t, reg, test.call(t.Context(), c, dgst), wanted, sent)
				if n := dials.Load(); n > 3 {
					t.Errorf("%d connections", n)
				}
			})
		}
	}
}

// The client's own connections may or may not notice in time that the server has
// closed them. Nothing is sent twice either way.
func TestAConnectionThatIsClosedBetweenTwoRequests(t *testing.T) {
	t.Parallel()
	for _, test := range staleCases {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg, c, dgst := test.prepare(t, closeFirst)
			err := test.call(t.Context(), c, dgst)
			sent := test.unwritten
			if err != nil {
				sent = test.written
				wantErr(t, err, regret.ErrOutcomeUnknown)
			}
			if err != nil && !test.ambiguous {
				t.Error(err)
			}
			if diff := cmp.Diff(sent, methods(t, reg)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}
