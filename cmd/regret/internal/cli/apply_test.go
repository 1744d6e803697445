package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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

// undoFiles are the files of an undo folder after a run that got to its end.
var undoFiles = []string{"blobs", "index.json", "journal.jsonl", "oci-layout", "plan.json", "report.json"}

func TestApplyCarriesOutAPlan(t *testing.T) {
	t.Parallel()
	reg := newStock()
	host := serve(t, reg)
	path, undo := planFile(t, host, reg, removesPullRequests), folder(t)
	const report = "deleted 3\nwith them: deleted 2\n2 kept images are whole: 2 manifests, 4 blobs.\n" +
		"Disk space comes back when the registry collects its garbage; until then this can be undone.\n"
	got := run(t, "apply", path, "--archive", undo, "--verify")
	want := outcome{exit.Done, report, "Removes 3 images (4 tags) from " + host + "/team/app.  Undo: regret restore " + undo + "\n"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"latest", "stable"}, tagsOf(reg)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(undoFiles, filesBelow(t, undo)); diff != "" {
		t.Errorf("the undo folder (-want +got):\n%s", diff)
	}

	reg.ResetLog()
	again := run(t, "apply", path, "--archive", undo, "--verify")
	again.checkCode(t, exit.Done)
	if again.out != report || !strings.Contains(again.errors, "this plan was carried out before, until ") {
		t.Errorf("again: %s%s", again.out, again.errors)
	}
	checkNoRequests(t, reg)
}

func TestApplyAsksAtATerminal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		args   []string
		ci     bool
		asks   bool
		want   exit.Code
	}{
		"the number of images is consent":       {"3", nil, false, true, exit.Done},
		"another number is not":                 {"4", nil, false, true, exit.Usage},
		"yes is not":                            {"yes", nil, false, true, exit.Usage},
		"nothing is not":                        {"", nil, false, true, exit.Usage},
		"--yes asks nothing":                    {"", []string{"--yes"}, false, false, exit.Done},
		"in CI nothing is asked":                {"", nil, true, false, exit.Done},
		"--expect says only which plan it is":   {"", []string{"--expect", "PLAN"}, false, true, exit.Usage},
		"a dry run asks nothing":                {"", []string{"-n"}, false, false, exit.Done},
		"quarantine asks for the number, too":   {"4", []string{"--quarantine"}, false, true, exit.Usage},
		"without progress the question is same": {"3", []string{"--no-progress", "-q"}, false, true, exit.Done},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newStock()
			host := serve(t, reg)
			path, undo := planFile(t, host, reg, removesPullRequests), folder(t)
			p, question := atTerminal(test.answer)
			if test.ci {
				p.env = map[string]string{"CI": "true"}
			}
			args := slices.Clone(test.args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "PLAN", string(digestOfFile(t, path)))
			}
			got := p.run(t, append([]string{"apply", path, "--archive", undo}, args...)...)
			got.checkCode(t, test.want)
			if asked := question.String() == "Type the number of images to go on: "; asked != test.asks {
				t.Errorf("asked %q", question)
			}
			if test.asks && !strings.Contains(got.errors, "3 images (4 tags)") {
				t.Errorf("it does not say what goes: %s", got.errors)
			}
			if test.want == exit.Done && !slices.Contains(args, "-n") {
				return
			}
			checkNoRequests(t, reg)
			if files := filesBelow(t, undo); files != nil {
				t.Errorf("there is %v", files)
			}
		})
	}
}

func TestApplyAsksForThePlansTogether(t *testing.T) {
	t.Parallel()
	one, other := newStock(), newStock()
	first, second := planFile(t, serve(t, one), one, removesPullRequests), planFile(t, serve(t, other), other, removesPullRequests)
	p, question := atTerminal("6")
	undo := folder(t)
	got := p.run(t, "apply", first, second, first, "--archive", undo)
	got.checkCode(t, exit.Done)
	if !strings.Contains(got.errors, "In all: 6 images (8 tags).\n") || strings.Count(question.String(), "number") != 1 {
		t.Errorf("%s%s", got.errors, question)
	}
	for _, reg := range []*fakeregistry.Registry{one, other} {
		if tags := tagsOf(reg); len(tags) != 2 {
			t.Errorf("tags are %v", tags)
		}
	}
	if folders := filesBelow(t, undo); len(folders) != 2 {
		t.Errorf("there is %v", folders)
	}
}

func TestApplyRefusesBeforeTheFirstRequest(t *testing.T) {
	t.Parallel()
	reg := newStock()
	host := serve(t, reg)
	path := planFile(t, host, reg, removesPullRequests)
	dgst := string(digestOfFile(t, path))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := writeFile(t, "plan.json", strings.ReplaceAll(string(content), "pr-2", "pr-9"))
	older := planFileAt(t, host, reg, removesPullRequests, "-200h")
	other := "sha256:" + strings.Repeat("0", 64)
	for name, test := range map[string]struct {
		args []string
		want exit.Code
		says string
	}{
		"no plan":                          {nil, exit.Usage, "needs plan files"},
		"a file that is not there":         {[]string{path + "x"}, exit.Usage, "no such file"},
		"a folder":                         {[]string{t.TempDir()}, exit.Usage, "name the plans in it"},
		"what is no plan":                  {[]string{writeFile(t, "plan.json", "{}")}, exit.Usage, "plan"},
		"an edited plan":                   {[]string{edited}, exit.Usage, "plan"},
		"one bad plan of several":          {[]string{path, edited}, exit.Usage, "plan"},
		"another plan than expected":       {[]string{path, "--expect", other}, exit.Unsafe, "it is " + dgst},
		"an expected plan that is missing": {[]string{path, "--expect", dgst, "--expect", other}, exit.Unsafe, "none of them is"},
		"a digest that is none":            {[]string{path, "--expect", "77ad"}, exit.Usage, "is no digest"},
		"a plan that is too old":           {[]string{older}, exit.Unsafe, "make a new one"},
		"a wrong age":                      {[]string{path, "--max-age", "7"}, exit.Usage, "--max-age"},
		"-R without -p":                    {[]string{"-R", host}, exit.Usage, "-R needs -p"},
		"--match without -p":               {[]string{path, "--match", "a"}, exit.Usage, "--match needs -p"},
		"--by-overwrite alone":             {[]string{path, "--by-overwrite"}, exit.Usage, "needs --quarantine"},
		"a report that is a folder":        {[]string{path, "--report", t.TempDir()}, exit.Usage, "--report"},
		"an in-use list of no rule":        {[]string{path, "--in-use", path}, exit.Usage, "no rule"},
		"a format that it has not":         {[]string{path, "-o", "html"}, exit.Usage, "-o is"},
		"an archive that is a file":        {[]string{path, "--archive", path}, exit.Failed, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"apply"}, test.args...)
			if !slices.Contains(args, "--archive") {
				args = append(args, "--archive", folder(t))
			}
			got := run(t, args...)
			got.checkCode(t, test.want)
			if !strings.Contains(got.errors, test.says) || got.out != "" {
				t.Errorf("%s%s", got.out, got.errors)
			}
		})
	}
	t.Cleanup(func() { checkNoRequests(t, reg) })
}

func TestApplyTakesOlderPlansOnRequest(t *testing.T) {
	t.Parallel()
	for _, age := range []string{"0", "2w"} {
		reg := newStock()
		path := planFileAt(t, serve(t, reg), reg, removesPullRequests, "-200h")
		run(t, "apply", path, "--max-age", age, "--archive", folder(t)).checkCode(t, exit.Done)
	}
}

// TestApplyEndsWithTheCodeOfItsReport has one row for each code of a run.
func TestApplyEndsWithTheCodeOfItsReport(t *testing.T) {
	t.Parallel()
	deny := func(n, status int, code string) func(*testing.T, *fakeregistry.Registry) {
		return func(_ *testing.T, reg *fakeregistry.Registry) {
			reg.Intercept(n, fakeregistry.On(http.MethodDelete, "/v2/"), fakeregistry.Errors(status, code, "no"))
		}
	}
	for name, test := range map[string]struct {
		before func(*testing.T, *fakeregistry.Registry)
		want   exit.Code
		says   string // on stdout or stderr
	}{
		"nothing is to be done any more": {func(t *testing.T, reg *fakeregistry.Registry) { removeAll(t, reg, "pr-") }, exit.Done, "already gone"},
		"a step fails":                   {deny(1, http.StatusBadRequest, "UNKNOWN"), exit.Failed, "failed 1"},
		"a tag was pushed since": {func(t *testing.T, reg *fakeregistry.Registry) {
			reg.SetTag(stocked, "new", must(reg.Tag(stocked, "pr-2")))
		}, exit.Partial, "stale 1 (pr-2: "},
		"deletion is disabled":      {deny(0, http.StatusMethodNotAllowed, "UNSUPPORTED"), exit.NotAllowed, "refused"},
		"what a rule keeps is gone": {func(t *testing.T, reg *fakeregistry.Registry) { removeAll(t, reg, "latest") }, exit.Unsafe, "keep rule"},
		"the registry is down": {func(t *testing.T, reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Errors(400, "UNKNOWN", "no"))
		}, exit.Failed, "Error: "},
		"the tags are for others only": {func(t *testing.T, reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Errors(403, "DENIED", "no"))
		}, exit.NotAllowed, "Error: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newStock()
			path := planFile(t, serve(t, reg), reg, removesPullRequests)
			test.before(t, reg)
			got := run(t, "apply", path, "--archive", folder(t))
			got.checkCode(t, test.want)
			if !strings.Contains(got.out+got.errors, test.says) {
				t.Errorf("it does not say %q:\n%s%s", test.says, got.out, got.errors)
			}
		})
	}
}

func TestApplyTriesAgainWhatFailed(t *testing.T) {
	t.Parallel()
	reg := newStock()
	path, undo := planFile(t, serve(t, reg), reg, removesPullRequests), folder(t)
	reg.Intercept(1, fakeregistry.On(http.MethodDelete, "/v2/"), fakeregistry.Errors(http.StatusBadRequest, "UNKNOWN", "no"))
	run(t, "apply", path, "--archive", undo).checkCode(t, exit.Failed)
	got := run(t, "apply", path, "--archive", undo)
	got.checkCode(t, exit.Done)
	if !strings.HasPrefix(got.out, "deleted 3\n") || len(tagsOf(reg)) != 2 {
		t.Errorf("%s%v", got.out, tagsOf(reg))
	}
	reg.ResetLog()
	run(t, "apply", path, "--archive", undo).checkCode(t, exit.Done)
	checkNoRequests(t, reg)
}

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
