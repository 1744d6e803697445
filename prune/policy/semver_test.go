package policy_test

import (
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// TestRangesAreThoseOfMasterminds compares ranges of one and two comparisons with
// Masterminds/semver, for versions at, between and around their ends.
func TestRangesAreThoseOfMasterminds(t *testing.T) {
	t.Parallel()
	var comparisons []string
	for _, operator := range []string{"", "=", "!=", ">", "<", ">=", "<=", "~", "^"} {
		for _, v := range []string{"*", "0", "1", "0.1", "1.2", "1.2.x", "0.0.1", "0.2.3", "1.2.3", "1.2.3-rc.1", "1.2.0-0", "1.2-0"} {
			comparisons = append(comparisons, operator+v)
		}
	}
	ranges := comparisons
	for i, a := range comparisons {
		for j, b := range comparisons {
			if (i+7*j)%41 == 0 {
				ranges = append(ranges, a+", "+b, a+" || "+b)
			}
		}
	}
	var versions []*semver.Version
	for _, core := range []string{"0.0.0", "0.0.1", "0.0.2", "0.1.0", "0.1.9", "0.2.3", "0.3.0", "1.0.0", "1.1.9", "1.2.0", "1.2.2", "1.2.3", "1.2.4", "1.3.0", "2.0.0", "2.2.3", "10.0.0"} {
		for _, pre := range []string{"", "-0", "-rc", "-rc.1", "-rc.1.0", "-rc.2"} {
			versions = append(versions, semver.MustParse(core+pre))
		}
	}
	for _, r := range ranges {
		for _, pre := range []string{"", "only"} {
			allowed, err := semver.NewConstraint(r)
			if err != nil {
				t.Fatal(r, err)
			}
			allowed.IncludePrerelease = pre != ""
			p, err := policy.New(policy.Document{Version: 1, Remove: []policy.Remove{{Tags: []policy.Pattern{{Semver: r, Pre: pre}}}}})
			if strings.Contains(r, "!=1.2-0") {
				if err == nil || !strings.Contains(err.Error(), "does not name in full") {
					t.Errorf("range %q: %v", r, err)
				}
				continue
			}
			for _, v := range versions {
				got := err == nil && len(p.Remove()[0].Match(v.String())) > 0
				want := allowed.Check(v) && (pre == "" || v.Prerelease() != "")
				if got != want {
					t.Errorf("range %q, pre %q, version %s: %v (%v), want %v", r, pre, v, got, err, want)
				}
			}
		}
	}
}
