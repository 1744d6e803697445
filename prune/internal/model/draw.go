package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

// Draw makes up a scenario: a small repository of the shapes that are easy to get wrong, and a valid
// policy that is about it. It states no expectation; [Decide] does.
func Draw(t *rapid.T) *cases.Case {
	d := &drawer{T: t, now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), free: slices.Clone(ordinaryTags)}
	d.listing = pick(t, "listing", cases.ListingOCI, cases.ListingOCI, cases.ListingGoogle, cases.ListingLister)
	for range 2 + dice.Draw(t, "manifests")%11 {
		d.manifest()
	}
	policy := drawPolicy(t)
	scenario := map[string]any{
		"id": "drawn", "kinds": []string{"drawn"}, "now": d.now.Format(time.RFC3339), "expect": map[string]any{},
		"listing":   d.listing,
		"referrers": pick(t, "referrers", cases.ReferrersAPI, cases.ReferrersAPI, cases.ReferrersFallback, cases.ReferrersNone),
		"manifests": d.manifests,
		"policy":    policy,
		"files":     d.files(policy),
		"faults":    d.faults(),
	}
	line, err := json.Marshal(scenario)
	if err != nil {
		t.Fatal(err)
	}
	all, err := cases.Parse(line)
	if err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return all[0]
}

// Describe returns a scenario as the line of JSON that package cases reads, without its expectation.
// It shows what a test failed on.
func Describe(c *cases.Case) string {
	var lines []string
	for _, m := range c.Manifests {
		lines = append(lines, fmt.Sprintf("%s %s tags=%q children=%q lists=%q subject=%s created=%s uploaded=%s pulled=%+v missing=%t",
			m.ID, m.Kind, m.Tags, m.Children, m.Lists, m.Subject, createdText(m.Created), m.Uploaded.Format(time.RFC3339), m.Pulled, m.Missing))
	}
	return fmt.Sprintf("listing %s, referrers %s, faults %+v, files %v\n%s\n%s",
		c.Listing, c.Referrers, c.Faults, c.Files, strings.Join(lines, "\n"), c.PolicyJSON())
}

func createdText(c cases.Created) string {
	text := ""
	if c.Annotation != nil {
		text += "annotation " + *c.Annotation
	}
	if c.Config != nil {
		text += "config " + *c.Config
	}
	return text
}

// drawer makes up a repository, manifest by manifest. Each may contain the digests of those before.
type drawer struct {
	*rapid.T
	now       time.Time
	listing   cases.Listing
	free      []string // ordinary tags that are not used yet
	used      []string // other tags
	manifests []map[string]any
}

var ordinaryTags = []string{
	"1.0.0", "1.0.1", "1.1.0", "v1.1.0", "2.0.0", "v2.0.0", "2.0.0-rc9", "2.0.0-rc10", "2.0.0-rc.1", "2.1.0-rc.1",
	"1.1.0-alpine", "1.0.1-alpine", "1.0", "1", "latest", "stable", "20240131",
	"build-7", "build-007", "build-8", "build-10", "build-9-debug", "build-10-debug",
	"pr-1", "pr-2", "pr-3", "pr-4", "pr-keep-1", "main-1", "main-2", "main-3", "main-4",
	"nightly-20261001", "nightly-20261120", "nightly-20251399", "nightly-1764068400", "nightly-19700101",
	"sha256-1a2b3c4", "regret-trash-old",
}

// manifest adds a manifest. What it needs of those before decides which kinds are possible.
func (d *drawer) manifest() {
	kinds := []cases.Kind{"image", "image", "image", "image", "image", "artifact"}
	if len(d.manifests) > 0 {
		kinds = append(kinds, "index", "index", "index", "index", "referrer", "referrer", "referrer", "cosign", "cosign", "fallback")
	}
	if len(d.of("image")) > 0 {
		kinds = append(kinds, "attestation")
	}
	m := map[string]any{"id": string(rune('a' + len(d.manifests))), "kind": pick(d.T, "kind", kinds...)}
	switch m["kind"] {
	case cases.KindIndex:
		m["children"] = d.some("children", d.of("image", "index", "attestation", "artifact"), 24)
		if d.chance(4, "has a subject") {
			m["subject"] = pick(d.T, "subject", d.ids()...)
		}
	case cases.KindReferrer:
		m["subject"] = pick(d.T, "subject", d.ids()...)
	case cases.KindFallback:
		m["lists"] = d.some("lists", d.ids(), 12)
	case cases.KindAttestation:
		m["of"] = pick(d.T, "of", d.of("image")...)
	}
	d.manifests = append(d.manifests, m)
	if m["missing"] = m["kind"] == cases.KindImage && d.chance(3, "missing"); m["missing"] == true {
		return
	}
	m["tags"] = d.tags(m["kind"].(cases.Kind), d.mayHaveTag(m))
	m["created"] = d.created(m["kind"].(cases.Kind))
	if d.listing != cases.ListingOCI && d.chance(26, "has an upload time") {
		m["uploaded"] = pick(d.T, "uploaded", d.instants()...)
	}
	if d.listing == cases.ListingLister && d.chance(20, "has a pull time") {
		m["pulled"] = pick(d.T, "pulled", append(d.instants(), "never", "never")...)
	}
}

// mayHaveTag reports whether a manifest may have an ordinary tag. A tagged referrer has the date of its
// subject, which then may be read or not. What is learned by that, the model does not know, so the
// subject must be one that is read in any case, or that has nothing to tell.
func (d *drawer) mayHaveTag(m map[string]any) bool {
	for _, subject := range d.manifests {
		if subject["id"] == m["subject"] {
			tags, _ := subject["tags"].([]string)
			return len(tags) > 0 || slices.Contains([]cases.Kind{"image", "artifact", "attestation"}, subject["kind"].(cases.Kind))
		}
	}
	return true
}

func (d *drawer) ids() (ids []string) { return d.of() }

// of returns the ids of manifests of some kinds, or of all.
func (d *drawer) of(kinds ...cases.Kind) (ids []string) {
	for _, m := range d.manifests {
		if len(kinds) == 0 || slices.Contains(kinds, m["kind"].(cases.Kind)) {
			ids = append(ids, m["id"].(string))
		}
	}
	return ids
}

// some picks from a list as long as the dice says so, at most five. One can be picked twice.
func (d *drawer) some(label string, list []string, times int) (some []string) {
	for len(list) > 0 && len(some) < 5 && d.chance(times, "one more of "+label) {
		some = append(some, pick(d.T, label, list...))
	}
	return some
}

func (d *drawer) tags(kind cases.Kind, mayBeOrdinary bool) (tags []string) {
	ordinary := map[cases.Kind]int{"image": 22, "index": 24, "artifact": 24, "referrer": 8, "attestation": 4, "cosign": 2}[kind]
	for ; mayBeOrdinary && len(d.free) > 0 && d.chance(ordinary, "has one more ordinary tag"); ordinary /= 2 {
		i := dice.Draw(d.T, "tag") * len(d.free) / 32
		tags = append(tags, d.free[i])
		d.free = slices.Delete(d.free, i, i+1)
	}
	companions, suffixes := 1, []string{"", ".sig", ".sbom"}
	switch kind {
	case cases.KindCosign:
		companions, suffixes = 22, []string{".sig", ".att", ".sbom"}
	case cases.KindFallback:
		companions, suffixes = 22, []string{""}
	}
	for d.chance(companions, "has one more companion tag") {
		tags = d.unused(tags, pick(d.T, "belongs to", d.owners()...)+pick(d.T, "suffix", suffixes...))
	}
	for d.chance(2, "has one more trash tag") {
		day := d.now.AddDate(0, 0, -pick(d.T, "days in the trash", 1, 13, 14, 15, 16, 40)).Format("20060102")
		tags = d.unused(tags, "regret-trash-"+day+"-0123abcd-"+pick(d.T, "trash", "000000000000", "111111111111", "names-0"))
	}
	return tags
}

// owners returns what a companion tag can begin with: the digest of a manifest before the last, or one
// that is gone.
func (d *drawer) owners() []string {
	owners := []string{
		"sha256-" + strings.Repeat("ab", 32), "sha512-" + strings.Repeat("cd", 32), // cut: a tag has at most 128 characters
	}
	for _, id := range d.ids()[:len(d.manifests)-1] {
		owners = append(owners, "sha256-{"+id+"}")
	}
	return owners
}

func (d *drawer) isOrdinary(tag string) bool { return !slices.Contains(d.used, tag) }

func (d *drawer) unused(tags []string, tag string) []string {
	if slices.Contains(d.used, tag) {
		return tags
	}
	d.used = append(d.used, tag)
	return append(tags, tag)
}

func (d *drawer) created(kind cases.Kind) map[string]any {
	created := map[string]any{}
	texts := append(d.instants(), "1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "yesterday", "")
	if (kind == cases.KindImage || kind == cases.KindAttestation) && d.chance(28, "has a date in its config") {
		created["config"] = pick(d.T, "config", texts...)
	}
	if slices.Contains([]cases.Kind{"image", "attestation", "index", "referrer"}, kind) && d.chance(6, "has a date in its annotations") {
		created["annotation"] = pick(d.T, "annotation", texts...)
	}
	return created
}

// instants returns instants that matter to some rule: on either side of a limit, and equal ones.
func (d *drawer) instants() []string {
	instants := []string{
		"2013-03-19T23:59:59Z", "2013-03-20T00:00:00Z", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00",
		"2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-11-15T23:30:00Z", "2026-11-20T12:00:00.9Z", "2026-11-20T12:00:00Z",
	}
	for _, ago := range []time.Duration{-25 * time.Hour, -24 * time.Hour, time.Hour, 23 * time.Hour, 24 * time.Hour, 25 * time.Hour} {
		instants = append(instants, d.now.Add(-ago).Format(time.RFC3339))
	}
	for _, days := range []int{2, 3, 5, 10, 10, 11, 30, 30, 31, 40, 100, 400} {
		instants = append(instants, d.now.AddDate(0, 0, -days).Format(time.RFC3339))
	}
	return instants
}

// files returns the in-use list that the policy asks for.
func (d *drawer) files(policy Document) map[string]any {
	if !slices.ContainsFunc(policy.Keep, func(r Rule) bool { return r.File != "" }) {
		return map[string]any{}
	}
	lines := []string{"# what runs", "registry.example/team/other:v1"}
	tags, digests := slices.Clone(ordinaryTags), []string{strings.Repeat("ab", 32)}
	for _, m := range d.manifests {
		if of, _ := m["tags"].([]string); !slices.ContainsFunc(of, d.isOrdinary) {
			tags = append(tags, of...)
		}
		digests = append(digests, "{"+m["id"].(string)+"}")
		// The config of what is not read in any case is known only if dates or references lead there.
		if tags, _ := m["tags"].([]string); m["kind"] != cases.KindIndex && m["kind"] != cases.KindFallback && (len(tags) > 0 || len(d.of("index", "fallback")) < 2) {
			digests = append(digests, "{"+m["id"].(string)+".config}")
		}
	}
	for d.chance(20, "has one more line") {
		tag, digest := pick(d.T, "tag", tags...), pick(d.T, "digest", digests...)
		lines = append(lines, pick(d.T, "line",
			"registry.example/team/app:"+tag, "registry.example/team/app:"+tag, "mirror.local:5000/team/app:"+tag, "team/app:"+tag,
			"sha256:"+digest, "elsewhere.example/copy@sha256:"+digest, "docker-pullable://registry.example/team/app:"+tag+"@sha256:"+digest,
			"registry.example/team/app"))
	}
	return map[string]any{"in-use.txt": map[string]any{
		"content": strings.Join(lines, "\r\n"), "modified": d.now.Add(-time.Hour).Format(time.RFC3339),
	}}
}

// faults makes some tags broken. Lists that name digests, too, have no faults.
func (d *drawer) faults() map[string]any {
	faults := map[string]any{}
	var tagged []string
	for _, m := range d.manifests {
		if tags, _ := m["tags"].([]string); len(tags) > 0 {
			tagged = append(tagged, m["id"].(string))
		}
	}
	if d.listing != cases.ListingOCI {
		return faults
	}
	if len(tagged) > 0 && d.chance(2, "has a tag that is gone") {
		faults[pick(d.T, "how", "gone", "vanished")] = []string{pick(d.T, "gone", tagged...)}
	}
	if d.chance(1, "lists what is no tag") {
		faults["entries"] = []string{pick(d.T, "entry", "", "-", "a b")}
	}
	if d.chance(2, "lists a digest") {
		var there []string
		for _, m := range d.manifests {
			if m["missing"] == false {
				there = append(there, m["id"].(string))
			}
		}
		if len(there) > 0 {
			faults["digest-entries"] = []string{pick(d.T, "digest", there...)}
		}
	}
	return faults
}

// dice gives each number below 32 as often as any other, which the integers of rapid do not: they are
// small most of the time.
var dice = rapid.Custom(func(t *rapid.T) int {
	n := 0
	for range 5 {
		n *= 2
		if rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	return n
})

// chance is true so many times of 32.
func chance(t *rapid.T, times int, label string) bool { return dice.Draw(t, label) >= 32-times }

func (d *drawer) chance(times int, label string) bool { return chance(d.T, times, label) }

func pick[T any](t *rapid.T, label string, from ...T) T {
	return from[dice.Draw(t, label)*len(from)/32]
}
