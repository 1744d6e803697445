package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/auth"
)

var identity = with(credentials.Credential{Username: "ann", IdentityToken: "r3fresh"})

// presented returns the method of each request and the identity token in it.
func (f *fixture) presented() []string {
	var lines []string
	for _, r := range f.all() {
		lines = append(lines, strings.TrimSpace(r.Method+" "+r.Form.Get("refresh_token")))
	}
	return lines
}

func (f *fixture) wantPresented(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.presented()); diff != "" {
		t.Errorf("identity tokens (-want +got):\n%s", diff)
	}
}

// fetch lets the registry ask for a token for one more repository.
func (f *fixture) fetch(t *testing.T, n int) error {
	t.Helper()
	name := fmt.Sprint("team/app", n)
	z := f.For(on(name))
	_, err := z.Answer(t.Context(), http.StatusUnauthorized, bearer("repository:"+name+":pull"), nil)
	return err
}

// fetchAll does that so many times, and none may fail.
func (f *fixture) fetchAll(t *testing.T, times int) {
	t.Helper()
	for n := range times {
		if err := f.fetch(t, n); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIdentityTokenRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule      string
		scope     auth.Scope
		challenge http.Header
		want      url.Values
	}{
		{"an identity token is sent in a form", pull, bearer("repository:team/app:pull"), url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {"r3fresh"}, "client_id": {"regret"},
			"service": {"the registry"}, "scope": {"repository:team/app:pull,delete"},
		}},
		{"several resources are one scope", pull, bearer("repository:team/lib:pull repository:team/app:pull"), url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {"r3fresh"}, "client_id": {"regret"},
			"service": {"the registry"}, "scope": {"repository:team/lib:pull repository:team/app:pull,delete"},
		}},
		{"service and scope are left out where the challenge has none", ping, challenge(`Bearer realm="` + realm + `"`), url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {"r3fresh"}, "client_id": {"regret"},
		}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, reply(200, `{"access_token":"t0ken"}`), identity)
			wantHeader(t, f.accepted(t, tt.scope, tt.challenge), "Bearer t0ken")
			want := []request{{Method: "POST", URL: realm, Query: url.Values{}, Form: tt.want, Header: http.Header{
				"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"tester/1"}, "Accept-Encoding": {"identity"},
			}}}
			if diff := cmp.Diff(want, f.all()); diff != "" {
				t.Errorf("token requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokenServiceWithoutPost(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 405} {
		t.Run(fmt.Sprintf("a %d leads to a GET with Basic authentication, and is remembered", status), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, inOrder(reply(status, ""), numbered()), identity)
			f.fetchAll(t, 2)
			f.wantPresented(t, "POST r3fresh", "GET", "GET")
			wantHeader(t, f.all()[1].Header.Get("Authorization"), "Basic "+encode("ann:r3fresh"))
		})
	}
	t.Run("the error is that of the GET", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, inOrder(reply(404, ""), reply(401, "")), identity)
		wantFailure(t, failure{Reason: auth.TokenRefused, Method: "GET", URL: realm, StatusCode: 401, Text: "the token service answered 401 Unauthorized"},
			f.refused(t, bearer("repository:team/app:pull")))
	})
	for _, status := range []int{302, 401, 500} {
		t.Run(fmt.Sprintf("a %d does not lead to a GET", status), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, reply(status, ""), identity)
			if got := f.refused(t, bearer("repository:team/app:pull")); got.Method != "POST" || got.StatusCode != status {
				t.Errorf("got %+v", got)
			}
			f.wantPresented(t, "POST r3fresh")
		})
	}
}

func TestIdentityTokensAreRenewed(t *testing.T) {
	t.Parallel()
	// rotate answers with the identity token a0, a1, … in addition to a token.
	rotate := func() handler {
		var next []handler
		for i := range 9 {
			next = append(next, reply(200, fmt.Sprintf(`{"token":"t0ken","refresh_token":"a%d"}`, i)))
		}
		return inOrder(next...)
	}
	renew := reply(200, `{"token":"t0ken","refresh_token":"r3newed"}`)
	for _, tt := range []struct {
		rule   string
		handle handler
		want   []string // identity tokens of one request after the other
	}{
		{"a token that is not replaced is used again", numbered(), []string{"POST r3fresh", "POST r3fresh"}},
		{"a token that is returned is used again", reply(200, `{"token":"t0ken","refresh_token":"r3fresh"}`), []string{"POST r3fresh", "POST r3fresh"}},
		{"the next request uses the new token", rotate(), []string{"POST r3fresh", "POST a0", "POST a1"}},
		{"a new token that stays is used again", renew, []string{"POST r3fresh", "POST r3newed", "POST r3newed"}},
		{"a new token that is refused is dropped", inOrder(renew, reply(400, `{"error":"invalid_grant"}`), numbered()), []string{"POST r3fresh", "POST r3newed", "POST r3fresh"}},
		{"a new token that is not authorized is dropped", inOrder(renew, reply(401, ""), numbered()), []string{"POST r3fresh", "POST r3newed", "POST r3fresh"}},
		{"a new token is kept when the service fails", inOrder(renew, reply(500, ""), numbered()), []string{"POST r3fresh", "POST r3newed", "POST r3newed"}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, tt.handle, identity)
			for n := range tt.want {
				if err := f.fetch(t, n); err != nil {
					failureOf(t, err)
				}
			}
			f.wantPresented(t, tt.want...)
		})
	}
	t.Run("a new token is kept when the scope is refused", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, inOrder(renew, reply(400, `{"error":"invalid_scope"}`), numbered()), identity)
		f.fetchAll(t, 2)
		f.wantPresented(t, "POST r3fresh", "POST r3newed", "POST r3newed")
	})
	t.Run("each token of the source has its own successor", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, rotate(), source(func(n int) (credentials.Credential, error) {
			return credentials.Credential{IdentityToken: []string{"first", "second"}[n%2]}, nil
		}))
		f.fetchAll(t, 4)
		f.wantPresented(t, "POST second", "POST first", "POST a0", "POST a1")
	})
	t.Run("the successors of more than 1,024 tokens are dropped", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, renew, source(func(n int) (credentials.Credential, error) {
			return credentials.Credential{IdentityToken: fmt.Sprint("id3ntity", (n-1)%(auth.MaxRenewed+1))}, nil
		}))
		f.fetchAll(t, auth.MaxRenewed+2)
		got := f.presented()
		if want := []string{"POST id3ntity0", "POST id3ntity0"}; got[0] != want[0] || got[len(got)-1] != want[1] {
			t.Errorf("got %s and at last %s, want %s", got[0], got[len(got)-1], want)
		}
	})
}

// An identity token may be good for one use, and some services take a second use for theft.
func TestIdentityTokensAreUsedOneAtATime(t *testing.T) {
	t.Parallel()
	t.Run("each caller uses the successor", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var next []handler
			for i := range 5 {
				next = append(next, after(time.Second, reply(200, fmt.Sprintf(`{"token":"t0ken","refresh_token":"a%d"}`, i))))
			}
			f := newFixture(t, inOrder(next...), identity)
			start, group := time.Now(), sync.WaitGroup{}
			for n := range 5 {
				group.Go(func() {
					if err := f.fetch(t, n); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			f.wantPresented(t, "POST r3fresh", "POST a0", "POST a1", "POST a2", "POST a3")
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("a caller waits until its own deadline, and then sends nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, after(10*time.Second, numbered()), identity)
			n := 0
			got := callers(func(ctx context.Context) result {
				n++
				z, start := f.For(on(fmt.Sprint("app", n))), time.Now()
				header, err := z.Answer(ctx, http.StatusUnauthorized, bearer(""), nil)
				r := result{Header: header, After: time.Since(start)}
				if err != nil {
					r.Err = err.Error()
				}
				return r
			}, t.Context(), within(t, 3*time.Second))
			want := []result{{"Bearer t0ken1", "", 10 * time.Second}, {"", "context deadline exceeded", 3 * time.Second}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			f.wantPresented(t, "POST r3fresh")
		})
	})
	t.Run("a panic passes the turn on", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, inOrder(func(*http.Request) (*http.Response, error) { panic("broken") }, numbered()), identity)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("it did not panic")
				}
			}()
			t.Error(f.fetch(t, 0))
		}()
		if err := f.fetch(t, 1); err != nil {
			t.Error(err)
		}
	})
}
