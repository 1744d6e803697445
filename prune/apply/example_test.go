package apply_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// exampleClient returns a client of a registry with two repositories.
func exampleClient() (*regret.Client, *fakeregistry.Registry) {
	registry := fakeregistry.New()
	registry.PutIndex("team/app", []string{"1.0 for amd64", "1.0 for arm64"}, "1.0.0")
	registry.PutIndex("team/app", []string{"17 for amd64", "17 for arm64"}, "pr-17")
	registry.PutImage("team/app", "18", "pr-18")
	registry.PutImage("team/web", "1.0", "1.0.0")
	registry.PutImage("team/web", "19", "pr-19")
	client, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		panic(err)
	}
	return client, registry
}

// examplePlan plans to remove the images of pull requests.
func examplePlan(client *regret.Client) *plan.Plan {
	made, err := prune.Make(context.Background(), client, "team/app", examplePolicy(), &prune.ReadOptions{At: exampleTime})
	if err != nil {
		panic(err)
	}
	return made
}

func examplePolicy() *policy.Policy {
	p, err := policy.Parse([]byte(`{"version": 1, "remove": [{"tags": "pr-*"}], "limits": {"max-percent": 80}}`))
	if err != nil {
		panic(err)
	}
	return p
}

// exampleTime is when the examples plan.
var exampleTime = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// exampleFolder returns a new folder for archives and journals, and how to remove it.
func exampleFolder() (string, func()) {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	return folder, func() { os.RemoveAll(folder) }
}

// Carry out a plan, and bring back what it took. The archive must be somewhere safe for as long as
// that may be wanted.
func ExampleApply() {
	ctx := context.Background()
	client, registry := exampleClient()
	folder, remove := exampleFolder()
	defer remove()
	store, err := undo.DirStore(filepath.Join(folder, "undo"))
	if err != nil {
		fmt.Println(err)
		return
	}
	made := examplePlan(client)
	report, err := apply.Apply(ctx, client, made, store, &apply.Options{Verify: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(report)
	fmt.Println(len(registry.Tags("team/app")), "tag is left")

	restored, err := undo.Restore(ctx, client, store, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(restored.IsComplete(), len(registry.Tags("team/app")), "tags")
	// Output:
	// registry.example.com/team/app   4 deleted   frees at most 839 B, after garbage collection
	// what stays is served: 1 image, 3 manifests, 4 blobs
	// 1 tag is left
	// true 3 tags
}

// Somebody puts a tag on an image after the plan was made. The image stays, and the report says why.
func ExampleApply_stale() {
	client, registry := exampleClient()
	folder, remove := exampleFolder()
	defer remove()
	store, err := undo.DirStore(folder)
	if err != nil {
		fmt.Println(err)
		return
	}
	made := examplePlan(client)
	image, _ := registry.Tag("team/app", "pr-18")
	registry.SetTag("team/app", "1.1.0", image)

	report, err := apply.Apply(context.Background(), client, made, store, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, result := range report.Results {
		if len(result.Tags) > 0 {
			fmt.Println(result.Tags, result.Status, result.Reason)
		}
	}
	// Output:
	// [pr-18] stale a tag points to it that the plan does not know: 1.1.0
	// [pr-17] deleted
}

// A plan is made and reviewed in one place, and carried out in another, where it must be the one
// that was reviewed, and not too old.
func ExampleApply_reviewed() {
	client, _ := exampleClient()
	made := examplePlan(client)
	reviewed := made.Digest()
	var file bytes.Buffer
	if _, err := made.WriteTo(&file); err != nil {
		fmt.Println(err)
		return
	}

	folder, remove := exampleFolder()
	defer remove()
	store, err := undo.DirStore(folder)
	if err != nil {
		fmt.Println(err)
		return
	}
	received, err := plan.Read(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	o := &apply.Options{Expect: reviewed, MaxAge: 100 * 365 * 24 * time.Hour} // or, outside of an example, a day
	report, err := apply.Apply(context.Background(), client, received, store, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Totals())
	// Output:
	// 4 deleted   frees at most 839 B, after garbage collection
}

// With a journal, a run that was interrupted goes on where it ended. Here the context ends with the
// first result.
func ExampleJournal() {
	client, _ := exampleClient()
	folder, remove := exampleFolder()
	defer remove()
	store, err := undo.DirStore(filepath.Join(folder, "undo"))
	if err != nil {
		fmt.Println(err)
		return
	}
	made := examplePlan(client)
	carryOut := func(ctx context.Context, onResult func(apply.Result)) {
		journal, err := os.OpenFile(filepath.Join(folder, "journal"), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer journal.Close()
		report, err := apply.Apply(ctx, client, made, store, &apply.Options{Journal: journal, Concurrency: 1, OnResult: onResult})
		fmt.Println(report.Count(apply.Deleted), "deleted, error:", err)
	}
	ctx, interrupt := context.WithCancel(context.Background())
	carryOut(ctx, func(apply.Result) { interrupt() })
	carryOut(context.Background(), nil)
	carryOut(context.Background(), nil) // the journal has all of it: nothing is sent
	// Output:
	// 1 deleted, error: context canceled
	// 4 deleted, error: <nil>
	// 4 deleted, error: <nil>
}

// Look at a journal: how far did the run come that wrote it?
func ExampleReadJournal() {
	client, _ := exampleClient()
	folder, remove := exampleFolder()
	defer remove()
	store, err := undo.DirStore(filepath.Join(folder, "undo"))
	if err != nil {
		fmt.Println(err)
		return
	}
	made := examplePlan(client)
	journal, err := os.Create(filepath.Join(folder, "journal"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer journal.Close()
	ctx, interrupt := context.WithCancel(context.Background())
	_, err = apply.Apply(ctx, client, made, store, &apply.Options{Journal: journal, Concurrency: 1, OnResult: func(apply.Result) { interrupt() }})
	fmt.Println("error:", err)

	if _, err := journal.Seek(0, io.SeekStart); err != nil {
		fmt.Println(err)
		return
	}
	summary, err := apply.ReadJournal(journal)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("of this plan:", summary.Plan == made.Digest(), "finished:", summary.Finished)
	fmt.Println(len(summary.Results), "step has ended, of", len(summary.Open)+1, "that were announced")
	// Output:
	// error: context canceled
	// of this plan: true finished: false
	// 1 step has ended, of 2 that were announced
}

// Prune a whole registry, one repository after the other, each with an archive of its own.
func ExampleAll() {
	ctx := context.Background()
	client, _ := exampleClient()
	folder, remove := exampleFolder()
	defer remove()
	plans := prune.MakeAll(ctx, client, client.Repositories(ctx), examplePolicy(), &prune.ReadOptions{At: exampleTime})
	archive := func(p *plan.Plan) (undo.Store, error) {
		return undo.DirStore(filepath.Join(folder, p.Header().Repository, p.Digest().Encoded()))
	}
	var totals apply.Totals
	for report, err := range apply.All(ctx, client, plans, archive, nil) {
		if err != nil {
			fmt.Println(err) // and on with the next repository
		}
		if report != nil {
			fmt.Println(report.Repository, report.Totals())
			totals = totals.Add(report.Totals())
		}
	}
	fmt.Println(totals.ByStatus[apply.Deleted], "of", totals.Steps, "steps")
	// Output:
	// team/app 4 deleted   frees at most 839 B, after garbage collection
	// team/web 1 deleted   frees at most 273 B, after garbage collection
	// 5 of 5 steps
}

// A report is kept as JSON, and read again.
func ExampleReadReport() {
	client, _ := exampleClient()
	folder, remove := exampleFolder()
	defer remove()
	store, err := undo.DirStore(folder)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := apply.Apply(context.Background(), client, examplePlan(client), store, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	if _, err := report.WriteTo(&file); err != nil {
		fmt.Println(err)
		return
	}
	read, err := apply.ReadReport(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(read.Count(apply.Deleted), read.Count(apply.Refused))
	// Output: 4 0
}
