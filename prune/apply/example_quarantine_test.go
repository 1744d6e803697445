package apply_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// Put images in the trash in place of deleting them, look, and take them out again. The same policy
// empties the trash: a run of Quarantine two weeks later deletes what is still there.
func ExampleQuarantine() {
	ctx := context.Background()
	registry := fakeregistry.New()
	registry.PutImage("team/app", "the release", "1.0")
	registry.PutImage("team/app", "a pull request", "pr-7", "pr-7-rerun")
	client, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}
	rules, err := policy.Parse([]byte(`{"version": 1, "remove": [
		{"tags": "pr-*", "older-than": "30d"},
		{"trash": true, "older-than": "14d"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := prune.Make(ctx, client, "team/app", rules, &prune.ReadOptions{At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		fmt.Println(err)
		return
	}
	folder, err := os.MkdirTemp("", "undo")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	store, err := undo.DirStore(folder)
	if err != nil {
		fmt.Println(err)
		return
	}

	report, err := apply.Quarantine(ctx, client, made, store, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, result := range report.Results {
		fmt.Println(result.Tags, result.Status)
	}
	show := func() {
		for tag, err := range client.Tags(ctx, "team/app") {
			if err != nil {
				fmt.Println(err)
				return
			}
			if strings.HasPrefix(tag, "regret-trash-") {
				tag = "regret-trash-<today>-<plan>" + tag[len("regret-trash-20260131-0123abcd"):]
			}
			fmt.Println(" ", tag)
		}
	}
	show()

	restored, err := undo.RestoreTrash(ctx, client, "team/app", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(restored)
	show()
	// Output:
	// [pr-7 pr-7-rerun] quarantined
	//   1.0
	//   regret-trash-<today>-<plan>-4e6820334f35
	//   regret-trash-<today>-<plan>-names-1
	// registry.example.com/team/app: 2 restored, 2 removed
	//   1.0
	//   pr-7
	//   pr-7-rerun
}
