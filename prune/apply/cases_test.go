package apply_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// TestCases plans every scenario, applies the plan, and restores what it took away, at the time
// of the scenario.
func TestCases(t *testing.T) {
	t.Parallel()
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Expect.Error != nil {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(c.Now))
				testCase(t, c, folder)
			})
		})
	}
}

func testCase(t *testing.T, c *cases.Case, folder string) {
	reg := c.Serve()
	client, err := regret.New(cases.Registry, regret.WithTransport(reg))
	if err != nil {
		t.Fatal(err)
	}
	p := makePlan(t, c, client)
	before := stored(t, c, client)
	store, err := undo.DirStore(folder)
	if err != nil {
		t.Fatal(err)
	}
	report, err := apply.Apply(t.Context(), client, p, store, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		if result.Status != apply.Deleted && result.Status != apply.Untagged {
			t.Errorf("%s %s: %s: %s", result.Action, c.IDOf(result.Digest), result.Status, result.Reason)
		}
	}
	for step := range p.Steps() {
		if here := has(t, c, client, string(step.Digest)); here != (step.Action == plan.Untag) {
			t.Errorf("%s is there: %t", c.IDOf(step.Digest), here)
		}
	}
	for kept := range p.Kept() {
		if !has(t, c, client, string(kept.Digest)) {
			t.Errorf("%s stays, but is gone", c.IDOf(kept.Digest))
		}
	}
	if len(report.Results) == 0 { // there is no archive either
		return
	}
	if _, err := undo.Restore(t.Context(), client, store, nil); err != nil {
		t.Fatal(err)
	}
	if after := stored(t, c, client); !slices.Equal(after, before) {
		t.Errorf("restored:\n%s\nwant:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}

func makePlan(t *testing.T, c *cases.Case, client *regret.Client) *plan.Plan {
	t.Helper()
	rules, err := policy.Parse(c.PolicyJSON())
	if err != nil {
		t.Fatal(err)
	}
	o := &prune.ReadOptions{At: c.Now}
	for name, file := range c.Files {
		list, err := policy.ParseInUse(name, strings.NewReader(file.Content), file.Modified)
		if err != nil {
			t.Fatal(err)
		}
		o.InUse = append(o.InUse, list)
	}
	if lister, ok := c.Lister(); ok {
		o.Lister = lister
	}
	p, err := prune.Make(t.Context(), client, c.Repository, rules, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func has(t *testing.T, c *cases.Case, client *regret.Client, reference string) bool {
	t.Helper()
	_, err := client.Resolve(t.Context(), c.Repository, reference)
	if err != nil && !errors.Is(err, regret.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// stored returns which manifests a repository has, and which tags point to which of them.
func stored(t *testing.T, c *cases.Case, client *regret.Client) []string {
	t.Helper()
	var lines []string
	for _, m := range c.Manifests {
		if has(t, c, client, string(c.Digest(m.ID))) {
			lines = append(lines, m.ID)
		}
	}
	for tag, err := range client.Tags(t.Context(), c.Repository) {
		if err != nil && !errors.Is(err, regret.ErrInvalidEntries) && !errors.Is(err, regret.ErrNotFound) {
			t.Fatal(err)
		}
		if err != nil {
			break
		}
		d, err := client.Resolve(t.Context(), c.Repository, tag)
		if err != nil && !errors.Is(err, regret.ErrNotFound) {
			t.Fatal(err)
		}
		lines = append(lines, tag+" "+c.IDOf(d.Digest))
	}
	return lines
}
