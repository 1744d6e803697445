package prune_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Context() context.Context
}

// A run is what came of planning a case.
type run struct {
	result   cases.Result
	plan     *plan.Plan // nil if there is an error
	looked   *plan.Plan // the same, or a plan that limits refuse
	text     string     // the error, and the bytes of the plan
	requests []string   // that were sent, sorted; nil if the registry is not a fake
}

// runCase plans a case with a registry of its own.
func runCase(t tester, c *cases.Case, o prune.ReadOptions) run {
	t.Helper()
	reg := c.Serve()
	got := planWith(t, c, newClient(t, cases.Registry, reg), o)
	for _, req := range reg.Requests() {
		got.requests = append(got.requests, req.String())
	}
	slices.Sort(got.requests)
	return got
}

// planWith plans a case with a reader.
func planWith(t tester, c *cases.Case, r prune.Reader, o prune.ReadOptions) run {
	t.Helper()
	d, p, err := planCase(t, c, r, o)
	got := run{plan: p, looked: p}
	if refused, ok := errors.AsType[*plan.BrakeError](err); ok {
		got.looked = refused.Plan
	}
	got.text = textOf(t, got.looked, err)
	if e, ok := errors.AsType[*prune.IncompleteError](err); ok {
		got.result.Errors = []cases.Error{{Kind: cases.ErrorIncomplete, Detail: string(e.Detail), Names: []string{e.Tag, e.Digest.String()}}}
	} else {
		got.result = c.ResultOf(d, p, err)
	}
	return got
}

func planCase(t tester, c *cases.Case, r prune.Reader, o prune.ReadOptions) (*plan.Decision, *plan.Plan, error) {
	t.Helper()
	p, err := policy.Parse(c.PolicyJSON())
	if err != nil {
		return nil, nil, err
	}
	if o.InUse, err = inUse(c, p); err != nil {
		return nil, nil, err
	}
	if lister, ok := c.Lister(); ok {
		o.Lister = lister
	}
	o.At = c.Now
	o.Sizes = o.Sizes || c.Expect.Freed != nil
	s, err := prune.Read(t.Context(), r, c.Repository, p, &o)
	if err != nil {
		return nil, nil, err
	}
	d, err := plan.Decide(p, s, c.Now)
	if err != nil {
		return nil, nil, err
	}
	made, err := d.Plan()
	return d, made, err
}

// inUse reads the in-use lists that the policy of a case names.
func inUse(c *cases.Case, p *policy.Policy) ([]*policy.InUse, error) {
	var lists []*policy.InUse
	for _, rule := range p.Keep() {
		file, ok := c.Files[rule.File()]
		if !ok {
			continue
		}
		list, err := policy.ParseInUse(rule.File(), strings.NewReader(file.Content), file.Modified)
		if e, ok := errors.AsType[*policy.InUseError](err); ok {
			e.Rule = rule.Name()
		}
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	return lists, nil
}

// textOf returns an error and the bytes of a plan, either of which may be missing.
func textOf(t tester, p *plan.Plan, err error) string {
	t.Helper()
	var b strings.Builder
	if err != nil {
		b.WriteString(err.Error() + "\n")
	}
	if p != nil {
		if _, err := p.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func loadCases(t *testing.T) []*cases.Case {
	t.Helper()
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryCaseIsPlannedAsExpected(t *testing.T) {
	t.Parallel()
	for _, c := range loadCases(t) {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			got := runCase(t, c, prune.ReadOptions{})
			for _, difference := range cases.Compare(c, got.result) {
				t.Error(difference)
			}
			if t.Failed() {
				t.Log(got.text, "\n", strings.Join(got.requests, "\n"))
			}
		})
	}
}

func TestOrderChangesNoPlan(t *testing.T) {
	t.Parallel()
	for _, c := range loadCases(t) {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			want := runCase(t, c, prune.ReadOptions{})
			for seed := range uint64(4) {
				permuted := c.Permuted(seed)
				got := runCase(t, permuted, prune.ReadOptions{Concurrency: 1 + int(seed)*3})
				for _, difference := range cases.Compare(permuted, got.result) {
					t.Errorf("seed %d: %s", seed, difference)
				}
				if c.Expect.Error == nil && want.plan != nil {
					if diff := cmp.Diff(want.text, got.text); diff != "" {
						t.Errorf("seed %d: the plan differs (-first +permuted):\n%s", seed, diff)
					}
				}
			}
		})
	}
}

func TestCacheChangesNoPlan(t *testing.T) {
	t.Parallel()
	for _, c := range loadCases(t) {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			cache := &mapCache{}
			without := runCase(t, c, prune.ReadOptions{})
			cold := runCase(t, c, prune.ReadOptions{Cache: cache})
			warm := runCase(t, c, prune.ReadOptions{Cache: cache})
			if diff := cmp.Diff(without.text, cold.text); without.plan != nil && diff != "" {
				t.Errorf("the plan differs (-without a cache +cold):\n%s", diff)
			}
			if diff := cmp.Diff(cold.text, warm.text); diff != "" {
				t.Errorf("the plan differs (-cold +warm):\n%s", diff)
			}
			if without.plan == nil {
				return
			}
			for _, sent := range warm.requests { // what is missing or broken is not in the cache
				if strings.HasPrefix(sent, "GET") && !strings.Contains(sent, "/tags/list") && !strings.Contains(sent, "/referrers/") && !strings.HasSuffix(sent, "404") {
					t.Errorf("with a warm cache: %s", sent)
				}
			}
		})
	}
}

// TestNothingIsPlannedIfARequestFails lets each request of each case fail in turn. A HEAD fails
// together with the GET that a client sends in its place.
func TestNothingIsPlannedIfARequestFails(t *testing.T) {
	t.Parallel()
	for _, c := range loadCases(t) {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			if !c.Faults.IsZero() {
				return
			}
			for _, sent := range slices.Compact(runCase(t, c, prune.ReadOptions{}).requests) {
				target := strings.Fields(sent)[1]
				for _, status := range []int{http.StatusForbidden, http.StatusBadGateway} {
					reg := c.Serve()
					isTarget := func(req *http.Request) bool { return req.URL.RequestURI() == target }
					reg.Intercept(0, isTarget, fakeregistry.Errors(status, "UNKNOWN", "it fails"))
					_, p, err := planCase(t, c, newClient(t, cases.Registry, reg), prune.ReadOptions{})
					if e, ok := errors.AsType[*prune.IncompleteError](err); !ok || p != nil || e.Repository != c.Repository {
						t.Errorf("%s is %d: there is a plan: %t, and the error %v", sent, status, p != nil, err)
					}
				}
			}
		})
	}
}
