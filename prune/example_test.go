package prune_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// examplePolicy keeps the latest two nightlies and removes those that are older than two days.
var examplePolicy = []byte(`{
	"version": 1,
	"keep":   [{"name": "latest", "tags": {"regexp": "nightly-(?P<date>\\d{8})"}, "newest": 2}],
	"remove": [{"name": "nightlies", "tags": {"regexp": "nightly-(?P<date>\\d{8})"}, "older-than": "2d"}]
}`)

// exampleTime is when the examples decide, at noon of a Thursday.
var exampleTime = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// exampleClient returns a client of a registry with two repositories.
func exampleClient() *regret.Client {
	registry := fakeregistry.New()
	registry.PutIndex("team/app", []string{"1.0 for amd64", "1.0 for arm64"}, "1.0.0")
	registry.PutImage("team/app", "of Monday", "nightly-20261123")
	registry.PutImage("team/app", "of Tuesday", "nightly-20261124")
	registry.PutImage("team/app", "of Wednesday", "nightly-20261125")
	registry.PutImage("team/web", "of Sunday", "nightly-20261122", "stable")
	registry.PutImage("team/web", "of Tuesday", "nightly-20261124")
	client, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		panic(err)
	}
	return client
}

// Plan what a policy says, and look at it. What the policy does not name, such as the release
// 1.0.0, stays. Make writes nothing.
func ExampleMake() {
	p, err := policy.Parse(examplePolicy)
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := prune.Make(context.Background(), exampleClient(), "team/app", p, &prune.ReadOptions{At: exampleTime})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(made)
	// Output:
	// registry.example.com/team/app   keep 3   remove 1 (1 tag)   frees at most 280 B, after garbage collection
	// ├─ nightly-20261123   image    remove   nightlies: older than 2d
	// ├─ nightly-20261124   image    keep     latest: number 2 of the newest 2
	// └─ 2 more kept
}

// Plan the deletion of exactly these images, each by a tag or a digest. An image that has other
// tags, too, is refused unless WithTags allows them to go.
func ExampleMakeExact() {
	made, err := prune.MakeExact(context.Background(), exampleClient(), "team/web", []string{"nightly-20261124"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(made)

	_, err = prune.MakeExact(context.Background(), exampleClient(), "team/web", []string{"nightly-20261122"}, nil)
	if shared, ok := errors.AsType[*prune.SharedError](err); ok {
		fmt.Println("also carries", shared.Others)
	}
	// Output:
	// registry.example.com/team/web   keep 1   remove 1 (1 tag)   frees at most 281 B, after garbage collection
	// ├─ nightly-20261124   image    remove   asked for
	// └─ 1 more kept
	// also carries [stable]
}

// The policy's limits refuse a plan under which too much would go. The error says which limit to
// raise, and has the plan to look at.
func ExampleMake_refused() {
	p, err := policy.Parse([]byte(`{"version": 1, "remove": [{"tags": "nightly-*"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = prune.Make(context.Background(), exampleClient(), "team/app", p, nil)
	fmt.Println(err)
	// Output:
	// team/app: the plan is refused: 75 % of the images would go, not at most 50 %; to allow that, set limits.max-percent to 75
}

// An in-use list protects what runs somewhere, whatever else the policy says.
func ExampleMake_inUse() {
	p, err := policy.Parse([]byte(`{
		"version": 1,
		"keep":   [{"name": "in use", "file": "running.txt"}],
		"remove": [{"tags": "nightly-*"}],
		"limits": {"max-percent": 100}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	running := strings.NewReader("registry.example.com/team/app:nightly-20261123\n") // or a file, and its time
	list, err := policy.ParseInUse("running.txt", running, exampleTime)
	if err != nil {
		fmt.Println(err)
		return
	}
	o := prune.ReadOptions{At: exampleTime, InUse: []*policy.InUse{list}}
	made, err := prune.Make(context.Background(), exampleClient(), "team/app", p, &o)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tagsThatGo(made))
	// Output: [nightly-20261124 nightly-20261125]
}

// tagsThatGo returns the tags of what a plan deletes.
func tagsThatGo(made *plan.Plan) []string {
	var tags []string
	for step := range made.Steps() {
		tags = append(tags, step.Tags...)
	}
	slices.Sort(tags)
	return tags
}

// keepNewest is a policy that keeps the newest n nightlies.
func keepNewest(n int) (*policy.Policy, error) {
	nightlies := policy.Regexp(`nightly-(?P<date>\d{8})`)
	all := 100
	return policy.New(policy.Document{
		Version: 1,
		Keep:    []policy.Keep{{Tags: nightlies, Newest: n}},
		Remove:  []policy.Remove{{Tags: nightlies}},
		Limits:  policy.Limits{MaxPercent: &all},
	})
}

// Read once and decide several times: what would go if more nightlies were kept? The snapshot is
// read for the policy under which the most goes; other policies may ask for more, so look at what
// is missing.
func ExampleRead() {
	p, err := keepNewest(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	snapshot, err := prune.Read(context.Background(), exampleClient(), "team/app", p, &prune.ReadOptions{At: exampleTime})
	if err != nil {
		fmt.Println(err)
		return
	}
	for n := 1; n <= 3; n++ {
		if p, err = keepNewest(n); err != nil {
			fmt.Println(err)
			return
		}
		decision, err := plan.Decide(p, snapshot, exampleTime)
		if err != nil {
			fmt.Println(err)
			return
		}
		made, err := decision.Plan() // an error if something is missing
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(n, tagsThatGo(made))
	}
	// Output:
	// 1 [nightly-20261123 nightly-20261124]
	// 2 [nightly-20261123]
	// 3 []
}

// Plan for a whole registry, in one process or in several, each of which takes its share of the
// repositories. Totals add up.
func ExampleMakeAll() {
	ctx := context.Background()
	client := exampleClient()
	p, err := policy.Parse(examplePolicy)
	if err != nil {
		fmt.Println(err)
		return
	}
	const processes, this = 1, 0
	mine := func(yield func(string, error) bool) {
		for repository, err := range client.Repositories(ctx) {
			if err == nil && (p.CheckRepository(repository) != nil || prune.Shard(repository, processes) != this) {
				continue
			}
			if !yield(repository, err) {
				return
			}
		}
	}
	var totals plan.Totals
	for made, err := range prune.MakeAll(ctx, client, mine, p, &prune.ReadOptions{At: exampleTime}) {
		if err != nil {
			fmt.Println(err) // and on with the next repository
			continue
		}
		fmt.Println(made.Header().Repository, tagsThatGo(made))
		totals = totals.Add(made.Totals())
	}
	fmt.Println(totals.Removed, "of", totals.Images, "images go")
	// Output:
	// team/app [nightly-20261123]
	// team/web []
	// 1 of 6 images go
}

// A vendorAPI lists what the API of a registry's vendor knows.
type vendorAPI struct{ answer []regret.ListEntry }

// List would send requests, and yield an error if one of them failed.
func (v vendorAPI) List(ctx context.Context, repository string) iter.Seq2[regret.ListEntry, error] {
	return func(yield func(regret.ListEntry, error) bool) {
		for _, entry := range v.answer {
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// With what the API of a registry's vendor knows, a policy can ask when images were last pulled.
func ExampleLister() {
	ctx := context.Background()
	client := exampleClient()
	p, err := policy.Parse([]byte(`{"version": 1, "remove": [{"tags": "nightly-*", "not-pulled": "1d"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := client.Resolve(ctx, "team/app", "nightly-20261124")
	if err != nil {
		fmt.Println(err)
		return
	}
	lister := vendorAPI{[]regret.ListEntry{{
		Tags: []string{"nightly-20261124"}, Descriptor: image,
		Uploaded: exampleTime.AddDate(0, 0, -2), NeverPulled: true,
	}}}
	made, err := prune.Make(ctx, client, "team/app", p, &prune.ReadOptions{At: exampleTime, Lister: lister})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tagsThatGo(made))
	// Output: [nightly-20261124]
}

// A cache saves reading the same manifests and configurations again in the next run.
func ExampleDirCache() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	cache, err := prune.DirCache(filepath.Join(folder, "cache"))
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := policy.Parse(examplePolicy)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := exampleClient()
	for range 2 {
		requests := 0
		o := prune.ReadOptions{At: exampleTime, Cache: cache, Progress: func(p prune.Progress) { requests = p.Requests }}
		if _, err := prune.Make(context.Background(), client, "team/app", p, &o); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(requests, "requests")
	}
	// Output:
	// 11 requests
	// 7 requests
}
