package undo_test

import (
	"context"
	"fmt"

	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// Restore what is in the trash. While it was there, somebody has pushed one of its tags anew: that tag
// is left alone, and the image stays in the trash, until the caller says that it may be moved.
func ExampleRestoreTrash() {
	ctx := context.Background()
	client, made := examplePlan(ctx)
	if _, err := apply.Quarantine(ctx, client, made, newMemory(), nil); err != nil {
		fmt.Println(err)
		return
	}
	release, err := client.Manifest(ctx, "team/app", "1.0")
	if err == nil {
		err = client.PutManifest(ctx, "team/app", "pr-7", release) // somebody pushes the tag
	}
	if err != nil {
		fmt.Println(err)
		return
	}

	report, err := undo.RestoreTrash(ctx, client, "team/app", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, result := range report.Results[:2] {
		fmt.Println(result.Tag, "is", result.Status)
	}
	fmt.Println("complete:", report.IsComplete())
	report, err = undo.RestoreTrash(ctx, client, "team/app", &undo.RestoreOptions{Move: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report)
	// Output:
	// pr-7 is elsewhere
	// pr-7-rerun is restored
	// complete: false
	// registry.example.com/team/app: 1 already there, 1 moved, 2 removed
}
