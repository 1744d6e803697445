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

// promptly is how soon a call returns whose context has ended: at once where
// time is virtual; a busy machine has more.
func (s *stage) promptly() time.Duration {
	if s.way == memory {
		return 0
	}
	return 10 * time.Second
}

// hangs lets the requests that match hang, whatever a fault has written before,
// and tells when one does.
func (s *stage) hangs(match fakeregistry.Matcher, before fault) (begun chan struct{}) {
	begun = make(chan struct{}, 1)
	s.registry.Intercept(1, match, func(w http.ResponseWriter, req *http.Request) bool {
		if before != nil {
			before(w, req)
			if err := http.NewResponseController(w).Flush(); err != nil {
				s.t.Error(err)
			}
		}
		begun <- struct{}{}
		return fakeregistry.Hang()(w, req)
	})
	return begun
}

// cancelled plays an operation whose context ends while the other side hangs:
// it returns at once, says so, and sends nothing more.
func cancelled(t *testing.T, ways []way, operations []operation, set func(s *stage) (begun chan struct{}), unknown bool) {
	t.Helper()
	eachOperation(t, ways, operations, func(t *testing.T, s *stage, op operation) {
		begun := set(s)
		c := s.client(account())
		ctx, cancel := context.WithCancel(s.ctx())
		defer cancel()
		var ended time.Time
		done := make(chan struct{})
		go func() {
			defer close(done)
			select {
			case <-begun:
			case <-ctx.Done():
				return
			}
			if s.way == memory {
				<-time.After(time.Second) // whatever there is to do, it has been done
			}
			ended = time.Now()
			cancel()
		}()
		err := op.run(ctx, c, s)
		cancel()
		<-done
		if took := time.Since(ended); took > s.promptly() {
			t.Errorf("it took %s", took)
		}
		wantErr(t, err, context.Canceled)
		if unknown {
			wantErr(t, err, regret.ErrOutcomeUnknown)
		} else {
			wantNot(t, err, regret.ErrOutcomeUnknown)
		}
		n := len(s.requests())
		if s.way == memory {
			<-time.After(time.Hour)
		}
		s.wantAtMost(n)
	})
}

func TestThreatG01CancelledBeforeTheHeader(t *testing.T) {
	t.Parallel()
	cancelled(t, append(anyWay(), plain), []operation{resolve, manifest, tags, deleteManifest}, func(s *stage) chan struct{} {
		return s.hangs(fakeregistry.On("", "/v2/"), nil)
	}, false)
}

func TestThreatG02CancelledDuringTheTokenRequest(t *testing.T) {
	t.Parallel()
	cancelled(t, anyWay(), some(), func(s *stage) chan struct{} {
		s.guarded(guard{challenges: bearerOnly})
		return s.hangs(fakeregistry.On("", "/token"), nil)
	}, false)
}

func TestThreatG02CancelledInTheMiddleOfAToken(t *testing.T) {
	t.Parallel()
	cancelled(t, anyWay(), some(), func(s *stage) chan struct{} {
		s.guarded(guard{challenges: bearerOnly})
		return s.hangs(fakeregistry.On("", "/token"), fakeregistry.Answer(200, nil, `{"token":"`))
	}, false)
}

func TestThreatG03CancelledInTheMiddleOfABody(t *testing.T) {
	t.Parallel()
	cancelled(t, anyWay(), []operation{manifest, tags}, func(s *stage) chan struct{} {
		return s.hangs(fakeregistry.On("GET", "/v2/"), fakeregistry.Answer(200, map[string]string{"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, "{"))
	}, false)
}

func TestThreatG04CancelledBetweenTwoAttempts(t *testing.T) {
	t.Parallel()
	cancelled(t, []way{memory}, []operation{resolve, tags, untag}, func(s *stage) chan struct{} {
		return s.fails(reports(503, "UNAVAILABLE"), "10")
	}, false)
}

func TestThreatG05CancelledInAWaitThatWasAskedFor(t *testing.T) {
	t.Parallel()
	cancelled(t, []way{memory}, []operation{resolve, tags, untag}, func(s *stage) chan struct{} {
		return s.fails(reports(429, "TOOMANYREQUESTS"), "30")
	}, false)
}

// fails lets every request fail that asks for time.
func (s *stage) fails(f fault, seconds string) (begun chan struct{}) {
	begun = make(chan struct{}, 1)
	s.on("", "", func(w http.ResponseWriter, req *http.Request) bool {
		w.Header().Set("Retry-After", seconds)
		begun <- struct{}{}
		return f(w, req)
	})
	return begun
}

func TestThreatG06CancelledDuringADelete(t *testing.T) {
	t.Parallel()
	cancelled(t, append(anyWay(), plain), []operation{deleteManifest, untag}, func(s *stage) chan struct{} {
		return s.hangs(fakeregistry.On("DELETE", "/v2/"), nil)
	}, true)
}

func TestThreatG07CancelledInTheMiddleOfA401(t *testing.T) {
	t.Parallel()
	half := func(s *stage) chan struct{} { // a HEAD has no body
		return s.hangs(fakeregistry.On("", "/v2/"), fakeregistry.Answer(401, map[string]string{"Www-Authenticate": `Basic realm="r"`}, "{"))
	}
	cancelled(t, anyWay(), []operation{manifest, tags}, half, false)
	// Over a socket nobody knows whether its header has been read by then.
	cancelled(t, []way{memory}, []operation{untag}, half, false)
}

// tooLong plays a Retry-After that nobody waits for.
func tooLong(t *testing.T, value string, want time.Duration) {
	t.Helper()
	for status, kind := range map[int]error{429: regret.ErrRateLimited, 503: regret.ErrUnavailable} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []way{memory}, []operation{resolve, tags, untag, checkDelete}, func(t *testing.T, s *stage, op operation) {
				s.on("", "", fakeregistry.Answer(status, map[string]string{"Retry-After": value}, `{"errors":[{"code":"UNAVAILABLE"}]}`))
				start := time.Now()
				err := op.run(s.ctx(), s.client(), s)
				if e := wantErr(t, err, kind); e.RetryAfter != want {
					t.Errorf("Retry-After %s, want %s", e.RetryAfter, want)
				}
				if took := time.Since(start); took != 0 {
					t.Errorf("it took %s", took)
				}
				s.wantAtMost(1)
			})
		})
	}
}

func TestThreatD09aRetryAfterADay(t *testing.T) {
	t.Parallel()
	tooLong(t, "86400", 24*time.Hour)
}

func TestThreatD09cRetryAfterWithoutEnd(t *testing.T) {
	t.Parallel()
	tooLong(t, "9223372036854775807", math.MaxInt64)
}

func TestThreatD09dRetryAfterADayByDate(t *testing.T) {
	t.Parallel()
	tooLong(t, "Sun, 02 Jan 2000 00:00:00 GMT", 24*time.Hour) // virtual time begins with the year 2000
}

func TestThreatV18RetryAfterThatOverflows(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"9223372037", "18446744073709551616", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			tooLong(t, value, math.MaxInt64)
		})
	}
}

// soonAgain plays a Retry-After that asks for nothing: the client waits as long
// as it would have waited of its own accord.
func soonAgain(t *testing.T, value string) {
	t.Helper()
	least := regret.DefaultRetries()
	least.WaitMin, least.WaitMax = time.Second, time.Second
	eachOperation(t, []way{memory}, []operation{resolve, tags, untag}, func(t *testing.T, s *stage, op operation) {
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
	soonAgain(t, "-86400")
}

func TestThreatD09eRetryAfterZero(t *testing.T) {
	t.Parallel()
	soonAgain(t, "0")
}

// After whatever has happened, no goroutine and no connection is left.
func TestThreatLeak(t *testing.T) {
	t.Parallel()
	eachOperation(t, []way{memory}, all(), func(t *testing.T, s *stage, op operation) {
		s.on("", "", fakeregistry.Drip(500, nil, "x", 100*time.Millisecond))
		wantErr(t, op.run(s.ctx(), s.client(), s))
		synctest.Wait()
		s.wantNothingOpen()
	})
}

// Many calls find their token refused at the same time, while others are
// cancelled: none of them is left behind, and none gets another's token.
func TestThreatRace2RefreshWhileOthersGiveUp(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
		s.guarded(guard{challenges: bearerOnly})
		c := s.client(account())
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
					t.Errorf("who did not give up: %v", err)
				}
				if i%2 == 0 && err != nil {
					wantErr(t, err, context.Canceled)
				}
			})
		}
		callers.Wait()
		s.wantUnshown(guardPassword)
	})
}
