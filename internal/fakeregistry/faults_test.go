package fakeregistry_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestLostResponsesTakeEffect(t *testing.T) {
	t.Parallel()
	overBothTransports(t, nil, func(t *testing.T, c *client) {
		image := c.reg.PutImage("a", "x", "v1")
		path := "/v2/a/manifests/" + image.Digest.String()
		c.reg.Intercept(1, fakeregistry.On("DELETE", "/v2/"), c.reg.LoseResponse())
		if _, err := c.send("DELETE", path, ""); err == nil {
			t.Error("a response arrived")
		}
		if c.reg.HasManifest("a", image.Digest) {
			t.Error("the manifest was not deleted")
		}
		if diff := cmp.Diff([]string{"DELETE " + path + " 202 lost"}, logLines(c.reg.Requests())); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		c.do("DELETE", path, "").want(t, 404)
	})
}

func TestLostRequestsHaveNoEffect(t *testing.T) {
	t.Parallel()
	overBothTransports(t, nil, func(t *testing.T, c *client) {
		image := c.reg.PutImage("a", "x", "v1")
		path := "/v2/a/manifests/" + image.Digest.String()
		c.reg.Intercept(1, fakeregistry.On("DELETE", "/v2/"), c.reg.LoseRequest())
		if _, err := c.send("DELETE", path, ""); err == nil {
			t.Error("a response arrived")
		}
		if !c.reg.HasManifest("a", image.Digest) {
			t.Error("the manifest was deleted")
		}
		if diff := cmp.Diff([]string{"DELETE " + path + " 0 lost"}, logLines(c.reg.Requests())); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		c.do("DELETE", path, "").want(t, 202)
	})
}

func TestDroppedConnectionsAreNetworkErrors(t *testing.T) {
	t.Parallel()
	c := newRoundTripClient(t)
	for _, test := range []struct {
		name  string
		fault func(http.ResponseWriter, *http.Request) bool
		op    string
		errno error
		log   int
	}{
		{"a lost response resets the connection", c.reg.LoseResponse(), "read", syscall.ECONNRESET, 1},
		{"a lost request resets the connection", c.reg.LoseRequest(), "read", syscall.ECONNRESET, 1},
		{"a refused connection is a failed dial, and the request is not logged", fakeregistry.Refuse(), "dial", syscall.ECONNREFUSED, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.reg.ResetLog()
			c.reg.Intercept(1, fakeregistry.On("", "/"), test.fault)
			_, err := c.send("PUT", "/v2/a/manifests/v1", "body")
			op, ok := errors.AsType[*net.OpError](err)
			if !ok || op.Op != test.op || !errors.Is(err, test.errno) {
				t.Errorf("error %v, want %s: %v", err, test.op, test.errno)
			}
			if got := c.reg.Requests(); len(got) != test.log {
				t.Errorf("log %v, want %d entries", logLines(got), test.log)
			}
		})
	}
}

func TestRefuseOverASocketDropsTheConnection(t *testing.T) {
	t.Parallel()
	overBothTransports(t, nil, func(t *testing.T, c *client) {
		c.reg.Intercept(1, fakeregistry.On("", "/"), fakeregistry.Refuse())
		if _, err := c.send("DELETE", "/v2/a/manifests/v1", ""); err == nil {
			t.Error("a response arrived")
		}
		if got := c.reg.Requests(); len(got) != 0 {
			t.Errorf("log %v, want none", logLines(got))
		}
	})
}

func TestDripSendsAChunkAtEachInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := fakeregistry.New()
		reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Drip(503, map[string]string{"Retry-After": "1"}, "ab", 10*time.Second))
		start := time.Now()
		resp, err := roundTripGet(t, reg, t.Context(), "http://r/v2/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || resp.ContentLength != -1 {
			t.Errorf("response %v", resp)
		}
		body := make([]byte, 7)
		if _, err := io.ReadFull(resp.Body, body); err != nil || string(body) != "abababa" {
			t.Errorf("body %q, %v", body, err)
		}
		if d := time.Since(start); d != 30*time.Second {
			t.Errorf("took %v, want 30s", d)
		}
	})
}

func TestFloodNeverEnds(t *testing.T) {
	t.Parallel()
	overBothTransports(t, nil, func(t *testing.T, c *client) {
		for want, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{
			strings.Repeat("a", 1<<20):                      fakeregistry.Flood(200, nil),
			strings.Repeat("xy", 1<<19):                     fakeregistry.Flood(200, nil, "xy"),
			"<" + strings.Repeat("0123456789abcdef", 1<<16): fakeregistry.Flood(200, nil, "<", "0123456789abcdef"),
		} {
			c.reg.Intercept(1, fakeregistry.On("GET", "/"), fault)
			resp, err := roundTripGet(t, c.http.Transport, t.Context(), c.base+"/v2/")
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want))
			if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
				t.Errorf("body %.20q…, %v; want %.20q…", got, err, want)
			}
			resp.Body.Close()
		}
		c.reg.Intercept(2, fakeregistry.On("HEAD", "/"), fakeregistry.Flood(200, nil))
		c.do("HEAD", "/v2/", "").want(t, 200).wantBody(t, "")
	})
}

func TestHangEndsWithTheRequestContext(t *testing.T) {
	t.Parallel()
	overBothTransports(t, nil, func(t *testing.T, c *client) {
		arrived := make(chan struct{})
		c.reg.Intercept(1, fakeregistry.On("", "/"), func(w http.ResponseWriter, req *http.Request) bool {
			close(arrived)
			return fakeregistry.Hang()(w, req)
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		if _, err := roundTripGet(t, c.http.Transport, ctx, c.base+"/v2/"); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want canceled", err)
		}
	})
}

func TestTruncatedBodyIsUnexpectedEOF(t *testing.T) {
	t.Parallel()
	overBothTransports(t, nil, func(t *testing.T, c *client) {
		for name, handler := range map[string]func(http.ResponseWriter, *http.Request) bool{
			"shorter than announced": func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Length", "100")
				_, err := io.WriteString(w, "some")
				return err == nil
			},
			"connection dropped in the middle": func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Length", "100")
				if _, err := io.WriteString(w, "some"); err != nil {
					t.Error(err)
				}
				w.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			},
		} {
			c.reg.Intercept(1, fakeregistry.On("", "/"), handler)
			resp, err := c.send("GET", "/v2/", "")
			if resp.body != "some" || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: body %q, error %v; want some and an unexpected EOF", name, resp.body, err)
			}
		}
	})
}
