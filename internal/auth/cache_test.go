package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/auth"
)

// after returns a handler that answers like another one after a while, unless the request ends.
func after(wait time.Duration, h handler) handler {
	return func(req *http.Request) (*http.Response, error) {
		select {
		case <-time.After(wait):
			return h(req)
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
}

// A result is how a call of Answer ended.
type result struct {
	Header, Err string
	After       time.Duration
}

// answerTo answers a challenge for pulling and returns how that ended. It is for use in a bubble of
// package synctest.
func (f *fixture) answerTo(ctx context.Context, challenge http.Header) result {
	start, z := time.Now(), f.For(pull)
	header, err := z.Answer(ctx, http.StatusUnauthorized, challenge, nil)
	r := result{Header: header, After: time.Since(start)}
	if err != nil {
		r.Err = err.Error()
	}
	return r
}

// callers calls f once with each context, in this order and at the same time.
func callers(f func(context.Context) result, contexts ...context.Context) []result {
	results := make([]result, len(contexts))
	var group sync.WaitGroup
	for i, ctx := range contexts {
		group.Go(func() { results[i] = f(ctx) })
		synctest.Wait()
	}
	group.Wait()
	return results
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestOneFetchForManyCallers(t *testing.T) {
	t.Parallel()
	token := bearer("repository:team/app:pull")
	broken := func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }
	const ended = "context deadline exceeded"
	for _, tt := range []struct {
		rule      string
		handle    handler
		deadlines []time.Duration
		want      []result
		requests  int // 0: depends on which of those who wait is the next
	}{
		{"all get the same token", after(time.Second, numbered()), []time.Duration{time.Hour, time.Hour, time.Hour},
			[]result{{"Bearer t0ken1", "", time.Second}, {"Bearer t0ken1", "", time.Second}, {"Bearer t0ken1", "", time.Second}}, 1},
		{"all get the same error", after(time.Second, broken), []time.Duration{time.Hour, time.Hour, time.Hour},
			[]result{{"", "connection refused", time.Second}, {"", "connection refused", time.Second}, {"", "connection refused", time.Second}}, 1},
		{"each waits until its own deadline", after(10*time.Second, numbered()), []time.Duration{time.Hour, 3 * time.Second, 5 * time.Second},
			[]result{{"Bearer t0ken1", "", 10 * time.Second}, {"", ended, 3 * time.Second}, {"", ended, 5 * time.Second}}, 1},
		{"the next caller takes over when the context of the first ends", after(10*time.Second, numbered()), []time.Duration{time.Second, time.Hour, time.Hour},
			[]result{{"", ended, time.Second}, {"Bearer t0ken1", "", 11 * time.Second}, {"Bearer t0ken1", "", 11 * time.Second}}, 2},
		{"every caller takes over in turn", after(10*time.Second, numbered()), []time.Duration{time.Second, 2 * time.Second, 3 * time.Second},
			[]result{{"", ended, time.Second}, {"", ended, 2 * time.Second}, {"", ended, 3 * time.Second}}, 0},
		{"the next caller takes over when the first has no time to wait", inOrder(after(time.Second, func(*http.Request) (*http.Response, error) {
			return nil, outOfTime{}
		}), numbered()), []time.Duration{time.Hour, time.Hour},
			[]result{{"", "no time to wait", time.Second}, {"Bearer t0ken1", "", time.Second}}, 2},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, tt.handle)
				var contexts []context.Context
				for _, d := range tt.deadlines {
					contexts = append(contexts, within(t, d))
				}
				got := callers(func(ctx context.Context) result { return f.answerTo(ctx, token) }, contexts...)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("results (-want +got):\n%s", diff)
				}
				if n := len(f.all()); tt.requests > 0 && n != tt.requests {
					t.Errorf("%d token requests, want %d", n, tt.requests)
				}
			})
		})
	}
}

// outOfTime is an error as the transport returns it for a request that it did not send.
type outOfTime struct{}

func (outOfTime) Error() string   { return "no time to wait" }
func (outOfTime) OutOfTime() bool { return true }

func TestTheNextCallerTakesOverAfterAPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, numbered(), source(func(n int) (credentials.Credential, error) {
			<-time.After(time.Second)
			if n == 1 {
				panic("the source is broken")
			}
			return credentials.Credential{Username: account, Password: password}, nil
		}))
		got := callers(func(ctx context.Context) (r result) {
			defer func() {
				if v := recover(); v != nil {
					r.Err = fmt.Sprint("panic: ", v)
				}
			}()
			return f.answerTo(ctx, basic)
		}, t.Context(), t.Context(), t.Context())
		want := []result{{Err: "panic: the source is broken"}, {basicHeader, "", 2 * time.Second}, {basicHeader, "", 2 * time.Second}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
	})
}

func TestCallersForDifferentScopesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, after(time.Second, numbered()))
		start, group := time.Now(), sync.WaitGroup{}
		for i := range 10 {
			group.Go(func() {
				name := fmt.Sprint("team/app", i)
				f.accepted(t, on(name), bearer("repository:"+name+":pull"))
			})
		}
		group.Wait()
		if took := time.Since(start); took != time.Second || len(f.all()) != 10 {
			t.Errorf("%d requests took %v", len(f.all()), took)
		}
	})
}

func TestCachedTokensAreFoundByAction(t *testing.T) {
	t.Parallel()
	action := func(a string) auth.Scope { return auth.Scope{Type: "repository", Name: "team/app", Action: a} }
	for _, tt := range []struct {
		rule      string
		scope     auth.Scope
		challenge string // what was answered before
		unasked   auth.Scope
		cached    bool
	}{
		{"a token for pulling is good for deleting", pull, "repository:team/app:pull", action("delete"), true},
		{"a token for deleting is good for pulling", action("delete"), "repository:team/app:delete", action("pull"), true},
		{"a token for pushing is good for pulling", action("push"), "repository:team/app:push", action("pull"), true},
		{"a token for pushing is not good for deleting", action("push"), "repository:team/app:push", action("delete"), false},
		{"a token for pulling is not good for pushing", pull, "repository:team/app:pull", action("push"), false},
		{"a token for everything is good for pushing", action("*"), "repository:team/app:*", action("push"), true},
		{"a token is good for what the challenge asked for besides", pull, "repository:team/app:pull,push", action("push"), true},
		{"a token is not good for another repository", pull, "repository:team/app:pull repository:team/lib:pull", on("team/lib"), false},
		{"a token is not good for another type of resource", pull, "repository:team/app:pull", auth.Scope{Type: "registry", Name: "team/app", Action: "pull"}, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, numbered())
			f.accepted(t, tt.scope, bearer(tt.challenge))
			want := "Bearer t0ken2"
			if tt.cached {
				want = "Bearer t0ken1"
			}
			wantHeader(t, f.header(t, tt.unasked), want)
		})
	}
}

func TestCachedTokensAreReplaced(t *testing.T) {
	t.Parallel()
	wantCached := func(t *testing.T, f *fixture, want int) {
		t.Helper()
		if headers, _ := f.Cached(pull); headers != want {
			t.Errorf("%d cached headers, want %d", headers, want)
		}
	}
	t.Run("a refused token is dropped, and only that one", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		push := auth.Scope{Type: "repository", Name: "team/app", Action: "push"}
		f.accepted(t, push, bearer("repository:team/app:push"))
		wantCached(t, f, 2)
		z := f.For(pull)
		if _, err := z.Header(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantHeader(t, answer(t, &z, bearer("repository:team/app:pull")), "Bearer t0ken2") // which allows pulling as well
		wantCached(t, f, 1)
		f.wantScopes(t, "GET repository:team/app:pull,delete", "GET repository:team/app:push,pull")
	})
	t.Run("a token that was refused at once is not offered to the next request", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		z := f.For(pull)
		answer(t, &z, bearer("repository:team/app:pull"))
		wantCached(t, f, 1)
		answer(t, &z, bearer("repository:team/app:pull"))
		wantCached(t, f, 0)
	})
	t.Run("a token that allows more replaces one that allows less", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		f.accepted(t, auth.Scope{Type: "repository", Name: "team/app", Action: "push"}, bearer("repository:team/app:delete"))
		wantCached(t, f, 1)
	})
	t.Run("tokens that have expired are dropped when another is cached", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, numbered())
			for i := range 5 {
				f.accepted(t, pull, bearer(fmt.Sprintf("repository:team/app:pull,extra%d", i)))
				<-time.After(time.Minute)
			}
			wantCached(t, f, 1)
		})
	})
	t.Run("tokens for more than 4,096 resources are not cached", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, reply(200, `{"token":"t0ken"}`))
		f.accepted(t, ping, bearer(""))
		for i := range auth.MaxCached {
			f.header(t, on(fmt.Sprint("app", i)))
		}
		if _, resources := f.Cached(pull); resources != auth.MaxCached {
			t.Errorf("%d resources, want %d", resources, auth.MaxCached)
		}
		if headers, _ := f.Cached(on(fmt.Sprint("app", auth.MaxCached-1))); headers != 1 {
			t.Error("the latest token is not cached")
		}
	})
}

// A registry may want tokens for some requests and Basic for others: what answers
// one does not answer the other, not even while it is being fetched.
func TestHeadersOfOneSchemeDoNotAnswerAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, after(time.Second, numbered()))
		var group sync.WaitGroup
		group.Go(func() { f.answerTo(t.Context(), bearer("repository:team/app:pull")) })
		synctest.Wait()
		if got := f.answerTo(t.Context(), basic); got.Header != basicHeader {
			t.Errorf("Basic is answered with %q while a token is fetched", got.Header)
		}
		group.Wait()
		if got := f.answerTo(t.Context(), basic); got.Header != basicHeader {
			t.Errorf("Basic is answered with %q", got.Header)
		}
		if got := f.answerTo(t.Context(), bearer("repository:team/app:pull")); got.Header != "Bearer t0ken1" {
			t.Errorf("Bearer is answered with %q", got.Header)
		}
	})
}
