package prune_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

// A gate is a reader whose manifests wait for the test.
type gate struct {
	*regret.Client
	mu      sync.Mutex
	waiting []string
	open    chan error // an error makes the next manifest fail
}

func (g *gate) Manifest(ctx context.Context, repository, reference string) (*regret.Manifest, error) {
	g.mu.Lock()
	g.waiting = append(g.waiting, reference)
	g.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case err := <-g.open:
		if err != nil {
			return nil, err
		}
	}
	return g.Client.Manifest(ctx, repository, reference)
}

// started returns how many manifests were asked for.
func (g *gate) started() int {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// withTags returns a registry with one image under n tags.
func withTags(n int) *fakeregistry.Registry {
	reg := fakeregistry.New()
	var tags []string
	for i := range n {
		tags = append(tags, fmt.Sprintf("v%03d", i))
	}
	reg.PutImage("team/app", "image", tags...)
	return reg
}

func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	for concurrency, want := range map[int]int{0: 8, -1: 8, 1: 1, 20: 20, 1000: 50} {
		synctest.Test(t, func(t *testing.T) {
			g := &gate{Client: newClient(t, cases.Registry, withTags(50)), open: make(chan error)}
			done := make(chan error)
			go func() {
				_, err := prune.Make(t.Context(), g, "team/app", parsePolicy(t, nightlyGo), &prune.ReadOptions{At: at, Concurrency: concurrency})
				done <- err
			}()
			if got := g.started(); got != want {
				t.Errorf("concurrency %d: %d requests at once, want %d", concurrency, got, want)
			}
			g.open <- nil
			if got := g.started(); got != min(want+1, 50) {
				t.Errorf("concurrency %d: after one response %d requests, want one more", concurrency, got)
			}
			close(g.open)
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFirstFailureCancelsTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{Client: newClient(t, cases.Registry, withTags(50)), open: make(chan error)}
		done := make(chan error)
		go func() {
			_, err := prune.Make(t.Context(), g, "team/app", parsePolicy(t, nightlyGo), &prune.ReadOptions{At: at})
			done <- err
		}()
		started := g.started()
		failure := errors.New("this one")
		g.open <- failure
		err := <-done
		if !errors.Is(err, failure) || errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if got := g.started(); got != started {
			t.Errorf("%d requests began after the failure", got-started)
		}
	})
}

func TestOfSeveralFailuresThatOfTheFirstTagCounts(t *testing.T) {
	t.Parallel()
	reg := withTags(50)
	reg.Intercept(0, fakeregistry.On(http.MethodGet, "/v2/team/app/manifests/"), fakeregistry.Errors(http.StatusBadGateway, "UNKNOWN", "it fails"))
	_, err := prune.Make(t.Context(), newClient(t, cases.Registry, reg), "team/app", parsePolicy(t, nightlyGo), &prune.ReadOptions{At: at, Concurrency: 1})
	if e, ok := errors.AsType[*prune.IncompleteError](err); !ok || e.Tag != "v000" {
		t.Errorf("got %v", err)
	}
	if sent := tally(requestsOf(reg))["GET tag"]; sent != 1 {
		t.Errorf("%d tags were read", sent)
	}
}

func TestProgressTellsWhatIsRead(t *testing.T) {
	t.Parallel()
	c := story(t, `{"id": "X", "kind": "index", "tags": ["v1"], "children": ["x1", "x2"]},
		{"id": "x1", "kind": "image", "created": {"config": "2026-01-01T00:00:00Z"}}, {"id": "x2", "kind": "image", "created": {"config": "2026-01-01T00:00:00Z"}},
		{"id": "A", "kind": "image", "tags": ["v2"], "created": {"config": "2026-01-01T00:00:00Z"}}`, oldGo, `"referrers": "api"`)
	var mu sync.Mutex
	var all []prune.Progress
	reg := c.Serve()
	o := prune.ReadOptions{At: at, Progress: func(p prune.Progress) {
		if !mu.TryLock() {
			t.Error("two calls at once")
			return
		}
		defer mu.Unlock()
		all = append(all, p)
	}}
	if _, err := prune.Make(t.Context(), newClient(t, cases.Registry, reg), c.Repository, parsePolicy(t, oldGo), &o); err != nil {
		t.Fatal(err)
	}
	var ends []prune.Progress // of each phase
	for i, p := range all {
		if p.Repository != c.Repository {
			t.Errorf("repository %q", p.Repository)
		}
		p.Repository = ""
		if i+1 == len(all) || all[i+1].Done < p.Done || all[i+1].Phase != p.Phase {
			ends = append(ends, p)
		}
	}
	want := []prune.Progress{
		{Phase: prune.PhaseList, Done: 2, Total: 2, Requests: 1},
		{Phase: prune.PhaseTags, Done: 2, Total: 2, Requests: 3},
		{Phase: prune.PhaseManifests, Done: 2, Total: 2, Requests: 5}, // of the date of v1
		{Phase: prune.PhaseConfigs, Done: 1, Total: 1, Requests: 6},
		{Phase: prune.PhaseConfigs, Done: 2, Total: 2, Requests: 8},
		{Phase: prune.PhaseReferrers, Done: 4, Total: 4, Requests: 13},
	}
	if diff := cmp.Diff(want, ends); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	if sent := len(reg.Requests()); sent != ends[len(ends)-1].Requests {
		t.Errorf("%d requests were sent", sent)
	}
}

func TestLongListsTellTheirProgress(t *testing.T) {
	t.Parallel()
	var done []int
	o := prune.ReadOptions{At: at, Progress: func(p prune.Progress) {
		if p.Phase == prune.PhaseList {
			done = append(done, p.Done)
		}
	}}
	if _, err := prune.Make(t.Context(), newClient(t, cases.Registry, withTags(2500)), "team/app", parsePolicy(t, nightlyGo), &o); err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 0, 1000, 2000, 2500}; !slices.Equal(done, want) {
		t.Errorf("got %v, want %v", done, want)
	}
}
