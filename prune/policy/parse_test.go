package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestParseReadsEveryKey(t *testing.T) {
	t.Parallel()
	hex := strings.Repeat("0123456789abcdef", 4)
	p := parse(t, strings.NewReplacer("{X}", hex, "{D}", "sha256:"+hex).Replace(`{
		"limits": {"max-percent": 0, "max-images": 10, "min-left": 2, "broken": 3},
		"repositories": ["team/**", "base"],
		"remove": [
			{"name": "a", "tags": ["pr-*", {"regexp": "b-(?P<date>\\d+)-(?P<number>\\d+)-(?P<app>x|y)"}], "except": "pr-1", "older-than": "30d", "undated": true,
			 "beyond": 5, "per": "app", "by": "number", "groups": 2, "zone": "Asia/Tokyo", "not-pulled": "2w", "untag": true, "overwrite": true},
			{"name": "b", "untagged": true, "older-than": "2d"},
			{"name": "c", "orphans": true},
			{"name": "d", "trash": true, "older-than": "14d"},
			{"name": "e", "references": ["v1", "sha256-{X}.sig", "{D}", "v1"]}],
		"keep": [
			{"name": "k", "tags": {"regexp": "(?P<version>.+)-(?P<os>\\w+)", "semver": ">=1", "pre": "only"}, "except": [{"semver": "1.x"}], "newest": 1,
			 "per": ["minor", "os"], "by": "version", "groups": 3, "hourly": 4, "daily": 5, "weekly": 6, "monthly": 7, "yearly": 8, "zone": "UTC", "within": "1mo"},
			{"name": "l", "file": "in-use.txt", "max-age": "1h", "registries": ["mirror.example:5000"]}],
		"version": 1}`))
	want := policy.Document{
		Version:      1,
		Repositories: []string{"base", "team/**"},
		Keep: []policy.Keep{
			{
				Name: "k", Tags: []policy.Pattern{{Regexp: `(?P<version>.+)-(?P<os>\w+)`, Semver: ">=1", Pre: "only"}}, Except: policy.Semver("1.x"), Newest: 1,
				Per: []string{"minor", "os"}, By: "version", Groups: 3, Hourly: 4, Daily: 5, Weekly: 6, Monthly: 7, Yearly: 8, Zone: "UTC", Within: "1mo",
			},
			{Name: "l", File: "in-use.txt", MaxAge: "1h", Registries: []string{"mirror.example:5000"}},
		},
		Remove: []policy.Remove{
			{
				Name: "a", Tags: append(policy.Regexp(`b-(?P<date>\d+)-(?P<number>\d+)-(?P<app>x|y)`), policy.Globs("pr-*")...), Except: policy.Globs("pr-1"),
				OlderThan: "30d", Undated: true, Beyond: 5, Per: []string{"app"}, By: "number", Groups: 2, Zone: "Asia/Tokyo", NotPulled: "2w", Untag: true, Overwrite: true,
			},
			{Name: "b", Untagged: true, OlderThan: "2d"},
			{Name: "c", Orphans: true, OlderThan: "24h"},
			{Name: "d", Trash: true, OlderThan: "14d"},
			{Name: "e", References: []string{"sha256-" + hex + ".sig", "sha256:" + hex, "v1"}},
		},
		Limits: policy.Limits{MaxPercent: new(0), MaxImages: new(10), MinLeft: new(2), Broken: new(3)},
	}
	if diff := cmp.Diff(want, p.Document()); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(policy.Brakes{MaxPercent: 0, MaxImages: 10, MinLeft: 2, Broken: 3}, p.Limits()); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}

func TestParseReportsWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, problem string }{
		"an empty file":                      {"", "the document is empty"},
		"white space alone":                  {" \n\t", "the document is empty"},
		"an object that is not closed":       {`{"version": 1`, "line 1, column 14: "},
		"a comma too much":                   {"{\"version\": 1,\n}", "line 2, column 1: "},
		"a comment":                          {"{\"version\": 1, // one\n}", "line 1, column 16: "},
		"a second document":                  {"{\"version\": 1}\n{}", "there is more after the end"},
		"text after the end":                 {`{"version": 1} x`, "line 1, column 16: "},
		"a byte that is not UTF-8":           {"{\"version\": 1, \"keep\": [{\"name\": \"\xff\"}]}", "line 1, column "},
		"a byte order mark":                  {"\ufeff{}", "byte order mark"},
		"half of a pair of escapes":          {`{"name": "\ud800"}`, "line 1, column "},
		"YAML":                               {"version: 1\n", "line 1, column 1: "},
		"a number with a zero before":        {`{"version": 01}`, "line 1, column "},
		"brackets without end":               {strings.Repeat("[", 100_000), "line 1, column "},
		"an unknown key with a syntax error": {`{"version": 1, "x": [1,], "y": 2}`, "line 1, column "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := policy.Parse([]byte(test.text))
			if p != nil || err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%v, want %q", err, test.problem)
			}
			if diff := cmp.Diff([]place{{}}, places(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseReportsEveryFaultOfFormInOrder(t *testing.T) {
	t.Parallel()
	const rest = `"remove": [{"name": "r", "tags": "*"}]`
	for name, test := range map[string]struct {
		text string
		want []place
	}{
		"a document that is a list":       {`[]`, []place{{}}},
		"null":                            {`null`, []place{{}}},
		"no version":                      {`{` + rest + `}`, []place{{"", "version", "/version"}}},
		"a version that is a string":      {`{"version": "1", ` + rest + `}`, []place{{"", "version", "/version"}}},
		"a version with a fraction":       {`{"version": 1.0, ` + rest + `}`, []place{{"", "version", "/version"}}},
		"version 0":                       {`{"version": 0, ` + rest + `}`, []place{{"", "version", "/version"}}},
		"a later version, whose keys are": {`{"version": 2, "new": 1}`, []place{{"", "version", "/version"}}},
		"unknown keys at the top":         {`{"version": 1, "Keep": [], "dry/run": true, ` + rest + `}`, []place{{"", "Keep", "/Keep"}, {"", "dry/run", "/dry~1run"}}},
		"no remove rules":                 {`{"version": 1}`, []place{{"", "remove", "/remove"}}},
		"an empty list of remove rules":   {`{"version": 1, "remove": []}`, []place{{"", "remove", "/remove"}}},
		"remove rules that are null":      {`{"version": 1, "remove": null}`, []place{{"", "remove", "/remove"}}},
		"a keep section that is a rule":   {`{"version": 1, "keep": {"tags": "a"}, ` + rest + `}`, []place{{"", "keep", "/keep"}}},
		"a rule that is a string":         {`{"version": 1, "keep": ["latest", {"name": "n", "newest": 0}], ` + rest + `}`, []place{{"keep rule 1", "keep", "/keep/0"}, {"n", "newest", "/keep/1/newest"}}},
		"an empty list of repositories":   {`{"version": 1, "repositories": [], ` + rest + `}`, []place{{"", "repositories", "/repositories"}}},
		"a repository without a list":     {`{"version": 1, "repositories": "team/*", ` + rest + `}`, []place{{"", "repositories", "/repositories"}}},
		"a repository that is a number":   {`{"version": 1, "repositories": ["a", 1, ""], ` + rest + `}`, []place{{"", "repositories", "/repositories/1"}, {"", "repositories", "/repositories/2"}}},
		"limits that are a number":        {`{"version": 1, "limits": 5, ` + rest + `}`, []place{{"", "limits", "/limits"}}},
		"unknown and repeated limits": {`{"version": 1, "limits": {"max": 1, "broken": 0, "broken": 1}, ` + rest + `}`,
			[]place{{"", "limits.max", "/limits/max"}, {"", "limits.broken", "/limits/broken"}}},
		"limits of other types": {`{"version": 1, "limits": {"max-percent": "50", "min-left": null, "broken": 1.5, "max-images": 99999999999}, ` + rest + `}`,
			[]place{{"", "limits.max-percent", "/limits/max-percent"}, {"", "limits.min-left", "/limits/min-left"}, {"", "limits.broken", "/limits/broken"}, {"", "limits.max-images", "/limits/max-images"}}},
		"sections that are there twice": {`{"version": 1, "keep": [], ` + rest + `, "keep": [{"newest": 0}], "remove": []}`,
			[]place{{"", "keep", "/keep"}, {"", "remove", "/remove"}}},
		"a key of a rule that is there twice": {`{"version": 1, "remove": [{"name": "r", "tags": "a", "tags": "b"}]}`, []place{{"r", "tags", "/remove/0/tags"}}},
		"a key of a pattern that is there twice": {`{"version": 1, "remove": [{"name": "r", "tags": {"regexp": "a", "regexp": "b"}}]}`,
			[]place{{"r", "tags", "/remove/0/tags/regexp"}}},
		"keys with capitals and underscores": {`{"version": 1, "remove": [{"name": "r", "Tags": "a", "older_than": "1d"}]}`,
			[]place{{"r", "Tags", "/remove/0/Tags"}, {"r", "older_than", "/remove/0/older_than"}}},
		"values of other types": {
			`{"version": 1, "remove": [{"name": 1, "tags": 2, "except": null, "older-than": 30, "undated": "true", "beyond": "5", "per": {}, "untag": 1}]}`,
			[]place{
				{"remove rule 1", "name", "/remove/0/name"}, {"remove rule 1", "tags", "/remove/0/tags"}, {"remove rule 1", "except", "/remove/0/except"},
				{"remove rule 1", "older-than", "/remove/0/older-than"}, {"remove rule 1", "undated", "/remove/0/undated"}, {"remove rule 1", "beyond", "/remove/0/beyond"},
				{"remove rule 1", "per", "/remove/0/per"}, {"remove rule 1", "untag", "/remove/0/untag"},
			},
		},
		"empty strings": {
			`{"version": 1, "keep": [{"name": "", "tags": "", "by": "", "zone": "", "within": "", "file": "", "max-age": ""}], ` + rest + `}`,
			[]place{
				{"keep rule 1", "name", "/keep/0/name"}, {"keep rule 1", "tags", "/keep/0/tags"}, {"keep rule 1", "by", "/keep/0/by"}, {"keep rule 1", "zone", "/keep/0/zone"},
				{"keep rule 1", "within", "/keep/0/within"}, {"keep rule 1", "file", "/keep/0/file"}, {"keep rule 1", "max-age", "/keep/0/max-age"},
			},
		},
		"zeros": {
			`{"version": 1, "keep": [{"name": "k", "tags": "*", "newest": 0, "hourly": 0, "daily": -0, "weekly": 0, "monthly": 0, "yearly": 0, "groups": 0, "within": "0h"}],
			  "remove": [{"name": "r", "tags": "*", "beyond": 0}]}`,
			[]place{
				{"k", "newest", "/keep/0/newest"}, {"k", "hourly", "/keep/0/hourly"}, {"k", "daily", "/keep/0/daily"}, {"k", "weekly", "/keep/0/weekly"},
				{"k", "monthly", "/keep/0/monthly"}, {"k", "yearly", "/keep/0/yearly"}, {"k", "groups", "/keep/0/groups"}, {"k", "within", "/keep/0/within"},
				{"r", "beyond", "/remove/0/beyond"},
			},
		},
		"numbers in other forms": {`{"version": 1, "keep": [{"name": "k", "tags": "*", "newest": 1e1, "daily": 7.0, "weekly": -1, "monthly": 3000000000}], ` + rest + `}`,
			[]place{{"k", "newest", "/keep/0/newest"}, {"k", "daily", "/keep/0/daily"}, {"k", "weekly", "/keep/0/weekly"}, {"k", "monthly", "/keep/0/monthly"}}},
		"patterns of other forms": {`{"version": 1, "remove": [{"name": "r", "tags": ["a", 1, {"glob": "x"}, {"not": "v"}, {}, "", null, ["b"], {"semver": 1}, {"regexp": ""}, "z"]}]}`,
			[]place{
				{"r", "tags", "/remove/0/tags/1"}, {"r", "tags", "/remove/0/tags/2/glob"}, {"r", "tags", "/remove/0/tags/3/not"}, {"r", "tags", "/remove/0/tags/4"},
				{"r", "tags", "/remove/0/tags/5"}, {"r", "tags", "/remove/0/tags/6"}, {"r", "tags", "/remove/0/tags/7"}, {"r", "tags", "/remove/0/tags/8/semver"},
				{"r", "tags", "/remove/0/tags/9/regexp"},
			}},
		"faults of form and of meaning, in the order of the document": {
			`{"limits": {"max-percent": 101}, "remove": [{"older-than": "1x", "name": "r", "tags": "v["}, {"unknown": 1, "name": "s"}], "keep": [{"name": "k"}]}`,
			[]place{
				{"", "version", "/version"}, {"", "limits.max-percent", "/limits/max-percent"}, {"r", "older-than", "/remove/0/older-than"}, {"r", "tags", "/remove/0/tags"},
				{"s", "unknown", "/remove/1/unknown"}, {"k", "tags", "/keep/0/tags"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameFaults(t, test.text, test.want)
		})
	}
}
