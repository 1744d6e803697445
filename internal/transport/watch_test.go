package transport

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// A hooked is what net/http does with one request, as its hooks show it: it
// returns what remains of the request's context.
type hooked func(trace *httptrace.ClientTrace, conns []net.Conn) error

func (h hooked) RoundTrip(req *http.Request) (*http.Response, error) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if err := h(httptrace.ContextClientTrace(req.Context()), []net.Conn{a, b}); err != nil {
		return nil, err
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return respond(200, "")(req)
}

func TestWhatTheHooksOfNetHTTPSay(t *testing.T) {
	t.Parallel()
	type trace = *httptrace.ClientTrace
	got := func(trace trace, conn net.Conn) { trace.GotConn(httptrace.GotConnInfo{Conn: conn}) }
	dial := &net.OpError{Op: "dial", Err: errReset}
	for _, test := range []struct {
		rule string
		does hooked
		want noResponse
	}{
		{"no connection: not received", func(trace trace, _ []net.Conn) error {
			trace.GetConn("")
			return errReset
		}, noResponse{err: errReset}},
		{"a failed dial: not received", func(trace trace, _ []net.Conn) error {
			trace.GetConn("")
			return dial
		}, noResponse{err: dial}},
		{"a connection that was not written to: perhaps received, for not every transport says so", func(trace trace, conns []net.Conn) error {
			trace.GetConn("")
			got(trace, conns[0])
			return errReset
		}, noResponse{err: errReset, arrived: true}},
		{"written: perhaps received", func(trace trace, conns []net.Conn) error {
			trace.GetConn("")
			got(trace, conns[0])
			trace.WroteHeaders()
			return errReset
		}, noResponse{err: errReset, arrived: true}},
		{"written, then a failed dial: perhaps received", func(trace trace, conns []net.Conn) error {
			trace.GetConn("")
			got(trace, conns[0])
			trace.WroteHeaders()
			trace.GetConn("")
			return dial
		}, noResponse{err: errReplayed, arrived: true, replay: true}},
		{"written, then another connection: perhaps received, and not sent again", func(trace trace, conns []net.Conn) error {
			trace.GetConn("")
			got(trace, conns[0])
			trace.WroteHeaders()
			trace.GetConn("")
			got(trace, conns[1])
			return nil
		}, noResponse{err: errReplayed, arrived: true, replay: true}},
		{"written, then the same connection: a refused stream, not received", func(trace trace, conns []net.Conn) error {
			trace.GetConn("")
			got(trace, conns[0])
			trace.WroteHeaders()
			trace.GetConn("")
			got(trace, conns[0])
			return nil
		}, noResponse{err: errReplayed, replay: true}},
		{"a connection that closed before it was written to, ten times: given up", func(trace trace, conns []net.Conn) error {
			for range maxConnections + 1 {
				trace.GetConn("")
				got(trace, conns[0])
			}
			return nil
		}, noResponse{err: errReplayed, arrived: true, replay: true}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			w := NewWire(registry, configure(test.does))
			var lost *noResponse
			if err := send(t.Context(), w, registryURL); !errors.As(err, &lost) {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(test.want, *lost, cmp.AllowUnexported(noResponse{}), sameErrors); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConnectionsThatCloseBeforeTheyAreUsedAreReplacedByNetHTTP(t *testing.T) {
	t.Parallel()
	does := hooked(func(trace *httptrace.ClientTrace, conns []net.Conn) error {
		for range maxConnections {
			trace.GetConn("")
			trace.GotConn(httptrace.GotConnInfo{Conn: conns[0]})
		}
		trace.WroteHeaders()
		return nil
	})
	if err := send(t.Context(), NewWire(registry, configure(does)), registryURL); err != nil {
		t.Error(err)
	}
}

func TestTheCallersOwnTraceIsStillCalled(t *testing.T) {
	t.Parallel()
	calls := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GetConn: func(string) { calls++ }})
	does := hooked(func(trace *httptrace.ClientTrace, _ []net.Conn) error {
		trace.GetConn("")
		return nil
	})
	if err := send(ctx, NewWire(registry, configure(does)), registryURL); err != nil || calls != 1 {
		t.Errorf("%v; called %d times", err, calls)
	}
}

func TestPlainHTTPIsRecognised(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		header string
		want   bool
	}{{"a server that speaks http", "HTTP/", true}, {"another protocol", "SSH-2", false}} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			record := tls.RecordHeaderError{Msg: "not TLS", RecordHeader: [5]byte([]byte(test.header))}
			s := newServer(fail(record))
			f := refuse(t, t.Context(), newClient(s), untag())
			if errors.Is(f.Err, http.ErrSchemeMismatch) != test.want || f.Ambiguous || f.Attempts != 1 {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestAConnectionForAReplayIsClosed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		own    bool
		secure bool
		replay bool
		closed bool
	}{
		{"of our own pool, without TLS", true, false, true, true},
		{"with TLS but without HTTP/2", false, true, true, true},
		{"unless it may carry other requests by HTTP/2 without TLS", false, false, true, false},
		{"unless the request has not been sent yet", true, false, false, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			first, second := &closeNoter{}, &closeNoter{}
			w := &watch{cancel: func(error) {}, own: test.own}
			info := httptrace.GotConnInfo{Conn: second}
			if test.secure {
				info.Conn = tls.Client(second, &tls.Config{ServerName: registry.Host})
			}
			w.getConn("")
			w.gotConn(httptrace.GotConnInfo{Conn: first})
			if test.replay {
				w.wroteHeaders()
			}
			w.getConn("")
			w.gotConn(info)
			if second.closed != test.closed || first.closed {
				t.Errorf("closed: the first %v, the second %v", first.closed, second.closed)
			}
		})
	}
}

// A closeNoter is a connection that notes whether it is closed.
type closeNoter struct {
	net.Conn
	closed bool
}

func (c *closeNoter) Close() error { c.closed = true; return nil }

// net/http would replace the lost connection at once.
func TestTheFirstReplayIsRetriedAtOnceAndFree(t *testing.T) {
	t.Parallel()
	lost := func(same bool) hooked {
		return func(trace *httptrace.ClientTrace, conns []net.Conn) error {
			next := conns[1]
			if same {
				next = conns[0]
			}
			trace.GetConn("")
			trace.GotConn(httptrace.GotConnInfo{Conn: conns[0]})
			trace.WroteHeaders()
			trace.GetConn("")
			trace.GotConn(httptrace.GotConnInfo{Conn: next})
			return nil
		}
	}
	const s = time.Second
	for _, test := range []struct {
		rule    string
		request *Request
		refused bool
		want    []time.Duration
		spent   int64
	}{
		{"a lost connection: the first retry costs nothing", get(), false, []time.Duration{0, 0, s, 2 * s}, 2 * retryShare},
		{"a refused stream: no retry costs anything", get(), true, []time.Duration{0, 0, s, 2 * s}, 0},
		{"a lost connection: a request that must not be repeated is not", untag(), false, []time.Duration{0}, 0},
		{"a refused stream: it is retried all the same", untag(), true, []time.Duration{0, 0, s, 2 * s}, 0},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newServer(lost(test.refused).RoundTrip)
				c := newClient(server)
				f := refuse(t, t.Context(), c, test.request)
				if diff := cmp.Diff(test.want, server.times()); diff != "" {
					t.Errorf("times (-want +got):\n%s", diff)
				}
				if f.Ambiguous != !test.refused || !errors.Is(f.Err, errReplayed) {
					t.Errorf("%+v", f)
				}
				if spent := c.retries.spent.Load(); spent != test.spent {
					t.Errorf("the allowance was charged %d, want %d", spent, test.spent)
				}
			})
		})
	}
}

// A keepAlive is a server of HTTP/1.1 that closes a connection instead of
// responding to the third request that it reads, whichever connection that is.
// The first two requests wait for each other, so that there are two
// connections.
type keepAlive struct {
	net.Listener
	both     sync.WaitGroup
	requests atomic.Int64
	serving  sync.WaitGroup
}

func newKeepAlive(t *testing.T) *keepAlive {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &keepAlive{Listener: listener}
	k.both.Add(2)
	k.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			k.serving.Go(func() { k.serve(conn) })
		}
	})
	t.Cleanup(func() { listener.Close(); k.serving.Wait() })
	return k
}

func (k *keepAlive) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		switch n := k.requests.Add(1); {
		case n == 3:
			return
		case n < 3:
			k.both.Done()
			k.both.Wait()
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

// net/http seldom writes a replay in spite of its context, so that this test alone
// would seldom fail; TestAConnectionForAReplayIsClosed always would.
func TestNoRequestIsWrittenToASecondIdleConnection(t *testing.T) {
	t.Parallel()
	for range 20 { // net/http chooses at random
		k := newKeepAlive(t)
		o := origin.Origin{Scheme: "http", Host: k.Addr().String()}
		var attempts atomic.Int64
		c := New(o, NewWire(o, configure(nil, withRetries(atOnce), func(c *Config) { c.Trace = func(Attempt) { attempts.Add(1) } })))
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { succeed(t, c, get()) })
		}
		both.Wait()
		if resp := succeed(t, c, get()); resp.Attempts != 2 {
			t.Errorf("%d attempts", resp.Attempts)
		}
		if sent := k.requests.Load(); sent != attempts.Load() {
			t.Errorf("%d requests on the wire, %d attempts", sent, attempts.Load())
		}
		c.wire.CloseIdleConnections()
	}
}
