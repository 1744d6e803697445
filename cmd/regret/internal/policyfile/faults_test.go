package policyfile_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestFaultsHaveAPositionAndAKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, text string
		want             []string
	}{
		{"an empty file", "", "", []string{"0:0 empty"}},
		{"white space alone", "", " \n\t\r\n", []string{"0:0 empty"}},
		{"comments alone", "", "# a\n  # b\n", []string{"1:1 empty"}},
		{"a header alone", "", "---\n", []string{"1:1 empty"}},
		{"a header and an end", "", "---\n...\n", []string{"1:1 empty"}},
		{"an empty file of JSON", "p.json", "\n", []string{"0:0 empty"}},
		{"a repeated key", "", "version: 1\nremove: [{tags: x}]\nversion: 1\n", []string{"3:1 duplicate"}},
		{"a key that is repeated in quotes", "", "version: 1\nremove: [{tags: x, \"tags\": z}]\n", []string{"2:20 duplicate"}},
		{"three keys, and a fault of the first", "", "version: 1\nremove:\n- tags: '['\n  tags: x\n  tags: z\n", []string{"3:9 invalid", "4:3 duplicate", "5:3 duplicate"}},
		{"a repeated key in JSON", "p.json", "{\"version\": 1,\n \"remove\": [{\"tags\": \"x\",\n  \"tags\": \"z\"}]}", []string{"3:3 duplicate"}},
		{"a repeated anchor", "", "version: 1\nremove: [{tags: &a x, except: &a z}]\n", []string{"2:31 duplicate"}},
		{"an unknown key", "", "version: 1\nremove: [{tags: x, foo: 1}]\n", []string{"2:20 unknown key"}},
		{"a key in another case", "", "Version: 1\nremove: [{Tags: x, older-than: 3d}]\n", []string{"1:1 invalid", "1:1 unknown key", "2:11 unknown key"}},
		{"an unknown key in a pattern", "", "version: 1\nremove: [{tags: {glob: x}}]\n", []string{"2:18 unknown key"}},
		{"an unknown key in a list of patterns", "", "version: 1\nremove:\n- tags:\n  - {not: x}\n", []string{"4:6 unknown key"}},
		{"an unknown key in JSON", "p.json", "{\"version\": 1,\n \"é\": 1, \"Remove\": []}", []string{"1:1 invalid", "2:2 unknown key", "2:10 unknown key"}},
		{"a second document", "", "version: 1\nremove: [{tags: x}]\n---\nversion: 1\n", []string{"3:1 documents"}},
		{"a second document after an end", "", "version: 1\nremove: [{tags: x}]\n...\nversion: 1\n", []string{"4:1 documents"}},
		{"an empty second document", "", "version: 1\nremove: [{tags: x}]\n---\n", []string{"3:1 documents"}},
		{"a merge key", "", "version: 1\nkeep:\n- &k {tags: x}\nremove:\n- <<: *k\n  older-than: 3d\n", []string{"5:3 merge key"}},
		{"a merge key instead of all", "", "version: 1\nkeep:\n- &k {tags: x}\nremove:\n- <<: *k\n", []string{"5:3 merge key"}},
		{"a merge key in quotes", "", "version: 1\nremove: [{tags: x, \"<<\": 1}]\n", []string{"2:20 unknown key"}},
		{"an alias without an anchor", "", "version: 1\nremove:\n- tags: *a\n- tags: [x, *b ]\n", []string{"3:9 alias", "4:13 alias"}},
		{"an alias before its anchor", "", "version: 1\nremove:\n- tags: *a\n- tags: &a x\n", []string{"3:9 alias"}},
		{"an alias in its own anchor", "", "version: 1\nremove: &r [*r ]\n", []string{"2:13 alias"}},
		{"an alias that is a key", "", "version: 1\nremove: [{tags: &a x}]\n*a : 1\n", []string{"3:1 alias"}},
		{"a fault in what an alias repeats", "", "version: 1\nremove:\n- tags: &a [1.0]\n- except: *a\n  older-than: 3d\n", []string{"3:13 ambiguous"}},
		{"tags", "", "version: !!int 1\nremove: !!seq\n- tags: !!str 1.10\n- tags: !custom x\n- tags: !!binary eA==\n", []string{"1:10 tag", "2:9 tag", "3:9 tag", "4:9 tag", "5:9 tag"}},
		{"a directive", "", "%YAML 1.1\n---\nversion: 1\n", []string{"1:1 directive"}},
		{"a directive for tags", "", "%TAG ! tag:example.com,2000:\n---\nversion: 1\n", []string{"1:1 directive"}},
		{"tabs that indent", "", "version: 1\nremove:\n\t- tags: x\n\t  older-than: 3d\n", []string{"3:1 tab", "4:1 tab"}},
		{"a tab behind a colon", "", "version: 1\nremove:\n- tags:\tx\n", []string{"3:8 tab"}},
		{"a tab at the end", "", "version: 1\nremove: [{tags: x}]\t\n", []string{"2:20 tab"}},
		{"what is not UTF-8", "", "version: 1\n# \ufffd é\xe9\nremove: []\n", []string{"2:6 encoding"}},
		{"what is not UTF-8 in JSON", "p.json", "{\"version\": \"\xff\"}", []string{"1:14 encoding"}},
		{"UTF-16", "", "\xff\xfev\x00e\x00", []string{"0:0 encoding"}},
		{"a control character", "", "version: 1\nname: \"\x07\"\n# \x1b\n", []string{"2:8 encoding", "3:3 encoding"}},
		{"characters that change the direction", "", "version: 1\nremove: [{tags: x}] # \u202e\n", []string{"2:23 encoding"}},
		{"a carriage return alone", "", "version: 1\rremove: []\n", []string{"1:11 encoding"}},
		{"a text over two lines", "", "version: 1\nremove:\n- name: a\n    b\n  tags: x\n", []string{"3:9 line break"}},
		{"a folded text with a line break at its end", "", "version: 1\nremove:\n- tags: >\n    pr-*\n", []string{"3:9 line break"}},
		{"a text that keeps its line breaks", "", "version: 1\nremove:\n- tags: |+\n    pr-*\n\n", []string{"3:9 line break"}},
		{"a folded text with an empty line", "", "version: 1\nremove:\n- tags: >-\n    pr-*\n\n    x\n", []string{"3:9 line break"}},
		{"a text of two lines", "", "version: 1\nremove:\n- tags: x\n  name: |-\n    a\n    b\n", []string{"4:9 line break"}},
		{"a regular expression over two lines", "", "version: 1\nremove:\n- tags:\n    regexp: >-\n      a|\n      b\n", []string{"4:13 line break"}},
		{"a block with a number", "", "version: 1\nremove:\n- tags: |2-\n    x\n", []string{"3:9 syntax"}},
		{"a block without a text", "", "version: 1\nremove:\n- tags: |-\n  older-than: 3d\n", []string{"3:9 no value"}},
		{"no values", "", "version:\nkeep:\nremove:\n- tags:\n  older-than: 3d\n-\n- tags: [x, ]\nlimits:\n  broken:\n",
			[]string{"1:9 no value", "2:6 no value", "4:8 no value", "6:2 no value", "9:10 no value"}},
		{"lists in place of texts", "", "version: 1\nremove:\n- name: [a]\n  tags:\n  - - x\n  older-than: {a: b}\n", []string{"3:9 ambiguous", "5:5 invalid", "6:15 ambiguous"}},
		{"texts in place of lists", "", "version: 1\nkeep: x\nremove: z\nlimits: w\n", []string{"2:7 invalid", "3:9 invalid", "4:9 invalid"}},
		{"a list as the policy", "", "- version: 1\n", []string{"1:1 invalid"}},
		{"a text as the policy", "", "policy\n", []string{"1:1 invalid"}},
		{"a question mark", "", "? version\n: 1\n", []string{"1:1 syntax"}},
		{"no space behind a colon", "", "version: 1\nremove: [{tags:x}]\n", []string{"2:15 syntax"}},
		{"no space before a comment", "", "version: 1\nremove: [{tags: \"x\"#z\n}]\n", []string{"2:20 syntax"}},
		{"two commas", "", "version: 1\nremove: [{tags: [x,, z]}]\n", []string{"2:20 syntax"}},
		{"a key that is indented too much", "", "version: 1\nremove:\n- tags: x\n    older-than: 3d\n", []string{"3:9 syntax"}},
		{"a key that is indented too little", "", "version: 1\nremove:\n  - tags: x\n   older-than: 3d\n", []string{"4:4 syntax"}},
		{"an unknown escape", "", "version: 1\nremove:\n- tags: \"\\x41\"\n", []string{"3:9 syntax"}},
		{"a quote without its end", "", "version: 1\nremove:\n- tags: \"x\n", []string{"3:9 syntax"}},
		{"JSON that breaks off", "p.json", "{\"version\": 1,\n  \"é\": [", []string{"2:9 syntax"}},
		{"JSON with a comma too many", "p.json", "{\"é\": 1,}", []string{"1:9 syntax"}},
		{"two JSON documents", "p.json", "{}\n{}", []string{"2:2 syntax"}},
		{"YAML in a file of JSON", "p.json", "version: 1\n", []string{"1:1 syntax"}},
		{"half a surrogate in JSON", "p.json", "{\"version\": 1,\n\"\\ud800\": 1}", []string{"2:2 syntax"}},
		{"no rules", "", "version: 1\n", []string{"1:1 invalid"}},
		{"a later version", "", "version: 2\nfoo: 1\n", []string{"1:10 invalid"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.file == "" {
				c.file = "policy.yaml"
			}
			found := faults(t, c.file, c.text)
			if diff := cmp.Diff(c.want, places(found)); diff != "" {
				t.Errorf("(-want +got):\n%s%v", diff, found)
			}
			for _, e := range found {
				if fault, ok := errors.AsType[*policy.Error](error(e)); !ok || fault.Problem == "" || e.File != c.file || (e.Line > 0) != (e.Excerpt != "") {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

func TestAMessagePointsAtTheFault(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 90)
	for text, want := range map[string]string{
		"version: 1\nremove:\n- name: old\n  tags: [a, 1.10] # é\n": `policy.yaml:4:13: rule "old": tags: without quotes, YAML readers take 1.10 for a number: write "1.10"
    4 |   tags: [a, 1.10] # é
      |             ^`,
		"version: 1\nremove: [{tags: x}]\nlimits:\n  max-percent: 101\n  broken: '1'\n": `policy.yaml:4:16: limits.max-percent: 101 is more than 100
    4 |   max-percent: 101
      |                ^
policy.yaml:5:11: limits.broken: it must be a number, not a text: write 1 without quotes
    5 |   broken: '1'
      |           ^`,
		"version: 1\nremove: [{name: " + long + ", tags: 1, except: [" + strings.Repeat("x", 90) + "]}]\n": `policy.yaml:2:115: rule "` + long + `": tags: without quotes, YAML readers take 1 for a number: write "1"
    2 | …` + long[:2*52] + `, tags: 1, except: [` + strings.Repeat("x", 28) + `…
      |  ` + strings.Repeat(" ", 60) + `^`,
		"version: 1\nremove:\n- tags: pr-*\n\tolder-than: 3d\n": `policy.yaml:4:1: a tab indents the line: YAML is indented with spaces
    4 |  older-than: 3d
      | ^`,
	} {
		if diff := cmp.Diff(want, faults(t, "policy.yaml", text).Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestALongListOfFaultsIsCut(t *testing.T) {
	t.Parallel()
	found := faults(t, "policy.yaml", "version: 1\nremove:\n- tags: [1"+strings.Repeat(", 1", 99)+"]\n")
	if len(found) != 100 || !strings.HasSuffix(found.Error(), "\nand 80 more") || strings.Count(found.Error(), "\n") != 60 {
		t.Errorf("%d faults: %v", len(found), found)
	}
	var fault *policyfile.Error
	if err := error(found); !errors.As(err, &fault) || fault != found[0] {
		t.Errorf("the first fault is %v", fault)
	}
}
