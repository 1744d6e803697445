//go:build unix

package main_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// The parts of a workflow of GitHub that the files here have. Other keys are errors.
type (
	workflow struct {
		Name        string            `yaml:"name"`
		On          any               `yaml:"on"`
		Permissions map[string]string `yaml:"permissions"`
		Concurrency struct {
			Group            string `yaml:"group"`
			CancelInProgress *bool  `yaml:"cancel-in-progress"`
		} `yaml:"concurrency"`
		Env      map[string]string `yaml:"env"`
		Defaults struct {
			Run map[string]string `yaml:"run"`
		} `yaml:"defaults"`
		Jobs map[string]workflowJob `yaml:"jobs"`
	}
	workflowJob struct {
		Needs          string            `yaml:"needs"`
		If             string            `yaml:"if"`
		Environment    string            `yaml:"environment"`
		RunsOn         string            `yaml:"runs-on"`
		TimeoutMinutes int               `yaml:"timeout-minutes"`
		Outputs        map[string]string `yaml:"outputs"`
		Steps          []workflowStep    `yaml:"steps"`
	}
	workflowStep struct {
		Name string            `yaml:"name"`
		ID   string            `yaml:"id"`
		If   string            `yaml:"if"`
		Uses string            `yaml:"uses"`
		With map[string]any    `yaml:"with"`
		Env  map[string]string `yaml:"env"`
		Run  string            `yaml:"run"`
	}
)

func TestWorkflowsAreWellFormed(t *testing.T) {
	t.Parallel()
	action := regexp.MustCompile(`^actions/[a-z-]+@v\d+$`)
	own, err := filepath.Glob("../../.github/workflows/*")
	if err != nil || len(own) < 2 {
		t.Fatalf("workflows %q, %v", own, err)
	}
	for _, path := range append(own, filesOf(t, "github/*")...) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			var w workflow
			decode(t, readFile(t, path), &w)
			if w.Name == "" || w.On == nil || w.Permissions["contents"] == "" {
				t.Error("it has no name, event or permissions")
			}
			for name, job := range w.Jobs {
				if job.RunsOn == "" || job.TimeoutMinutes == 0 {
					t.Errorf("the job %s has no machine or no time-out", name)
				}
				for _, step := range job.Steps {
					if (step.Uses == "") == (step.Run == "") || step.Uses != "" && !action.MatchString(step.Uses) {
						t.Errorf("the step %+v", step)
					}
					if strings.Contains(step.Run, "${{") { // what is put into a script is run
						t.Errorf("values come into scripts by the environment: %s", step.Run)
					}
					checkShell(t, "bash", step.Run)
				}
			}
		})
	}
}

func TestGitHubAppliesWhatWasApproved(t *testing.T) {
	t.Parallel()
	var w workflow
	decode(t, readFile(t, deploy+"/github/retention.yml"), &w)
	plan, apply := w.Jobs["plan"], w.Jobs["apply"]
	if apply.Needs != "plan" || apply.Environment == "" || plan.Environment != "" {
		t.Errorf("apply needs %q in the environment %q; plan is in %q", apply.Needs, apply.Environment, plan.Environment)
	}
	planning := steps(plan, "regret plan ")
	if len(planning) != 1 || planning[0].ID == "" {
		t.Fatalf("planning: %+v", planning)
	}
	if want := "${{ steps." + planning[0].ID + ".outputs.digest }}"; plan.Outputs["digest"] != want {
		t.Errorf("the digest of the job is %s, want %s", plan.Outputs["digest"], want)
	}
	applying := steps(apply, "regret apply ")
	if len(applying) != 1 || applying[0].Env["DIGEST"] != "${{ needs.plan.outputs.digest }}" ||
		!strings.Contains(applying[0].Run, `--expect "$DIGEST"`) {
		t.Errorf("applying: %+v", applying)
	}
	uploads := map[string][]workflowStep{}
	for name, job := range w.Jobs {
		for _, step := range job.Steps {
			if strings.HasPrefix(step.Uses, "actions/upload-artifact@") {
				uploads[name] = append(uploads[name], step)
			}
		}
	}
	if u := uploads["plan"]; len(u) != 1 || !strings.Contains(u[0].With["path"].(string), "plan.json\n") {
		t.Errorf("the plan is not kept: %+v", u)
	}
	if u := uploads["apply"]; len(u) != 1 || u[0].If != "always()" || u[0].With["path"] != "regret-undo/" {
		t.Errorf("the undo folder is not kept even after a failure: %+v", u)
	}
	if c := w.Concurrency; c.Group == "" || c.CancelInProgress == nil || *c.CancelInProgress {
		t.Errorf("a run may end another one: %+v", c)
	}
	for _, name := range []string{"REGRET_USERNAME", "REGRET_PASSWORD"} {
		if !strings.HasPrefix(applying[0].Env[name], "${{ secrets.") || w.Env["REGRET_REGISTRY"] == "" {
			t.Errorf("%s is %q, for the host %q", name, applying[0].Env[name], w.Env["REGRET_REGISTRY"])
		}
	}
}

// steps returns the steps of a job that run a command.
func steps(job workflowJob, command string) []workflowStep {
	var found []workflowStep
	for _, step := range job.Steps {
		if strings.Contains(step.Run, command) {
			found = append(found, step)
		}
	}
	return found
}

func TestGitLabAppliesWhatWasApproved(t *testing.T) {
	t.Parallel()
	type job struct {
		Stage string   `yaml:"stage"`
		Needs []string `yaml:"needs"`
		Rules []struct {
			If   string `yaml:"if"`
			When string `yaml:"when"`
		} `yaml:"rules"`
		Environment   map[string]string `yaml:"environment"`
		ResourceGroup string            `yaml:"resource_group"`
		Script        []string          `yaml:"script"`
		Artifacts     struct {
			When     string            `yaml:"when"`
			Paths    []string          `yaml:"paths"`
			Reports  map[string]string `yaml:"reports"`
			ExpireIn string            `yaml:"expire_in"`
		} `yaml:"artifacts"`
	}
	var pipeline struct {
		Stages    []string          `yaml:"stages"`
		Variables map[string]string `yaml:"variables"`
		Default   struct {
			Image         string   `yaml:"image"`
			Interruptible *bool    `yaml:"interruptible"`
			BeforeScript  []string `yaml:"before_script"`
		} `yaml:"default"`
		Plan  job `yaml:"plan"`
		Apply job `yaml:"apply"`
	}
	decode(t, readFile(t, deploy+"/gitlab/.gitlab-ci.yml"), &pipeline)
	plan, apply := pipeline.Plan, pipeline.Apply
	if diff := cmp.Diff([]string{plan.Stage, apply.Stage}, pipeline.Stages); diff != "" {
		t.Errorf("stages (-jobs +listed):\n%s", diff)
	}
	for _, line := range slices.Concat(pipeline.Default.BeforeScript, plan.Script, apply.Script) {
		checkShell(t, "sh", line)
	}
	if !slices.Equal(apply.Needs, []string{"plan"}) || len(apply.Rules) != 1 || apply.Rules[0].When != "manual" ||
		apply.Environment["name"] == "" || apply.ResourceGroup == "" {
		t.Errorf("apply does not wait for a person, or not alone: %+v", apply)
	}
	if !slices.Contains(plan.Artifacts.Paths, "plan.json") || plan.Artifacts.Reports["dotenv"] != "plan.env" ||
		!strings.Contains(strings.Join(plan.Script, "\n"), `echo "PLAN_DIGEST=sha256:`) {
		t.Errorf("the plan and its digest are not kept: %+v", plan)
	}
	if !strings.Contains(strings.Join(apply.Script, "\n"), `--expect "$PLAN_DIGEST"`) {
		t.Errorf("apply takes any plan: %q", apply.Script)
	}
	if a := apply.Artifacts; a.When != "always" || !slices.Equal(a.Paths, []string{"regret-undo/"}) {
		t.Errorf("the undo folder is not kept even after a failure: %+v", a)
	}
	if i := pipeline.Default.Interruptible; i == nil || *i || pipeline.Variables["REGRET_REGISTRY"] == "" {
		t.Errorf("interruptible %v; the login is for %q", i, pipeline.Variables["REGRET_REGISTRY"])
	}
}

func TestScriptsAreValidShell(t *testing.T) {
	t.Parallel()
	for _, path := range filesOf(t, "in-use/*.sh") {
		text := readFile(t, path)
		if !strings.HasPrefix(text, "#!/bin/sh\n# ") || !strings.Contains(text, "\nset -eu") {
			t.Errorf("%s does not begin with what it does, or goes on after a failure", path)
		}
		checkShell(t, "sh", text)
	}
	for _, path := range []string{"../../.ci/run", "../../.ci/release"} {
		checkShell(t, "bash", readFile(t, path))
	}
}

// checkShell lets a shell parse a script.
func checkShell(t *testing.T, shell, script string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shell, "-n")
	cmd.Stdin = strings.NewReader(script)
	if output, err := cmd.CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("%s -n: %v: %s\n%s", shell, err, output, script)
	}
}

func TestEveryYAMLFileToCopyIsReadByATest(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"*/*.yaml", "*/*.yml", "*/.*.yml"} {
		for _, path := range filesOf(t, pattern) {
			for _, text := range documents(t, path) {
				var document map[string]any
				if err := yaml.Unmarshal([]byte(text), &document); err != nil || len(document) == 0 {
					t.Errorf("%s: %v", path, err)
				}
			}
			known := []string{"policies", "kubernetes", "github", "gitlab"}
			if !slices.Contains(known, filepath.Base(filepath.Dir(path))) {
				t.Errorf("no test knows what %s should have", path)
			}
		}
	}
}
