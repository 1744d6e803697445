package regret

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// Inside the package: who shares what with whom is not to be seen from outside.

const patience = 32 * time.Second // so that a crowd is what begins within a second

// withDeadlines plays with those of a transport that was given, and with those
// of our own connections.
func withDeadlines(t *testing.T, rule string, play func(*testing.T, *deadlines)) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("%s, keep %t", rule, keep), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { play(t, &deadlines{after: patience, keep: keep}) })
		})
	}
}

// ended waits for the end of a context and says when and why it came.
func ended(t *testing.T, ctx context.Context, since time.Time, after time.Duration, cause error) {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(time.Hour):
		t.Fatal("it did not end")
	}
	if took := time.Since(since); took != after {
		t.Errorf("it ended after %v, want %v", took, after)
	}
	if got := context.Cause(ctx); !errors.Is(got, cause) {
		t.Errorf("it ended with %v, want %v", got, cause)
	}
	if ctx.Err() == nil {
		t.Error("no error although it ended")
	}
}

// nothingLeft wants no timer and no hold on the caller's context.
func nothingLeft(t *testing.T, d *deadlines, l *deadline) {
	t.Helper()
	if d.open != nil {
		t.Error("it is still open")
	}
	if l.timer.Stop() {
		t.Error("the timer runs")
	}
	if l.unhook() {
		t.Error("the caller's context holds it")
	}
	if l.Err() == nil || l.late() {
		t.Errorf("error %v, late %v", l.Err(), l.late())
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	withDeadlines(t, "one request has its time to the moment", func(t *testing.T, d *deadlines) {
		start, ctx := time.Now(), t.Context()
		l := d.begin(ctx, time.Now(), true)
		ended(t, &timed{ctx, l}, start, patience, errSlowHeader)
		if !l.late() {
			t.Error("it is not late")
		}
		l.done()
	})
	withDeadlines(t, "those that begin together end together, none before its time", func(t *testing.T, d *deadlines) {
		start, ctx := time.Now(), t.Context()
		first := d.begin(ctx, time.Now(), true)
		<-time.After(time.Second - 1)
		second := d.begin(ctx, time.Now(), true)
		if first != second {
			t.Fatal("two deadlines")
		}
		first.done()
		ended(t, &timed{ctx, second}, start, patience+time.Second-1, errSlowHeader)
	})
	withDeadlines(t, "who begins later has another", func(t *testing.T, d *deadlines) {
		start, ctx := time.Now(), t.Context()
		first := d.begin(ctx, time.Now(), true)
		<-time.After(time.Second + 1)
		second := d.begin(ctx, time.Now(), true)
		ended(t, &timed{ctx, first}, start, patience, errSlowHeader)
		ended(t, &timed{ctx, second}, start, patience+time.Second+1, errSlowHeader)
	})
	withDeadlines(t, "other callers have another", func(t *testing.T, d *deadlines) {
		one, cancel := context.WithCancelCause(t.Context())
		other, end := context.WithCancel(t.Context())
		defer end()
		first, second := d.begin(one, time.Now(), true), d.begin(other, time.Now(), true)
		why := errors.New("enough")
		start := time.Now()
		cancel(why)
		ended(t, &timed{one, first}, start, 0, why)
		if first.late() || second.Err() != nil {
			t.Errorf("late %v, the other's ended with %v", first.late(), second.Err())
		}
		second.done()
	})
	withDeadlines(t, "what is answered may be read for as long as it takes", func(t *testing.T, d *deadlines) {
		ctx := t.Context()
		long, short := d.begin(ctx, time.Now(), false), d.begin(ctx, time.Now(), false)
		long.answered()
		ended(t, short, time.Now(), patience, errSlowHeader)
		<-time.After(time.Hour)
		if long.Err() != nil {
			t.Error(long.Err())
		}
		long.done()
	})
	withDeadlines(t, "others that wait give it the time of an answer without content", func(t *testing.T, d *deadlines) {
		start, ctx := time.Now(), t.Context()
		reads := d.begin(ctx, start, true)
		if waits := d.begin(ctx, start, true); waits != reads {
			t.Fatal("two deadlines")
		}
		reads.answered()
		ended(t, &timed{ctx, reads}, start, patience+errorBodyTime, errSlowHeader)
	})
	withDeadlines(t, "nothing is left after the last, or when no more have come for a while", func(t *testing.T, d *deadlines) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		start, l := time.Now(), d.begin(ctx, time.Now(), true)
		d.begin(ctx, time.Now(), true)
		l.answered()
		l.answered()
		l.done()
		if l.Err() != nil {
			t.Error("ended before the last")
		}
		l.done()
		if d.keep {
			<-time.After(time.Second / 2)
			if d.begin(ctx, time.Now(), true) != l {
				t.Error("the next has another")
			}
			l.answered()
			l.done()
			ended(t, l, start, time.Second, context.Canceled)
		}
		nothingLeft(t, d, l)
		next := d.begin(ctx, time.Now(), true)
		if next == l {
			t.Error("what is over was joined")
		}
		next.done()
	})
	withDeadlines(t, "nothing is left when another caller comes", func(t *testing.T, d *deadlines) {
		one, cancel := context.WithCancel(t.Context())
		defer cancel()
		idle := d.begin(one, time.Now(), true)
		idle.answered()
		idle.done()
		busy := d.begin(t.Context(), time.Now(), true)
		if busy == idle {
			t.Error("it is shared")
		}
		again := d.begin(one, time.Now(), true)
		if again == idle || again == busy {
			t.Error("what is over was joined")
		}
		d.open = nil
		nothingLeft(t, d, idle)
		busy.answered()
		busy.done()
		nothingLeft(t, d, busy)
	})
	withDeadlines(t, "nothing is left when nothing is to be kept", func(t *testing.T, d *deadlines) {
		l := d.begin(t.Context(), time.Now(), true)
		l.answered()
		l.done()
		d.shut()
		d.shut()
		nothingLeft(t, d, l)
	})
	withDeadlines(t, "nothing is left when the caller has ended", func(t *testing.T, d *deadlines) {
		ctx, cancel := context.WithCancel(t.Context())
		l := d.begin(ctx, time.Now(), true)
		l.answered()
		l.done()
		cancel()
		synctest.Wait()
		nothingLeft(t, d, l)
	})
	withDeadlines(t, "those that never end share over our own connections only", func(t *testing.T, d *deadlines) {
		ctx := context.Background()
		one, other := d.begin(ctx, time.Now(), true), d.begin(ctx, time.Now(), true)
		if shared := one == other; shared != d.keep {
			t.Errorf("shared: %v", shared)
		}
		one.done()
		other.done()
	})
	withDeadlines(t, "a context that ends before needs none", func(t *testing.T, d *deadlines) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if l := d.begin(ctx, time.Now(), true); l != nil {
			t.Error("it has one")
		}
		var none *deadline
		none.answered()
		none.done()
		if none.late() {
			t.Error("late without a deadline")
		}
	})
}

func TestTimedContext(t *testing.T) {
	t.Parallel()
	withDeadlines(t, "values and end are the caller's own, whoever shares the deadline", func(t *testing.T, d *deadlines) {
		type key struct{}
		parent, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		one, other := context.WithValue(parent, key{}, "one"), context.WithValue(parent, key{}, "other")
		first, second := &timed{one, d.begin(one, time.Now(), true)}, &timed{other, d.begin(other, time.Now(), true)}
		if first.deadline != second.deadline {
			t.Fatal("two deadlines")
		}
		if first.Value(key{}) != "one" || second.Value(key{}) != "other" {
			t.Errorf("values %v and %v", first.Value(key{}), second.Value(key{}))
		}
		want, _ := parent.Deadline()
		if got, ok := first.Deadline(); !ok || got != want {
			t.Errorf("ends at %v, want %v", got, want)
		}
	})
	withDeadlines(t, "what is derived from it ends with it", func(t *testing.T, d *deadlines) {
		start, ctx := time.Now(), t.Context()
		derived, cancel := context.WithCancel(&timed{ctx, d.begin(ctx, time.Now(), true)})
		defer cancel()
		ended(t, derived, start, patience, errSlowHeader)
	})
	withDeadlines(t, "it has no error until it ends, and then the caller's", func(t *testing.T, d *deadlines) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		x := &timed{ctx, d.begin(ctx, time.Now(), true)}
		x.deadline.answered()
		if x.Err() != nil {
			t.Error(x.Err())
		}
		<-x.Done()
		if !errors.Is(x.Err(), context.DeadlineExceeded) {
			t.Error(x.Err())
		}
	})
}
