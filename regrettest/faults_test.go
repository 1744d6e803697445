package regrettest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// overBoth runs a test over a socket and without one.
func overBoth(t *testing.T, test func(t *testing.T, c *client)) {
	t.Helper()
	t.Run("over a socket", func(t *testing.T) {
		t.Parallel()
		test(t, serve(t))
	})
	t.Run("as a transport", func(t *testing.T) {
		t.Parallel()
		test(t, connect(t))
	})
}

func TestInject(t *testing.T) {
	t.Parallel()
	teapot := regrettest.Respond(http.StatusTeapot, "", "")
	t.Run("applies to as many requests as it says", func(t *testing.T) {
		t.Parallel()
		c := connect(t)
		c.reg.Inject(2, "GET", "/v2/", teapot)
		for _, want := range []int{418, 418, 200} {
			c.do("GET", "/v2/", "").want(want)
		}
		c.reg.Inject(0, "", "/v2/", teapot)
		for range 3 {
			c.do("HEAD", "/v2/", "").want(418)
		}
	})
	t.Run("applies to requests with the method and the whole path", func(t *testing.T) {
		t.Parallel()
		for _, test := range []struct {
			method, path string
			want         bool
		}{
			{"GET", "/v2/a/tags/list", true},
			{"", "/v2/a/tags/list", true},
			{"HEAD", "/v2/a/tags/list", false},
			{"GET", "/v2/a/tags", false},
			{"GET", "/v2/a/", false},
			{"GET", "/v2/*", true},
			{"GET", "*/list", true},
			{"GET", "/v2/*/tags/*", true},
			{"GET", "/v2/*/tags", false},
			{"GET", "*", true},
			{"GET", "", false},
			{"GET", "/v2/a/tags/list?n=1", false},
		} {
			c := connect(t)
			c.reg.Inject(1, test.method, test.path, teapot)
			resp := c.do("GET", "/v2/a/tags/list?n=1", "")
			if got := resp.StatusCode == http.StatusTeapot; got != test.want {
				t.Errorf("%q %q applies: %t", test.method, test.path, got)
			}
		}
	})
	t.Run("leaves requests alone if the fault is nil", func(t *testing.T) {
		t.Parallel()
		c := connect(t, nil)
		c.reg.Inject(1, "GET", "*", teapot)
		c.reg.Inject(1, "GET", "*", nil)
		for _, want := range []int{200, 418, 200} {
			c.do("GET", "/v2/", "").want(want)
		}
	})
	t.Run("of several, the last applies until it is used up", func(t *testing.T) {
		t.Parallel()
		c := connect(t)
		c.reg.Inject(1, "GET", "*", teapot)
		c.reg.Inject(1, "GET", "*", regrettest.Respond(http.StatusBadGateway, "", ""))
		for _, want := range []int{502, 418, 200} {
			c.do("GET", "/v2/", "").want(want)
		}
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const path = "/v2/a/manifests/v1"
	lost := func(t *testing.T, c *client, fault regrettest.Fault, want string, gone bool) {
		t.Helper()
		c.reg.PutImage("a", regrettest.Image{}, "v1")
		c.reg.Inject(1, "DELETE", path, fault)
		if _, err := c.send("DELETE", path, ""); err == nil {
			t.Error("there was a response")
		}
		if diff := cmp.Diff(want, c.reg.Requests()[0].String()); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		if _, ok := c.reg.Tags("a")["v1"]; ok == gone {
			t.Errorf("the tag is there: %t", ok)
		}
	}
	t.Run("a lost request has no effect", func(t *testing.T) {
		t.Parallel()
		overBoth(t, func(t *testing.T, c *client) {
			lost(t, c, regrettest.LoseRequest(), "DELETE "+path+" 0 lost", false)
		})
	})
	t.Run("a request whose response is lost has its effect", func(t *testing.T) {
		t.Parallel()
		overBoth(t, func(t *testing.T, c *client) {
			lost(t, c, regrettest.LoseResponse(), "DELETE "+path+" 202 lost", true)
		})
	})
	t.Run("a lost response can be that of a fault around it", func(t *testing.T) {
		t.Parallel()
		c := connect(t)
		lost(t, c, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			regrettest.LoseResponse()(w, req, http.HandlerFunc(next.ServeHTTP))
		}, "DELETE "+path+" 0 lost", true)
	})
	t.Run("a request that hangs ends with the client's patience", func(t *testing.T) {
		t.Parallel()
		overBoth(t, func(t *testing.T, c *client) {
			c.reg.PutImage("a", regrettest.Image{}, "v1")
			ctx, cancel := context.WithCancel(t.Context())
			c.reg.Inject(1, "DELETE", path, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
				cancel()
				regrettest.Hang()(w, req, next)
			})
			req, err := http.NewRequestWithContext(ctx, "DELETE", c.base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.http.Do(req); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			c.do("GET", path, "").want(200)
		})
	})
	t.Run("a response has a status and a code, or no body", func(t *testing.T) {
		t.Parallel()
		overBoth(t, func(t *testing.T, c *client) {
			c.reg.PutImage("a", regrettest.Image{}, "v1")
			c.reg.Inject(1, "DELETE", path, regrettest.Respond(http.StatusForbidden, "DENIED", `not "here"`))
			c.reg.Inject(1, "GET", path, regrettest.Respond(http.StatusBadGateway, "", "unused"))
			c.do("DELETE", path, "").want(403, "Content-Type", "application/json").
				wantBody(`{"errors":[{"code":"DENIED","message":"not \"here\""}]}` + "\n")
			c.do("GET", path, "").want(502).wantBody("")
			c.do("GET", path, "").want(200)
		})
	})
	t.Run("a throttled request says how many seconds to wait", func(t *testing.T) {
		t.Parallel()
		for wait, want := range map[time.Duration]string{-time.Second: "0", 0: "0", 1: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Hour: "3600"} {
			c := connect(t)
			c.reg.Inject(1, "GET", "/v2/", regrettest.Throttle(wait))
			c.do("GET", "/v2/", "").want(429, "Retry-After", want).wantCode(429, "TOOMANYREQUESTS")
		}
	})
	t.Run("a function may change what the registry responds", func(t *testing.T) {
		t.Parallel()
		overBoth(t, func(t *testing.T, c *client) {
			c.reg.PutImage("a", regrettest.Image{}, "v1")
			c.reg.Inject(1, "GET", path, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
				w.Header().Set("X-Before", "yes")
				next.ServeHTTP(w, req)
				io.WriteString(w, "")
			})
			c.do("GET", path, "").want(200, "X-Before", "yes")
			if got := c.reg.Requests(); len(got) != 1 || !strings.HasSuffix(got[0].String(), " 200") {
				t.Errorf("requests %v", got)
			}
		})
	})
}
