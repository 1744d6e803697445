package undo_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// TestDocsOfQuarantine compares the section of docs/undo.md about quarantine with what the code
// prints, accepts and knows.
func TestDocsOfQuarantine(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/undo.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(raw), "\n## Quarantine and trash\n")
	if !ok {
		t.Fatal("there is no section about quarantine")
	}
	t.Run("the report is the one that is printed", func(t *testing.T) {
		t.Parallel()
		ctx := context.Background()
		client, made := examplePlan(ctx)
		if _, err := apply.Quarantine(ctx, client, made, newMemory(), nil); err != nil {
			t.Fatal(err)
		}
		report, err := undo.RestoreTrash(ctx, client, "team/app", nil)
		if err != nil {
			t.Fatal(err)
		}
		if printed := "```text\n" + report.String() + "\n```"; !strings.Contains(section, printed) {
			t.Errorf("the section lacks\n%s", printed)
		}
	})
	t.Run("the policy is one", func(t *testing.T) {
		t.Parallel()
		for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(section, -1) {
			if _, err := policy.Parse([]byte(block[1])); err != nil {
				t.Errorf("%v:\n%s", err, block[1])
			}
		}
	})
	t.Run("each status that is special to quarantine is explained", func(t *testing.T) {
		t.Parallel()
		for _, status := range []string{string(apply.Quarantined), string(apply.Spared), string(undo.Removed), string(undo.Elsewhere), string(undo.Lost)} {
			if !strings.Contains(section, "`"+status+"`") {
				t.Errorf("%q is not explained", status)
			}
		}
	})
	t.Run("each registry that is known to collect garbage has a row", func(t *testing.T) {
		t.Parallel()
		for _, profile := range fakeregistry.Profiles() {
			if name, _, _ := strings.Cut(profile.Name, " ("); len(profile.Collectors) > 0 && profile.Name != "distribution 3.0" && !strings.Contains(section, name) {
				t.Errorf("there is no row for %s", profile.Name)
			}
		}
	})
}
