package threats_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// returnTolerance returns the time within which a call must return after its context has ended: none
// in virtual time, and some seconds in real time, where the machine may be busy.
func (s *testServer) returnTolerance() time.Duration {
	if s.transport == memory {
		return 0
	}
	return 10 * time.Second
}

// hangOnce makes the next request that matches hang, after the fault before, if any, has written a
// part of the response. It sends to the returned channel when the request hangs.
func (s *testServer) hangOnce(match fakeregistry.Matcher, before fault) (started chan struct{}) {
	started = make(chan struct{}, 1)
	s.registry.Intercept(1, match, func(w http.ResponseWriter, req *http.Request) bool {
		if before != nil {
			before(w, req)
			if err := http.NewResponseController(w).Flush(); err != nil {
				s.t.Error(err)
			}
		}
		started <- struct{}{}
		return fakeregistry.Hang()(w, req)
	})
	return started
}

// cancelWhile runs operations and cancels their context while the server hangs. They must return at
// once with the context's error and send nothing more.
func cancelWhile(t *testing.T, transports []transport, operations []operation, setUp func(s *testServer) (started chan struct{}), outcomeUnknown bool) {
	t.Helper()
	eachOperation(t, transports, operations, func(t *testing.T, s *testServer, op operation) {
		started := setUp(s)
		c := s.client(passwordOption())
		ctx, cancel := context.WithCancel(s.ctx())
		defer cancel()
		var ended time.Time
		done := make(chan struct{})
		go func() {
			defer close(done)
			select {
			case <-started:
			case <-ctx.Done():
				return
			}
			if s.transport == memory {
				<-time.After(time.Second) // by now the client has done everything it can
			}
			ended = time.Now()
			cancel()
		}()
		err := op.run(ctx, c, s)
		cancel()
		<-done
		if took := time.Since(ended); took > s.returnTolerance() {
			t.Errorf("it took %s", took)
		}
		wantErr(t, err, context.Canceled)
		if outcomeUnknown {
			wantErr(t, err, regret.ErrOutcomeUnknown)
		} else {
			wantNot(t, err, regret.ErrOutcomeUnknown)
		}
		n := len(s.requestLog())
		if s.transport == memory {
			<-time.After(time.Hour)
		}
		s.wantRequestsAtMost(n)
	})
}

func TestThreatG01CancelledBeforeTheHeader(t *testing.T) {
	t.Parallel()
	cancelWhile(t, append(allTransports(), plainHTTP), []operation{resolve, manifest, tags, deleteManifest}, func(s *testServer) chan struct{} {
		return s.hangOnce(fakeregistry.On("", "/v2/"), nil)
	}, false)
}

func TestThreatG02CancelledDuringTheTokenRequest(t *testing.T) {
	t.Parallel()
	cancelWhile(t, allTransports(), sampleOperations(), func(s *testServer) chan struct{} {
		s.requireAuth(authConfig{challenges: bearerChallenge})
		return s.hangOnce(fakeregistry.On("", "/token"), nil)
	}, false)
}

func TestThreatG02CancelledInATokenBody(t *testing.T) {
	t.Parallel()
	cancelWhile(t, allTransports(), sampleOperations(), func(s *testServer) chan struct{} {
		s.requireAuth(authConfig{challenges: bearerChallenge})
		return s.hangOnce(fakeregistry.On("", "/token"), fakeregistry.Answer(200, nil, `{"token":"`))
	}, false)
}

func TestThreatG03CancelledInAResponseBody(t *testing.T) {
	t.Parallel()
	cancelWhile(t, allTransports(), []operation{manifest, tags}, func(s *testServer) chan struct{} {
		return s.hangOnce(fakeregistry.On("GET", "/v2/"), fakeregistry.Answer(200, map[string]string{"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, "{"))
	}, false)
}

func TestThreatG04CancelledBetweenTwoAttempts(t *testing.T) {
	t.Parallel()
	cancelWhile(t, []transport{memory}, []operation{resolve, tags, untag}, func(s *testServer) chan struct{} {
		return s.failWithRetryAfter(errorResponse(503, "UNAVAILABLE"), "10")
	}, false)
}

func TestThreatG05CancelledDuringRetryAfter(t *testing.T) {
	t.Parallel()
	cancelWhile(t, []transport{memory}, []operation{resolve, tags, untag}, func(s *testServer) chan struct{} {
		return s.failWithRetryAfter(errorResponse(429, "TOOMANYREQUESTS"), "30")
	}, false)
}

// failWithRetryAfter makes every request fail with a Retry-After field.
func (s *testServer) failWithRetryAfter(f fault, seconds string) (started chan struct{}) {
	started = make(chan struct{}, 1)
	s.intercept("", "", func(w http.ResponseWriter, req *http.Request) bool {
		w.Header().Set("Retry-After", seconds)
		started <- struct{}{}
		return f(w, req)
	})
	return started
}

func TestThreatG06CancelledDuringADelete(t *testing.T) {
	t.Parallel()
	cancelWhile(t, append(allTransports(), plainHTTP), []operation{deleteManifest, untag}, func(s *testServer) chan struct{} {
		return s.hangOnce(fakeregistry.On("DELETE", "/v2/"), nil)
	}, true)
}

func TestThreatG07CancelledInTheBodyOfA401(t *testing.T) {
	t.Parallel()
	half := func(s *testServer) chan struct{} { // a HEAD has no body
		return s.hangOnce(fakeregistry.On("", "/v2/"), fakeregistry.Answer(401, map[string]string{"Www-Authenticate": `Basic realm="r"`}, "{"))
	}
	cancelWhile(t, allTransports(), []operation{manifest, tags}, half, false)
	// Over a socket the client may or may not have read the header by then.
	cancelWhile(t, []transport{memory}, []operation{untag}, half, false)
}

// wantNoRetry checks that the client fails at once if Retry-After asks for too long a wait.
func wantNoRetry(t *testing.T, value string, want time.Duration) {
	t.Helper()
	for status, kind := range map[int]error{429: regret.ErrRateLimited, 503: regret.ErrUnavailable} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []transport{memory}, []operation{resolve, tags, untag, checkDelete}, func(t *testing.T, s *testServer, op operation) {
				s.intercept("", "", fakeregistry.Answer(status, map[string]string{"Retry-After": value}, `{"errors":[{"code":"UNAVAILABLE"}]}`))
				start := time.Now()
				err := op.run(s.ctx(), s.client(), s)
				if e := wantErr(t, err, kind); e.RetryAfter != want {
					t.Errorf("Retry-After %s, want %s", e.RetryAfter, want)
				}
				if took := time.Since(start); took != 0 {
					t.Errorf("it took %s, want 0s", took)
				}
				s.wantRequestsAtMost(1)
			})
		})
	}
}

func TestThreatD09aRetryAfterADay(t *testing.T) {
	t.Parallel()
	wantNoRetry(t, "86400", 24*time.Hour)
}

func TestThreatD09cRetryAfterOfMaxInt64(t *testing.T) {
	t.Parallel()
	wantNoRetry(t, "9223372036854775807", math.MaxInt64)
}

func TestThreatD09dRetryAfterADayByDate(t *testing.T) {
	t.Parallel()
	wantNoRetry(t, "Sun, 02 Jan 2000 00:00:00 GMT", 24*time.Hour) // virtual time starts at 2000-01-01
}

func TestThreatV18RetryAfterThatOverflows(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"9223372037", "18446744073709551616", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			wantNoRetry(t, value, math.MaxInt64)
		})
	}
}

// wantMinimumWait checks that the client waits as long as it would without a Retry-After if the field
// asks for no wait.
func wantMinimumWait(t *testing.T, value string) {
	t.Helper()
	least := regret.DefaultRetries()
	least.WaitMin, least.WaitMax = time.Second, time.Second
	eachOperation(t, []transport{memory}, []operation{resolve, tags, untag}, func(t *testing.T, s *testServer, op operation) {
		s.registry.Intercept(2, fakeregistry.On("", "/v2/"), fakeregistry.Answer(429, map[string]string{"Retry-After": value}, ""))
		start := time.Now()
		if err := op.run(s.ctx(), s.client(regret.WithRetries(least)), s); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %s, want 2s", took)
		}
	})
}

func TestThreatD09bNegativeRetryAfter(t *testing.T) {
	t.Parallel()
	wantMinimumWait(t, "-86400")
}

func TestThreatD09eRetryAfterZero(t *testing.T) {
	t.Parallel()
	wantMinimumWait(t, "0")
}

// No goroutine and no response body is left open after an error.
func TestThreatLeak(t *testing.T) {
	t.Parallel()
	eachOperation(t, []transport{memory}, allOperations(), func(t *testing.T, s *testServer, op operation) {
		s.intercept("", "", fakeregistry.Drip(500, nil, "x", 100*time.Millisecond))
		wantErr(t, op.run(s.ctx(), s.client(), s))
		synctest.Wait()
		s.wantNothingOpen()
	})
}

// Many concurrent calls need a token while others are cancelled. All calls that are not cancelled
// succeed, and the registry's API never receives the password.
func TestThreatRace2RefreshWhileOthersAreCancelled(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		s.requireAuth(authConfig{challenges: bearerChallenge})
		c := s.client(passwordOption())
		var callers sync.WaitGroup
		for i := range 32 {
			callers.Go(func() {
				ctx, cancel := context.WithCancel(s.ctx())
				defer cancel()
				if i%2 == 0 {
					go cancel()
				}
				err := resolve.run(ctx, c, s)
				if i%2 != 0 && err != nil {
					t.Errorf("a call that was not cancelled failed: %v", err)
				}
				if i%2 == 0 && err != nil {
					wantErr(t, err, context.Canceled)
				}
			})
		}
		callers.Wait()
		s.wantNotSent(authPassword)
	})
}
