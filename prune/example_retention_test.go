package prune_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// retentionExample returns a client of a registry whose repository team/app has the manifests
// of the rows (see docsCase), and options to plan at noon of 26 November 2026.
func retentionExample(rows string) (*regret.Client, *prune.ReadOptions) {
	c, err := docsCase("{}", rows, nil)
	if err != nil {
		panic(err)
	}
	client, err := regret.New(cases.Registry, regret.WithTransport(c.Serve()))
	if err != nil {
		panic(err)
	}
	options := &prune.ReadOptions{At: docsTime}
	if lister, ok := c.Lister(); ok {
		options.Lister = lister
	}
	return client, options
}

// The last three releases stay. The tag 1.4 and latest are no versions and take no place, and
// the release candidate is in no range, so that it stays, too.
func Example_releases() {
	client, options := retentionExample(`
		1.4.2 1.4 latest    3 d
		1.4.1              20 d
		1.4.0              40 d
		1.3.9               1 d
		1.3.8              60 d
		1.5.0-rc.1          2 d`)
	ctx := context.Background()
	data := []byte(`{"version": 1,
		"keep":   [{"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 3}],
		"remove": [{"name": "old releases", "tags": {"semver": ">=1.0.0"}}]}`)

	p, err := policy.Parse(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := prune.Make(ctx, client, "team/app", p, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(made)
	// Output:
	// registry.example/team/app   keep 4   remove 2 (2 tags)   frees at most 402 B, after garbage collection
	// ├─ 1.3.8                image    remove   old releases
	// ├─ 1.3.9                image    remove   old releases
	// ├─ 1.4, 1.4.2, latest   image    keep     releases: number 1 of the newest 3; shared with 1.4, latest
	// ├─ 1.4.0                image    keep     releases: number 3 of the newest 3
	// ├─ 1.4.1                image    keep     releases: number 2 of the newest 3
	// └─ 1 more kept
}

// One nightly of each of the last three days that have one. The days of the zone count: in
// Berlin, 23:30 UTC is the next day.
func Example_nightlies() {
	client, options := retentionExample(`
		nightly-5     2026-11-26 02:00
		nightly-4     2026-11-25 23:30
		nightly-3     2026-11-25 02:00
		nightly-2     2026-11-20 02:00
		nightly-1     2026-10-10 02:00`)
	p, err := policy.New(policy.Document{
		Version: 1,
		Keep:    []policy.Keep{{Name: "nightlies", Tags: policy.Globs("nightly-*"), Daily: 3, Zone: "Europe/Berlin"}},
		Remove:  []policy.Remove{{Name: "old nightlies", Tags: policy.Globs("nightly-*")}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := prune.Make(context.Background(), client, "team/app", p, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(made)
	// Output:
	// registry.example/team/app   keep 3   remove 2 (2 tags)   frees at most 410 B, after garbage collection
	// ├─ nightly-1   image  47 d  remove   old nightlies
	// ├─ nightly-4   image   0 d  remove   old nightlies
	// ├─ nightly-2   image   6 d  keep     nightlies: the newest of its period, daily
	// ├─ nightly-3   image   1 d  keep     nightlies: the newest of its period, daily
	// └─ nightly-5   image   0 d  keep     nightlies: the newest of its period, daily
}

// Pull requests go after 30 days. Unknown is never old: an image that says it was made in
// 1970, as reproducible builds do, stays.
func Example_pullRequests() {
	client, options := retentionExample(`
		main          1 d
		pr-1         40 d
		pr-2         10 d
		pr-3          ?
		pr-keep-4    40 d`)
	p, err := policy.Parse([]byte(`{"version": 1, "remove": [
		{"name": "pull requests", "tags": "pr-*", "except": "pr-keep-*", "older-than": "30d"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := prune.Make(context.Background(), client, "team/app", p, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(made)
	// Output:
	// registry.example/team/app   keep 4   remove 1 (1 tag)   frees at most 200 B, after garbage collection
	// ├─ pr-1   image  40 d  remove   pull requests: older than 30d
	// ├─ pr-3   image     ?  keep     no usable date
	// └─ 3 more kept
	// 1 image without a usable date
}

// At most two builds, and none older than a week: two remove rules, either of which suffices.
func Example_atMostTwoAndAWeek() {
	client, options := retentionExample(`
		stable     90 d
		build-5     1 d
		build-4     2 d
		build-3     3 d
		build-2     8 d
		build-1     9 d`)
	p, err := policy.Parse([]byte(`{"version": 1, "remove": [
		{"name": "too many", "tags": "build-*", "beyond": 2},
		{"name": "too old", "tags": "build-*", "older-than": "7d"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := prune.Make(context.Background(), client, "team/app", p, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(made)
	// Output:
	// registry.example/team/app   keep 3   remove 3 (3 tags)   frees at most 609 B, after garbage collection
	// ├─ build-1   image  9 d  remove   too many: beyond the newest 2; too old: older than 7d
	// ├─ build-2   image  8 d  remove   too many: beyond the newest 2; too old: older than 7d
	// ├─ build-3   image  3 d  remove   too many: beyond the newest 2
	// └─ 3 more kept
}

// What runs stays, whatever else the policy says. The list is made anew before each run.
func Example_whatRuns() {
	client, options := retentionExample(`
		build-4     1 d
		build-3    20 d
		build-2    30 d
		build-1    40 d`)
	file := strings.NewReader("registry.example/team/app:build-2\nregistry.example/team/web:build-7\n")
	modified := docsTime.Add(-5 * time.Minute) // in a program, the time of the file

	list, err := policy.ParseInUse("in-use.txt", file, modified)
	if err != nil {
		fmt.Println(err)
		return
	}
	options.InUse = []*policy.InUse{list}
	p, err := policy.Parse([]byte(`{"version": 1,
		"keep":   [{"name": "in use", "file": "in-use.txt"}],
		"remove": [{"name": "builds", "tags": "build-*", "older-than": "7d"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := prune.Make(context.Background(), client, "team/app", p, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(made)
	// Output:
	// registry.example/team/app   keep 2   remove 2 (2 tags)   frees at most 406 B, after garbage collection
	// ├─ build-1   image  40 d  remove   builds: older than 7d
	// ├─ build-3   image  20 d  remove   builds: older than 7d
	// └─ 2 more kept
}

// A pull request became a release: the image stays, and only the tag pr-9 comes off.
func Example_untag() {
	client, options := retentionExample(`
		1.4.1             1 d
		1.4.0 pr-9       40 d`)
	p, err := policy.Parse([]byte(`{"version": 1, "remove": [
		{"name": "pull requests", "tags": "pr-*", "older-than": "30d", "untag": true}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := prune.Make(context.Background(), client, "team/app", p, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	for step := range made.Steps() {
		fmt.Println(step.Action, step.Untag, "from", step.Tags)
	}
	// Output:
	// untag [pr-9] from [1.4.0 pr-9]
}

// Manifests without a tag go a week after their upload, which only some registries tell. The
// platforms of an index have no tag either; they stay as long as the index does.
func Example_untagged() {
	client, options := retentionExample(`
		latest     1 d    uploaded 1 d ago, linux/amd64, linux/arm64
		-          9 d    uploaded 9 d ago, linux/amd64 of latest, linux/arm64
		-          2 d    uploaded 2 d ago`)
	p, err := policy.Parse([]byte(`{"version": 1, "remove": [{"name": "untagged", "untagged": true, "older-than": "7d"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := prune.Make(context.Background(), client, "team/app", p, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(made)
	// Output:
	// registry.example/team/app   keep 1   remove 0 and 1 other   frees at most 213 B, after garbage collection
	// ├─ sha256:657b653a7b15   untagged    remove   untagged: older than 7d
	// │  ├─ linux/amd64                    keep     also in latest
	// │  └─ linux/arm64                    remove   only what goes lists it
	// └─ 1 more kept
}

// What does each rule say about an image, and why?
func Example_explain() {
	client, options := retentionExample(`
		1.4.2    3 d
		1.4.1   20 d
		1.3.9    1 d`)
	ctx := context.Background()
	p, err := policy.Parse([]byte(`{"version": 1,
		"keep":   [{"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 2}],
		"remove": [{"name": "old releases", "tags": {"semver": ">=1.0.0"}, "older-than": "30d"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	snapshot, err := prune.Read(ctx, client, "team/app", p, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	decision, err := plan.Decide(p, snapshot, options.At)
	if err != nil {
		fmt.Println(err)
		return
	}
	for image, verdicts := range decision.Images() {
		for _, v := range verdicts {
			fmt.Printf("%s: %s: %s\n", image.Tags[0], v.Rule, v.Text)
		}
	}
	// Output:
	// 1.3.9: releases: number 3, not among the newest 2
	// 1.3.9: old releases: not older than 30d
	// 1.4.1: releases: number 2 of the newest 2
	// 1.4.1: old releases: date not needed
	// 1.4.2: releases: number 1 of the newest 2
	// 1.4.2: old releases: date not needed
}

// Plan for the repositories of a registry, or for this process's share of them.
func Example_wholeRegistry() {
	client, options := retentionExample(`
		main      1 d
		pr-1     40 d`)
	ctx := context.Background()
	p, err := policy.Parse([]byte(`{"version": 1, "repositories": ["team/*"], "remove": [{"tags": "pr-*"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for made, err := range prune.MakeAll(ctx, client, client.Repositories(ctx), p, options) {
		if err != nil {
			fmt.Println(err) // a *prune.RepositoryError; the others go on
			continue
		}
		fmt.Println(made.Header().Repository, made.Totals().Removed)
	}

	mine := prune.Shard("team/app", 4)
	share := func(yield func(string, error) bool) {
		for repository, err := range client.Repositories(ctx) {
			if err == nil {
				if prune.Shard(repository, 4) != mine || p.CheckRepository(repository) != nil {
					continue
				}
			}
			if !yield(repository, err) {
				return
			}
		}
	}
	var totals plan.Totals
	for made, err := range prune.MakeAll(ctx, client, iter.Seq2[string, error](share), p, options) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		totals = totals.Add(made.Totals())
	}
	fmt.Println(totals.Removed, "of", totals.Images)
	// Output:
	// team/app 1
	// 1 of 2
}
