package apply_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// mixed returns a repository of which a plan deletes images with parts, and takes tags off.
func mixed(t testing.TB, options ...fakeregistry.Option) *fixture {
	f := newFixture(t, options...)
	f.image("kept", "latest", "old-1", "old-2")
	f.image("image", "pr-1", "pr-2")
	f.companion("signature", f.index("index", []string{"a", "b"}, "pr-3"), ".sig")
	f.makePlan(removal, atNoon)
	return f
}

// mixedResults are the results of the plan of mixed.
var mixedResults = map[string]apply.Status{
	"image": apply.Deleted, "index": apply.Deleted, "a": apply.Deleted, "b": apply.Deleted, "signature": apply.Deleted,
	"kept -old-1,old-2": apply.Untagged,
}

// wantReality checks that a report says what the registry has.
func (f *fixture) wantReality(r *apply.Report) {
	f.t.Helper()
	if len(r.Results) != len(f.steps()) {
		f.t.Errorf("%d results for %d steps", len(r.Results), len(f.steps()))
	}
	for i := range r.Results {
		result := &r.Results[i]
		here := f.reg.HasManifest(repository, result.Digest)
		switch result.Status {
		case apply.Deleted, apply.AlreadyGone:
			if here {
				f.t.Errorf("%s is %s, but there", f.stepName(result), result.Status)
			}
		case apply.Unknown:
		default:
			if !here {
				f.t.Errorf("%s is %s, but gone", f.stepName(result), result.Status)
			}
		}
		if result.Status == apply.Untagged {
			for _, tag := range result.Tags {
				if at, _ := f.reg.Tag(repository, tag); at == result.Digest {
					f.t.Errorf("%s is still there", tag)
				}
			}
		}
	}
}

func (f *fixture) steps() (names []string) {
	for step := range f.plan.Steps() {
		names = append(names, f.nameOf(string(step.Digest)))
	}
	return names
}

// TestContextEnds ends the context at each request of a run, before or after it is served. What was
// done is in the report, and another run does the rest.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]fakeregistry.Option{
		"a registry by the specification":               nil,
		"a registry that deletes what has no tags only": {fakeregistry.WithTagsFirst()},
	} {
		whole := mixed(t, options...)
		whole.apply()
		n := len(whole.reg.Requests())
		for _, concurrency := range []int{1, 4} {
			for at := 1; at <= n; at++ {
				for _, served := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, %d at once, request %d, served %t", name, concurrency, at, served), func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) { endAt(t, mixed(t, options...), concurrency, at, served) })
					})
				}
			}
		}
	}
}

func endAt(t *testing.T, f *fixture, concurrency, at int, served bool) {
	before := f.reg.Tags(repository)
	f.options.Concurrency = concurrency
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	seen, late := 0, 0
	f.reg.BeforeEach(func(req *http.Request) {
		if ctx.Err() != nil && req.Method == http.MethodDelete {
			late++
		}
		seen++
		switch {
		case seen == at && !served:
			cancel(reason)
		case seen == at:
			f.reg.Intercept(1, func(*http.Request) bool { return true }, func(w http.ResponseWriter, req *http.Request) bool {
				f.reg.Serve(w, req)
				cancel(reason)
				return true
			})
		}
	})
	start := time.Now()
	report, err := apply.Apply(ctx, f.client, f.plan, f.store, &f.options)
	f.reg.BeforeEach(nil)
	if !errors.Is(err, reason) && !errors.Is(err, context.Canceled) && (err != nil || report.Count(apply.NotAttempted) > 0) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it takes %s to end", took)
	}
	if late > concurrency {
		t.Errorf("%d deletions were sent after the end", late)
	}
	if report != nil {
		f.wantReality(report)
	}
	again, err := f.run()
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range again.Results {
		if result.Status != apply.Deleted && result.Status != apply.Untagged && result.Status != apply.AlreadyGone {
			t.Errorf("%s is %s in the second run: %s", f.stepName(&result), result.Status, result.Reason)
		}
	}
	if diff := cmp.Diff(map[string]regret.Digest{"latest": f.digest("kept")}, f.reg.Tags(repository)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if _, err := undo.Restore(t.Context(), f.client, f.store, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, f.reg.Tags(repository)); diff != "" {
		t.Errorf("restored tags (-want +got):\n%s", diff)
	}
}

// TestWritesAreSettled ends the context while a deletion hangs.
func TestWritesAreSettled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(f *fixture) func(http.ResponseWriter, *http.Request) bool
		want   apply.Status
		took   time.Duration
	}{
		"a response that comes in time": {func(*fixture) func(http.ResponseWriter, *http.Request) bool {
			return func(http.ResponseWriter, *http.Request) bool { time.Sleep(20 * time.Second); return false }
		}, apply.Deleted, 20 * time.Second},
		"a response that never comes": {func(*fixture) func(http.ResponseWriter, *http.Request) bool { return fakeregistry.Hang() }, apply.Unknown, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := twoTags(t)
				ctx, cancel := context.WithCancel(t.Context())
				var ended time.Time
				f.on(0, "DELETE", string(f.digest("image")), func(w http.ResponseWriter, req *http.Request) bool {
					ended = time.Now()
					cancel()
					return test.answer(f)(w, req)
				})
				report, err := apply.Apply(ctx, f.client, f.plan, f.store, &f.options)
				if took := time.Since(ended); !errors.Is(err, context.Canceled) || took != test.took {
					t.Errorf("error %v, after %s", err, took)
				}
				f.wantStatuses(report, map[string]apply.Status{"image": test.want, "other": apply.NotAttempted})
				if report.Problem != context.Canceled.Error() || report.Ended.Sub(report.Started) <= 0 {
					t.Errorf("report %+v", report)
				}
			})
		})
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	build := func(t *testing.T, options ...fakeregistry.Option) *fixture {
		f := newFixture(t, options...)
		f.image("kept", "latest")
		for i := range 20 {
			f.image(fmt.Sprint("image ", i), fmt.Sprint("pr-", i))
		}
		f.makePlan(removal)
		return f
	}
	for name, test := range map[string]struct {
		writes  float64
		options []fakeregistry.Option
		took    time.Duration
	}{
		"no limit":                           {0, nil, 0},
		"two a second":                       {2, nil, 19 * time.Second / 2},
		"one in ten seconds":                 {0.1, nil, 190 * time.Second},
		"tags count, too":                    {1, []fakeregistry.Option{fakeregistry.WithTagsFirst()}, 0},
		"a rate that is no number is none":   {math.NaN(), nil, 0},
		"a rate below zero is none":          {-1, nil, 0},
		"a rate above the clock's is none":   {1e12, nil, 0},
		"a second for each 429 of the first": {0, []fakeregistry.Option{fakeregistry.WithThrottledDeletes(1)}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := build(t, test.options...)
				f.options = apply.Options{Writes: test.writes, Concurrency: 4}
				if name == "a second for each 429 of the first" { // the client waits and tries again
					client, err := regret.New(host, regret.WithTransport(f.reg))
					if err != nil {
						t.Fatal(err)
					}
					f.client = client
				}
				var writes []time.Time
				f.reg.BeforeEach(func(req *http.Request) {
					if req.Method == http.MethodDelete {
						writes = append(writes, time.Now())
					}
				})
				start := time.Now()
				report := f.apply()
				if report.Count(apply.Deleted) != 20 {
					t.Errorf("report %s", report)
				}
				if took := time.Since(start); test.took > 0 && took != test.took {
					t.Errorf("it takes %s, want %s", took, test.took)
				}
				if test.writes == 1 {
					for i := 1; i < len(writes); i++ {
						if pause := writes[i].Sub(writes[i-1]); pause < time.Second && i > 4 { // the first refusals come at once
							t.Errorf("write %d comes %s after the one before", i, pause)
						}
					}
				}
			})
		})
	}
	t.Run("the look comes right before the write", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := build(t)
			f.options = apply.Options{Writes: 0.1, Concurrency: 8}
			looked := make(map[string]time.Time)
			f.reg.BeforeEach(func(req *http.Request) {
				name := f.nameOf(req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:])
				if number, isImage := strings.CutPrefix(name, "image "); req.Method == http.MethodDelete && isImage {
					if pause := time.Since(looked["pr-"+number]); pause > 0 {
						t.Errorf("%s was looked at %s before its deletion", name, pause)
					}
				}
				if req.Method == http.MethodHead {
					looked[name] = time.Now()
				}
			})
			f.apply()
		})
	})
	t.Run("a wait for the rate ends with the context", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := build(t)
			f.options = apply.Options{Writes: 0.001, Concurrency: 4}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			report, err := apply.Apply(ctx, f.client, f.plan, f.store, &f.options)
			if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != time.Minute {
				t.Errorf("error %v, after %s", err, took)
			}
			if got := report.Totals().ByStatus; got[apply.Deleted] != 1 || got[apply.NotAttempted] != 19 {
				t.Errorf("results %v", got)
			}
		})
	})
}
