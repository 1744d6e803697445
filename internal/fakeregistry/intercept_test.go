package fakeregistry_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestOnMatchesMethodAndPath(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method, pattern, request string
		want                     bool
	}{
		{"", "", "GET /v2/", true},
		{"GET", "/v2/", "GET /v2/a/tags/list", true},
		{"GET", "/v2/", "DELETE /v2/a/manifests/v1", false},
		{"", "/v2/b/", "GET /v2/a/tags/list", false},
		{"", "/v2/*/tags/list", "GET /v2/a/b/tags/list", true},
		{"", "/v2/*/tags/list", "GET /v2/a/tags/list/x", false},
		{"", "/v2/*/manifests/*", "GET /v2/a/manifests/v1", true},
		{"", "*/manifests/*:*", "GET /v2/a/manifests/sha256:abc", true},
		{"", "*/manifests/*:*", "GET /v2/a/manifests/v1", false},
		{"", "*a*a", "GET /a", false},
		{"", "*", "GET /", true},
	} {
		t.Run(test.method+" "+test.pattern+" and "+test.request, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(test.request, " ")
			req, err := http.NewRequest(method, "http://r"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := fakeregistry.On(test.method, test.pattern)(req); got != test.want {
				t.Errorf("matches: %v, want %v", got, test.want)
			}
		})
	}
}

func TestInterceptors(t *testing.T) {
	t.Parallel()
	t.Run("respond to n requests and then no more", func(t *testing.T) {
		t.Parallel()
		overBothTransports(t, nil, func(t *testing.T, c *client) {
			c.reg.Intercept(2, fakeregistry.On("GET", "/v2/"), fakeregistry.Errors(503, "UNAVAILABLE", "later"))
			c.do("HEAD", "/v2/", "").want(t, 200)
			c.do("GET", "/v2/", "").wantCodes(t, 503, "UNAVAILABLE").
				wantBody(t, `{"errors":[{"code":"UNAVAILABLE","message":"later"}]}`+"\n")
			c.do("GET", "/v2/", "").want(t, 503)
			c.do("GET", "/v2/", "").want(t, 200)
		})
	})
	t.Run("respond without limit if n is not positive", func(t *testing.T) {
		t.Parallel()
		c := newRoundTripClient(t)
		c.reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(418, map[string]string{"X-Tea": "pot"}, "short"))
		for range 5 {
			c.do("GET", "/v2/", "").want(t, 418, "X-Tea", "pot").wantBody(t, "short")
		}
	})
	t.Run("are called newest first", func(t *testing.T) {
		t.Parallel()
		c := newRoundTripClient(t)
		c.reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(500, nil, ""))
		c.reg.Intercept(1, fakeregistry.On("", "/"), fakeregistry.Answer(429, nil, ""))
		c.do("GET", "/v2/", "").want(t, 429)
		c.do("GET", "/v2/", "").want(t, 500)
	})
	t.Run("count only the requests they respond to", func(t *testing.T) {
		t.Parallel()
		c := newRoundTripClient(t)
		calls := 0
		c.reg.Intercept(1, fakeregistry.On("", "/"), func(w http.ResponseWriter, _ *http.Request) bool {
			calls++
			if calls < 3 {
				return false
			}
			w.WriteHeader(500)
			return true
		})
		for _, want := range []int{200, 200, 500, 200} {
			c.do("GET", "/v2/", "").want(t, want)
		}
	})
	t.Run("can run code after the registry's own response", func(t *testing.T) {
		t.Parallel()
		c := newRoundTripClient(t)
		image := c.reg.PutImage("a", "x", "v1")
		c.reg.Intercept(1, fakeregistry.On("DELETE", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
			c.reg.Serve(w, req)
			c.reg.PutImage("a", "x", "v2") // as if another client pushed right after the deletion
			return true
		})
		c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 202)
		c.do("GET", "/v2/a/manifests/v1", "").want(t, 404)
		c.do("GET", "/v2/a/manifests/v2", "").want(t, 200)
	})
	t.Run("respond to no more than n concurrent requests", func(t *testing.T) {
		t.Parallel()
		c := newRoundTripClient(t)
		c.reg.Intercept(10, fakeregistry.On("", "/"), fakeregistry.Answer(500, nil, ""))
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { c.do("GET", "/v2/", "") })
		}
		group.Wait()
		failed := 0
		for _, r := range c.reg.Requests() {
			if r.Status == 500 {
				failed++
			}
		}
		if failed != 10 {
			t.Errorf("%d failures, want 10", failed)
		}
	})
	t.Run("can respond with a redirect", func(t *testing.T) {
		t.Parallel()
		c := newRoundTripClient(t)
		c.reg.Intercept(1, fakeregistry.On("", "/"), fakeregistry.Redirect(307, "https://elsewhere/v2/"))
		c.do("GET", "/v2/", "").want(t, 307, "Location", "https://elsewhere/v2/").wantBody(t, "")
	})
}

func TestLogRecordsRequests(t *testing.T) {
	t.Parallel()
	overBothTransports(t, nil, func(t *testing.T, c *client) {
		image := c.reg.PutImage("a", "x", "v1")
		c.do("GET", "/v2/a/tags/list?n=1", "", "X-Test", "yes")
		c.do("HEAD", "/v2/a/manifests/v1", "")
		c.do("PUT", "/v2/a/manifests/-", "body")
		c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "")
		want := []string{
			"GET /v2/a/tags/list?n=1 200",
			"HEAD /v2/a/manifests/v1 200",
			"PUT /v2/a/manifests/- 400",
			"DELETE /v2/a/manifests/" + image.Digest.String() + " 202",
		}
		requests := c.reg.Requests()
		if diff := cmp.Diff(want, logLines(requests)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want[2:], logLines(c.reg.Writes())); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
		if got := requests[0]; got.Header.Get("X-Test") != "yes" || got.Scheme+"://"+got.Host != c.base {
			t.Errorf("first request %+v", got)
		}
		if got := string(requests[2].Body); got != "body" {
			t.Errorf("body %q, want the body that the handler did not read", got)
		}
		c.reg.ResetLog()
		if got := c.reg.Requests(); len(got) != 0 {
			t.Errorf("after a reset: %v", got)
		}
	})
}

func TestLogTruncatesLongBodies(t *testing.T) {
	t.Parallel()
	overBothTransports(t, nil, func(t *testing.T, c *client) {
		content := strings.Repeat("0123456789abcdef", 10_000)
		c.do("POST", "/v2/a/blobs/uploads/?digest="+digestOf(content), content).want(t, 201)
		if diff := cmp.Diff(content[:64<<10], string(c.reg.Requests()[0].Body)); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
	})
}

func TestWithoutLogRecordsNothing(t *testing.T) {
	t.Parallel()
	c := newRoundTripClient(t, fakeregistry.WithoutLog())
	c.do("PUT", "/v2/a/manifests/v1", "body")
	if got := c.reg.Requests(); len(got) != 0 {
		t.Errorf("requests %v, want none", got)
	}
}

func logLines(requests []fakeregistry.Request) []string {
	var all []string
	for _, r := range requests {
		all = append(all, r.String())
	}
	return all
}
