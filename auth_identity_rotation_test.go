package regret_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// identityTokenRequests returns every token request in short form, such as "POST A 200".
// The letter identifies the token that was sent; letters are in the order of first use.
func identityTokenRequests(t testing.TB, ts *fakeregistry.TokenService) []string {
	t.Helper()
	names := map[string]string{}
	lines := []string{}
	for _, r := range ts.Requests() {
		token := r.Header.Get("Authorization")
		if r.Method == "POST" {
			form, err := url.ParseQuery(string(r.Body))
			if err != nil {
				t.Fatal(err)
			}
			token = form.Get("refresh_token")
		}
		if _, seen := names[token]; !seen {
			names[token] = string(rune('A' + len(names)))
		}
		lines = append(lines, fmt.Sprintf("%s %s %d", r.Method, names[token], r.Status))
	}
	return lines
}

func TestIdentityTokenRotation(t *testing.T) {
	t.Parallel()
	t.Run("a token that is not replaced is used again", func(t *testing.T) {
		t.Parallel()
		p := newPlatform()
		c, _ := p.identityClient(t)
		for _, name := range []string{"a", "b", "c"} {
			wantErr(t, listTags(t, c, name))
		}
		if diff := cmp.Diff([]string{"POST A 200", "POST A 200", "POST A 200"}, identityTokenRequests(t, p.tokens)); diff != "" {
			t.Errorf("token requests (-want +got):\n%s", diff)
		}
	})
	t.Run("the next request uses the new token", func(t *testing.T) {
		t.Parallel()
		p := newPlatform(fakeregistry.WithRefreshRotation())
		c, _ := p.identityClient(t)
		for _, name := range []string{"a", "b", "c"} {
			wantErr(t, listTags(t, c, name))
		}
		if diff := cmp.Diff([]string{"POST A 200", "POST B 200", "POST C 200"}, identityTokenRequests(t, p.tokens)); diff != "" {
			t.Errorf("token requests (-want +got):\n%s", diff)
		}
	})
	t.Run("tokens of several accounts do not replace each other", func(t *testing.T) {
		t.Parallel()
		p := newPlatform(fakeregistry.WithRefreshRotation())
		first, second := p.tokens.IssueRefreshToken(account), p.tokens.IssueRefreshToken(account)
		c := newClient(t, p, regret.WithTrustedRealm(authURL), regret.WithCredentials(&recordingSource{credentials: []credentials.Credential{
			{IdentityToken: first}, {IdentityToken: second}, {IdentityToken: first},
		}}))
		for _, name := range []string{"a", "b", "c"} {
			wantErr(t, listTags(t, c, name))
		}
		if diff := cmp.Diff([]string{"POST A 200", "POST B 200", "POST C 200"}, identityTokenRequests(t, p.tokens)); diff != "" {
			t.Errorf("token requests (-want +got):\n%s", diff)
		}
	})
	t.Run("a new token that is refused is dropped, and that of the source is used again", func(t *testing.T) {
		t.Parallel()
		p := newPlatform(fakeregistry.WithRefreshRotation())
		c, identity := p.identityClient(t)
		wantErr(t, listTags(t, c, "a"))
		p.tokens.RevokeAll()
		err := c.Untag(t.Context(), "b", "v1")
		wantErr(t, err, regret.ErrUnauthorized, regret.Code("invalid_grant"))
		wantNoSecretInError(t, err, identity)
		wantErr(t, c.Untag(t.Context(), "b", "v1"), regret.ErrUnauthorized)
		if diff := cmp.Diff([]string{"POST A 200", "POST B 400", "POST A 400"}, identityTokenRequests(t, p.tokens)); diff != "" {
			t.Errorf("token requests (-want +got):\n%s", diff)
		}
	})
	t.Run("a refused scope does not drop the new token", func(t *testing.T) {
		t.Parallel()
		p := newPlatform(fakeregistry.WithRefreshRotation())
		c, _ := p.identityClient(t)
		wantErr(t, listTags(t, c, "a"))
		p.tokens.Intercept(1, fakeregistry.On("POST", "/"), fakeregistry.Answer(400, nil, `{"error":"invalid_scope"}`))
		wantErr(t, resolve(t, c))
		if diff := cmp.Diff([]string{"POST A 200", "POST B 400", "POST B 200"}, identityTokenRequests(t, p.tokens)); diff != "" {
			t.Errorf("token requests (-want +got):\n%s", diff)
		}
	})
}

// A token that is valid for one use must not be sent twice, even by concurrent calls:
// some services take that for theft.
func TestConcurrentCallersUseEachIdentityTokenOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(fakeregistry.WithRefreshRotation())
		c, _ := p.identityClient(t)
		p.tokens.Intercept(0, fakeregistry.On("POST", "/"), func(http.ResponseWriter, *http.Request) bool {
			<-time.After(time.Second) // all other calls begin in the meantime
			return false
		})
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() { reportError(t, listTags(t, c, fmt.Sprint("app-", i))) })
		}
		all.Wait()
		lines := identityTokenRequests(t, p.tokens)
		if len(lines) != 16 || len(slices.Compact(slices.Sorted(slices.Values(lines)))) != 16 {
			t.Errorf("token requests: %q, want 16 with different tokens", lines)
		}
	})
}

func TestIdentityTokenWaiterKeepsItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		c, _ := p.identityClient(t)
		p.tokens.Intercept(1, fakeregistry.On("POST", "/"), func(_ http.ResponseWriter, req *http.Request) bool {
			<-req.Context().Done()
			return true
		})
		slow, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		first := make(chan error)
		go func() { first <- c.Untag(slow, repo, "v1") }()
		synctest.Wait()
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		start := time.Now()
		wantErr(t, c.Untag(ctx, "team/other", "v1"), context.DeadlineExceeded)
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v, want its own deadline of one second", took)
		}
		wantErr(t, <-first, context.DeadlineExceeded)
		wantErr(t, resolve(t, c))
	})
}

func TestIdentityTokenTimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		c, _ := p.identityClient(t, regret.WithRetries(regret.Retries{}))
		p.tokens.Intercept(1, fakeregistry.On("POST", "/"), func(_ http.ResponseWriter, req *http.Request) bool {
			<-req.Context().Done()
			return true
		})
		start := time.Now()
		wantErr(t, c.Untag(t.Context(), repo, "v1"), regret.ErrUnavailable)
		if took, want := time.Since(start), regret.DefaultLimits().ReadTimeout; took != want {
			t.Errorf("it took %v, want %v, the read time-out", took, want)
		}
	})
}
