package regret_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Registries use several header fields for how long a client must wait.
func TestRateLimitHeaders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule       string
		header     map[string]string
		wait       time.Duration // before the retry, which succeeds
		retryAfter time.Duration // of the error, if the call fails at once
	}{
		{"Retry-After in seconds", map[string]string{"Retry-After": "7"}, 7 * time.Second, 0},
		{"zot: the time until the limit is reset", map[string]string{"Ratelimit-Limit": "2", "Ratelimit-Remaining": "0", "Ratelimit-Reset": "3", "X-Rate-Limit-Duration": "1"}, 3 * time.Second, 0},
		{"Docker Hub: the window of an exhausted limit", map[string]string{"Ratelimit-Limit": "100;w=21600", "Ratelimit-Remaining": "0;w=21600"}, 0, 6 * time.Hour},
		{"a short window of an exhausted limit", map[string]string{"Ratelimit-Remaining": "0;w=20"}, 20 * time.Second, 0},
		{"Keppel: seconds", map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "5"}, 5 * time.Second, 0},
		{"GitHub: a Unix time", map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "946684811"}, 11 * time.Second, 0}, // a bubble of testing/synctest begins in 2000
		{"a limit that is not exhausted is ignored", map[string]string{"Ratelimit-Remaining": "1;w=21600", "X-Ratelimit-Remaining": "9", "X-Ratelimit-Reset": "60"}, 0, 0},
		{"a 429 without any of them", nil, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := fakeregistry.New()
				image := reg.PutImage(repo, "hello", "v1")
				reg.Intercept(1, fakeregistry.On("DELETE", "/"), fakeregistry.Answer(http.StatusTooManyRequests, tt.header, ""))
				start := time.Now()
				err := newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest)
				if took := time.Since(start); took != tt.wait {
					t.Errorf("it took %s, want %s", took, tt.wait)
				}
				if tt.retryAfter == 0 {
					wantErr(t, err)
					return
				}
				if e := wantErr(t, err, regret.ErrRateLimited); e.RetryAfter != tt.retryAfter {
					t.Errorf("retry after %s, want %s", e.RetryAfter, tt.retryAfter)
				}
			})
		})
	}
}

// All requests of a client wait for the rate limit, whichever header field announces it.
func TestRateLimitHoldsBackWholeClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := fakeregistry.New()
		reg.PutImage(repo, "hello", "v1")
		c := newClient(t, reg)
		reg.Intercept(1, fakeregistry.On("HEAD", "/"), fakeregistry.Answer(http.StatusTooManyRequests,
			map[string]string{"Ratelimit-Remaining": "0", "Ratelimit-Reset": "5"}, "Too Many Requests"))
		start := time.Now()
		wantErr(t, resolve(t, c))
		var wg sync.WaitGroup
		reg.Intercept(1, fakeregistry.On("HEAD", "/"), fakeregistry.Answer(http.StatusTooManyRequests,
			map[string]string{"Ratelimit-Remaining": "0;w=9"}, ""))
		for range 8 {
			wg.Go(func() {
				<-time.After(time.Millisecond)
				wantErr(t, resolve(t, c))
				if took := time.Since(start); took < 14*time.Second {
					t.Errorf("a request was sent after %s", took)
				}
			})
		}
		wantErr(t, resolve(t, c))
		wg.Wait()
	})
}

// Some registries send the state of the rate limit with every response. It is not the
// reason why a request fails with another status.
func TestRateLimitHeadersOfOtherFailures(t *testing.T) {
	t.Parallel()
	used := map[string]string{"Ratelimit-Remaining": "0;w=21600"}
	reg := fakeregistry.New()
	dgst := reg.PutImage(repo, "hello", "v1").Digest
	c := newClient(t, reg)
	wantErr(t, resolve(t, c))
	reg.Intercept(1, fakeregistry.On("DELETE", "/"), fakeregistry.Answer(500, used, ""))
	wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
	reg.Intercept(0, fakeregistry.On("", manifestPath("v2")), fakeregistry.Answer(404, used, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`))
	_, err := c.ResolveDigest(t.Context(), repo, "v2")
	if e := wantErr(t, err, regret.ErrNotFound); e.RetryAfter != 0 {
		t.Errorf("the error has a Retry-After of %v, want none", e.RetryAfter)
	}
}
