package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A hooked is what net/http does with one request, as its hooks show it: it
// returns what remains of the request's context.
type hooked func(trace *httptrace.ClientTrace, conns []net.Conn) error

func (h hooked) RoundTrip(req *http.Request) (*http.Response, error) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	trace := *httptrace.ContextClientTrace(req.Context())
	if trace.WroteHeaders == nil { // that of a read
		trace.WroteHeaders = func() {}
	}
	if err := h(&trace, []net.Conn{a, b}); err != nil {
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
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			w := NewWire(registry, configure(test.does))
			w.netHTTP = true
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

func TestARequestGivesUpAfterTenConnections(t *testing.T) {
	t.Parallel()
	w := NewWire(registry, configure(hooked(func(trace *httptrace.ClientTrace, conns []net.Conn) error {
		for range maxConnections + 1 {
			trace.GetConn("")
			trace.GotConn(httptrace.GotConnInfo{Conn: conns[0]})
		}
		return nil
	})))
	var lost *noResponse
	if err := sendBy(t.Context(), w, http.MethodDelete, registryURL); !errors.As(err, &lost) || !lost.arrived || !lost.replay {
		t.Errorf("error %v, %+v", err, lost)
	}
}

// A transport on top of net/http's may send requests of its own with the context
// of the request, as for a token or a handshake.
func TestRequestsOfAGivenTransportAreNoReplays(t *testing.T) {
	t.Parallel()
	w := NewWire(registry, configure(hooked(func(trace *httptrace.ClientTrace, conns []net.Conn) error {
		for range 3 {
			trace.GetConn("")
			trace.GotConn(httptrace.GotConnInfo{Conn: conns[0]})
			trace.WroteHeaders()
			trace.GotFirstResponseByte()
		}
		return nil
	})))
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if err := sendBy(t.Context(), w, method, registryURL); err != nil {
			t.Errorf("%s: %v", method, err)
		}
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
	if err := sendBy(t.Context(), NewWire(registry, configure(does)), http.MethodDelete, registryURL); err != nil {
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
				c.wire.netHTTP = test.refused // else a DELETE over HTTP/1.1 would be known as unsent
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
