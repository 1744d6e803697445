package prune_test

import (
	"context"
	"errors"
	"hash/fnv"
	"iter"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// listOf yields names, and then an error unless it is nil.
func listOf(err error, names ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
		if err != nil {
			yield("", err)
		}
	}
}

func TestMakeAllGoesOnAfterErrors(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	for _, name := range []string{"team/a", "team/b", "other/c", "team/d"} {
		reg.PutImage(name, name, "v1", "nightly-1")
		reg.PutImage(name, "nightly of "+name, "nightly-2")
	}
	reg.Intercept(0, fakeregistry.On(http.MethodGet, "/v2/team/b/manifests/"), fakeregistry.Errors(http.StatusForbidden, "DENIED", "denied"))
	p := parsePolicy(t, `{"version": 1, "repositories": ["team/*"], "remove": [{"tags": "nightly-*"}]}`)
	cut := errors.New("the list is cut")
	var got []string
	for made, err := range prune.MakeAll(t.Context(), newClient(t, cases.Registry, reg), listOf(cut, "team/a", "team/b", "other/c", "team/none", "team/d"), p, &prune.ReadOptions{At: at}) {
		if err == nil {
			got = append(got, made.Header().Repository)
			if n := len(slices.Collect(made.Steps())); n != 1 || !made.Header().At.Equal(at) {
				t.Errorf("%s: %d steps at %s", made.Header().Repository, n, made.Header().At)
			}
			continue
		}
		e, ok := errors.AsType[*prune.RepositoryError](err)
		if !ok || made != nil {
			t.Fatalf("plan %v, error %v", made, err)
		}
		switch {
		case errors.Is(err, cut):
			got = append(got, "list: "+err.Error()+" "+e.Repository)
		case errors.Is(err, regret.ErrForbidden), errors.Is(err, regret.ErrNotFound):
			if in, ok := errors.AsType[*prune.IncompleteError](err); !ok || in.Error() != err.Error() {
				t.Errorf("%T: %v", e.Err, err)
			}
			got = append(got, "incomplete: "+e.Repository)
		default:
			if _, ok := errors.AsType[*policy.Error](err); !ok {
				t.Error(err)
			}
			got = append(got, "policy: "+e.Repository)
		}
	}
	want := []string{"team/a", "incomplete: team/b", "policy: other/c", "incomplete: team/none", "team/d", "list: the list of repositories: the list is cut "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMakeAllEndsWithTheCallerOrTheContext(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	names := []string{"team/a", "team/b", "team/c"}
	for _, name := range names {
		reg.PutImage(name, name, "v1")
	}
	p := parsePolicy(t, nightlyGo)
	for range prune.MakeAll(t.Context(), newClient(t, cases.Registry, reg), listOf(nil, names...), p, nil) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	plans, failures := 0, 0
	for _, err := range prune.MakeAll(ctx, newClient(t, cases.Registry, reg), listOf(nil, names...), p, nil) {
		if err != nil {
			failures++
			continue
		}
		plans++
		cancel()
	}
	if plans != 1 || failures != 0 {
		t.Errorf("%d plans and %d errors", plans, failures)
	}
	if sent := reg.Requests(); len(sent) != 4 {
		t.Errorf("sent %v", sent)
	}
}

func TestNowIsTheSameForAllRepositories(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := fakeregistry.New()
		reg.PutImage("team/a", "a", "v1")
		reg.PutImage("team/b", "b", "v1")
		reg.Intercept(0, fakeregistry.On("", "/v2/"), func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(1500 * time.Millisecond)
			return false
		})
		now := time.Now().Truncate(time.Second)
		for made, err := range prune.MakeAll(t.Context(), newClient(t, cases.Registry, reg), listOf(nil, "team/a", "team/b"), parsePolicy(t, nightlyGo), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if got := made.Header().At; !got.Equal(now) || got.Location() != time.UTC {
				t.Errorf("%s: %s, want %s", made.Header().Repository, got, now)
			}
		}
	})
}

func TestShardIsFNV(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "team/app", "a", "library/hello"} {
		hash := fnv.New64a()
		hash.Write([]byte(name))
		for _, n := range []int{1, 2, 7, 1 << 20} {
			if got, want := prune.Shard(name, n), int(hash.Sum64()%uint64(n)); got != want {
				t.Errorf("Shard(%q, %d) is %d, want %d", name, n, got, want)
			}
		}
	}
	for _, n := range []int{0, -1} {
		if got := prune.Shard("team/app", n); got != 0 {
			t.Errorf("of %d shards it is %d", n, got)
		}
	}
	// The offset of FNV-1a is what is left of nothing.
	if got := prune.Shard("", 1000); got != int(uint64(14695981039346656037)%1000) {
		t.Errorf("got %d", got)
	}
}
