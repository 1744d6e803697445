package policy_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// parse parses a policy that has no faults.
func parse(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

// keepRule compiles a keep rule beside some remove rule.
func keepRule(t testing.TB, rule string) *policy.Rule {
	t.Helper()
	return parse(t, `{"version": 1, "keep": [`+rule+`], "remove": [{"name": "all", "tags": "*"}]}`).Keep()[0]
}

func removeRule(t testing.TB, rule string) *policy.Rule {
	t.Helper()
	return parse(t, `{"version": 1, "remove": [`+rule+`]}`).Remove()[0]
}

// place is what identifies a fault.
type place struct{ Rule, Field, Pointer string }

// places returns the faults that an error consists of.
func places(t testing.TB, err error) (found []place) {
	t.Helper()
	if err == nil {
		return nil
	}
	var all policy.Errors
	if !errors.As(err, &all) || len(all) == 0 {
		t.Fatalf("not a list of errors: %v", err)
	}
	for _, e := range all {
		if e.Problem == "" {
			t.Errorf("no problem in %+v", e)
		}
		found = append(found, place{e.Rule, e.Field, e.Pointer})
	}
	return found
}

// sameFaults checks that the faults of a document are at some places and at no others.
func sameFaults(t *testing.T, text string, want []place) {
	t.Helper()
	_, err := policy.Parse([]byte(text))
	if diff := cmp.Diff(want, places(t, err)); diff != "" {
		t.Errorf("faults of %s (-want +got):\n%s%v", text, diff, err)
	}
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
