package policy_test

import (
	"fmt"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// BenchmarkMatch matches a tag with one rule.
func BenchmarkMatch(b *testing.B) {
	tags := make([]string, 0, 4096)
	for i := range cap(tags) / 4 {
		tags = append(tags, fmt.Sprintf("pr-%d", i), fmt.Sprintf("v1.%d.%d", i%50, i), fmt.Sprintf("main-202611%02d-%d", i%30+1, i), fmt.Sprintf("build-%d-arm64", i))
	}
	for name, rule := range map[string]string{
		"all":       `"older-than": "1d"`,
		"asterisk":  `"tags": "*"`,
		"words":     `"tags": ["latest", "stable", "edge"]`,
		"beginning": `"tags": "pr-*", "except": "pr-keep-*"`,
		"middle":    `"tags": "*-arm*"`,
		"semver":    `"tags": {"semver": ">=1.2.0 <2"}, "beyond": 5, "per": "minor"`,
		"regexp":    `"tags": {"regexp": "build-\\d+.*"}`,
		"groups":    `"tags": {"regexp": "main-(?P<date>\\d{8})-(?P<number>\\d+)"}, "older-than": "30d"`,
	} {
		b.Run(name, func(b *testing.B) {
			r := removeRule(b, `{`+rule+`}`)
			var matches []policy.Match
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				matches = r.AppendMatches(matches[:0], tags[i%len(tags)])
				i++
			}
		})
	}
}

// BenchmarkParse reads a policy of ten rules.
func BenchmarkParse(b *testing.B) {
	text := `{"version": 1, "remove": [{"untagged": true}`
	for i := range 9 {
		text += fmt.Sprintf(`, {"tags": [{"regexp": "a%d-(?P<version>.*)", "semver": ">=%d"}, "b%d-*"], "older-than": "%dd"}`, i, i, i, i+1)
	}
	text += `]}`
	b.ReportAllocs()
	for b.Loop() {
		parse(b, text)
	}
}
