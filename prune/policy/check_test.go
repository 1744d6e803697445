package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestKeepRulesThatSayNothingOrTooMuchAreFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule string // without its name
		want []string
	}{
		"tags alone":                         {`"tags": "v*"`, nil},
		"a condition alone":                  {`"newest": 3`, nil},
		"a span alone":                       {`"within": "30d"`, nil},
		"a calendar alone":                   {`"daily": 7, "weekly": 4, "zone": "Europe/Berlin"`, nil},
		"exceptions and a condition":         {`"except": "latest", "newest": 3`, nil},
		"an empty list of exceptions":        {`"tags": "v*", "except": []`, nil},
		"several conditions":                 {`"newest": 3, "within": "30d", "yearly": 1`, nil},
		"a list":                             {`"file": "in-use.txt"`, nil},
		"neither tags nor a condition":       {``, []string{"tags"}},
		"only exceptions":                    {`"except": "latest"`, []string{"tags"}},
		"no tags in the list":                {`"tags": [], "newest": 3`, []string{"tags"}},
		"per without a number":               {`"tags": {"semver": "*"}, "per": "minor"`, []string{"per"}},
		"per with a span only":               {`"tags": {"semver": "*"}, "within": "1d", "per": "minor"`, []string{"per"}},
		"per with a calendar":                {`"tags": {"semver": "*"}, "daily": 1, "per": "minor"`, nil},
		"per a group that no pattern has":    {`"tags": {"regexp": "(?P<app>.+)-\\d+"}, "newest": 1, "per": "branch"`, []string{"per"}},
		"per an unnamed group":               {`"tags": {"regexp": "(.+)-\\d+"}, "newest": 1, "per": "1"`, []string{"per"}},
		"per a group that one pattern has":   {`"tags": ["x", {"regexp": "(?P<app>.+)-\\d+"}], "newest": 1, "per": "app"`, nil},
		"per minor of globs":                 {`"tags": "v*", "newest": 1, "per": "minor"`, []string{"per"}},
		"per patch":                          {`"tags": {"semver": "*"}, "newest": 1, "per": ["patch"]`, []string{"per"}},
		"per pattern":                        {`"tags": ["a-*", "b-*"], "newest": 1, "per": "pattern"`, nil},
		"per minor where it is a group":      {`"tags": {"regexp": "(?P<major>\\d+)\\.(?P<minor>\\d+)"}, "newest": 1, "per": ["major", "minor"]`, nil},
		"per without tags":                   {`"newest": 1, "per": "app"`, []string{"per"}},
		"per the same twice":                 {`"tags": {"semver": "*"}, "newest": 1, "per": ["minor", "minor"]`, nil},
		"per an empty list":                  {`"tags": {"semver": "*"}, "newest": 1, "per": []`, []string{"per"}},
		"by without a number":                {`"tags": {"semver": "*"}, "by": "version"`, []string{"by"}},
		"by with a calendar only":            {`"tags": "*", "daily": 3, "by": "date"`, []string{"by"}},
		"by with groups of a calendar":       {`"tags": {"semver": "*"}, "daily": 3, "per": "major", "groups": 2, "by": "version"`, nil},
		"by something else":                  {`"tags": "*", "newest": 1, "by": "name"`, []string{"by"}},
		"by version of globs":                {`"tags": "v*", "newest": 1, "by": "version"`, []string{"by"}},
		"by version of all tags":             {`"newest": 1, "by": "version"`, []string{"by"}},
		"by number of versions":              {`"tags": {"semver": "*"}, "newest": 1, "by": "number"`, []string{"by"}},
		"by version where one pattern has":   {`"tags": [{"semver": "*"}, "nightly"], "newest": 1, "by": "version"`, nil},
		"by date of versions":                {`"tags": {"semver": "*"}, "newest": 1, "by": "date"`, nil},
		"groups without per":                 {`"tags": "*", "newest": 1, "groups": 2`, []string{"groups"}},
		"groups with per":                    {`"tags": {"semver": "*"}, "newest": 1, "per": "major", "groups": 2`, nil},
		"a zone that nothing asks":           {`"tags": "*", "newest": 1, "within": "1d", "zone": "Europe/Berlin"`, []string{"zone"}},
		"a zone for dates in tags":           {`"tags": {"regexp": "n-(?P<date>\\d{8})"}, "within": "1d", "zone": "Europe/Berlin"`, nil},
		"a zone for dates without a use":     {`"tags": {"regexp": "n-(?P<date>\\d{8})"}, "zone": "Europe/Berlin"`, []string{"zone"}},
		"a zone for dates beside versions":   {`"tags": {"regexp": "n-(?P<date>\\d{8})-(?P<version>.*)"}, "newest": 1, "zone": "Europe/Berlin"`, []string{"zone"}},
		"a zone that does not exist":         {`"daily": 1, "zone": "Europe/Atlantis"`, []string{"zone"}},
		"the zone of the machine":            {`"daily": 1, "zone": "Local"`, []string{"zone"}},
		"an offset in place of a zone":       {`"daily": 1, "zone": "+02:00"`, []string{"zone"}},
		"a path in place of a zone":          {`"daily": 1, "zone": "../../etc/passwd"`, []string{"zone"}},
		"a list beside tags":                 {`"file": "a", "tags": "v*"`, []string{"file"}},
		"a list beside conditions":           {`"file": "a", "newest": 1, "within": "1d"`, []string{"file"}},
		"max-age without a list":             {`"tags": "*", "max-age": "24h"`, []string{"max-age"}},
		"registries without a list":          {`"tags": "*", "registries": ["a.example"]`, []string{"registries"}},
		"a registry with a path":             {`"file": "a", "registries": ["b.example", "a.example/team"]`, []string{"registries"}},
		"a registry with a scheme":           {`"file": "a", "registries": ["https://a.example"]`, []string{"registries"}},
		"a registry that is a word":          {`"file": "a", "registries": ["mirror"]`, []string{"registries"}},
		"registries in all forms":            {`"file": "a", "registries": ["a.example", "localhost", "b:5000", "[::1]:5000", "10.0.0.1:80", "docker.io"]`, nil},
		"spans of other forms":               {`"within": "1.5d", "file": "f", "max-age": "0h"`, []string{"within", "max-age"}},
		"one fault does not become several":  {`"newest": -1, "groups": 5, "by": "version"`, []string{"newest"}},
		"exceptions that leave nothing":      {`"tags": ["latest", "stable"], "except": "*"`, []string{"except"}},
		"an exception for each word":         {`"tags": ["latest", "stable"], "except": ["l*", "stable"]`, []string{"except"}},
		"an exception for one of two words":  {`"tags": ["{latest,stable}"], "except": "latest"`, nil},
		"an exception that is the pattern":   {`"tags": [{"regexp": "v\\d+"}], "except": [{"regexp": "v\\d+"}]`, []string{"except"}},
		"an exception that is shorter":       {`"tags": ["pr-keep-*", "pr-1"], "except": "pr-*"`, []string{"except"}},
		"an exception that is longer":        {`"tags": "pr-*", "except": "pr-keep-*"`, nil},
		"an exception of another end":        {`"tags": ["*-rc", "*-beta-rc"], "except": "*-rc"`, []string{"except"}},
		"an exception of one pattern of two": {`"tags": ["pr-1*", "v*"], "except": "pr-*"`, nil},
		"exceptions of every tag":            {`"newest": 1, "except": "x"`, nil},
		"every tag an exception":             {`"newest": 1, "except": ["x", "*"]`, []string{"except"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := strings.TrimSuffix(`{"name": "r", `+test.rule, ", ") + "}"
			_, err := policy.Parse([]byte(`{"version": 1, "keep": [` + rule + `], "remove": [{"name": "all", "tags": "*"}]}`))
			checkFields(t, "/keep/0", test.want, err)
		})
	}
}

func TestRemoveRulesThatSayNothingOrTooMuchAreFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule string
		want []string
	}{
		"tags alone":                            {`"tags": "pr-*"`, nil},
		"an age alone":                          {`"older-than": "1y"`, nil},
		"a number alone":                        {`"beyond": 100`, nil},
		"pulls alone":                           {`"not-pulled": "90d"`, nil},
		"neither tags nor a condition":          {``, []string{"tags"}},
		"only untag":                            {`"untag": true`, []string{"tags"}},
		"undated without an age":                {`"tags": "*", "undated": true`, []string{"undated"}},
		"undated with pulls only":               {`"tags": "*", "not-pulled": "1d", "undated": true`, []string{"undated"}},
		"overwrite without untag":               {`"tags": "*", "overwrite": true`, []string{"overwrite"}},
		"keys that are false":                   {`"tags": "*", "undated": false, "overwrite": false, "untagged": false, "trash": false`, nil},
		"per without a number":                  {`"tags": {"semver": "*"}, "older-than": "1d", "per": "minor"`, []string{"per"}},
		"per with a number":                     {`"tags": {"semver": "*"}, "beyond": 1, "per": "minor", "groups": 1`, nil},
		"groups without per":                    {`"tags": {"semver": "*"}, "beyond": 1, "groups": 1`, []string{"groups"}},
		"by without a number":                   {`"tags": {"semver": "*"}, "older-than": "1d", "by": "date"`, []string{"by"}},
		"a zone that nothing asks":              {`"tags": "*", "older-than": "1d", "zone": "UTC"`, []string{"zone"}},
		"a zone for dates in tags":              {`"tags": {"regexp": "n-(?P<date>\\d{8})"}, "older-than": "1d", "zone": "UTC"`, nil},
		"keys of keep rules":                    {`"tags": "*", "newest": 1, "within": "1d", "daily": 1, "file": "f"`, []string{"newest", "within", "daily", "file"}},
		"untagged alone":                        {`"untagged": true`, nil},
		"untagged after a day":                  {`"untagged": true, "older-than": "24h"`, nil},
		"untagged after less than a day":        {`"untagged": true, "older-than": "23h"`, []string{"older-than"}},
		"orphans after less than a day":         {`"orphans": true, "older-than": "1h"`, []string{"older-than"}},
		"untagged beside tags":                  {`"untagged": true, "tags": "*"`, []string{"untagged"}},
		"untagged beside a number":              {`"untagged": true, "beyond": 3`, []string{"untagged"}},
		"untagged that are undated":             {`"untagged": true, "older-than": "2d", "undated": true`, []string{"untagged"}},
		"untagged and orphans in one":           {`"untagged": true, "orphans": true`, []string{"untagged", "orphans"}},
		"trash by age":                          {`"trash": true, "older-than": "1h"`, nil},
		"trash without an age":                  {`"trash": true`, []string{"older-than"}},
		"references":                            {`"references": ["v1", "sha256-0.sig", "sha256:0000000000000000000000000000000000000000000000000000000000000000"]`, nil},
		"one reference":                         {`"references": "v1"`, nil},
		"no references":                         {`"references": []`, []string{"references"}},
		"references that are none":              {`"references": ["-a", "sha256:12", "team/app:v1", ""]`, []string{"references", "references", "references", "references"}},
		"references beside tags":                {`"references": "v1", "tags": "*"`, []string{"references"}},
		"references that are old":               {`"references": "v1", "older-than": "1d"`, []string{"references"}},
		"trash beside tags":                     {`"trash": true, "older-than": "1d", "tags": "*"`, []string{"trash"}},
		"an age without a unit":                 {`"tags": "*", "older-than": "30"`, []string{"older-than"}},
		"an age of minutes or months":           {`"tags": "*", "older-than": "6m"`, []string{"older-than"}},
		"a negative age":                        {`"tags": "*", "not-pulled": "-1d"`, []string{"not-pulled"}},
		"faults in several keys":                {`"tags": ["v[", {"semver": "x.y"}], "older-than": "30", "beyond": -5`, []string{"tags", "tags", "older-than", "beyond"}},
		"no second fault where a key is unread": {`"older_than": "30d"`, []string{"older_than"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := strings.TrimSuffix(`{"name": "r", `+test.rule, ", ") + "}"
			_, err := policy.Parse([]byte(`{"version": 1, "remove": [` + rule + `]}`))
			checkFields(t, "/remove/0", test.want, err)
		})
	}
}

// checkFields checks in which keys of the rule "r" an error finds faults.
func checkFields(t *testing.T, rule string, want []string, err error) {
	t.Helper()
	var got []string
	for _, fault := range places(t, err) {
		got = append(got, fault.Field)
		if fault.Rule != "r" || !strings.HasPrefix(fault.Pointer, rule+"/"+fault.Field) {
			t.Errorf("not in the rule: %+v", fault)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s%v", diff, err)
	}
}

func TestNamesIdentifyRules(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		keep, remove string
		want         []place
	}{
		"two keep rules of one name": {
			`{"name": "a", "tags": "x"}, {"name": "a", "tags": "y"}`, `{"name": "r", "tags": "*"}`,
			[]place{{"a", "name", "/keep/1/name"}},
		},
		"a keep rule and a remove rule of one name": {
			`{"name": "a", "tags": "x"}`, `{"name": "a", "tags": "*"}`,
			[]place{{"a", "name", "/remove/0/name"}},
		},
		"three of one name": {
			`{"name": "a", "tags": "x"}`, `{"name": "a", "tags": "*"}, {"name": "a", "tags": "z"}`,
			[]place{{"a", "name", "/remove/0/name"}, {"a", "name", "/remove/1/name"}},
		},
		"names that differ in case": {`{"name": "a", "tags": "x"}`, `{"name": "A", "tags": "*"}`, nil},
		"the same rule twice without a name": {
			`{"tags": ["x", "y"], "newest": 1}, {"newest": 1, "tags": ["y", "x"], "by": "date"}`, `{"name": "r", "tags": "*"}`,
			[]place{{`keep "x" "y" newest 1`, "name", "/keep/1/name"}},
		},
		"the same content to keep and to remove": {`{"tags": "x"}`, `{"tags": "x"}`, nil},
		"a name that another rule has by its content": {
			`{"tags": "x"}, {"name": "keep \"x\"", "tags": "y"}`, `{"name": "r", "tags": "*"}`,
			[]place{{`keep "x"`, "name", "/keep/1/name"}},
		},
		"a name with a line break": {`{"name": "a\nb", "tags": "x"}`, `{"name": "r", "tags": "*"}`, []place{{"a\nb", "name", "/keep/0/name"}}},
		"a name that is too long": {
			`{"name": "` + strings.Repeat("n", 201) + `", "tags": "x"}`, `{"name": "r", "tags": "*"}`,
			[]place{{strings.Repeat("n", 201), "name", "/keep/0/name"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameFaults(t, `{"version": 1, "keep": [`+test.keep+`], "remove": [`+test.remove+`]}`, test.want)
		})
	}
}

func TestLimitsHaveARange(t *testing.T) {
	t.Parallel()
	for limits, want := range map[string][]string{
		`"max-percent": 0, "max-images": 0, "min-left": 0, "broken": 0`: nil,
		`"max-percent": 100, "max-images": 2147483647`:                  nil,
		`"max-percent": 101`: {"limits.max-percent"},
		`"max-percent": -1, "max-images": -1, "min-left": -1, "broken": -1`:     {"limits.max-percent", "limits.max-images", "limits.min-left", "limits.broken"},
		`"max-percent": 50.5, "max-images": 2147483648, "min-left": "1", "x":1`: {"limits.max-percent", "limits.max-images", "limits.min-left", "limits.x"},
	} {
		t.Run(limits, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Parse([]byte(`{"version": 1, "limits": {` + limits + `}, "remove": [{"tags": "*"}]}`))
			var got []string
			for _, fault := range places(t, err) {
				got = append(got, fault.Field)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s%v", diff, err)
			}
		})
	}
}

func TestAPolicyIsForItsRepositories(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		globs       string
		yes, no     []string
		wantNoGlobs bool
	}{
		"all by default":         {globs: ``, yes: []string{"a", "team/app", "a/b/c/d"}},
		"two asterisks":          {globs: `"repositories": ["team/**"],`, yes: []string{"team/app", "team/a/b", "team"}, no: []string{"teams/app", "app"}},
		"one asterisk":           {globs: `"repositories": ["team/*", "base"],`, yes: []string{"team/app", "base"}, no: []string{"team/a/b", "team", "base/x"}},
		"braces and classes":     {globs: `"repositories": ["{a,b}/[x-z]*"],`, yes: []string{"a/x", "b/zoo"}, no: []string{"c/x", "a/w"}},
		"an invalid glob":        {globs: `"repositories": ["a", "team/{"],`, wantNoGlobs: true},
		"a capital":              {globs: `"repositories": ["Team/*"],`, wantNoGlobs: true},
		"a registry before":      {globs: `"repositories": ["localhost:5000/team/*"],`, wantNoGlobs: true},
		"a slash before":         {globs: `"repositories": ["/team/*"],`, wantNoGlobs: true},
		"no characters":          {globs: `"repositories": [""],`, wantNoGlobs: true},
		"one alternative of two": {globs: `"repositories": ["{Team,team}/*"],`, yes: []string{"team/a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := policy.Parse([]byte(`{"version": 1, ` + test.globs + ` "remove": [{"tags": "*"}]}`))
			if test.wantNoGlobs {
				if found := places(t, err); len(found) != 1 || found[0].Field != "repositories" {
					t.Errorf("faults: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, repository := range test.yes {
				if err := p.CheckRepository(repository); err != nil {
					t.Errorf("%s: %v", repository, err)
				}
			}
			for _, repository := range test.no {
				fault, ok := p.CheckRepository(repository).(*policy.Error)
				if !ok || fault.Field != "repositories" || fault.Pointer != "/repositories" || !strings.Contains(fault.Problem, repository) {
					t.Errorf("%s: %v", repository, fault)
				}
			}
		})
	}
}

func TestNewFindsTheSameFaults(t *testing.T) {
	t.Parallel()
	all := []policy.Remove{{Name: "r", Tags: policy.Globs("*")}}
	for name, test := range map[string]struct {
		doc  policy.Document
		want []place
	}{
		"the zero value":                     {policy.Document{}, []place{{"", "version", "/version"}, {"", "remove", "/remove"}}},
		"no remove rule":                     {policy.Document{Version: 1}, []place{{"", "remove", "/remove"}}},
		"a later version":                    {policy.Document{Version: 2}, []place{{"", "version", "/version"}}},
		"a negative version":                 {policy.Document{Version: -1, Remove: all}, []place{{"", "version", "/version"}}},
		"no repositories, which is not nil":  {policy.Document{Version: 1, Remove: all, Repositories: []string{}}, []place{{"", "repositories", "/repositories"}}},
		"no globs, which is not every tag":   {policy.Document{Version: 1, Remove: []policy.Remove{{Name: "r", Tags: policy.Globs(), OlderThan: "1d"}}}, []place{{"r", "tags", "/remove/0/tags"}}},
		"an empty pattern":                   {policy.Document{Version: 1, Remove: []policy.Remove{{Name: "r", Tags: policy.Globs("a", "")}}}, []place{{"r", "tags", "/remove/0/tags/1"}}},
		"a glob and a range in one pattern":  {policy.Document{Version: 1, Remove: []policy.Remove{{Name: "r", Tags: []policy.Pattern{{Glob: "a", Semver: "1"}}}}}, []place{{"r", "tags", "/remove/0/tags/0"}}},
		"an empty value of per":              {policy.Document{Version: 1, Remove: []policy.Remove{{Name: "r", Tags: policy.Semver("*"), Beyond: 1, Per: []string{""}}}}, []place{{"r", "per", "/remove/0/per/0"}}},
		"negative numbers":                   {policy.Document{Version: 1, Remove: all, Keep: []policy.Keep{{Newest: -1, Daily: -1, Groups: -1}}}, []place{{"keep newest -1 groups -1 daily -1", "daily", "/keep/0/daily"}, {"keep newest -1 groups -1 daily -1", "newest", "/keep/0/newest"}, {"keep newest -1 groups -1 daily -1", "groups", "/keep/0/groups"}}},
		"limits out of range":                {policy.Document{Version: 1, Remove: all, Limits: policy.Limits{MaxPercent: new(101), Broken: new(-1)}}, []place{{"", "limits.max-percent", "/limits/max-percent"}, {"", "limits.broken", "/limits/broken"}}},
		"text that is not UTF-8":             {policy.Document{Version: 1, Remove: []policy.Remove{{Name: "\xff", Tags: []policy.Pattern{{Glob: "\xff"}, {Regexp: "\xff"}}}}}, []place{{"\xff", "name", "/remove/0/name"}, {"\xff", "tags", "/remove/0/tags/0"}, {"\xff", "tags", "/remove/0/tags/1/regexp"}}},
		"a file name with a line break":      {policy.Document{Version: 1, Remove: all, Keep: []policy.Keep{{Name: "k", File: "a\nb"}}}, []place{{"k", "file", "/keep/0/file"}}},
		"contradictions in a rule of a file": {policy.Document{Version: 1, Remove: all, Keep: []policy.Keep{{Name: "k", File: "a", Newest: 1, Tags: policy.Globs("x")}}}, []place{{"k", "file", "/keep/0/file"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := policy.New(test.doc)
			if p != nil {
				t.Error("a policy in spite of faults")
			}
			if diff := cmp.Diff(test.want, places(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s%v", diff, err)
			}
		})
	}
}
