package cli

import (
	"context"
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

// newTwo returns a registry with two repositories, of which the second has one image that goes.
func newTwo() *fakeregistry.Registry {
	reg := newStock()
	reg.PutImage("team/web", "web", "pr-9")
	reg.PutImage("team/web", "web latest", "latest")
	return reg
}

func TestApplyPolicyNeedsConsent(t *testing.T) {
	t.Parallel()
	policy := writeFile(t, "policy.json", removesPullRequests)
	for name, args := range map[string][]string{
		"for repositories":    {"HOST/team/app", "HOST/team/web"},
		"for a registry":      {"-R", "HOST"},
		"with another report": {"HOST/team/app", "-o", "json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newTwo()
			host := serve(t, reg)
			args := append([]string{"apply", "-p", policy, "--archive", folder(t)}, args...)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "HOST", host)
			}
			for _, env := range []map[string]string{nil, {"REGRET_YES": "true"}} {
				got := process{env: env}.run(t, args...)
				got.checkCode(t, exit.Usage)
				if !strings.Contains(got.errors, "add --yes") {
					t.Error(got.errors)
				}
			}
			checkNoRequests(t, reg)
			run(t, append(args, "--yes")...).checkCode(t, exit.Done)
			if tags := tagsOf(reg); len(tags) != 2 {
				t.Errorf("tags are %v", tags)
			}
		})
	}
}

func TestApplyPolicyAsksForAllPlansTogether(t *testing.T) {
	t.Parallel()
	policy := writeFile(t, "policy.json", removesPullRequests)
	for answer, want := range map[string]exit.Code{"4": exit.Done, "3": exit.Usage} {
		reg := newTwo()
		host, undo := serve(t, reg), folder(t)
		p, question := atTerminal(answer)
		got := p.run(t, "apply", "-p", policy, "-R", host, "--archive", undo)
		got.checkCode(t, want)
		if strings.Count(question.String(), "Type the number of images") != 1 || !strings.Contains(got.errors, "In all: 4 images (5 tags).") {
			t.Errorf("%s%s", question, got.errors)
		}
		if want != exit.Done {
			checkNoWrites(t, reg)
			if files := filesBelow(t, undo); files != nil {
				t.Errorf("there is %v", files)
			}
		}
	}
}

func TestApplyPolicyWritesThePlanIntoTheUndoFolder(t *testing.T) {
	t.Parallel()
	reg := newTwo()
	host, undo := serve(t, reg), folder(t)
	got := run(t, "apply", "-p", writeFile(t, "policy.json", removesPullRequests), host+"/team/app", "--yes", "--archive", undo)
	got.checkCode(t, exit.Done)
	folders := filesBelow(t, undo)
	if len(folders) != 1 {
		t.Fatalf("there is %v", folders)
	}
	path := filepath.Join(undo, folders[0])
	if diff := cmp.Diff(undoFiles, filesBelow(t, path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if dgst := digestOfFile(t, filepath.Join(path, "plan.json")); !strings.HasSuffix(folders[0], "-"+dgst.Encoded()[:12]) {
		t.Errorf("%s has the plan %s", folders[0], dgst)
	}
}

func TestApplyPolicyGoesOnAfterARepositoryThatFails(t *testing.T) {
	t.Parallel()
	braked := strings.ReplaceAll(removesPullRequests, `"max-percent": 100`, `"max-percent": 50`) // team/app loses 3 of 5
	for name, test := range map[string]struct {
		policy string
		before func(*fakeregistry.Registry)
		args   []string
		want   exit.Code
		says   string
	}{
		"a limit refuses one plan": {braked, nil, []string{"HOST/team/app", "HOST/team/web"}, exit.Partial, "regret plan HOST/team/app -p "},
		"a limit refuses the plan": {braked, nil, []string{"HOST/team/app"}, exit.Unsafe, "max-percent"},
		"one cannot be read": {removesPullRequests, func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On(http.MethodGet, "/v2/team/app/"), fakeregistry.Errors(http.StatusForbidden, "DENIED", "no"))
		}, []string{"-R", "HOST"}, exit.Partial, "permission denied"},
		"there is nothing to do": {removesPullRequests, nil, []string{"-R", "HOST", "--match", "team/none"}, exit.Done, ""},
		"a part of the registry": {removesPullRequests, nil, []string{"-R", "HOST", "--except", "team/app"}, exit.Done, "team/web"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newTwo()
			host := serve(t, reg)
			if test.before != nil {
				test.before(reg)
			}
			args := append([]string{"apply", "--yes", "--archive", folder(t), "-p", writeFile(t, "policy.json", test.policy)}, test.args...)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "HOST", host)
			}
			got := run(t, args...)
			got.checkCode(t, test.want)
			if !strings.Contains(got.errors, strings.ReplaceAll(test.says, "HOST", host)) {
				t.Errorf("it does not say %q: %s", test.says, got.errors)
			}
			if tags := tagsOf(reg); len(tags) != 6 {
				t.Errorf("tags of team/app are %v", tags)
			}
		})
	}
}

func TestApplyPolicyShowsPlansInADryRun(t *testing.T) {
	t.Parallel()
	reg := newTwo()
	undo := folder(t)
	got := run(t, "apply", "-p", writeFile(t, "policy.json", removesPullRequests), "-R", serve(t, reg), "-n", "--archive", undo)
	got.checkCode(t, exit.Done)
	checkNoWrites(t, reg)
	if !strings.Contains(got.out, "pr-1") || !strings.Contains(got.out, "pr-9") || filesBelow(t, undo) != nil {
		t.Errorf("%s%v", got.out, filesBelow(t, undo))
	}
}

func TestApplyPolicyRefusesBeforeTheFirstRequest(t *testing.T) {
	t.Parallel()
	reg := newTwo()
	host := serve(t, reg)
	policy := writeFile(t, "policy.json", removesPullRequests)
	inUse := writeFile(t, "policy.json", `{"version": 1, "keep": [{"file": "none.txt"}], "remove": [{"tags": "pr-*"}]}`)
	for name, test := range map[string]struct {
		args []string
		want exit.Code
	}{
		"--expect is for plans":             {[]string{"-p", policy, host + "/team/app", "--expect", "sha256:" + strings.Repeat("0", 64)}, exit.Usage},
		"a tag is no repository":            {[]string{"-p", policy, host + "/team/app:latest"}, exit.Usage},
		"a registry is none without -R":     {[]string{"-p", policy, "--match", "*", host}, exit.Usage},
		"a policy that is not there":        {[]string{"-p", policy + "x", host + "/team/app"}, exit.Usage},
		"an in-use list that is not there":  {[]string{"-p", inUse, host + "/team/app"}, exit.Unsafe},
		"stdin has one thing":               {[]string{"-p", "-", "-"}, exit.Usage},
		"--by-overwrite needs --quarantine": {[]string{"-p", policy, host + "/team/app", "--by-overwrite"}, exit.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, append([]string{"apply", "--yes", "--archive", folder(t)}, test.args...)...).checkCode(t, test.want)
		})
	}
	t.Cleanup(func() { checkNoRequests(t, reg) })
}

// TestApplyPolicyStopsBetweenRepositories stops a run while the first of two repositories is read,
// and while the first plan is carried out.
func TestApplyPolicyStopsBetweenRepositories(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		reg := newTwo()
		host := serve(t, reg)
		ctx, cancel := context.WithCancelCause(t.Context())
		reg.BeforeEach(func(req *http.Request) {
			if req.Method == method {
				cancel(&terminal.Interrupted{Signal: syscall.SIGINT})
			}
		})
		got := process{}.runContext(ctx, t, "apply", "--yes", "-j", "1", "-p", writeFile(t, "policy.json", removesPullRequests),
			host+"/team/app", host+"/team/web", "--archive", folder(t))
		got.checkCode(t, exit.Interrupted)
		if _, there := reg.Tag("team/web", "pr-9"); !there || strings.Count(got.errors, "Error: ") != 1 {
			t.Errorf("%s: %s", method, got.errors)
		}
	}
}

// TestApplyByDefaultKeepsUndoFoldersBelowTheWorkingFolder is not parallel: it changes that.
func TestApplyByDefaultKeepsUndoFoldersBelowTheWorkingFolder(t *testing.T) {
	reg := newTwo()
	path := planFile(t, serve(t, reg), reg, removesPullRequests)
	t.Chdir(t.TempDir())
	got := run(t, "apply", path)
	got.checkCode(t, exit.Done)
	folders := filesBelow(t, "regret-undo")
	if len(folders) != 1 || !strings.Contains(got.errors, "Undo: regret restore "+filepath.Join("regret-undo", folders[0])+"\n") {
		t.Errorf("%v: %s", folders, got.errors)
	}
	if _, err := os.Stat(filepath.Join("regret-undo", folders[0], "report.json")); err != nil {
		t.Error(err)
	}
}
