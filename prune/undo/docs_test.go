package undo_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// TestDocsShowWhatIsPrinted compares docs/undo.md with the report that it shows, and with the
// statuses that there are.
func TestDocsShowWhatIsPrinted(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/undo.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	ctx := context.Background()
	client, made := examplePlan(ctx)
	store := newMemory()
	if _, err := undo.Write(ctx, client, made, store, nil); err != nil {
		t.Fatal(err)
	}
	for step := range made.Steps() {
		if err := client.DeleteManifest(ctx, "team/app", step.Digest); err != nil {
			t.Fatal(err)
		}
	}
	release, err := client.Manifest(ctx, "team/app", "1.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.PutManifest(ctx, "team/app", "pr-7", release); err != nil {
		t.Fatal(err)
	}
	report, err := undo.Restore(ctx, client, store, nil)
	if err != nil {
		t.Fatal(err)
	}
	if printed := "```text\n" + report.String() + "\n```"; !strings.Contains(page, printed) {
		t.Errorf("the page lacks\n%s", printed)
	}
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z ]+)` \\|").FindAllStringSubmatch(page, -1) {
		rows = append(rows, row[1])
	}
	for _, s := range []undo.Status{
		undo.Restored, undo.AlreadyThere, undo.Joined, undo.Moved, undo.Elsewhere, undo.Lost, undo.Refused, undo.Failed, undo.NotAttempted,
	} {
		if !strings.Contains(strings.Join(rows, ", "), string(s)) {
			t.Errorf("the page does not explain %q", s)
		}
	}
}
