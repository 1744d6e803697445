package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestTheSamePolicyHasTheSameBytes(t *testing.T) {
	t.Parallel()
	texts := []string{
		`{"version": 1, "repositories": ["team/*", "base"],
		  "keep": [{"name": "a", "tags": [{"semver": "1.x"}, "y", "x"], "except": ["y2", "y1"], "newest": 3}, {"file": "in-use.txt"}, {"name": "c", "tags": "*", "daily": 1}],
		  "remove": [{"tags": "pr-*"}, {"tags": "mr-*", "older-than": "1d"}, {"untagged": true}]}`,
		`{"limits": {"broken": 0, "min-left": 1, "max-images": 5000, "max-percent": 50},
		  "remove": [{"older-than": "24h", "untagged": true}, {"older-than": "1d", "tags": ["mr-*"]}, {"tags": ["pr-*", "pr-*"]}],
		  "keep": [{"zone": "UTC", "daily": 1, "tags": ["*"], "name": "c"}, {"max-age": "24h", "file": "in-use.txt", "registries": []},
		           {"newest": 3, "by": "date", "except": ["y1", "y2", "y1"], "tags": ["x", "y", {"semver": "1.x"}], "name": "a"}],
		  "repositories": ["base", "team/*"], "version": 1}`,
	}
	first := parse(t, texts[0])
	for _, text := range texts {
		p := parse(t, text)
		if diff := cmp.Diff(string(first.JSON()), string(p.JSON())); diff != "" {
			t.Errorf("JSON of %s:\n%s", text, diff)
		}
		if p.Digest() != digest.FromBytes(p.JSON()) || p.Digest() != first.Digest() {
			t.Errorf("digest %s", p.Digest())
		}
		again := parse(t, string(p.JSON()))
		if diff := cmp.Diff(p.Document(), again.Document()); diff != "" || again.Digest() != p.Digest() {
			t.Errorf("parsed again (-first +again):\n%s", diff)
		}
		fromGo, err := policy.New(p.Document())
		if err != nil || fromGo.Digest() != p.Digest() {
			t.Errorf("made again: %v", err)
		}
	}
}

func TestADifferentPolicyHasAnotherDigest(t *testing.T) {
	t.Parallel()
	seen := map[digest.Digest]string{}
	for _, text := range []string{
		`{"version": 1, "remove": [{"name": "r", "tags": "*"}]}`,
		`{"version": 1, "remove": [{"name": "s", "tags": "*"}]}`,
		`{"version": 1, "remove": [{"name": "r", "tags": "a"}]}`,
		`{"version": 1, "remove": [{"name": "r", "tags": {"regexp": "a"}}]}`,
		`{"version": 1, "remove": [{"name": "r", "tags": "*", "except": "a"}]}`,
		`{"version": 1, "remove": [{"name": "r", "tags": "*", "older-than": "1d"}]}`,
		`{"version": 1, "remove": [{"name": "r", "tags": "*", "untag": true}]}`,
		`{"version": 1, "remove": [{"name": "r", "tags": "*"}], "repositories": ["a"]}`,
		`{"version": 1, "remove": [{"name": "r", "tags": "*"}], "limits": {"broken": 1}}`,
		`{"version": 1, "remove": [{"name": "r", "tags": "*"}], "keep": [{"tags": "a"}]}`,
	} {
		d := parse(t, text).Digest()
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one digest", text, other)
		}
		seen[d] = text
	}
}

func TestRulesAreSortedAndNamed(t *testing.T) {
	t.Parallel()
	p := parse(t, `{"version": 1,
		"keep": [{"name": "z", "tags": "z"}, {"tags": ["stable", "latest"]}, {"name": "a", "newest": 1}],
		"remove": [{"tags": "x", "name": "y"}, {"tags": "*", "older-than": "30d"}]}`)
	var got []string
	for _, rule := range append(p.Keep(), p.Remove()...) {
		got = append(got, rule.Name())
	}
	if diff := cmp.Diff([]string{"a", `keep "latest" "stable"`, "z", `remove "*" older-than 30d`, "y"}, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestRulesWithoutNamesAreCalledByTheirContent(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		`{"tags": "pr-*"}`:                      `remove "pr-*"`,
		`{"tags": ["b", "a", {"semver": "1"}]}`: `remove semver "1" "a" "b"`,
		`{"tags": {"regexp": "v\\d+"}, "except": ["x", "y"], "older-than": "1d", "undated": true}`:                                                 `remove regexp "v\\d+" except "x" "y" older-than 1d undated`,
		`{"tags": {"regexp": "(?P<version>.*)-(?P<os>.*)", "semver": ">=1", "pre": "only"}, "beyond": 5, "per": ["os", "minor"], "by": "version"}`: `remove regexp "(?P<version>.*)-(?P<os>.*)" semver ">=1" pre only beyond 5 per minor,os`,
		`{"tags": {"semver": "*"}, "beyond": 5, "by": "date"}`:                                                                                     `remove semver "*" beyond 5 by date`,
		`{"tags": {"regexp": "(?P<date>.*)"}, "older-than": "1d", "zone": "UTC"}`:                                                                  `remove regexp "(?P<date>.*)" older-than 1d`,
		`{"tags": {"regexp": "(?P<date>.*)"}, "older-than": "1d", "zone": "Asia/Tokyo"}`:                                                           `remove regexp "(?P<date>.*)" older-than 1d zone Asia/Tokyo`,
		`{"not-pulled": "90d", "untag": true, "overwrite": true}`:                                                                                  `remove not-pulled 90d untag overwrite`,
		`{"untagged": true}`:                           `remove untagged`,
		`{"untagged": true, "older-than": "24h"}`:      `remove untagged`,
		`{"orphans": true, "older-than": "2d"}`:        `remove orphans older-than 2d`,
		`{"references": ["v2", "v1", "v2"]}`:           `remove references v1 v2`,
		`{"trash": true, "older-than": "14d"}`:         `remove trash older-than 14d`,
		`{"tags": "` + strings.Repeat("x", 120) + `"}`: `remove "` + strings.Repeat("x", 77) + `… #24f9639b`,
	} {
		if got := removeRule(t, rule).Name(); got != want {
			t.Errorf("%s is called %s, want %s", rule, got, want)
		}
	}
	for rule, want := range map[string]string{
		`{"newest": 3}`: `keep newest 3`,
		`{"tags": "*", "hourly": 1, "daily": 2, "weekly": 3, "monthly": 4, "yearly": 5, "within": "1w"}`: `keep "*" hourly 1 daily 2 weekly 3 monthly 4 yearly 5 within 1w`,
		`{"file": "in use.txt", "max-age": "24h", "registries": ["b.example", "a.example"]}`:             `keep file "in use.txt" registries a.example,b.example`,
		`{"file": "in-use.txt", "max-age": "1h"}`:                                                        `keep file "in-use.txt" max-age 1h`,
		`{"name": "releases", "newest": 3}`:                                                              `releases`,
	} {
		if got := keepRule(t, rule).Name(); got != want {
			t.Errorf("%s is called %s, want %s", rule, got, want)
		}
	}
}

func TestFilesAreThoseOfKeepRules(t *testing.T) {
	t.Parallel()
	p := parse(t, `{"version": 1, "keep": [{"name": "a", "file": "z.txt"}, {"name": "b", "file": "a.txt"}, {"name": "c", "file": "z.txt", "max-age": "1h"}, {"name": "d", "tags": "x"}],
		"remove": [{"tags": "*"}]}`)
	if diff := cmp.Diff([]string{"a.txt", "z.txt"}, p.Files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if files := parse(t, `{"version": 1, "remove": [{"tags": "*"}]}`).Files(); len(files) != 0 {
		t.Errorf("files %q", files)
	}
}

func TestAPolicyIsImmutable(t *testing.T) {
	t.Parallel()
	doc := policy.Document{
		Version: 1, Repositories: []string{"a"}, Keep: []policy.Keep{{Name: "k", Tags: policy.Regexp("(?P<app>x)"), Newest: 1, Per: []string{"app"}}, {Name: "l", File: "f", Registries: []string{"a.example"}}},
		Remove: []policy.Remove{{Name: "r", Tags: policy.Globs("*"), Except: policy.Globs("x")}}, Limits: policy.Limits{MaxPercent: new(10)},
	}
	p, err := policy.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	before := string(p.JSON())
	for _, d := range []policy.Document{doc, p.Document()} {
		d.Repositories[0] = "b"
		d.Keep[0].Tags[0].Regexp, d.Keep[0].Per[0], d.Keep[1].Registries[0] = "y", "y", "b.example"
		d.Remove[0].Tags[0].Glob, d.Remove[0].Except[0].Glob = "y", "y"
		*d.Limits.MaxPercent = 20
		d.Keep[0], d.Remove[0] = policy.Keep{}, policy.Remove{}
	}
	p.JSON()[0] = 'x'
	p.Keep()[0], p.Remove()[0] = nil, nil
	p2, err := policy.New(p.Document())
	if err != nil || string(p.JSON()) != before || string(p2.JSON()) != before || p.Keep()[0] == nil || p.CheckRepository("a") != nil {
		t.Errorf("the policy has changed: %v", err)
	}
}

func TestADocumentIsWrittenAsItIsRead(t *testing.T) {
	t.Parallel()
	doc := policy.Document{
		Version: 1,
		Keep:    []policy.Keep{{Tags: policy.Globs("latest"), Newest: 1}},
		Remove:  []policy.Remove{{Tags: []policy.Pattern{{Glob: "a<b>&"}, {Regexp: `(?P<version>\d+)`, Semver: "<2", Pre: "only"}}, OlderThan: "1d"}},
		Limits:  policy.Limits{MaxPercent: new(0)},
	}
	const want = `{"version":1,"keep":[{"tags":["latest"],"newest":1}],"remove":[{"tags":["a\u003cb\u003e\u0026",{"regexp":"(?P\u003cversion\u003e\\d+)","semver":"\u003c2","pre":"only"}],"older-than":"1d"}],"limits":{"max-percent":0}}`
	if diff := cmp.Diff(want, jsonOf(t, doc)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if _, err := json.Marshal(policy.Pattern{Glob: "\xff"}); err == nil {
		t.Error("a glob that is not UTF-8 is written")
	}
}
