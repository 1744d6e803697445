package command_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// The exit codes, one test each, as the table of the documentation has them.

func TestExit0NothingToDo(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 0)
	got := sh.want(t, 0, "apply", "plan.json")
	says(t, got.stdout, "nothing to do")
	wantWrites(t, fake, 0)
}

func TestExit0Done(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 3)
	says(t, sh.want(t, 0, "apply", "plan.json").stdout, "deleted 3")
	wantRelease(t, fake)
}

func TestExit1FailedOnTheWay(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 3)
	fake.Inject(0, http.MethodDelete, "/v2/"+app+"/manifests/*", regrettest.Respond(http.StatusInternalServerError, "UNKNOWN", "out of order"))
	got := sh.want(t, 1, "apply", "plan.json")
	says(t, got.stdout, "failed")
	fake.Inject(0, http.MethodDelete, "/v2/"+app+"/manifests/*", nil)
	sh.want(t, 0, "apply", "plan.json") // the same command goes on
	wantRelease(t, fake)
}

func TestExit2Usage(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 3)
	sh.write(t, "other.json", `{"regret":"other/1"}`)
	sh.write(t, "truncated.json", sh.read(t, "plan.json")[:200])
	sh.write(t, "wrong.yaml", "version: 1\nremove:\n  - name: unquoted\n    tags: 1.10\n")
	for name, args := range map[string][]string{
		"consent is missing":       {"apply", "-p", "policy.json", s.name()},
		"no argument":              {"apply"},
		"no such flag":             {"apply", "plan.json", "--force"},
		"no such file":             {"apply", "none.json"},
		"the file is no plan":      {"apply", "other.json"},
		"the plan is truncated":    {"apply", "truncated.json"},
		"an unquoted number":       {"plan", s.name(), "-p", "wrong.yaml"},
		"-R is for policies":       {"apply", "plan.json", "-R"},
		"a digest that is no such": {"apply", "plan.json", "--expect", "77ad"},
		"flags that contradict":    {"apply", "plan.json", "-q", "-v"},
		"the archive is a file":    {"apply", "plan.json", "--archive", "plan.json"},
		"rm without consent":       {"rm", s.name() + ":pr-0"},
		"rm of a repository":       {"rm", s.name(), "--yes"},
		"untag of a digest":        {"untag", s.name() + "@sha256:" + strings.Repeat("0", 64)},
		"restore of a file":        {"restore", "plan.json"},
		"a registry without -R":    {"ls", s.host},
		"explain of no image":      {"explain", s.name(), "-p", "policy.json"},
		"trash without consent":    {"trash", "empty", s.name()},
		"a password and no name":   {"ls", s.name(), "--password-stdin"},
		"two registries, one name": {"resolve", s.name() + ":1", "localhost:1/a:1", "--username", "me", "--password-stdin"},
		"a part that is none":      {"apply", "-p", "policy.json", "-R", s.host, "--shard", "4/4", "--yes"},
		"no format":                {"apply", "plan.json", "-o", "yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			got := sh.want(t, 2, args...)
			if got.stdout != "" {
				t.Errorf("stdout is %s", got.stdout)
			}
			says(t, got.stderr, "Error: ")
			if requests := fake.Requests(); len(requests) > 0 {
				t.Errorf("requests were sent: %v", requests)
			}
		})
	}
}

func TestExit3Partial(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec", regrettest.WithImmutableTags("pr-1"))
	sh := fakePullRequests(t, fake, s, 3)
	got := sh.want(t, 3, "apply", "plan.json")
	says(t, got.stdout, "deleted 2", "refused 1", "pr-1")
	if tags := fake.Tags(app); len(tags) != 2 || tags["pr-1"] == "" {
		t.Errorf("the tags are %v", tags)
	}
}

func TestExit4NotAllowed(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]regrettest.Option{
		"deletion is disabled": {regrettest.WithDeleteDisabled()},
		"it is read-only":      {regrettest.WithReadOnly()},
		"all are immutable":    {regrettest.WithImmutableTags("pr-0", "pr-1", "pr-2")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, s := onFake(t, "spec", options...)
			sh := fakePullRequests(t, fake, s, 3)
			sh.want(t, 4, "apply", "plan.json", "-j", "1")
			if n := len(fake.Tags(app)); n != 4 {
				t.Errorf("%d tags are left", n)
			}
		})
	}
}

func TestExit5NotFound(t *testing.T) {
	t.Parallel()
	_, s := onFake(t, "spec")
	sh := newShell(t)
	for _, args := range [][]string{{"resolve", s.name() + ":none"}, {"ls", s.name()}} {
		got := sh.want(t, 5, args...)
		if got.stdout != "" {
			t.Errorf("stdout is %s", got.stdout)
		}
		says(t, got.stderr, "Error: ", "not found")
	}
}

func TestExit6Unsafe(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 3)
	fake.PutImage(app, regrettest.Image{Layers: []string{"shared"}}, "shared-1", "shared-2")
	sh.want(t, 0, "plan", s.name(), "-p", "policy.json", "--at", "2026-01-01", "--out", "old.json")
	sh.write(t, "brake.json", `{"version": 1, "remove": [{"name": "all", "tags": "*"}]}`)
	sh.write(t, "in-use.json", `{"version": 1, "keep": [{"name": "in use", "file": "running.txt", "max-age": "1d"}], "remove": [{"name": "pull requests", "tags": "pr-*"}], "limits": {"max-percent": 100}}`)
	for name, args := range map[string][]string{
		"a list is missing":        {"plan", s.name(), "-p", "in-use.json"},
		"a list that is missing":   {"apply", "-p", "in-use.json", s.name(), "--yes"},
		"another tag":              {"rm", s.name() + ":pr-0", s.name() + ":shared-1", "--yes"},
		"a limit refuses the plan": {"apply", "-p", "brake.json", s.name(), "--yes"},
		"it is another plan":       {"apply", "plan.json", "--expect", "sha256:" + strings.Repeat("0", 64)},
		"the plan is too old":      {"apply", "old.json"},
	} {
		t.Run(name, func(t *testing.T) {
			sh.want(t, 6, args...)
			wantWrites(t, fake, 0)
		})
	}
}

func TestExit7Unknown(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 3)
	// The response is lost, and nothing can be looked at any more.
	fake.Inject(1, http.MethodDelete, "/v2/"+app+"/manifests/*", func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		fake.Inject(0, "", "/v2/*", regrettest.LoseRequest())
		regrettest.LoseResponse()(w, req, next)
	})
	got := sh.want(t, 7, "apply", "plan.json", "-j", "1", "--timeout", "20s")
	says(t, got.stdout, "unknown 1")
	fake.Inject(0, "", "/v2/*", nil)
	sh.want(t, 0, "apply", "plan.json") // looks first
	wantRelease(t, fake)
}

func TestExit8SomethingToDo(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 3)
	sh.want(t, 8, "plan", s.name(), "-p", "policy.json", "--exit-code")
	wantWrites(t, fake, 0)
}

func TestExit130Interrupted(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 3)
	held := holdUp(t, fake, http.MethodDelete, "/v2/"+app+"/manifests/*")
	p := sh.start(t, "apply", "plan.json", "-j", "1")
	held.await(t)
	p.signal(t, syscall.SIGINT)
	p.stderr.await(t, "Stopping")
	held.release()
	got := p.end(t)
	if got.code != 130 {
		t.Errorf("the code is %d", got.code)
	}
	says(t, got.stdout, "deleted 1", "not attempted 2")
	says(t, got.stderr, "regret restore regret-undo")
	sh.want(t, 0, "apply", "plan.json")
	wantRelease(t, fake)
}

// wantWrites checks how many writes the registry was sent.
func wantWrites(t *testing.T, fake *regrettest.Registry, n int) {
	t.Helper()
	if writes := fake.Writes(); len(writes) != n {
		t.Errorf("%d writes were sent, want %d: %v", len(writes), n, writes)
	}
}
