package cases_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

const listed = `"listing":"lister","referrers":"api","expect":{},"manifests":[
	{"id":"A","kind":"image","tags":["v1","v2"],"uploaded":"2026-11-01T00:00:00Z","pulled":"2026-11-02T00:00:00Z"},
	{"id":"B","kind":"image","uploaded":"2026-11-03T00:00:00Z","pulled":"never"},
	{"id":"C","kind":"image","tags":["v0"]},
	{"id":"gone","kind":"image","missing":true}]`

// lister returns the native API of a case.
func lister(t *testing.T, c *cases.Case) *cases.Lister {
	t.Helper()
	l, ok := c.Lister()
	if !ok {
		t.Fatal("the case has no native API")
	}
	return l
}

func TestAListerYieldsAllManifests(t *testing.T) {
	t.Parallel()
	c := parse(t, listed)
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	want := []regret.ListEntry{
		{Tags: []string{"v1", "v2"}, Descriptor: c.Content("A").Manifest.Descriptor, Uploaded: day(1), Pulled: day(2)},
		{Descriptor: c.Content("B").Manifest.Descriptor, Uploaded: day(3), NeverPulled: true},
		{Tags: []string{"v0"}, Descriptor: c.Content("C").Manifest.Descriptor},
	}
	got, err := collect(lister(t, c).List(t.Context(), c.Repository))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("entries (-want +got): %v\n%s", err, diff)
	}
}

func TestAListerHasTheFaultsOfTheList(t *testing.T) {
	t.Parallel()
	native := lister(t, parse(t, listed+`,"faults":{"vanished":["A"],"list":"truncated"}`))
	for i, want := range []int{3, 2} {
		entries, err := collect(native.List(t.Context(), "team/app"))
		if len(entries) != want || err == nil {
			t.Errorf("list %d: %d entries, %v, want %d and an error", i+1, len(entries), err, want)
		}
	}
}

func TestAListerEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if entries, err := collect(lister(t, parse(t, listed)).List(ctx, "team/app")); len(entries) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

func TestAListerKnowsOneRepository(t *testing.T) {
	t.Parallel()
	if entries, err := collect(lister(t, parse(t, listed)).List(t.Context(), "team/other")); len(entries) > 0 || err == nil {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if _, ok := parse(t, `"listing":"oci","referrers":"api","expect":{}`).Lister(); ok {
		t.Error("a case without a native API has a lister")
	}
}
