package policyfile_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// FuzzRead checks that a file is a list of faults with their positions, or a policy that is
// the same in its canonical form, and when that is written as YAML.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		smallJSON,
		"version: 1\nkeep:\n- &k\n  name: releases\n  tags: &t {semver: '>=1.0.0'}\n  newest: 10\n  per: minor\nremove:\n- tags: [*t , pr-*, \"1.10\"]\n  older-than: 30d # a comment\n",
		"version: 1\r\nremove:\r\n  - tags:\r\n      regexp: |-\r\n        build-(?P<number>\\d+)\r\n    beyond: 50\r\nlimits: {max-percent: 30}\r\n",
		"---\n{version: 1, remove: [{tags: {latest,stable}, untag: yes}]}\n...\n", "version: 1\nremove:\n- tags: >\n    x\n\n  <<: {}\n",
		"%YAML 1.1\n---\n? a\n: !!str b\n", "\xff\xfe", "{\"version\": 1, \"remove\": [{\"tags\": \"\\ud800\"}]}", "a: b: c\n\t- d\n", "- [a, {b: c}, 'd''e', \"\\u0041\"]\n",
	} {
		f.Add(text, true)
		f.Add(text, false)
	}
	for _, place := range textPlaces {
		f.Add(strings.ReplaceAll(place, "%s", "1.10"), true)
	}
	f.Fuzz(func(t *testing.T, text string, isYAML bool) {
		name := "policy.json"
		if isYAML {
			name = "policy.yaml"
		}
		p, err := policyfile.Read(name, []byte(text))
		if err != nil {
			for _, e := range faults(t, name, text) {
				if e.Err == nil || e.Detail == "" || e.Line < 0 || e.Line > strings.Count(text, "\n")+1 || e.Line > 0 && e.Column < 1 {
					t.Fatalf("%+v", e)
				}
			}
			checkPrintable(t, err.Error())
			return
		}
		again, err := policy.Parse(p.JSON())
		if err != nil {
			t.Fatal(err)
		}
		same(t, p, again)
		if direct, err := policy.Parse([]byte(text)); err == nil {
			same(t, direct, p) // JSON means the same as YAML
		}
		if strings.Contains(string(p.JSON()), `\n`) || strings.Contains(string(p.JSON()), `\t`) {
			return // JSON may have texts that YAML must not have
		}
		yaml := emitYAML(rand.New(rand.NewPCG(uint64(len(text)), 1)), p.JSON())
		again, err = policyfile.Read("policy.yaml", []byte(yaml))
		if err != nil {
			t.Fatalf("%s\n%v", yaml, err)
		}
		same(t, p, again)
		checkPrintable(t, policyfile.Describe(p))
	})
}
