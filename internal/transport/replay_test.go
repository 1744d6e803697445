package transport

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

func TestAConnectionForAReplayIsClosed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule    string
		netHTTP bool
		secure  bool
		replay  bool
		closed  bool
	}{
		{"without TLS", true, false, true, true},
		{"with TLS but without HTTP/2", false, true, true, true},
		{"unless another transport may carry other requests over it", false, false, true, false},
		{"unless the request has not been sent yet", true, false, false, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			first, second := &closeNoter{}, &closeNoter{}
			w := &watch{cancel: func(error) {}, netHTTP: test.netHTTP, write: true}
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

// Only what net/http alone asks for says anything about what became of a
// request.
func TestAReplayOfAnUnprocessedRequestIsRecognised(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule     string
		netHTTP  bool
		write    bool
		http2    bool
		sameConn bool
		arrived  bool
	}{
		{"a refused stream was not processed", true, true, true, true, false},
		{"nor was that of a read", true, false, true, true, false},
		{"another connection over HTTP/2: perhaps processed", true, true, true, false, true},
		{"a write over HTTP/1.1: no byte was sent", true, true, false, false, false},
		{"a read over HTTP/1.1: perhaps processed", true, false, false, false, true},
		{"another transport may send again after any failure, over HTTP/2", false, true, true, true, true},
		{"another transport may send again after any failure, over HTTP/1.1", false, true, false, false, true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			var first, second net.Conn = &closeNoter{}, &closeNoter{}
			if test.http2 {
				first, second = handshake(t), handshake(t)
			}
			if test.sameConn {
				second = first
			}
			w := &watch{cancel: func(error) {}, netHTTP: test.netHTTP, write: test.write}
			w.getConn("")
			w.gotConn(httptrace.GotConnInfo{Conn: first})
			w.wroteHeaders()
			w.getConn("")
			w.gotConn(httptrace.GotConnInfo{Conn: second})
			if lost := w.noResponse(errReplayed, errReset); lost.arrived != test.arrived || !lost.replay || lost.err != errReplayed {
				t.Errorf("%+v", lost)
			}
		})
	}
}

// handshake returns the client's end of a connection that speaks HTTP/2.
func handshake(t *testing.T) net.Conn {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the connection is closed unused
	server.StartTLS()
	t.Cleanup(server.Close)
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", server.Listener.Addr().String(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestOnlyHooksThatNetHTTPItselfCallsAreTrusted(t *testing.T) {
	t.Parallel()
	var both http.Protocols
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	for _, test := range []struct {
		rule string
		base http.RoundTripper
		want bool
	}{
		{"those of our own pool", nil, true},
		{"those of a given pool of net/http's", &http.Transport{}, true},
		{"not those of a pool that shares plain connections", &http.Transport{Protocols: &both}, false},
		{"not those that come by way of another transport", struct{ http.RoundTripper }{&http.Transport{}}, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			if got := NewWire(registry, configure(test.base)).netHTTP; got != test.want {
				t.Errorf("believed: %v", got)
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

// A connection that another request has dialed and not used goes into the pool of
// HTTP/2 without a word: who takes it is not asked for by GetConn.
func TestAReplayOnAConnectionThatNobodyAskedForIsEnded(t *testing.T) {
	t.Parallel()
	for _, write := range []bool{true, false} {
		var ended error
		w := &watch{cancel: func(cause error) { ended = cause }, netHTTP: true, write: write}
		w.getConn("")
		w.gotConn(httptrace.GotConnInfo{Conn: handshake(t)})
		w.wroteHeaders()
		w.gotConn(httptrace.GotConnInfo{Conn: handshake(t)})
		if lost := w.noResponse(ended, errReset); lost.err != errReplayed || !lost.replay || !lost.arrived {
			t.Errorf("write %v: %+v", write, lost)
		}
	}
}

func TestAnInformationalResponseIsNotTheLastOne(t *testing.T) {
	t.Parallel()
	w := NewWire(registry, configure(hooked(func(trace *httptrace.ClientTrace, conns []net.Conn) error {
		trace.GetConn("")
		trace.GotConn(httptrace.GotConnInfo{Conn: conns[0]})
		trace.WroteHeaders()
		trace.GotFirstResponseByte()
		if err := trace.Got1xxResponse(103, nil); err != nil {
			return err
		}
		trace.GetConn("")
		return nil
	})))
	var lost *noResponse
	if err := sendBy(t.Context(), w, http.MethodDelete, registryURL); !errors.As(err, &lost) || !lost.replay || !lost.arrived {
		t.Errorf("error %v, %+v", err, lost)
	}
}

// What is not sent because its context ended while it waited has not arrived.
func TestARequestThatWaitsForTheFirstConnectionIsNotAmbiguous(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(respond(200, ""))
		c := newClient(s)
		c.wire.first = newFirstConnection(registry)
		defer enter(c.wire.first, t.Context())(false)
		if f := refuse(t, within(t, time.Second), c, untag()); f.Ambiguous || !f.Canceled {
			t.Errorf("%+v", f)
		}
		if sent := s.requests(); len(sent) != 0 {
			t.Errorf("sent: %v", sent)
		}
	})
}

// Over HTTP/2, a connection that is lost was that of all requests: one of them
// dials the next.
func TestAfterALossOneRequestGoesAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFirstConnection(registry)
		enter(f, t.Context())(true)
		w := &watch{cancel: func(error) {}, netHTTP: true, first: f}
		w.getConn("")
		w.gotConn(httptrace.GotConnInfo{Conn: &closeNoter{}})
		w.getConn("")
		w.noResponse(errReplayed, errReset)
		defer enter(f, t.Context())(false)
		start := time.Now()
		f.enter(t.Context())
		if waited := time.Since(start); waited != maxFirstWait {
			t.Errorf("waited %v, want %v", waited, maxFirstWait)
		}
	})
}

// A proxy may send JSON with a code, too, about a request that it did pass on.
func TestA503WithABareObjectIsAmbiguous(t *testing.T) {
	t.Parallel()
	s := newServer(respond(503, `{"code":"UPSTREAM_RESET","message":"upstream timed out"}`), respond(202, ""))
	if f := refuse(t, t.Context(), newClient(s, withRetries(atOnce)), untag()); !f.Ambiguous || f.Attempts != 1 {
		t.Errorf("%+v", f)
	}
}

// A redirect that leaves the registry and comes back has no credentials: that they
// are missing does not mean that they were refused.
func TestARefusalOfAnUnauthenticatedHopIsNotAnswered(t *testing.T) {
	t.Parallel()
	location := func(to string) step {
		return func(req *http.Request) (*http.Response, error) {
			resp, err := respond(307, "")(req)
			resp.Header.Set("Location", to)
			return resp, err
		}
	}
	s := newServer(location("https://storage.example.net/x"), location(registryURL+"/y"), respond(401, "no"))
	a := &authorization{first: "Bearer a", answers: []string{"Bearer b"}}
	r := get()
	r.Authorization = a
	if f := refuse(t, t.Context(), newClient(s), r); f.StatusCode != 401 || len(a.said) != 0 {
		t.Errorf("%+v; answers asked for: %q", f, a.said)
	}
}
