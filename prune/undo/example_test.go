package undo_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// examplePlan returns a client of a registry, and a plan that removes one of two images.
func examplePlan(ctx context.Context) (*regret.Client, *plan.Plan) {
	registry := fakeregistry.New()
	registry.PutImage("team/app", "the release", "1.0")
	registry.PutImage("team/app", "a pull request", "pr-7", "pr-7-rerun")
	client, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		panic(err)
	}
	p, err := policy.Parse([]byte(`{"version": 1, "remove": [{"tags": "pr-*", "older-than": "30d"}]}`))
	if err != nil {
		panic(err)
	}
	made, err := prune.Make(ctx, client, "team/app", p, &prune.ReadOptions{At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		panic(err)
	}
	return client, made
}

// Archive what a plan takes away before it is carried out, and restore it when somebody misses
// it. A dry run tells first what would come back.
func Example() {
	ctx := context.Background()
	client, made := examplePlan(ctx)
	folder, err := os.MkdirTemp("", "undo")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)

	store, err := undo.DirStore(filepath.Join(folder, "2026-01-31"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := undo.Write(ctx, client, made, store, nil); err != nil {
		fmt.Println(err)
		return
	}
	for step := range made.Steps() { // or apply the plan
		if err := client.DeleteManifest(ctx, "team/app", step.Digest); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, o := range []*undo.RestoreOptions{{DryRun: true}, nil, nil} {
		report, err := undo.Restore(ctx, client, store, o)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(report)
	}
	// Output:
	// registry.example.com/team/app (dry run): 3 restored
	// registry.example.com/team/app: 3 restored
	// registry.example.com/team/app: 3 already there
}

// Look into an archive without a registry.
func ExampleOpen() {
	ctx := context.Background()
	client, made := examplePlan(ctx)
	store := newMemory() // a store of one's own, such as a bucket
	if _, err := undo.Write(ctx, client, made, store, nil); err != nil {
		fmt.Println(err)
		return
	}

	archive, err := undo.Open(ctx, store)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(archive.Plan().Header().Repository, len(slices.Collect(archive.Entries())), "manifest")
	for e := range archive.Entries() {
		m, err := archive.Manifest(ctx, e.Descriptor.Digest)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Tags, m.Descriptor.MediaType)
	}
	// Output:
	// team/app 1 manifest
	// [pr-7 pr-7-rerun] application/vnd.oci.image.manifest.v1+json
}

// A tag that points to something else by now is left alone, and reported.
func ExampleRestore() {
	ctx := context.Background()
	client, made := examplePlan(ctx)
	store := newMemory()
	if _, err := undo.Write(ctx, client, made, store, nil); err != nil {
		fmt.Println(err)
		return
	}
	for step := range made.Steps() {
		if err := client.DeleteManifest(ctx, "team/app", step.Digest); err != nil {
			fmt.Println(err)
			return
		}
	}
	release, err := client.Manifest(ctx, "team/app", "1.0")
	if err == nil {
		err = client.PutManifest(ctx, "team/app", "pr-7", release) // somebody pushes the tag
	}
	if err != nil {
		fmt.Println(err)
		return
	}

	report, err := undo.Restore(ctx, client, store, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, result := range report.Results {
		if result.Tag != "" {
			fmt.Println(result.Tag, "is", result.Status)
		}
	}
	report, err = undo.Restore(ctx, client, store, &undo.RestoreOptions{Move: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report)
	// Output:
	// pr-7 is elsewhere
	// pr-7-rerun is restored
	// registry.example.com/team/app: 2 already there, 1 moved
}
