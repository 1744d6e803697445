package command_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// TestJSON runs every command with -o json, where all goes well and where not: stdout is one
// document that begins with its kind, or empty.
func TestJSON(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options []regrettest.Option
		fault   regrettest.Fault // of deletions
	}{
		"all is well":          {},
		"deletion is disabled": {options: []regrettest.Option{regrettest.WithDeleteDisabled()}},
		"some are locked":      {options: []regrettest.Option{regrettest.WithImmutableTags("pr-0", "pr-1")}},
		"it is out of order":   {fault: regrettest.Respond(http.StatusBadGateway, "", "")},
		"it lies":              {fault: accept},
		"it speaks in riddles": {fault: regrettest.Respond(http.StatusTeapot, "\x1b[31m", "\u202e\x00\x1b]0;")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, s := onFake(t, "spec", test.options...)
			sh := fakePullRequests(t, fake, s, 4)
			if test.fault != nil {
				fake.Inject(0, http.MethodDelete, anyManifest, test.fault)
			}
			ref := func(i int) string { return fmt.Sprintf("%s:pr-%d", s.name(), i) }
			for kind, args := range map[string][]string{
				"resolved/1":     {"resolve", ref(0), ref(9)},
				"tags/1":         {"ls", s.name(), "--digests"},
				"repositories/1": {"ls", "-R", s.host},
				"referrers/1":    {"referrers", ref(0)},
				"check/1":        {"check", s.name()},
				"explanation/1":  {"explain", ref(0), "-p", "policy.json"},
				"trash/1":        {"trash", "ls", s.name()},
				"version/1":      {"version"},
			} {
				wantDocument(t, sh, kind, args)
			}
			wantDocument(t, sh, "plan/1", []string{"plan", s.name(), "-p", "policy.json"})
			wantDocument(t, sh, "plan/1", []string{"show", "plan.json"})
			wantDocument(t, sh, "untagged/1", []string{"untag", ref(0), ref(9)})
			wantDocument(t, sh, "report/1", []string{"rm", ref(1), "--yes", "--archive", "rm"})
			wantDocument(t, sh, "report/1", []string{"apply", "plan.json", "--archive", "undo"})
			wantDocument(t, sh, "reports/1", []string{"apply", "-p", "policy.json", "-R", s.host, "--yes", "--archive", "more"})
			wantDocument(t, sh, "restore/1", []string{"restore", "undo", "--dry-run"})
			wantDocument(t, sh, "report/1", []string{"show", "undo/report.json"})
		})
	}
}

// wantDocument runs a command with -o json, and checks what it prints.
func wantDocument(t *testing.T, sh *shell, kind string, args []string) {
	t.Helper()
	got := finish(t, sh.command(t, append(args, "-o", "json", "--timeout", "20s")...))
	if got.code != 0 && got.stdout == "" && got.stderr != "" {
		return
	}
	var document map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &document); err != nil {
		t.Errorf("%q: code %d, %v:\n%s%s", args, got.code, err, got.stdout, got.stderr)
		return
	}
	if document["regret"] != kind || !strings.HasPrefix(strings.TrimLeft(got.stdout, " \n"), `{`) {
		t.Errorf("%q: it is a %v, want a %s", args, document["regret"], kind)
	}
	if strings.ContainsAny(got.stdout+got.stderr, "\x1b\x00") {
		t.Errorf("%q prints control sequences: %q", args, got.stdout+got.stderr)
	}
}

// TestBrokenTags checks that a tag that leads to nothing is a reason to delete nothing by a plan.
func TestBrokenTags(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 3)
	fake.SetTag(app, "broken", "sha256:"+unknownDigest)
	for _, args := range [][]string{
		{"plan", s.name(), "-p", "policy.json"}, {"apply", "-p", "policy.json", s.name(), "--yes"}, {"rm", s.name() + ":pr-0", "--yes"},
	} {
		says(t, sh.want(t, 6, args...).stderr, "Error: ", "broken")
	}
	wantWrites(t, fake, 0)
	says(t, sh.want(t, 5, "resolve", s.name()+":broken").stderr, "not found")
	sh.want(t, 0, "untag", s.name()+":broken")
	sh.want(t, 0, "rm", s.name()+":pr-0", "--yes")
}

// unknownDigest is a digest that nothing has.
const unknownDigest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
