//go:build !windows

package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// bash runs a script of bash in which $REPO is the repository.
func (s *shell) bash(t *testing.T, repository, script string) outcome {
	t.Helper()
	cmd := s.program(t, "bash", "-c", script)
	cmd.Env = append(cmd.Env, "REPO="+repository)
	return finish(t, cmd)
}

func TestReadersThatGoAway(t *testing.T) {
	t.Parallel()
	t.Run("a command that reads ends with them, without a word", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		image := fake.PutImage(app, regrettest.Image{}, "latest")
		for i := range 20_000 { // more than a pipe holds
			fake.SetTag(app, fmt.Sprintf("tag-with-a-long-name-%06d", i), image.Digest)
		}
		for _, flags := range []string{"", "-o json", "-o name", "--digests"} {
			got := newShell(t).bash(t, s.name(), "regret ls $REPO "+flags+" | head -1; echo ${PIPESTATUS[0]} >&2")
			if got.stderr != "141\n" && got.stderr != "0\n" {
				t.Errorf("ls %s | head -1: the code and stderr are %q", flags, got.stderr)
			}
			if strings.Count(got.stdout, "\n") != 1 {
				t.Errorf("ls %s | head -1 prints %q", flags, got.stdout)
			}
		}
	})
	for name, test := range map[string]struct{ script, stderr string }{
		"head":                      {"regret apply plan.json -v 2>&1 | head -1 >/dev/null; exit ${PIPESTATUS[0]}", ""},
		"stdout of a reader ending": {"regret apply plan.json -o json | true; exit ${PIPESTATUS[0]}", "Removes 40 images"},
		"stdout closed":             {"regret apply plan.json >&-", "Removes 40 images"},
		"stderr closed":             {"regret apply plan.json 2>&-", ""},
		"both closed":               {"regret apply plan.json >&- 2>&-", ""},
		"all closed":                {"regret apply plan.json <&- >&- 2>&-", ""},
		"both in a full device":     {"regret apply plan.json >/dev/full 2>/dev/full", ""},
	} {
		t.Run("a deletion goes on: "+name, func(t *testing.T) {
			t.Parallel()
			fake, s := onFake(t, "spec")
			sh := fakePullRequests(t, fake, s, 40)
			got := sh.bash(t, s.name(), test.script)
			if got.code != 0 || !strings.Contains(got.stderr, test.stderr) {
				t.Errorf("the code is %d, stderr: %s", got.code, got.stderr)
			}
			wantRelease(t, fake)
			says(t, sh.read(t, filepath.Join(sh.undoFolder(t), "report.json")), `"regret"`, `"deleted"`)
		})
	}
	t.Run("a list that cannot be written is an error", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		fake.PutImage(app, regrettest.Image{}, "latest")
		for _, flags := range []string{"", "-o json", "--tree"} {
			got := newShell(t).bash(t, s.name(), "regret ls $REPO "+flags+" >/dev/full")
			if got.code != 1 || !strings.Contains(got.stderr, "Error: ") {
				t.Errorf("ls %s: the code is %d, stderr: %q", flags, got.code, got.stderr)
			}
		}
	})
}

func TestStdin(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 2)
	sh.write(t, "refs", s.name()+":pr-0\r\n\r\n"+s.name()+":pr-1\n")
	for name, test := range map[string]struct {
		script string
		code   int
		stdout string
	}{
		"a file":                           {"regret resolve - --format x <refs", 0, "x\nx\n"},
		"a pipe":                           {"cat refs | regret resolve - --format x", 0, "x\nx\n"},
		"nothing":                          {"regret plan - -p policy.json </dev/null", 2, ""},
		"no stdin at all":                  {"regret plan - -p policy.json <&-", 2, ""},
		"a policy":                         {"regret plan $REPO -p - -o name --exit-code <policy.json | wc -l | tr -d ' '", 0, "2\n"},
		"a policy and repositories":        {"regret plan - -p - <policy.json", 2, ""},
		"a password and arguments":         {"regret resolve - --username me --password-stdin <refs", 2, ""},
		"no password":                      {"regret resolve $REPO --username me --password-stdin </dev/null", 2, ""},
		"the answer to a question":         {"yes 2 | regret apply -p policy.json $REPO", 2, ""},
		"plans":                            {"echo plan.json | regret apply - -n >/dev/null", 0, ""},
		"a folder is no password":          {"regret resolve $REPO --username me --password-stdin <.", 2, ""},
		"what is on it is no plan":         {"regret apply - <plan.json", 2, ""},
		"a password with a second line":    {"printf 'a\\nb\\n' | regret resolve $REPO --username me --password-stdin", 2, ""},
		"of a command that reads no stdin": {"regret ls $REPO -o name <&- | wc -l | tr -d ' '", 0, "3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := sh.bash(t, s.name(), "set -o pipefail; "+test.script)
			if strings.Contains(test.script, "--exit-code") && got.code == 8 {
				got.code = 0 // there is something to do
			}
			if got.code != test.code || got.stdout != test.stdout {
				t.Errorf("the code is %d, want %d; stdout %q, want %q; stderr:\n%s", got.code, test.code, got.stdout, test.stdout, got.stderr)
			}
		})
	}
	t.Cleanup(func() { wantWrites(t, fake, 0) })
}

func TestOutputFiles(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 2)
	before := sh.read(t, "plan.json")
	t.Run("one that exists is replaced as a whole", func(t *testing.T) {
		sh.write(t, "out.json", strings.Repeat("old", 10_000))
		sh.want(t, 0, "plan", s.name(), "-p", "policy.json", "--at", "2026-01-01", "--out", "out.json")
		if text := sh.read(t, "out.json"); !strings.HasPrefix(text, `{"regret":"plan/`) || strings.Contains(text, "old") {
			t.Errorf("it is %.200s", text)
		}
	})
	t.Run("one that exists is not replaced by a plan that is refused", func(t *testing.T) {
		sh.write(t, "brake.json", `{"version": 1, "remove": [{"name": "all", "tags": "*"}]}`)
		sh.want(t, 6, "plan", s.name(), "-p", "brake.json", "--out", "plan.json")
		if sh.read(t, "plan.json") != before {
			t.Error("it was")
		}
	})
	t.Run("a folder is no file", func(t *testing.T) {
		fake.ResetRequests()
		sh.want(t, 2, "plan", s.name(), "-p", "policy.json", "--out", ".")
		sh.want(t, 2, "apply", "plan.json", "--report", ".")
		sh.want(t, 2, "apply", "plan.json", "--report", "none/report.json")
		if requests := fake.Requests(); len(requests) > 0 {
			t.Errorf("requests were sent: %v", requests)
		}
	})
	t.Run("a report", func(t *testing.T) {
		sh.write(t, "report.json", strings.Repeat("old", 10_000))
		sh.want(t, 0, "apply", "plan.json", "--report", "report.json")
		if text := sh.read(t, "report.json"); strings.Contains(text, "old") || !strings.Contains(text, `"deleted"`) {
			t.Errorf("it is %.200s", text)
		}
	})
	left, err := filepath.Glob(filepath.Join(sh.folder, ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(sh.folder, "none")); err == nil {
		t.Error("a folder was made")
	}
}
