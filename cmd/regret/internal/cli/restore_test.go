package cli

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// carriedOut returns a registry in which a plan was carried out, its host, the file of the plan and the
// undo folder.
func carriedOut(t *testing.T, options ...fakeregistry.Option) (reg *fakeregistry.Registry, host, path, undo string) {
	t.Helper()
	reg = newStock(options...)
	host = serve(t, reg)
	path, undo = planFile(t, host, reg, removesPullRequests), folder(t)
	run(t, "apply", path, "--archive", undo).checkCode(t, exit.Done)
	reg.ResetLog()
	return reg, host, path, undo
}

func TestRestoreBringsEverythingBack(t *testing.T) {
	t.Parallel()
	reg, host, path, undo := carriedOut(t)
	want := newStock().Tags(stocked)

	got := run(t, "restore", undo, "--dry-run")
	got.checkCode(t, exit.Done)
	checkNoWrites(t, reg)
	if diff := cmp.Diff(undoFiles, filesBelow(t, undo)); diff != "" || got.out != host+"/team/app (dry run): 9 restored\n" {
		t.Errorf("dry run: %s; the undo folder (-want +got):\n%s", got.out, diff)
	}

	got = run(t, "undo", undo)
	if diff := cmp.Diff(outcome{exit.Done, host + "/team/app: 9 restored\n", ""}, got, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !maps.Equal(want, reg.Tags(stocked)) {
		t.Errorf("tags are %v, want %v", reg.Tags(stocked), want)
	}
	reg.ResetLog()
	got = run(t, "restore", undo)
	if got.checkCode(t, exit.Done); got.out != host+"/team/app: 9 already there\n" {
		t.Errorf("again: %s", got.out)
	}
	checkNoWrites(t, reg)

	// What was restored is deleted again by the same plan, and not only said to be.
	got = run(t, "apply", path, "--archive", undo)
	got.checkCode(t, exit.Done)
	if !strings.HasPrefix(got.out, "deleted 3\n") || len(tagsOf(reg)) != 2 {
		t.Errorf("%s%v", got.out, tagsOf(reg))
	}
	files := append([]string{"blobs", "index.json", "journal-1.jsonl", "journal.jsonl", "oci-layout", "plan.json", "report-1.json"}, "report.json")
	if diff := cmp.Diff(files, filesBelow(t, undo)); diff != "" {
		t.Errorf("the undo folder (-want +got):\n%s", diff)
	}
}

func TestRestoreEndsWithTheCodeOfItsReport(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before func(*fakeregistry.Registry)
		args   []string
		want   exit.Code
		says   string
	}{
		"everything is back":        {nil, nil, exit.Done, "9 restored"},
		"a tag points elsewhere":    {func(reg *fakeregistry.Registry) { reg.PutImage(stocked, "other", "pr-2") }, nil, exit.Partial, "1 elsewhere"},
		"--move moves it":           {func(reg *fakeregistry.Registry) { reg.PutImage(stocked, "other", "pr-2") }, []string{"--move"}, exit.Done, "1 moved"},
		"a look fails":              {deny("", "/v2/team/app/manifests/pr-2", http.StatusNotImplemented, "UNKNOWN"), nil, exit.Failed, "failed"},
		"the registry is read-only": {deny(http.MethodPut, "/v2/", http.StatusMethodNotAllowed, "UNSUPPORTED"), nil, exit.NotAllowed, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg, _, _, undo := carriedOut(t)
			if test.before != nil {
				test.before(reg)
			}
			got := run(t, append([]string{"restore", undo}, test.args...)...)
			got.checkCode(t, test.want)
			if !strings.Contains(got.out, test.says) {
				t.Errorf("it does not say %q: %s", test.says, got.out)
			}
		})
	}
}

func deny(method, path string, status int, code string) func(*fakeregistry.Registry) {
	return func(reg *fakeregistry.Registry) {
		reg.Intercept(0, fakeregistry.On(method, path), fakeregistry.Errors(status, code, "no"))
	}
}

func TestRestoreRefusesBeforeTheFirstRequest(t *testing.T) {
	t.Parallel()
	reg, _, path, undo := carriedOut(t)
	changed := filepath.Join(t.TempDir(), "changed")
	if err := os.CopyFS(changed, os.DirFS(undo)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(changed, "index.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	unfinished := t.TempDir()
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(filepath.Join(unfinished, "plan.json"), content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"no folder":                        nil,
		"two folders":                      {undo, undo},
		"a folder that is not there":       {undo + "x"},
		"a file":                           {path},
		"a folder without an archive":      {t.TempDir()},
		"an archive that was not finished": {unfinished},
		"an archive that was changed":      {changed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, append([]string{"restore"}, args...)...)
			got.checkCode(t, exit.Usage)
		})
	}
	t.Cleanup(func() { checkNoRequests(t, reg) })
}

func TestRestorePrintsJSON(t *testing.T) {
	t.Parallel()
	_, host, path, undo := carriedOut(t)
	got := run(t, "restore", undo, "-o", "json")
	got.checkCode(t, exit.Done)
	var d restoreDocument
	if err := json.Unmarshal([]byte(got.out), &d); err != nil {
		t.Fatal(err)
	}
	if d.Regret != "restore/1" || d.Registry != host || d.Plan != digestOfFile(t, path) || d.Totals["restored"] != 9 || len(d.Results) != 9 {
		t.Errorf("%s", got.out)
	}
}

func TestRestoreGoesOnAfterASignal(t *testing.T) {
	t.Parallel()
	reg, _, _, undo := carriedOut(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	puts := 0
	reg.BeforeEach(func(req *http.Request) {
		if req.Method == http.MethodPut {
			if puts++; puts == 1 {
				cancel(&terminal.Interrupted{Signal: syscall.SIGINT})
			}
		}
	})
	got := process{}.runContext(ctx, t, "restore", undo, "-j", "1")
	got.checkCode(t, exit.Interrupted)
	if !strings.Contains(got.errors, "of 9 are back\n  Go on: the same command again\n") {
		t.Error(got.errors)
	}
	run(t, "restore", undo).checkCode(t, exit.Done)
	if len(tagsOf(reg)) != 6 {
		t.Errorf("tags are %v", tagsOf(reg))
	}
}
