package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/undofolder"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

func TestApplyGoesOnAfterASignal(t *testing.T) {
	t.Parallel()
	reg := newStock()
	path, undo := planFile(t, serve(t, reg), reg, removesPullRequests), folder(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	deleted := 0
	reg.BeforeEach(func(req *http.Request) {
		if req.Method == http.MethodDelete {
			if deleted++; deleted == 1 {
				cancel(&terminal.Interrupted{Signal: syscall.SIGTERM})
			}
		}
	})
	got := process{}.runContext(ctx, t, "apply", path, "--archive", undo, "-j", "1")
	got.checkCode(t, exit.Interrupted)
	for _, want := range []string{"1 of 5 steps were taken", "Go on:     the same command again", "Take back: regret restore " + undo} {
		if !strings.Contains(got.errors, want) {
			t.Errorf("it does not say %q: %s", want, got.errors)
		}
	}
	if diff := cmp.Diff(undoFiles, filesBelow(t, undo)); diff != "" || deleted != 1 {
		t.Errorf("%d deleted; the undo folder (-want +got):\n%s", deleted, diff)
	}
	got = run(t, "apply", path, "--archive", undo)
	got.checkCode(t, exit.Done)
	if !strings.HasPrefix(got.out, "deleted 3\nwith them: deleted 2\n") || deleted != 5 {
		t.Errorf("%d deleted: %s", deleted, got.out)
	}
}

func TestApplyFindsTheFolderOfAnEarlierDay(t *testing.T) {
	t.Parallel()
	reg := newStock()
	path, parent := planFile(t, serve(t, reg), reg, removesPullRequests), t.TempDir()
	digits := digestOfFile(t, path).Encoded()[:12]
	stdin := process{stdin: path + "\r\n"} // which may name several, so that --archive is the folder above
	stdin.run(t, "apply", "-", "--archive", parent).checkCode(t, exit.Done)
	today := filesBelow(t, parent)
	if len(today) != 1 || !strings.HasSuffix(today[0], "-"+digits) || len(today[0]) != len("20060102-")+12 {
		t.Fatalf("the folder is %v", today)
	}
	earlier := "20260101-" + digits
	if err := os.Rename(filepath.Join(parent, today[0]), filepath.Join(parent, earlier)); err != nil {
		t.Fatal(err)
	}
	reg.ResetLog()
	got := stdin.run(t, "apply", "-", "--archive", parent)
	got.checkCode(t, exit.Done)
	checkNoRequests(t, reg)
	if diff := cmp.Diff([]string{earlier}, filesBelow(t, parent)); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
}

func TestApplyWaitsForNoOtherProcess(t *testing.T) {
	t.Parallel()
	reg := newStock()
	path, undo := planFile(t, serve(t, reg), reg, removesPullRequests), folder(t)
	running, err := undofolder.Open(t.Context(), undo, mustReadPlan(t, path))
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, "apply", path, "--archive", undo)
	got.checkCode(t, exit.Failed)
	checkNoRequests(t, reg)
	if !strings.Contains(got.errors, "another process is carrying out this plan") {
		t.Error(got.errors)
	}
	if err := running.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, "apply", path, "--archive", undo).checkCode(t, exit.Done)
}

func TestApplyWritesItsReport(t *testing.T) {
	t.Parallel()
	one, other := newStock(), newStock()
	first, second := planFile(t, serve(t, one), one, removesPullRequests), planFile(t, serve(t, other), other, removesPullRequests)
	file := writeFile(t, "report.json", "what was there before")
	got := run(t, "apply", first, "--archive", folder(t), "--report", file, "-o", "json")
	got.checkCode(t, exit.Done)
	written, err := os.ReadFile(file)
	if err != nil || string(written) != got.out || !strings.HasPrefix(got.out, `{"regret":"report/1"`) {
		t.Errorf("%v: %s and %s", err, written, got.out)
	}
	got = run(t, "apply", first, second, "--archive", folder(t), "--report", file, "-o", "json")
	got.checkCode(t, exit.Done)
	var list struct {
		Regret string
		Items  []struct{ Regret, Registry string }
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || list.Regret != "reports/1" || len(list.Items) != 2 || list.Items[0].Regret != "report/1" {
		t.Errorf("%v: %s", err, got.out)
	}
	if written, err = os.ReadFile(file); err != nil || string(written) != got.out {
		t.Errorf("%v: %s", err, written)
	}
	got = run(t, "apply", first, "--archive", folder(t), "-o", "jsonl")
	if strings.Count(got.out, "\n") != 1 || !json.Valid([]byte(got.out)) {
		t.Errorf("jsonl is %s", got.out)
	}
}

func TestApplyPutsImagesInTheTrash(t *testing.T) {
	t.Parallel()
	reg := newStock()
	host := serve(t, reg)
	path, undo := planFile(t, host, reg, removesPullRequests), folder(t)
	got := run(t, "apply", path, "--archive", undo, "--quarantine")
	got.checkCode(t, exit.Done)
	if !strings.Contains(got.errors, "Puts 3 images (4 tags) of "+host+"/team/app in the trash.  Undo: regret trash restore "+host+"/team/app\n") ||
		!strings.Contains(got.out, "quarantined 3\nwith them: spared 2\n") {
		t.Errorf("%s%s", got.out, got.errors)
	}
	got = run(t, "apply", path, "--archive", undo)
	got.checkCode(t, exit.Usage)
	if !strings.Contains(got.errors, "--archive") {
		t.Errorf("it does not say how to apply it all the same: %s", got.errors)
	}
	old := newStock(fakeregistry.WithoutTagDelete())
	path = planFile(t, serve(t, old), old, removesPullRequests)
	undo = folder(t)
	run(t, "apply", path, "--archive", undo, "--quarantine").checkCode(t, exit.NotAllowed)
	if tags := tagsOf(old); len(tags) != 6 {
		t.Errorf("tags are %v", tags)
	}
	run(t, "apply", path, "--archive", undo, "--quarantine", "--by-overwrite").checkCode(t, exit.Done)
}

// TestApplyKeepsSecrets looks for a password in everything that a run leaves behind.
func TestApplyKeepsSecrets(t *testing.T) {
	t.Parallel()
	const password = "correct-horse-battery"
	reg := newStock(fakeregistry.WithBasicAuth("mallory", password))
	host := serve(t, reg)
	env := map[string]string{"REGRET_USERNAME": "mallory", "REGRET_PASSWORD": password, "REGRET_REGISTRY": host}
	parent := t.TempDir()
	policy := writeFile(t, "policy.json", removesPullRequests)
	reg.Intercept(1, fakeregistry.On(http.MethodDelete, "/v2/"), fakeregistry.Errors(http.StatusBadRequest, "UNKNOWN", password))
	got := process{env: env}.run(t, "apply", "-p", policy, host+"/team/app", "--yes", "-v", "--archive", parent)
	got.checkCode(t, exit.Failed)
	all := got.out + got.errors
	err := filepath.WalkDir(parent, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			content, failed := os.ReadFile(path)
			all, err = all+string(content), failed
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{password, "bWFsbG9yeTpjb3JyZWN0LWhvcnNlLWJhdHRlcnk"} {
		if strings.Contains(all, secret) {
			t.Errorf("it has the password:\n%s", all)
		}
	}
}

func mustReadPlan(t *testing.T, path string) *plan.Plan {
	t.Helper()
	p, err := readPlan(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestApplyTakesTheIndexOfPlans carries out what plan --out has written for a registry.
func TestApplyTakesTheIndexOfPlans(t *testing.T) {
	t.Parallel()
	reg := newTwo()
	plans := t.TempDir()
	run(t, "plan", "-R", serve(t, reg), "-p", writeFile(t, "policy.json", removesPullRequests), "--out", plans).checkCode(t, exit.Done)
	undo := folder(t)
	got := run(t, "apply", filepath.Join(plans, "index.json"), "--archive", undo)
	got.checkCode(t, exit.Done)
	if _, there := reg.Tag("team/web", "pr-9"); there || len(tagsOf(reg)) != 2 || len(filesBelow(t, undo)) != 2 {
		t.Errorf("%s%s%v", got.out, got.errors, filesBelow(t, undo))
	}
	outside := writeFile(t, "index.json", `{"regret":"plans/1","items":[{"repository":"a","file":"../plan.json"}]}`)
	run(t, "apply", outside).checkCode(t, exit.Usage)
	run(t, "apply", writeFile(t, "index.json", `{"regret":"plans/1",`)).checkCode(t, exit.Usage)
}
