package main_test

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
)

// The parts of Kubernetes objects that deploy/kubernetes has. Keys that are not here are errors:
// whoever adds one checks its name and its place with the documentation of Kubernetes.
type (
	objectHead struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Metadata   struct {
			Name         string `yaml:"name"`
			GenerateName string `yaml:"generateName"`
		} `yaml:"metadata"`
	}
	configMap struct {
		Head objectHead        `yaml:",inline"`
		Data map[string]string `yaml:"data"`
	}
	claim struct {
		Head objectHead `yaml:",inline"`
		Spec struct {
			AccessModes []string `yaml:"accessModes"`
			Resources   struct {
				Requests map[string]string `yaml:"requests"`
			} `yaml:"resources"`
		} `yaml:"spec"`
	}
	cronJob struct {
		Head objectHead `yaml:",inline"`
		Spec struct {
			Schedule                   string `yaml:"schedule"`
			TimeZone                   string `yaml:"timeZone"`
			ConcurrencyPolicy          string `yaml:"concurrencyPolicy"`
			StartingDeadlineSeconds    int    `yaml:"startingDeadlineSeconds"`
			SuccessfulJobsHistoryLimit int    `yaml:"successfulJobsHistoryLimit"`
			FailedJobsHistoryLimit     int    `yaml:"failedJobsHistoryLimit"`
			JobTemplate                struct {
				Spec jobSpec `yaml:"spec"`
			} `yaml:"jobTemplate"`
		} `yaml:"spec"`
	}
	job struct {
		Head objectHead `yaml:",inline"`
		Spec jobSpec    `yaml:"spec"`
	}
	jobSpec struct {
		CompletionMode          string `yaml:"completionMode"`
		Completions             int    `yaml:"completions"`
		Parallelism             int    `yaml:"parallelism"`
		BackoffLimit            *int   `yaml:"backoffLimit"`
		BackoffLimitPerIndex    *int   `yaml:"backoffLimitPerIndex"`
		ActiveDeadlineSeconds   int    `yaml:"activeDeadlineSeconds"`
		TTLSecondsAfterFinished int    `yaml:"ttlSecondsAfterFinished"`
		PodFailurePolicy        struct {
			Rules []failureRule `yaml:"rules"`
		} `yaml:"podFailurePolicy"`
		Template struct {
			Spec podSpec `yaml:"spec"`
		} `yaml:"template"`
	}
	failureRule struct {
		Action      string `yaml:"action"`
		OnExitCodes *struct {
			ContainerName string      `yaml:"containerName"`
			Operator      string      `yaml:"operator"`
			Values        []exit.Code `yaml:"values"`
		} `yaml:"onExitCodes"`
		OnPodConditions []struct {
			Type   string `yaml:"type"`
			Status string `yaml:"status"`
		} `yaml:"onPodConditions"`
	}
	podSpec struct {
		RestartPolicy                 string `yaml:"restartPolicy"`
		TerminationGracePeriodSeconds int    `yaml:"terminationGracePeriodSeconds"`
		AutomountServiceAccountToken  *bool  `yaml:"automountServiceAccountToken"`
		EnableServiceLinks            *bool  `yaml:"enableServiceLinks"`
		SecurityContext               struct {
			RunAsNonRoot   bool              `yaml:"runAsNonRoot"`
			RunAsUser      int               `yaml:"runAsUser"`
			RunAsGroup     int               `yaml:"runAsGroup"`
			FSGroup        int               `yaml:"fsGroup"`
			SeccompProfile map[string]string `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		Containers []container `yaml:"containers"`
		Volumes    []volume    `yaml:"volumes"`
	}
	container struct {
		Name            string   `yaml:"name"`
		Image           string   `yaml:"image"`
		WorkingDir      string   `yaml:"workingDir"`
		Args            []string `yaml:"args"`
		SecurityContext struct {
			AllowPrivilegeEscalation *bool               `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool                `yaml:"readOnlyRootFilesystem"`
			Capabilities             map[string][]string `yaml:"capabilities"`
		} `yaml:"securityContext"`
		Resources    map[string]map[string]string `yaml:"resources"`
		VolumeMounts []mount                      `yaml:"volumeMounts"`
	}
	mount struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	}
	volume struct {
		Name      string                 `yaml:"name"`
		ConfigMap *struct{ Name string } `yaml:"configMap"`
		Secret    *struct {
			SecretName  string `yaml:"secretName"`
			DefaultMode int    `yaml:"defaultMode"`
			Items       []struct {
				Key  string `yaml:"key"`
				Path string `yaml:"path"`
			} `yaml:"items"`
		} `yaml:"secret"`
		PersistentVolumeClaim *struct {
			ClaimName string `yaml:"claimName"`
		} `yaml:"persistentVolumeClaim"`
	}
)

// apiVersions are those of the kinds that deploy/kubernetes has.
var apiVersions = map[string]string{
	"ConfigMap": "v1", "PersistentVolumeClaim": "v1", "CronJob": "batch/v1", "Job": "batch/v1",
}

// objects are the Kubernetes objects in a file.
type objects struct {
	maps     map[string]configMap
	claims   map[string]claim
	cronJobs []cronJob
	jobs     []job
}

// readObjects reads the objects of a file, strictly.
func readObjects(t *testing.T, file string) objects {
	t.Helper()
	found := objects{maps: map[string]configMap{}, claims: map[string]claim{}}
	for _, document := range documents(t, deploy+"/kubernetes/"+file) {
		var head objectHead
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatal(err)
		}
		if want := apiVersions[head.Kind]; want == "" || head.APIVersion != want {
			t.Errorf("%s: %s %s, want %q", file, head.Kind, head.APIVersion, want)
		}
		if (head.Metadata.Name == "") == (head.Metadata.GenerateName == "") {
			t.Errorf("%s: %s has no name, or two", file, head.Kind)
		}
		switch head.Kind {
		case "ConfigMap":
			var m configMap
			decode(t, document, &m)
			found.maps[head.Metadata.Name] = m
		case "PersistentVolumeClaim":
			var c claim
			decode(t, document, &c)
			found.claims[head.Metadata.Name] = c
		case "CronJob":
			var c cronJob
			decode(t, document, &c)
			found.cronJobs = append(found.cronJobs, c)
		case "Job":
			var j job
			decode(t, document, &j)
			found.jobs = append(found.jobs, j)
		}
	}
	return found
}

func TestCronJobCanBeApplied(t *testing.T) {
	t.Parallel()
	found := readObjects(t, "cronjob.yaml")
	if len(found.cronJobs) != 1 || len(found.jobs) != 0 {
		t.Fatalf("%d cron jobs and %d jobs", len(found.cronJobs), len(found.jobs))
	}
	spec := found.cronJobs[0].Spec
	if len(strings.Fields(spec.Schedule)) != 5 || spec.TimeZone == "" {
		t.Errorf("schedule %q, time zone %q", spec.Schedule, spec.TimeZone)
	}
	if spec.ConcurrencyPolicy != "Forbid" {
		t.Errorf("concurrencyPolicy %s, want Forbid", spec.ConcurrencyPolicy)
	}
	checkRules(t, spec.JobTemplate.Spec, map[string][]exit.Code{
		"FailJob": {exit.Usage, exit.Partial, exit.NotAllowed, exit.NotFound, exit.Unsafe, exit.Unknown},
	})
	if spec.JobTemplate.Spec.BackoffLimit == nil {
		t.Error("nothing says how often a failure is retried")
	}
	checkPod(t, spec.JobTemplate.Spec.Template.Spec, found)
}

func TestIndexedJobCanBeApplied(t *testing.T) {
	t.Parallel()
	found := readObjects(t, "indexed-job.yaml")
	if len(found.cronJobs) != 0 || len(found.jobs) != 1 {
		t.Fatalf("%d cron jobs and %d jobs", len(found.cronJobs), len(found.jobs))
	}
	spec := found.jobs[0].Spec
	if spec.CompletionMode != "Indexed" || spec.BackoffLimitPerIndex == nil || spec.Parallelism < 2 {
		t.Errorf("mode %s, parallelism %d, backoffLimitPerIndex %v", spec.CompletionMode, spec.Parallelism, spec.BackoffLimitPerIndex)
	}
	checkRules(t, spec, map[string][]exit.Code{
		"FailJob":   {exit.Usage},
		"FailIndex": {exit.Partial, exit.NotAllowed, exit.Unsafe, exit.Unknown},
	})
	shard := "--shard=auto/" + strconv.Itoa(spec.Completions)
	if pod := spec.Template.Spec; !slices.Contains(pod.Containers[0].Args, shard) {
		t.Errorf("args %q have no %s: there are as many parts as completions", pod.Containers[0].Args, shard)
	}
	shared := readObjects(t, "cronjob.yaml") // its ConfigMap is used, too
	for name, c := range found.claims {
		if shared.claims[name] = c; !slices.Contains(c.Spec.AccessModes, "ReadWriteMany") {
			t.Errorf("the volume %s cannot be used by pods on several nodes", name)
		}
	}
	checkPod(t, spec.Template.Spec, shared)
}

// checkRules compares which exit codes end a job or a part of it. What is not among them is retried.
func checkRules(t *testing.T, spec jobSpec, want map[string][]exit.Code) {
	t.Helper()
	got := map[string][]exit.Code{}
	for i, rule := range spec.PodFailurePolicy.Rules {
		switch on := rule.OnExitCodes; {
		case rule.Action == "Ignore": // a pod that is evicted may end with any code
			if i != 0 || on != nil || len(rule.OnPodConditions) != 1 || rule.OnPodConditions[0].Type != "DisruptionTarget" ||
				rule.OnPodConditions[0].Status != "True" {
				t.Errorf("rule %d ignores %+v", i, rule)
			}
		case on == nil || len(rule.OnPodConditions) != 0 || on.Operator != "In" || on.ContainerName != spec.Template.Spec.Containers[0].Name:
			t.Errorf("rule %d is not about exit codes of the container: %+v", i, rule)
		default:
			got[rule.Action] = append(got[rule.Action], on.Values...)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exit codes by action (-want +got):\n%s", diff)
	}
}

// checkPod checks what a pod may do, and that it finds everything that its arguments name.
func checkPod(t *testing.T, pod podSpec, found objects) {
	t.Helper()
	if pod.RestartPolicy != "Never" {
		t.Errorf("restartPolicy %s, want Never, which podFailurePolicy needs", pod.RestartPolicy)
	}
	if pod.TerminationGracePeriodSeconds <= 30 {
		t.Errorf("%d s to end in, but deletions in flight may take 30 s", pod.TerminationGracePeriodSeconds)
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("the pod gets a token of the cluster, which it does not need")
	}
	if s := pod.SecurityContext; !s.RunAsNonRoot || s.RunAsUser == 0 || s.RunAsUser != s.FSGroup || s.SeccompProfile["type"] != "RuntimeDefault" {
		t.Errorf("securityContext of the pod: %+v", s)
	}
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Containers))
	}
	c := pod.Containers[0]
	if s := c.SecurityContext; !s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
		!slices.Equal(s.Capabilities["drop"], []string{"ALL"}) {
		t.Errorf("securityContext of the container: %+v", s)
	}
	if c.Resources["requests"]["memory"] == "" || c.Resources["limits"]["memory"] == "" {
		t.Errorf("resources %v", c.Resources)
	}
	checkVolumes(t, pod, found)
	for _, arg := range c.Args {
		flag, _, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(flag, "--username") || strings.HasPrefix(flag, "--password") || strings.Contains(arg, "$(") {
			t.Errorf("the argument %s may have a secret", arg)
		}
	}
}

// checkVolumes checks that each volume exists and is mounted, and that the arguments name files in them.
func checkVolumes(t *testing.T, pod podSpec, found objects) {
	t.Helper()
	c := pod.Containers[0]
	hasFlag := func(flag, file string) {
		if !slices.Contains(c.Args, flag+"="+file) {
			t.Errorf("args %q have no %s=%s", c.Args, flag, file)
		}
	}
	for _, v := range pod.Volumes {
		i := slices.IndexFunc(c.VolumeMounts, func(m mount) bool { return m.Name == v.Name })
		if i < 0 {
			t.Errorf("the volume %s is not mounted", v.Name)
			continue
		}
		at := c.VolumeMounts[i]
		if isUndo := v.PersistentVolumeClaim != nil; at.ReadOnly == isUndo {
			t.Errorf("the volume %s: readOnly %t", v.Name, at.ReadOnly)
		}
		switch {
		case v.ConfigMap != nil:
			text, ok := found.maps[v.ConfigMap.Name].Data["policy.yaml"]
			if _, err := policyfile.Read("policy.yaml", []byte(text)); !ok || err != nil {
				t.Errorf("the policy in %s: %v", v.ConfigMap.Name, err)
			}
			hasFlag("--policy", path.Join(at.MountPath, "policy.yaml"))
		case v.Secret != nil:
			if len(v.Secret.Items) != 1 || v.Secret.Items[0].Key != ".dockerconfigjson" || v.Secret.DefaultMode != 0o440 {
				t.Errorf("the login: %+v", v.Secret)
			}
			hasFlag("--auth-file", path.Join(at.MountPath, v.Secret.Items[0].Path))
		case v.PersistentVolumeClaim != nil:
			claim, ok := found.claims[v.PersistentVolumeClaim.ClaimName]
			if !ok || claim.Spec.Resources.Requests["storage"] == "" {
				t.Errorf("there is no claim %s", v.PersistentVolumeClaim.ClaimName)
			}
			if c.WorkingDir != at.MountPath {
				t.Errorf("undo folders are made in %s, but the volume is %s", c.WorkingDir, at.MountPath)
			}
		}
	}
	if len(pod.Volumes) != len(c.VolumeMounts) || len(pod.Volumes) != 3 {
		t.Errorf("%d volumes, %d mounts", len(pod.Volumes), len(c.VolumeMounts))
	}
}
