//go:build unix

package main_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/cli"
	"github.com/seed-8cb7cc86/regret/regrettest"
)

// asRegret is the environment variable with which this test binary is the command regret.
const asRegret = "RUN_AS_REGRET"

func TestMain(m *testing.M) {
	if os.Getenv(asRegret) != "" {
		os.Exit(cli.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// A machine runs the scripts of jobs, against a registry on the loopback interface.
type machine struct {
	*regrettest.Registry
	folder string
	env    map[string]string
}

// newMachine returns a machine with a policy, a script that makes its in-use list, and the programs
// that the script asks. Its registry has old images with these tags.
func newMachine(t *testing.T, policy, script string, fakes programs, tags ...string) *machine {
	t.Helper()
	m := &machine{Registry: regrettest.New(regrettest.WithBasicAuth("ann", "secret")), folder: t.TempDir()}
	server, err := m.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	for i, tag := range tags {
		m.PutImage("team/app", regrettest.Image{Created: time.Date(2020, 1, 1+i, 0, 0, 0, 0, time.UTC)}, tag)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fakes["regret"] = asRegret + `=1 exec "` + self + `" "$@"`
	fakes["go"] = `[ "$1" = install ]` // of regret, which is there
	for name, body := range fakes {
		m.write(t, "bin/"+name, "#!/bin/sh\n"+body+"\n")
	}
	m.write(t, "work/retention/policy.yaml", readFile(t, deploy+"/policies/"+policy))
	m.write(t, "work/retention/"+script, readFile(t, deploy+"/in-use/"+script))
	m.env = map[string]string{
		"PATH": filepath.Join(m.folder, "bin") + ":" + os.Getenv("PATH"),
		"HOME": m.folder, "CI": "true", "REGRET_USERNAME": "ann", "REGRET_PASSWORD": "secret",
		"GITHUB_OUTPUT": filepath.Join(m.folder, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(m.folder, "summary"),
	}
	m.setAll(map[string]string{"REGRET_REGISTRY": server.Host, "REPOSITORY": server.Host + "/team/app"})
	return m
}

func (m *machine) setAll(env map[string]string) { maps.Copy(m.env, env) }

// write writes a file that can be run.
func (m *machine) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(m.folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// read returns a file that a job has written.
func (m *machine) read(t *testing.T, name string) string {
	t.Helper()
	return readFile(t, filepath.Join(m.folder, name))
}

// variables returns what a job has written as NAME=VALUE, a line for each.
func (m *machine) variables(t *testing.T, name string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for line := range strings.Lines(m.read(t, name)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		found[key] = value
	}
	return found
}

// run runs a script, and returns its exit code and what it prints.
func (m *machine) run(t *testing.T, script string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-eo", "pipefail", "-c", script)
	cmd.Dir = filepath.Join(m.folder, "work")
	for key, value := range m.env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	output, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(output)
}

// mustRun runs scripts that must end well.
func (m *machine) mustRun(t *testing.T, scripts ...string) {
	t.Helper()
	for _, script := range scripts {
		if code, output := m.run(t, script); code != 0 {
			t.Fatalf("%s\nended with %d: %s", script, code, output)
		}
	}
}

// checkTags compares the tags that are left.
func (m *machine) checkTags(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(m.Tags("team/app")))); diff != "" {
		t.Errorf("tags that are left (-want +got):\n%s", diff)
	}
}

// checkUndo checks that an undo folder is where the jobs take it from.
func (m *machine) checkUndo(t *testing.T) {
	t.Helper()
	reports, err := filepath.Glob(filepath.Join(m.folder, "work", "regret-undo", "*", "report.json"))
	if err != nil || len(reports) != 1 {
		t.Errorf("reports %q, %v", reports, err)
	}
}

// scripts returns the scripts of a job of GitHub.
func scripts(job workflowJob) []string {
	var found []string
	for _, step := range job.Steps {
		if step.Run != "" {
			found = append(found, step.Run)
		}
	}
	return found
}

func TestGitHubWorkflowPlansAndApplies(t *testing.T) {
	t.Parallel()
	var w workflow
	decode(t, readFile(t, deploy+"/github/retention.yml"), &w)
	open := programs{"gh": `printf '2\n'`}
	t.Run("what is closed goes, and what is open stays", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t, "pull-requests.yaml", "pull-requests.sh", maps.Clone(open), "latest", "1.0.0", "pr-1", "pr-2")
		m.mustRun(t, scripts(w.Jobs["plan"])...)
		m.checkTags(t, "1.0.0", "latest", "pr-1", "pr-2")
		outputs := m.variables(t, "output")
		if outputs["pending"] != "true" || !strings.Contains(m.read(t, "summary"), "pr-1") || !strings.Contains(m.read(t, "work/plan.html"), "pr-1") {
			t.Errorf("outputs %v, summary %s", outputs, m.read(t, "summary"))
		}
		m.env["DIGEST"] = outputs["digest"]
		m.mustRun(t, scripts(w.Jobs["apply"])...)
		m.checkTags(t, "1.0.0", "latest", "pr-2")
		m.checkUndo(t)
	})
	t.Run("another plan than the approved one is refused", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t, "pull-requests.yaml", "pull-requests.sh", maps.Clone(open), "latest", "1.0.0", "pr-1", "pr-2")
		m.mustRun(t, scripts(w.Jobs["plan"])...)
		m.env["DIGEST"] = "sha256:" + strings.Repeat("0", 64)
		all := scripts(w.Jobs["apply"])
		if code, output := m.run(t, all[len(all)-1]); code != 6 {
			t.Errorf("ended with %d: %s", code, output)
		}
		m.checkTags(t, "1.0.0", "latest", "pr-1", "pr-2")
	})
	t.Run("there is nothing to approve if there is nothing to do", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t, "pull-requests.yaml", "pull-requests.sh", maps.Clone(open), "latest", "pr-2")
		m.mustRun(t, scripts(w.Jobs["plan"])...)
		if outputs := m.variables(t, "output"); outputs["pending"] != "false" {
			t.Errorf("outputs %v", outputs)
		}
	})
	t.Run("a plan that fails is not applied", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t, "pull-requests.yaml", "pull-requests.sh", maps.Clone(open), "pr-1", "pr-2") // too few would be left
		all := scripts(w.Jobs["plan"])
		m.mustRun(t, all[:2]...)
		if code, output := m.run(t, all[2]); code != 6 {
			t.Errorf("ended with %d: %s", code, output)
		}
		if _, err := os.Stat(filepath.Join(m.folder, "output")); err == nil {
			t.Errorf("outputs %s", m.read(t, "output"))
		}
	})
}

func TestGitLabPipelinePlansAndApplies(t *testing.T) {
	t.Parallel()
	var pipeline struct {
		Default struct {
			BeforeScript []string `yaml:"before_script"`
		} `yaml:"default"`
		Plan, Apply struct {
			Script []string `yaml:"script"`
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, deploy+"/gitlab/.gitlab-ci.yml")), &pipeline); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t, "branches.yaml", "branches.sh", programs{"git": `printf '1a\trefs/heads/%s\n' main feature/Login`},
		"main", "feature-login", "1.0.0", "gone")
	m.mustRun(t, strings.Join(slices.Concat(pipeline.Default.BeforeScript, pipeline.Plan.Script), "\n"))
	m.setAll(m.variables(t, "work/plan.env"))
	m.checkTags(t, "1.0.0", "feature-login", "gone", "main")
	m.mustRun(t, strings.Join(slices.Concat(pipeline.Default.BeforeScript, pipeline.Apply.Script), "\n"))
	m.checkTags(t, "1.0.0", "feature-login", "main")
	m.checkUndo(t)
}

// TestKubernetesJobsDoWhatOneRunDoes runs the containers of the jobs as processes: with their
// arguments, policy and login, and with the index that Kubernetes gives to each part.
func TestKubernetesJobsDoWhatOneRunDoes(t *testing.T) {
	t.Parallel()
	cron := readObjects(t, "cronjob.yaml")
	indexed := readObjects(t, "indexed-job.yaml").jobs[0].Spec
	for name, test := range map[string]struct {
		pod   podSpec
		parts int
	}{
		"each night": {cron.cronJobs[0].Spec.JobTemplate.Spec.Template.Spec, 1},
		"in parts":   {indexed.Template.Spec, indexed.Completions},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "pull-requests.yaml", "pull-requests.sh", programs{}, "1.0.0", "pr-1")
			for _, repository := range []string{"team/a", "team/b", "team/c", "team/d", "team/e"} {
				m.PutImage(repository, regrettest.Image{Created: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}, "pr-1")
				m.PutImage(repository, regrettest.Image{}, "1.0.0")
			}
			m.write(t, "policy/policy.yaml", cron.maps["regret-policy"].Data["policy.yaml"])
			m.write(t, "login/config.json", `{"auths":{"`+m.env["REGRET_REGISTRY"]+`":{"username":"ann","password":"secret"}}}`)
			line := "exec regret"
			for _, arg := range test.pod.Containers[0].Args {
				arg = strings.ReplaceAll(arg, "registry.example.com", m.env["REGRET_REGISTRY"])
				line += " '" + strings.NewReplacer("=/policy/", "="+m.folder+"/policy/", "=/login/", "="+m.folder+"/login/").Replace(arg) + "'"
			}
			delete(m.env, "REGRET_USERNAME")
			delete(m.env, "REGRET_PASSWORD")
			for part := range test.parts {
				m.env["JOB_COMPLETION_INDEX"] = strconv.Itoa(part)
				m.mustRun(t, line)
			}
			m.checkTags(t, "1.0.0")
			for _, repository := range []string{"team/a", "team/b", "team/c", "team/d", "team/e"} {
				if tags := m.Tags(repository); len(tags) != 1 || tags["1.0.0"] == "" {
					t.Errorf("%s still has %v", repository, tags)
				}
			}
			folders, err := filepath.Glob(filepath.Join(m.folder, "work", "regret-undo", "*", "report.json"))
			if err != nil || len(folders) != 6 {
				t.Errorf("%d undo folders (%v), want one for each repository", len(folders), err)
			}
		})
	}
}
