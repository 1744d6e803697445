package command_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// accept pretends to have deleted something.
func accept(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.WriteHeader(http.StatusAccepted)
}

const anyManifest = "/v2/" + app + "/manifests/*"

// TestRegistriesThatLie checks that nothing that is still there is called deleted, and that nothing
// is taken for gone, or for all, that is not.
func TestRegistriesThatLie(t *testing.T) {
	t.Parallel()
	t.Run("a deletion without effect", func(t *testing.T) {
		t.Parallel()
		for _, args := range [][]string{
			{"apply", "plan.json"}, {"rm", "pr-0", "--yes"}, {"untag", "pr-0"}, {"rm", "pr-0", "--manifest-only", "--yes"},
		} {
			fake, s := onFake(t, "spec")
			sh := fakePullRequests(t, fake, s, 3)
			fake.Inject(0, http.MethodDelete, anyManifest, accept)
			if args[0] != "apply" {
				args[1] = s.name() + ":" + args[1]
			}
			got := finish(t, sh.command(t, args...))
			if got.code != 3 && got.code != 7 {
				t.Errorf("%q: the code is %d:\n%s%s", args, got.code, got.stdout, got.stderr)
			}
			if n := len(fake.Tags(app)); n != 4 {
				t.Errorf("%q: %d tags", args, n)
			}
		}
	})
	t.Run("a list that never ends", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		sh := fakePullRequests(t, fake, s, 3)
		fake.Inject(0, http.MethodGet, "/v2/"+app+"/tags/list", func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			w.Header().Set("Link", `<`+req.URL.Path+`?n=1&last=pr-0>; rel="next"`)
			next.ServeHTTP(w, req)
		})
		for _, args := range [][]string{
			{"plan", s.name(), "-p", "policy.json"}, {"rm", s.name() + ":pr-0", "--yes"}, {"apply", "plan.json"}, {"ls", s.name(), "-o", "json"},
		} {
			got := sh.want(t, 6, args...)
			if strings.Contains(got.stdout, "]}") {
				t.Errorf("%q prints a whole list: %s", args, got.stdout)
			}
		}
		wantWrites(t, fake, 0)
	})
	t.Run("other bytes than those of the digest", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		sh := fakePullRequests(t, fake, s, 3)
		fake.Inject(0, http.MethodGet, anyManifest, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			_, _ = w.Write([]byte(`{"schemaVersion":2,"config":{},"layers":[]}`))
		})
		if got := finish(t, sh.command(t, "apply", "plan.json")); got.code == 0 {
			t.Errorf("the code is 0:\n%s", got.stdout)
		}
		wantWrites(t, fake, 0)
	})
	t.Run("names with control sequences", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		sh := fakePullRequests(t, fake, s, 1)
		fake.Inject(0, http.MethodDelete, anyManifest, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("{\"errors\":[{\"code\":\"DENIED\",\"message\":\"\\u001b[2Jnothing happened\\u001b]0;title\\u0007\\r\\n\\u202e\"}]}"))
		})
		for _, args := range [][]string{{"apply", "plan.json"}, {"untag", s.name() + ":pr-0"}, {"rm", s.name() + ":pr-0", "--yes", "-v"}} {
			got := finish(t, sh.command(t, args...))
			if got.code != 4 || strings.ContainsAny(got.stdout+got.stderr, "\x1b\a\r\u202e") {
				t.Errorf("%q: code %d, %q", args, got.code, got.stdout+got.stderr)
			}
		}
	})
}

// TestRegistriesThatThrottle checks that the command waits as long as it is told, and goes on.
func TestRegistriesThatThrottle(t *testing.T) {
	t.Parallel()
	t.Run("for a moment", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		sh := fakePullRequests(t, fake, s, 5)
		var requests atomic.Int64
		throttle := regrettest.Throttle(time.Second)
		fake.Inject(0, "", "/v2/*", func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			if requests.Add(1)%10 == 0 {
				next = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { throttle(w, req, nil) })
			}
			next.ServeHTTP(w, req)
		})
		sh.want(t, 0, "apply", "plan.json")
		wantRelease(t, fake)
	})
	t.Run("for longer than the command may take", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		sh := fakePullRequests(t, fake, s, 3)
		fake.Inject(0, "", "/v2/*", regrettest.Throttle(time.Hour))
		for _, args := range [][]string{
			{"apply", "plan.json"}, {"ls", s.name()}, {"plan", s.name(), "-p", "policy.json"}, {"untag", s.name() + ":pr-0"}, {"rm", s.name() + ":pr-0", "--yes"},
		} {
			got := sh.want(t, 1, append(args, "--timeout", "1s")...)
			says(t, got.stderr, "Error: ")
		}
		fake.Inject(0, "", "/v2/*", nil)
		sh.want(t, 0, "apply", "plan.json")
		wantRelease(t, fake)
	})
	t.Run("it says how many requests are allowed, and the command keeps to that", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		sh := fakePullRequests(t, fake, s, 6)
		began := time.Now()
		sh.want(t, 0, "apply", "plan.json", "--write-rate", "4")
		if took := time.Since(began); took < time.Second {
			t.Errorf("6 deletions at 4 a second took %v", took)
		}
		wantRelease(t, fake)
	})
}

// TestInterruptedCommands stops the other commands that write, and lets them go on.
func TestInterruptedCommands(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method string
		args   func(s *site, undo string) []string
		again  bool // the same command goes on
	}{
		"rm": {http.MethodDelete, func(s *site, _ string) []string {
			return []string{"rm", s.name() + ":pr-0", s.name() + ":pr-1", "--yes"}
		}, false},
		"untag":   {http.MethodDelete, func(s *site, _ string) []string { return []string{"untag", s.name() + ":pr-0", s.name() + ":pr-1"} }, false},
		"restore": {http.MethodPut, func(_ *site, undo string) []string { return []string{"restore", undo} }, true},
		"a policy": {http.MethodDelete, func(s *site, _ string) []string {
			return []string{"apply", "-p", "policy.json", s.name(), "--yes"}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, s := onFake(t, "spec")
			sh := fakePullRequests(t, fake, s, 4)
			undo := ""
			if name == "restore" {
				sh.want(t, 0, "apply", "plan.json")
				undo = sh.undoFolder(t)
			}
			args := append(test.args(s, undo), "-j", "1")
			held := holdUp(t, fake, test.method, anyManifest)
			p := sh.start(t, args...)
			held.await(t)
			p.signal(t, syscall.SIGINT)
			p.stderr.await(t, "Stopping")
			held.release()
			got := p.end(t)
			if got.code != 130 {
				t.Errorf("the code is %d:\n%s%s", got.code, got.stdout, got.stderr)
			}
			if !test.again {
				return
			}
			sh.want(t, 0, args...)
			want := 1
			if name == "restore" {
				want = 5
			}
			if n := len(fake.Tags(app)); n != want {
				t.Errorf("%d tags, want %d", n, want)
			}
		})
	}
}
