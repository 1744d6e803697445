package regrettest_test

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

	"github.com/seed-8cb7cc86/regret/regrettest"
)

func TestStart(t *testing.T) {
	t.Parallel()
	t.Run("serves under the URL and the host that the server names", func(t *testing.T) {
		t.Parallel()
		c := serve(t)
		c.reg.PutImage("a", regrettest.Image{}, "v1")
		c.do("GET", "/v2/a/manifests/v1", "").want(200)
		if got := c.reg.Requests(); len(got) != 1 || "http://"+got[0].Host != c.base {
			t.Errorf("requests %v to %s", got, c.base)
		}
	})
	t.Run("ends requests that hang when the server is closed", func(t *testing.T) {
		t.Parallel()
		reg := regrettest.New()
		srv, err := reg.Start()
		if err != nil {
			t.Fatal(err)
		}
		arrived := make(chan struct{})
		reg.Inject(1, "GET", "/v2/", func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			close(arrived)
			regrettest.Hang()(w, req, next)
		})
		c := newClient(t, reg, srv.URL, &http.Transport{DisableKeepAlives: true})
		ended := make(chan error)
		go func() {
			_, err := c.send("GET", "/v2/", "")
			ended <- err
		}()
		<-arrived
		srv.Close()
		srv.Close()
		if err := <-ended; err == nil {
			t.Error("the request got a response")
		}
		if _, err := c.send("GET", "/v2/", ""); err == nil {
			t.Error("the server still responds")
		}
	})
	t.Run("serves the same content as the transport", func(t *testing.T) {
		t.Parallel()
		c := serve(t)
		direct := newClient(t, c.reg, "https://registry.example.com", c.reg)
		c.pushManifest("a", "v1", c.image("a", "x", nil)).want(201)
		direct.do("DELETE", "/v2/a/manifests/v1", "").want(202)
		c.do("GET", "/v2/a/manifests/v1", "").want(404)
	})
}

func TestRegistryIsAHandler(t *testing.T) {
	t.Parallel()
	reg := regrettest.New()
	srv := httptest.NewTLSServer(reg)
	defer srv.Close()
	newClient(t, reg, srv.URL, srv.Client().Transport).do("GET", "/v2/", "").want(200)
}

func TestRegistryWorksInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, regrettest.WithTokenAuth("ann", "secret"))
		token := tokenFor(c, "ann", "secret", "repository:a:pull")
		c.do("GET", "/v2/a/tags/list", "", "Authorization", token).want(404)
		time.Sleep(5 * time.Minute) // as long as tokens are valid
		c.do("GET", "/v2/a/tags/list", "", "Authorization", token).want(401)

		c.reg.Inject(1, "", "*", regrettest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", c.base+"/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := c.http.Do(req); err == nil || time.Since(start) != time.Hour {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestRequests(t *testing.T) {
	t.Parallel()
	c := connect(t)
	c.reg.PutImage("a", regrettest.Image{}, "v1")
	c.do("GET", "/v2/a/tags/list?n=1", "", "X-Test", "yes")
	c.do("DELETE", "/v2/a/manifests/v1", "")
	c.do("POST", "/v2/a%20b/blobs/uploads/", "")
	lines := func(requests []regrettest.Request) (lines []string) {
		for _, r := range requests {
			lines = append(lines, r.String())
		}
		return lines
	}
	want := []string{"GET /v2/a/tags/list?n=1 200", "DELETE /v2/a/manifests/v1 202", "POST /v2/a%20b/blobs/uploads/ 400"}
	if diff := cmp.Diff(want, lines(c.reg.Requests())); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[1:], lines(c.reg.Writes())); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	first := c.reg.Requests()[0]
	if first.Header.Get("X-Test") != "yes" || first.Host != "registry.example.com" || first.Query != "n=1" || first.Status != 200 {
		t.Errorf("first request: %#v", first)
	}
	c.reg.ResetRequests()
	if got := len(c.reg.Requests()) + len(c.reg.Writes()); got > 0 {
		t.Errorf("%d requests after the reset", got)
	}
}

func TestBeforeEach(t *testing.T) {
	t.Parallel()
	c := connect(t)
	c.reg.PutImage("a", regrettest.Image{}, "v1", "v2")
	other := newClient(t, c.reg, c.base, c.reg.OtherClient())
	c.reg.Inject(1, "DELETE", "/v2/a/manifests/v1", regrettest.Respond(418, "", ""))
	c.reg.BeforeEach(func(req *http.Request) {
		if req.Method == "GET" {
			other.do("DELETE", "/v2/a/manifests/v1", "").want(202) // not by the fault
		}
	})
	c.do("GET", "/v2/a/manifests/v1", "").want(404)
	if diff := cmp.Diff(1, len(c.reg.Requests())); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	c.reg.BeforeEach(nil)
	c.do("GET", "/v2/a/manifests/v2", "").want(200)
	c.do("DELETE", "/v2/a/manifests/v1", "").want(418)
}

func TestCollectGarbage(t *testing.T) {
	t.Parallel()
	t.Run("is an error that says what to do if there is no such collector", func(t *testing.T) {
		t.Parallel()
		for name, want := range map[string]string{"spec": "give it a profile", "harbor": "gc with delete_untagged"} {
			reg := regrettest.New(regrettest.WithProfile(profile(t, name)))
			if err := reg.CollectGarbage("nope"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("fails as in distribution 2.8 if a repository has never had a tag", func(t *testing.T) {
		t.Parallel()
		reg := regrettest.New(regrettest.WithProfile(profile(t, "distribution-2.8")))
		image := reg.PutImage("a", regrettest.Image{})
		if err := reg.CollectGarbage("garbage-collect --delete-untagged"); err == nil || !strings.Contains(err.Error(), "never had a tag") {
			t.Errorf("error %v", err)
		}
		if !reg.HasManifest("a", image.Digest) {
			t.Error("the manifest is gone")
		}
	})
	t.Run("works with every collector that a profile names", func(t *testing.T) {
		t.Parallel()
		for _, p := range regrettest.Profiles() {
			for _, collector := range append(p.Collectors, "") {
				reg := regrettest.New(regrettest.WithProfile(p))
				image := reg.PutImage("a", regrettest.Image{}, "v1")
				if err := reg.CollectGarbage(collector); err != nil && len(p.Collectors) > 0 || !reg.HasManifest("a", image.Digest) {
					t.Errorf("%s, %q: %v", p.Name, collector, err)
				}
			}
		}
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	t.Run("a read-only registry refuses writes and serves reads", func(t *testing.T) {
		t.Parallel()
		c := connect(t, regrettest.WithReadOnly())
		c.reg.PutImage("a", regrettest.Image{}, "v1")
		c.do("GET", "/v2/a/manifests/v1", "").want(200)
		c.do("DELETE", "/v2/a/manifests/v1", "").want(405)
		c.do("POST", "/v2/a/blobs/uploads/", "").want(405)
	})
	t.Run("an immutable tag cannot be moved or deleted, by any name", func(t *testing.T) {
		t.Parallel()
		c := connect(t, regrettest.WithImmutableTags("v1"), regrettest.WithImmutableTags("v2"))
		image := c.reg.PutImage("a", regrettest.Image{}, "v1", "v2", "v3")
		raw := c.image("a", "new", nil)
		for _, tag := range []string{"v1", "v2"} {
			c.do("DELETE", "/v2/a/manifests/"+tag, "").wantCode(412, "PRECONDITION")
			c.pushManifest("a", tag, raw).wantCode(412, "PRECONDITION")
		}
		c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").wantCode(412, "PRECONDITION")
		c.do("DELETE", "/v2/a/manifests/v3", "").want(202)
	})
	t.Run("a page size limits pages that the client does not limit", func(t *testing.T) {
		t.Parallel()
		c := connect(t, regrettest.WithPageSize(2))
		c.reg.PutImage("a", regrettest.Image{}, "1", "2", "3")
		if diff := cmp.Diff([]string{"1", "2"}, c.do("GET", "/v2/a/tags/list?n=100", "").tags()); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		c.do("GET", "/v2/a/tags/list", "").want(200, "Link", `</v2/a/tags/list?last=2&n=2>; rel="next"`)
	})
	t.Run("options apply before or after the profile", func(t *testing.T) {
		t.Parallel()
		olareg := regrettest.WithProfile(profile(t, "olareg"))
		for _, opts := range [][]regrettest.Option{{olareg, regrettest.WithReadOnly()}, {regrettest.WithReadOnly(), olareg}} {
			connect(t, opts...).do("DELETE", "/v2/a/manifests/v1", "").want(403)
		}
	})
}

func TestRegistryIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	c := serve(t, regrettest.WithTokenAuth("ann", "secret"))
	token := tokenFor(c, "ann", "secret", "repository:a:*")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			tag := fmt.Sprint(i)
			c.reg.PutImage("a", regrettest.Image{Layers: []string{tag}}, tag)
			c.reg.Inject(1, "DELETE", "/v2/a/manifests/"+tag, regrettest.Throttle(0))
			c.do("DELETE", "/v2/a/manifests/"+tag, "", "Authorization", token)
			c.do("DELETE", "/v2/a/manifests/"+tag, "", "Authorization", token)
			c.reg.Requests()
			c.reg.Tags("a")
		})
	}
	group.Wait()
	if got := c.reg.Tags("a"); len(got) > 0 {
		t.Errorf("tags left: %v", got)
	}
}
