package simulation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/internal/model"
)

// drawn makes the small scenarios with which planning is tested. They have every form of rule.
var drawn = rapid.Custom(model.Draw)

// drawScenario makes up a repository and a policy. The limits of the policy are wide, because only a
// plan that is made can be carried out.
func drawScenario(rng *rand.Rand) *cases.Case {
	if rng.IntN(3) == 0 {
		return drawBusy(rng)
	}
	c := drawn.Example(int(rng.Uint32()))
	var document model.Document
	if err := json.Unmarshal(c.Policy, &document); err != nil {
		panic(err)
	}
	hundred, none, many := 100, 0, 99
	document.Limits = model.Limits{MaxPercent: &hundred, MinLeft: &none, Broken: &many}
	raw, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	c.Policy = raw
	return c
}

// drawBusy makes up a larger repository of the kind that builds leave behind: releases, pull
// requests, indexes that share children, signatures and attestations. Much of it goes.
func drawBusy(rng *rand.Rand) *cases.Case {
	b := &busy{rng: rng}
	for range 4 + rng.IntN(20) {
		b.image()
	}
	for range 2 + rng.IntN(8) {
		b.index()
	}
	for range rng.IntN(10) {
		b.referrer()
	}
	scenario := map[string]any{
		"id": "busy", "kinds": []string{"drawn"}, "now": "2026-11-26T12:00:00Z", "expect": map[string]any{},
		"listing": cases.ListingOCI, "referrers": pick(rng, cases.ReferrersAPI, cases.ReferrersFallback, cases.ReferrersNone),
		"manifests": b.manifests, "files": map[string]any{},
		"policy": map[string]any{
			"version": 1,
			"keep":    []any{map[string]any{"tags": "v*", "newest": 1 + rng.IntN(3), "by": "date"}},
			"remove": []any{
				map[string]any{"tags": "pr-*"},
				map[string]any{"tags": "main-*", "untag": rng.IntN(2) == 0, "overwrite": false},
				map[string]any{"tags": "old-*", "untag": true, "overwrite": rng.IntN(2) == 0},
				map[string]any{"orphans": true},
			},
			"limits": map[string]any{"max-percent": 100, "min-left": 0, "broken": 9},
		},
	}
	line, err := json.Marshal(scenario)
	if err != nil {
		panic(err)
	}
	all, err := cases.Parse(line)
	if err != nil {
		panic(fmt.Sprintf("%v: %s", err, line))
	}
	return all[0]
}

// busy makes up a busy repository.
type busy struct {
	rng       *rand.Rand
	manifests []map[string]any
	images    []string // ids
	tagged    int
}

func (b *busy) add(kind cases.Kind, tags []string, more map[string]any) {
	m := map[string]any{
		"id": fmt.Sprintf("%.1s%d", kind, len(b.manifests)), "kind": kind, "tags": tags,
		"created": map[string]any{"config": fmt.Sprintf("2026-%02d-%02dT08:00:00Z", 1+b.rng.IntN(10), 1+b.rng.IntN(28))},
	}
	for key, value := range more {
		m[key] = value
	}
	b.manifests = append(b.manifests, m)
}

// id returns the id of the manifest that was added last.
func (b *busy) id() string { return b.manifests[len(b.manifests)-1]["id"].(string) }

// tags makes up some tags of a manifest.
func (b *busy) tags(percent int) (tags []string) {
	for b.rng.IntN(100) < percent {
		b.tagged++
		tags = append(tags, fmt.Sprintf("%s-%d", pick(b.rng, "pr", "pr", "pr", "main", "old", "v"), b.tagged))
		percent /= 3
	}
	return tags
}

func (b *busy) image() {
	b.add(cases.KindImage, b.tags(60), nil)
	b.images = append(b.images, b.id())
}

func (b *busy) index() {
	var children []string
	for range 1 + b.rng.IntN(4) {
		child := pick(b.rng, b.images...)
		children = append(children, child)
	}
	if b.rng.IntN(3) == 0 {
		b.add(cases.KindAttestation, nil, map[string]any{"of": children[0]})
		children = append(children, b.id())
	}
	b.add(cases.KindIndex, b.tags(90), map[string]any{"children": children, "created": map[string]any{}})
	if b.rng.IntN(4) == 0 { // an index in an index
		b.images = append(b.images, b.id())
	}
}

func (b *busy) referrer() {
	of := pick(b.rng, b.manifests...)["id"].(string)
	switch b.rng.IntN(4) {
	case 0:
		tag := "sha256-{" + of + "}" + pick(b.rng, ".sig", ".att", ".sbom")
		if !b.has(tag) {
			b.add(cases.KindCosign, []string{tag}, nil)
		}
	case 1:
		tag := "sha256-{" + of + "}"
		if !b.has(tag) {
			b.add(cases.KindReferrer, b.tags(10), map[string]any{"subject": of, "created": map[string]any{}})
			b.add(cases.KindFallback, []string{tag}, map[string]any{"lists": []string{b.id()}, "created": map[string]any{}})
		}
	default:
		b.add(cases.KindReferrer, b.tags(15), map[string]any{"subject": of, "created": map[string]any{}})
	}
}

func (b *busy) has(tag string) bool {
	for _, m := range b.manifests {
		if tags, _ := m["tags"].([]string); strings.Contains(" "+strings.Join(tags, " ")+" ", " "+tag+" ") {
			return true
		}
	}
	return false
}

// pick returns one of several values.
func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }
