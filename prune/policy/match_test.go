package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func version(major, minor, patch uint64, pre string) *policy.Version {
	return &policy.Version{Major: major, Minor: minor, Patch: patch, Pre: pre}
}

func TestMatchesHaveWhatGroupsSay(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		rule string
		tag  string
		want []policy.Match
	}{
		"a glob":                       {`"tags": "*", "newest": 1`, "v1.2.3", []policy.Match{{}}},
		"no patterns":                  {`"newest": 1`, "v1.2.3", []policy.Match{{}}},
		"a range":                      {`"tags": {"semver": "*"}`, "v1.2.3", []policy.Match{{Version: version(1, 2, 3, "")}}},
		"a pre-release":                {`"tags": {"semver": "*-0"}`, "1.2.3-rc.1", []policy.Match{{Version: version(1, 2, 3, "rc.1"), Pre: true}}},
		"two patterns":                 {`"tags": ["1.*", {"semver": "*"}]`, "1.2.3", []policy.Match{{}, {Version: version(1, 2, 3, "")}}},
		"a group version":              {`"tags": {"regexp": "app-(?P<version>.+)"}`, "app-1.2.3", []policy.Match{{Version: version(1, 2, 3, "")}}},
		"a group version without one":  {`"tags": {"regexp": "app-(?P<version>.+)"}`, "app-1.2", []policy.Match{{}}},
		"a group that takes no part":   {`"tags": {"regexp": "app(-(?P<version>.+))?"}`, "app", []policy.Match{{}}},
		"a variant":                    {`"tags": {"regexp": "(?P<version>[\\d.]+)(?P<variant>-alpine|-slim)?"}`, "1.2.3-alpine", []policy.Match{{Version: version(1, 2, 3, ""), Variant: "-alpine"}}},
		"a number":                     {`"tags": {"regexp": "b(?P<number>\\d+)"}`, "b007", []policy.Match{{Number: "007"}}},
		"a number of letters":          {`"tags": {"regexp": "b(?P<number>\\w+)"}`, "b7a", []policy.Match{{}}},
		"an empty number":              {`"tags": {"regexp": "b(?P<number>\\d*)"}`, "b", []policy.Match{{}}},
		"a date":                       {`"tags": {"regexp": "n-(?P<date>.+)"}, "within": "1d"`, "n-20261126", []policy.Match{{HasDate: true, Date: day}}},
		"a date that is none":          {`"tags": {"regexp": "n-(?P<date>.+)"}, "within": "1d"`, "n-20261326", []policy.Match{{HasDate: true}}},
		"per minor":                    {`"tags": {"semver": "*"}, "newest": 1, "per": "minor"`, "1.20.3", []policy.Match{{Version: version(1, 20, 3, ""), Group: "1.20"}}},
		"per major":                    {`"tags": {"semver": "*"}, "newest": 1, "per": "major"`, "10.2.3", []policy.Match{{Version: version(10, 2, 3, ""), Group: "10"}}},
		"per pattern":                  {`"tags": ["a-*", "b-*"], "newest": 1, "per": "pattern"`, "b-1", []policy.Match{{Group: "2"}}},
		"per a group":                  {`"tags": {"regexp": "(?P<app>[a-z]+)-\\d+"}, "newest": 1, "per": "app"`, "web-12", []policy.Match{{Group: "web"}}},
		"per a group, none":            {`"tags": {"regexp": "b\\d+(?P<flavour>-debug)?"}, "newest": 1, "per": "flavour"`, "b12", []policy.Match{{}}},
		"per a date":                   {`"tags": {"regexp": "(?P<date>\\d{8})-\\d+"}, "newest": 1, "per": "date"`, "20261126-3", []policy.Match{{HasDate: true, Date: day, Group: "20261126"}}},
		"per a variant":                {`"tags": {"regexp": "(?P<number>\\d+)(?P<variant>-debug)?"}, "newest": 1, "per": "variant"`, "12-debug", []policy.Match{{Number: "12", Variant: "-debug", Group: "-debug"}}},
		"per two, in order of names":   {`"tags": {"regexp": "(?P<version>[\\d.]+)-(?P<arch>\\w+)"}, "newest": 1, "per": ["minor", "arch"]`, "1.2.3-arm64", []policy.Match{{Version: version(1, 2, 3, ""), Group: "arm64,1.2"}}},
		"per two, one of them missing": {`"tags": {"regexp": "(?P<a>x)?(?P<b>y)?z"}, "newest": 1, "per": ["a", "b"]`, "yz", []policy.Match{{Group: ",y"}}},
		"per two, of a glob beside":    {`"tags": [{"regexp": "(?P<a>x)(?P<b>y)"}, "z"], "newest": 1, "per": ["a", "b"]`, "z", []policy.Match{{Group: ","}}},
		"per minor without a version":  {`"tags": {"regexp": "(?P<version>.*)"}, "newest": 1, "per": "minor"`, "latest", []policy.Match{{}}},
		"per minor is the version's":   {`"tags": {"regexp": "(?P<version>\\d+\\.(?P<minor>\\d+)\\.\\d+)"}, "newest": 1, "per": "minor"`, "1.2.3", []policy.Match{{Version: version(1, 2, 3, ""), Group: "1.2"}}},
		"per minor of groups alone":    {`"tags": {"regexp": "(?P<major>\\d+)\\.(?P<minor>\\d+)"}, "newest": 1, "per": ["major", "minor"]`, "1.2", []policy.Match{{Group: "1,2"}}},
		"an in-use list":               {`"file": "f"`, "v1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := keepRule(t, `{`+test.rule+`}`)
			got := rule.Match(test.tag)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("matches of %s (-want +got):\n%s", test.tag, diff)
			}
			before := policy.Match{Group: "before"}
			appended := rule.AppendMatches([]policy.Match{before}, test.tag)
			if diff := cmp.Diff(append([]policy.Match{before}, test.want...), appended); diff != "" {
				t.Errorf("appended (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a rule that does not go by tags", func(t *testing.T) {
		t.Parallel()
		for _, rule := range []string{`{"untagged": true}`, `{"orphans": true}`, `{"trash": true, "older-than": "1d"}`} {
			if got := removeRule(t, rule).Match("latest"); got != nil {
				t.Errorf("%s matches %+v", rule, got)
			}
		}
	})
}

func TestByIsWhatEveryPatternHas(t *testing.T) {
	t.Parallel()
	const versions, numbers, globs = `{"semver": "*"}`, `{"regexp": "(?P<number>\\d+)"}`, `"*"`
	for name, test := range map[string]struct {
		rule string
		want policy.By
	}{
		"no patterns":             {`"newest": 1`, policy.ByDate},
		"globs":                   {`"newest": 1, "tags": ` + globs, policy.ByDate},
		"versions":                {`"newest": 1, "tags": ` + versions, policy.ByVersion},
		"a group version":         {`"newest": 1, "tags": {"regexp": "(?P<version>.*)"}`, policy.ByVersion},
		"numbers":                 {`"newest": 1, "tags": ` + numbers, policy.ByNumber},
		"versions and numbers":    {`"newest": 1, "tags": {"regexp": "(?P<version>.*)-(?P<number>\\d+)"}`, policy.ByVersion},
		"versions or numbers":     {`"newest": 1, "tags": [` + versions + `, ` + numbers + `]`, policy.ByDate},
		"versions or globs":       {`"newest": 1, "tags": [` + versions + `, ` + globs + `]`, policy.ByDate},
		"versions, but by date":   {`"newest": 1, "by": "date", "tags": ` + versions, policy.ByDate},
		"both, but by number":     {`"newest": 1, "by": "number", "tags": {"regexp": "(?P<version>.*)-(?P<number>\\d+)"}`, policy.ByNumber},
		"a glob too, but version": {`"newest": 1, "by": "version", "tags": [` + versions + `, ` + globs + `]`, policy.ByVersion},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := keepRule(t, `{`+test.rule+`}`)
			if got := rule.By(); got != test.want {
				t.Errorf("by %v, want %v", got, test.want)
			}
			if rule.AsksDate() != (test.want == policy.ByDate) {
				t.Errorf("asks for the date: %v", rule.AsksDate())
			}
		})
	}
}

func TestVersionsCompareByPrecedence(t *testing.T) {
	t.Parallel()
	// The order of https://semver.org/spec/v2.0.0.html#spec-item-11, and edges.
	ordered := []string{
		"0.0.0-0", "0.0.0-0.0", "0.0.0", "0.0.1", "0.1.0", "0.10.0", "1.0.0-0", "1.0.0-9", "1.0.0-10", "1.0.0-99999999999999999999", "1.0.0-100000000000000000000",
		"1.0.0--", "1.0.0-0a", "1.0.0-A", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-alpha0", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0-rc10", "1.0.0-rc9", "1.0.0",
		"1.0.1-rc.1", "1.0.1", "1.2.0", "1.10.0", "2.0.0", "10.0.0", "18446744073709551615.0.0",
	}
	rule := removeRule(t, `{"tags": {"regexp": "(?P<version>.*)"}}`)
	for i, a := range ordered {
		for j, b := range ordered {
			v, w := rule.Match(a)[0].Version, rule.Match("v" + b)[0].Version
			if v == nil || w == nil || v.String() != a {
				t.Fatalf("%q is %v, %q is %v", a, v, b, w)
			}
			if got, want := sign(v.Compare(*w)), sign(i-j); got != want {
				t.Errorf("comparing %s with %s: %d, want %d", a, b, got, want)
			}
		}
	}
}

func sign(n int) int { return max(-1, min(1, n)) }

func TestNumbersCompareByValue(t *testing.T) {
	t.Parallel()
	ordered := []string{"0", "1", "007", "9", "10", "99999999999999999999", "100000000000000000000"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := sign(policy.CompareNumbers(a, b)), sign(i-j); got != want {
				t.Errorf("comparing %s with %s: %d, want %d", a, b, got, want)
			}
		}
	}
	if policy.CompareNumbers("7", "007") != 0 || policy.CompareNumbers("0", "000") != 0 {
		t.Error("zeros at the beginning count")
	}
}

func TestDatesInTagsAreReadByTheirDigits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ zone, tag, want string }{
		"a day":                          {"UTC", "20261126", "2026-11-26T00:00:00Z"},
		"a day with dashes":              {"UTC", "2026-11-26", "2026-11-26T00:00:00Z"},
		"a day with other characters":    {"UTC", "on.2026_11_26.main", "2026-11-26T00:00:00Z"},
		"minutes":                        {"UTC", "20261126-1405", "2026-11-26T14:05:00Z"},
		"seconds":                        {"UTC", "20261126T140509Z", "2026-11-26T14:05:09Z"},
		"Unix time":                      {"UTC", "1795701909", "2026-11-26T14:05:09Z"},
		"Unix time does not ask a zone":  {"Asia/Tokyo", "1795701909", "2026-11-26T14:05:09Z"},
		"milliseconds, in whole seconds": {"UTC", "1795701909999", "2026-11-26T14:05:09Z"},
		"a day in a zone":                {"Asia/Tokyo", "20261126", "2026-11-25T15:00:00Z"},
		"a time that summer skips":       {"Europe/Berlin", "202603290230", "2026-03-29T01:30:00Z"},
		"a time that there is twice":     {"Europe/Berlin", "202610250230", "2026-10-25T01:30:00Z"},
		"a leap day":                     {"UTC", "20280229", "2028-02-29T00:00:00Z"},
		"no leap day":                    {"UTC", "20270229", ""},
		"month 13":                       {"UTC", "20261326", ""},
		"day 0":                          {"UTC", "20261100", ""},
		"hour 24":                        {"UTC", "202611262400", ""},
		"second 60":                      {"UTC", "20261126235960", ""},
		"the hour alone":                 {"UTC", "2026112614", "2034-03-16T09:03:34Z"}, // ten digits are Unix time
		"six digits":                     {"UTC", "261126", ""},
		"fifteen digits":                 {"UTC", "202611261405091", ""},
		"no digits":                      {"UTC", "today", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := removeRule(t, `{"tags": {"regexp": "n-(?P<date>.*)"}, "older-than": "1d", "zone": "`+test.zone+`"}`)
			matches := rule.Match("n-" + test.tag)
			if len(matches) != 1 || !matches[0].HasDate {
				t.Fatalf("matches: %+v", matches)
			}
			got := ""
			if date := matches[0].Date; !date.IsZero() {
				got = date.Format(time.RFC3339Nano)
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestRulesSayWhatThePolicySays(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	keep := keepRule(t, `{"tags": {"semver": "*"}, "newest": 3, "per": ["minor", "major", "minor"], "groups": 2, "hourly": 1, "weekly": 2, "yearly": 3, "zone": "Europe/Berlin", "within": "2w"}`)
	within, ok := keep.Within()
	if keep.Count() != 3 || keep.Groups() != 2 || !ok || within.String() != "2w" || keep.Location().String() != berlin.String() || !keep.HasConditions() || !keep.AsksDate() {
		t.Errorf("keep rule: %+v", keep)
	}
	if diff := cmp.Diff([]policy.Period{{Unit: policy.Hourly, N: 1}, {Unit: policy.Weekly, N: 2}, {Unit: policy.Yearly, N: 3}}, keep.Calendar()); diff != "" {
		t.Errorf("calendar (-want +got):\n%s", diff)
	}
	if !slices.Equal(keep.Per(), []string{"major", "minor"}) {
		t.Errorf("per %q", keep.Per())
	}

	list := keepRule(t, `{"file": "in-use.txt", "registries": ["b.example", "a.example", "b.example"]}`)
	if list.File() != "in-use.txt" || list.MaxAge().String() != "24h" || !slices.Equal(list.Registries(), []string{"a.example", "b.example"}) {
		t.Errorf("rule of a list: %+v", list)
	}

	remove := removeRule(t, `{"tags": "*", "older-than": "30d", "undated": true, "beyond": 5, "not-pulled": "6mo", "untag": true, "overwrite": true}`)
	older, ok1 := remove.OlderThan()
	pulled, ok2 := remove.NotPulled()
	if !ok1 || !ok2 || older.String() != "30d" || pulled.String() != "6mo" || remove.Count() != 5 || !remove.Undated() || !remove.Untag() || !remove.Overwrite() || !remove.HasConditions() {
		t.Errorf("remove rule: %+v", remove)
	}
	if remove.Untagged() || remove.Orphans() || remove.Trash() || remove.Location() != time.UTC {
		t.Errorf("remove rule: %+v", remove)
	}

	untagged, orphans, trash := removeRule(t, `{"untagged": true}`), removeRule(t, `{"orphans": true, "older-than": "2d"}`), removeRule(t, `{"trash": true, "older-than": "14d"}`)
	for rule, age := range map[*policy.Rule]string{untagged: "24h", orphans: "2d", trash: "14d"} {
		if span, _ := rule.OlderThan(); span.String() != age {
			t.Errorf("%s: older than %s, want %s", rule.Name(), span, age)
		}
	}
	if !untagged.Untagged() || !orphans.Orphans() || !trash.Trash() {
		t.Error("the rules are of another kind")
	}

	all := removeRule(t, `{"tags": "*"}`)
	if _, ok := all.OlderThan(); ok || all.HasConditions() || all.AsksDate() || all.Count() != 0 {
		t.Errorf("a rule without conditions has some: %+v", all)
	}
}
