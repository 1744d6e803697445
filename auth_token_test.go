package regret_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestTokenFields(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"token":                               `{"token":"t0ken"}`,
		"access_token, the name in OAuth 2.0": `{"access_token":"t0ken"}`,
		"token before access_token":           `{"access_token":"other","token":"t0ken"}`,
		"access_token beside an empty token":  `{"access_token":"t0ken","token":""}`,
		"access_token beside a null token":    `{"access_token":"t0ken","token":null}`,
	} {
		t.Run("the token is read from "+name, func(t *testing.T) {
			t.Parallel()
			var sent string
			c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				if req.URL.Path == "/token" {
					return respond(req, 200, body), nil
				}
				if sent = req.Header.Get("Authorization"); sent != "" {
					return respond(req, 200, "{}"), nil
				}
				return respond(req, 401, "", "WWW-Authenticate", `Bearer realm="`+registryURL+`/token"`), nil
			}))
			wantErr(t, c.Ping(t.Context()))
			if sent != "Bearer t0ken" {
				t.Errorf("Authorization %q, want %q", sent, "Bearer t0ken")
			}
		})
	}
}

func TestTokenLifetime(t *testing.T) {
	t.Parallel()
	const least, most = time.Minute, time.Hour
	tests := []struct {
		name, expires string
		want          time.Duration
	}{
		{"absent means one minute", "", least},
		{"null means a minute", `"expires_in":null`, least},
		{"zero means a minute", `"expires_in":0`, least},
		{"negative means a minute (C28)", `"expires_in":-3600`, least},
		{"less than a minute means a minute", `"expires_in":10`, least},
		{"a word means a minute", `"expires_in":"soon"`, least},
		{"a boolean means a minute", `"expires_in":true`, least},
		{"an array means a minute", `"expires_in":[3600]`, least},
		{"a number beyond float64 means a minute", `"expires_in":1e999`, least},
		{"five minutes are five minutes", `"expires_in":300`, 5 * time.Minute},
		{"a fraction of a second is dropped", `"expires_in":300.9`, 5 * time.Minute},
		{"a string of digits is a number", `"expires_in":"300"`, 5 * time.Minute},
		{"a day means an hour", `"expires_in":86400`, most},
		{"a huge number means an hour", `"expires_in":1e300`, most},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
					if req.URL.Path == "/token" {
						requests++
						return respond(req, 200, strings.Replace(`{"token":"t0ken",`+tt.expires+`}`, ",}", "}", 1)), nil
					}
					if req.Header.Get("Authorization") != "" {
						return respond(req, 200, "{}"), nil
					}
					return respond(req, 401, "", "WWW-Authenticate", `Bearer realm="`+registryURL+`/token"`), nil
				}))
				start := time.Now()
				for _, step := range []struct {
					after    time.Duration
					requests int
				}{{0, 1}, {tt.want - 10*time.Second - 1, 1}, {tt.want - 10*time.Second, 2}} {
					<-time.After(step.after - time.Since(start))
					wantErr(t, c.Ping(t.Context()))
					if requests != step.requests {
						t.Errorf("%d token requests after %s, want %d", requests, step.after, step.requests)
					}
				}
			})
		})
	}
}

func TestExpiredTokenIsReplacedBeforeUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(fakeregistry.WithTokenExpiry(5 * time.Minute))
		c := p.client(t)
		dgst, err := c.ResolveDigest(t.Context(), repo, "v1")
		wantErr(t, err)
		<-time.After(5*time.Minute - 9*time.Second)
		p.Network.ResetLog()
		wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
		if diff := cmp.Diff([]string{"GET auth 200", "DELETE registry 202"}, traffic(p.Network)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestTokenServiceRetryAfter(t *testing.T) {
	t.Parallel()
	t.Run("a token request that precedes all requests to the registry waits for Retry-After", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPlatform()
			c := p.client(t)
			wantErr(t, resolve(t, c))
			p.registry.PutImage("team/other", "hello", "v1")
			p.tokens.Intercept(2, fakeregistry.On("", "/"), fakeregistry.Answer(429, map[string]string{"Retry-After": "7"}, ""))
			start := time.Now()
			_, err := c.ResolveDigest(t.Context(), "team/other", "v1")
			wantErr(t, err)
			if took := time.Since(start); took != 14*time.Second {
				t.Errorf("it took %s, want 14s", took)
			}
		})
	})
	t.Run("all callers wait for it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPlatform()
			c := p.client(t)
			wantErr(t, resolve(t, c))
			for _, name := range []string{"team/other", "team/third"} {
				p.registry.PutImage(name, "hello", "v1")
			}
			p.tokens.Intercept(1, fakeregistry.On("", "/"), fakeregistry.Answer(429, map[string]string{"Retry-After": "7"}, ""))
			start := time.Now()
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := c.ResolveDigest(t.Context(), "team/other", "v1")
				wantErr(t, err)
			})
			<-time.After(time.Second)
			_, err := c.ResolveDigest(t.Context(), "team/third", "v1")
			wantErr(t, err)
			if took := time.Since(start); took != 7*time.Second {
				t.Errorf("it took %s, want 7s", took)
			}
			wg.Wait()
		})
	})
	t.Run("a wait beyond the deadline is not begun", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPlatform()
			p.tokens.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(503, map[string]string{"Retry-After": "30"}, ""))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			start := time.Now()
			_, err := p.client(t).ResolveDigest(ctx, repo, "v1")
			e := wantErr(t, err, regret.ErrUnavailable)
			if e.RetryAfter != 30*time.Second || time.Since(start) != 0 {
				t.Errorf("the call returned after %s with a Retry-After of %s: %v", time.Since(start), e.RetryAfter, err)
			}
		})
	})
}

func TestTokenServiceRetryAfterForAnonymousToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens := fakeregistry.NewTokenService("https://auth.example.com/token", host,
			fakeregistry.WithAnonymous(fakeregistry.Allow("*", "pull", "delete")))
		tokens.Intercept(2, fakeregistry.On("", "/"), withRetryAfter(429, "7")(nil))
		reg := fakeregistry.New(fakeregistry.WithTokenAuth(tokens))
		reg.PutImage(repo, "hello", "v1")
		network := fakeregistry.NewNetwork()
		network.Handle("https://"+host, reg)
		network.Handle("https://auth.example.com", tokens)
		c := newClient(t, network, withConstantWait(time.Second), regret.WithTrustedRealm("https://auth.example.com"))
		wantDuration(t, 14*time.Second, func() {
			_, err := c.ResolveDigest(t.Context(), repo, "v1")
			wantErr(t, err)
		})
		if n := len(tokens.Requests()); n != 3 {
			t.Errorf("%d token requests, want 3", n)
		}
	})
}

func TestTokenIsFetchedOverOnlyConnection(t *testing.T) {
	t.Parallel()
	var srv *httptest.Server
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path == "/token":
			fmt.Fprint(w, `{"token":"abcdefgh"}`)
		case req.Header.Get("Authorization") == "":
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+srv.URL+`/token",scope="repository:team/app:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`)
		default:
			fmt.Fprint(w, `{"name":"team/app","tags":["v1"]}`)
		}
	}))
	t.Cleanup(srv.Close)
	c := newClientOf(t, srv.URL, &http.Transport{MaxConnsPerHost: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // the call would hang if the 401 kept the connection
	defer cancel()
	for _, err := range c.Tags(ctx, repo) {
		if err != nil {
			t.Fatal(err)
		}
	}
}
