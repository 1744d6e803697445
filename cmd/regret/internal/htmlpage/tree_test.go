package htmlpage_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// many is the plan of n images and as many that stay, with two platforms and an attestation each.
func many(tb testing.TB, n int) *plan.Plan {
	tb.Helper()
	r := newRepository()
	for i := range n {
		amd64, arm64 := r.image("amd64", 40+i%1000, 100, fmt.Sprint("a", i)), r.image("arm64", 40+i%1000, 100, fmt.Sprint("b", i))
		delete(r.tags, fmt.Sprint("a", i))
		delete(r.tags, fmt.Sprint("b", i))
		r.index([]regret.Descriptor{amd64, arm64, r.attestation(amd64)}, fmt.Sprintf("pr-%d", i))
		r.image("amd64", 1, 100, fmt.Sprintf("main-%d", i))
	}
	return r.plan(tb, `{"version":1,"keep":[{"name":"main","tags":"main-*"}],"remove":[{"name":"pull requests","tags":"pr-*","older-than":"30d"}],
		"limits":{"max-images":1000000}}`)
}

// rows returns the verdict and the digest of every row of a page, and how deep the rows are nested.
func rows(page string) (verdicts map[string][]string, depth int) {
	verdicts = make(map[string][]string)
	_, page, _ = strings.Cut(page, `<section class="list"`)
	lists, verdict := 0, ""
	for _, m := range regexp.MustCompile(`<li class="(\w+)"|<(/?)ul>|<code>(sha\d+:[0-9a-f]+)</code>`).FindAllStringSubmatch(page, -1) {
		switch {
		case m[1] != "":
			verdict = m[1]
		case m[0] == "<ul>":
			lists++
			depth = max(depth, lists)
		case m[0] == "</ul>":
			lists--
		case verdict != "":
			verdicts[m[3]] = append(verdicts[m[3]], verdict)
			verdict = ""
		}
	}
	return verdicts, depth
}

func TestEveryStepAndEveryImageIsOnThePage(t *testing.T) {
	t.Parallel()
	chained, _ := chain(40)
	for name, p := range map[string]*plan.Plan{
		"a shop": shop(t).plan(t, shopRules), "many": many(t, 50),
		"a long chain of referrers": chained.plan(t, prRules), "companions of each other": circle().plan(t, prRules),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := rows(page(t, p))
			for s := range p.Steps() {
				want := map[plan.Action]string{plan.Delete: "remove", plan.Untag: "untag"}[s.Action]
				if all := got[string(s.Digest)]; len(all) == 0 || s.Action == plan.Delete && strings.Join(all, "") != strings.Repeat(want, len(all)) {
					t.Errorf("%s of %s is shown as %q", s.Action, s.Digest, all)
				}
			}
			for k := range p.Kept() {
				if all := got[string(k.Digest)]; strings.Count(strings.Join(all, " "), "keep") == 0 || strings.Contains(strings.Join(all, " "), "remove") {
					t.Errorf("%s, which stays, is shown as %q", k.Digest, all)
				}
			}
		})
	}
}

func TestAnImageThatStaysHasARowOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.index([]regret.Descriptor{r.image("amd64", 1, 1, "z-amd64"), r.image("arm64", 1, 1, "a-arm64")}, "main")
	got := page(t, r.plan(t, prRules))
	if n := strings.Count(got, `data-verdict="keep"`); n != 3 || !strings.Contains(got, `Kept <span class="count">3</span>`) {
		t.Errorf("%d rows of 3 in\n%s", n, got)
	}
}

const prRules = `{"version":1,"remove":[{"name":"pull requests","tags":"pr-*"}],"limits":{"max-percent":100,"min-left":0}}`

// chain is a repository in which so many manifests refer to each other.
func chain(n int) (r *repository, first regret.Descriptor) {
	r = newRepository()
	first = r.image("amd64", 1, 1, "pr-1")
	d := first
	for i := range n {
		if i%2 == 0 {
			d = r.companion(d, ".sig")
		} else {
			d = r.referrer("application/spdx+json", d)
		}
	}
	r.image("amd64", 1, 1, "main")
	return r, first
}

// circle is a repository with two manifests that have companion tags of each other.
func circle() *repository {
	r := newRepository()
	r.image("amd64", 1, 1, "main")
	a, b := r.push(imageType, map[string]any{"n": 1}), r.push(imageType, map[string]any{"n": 2})
	r.tags["sha256-"+a.Digest.Encoded()] = b.Digest
	r.tags["sha256-"+b.Digest.Encoded()] = a.Digest
	return r
}

func TestRowsAreNestedToABoundedDepth(t *testing.T) {
	t.Parallel()
	r, _ := chain(60)
	got, depth := rows(page(t, r.plan(t, prRules)))
	if depth != 9 || len(got) < 61 {
		t.Errorf("%d rows are nested %d deep", len(got), depth)
	}
}

func TestSizesOfImagesAddUpToTheTotal(t *testing.T) {
	t.Parallel()
	got := page(t, many(t, 3))
	if n := strings.Count(got, `<span class="frees">≤ 200.0 MiB</span>`); n != 3 || !strings.Contains(got, "<dt>Frees at most<dd><b>600.0</b> MiB") {
		t.Errorf("%d rows of 3 in\n%s", n, got)
	}
}

func TestRowsNameTheRulesThatHaveToDoWithThem(t *testing.T) {
	t.Parallel()
	got := page(t, shop(t).plan(t, shopRules))
	numbers := make(map[string]string)
	for _, m := range regexp.MustCompile(`<option value="(\d+)">([^<]*)</option>`).FindAllStringSubmatch(got, -1) {
		numbers[m[1]] = m[2]
	}
	rules := make(map[string]string)
	for _, m := range regexp.MustCompile(`data-verdict="(\w+)"(?: data-rules="([\d ]*)")?><details><summary class="cells"><b[^>]*>\w+</b><span class="name">([^<]*)<`).FindAllStringSubmatch(got, -1) {
		var names []string
		for _, number := range strings.Fields(m[2]) {
			names = append(names, numbers[number])
		}
		rules[m[1]+" "+m[3]] = strings.Join(names, ", ")
	}
	for row, want := range map[string]string{
		"remove 1.0.0":            "remove: old releases",
		"remove pr-11":            "remove: pull requests",
		"untag build-7":           "remove: builds",
		"keep nightly-20261120":   "keep: nightlies, remove: old nightlies",
		"keep pr-12":              "keep: in use",
		"keep pr-20":              "",
		"keep 1.3.0, latest":      "keep: releases, remove: old releases",
		"keep build-7, main":      "remove: builds",
		"keep pr-15":              "",
		"remove nightly-20261118": "remove: old nightlies",
	} {
		if got, ok := rules[row]; !ok || got != want {
			t.Errorf("%s: %q, want %q", row, got, want)
		}
	}
}

func TestLongNotesAreFolded(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("amd64", 1, 1, "main")
	for i := range 20 {
		r.tags[fmt.Sprintf("ghost-%d", i)] = digestOf(fmt.Sprint(i))
	}
	got := page(t, r.plan(t, `{"version":1,"remove":[{"name":"pull requests","tags":"pr-*"}],"limits":{"broken":20}}`))
	want := "<li><details><summary>Tags that lead to nothing, and may hide what is needed: 20</summary><code>ghost-0</code>"
	if !strings.Contains(got, want) {
		t.Errorf("no %s in\n%s", want, got)
	}
	if diff := cmp.Diff(20, strings.Count(got, "<code>ghost-")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
