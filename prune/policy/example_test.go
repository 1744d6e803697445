package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func ExampleParse() {
	p, err := policy.Parse([]byte(`{
		"version": 1,
		"keep": [
			{"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 10, "per": "minor"},
			{"tags": ["latest", "stable"]}],
		"remove": [
			{"name": "pull requests", "tags": "pr-*", "except": "pr-keep-*", "older-than": "30d"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rule := range p.Keep() {
		fmt.Println("keep:", rule.Name())
	}
	for _, rule := range p.Remove() {
		fmt.Println("remove:", rule.Name())
	}
	fmt.Printf("%+v\n", p.Limits())
	// Output:
	// keep: keep "latest" "stable"
	// keep: releases
	// remove: pull requests
	// {MaxPercent:50 MaxImages:5000 MinLeft:1 Broken:0}
}

// All faults are reported at once. A program that knows the lines of the file can
// point at each of them.
func ExampleParse_faults() {
	_, err := policy.Parse([]byte(`{
		"version": 1,
		"keep": [{"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 0}],
		"remove": [
			{"name": "old", "tags": "*", "older-than": "6m"},
			{"name": "builds", "tags": "build-*", "newest": 5}],
		"limits": {"max-percent": 120}}`))
	fmt.Println(err)

	var faults policy.Errors
	if errors.As(err, &faults) {
		for _, fault := range faults {
			fmt.Println(fault.Pointer)
		}
	}
	// Output:
	// rule "releases": newest: it must be at least 1: leave it out to have none
	// rule "old": older-than: "6m" is not a length of time: "m" is not a unit: write "6mo" for months; the shortest unit is the hour, "h"
	// rule "builds": newest: it is for keep rules: a remove rule has "beyond"
	// limits.max-percent: 120 is more than 100
	// /keep/0/newest
	// /remove/0/older-than
	// /remove/1/newest
	// /limits/max-percent
}

func ExampleNew() {
	p, err := policy.New(policy.Document{
		Version: 1,
		Keep: []policy.Keep{
			{Name: "releases", Tags: policy.Semver(">=1.0.0"), Newest: 10, Per: []string{"minor"}},
			{Name: "floating", Tags: policy.Globs("latest", "stable")},
		},
		Remove: []policy.Remove{
			{Name: "builds", Tags: policy.Regexp(`build-(?P<number>\d+)`), Beyond: 50},
		},
		Limits: policy.Limits{MaxPercent: new(30)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(p.JSON()))
	// Output:
	// {"version":1,"repositories":["**"],"keep":[{"name":"floating","tags":["latest","stable"]},{"name":"releases","tags":[{"semver":">=1.0.0"}],"newest":10,"per":["minor"],"by":"version"}],"remove":[{"name":"builds","tags":[{"regexp":"build-(?P<number>\\d+)"}],"beyond":50,"by":"number"}],"limits":{"max-percent":30,"max-images":5000,"min-left":1,"broken":0}}
}

func ExampleRule_Match() {
	p, err := policy.New(policy.Document{
		Version: 1,
		Remove: []policy.Remove{{
			Name:   "builds",
			Tags:   policy.Regexp(`(?P<branch>[a-z]+)-(?P<number>\d+)(?P<variant>-debug)?`),
			Beyond: 10,
			Per:    []string{"branch"},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	builds := p.Remove()[0]
	fmt.Println("ranked by", builds.By())
	for _, tag := range []string{"main-7", "main-12-debug", "latest"} {
		for _, m := range builds.Match(tag) {
			fmt.Printf("%s: group %q, variant %q, number %s\n", tag, m.Group, m.Variant, m.Number)
		}
	}
	// Output:
	// ranked by number
	// main-7: group "main", variant "", number 7
	// main-12-debug: group "main", variant "-debug", number 12
}

func ExamplePolicy_CheckRepository() {
	p, err := policy.Parse([]byte(`{"version": 1, "repositories": ["team/**"], "remove": [{"tags": "pr-*"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.CheckRepository("team/web/app"))
	fmt.Println(p.CheckRepository("base/debian"))
	// Output:
	// <nil>
	// repositories: "base/debian" is not among the repositories of the policy, team/**
}

func ExampleParseInUse() {
	p, err := policy.Parse([]byte(`{"version": 1,
		"keep": [{"name": "in use", "file": "in-use.txt", "registries": ["mirror.local:5000"]}],
		"remove": [{"tags": "*", "older-than": "30d"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	list, err := policy.ParseInUse("in-use.txt", strings.NewReader(`# production
registry.example/team/app:v7
mirror.local:5000/team/app:v6
registry.example/team/other:v1
docker-pullable://registry.example/team/app@sha256:cbbf2f9a99b47fc460d422812b6a5adff7dfee951d8fa2e4a98caa0382cfbdbf
`), now.Add(-time.Hour)) // the time of the file
	if err != nil {
		fmt.Println(err)
		return
	}
	tags, digests, err := list.Held("registry.example", "team/app", p.Keep()[0], now)
	fmt.Println(tags, digests, err)

	_, _, err = list.Held("registry.example", "team/app", p.Keep()[0], now.AddDate(0, 0, 7))
	fmt.Println(err)
	// Output:
	// [v6 v7] [sha256:cbbf2f9a99b47fc460d422812b6a5adff7dfee951d8fa2e4a98caa0382cfbdbf] <nil>
	// rule "in use": in-use list "in-use.txt": it was made at 2026-11-26T11:00:00Z, more than 24h ago: make it anew
}

func ExampleParseInUse_faults() {
	_, err := policy.ParseInUse("in-use.txt", strings.NewReader(`registry.example/team/app:v1
Error from server (Forbidden): pods is forbidden
registry.example/Team/App:v1
`), time.Time{})
	fmt.Println(err)
	// Output:
	// in-use list "in-use.txt", line 2: "Error from server (Forbidden): pods is forbidden" is not a reference: write one image a line
	// in-use list "in-use.txt", line 3: no reference: "registry.example/Team/App:v1": invalid reference format: repository name (Team/App) must be lowercase
}
