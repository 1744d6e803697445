package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// planOutput is what demoPlan prints, with port 5000.
const planOutput = `
Now for a whole repository. The next registry, at http://127.0.0.1:5000, holds team/shop: four
releases, nine nightlies, and images of five pull requests, one of which became release 1.2.0.
The demo plans for noon on 26 November 2026, so that you see the same plan on any day.

7  Say what to keep, and what to remove.        policy.Parse(data)
   {"version": 1,
    "keep": [
      {"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 2},
      {"name": "nightlies", "tags": "nightly-*", "within": "7d"}],
    "remove": [
      {"name": "old releases", "tags": {"semver": ">=1.0.0"}},
      {"name": "old nightlies", "tags": "nightly-*"},
      {"name": "pull requests", "tags": "pr-*", "older-than": "30d"}]}
   Keep wins: an image goes if no keep rule holds it and remove rules want all of its tags.

8  Plan that, and print the plan.               prune.Make(ctx, c, "team/shop", policy, options)
127.0.0.1:5000/team/shop   keep 11   remove 6 (6 tags)   frees at most 1.7 KiB, after garbage collection
├─ 1.0.0              image        remove   old releases
├─ 1.1.0              index        remove   old releases
│  ├─ linux/amd64                  remove   only what goes lists it
│  ├─ linux/arm64                  keep     also in 1.2.0
│  ├─ attestation                  remove   only what goes lists it
│  └─ signature                    remove   what it belongs to goes
├─ nightly-20261118   image   8 d  remove   old nightlies
├─ nightly-20261119   image   7 d  remove   old nightlies
├─ pr-11              image  61 d  remove   pull requests: older than 30d
├─ pr-12              image  48 d  remove   pull requests: older than 30d
├─ 1.2.0, pr-13       index        keep     releases: number 2 of the newest 2
├─ 1.3.0, latest      index        keep     releases: number 1 of the newest 2; shared with latest
├─ nightly-20261120   image   6 d  keep     nightlies: at most 7d old
├─ nightly-20261121   image   5 d  keep     nightlies: at most 7d old
├─ nightly-20261122   image   4 d  keep     nightlies: at most 7d old
├─ nightly-20261123   image   3 d  keep     nightlies: at most 7d old
├─ nightly-20261124   image   2 d  keep     nightlies: at most 7d old
├─ nightly-20261125   image   1 d  keep     nightlies: at most 7d old
├─ nightly-20261126   image   0 d  keep     nightlies: at most 7d old
└─ 2 more kept
   Nothing has changed: Make sent 46 requests, all of them reads. 1.1.0 is to go with its
   attestation and its signature, but without its image for arm64, which 1.2.0 lists, too. pr-13
   is older than 30 days, but 1.2.0 is the same image, so it stays.

9  Ask what each rule says about 1.1.0.         plan.Decide(policy, snapshot, at)
   releases      number 3, not among the newest 2
   old releases  the rule names its tag
   No keep rule holds it, and a remove rule wants its only tag, so it goes.
`

// applyOutput is what demoApply prints.
const applyOutput = `
10 Carry out the plan.                          apply.Apply(ctx, c, plan, archive, nil)
   Apply first archives what is to go: manifests and tags, but no layers. It looks at all tags
   again, so that what was pushed since the plan was made keeps all that it needs.
   Its report says: 9 of 9 manifests deleted. Of 19 tags, 13 are left.

11 Take it back.                                undo.Restore(ctx, c, archive, nil)
   Its report says: 9 manifests and 6 tags restored. All 19 tags are back, and point to the
   same digests as before. That works until the registry collects garbage.
`

// withPort5000 replaces the ports in the output of the demo.
func withPort5000(out string) string {
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(out, "127.0.0.1:5000")
}

// serveShop serves a registry with team/shop, and returns a printer that follows on the earlier
// steps, what it prints, and a client.
func serveShop(t *testing.T, opts ...fakeregistry.Option) (*fakeregistry.Registry, *printer, *bytes.Buffer, *regret.Client) {
	t.Helper()
	registry := shopRegistry(opts...)
	out := new(bytes.Buffer)
	p := &printer{w: out, steps: 6}
	c, err := regret.New(startServer(t, registry), regret.WithTrace(p.request))
	if err != nil {
		t.Fatal(err)
	}
	return registry, p, out, c
}

// shopState returns what the registry says about team/shop: where each tag points, and what signs
// release 1.1.0.
func shopState(t *testing.T, c *regret.Client) map[string]regret.Digest {
	t.Helper()
	state, err := tagDigests(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for signature, err := range c.Referrers(t.Context(), shop, state["1.1.0"]) {
		if err != nil {
			t.Fatal(err)
		}
		state["signature"] = signature.Digest
	}
	return state
}

func TestPlanSendsNoWrite(t *testing.T) {
	t.Parallel()
	registry, p, out, c := serveShop(t)
	p.muted = true
	made, err := demoPlan(t.Context(), p, c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(planOutput, withPort5000(out.String())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(registry.Writes()) > 0 {
		t.Errorf("sent %v", registry.Writes())
	}
	if sent := len(registry.Requests()); sent != 2*46 { // to plan, and again to explain
		t.Errorf("sent %d requests", sent)
	}
	if got := made.Totals().Manifests; got != 9 {
		t.Errorf("%d manifests go", got)
	}
}

func TestApplyAndRestore(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	registry, p, out, c := serveShop(t)
	before := shopState(t, c)
	out.Reset()
	if err := demoShop(ctx, p, c); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(planOutput+applyOutput, withPort5000(out.String())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, shopState(t, c)); diff != "" {
		t.Errorf("what the demo left (-want +got):\n%s", diff)
	}
	methods := make(map[string]int)
	for _, write := range registry.Writes() {
		methods[write.Method]++
		if write.Method == http.MethodDelete && (methods[http.MethodPut] > 0 || !strings.Contains(write.Path, "/manifests/sha256:")) {
			t.Errorf("sent %s after %v", write, methods)
		}
	}
	if diff := cmp.Diff(map[string]int{http.MethodDelete: 9, http.MethodPut: 15}, methods); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestRegistryThatRefusesThePlan(t *testing.T) {
	t.Parallel()
	_, p, out, c := serveShop(t, fakeregistry.WithDeleteDisabled())
	before := shopState(t, c)
	out.Reset()
	if err := demoShop(t.Context(), p, c); !errors.Is(err, apply.ErrStopped) {
		t.Errorf("error %v, want %v", err, apply.ErrStopped)
	}
	if strings.Contains(out.String(), "are left") {
		t.Errorf("output:\n%s", out)
	}
	if diff := cmp.Diff(before, shopState(t, c)); diff != "" {
		t.Errorf("what the demo left (-want +got):\n%s", diff)
	}
}

// TestLeavesNoFolder is not parallel, because it sets the folder for temporary files.
func TestLeavesNoFolder(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	t.Setenv("TMP", folder) // Windows
	for _, opts := range [][]fakeregistry.Option{nil, {fakeregistry.WithDeleteDisabled()}} {
		_, p, _, c := serveShop(t, opts...)
		if err := demoShop(t.Context(), p, c); (err != nil) != (opts != nil) {
			t.Error(err)
		}
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, error %v", left, err)
	}
}
