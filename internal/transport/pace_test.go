package transport

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/body"
)

// Every request of a client waits for what the server asked of one of them.
func TestPacing(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, test := range []struct {
		rule   string
		status int
		after  string
		url    string        // of the second request
		want   time.Duration // when the second request is sent
	}{
		{"429 holds back all requests", 429, "20", registryURL, 20 * s},
		{"503 holds back all requests", 503, "20", registryURL, 20 * s},
		{"another spelling of the registry is held back, too", 429, "20", "https://REGISTRY.example.com:443", 20 * s},
		{"another server is not held back", 429, "20", storage, 0},
		{"another status holds back nothing", 500, "20", registryURL, 0},
		{"a success holds back nothing", 200, "20", registryURL, 0},
		{"no Retry-After holds back nothing", 429, "", registryURL, 0},
		{"zero holds back nothing", 429, "0", registryURL, 0},
		{"the longest wait that is accepted holds back", 429, "60", registryURL, 60 * s},
		{"a longer one holds back nothing", 429, "61", registryURL, 0},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newServer(respond(test.status, "", "Retry-After", test.after))
				w := NewWire(registry, configure(server))
				for _, u := range []string{registryURL, test.url} {
					if err := send(t.Context(), w, u); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff([]time.Duration{0, test.want}, server.times()); diff != "" {
					t.Errorf("times (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// send sends one request without retries, as those for tokens are sent.
func send(ctx context.Context, w *Wire, u string) error {
	return sendBy(ctx, w, http.MethodGet, u)
}

// sendBy is send with another method.
func sendBy(ctx context.Context, w *Wire, method, u string) error {
	req, err := http.NewRequestWithContext(ctx, method, u, nil)
	if err != nil {
		return err
	}
	resp, err := w.roundTrip(ctx, "token", req, isWrite(method))
	if err != nil {
		return err
	}
	body.Discard(resp.Body)
	return nil
}

func TestPacingIsExtendedWhileRequestsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := NewWire(registry, configure(newServer(respond(200, ""))))
		start := time.Now()
		w.pace.hold(registry, 10*time.Second)
		time.AfterFunc(5*time.Second, func() {
			w.pace.hold(registry, 25*time.Second)
			w.pace.hold(registry, 15*time.Second) // a shorter wait changes nothing
		})
		if err := send(t.Context(), w, registryURL); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAHoldEndsIfTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	w := NewWire(registry, configure(newServer(respond(200, ""))))
	w.pace.hold(registry, time.Minute)
	synctest.Test(t, func(t *testing.T) { // decades before
		start := time.Now()
		for range 2 {
			if err := send(t.Context(), w, registryURL); err != nil || time.Since(start) != 0 {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		}
		w.pace.hold(registry, time.Second)
		if err := send(t.Context(), w, registryURL); err != nil || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestARequestThatIsHeldBackBeyondItsDeadlineIsNotSent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule     string
		deadline time.Duration
		held     bool
	}{
		{"the deadline is nearer", 20*time.Second - 1, true},
		{"the wait is over just before the deadline", 20*time.Second + 1, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer(respond(404, ""))
				c := newClient(s)
				c.wire.pace.hold(registry, 20*time.Second)
				start := time.Now()
				f := refuse(t, within(t, test.deadline), c, untag())
				if !test.held {
					if f.StatusCode != 404 || time.Since(start) != 20*time.Second {
						t.Errorf("after %v: %+v", time.Since(start), f)
					}
					return
				}
				fault, ok := errors.AsType[*Fault](f.Err)
				if !ok || fault.Problem != Held || !fault.OutOfTime() || f.RetryAfter != 20*time.Second || f.Ambiguous || f.Canceled {
					t.Errorf("%+v", f)
				}
				if time.Since(start) != 0 || len(s.requests()) != 0 {
					t.Errorf("after %v, requests %q", time.Since(start), s.lines())
				}
			})
		})
	}
}

func TestACanceledRequestLeavesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(respond(200, ""))
		c := newClient(s)
		c.wire.pace.hold(registry, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		f := refuse(t, ctx, c, untag())
		if !f.Canceled || !errors.Is(f.Err, context.Canceled) || f.Ambiguous || time.Since(start) != time.Second || len(s.requests()) != 0 {
			t.Errorf("after %v: %+v", time.Since(start), f)
		}
	})
}
