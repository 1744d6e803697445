package command_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

func TestOneProcessAPlan(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 4)
	held := holdUp(t, fake, http.MethodDelete, anyManifest)
	first := sh.start(t, "apply", "plan.json")
	held.await(t)
	got := sh.want(t, 1, "apply", "plan.json")
	says(t, got.stderr, "another process is carrying out this plan", "wait for it to end")
	sh.want(t, 1, "restore", sh.undoFolder(t))
	held.release()
	if got := first.end(t); got.code != 0 {
		t.Errorf("the first: code %d: %s", got.code, got.stderr)
	}
	wantRelease(t, fake)
}

// TestSeveralRepositories checks that one that fails ends no others, and what the code is then.
func TestSeveralRepositories(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault regrettest.Fault
		code  int
	}{
		"one is forbidden":        {regrettest.Respond(http.StatusForbidden, "DENIED", "no"), 3},
		"one is not there":        {regrettest.Respond(http.StatusNotFound, "NAME_UNKNOWN", "no"), 3},
		"one is out of order":     {regrettest.Respond(http.StatusInternalServerError, "UNKNOWN", "no"), 1},
		"one has an endless list": {endless, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, s := onFake(t, "spec")
			sh := newShell(t)
			sh.write(t, "policy.json", allPullRequests)
			for _, repository := range []string{"a/one", "b/two", "c/three"} {
				for _, tag := range []string{"pr-1", "1.0"} {
					fake.PutImage(repository, regrettest.Image{Layers: []string{repository + tag}}, tag)
				}
			}
			fake.Inject(0, "", "/v2/b/two/tags/list", test.fault)
			got := sh.want(t, test.code, "apply", "-p", "policy.json", "-R", s.host, "--yes", "--archive", "undo")
			says(t, got.stderr, "Error: b/two", "a/one", "c/three")
			for repository, want := range map[string]int{"a/one": 1, "b/two": 2, "c/three": 1} {
				if tags := fake.Tags(repository); len(tags) != want {
					t.Errorf("%s has the tags %v", repository, tags)
				}
			}
			folders, err := filepath.Glob(filepath.Join(sh.folder, "undo", "*", "report.json"))
			if err != nil || len(folders) != 2 {
				t.Errorf("the reports are %q, %v", folders, err)
			}
			sh.want(t, test.code, "plan", "-p", "policy.json", "-R", s.host, "--out", "plans")
			says(t, sh.read(t, "plans/index.json"), `"error":`)
			fake.Inject(0, "", "/v2/b/two/tags/list", nil)
			sh.want(t, 0, "apply", "-p", "policy.json", "-R", s.host, "--yes", "--archive", "undo")
			if tags := fake.Tags("b/two"); len(tags) != 1 {
				t.Errorf("b/two has the tags %v", tags)
			}
		})
	}
}

// endless serves a list whose pages never end.
func endless(w http.ResponseWriter, req *http.Request, next http.Handler) {
	w.Header().Set("Link", `<`+req.URL.Path+`?n=1&last=1.0>; rel="next"`)
	next.ServeHTTP(w, req)
}

// TestTimeout ends a command after a time, between deletions. The same command goes on.
func TestTimeout(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 40)
	got := sh.want(t, 1, "apply", "plan.json", "--write-rate", "20", "--timeout", "1s")
	says(t, got.stderr, "Error: the time of --timeout is over", "the same command again")
	says(t, got.stdout, "deleted", "not attempted")
	if n := len(fake.Writes()); n == 0 || n > 39 {
		t.Errorf("%d deletions were sent", n)
	}
	sh.want(t, 0, "apply", "plan.json")
	wantRelease(t, fake)
}
