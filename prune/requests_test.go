package prune_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

// Policies of the stories. All are for 2026-11-26.
const (
	oldGo      = `{"version": 1, "remove": [{"name": "old", "tags": "*", "older-than": "30d"}], "limits": {"max-percent": 100, "min-left": 0}}`
	nightlyGo  = `{"version": 1, "remove": [{"name": "nightly", "tags": "nightly-*"}], "limits": {"max-percent": 100, "min-left": 0}}`
	newestStay = `{"version": 1, "keep": [{"name": "newest", "tags": "*", "newest": 2}], "remove": [{"name": "all", "tags": "*"}], "limits": {"max-percent": 100, "min-left": 0}}`
)

// story returns a case from its manifests and policy, and further members.
func story(t *testing.T, manifests, policy string, members ...string) *cases.Case {
	t.Helper()
	line := `{"id": "story", "kinds": ["story"], "now": "2026-11-26T12:00:00Z", "expect": {}, "policy": ` + policy + `, "manifests": [` + manifests + `]`
	defaults := map[string]string{"listing": `"listing": "oci"`, "referrers": `"referrers": "none"`}
	for _, member := range members {
		delete(defaults, strings.Split(member, `"`)[1])
		line += ", " + member
	}
	for _, member := range defaults {
		line += ", " + member
	}
	all, err := cases.Parse([]byte(strings.NewReplacer("\n", "", "\t", "").Replace(line) + "}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// tally counts requests by what they are for.
func tally(requests []string) map[string]int {
	counts := make(map[string]int)
	for _, sent := range requests {
		method, rest, _ := strings.Cut(sent, " ")
		what := "other"
		for part, name := range map[string]string{
			"/tags/list": "list", "/blobs/": "blob", "/referrers/": "referrers", "/manifests/sha256:": "digest", "/manifests/": "tag",
		} {
			if strings.Contains(rest, part) && (what != "digest" || name != "tag") {
				what = name
			}
		}
		counts[method+" "+what]++
	}
	return counts
}

func TestRequestsAreThoseThatDecide(t *testing.T) {
	t.Parallel()
	const (
		old        = `"created": {"config": "2026-01-01T00:00:00Z"}`
		young      = `"created": {"annotation": "2026-11-25T00:00:00Z"}`
		multi      = `{"id": "X", "kind": "index", "tags": ["v1"], "children": ["x1", "x2", "a1"]}, {"id": "x1", "kind": "image", ` + old + `}, {"id": "x2", "kind": "image", ` + old + `}, {"id": "a1", "kind": "attestation", "of": "x1"}`
		nightly    = `{"id": "N", "kind": "image", "tags": ["nightly-1"]}`
		release    = `{"id": "R", "kind": "image", "tags": ["v1"]}`
		signatures = `{"id": "s", "kind": "cosign", "tags": ["sha256-{R}.sig"]}`
	)
	for name, test := range map[string]struct {
		c       *cases.Case
		options prune.ReadOptions
		want    map[string]int
	}{
		"nothing is wanted: tags only, and no companion tags": {
			story(t, release+`,`+signatures, nightlyGo, `"referrers": "api"`), prune.ReadOptions{}, map[string]int{"GET list": 1, "GET tag": 1},
		},
		"a list in pages": {
			story(t, release+`, {"id": "S", "kind": "image", "tags": ["v2"]}, {"id": "T", "kind": "image", "tags": ["v3"]}`, nightlyGo, `"page-size": 1`), prune.ReadOptions{},
			map[string]int{"GET list": 3, "GET tag": 3},
		},
		"several tags of one image": {
			story(t, `{"id": "R", "kind": "image", "tags": ["v1", "v1.0", "latest"]}`, nightlyGo), prune.ReadOptions{}, map[string]int{"GET list": 1, "GET tag": 3},
		},
		"something goes: companion tags, the probe and the referrers": {
			story(t, nightly+`,`+release+`,`+signatures, nightlyGo, `"referrers": "api"`), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 3, "GET referrers": 2},
		},
		"something goes without a referrers API: the probe alone": {
			story(t, nightly+`, {"id": "M", "kind": "image", "tags": ["nightly-2"]}`, nightlyGo), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 2, "GET referrers": 1},
		},
		"an index goes: what it lists, and the referrers of each": {
			story(t, `{"id": "X", "kind": "index", "tags": ["nightly-1"], "children": ["x1", "x2", "a1"]}, {"id": "x1", "kind": "image"}, {"id": "x2", "kind": "image"}, {"id": "a1", "kind": "attestation", "of": "x1"}`, nightlyGo, `"referrers": "api"`), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 1, "GET digest": 3, "GET referrers": 5},
		},
		"an index in an index": {
			story(t, `{"id": "X", "kind": "index", "tags": ["v1"], "children": ["Y", "x1"]}, {"id": "Y", "kind": "index", "children": ["y1"]}, {"id": "x1", "kind": "image"}, {"id": "y1", "kind": "image"}`, nightlyGo), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 1, "GET digest": 1},
		},
		"a referrer of something that goes": {
			story(t, nightly+`, {"id": "r", "kind": "referrer", "subject": "N"}`, nightlyGo, `"referrers": "api"`), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 1, "GET digest": 1, "GET referrers": 3},
		},
		"a date that a list tells is free": {
			story(t, `{"id": "R", "kind": "image", "tags": ["v1"], "uploaded": "2026-11-25T00:00:00Z", `+old+`}`, oldGo, `"listing": "google"`), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 1},
		},
		"a date that a native API tells is free": {
			story(t, `{"id": "R", "kind": "image", "tags": ["v1"], "uploaded": "2026-11-25T00:00:00Z", `+old+`}`, oldGo, `"listing": "lister"`), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 1},
		},
		"an annotation that keeps is free": {
			story(t, `{"id": "R", "kind": "image", "tags": ["v1"], `+young+`}`, oldGo), prune.ReadOptions{}, map[string]int{"GET list": 1, "GET tag": 1},
		},
		"an annotation that is old is not the last word": {
			story(t, `{"id": "R", "kind": "image", "tags": ["v1"], "created": {"annotation": "2026-01-01T00:00:00Z", "config": "2026-11-25T00:00:00Z"}}`, oldGo), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 1, "GET blob": 1},
		},
		"a date of an image is its configuration": {
			story(t, `{"id": "R", "kind": "image", "tags": ["v1"], "created": {"config": "2026-11-25T00:00:00Z"}}`, oldGo), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 1, "GET blob": 1},
		},
		"a date of an index is two requests a child that can run": {
			story(t, strings.ReplaceAll(multi, "2026-01-01", "2026-11-25"), oldGo), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 1, "GET digest": 2, "GET blob": 2},
		},
		"an index that is old is read to the end": {
			story(t, multi, oldGo), prune.ReadOptions{}, map[string]int{"GET list": 1, "GET tag": 1, "GET digest": 3, "GET blob": 2, "GET referrers": 1},
		},
		"no date is asked for if a rule holds the image anyway": {
			story(t, release, `{"version": 1, "keep": [{"tags": "v1"}], "remove": [{"tags": "*", "older-than": "30d"}]}`), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 1},
		},
		"no more images than stay need no dates": {
			story(t, release+`,`+nightly, newestStay), prune.ReadOptions{}, map[string]int{"GET list": 1, "GET tag": 2},
		},
		"more images than stay need all dates": {
			story(t, `{"id": "A", "kind": "image", "tags": ["a"], "created": {"config": "2026-11-23T00:00:00Z"}}, {"id": "B", "kind": "image", "tags": ["b"], "created": {"config": "2026-11-24T00:00:00Z"}}, {"id": "C", "kind": "image", "tags": ["c"], "created": {"config": "2026-11-25T00:00:00Z"}}`, newestStay), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 3, "GET blob": 3, "GET referrers": 1},
		},
		"thorough: referrers of what stays": {
			story(t, release+`, {"id": "r", "kind": "referrer", "subject": "R"}`, nightlyGo, `"referrers": "api"`), prune.ReadOptions{Thorough: true},
			map[string]int{"GET list": 1, "GET tag": 1, "GET referrers": 3},
		},
		"sizes: what stays in indexes": {
			story(t, multi, nightlyGo), prune.ReadOptions{Sizes: true}, map[string]int{"GET list": 1, "GET tag": 1, "GET digest": 3},
		},
		"a tag that is gone: a second list": {
			story(t, release+`, {"id": "V", "kind": "image", "tags": ["v2"]}`, nightlyGo, `"faults": {"vanished": ["V"]}`), prune.ReadOptions{},
			map[string]int{"GET list": 2, "GET tag": 2},
		},
		"a tag that is broken: a second list": {
			story(t, release+`, {"id": "V", "kind": "image", "tags": ["v2", "v3"]}`, nightlyGo, `"faults": {"gone": ["V"]}`), prune.ReadOptions{},
			map[string]int{"GET list": 2, "GET tag": 3},
		},
		"an in-use digest that nothing else leads to, once something goes": {
			story(t, nightly+`, {"id": "U", "kind": "image"}`, `{"version": 1, "keep": [{"file": "u"}], "remove": [{"tags": "nightly-*"}], "limits": {"max-percent": 100, "min-left": 0}}`,
				`"files": {"u": {"content": "registry.example/team/app@sha256:{U}", "modified": "2026-11-26T11:00:00Z"}}`), prune.ReadOptions{},
			map[string]int{"GET list": 1, "GET tag": 1, "GET digest": 1, "GET referrers": 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runCase(t, test.c, test.options)
			if diff := cmp.Diff(test.want, tally(got.requests)); diff != "" {
				t.Errorf("requests (-want +got):\n%s\n%s\n%s", diff, strings.Join(got.requests, "\n"), got.text)
			}
		})
	}
}
