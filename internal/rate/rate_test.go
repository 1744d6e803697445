package rate_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/rate"
)

func TestEventsHaveEqualDistances(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule      string
		perSecond float64
		want      []time.Duration
	}{
		{"four a second", 4, []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond}},
		{"one in two seconds", 0.5, []time.Duration{0, 2 * time.Second, 4 * time.Second}},
		{"no limit", 0, []time.Duration{0, 0, 0}},
		{"no number is no limit", math.NaN(), []time.Duration{0, 0, 0}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &rate.Limiter{PerSecond: test.perSecond}
				began := time.Now()
				var got []time.Duration
				for range test.want {
					if err := l.Wait(t.Context()); err != nil {
						t.Fatal(err)
					}
					got = append(got, time.Since(began))
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		l := &rate.Limiter{PerSecond: 1e-12}
		if err := l.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { cancel(stop) })
		began := time.Now()
		if err := l.Wait(ctx); !errors.Is(err, stop) {
			t.Errorf("the error is %v", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("the wait took %v", took)
		}
	})
}
