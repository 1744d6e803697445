package policyfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
)

// traps are scalars that some reader of YAML 1.1 or 1.2 takes for something else than a text
// if they have no quotes.
var traps = map[string][]string{
	"an integer": {"1", "0", "10", "-1", "+1", "007", "012", "08", "1_000", "1,000", "1,2", "_1", "1_", "12345678901234567890"},
	"an integer to another base": {"0x1F", "0X1f", "-0x1f", "0x_f", "0_x1f", "0xdead", "0b11", "0B1", "0b1010_0111", "0o14", "0O7",
		"0o-7", "+-0x1F", "0x1p-2"},
	"a number to the base of 60": {"12:30", "1:2", "190:20:30", "-190:20:30", "190:20:30.15", "12:30:45.", "1_0:30"},
	"a float":                    {"1.10", "1.0", ".5", "5.", "-.5", "+1.5", "1.2.3", "1_0.5", "0.0", ".", "685_230.15", "+.5"},
	"an exponent":                {"1e3", "1E3", "1e+3", "1.5e-3", "1.5E+3", ".5e3", "5.e1", "12e4567", "1234e56", "0e0", "1_0e3", "1e_3"},
	"infinity":                   {".inf", ".Inf", ".INF", "-.inf", "+.inf", "inf", "Infinity", "-Infinity"},
	"not a number":               {".nan", ".NaN", ".NAN", "nan", "NaN"},
	"a date": {"2024-01-31", "2024-1-1", "2024-01-31T12:00:00Z", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5",
		"2001-12-15 2:59:43.10", "2024-01-31 12:00:00", "2024-01-31T12:00:00,5Z"},
	"a boolean": {"true", "True", "TRUE", "false", "False", "FALSE", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF",
		"y", "Y", "n", "N", "tRUE", "oFF"},
	"null":            {"~", "null", "Null", "NULL", "nULL"},
	"a merge key":     {"<<"},
	"a default value": {"="},
}

// places where a text is due. Each has %s for the text.
var textPlaces = []string{
	"version: 1\nrepositories: [%s]\nremove: [{tags: x}]\n",
	"version: 1\nrepositories:\n- %s\nremove: [{tags: x}]\n",
	"version: 1\nremove:\n- tags: %s\n",
	"version: 1\nremove:\n- tags: [%s]\n",
	"version: 1\nremove:\n- tags: [x, %s, z]\n",
	"version: 1\nremove:\n- tags:\n  - x\n  - %s\n",
	"version: 1\nremove:\n- tags:\n    - %s # a comment\n",
	"version: 1\nremove:\n- tags:\n    %s\n",
	"version: 1\nremove:\n- {tags: %s }\n",
	"version: 1\nremove: [{tags: {semver: %s}}]\n",
	"version: 1\nremove:\n- tags:\n    semver: %s\n",
	"version: 1\nremove:\n- tags:\n    regexp: %s\n",
	"version: 1\nremove:\n- tags:\n  - {semver: '1', pre: %s}\n",
	"version: 1\nremove:\n- tags: x\n  except: %s\n",
	"version: 1\nremove:\n- tags: x\n  except: [%s]\n",
	"version: 1\nremove:\n- tags: x\n  name: %s\n",
	"version: 1\nremove:\n- name: %s\n  tags: x\n",
	"version: 1\nremove:\n- tags: x\n  older-than: %s\n",
	"version: 1\nremove:\n- tags: x\n  not-pulled: %s\n",
	"version: 1\nremove:\n- tags: x\n  beyond: 3\n  per: %s\n",
	"version: 1\nremove:\n- tags: x\n  beyond: 3\n  per: [%s]\n",
	"version: 1\nremove:\n- tags: x\n  beyond: 3\n  by: %s\n",
	"version: 1\nremove:\n- tags: x\n  beyond: 3\n  zone: %s\n",
	"version: 1\nremove:\n- references: [%s]\n",
	"version: 1\nkeep:\n- tags: x\n  within: %s\nremove: [{tags: x}]\n",
	"version: 1\nkeep:\n- file: %s\nremove: [{tags: x}]\n",
	"version: 1\nkeep:\n- file: x\n  max-age: %s\nremove: [{tags: x}]\n",
	"version: 1\nkeep:\n- file: x\n  registries: [%s]\nremove: [{tags: x}]\n",
	"version: 1\nkeep:\n- &k {tags: %s }\nremove: [{tags: x}]\n",
}

func TestATextThatYAMLReadsAsSomethingElseMustBeQuoted(t *testing.T) {
	t.Parallel()
	for kind, texts := range traps {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, text := range texts {
				for _, place := range textPlaces {
					checkTrap(t, place, text)
				}
			}
		})
	}
}

func checkTrap(t *testing.T, place, text string) {
	t.Helper()
	if strings.Contains(text, ",") && strings.ContainsAny(place, "[{") && !strings.Contains(place, ": %s\n") && !strings.Contains(place, "- %s") {
		return // in brackets it is two texts
	}
	before, _, _ := strings.Cut(place, "%s")
	line, column := strings.Count(before, "\n")+1, len(before)-strings.LastIndex(before, "\n")
	file := fmt.Sprintf(place, text)
	var fault *policyfile.Error
	for _, e := range faults(t, "policy.yaml", file) {
		if e.Detail == policyfile.Ambiguous && e.Line == line && e.Column == column {
			fault = e
		}
	}
	if fault == nil {
		t.Errorf("%q is read as a text in\n%s%v", text, file, faults(t, "policy.yaml", file))
		return
	}
	if message := fault.Error(); !strings.Contains(message, text+" for ") || !strings.Contains(message, `: write "`+text) {
		t.Errorf("the message does not say what to write in place of %s:\n%s", text, message)
	}
	for _, quoted := range []string{`"` + text + `"`, "'" + text + "'"} {
		for _, e := range faults(t, "policy.yaml", fmt.Sprintf(place, quoted)) {
			if e.Detail != policyfile.Invalid {
				t.Errorf("%s is not read in\n%s\n%v", quoted, file, e)
			}
		}
	}
}

func TestAnOrdinaryTextNeedsNoQuotes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"latest", "v1.10", "pr-*", "1.10-alpine", "main-20240131", "30d", "36h", "v[0-9]*", "release-{a,b}", "a?c", "yesterday", "nope",
		"on-call", "nullable", "true-story", "x1e3", "0xyz", "2024-01-31-nightly", "e3", "1.x", "a=b", "Europe/Berlin", "a#b", "1.2.3-rc.1", "0x",
		"infinite", "nano", "sha-1234e5g",
	} {
		p := read(t, "version: 1\nremove:\n- name: "+text+"\n  tags: '*'\n")
		if got := p.Remove()[0].Name(); got != text {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

// numberPlaces are places where a number is due, and the value that each has without a fault.
var numberPlaces = []string{
	"version: %s\nremove: [{tags: x}]\n",
	"version: 1\nremove: [{tags: x}]\nlimits: {max-percent: %s }\n",
	"version: 1\nremove: [{tags: x}]\nlimits:\n  max-images: %s\n",
	"version: 1\nremove: [{tags: x}]\nlimits:\n  min-left: %s\n",
	"version: 1\nremove: [{tags: x}]\nlimits:\n  broken: %s\n",
	"version: 1\nremove:\n- tags: x\n  beyond: %s\n",
	"version: 1\nremove:\n- tags: {regexp: '(?P<a>x)'}\n  beyond: 1\n  per: a\n  groups: %s\n",
	"version: 1\nkeep: [{newest: %s }]\nremove: [{tags: x}]\n",
	"version: 1\nkeep:\n- newest: %s\nremove: [{tags: x}]\n",
	"version: 1\nkeep:\n- hourly: %s\nremove: [{tags: x}]\n",
	"version: 1\nkeep:\n- daily: %s\nremove: [{tags: x}]\n",
	"version: 1\nkeep:\n- weekly: %s\nremove: [{tags: x}]\n",
	"version: 1\nkeep:\n- monthly: %s\nremove: [{tags: x}]\n",
	"version: 1\nkeep:\n- yearly: %s\nremove: [{tags: x}]\n",
}

func TestANumberIsDigitsWithoutQuotes(t *testing.T) {
	t.Parallel()
	for _, place := range numberPlaces {
		if found := faults(t, "policy.yaml", fmt.Sprintf(place, "1")); found != nil {
			t.Errorf("%s\n%v", place, found)
		}
		for _, text := range []string{`"1"`, `'1'`, "1.0", "1e1", "0x1", "01", "1_0", "+1", "0o1", "0b1", "1:0", ".1", "1.", "one", "true", "~", "null", "2024-01-31", `""`, "--1", ".inf"} {
			found := faults(t, "policy.yaml", fmt.Sprintf(place, text))
			if len(found) != 1 || found[0].Detail != policyfile.Mistyped {
				t.Errorf("%s in\n%s%v", text, place, found)
			}
		}
		for text, want := range map[string]policyfile.Detail{"-1": policyfile.Invalid, "9999999999": policyfile.Invalid, "[1]": policyfile.Invalid, "": policyfile.NoValue} {
			found := faults(t, "policy.yaml", fmt.Sprintf(place, text))
			if len(found) != 1 || found[0].Detail != want {
				t.Errorf("%s in\n%s%v", text, place, found)
			}
		}
	}
}

func TestAFlagIsTrueOrFalse(t *testing.T) {
	t.Parallel()
	for _, place := range []string{
		"version: 1\nremove:\n- {tags: x, untag: %s }\n",
		"version: 1\nremove:\n- tags: x\n  untag: true\n  overwrite: %s\n",
		"version: 1\nremove:\n- older-than: 30d\n  undated: %s\n",
		"version: 1\nremove: [{tags: x, untagged: %s }]\n",
		"version: 1\nremove: [{tags: x, orphans: %s }]\n",
		"version: 1\nremove: [{tags: x, trash: %s }]\n",
	} {
		if found := faults(t, "policy.yaml", fmt.Sprintf(place, "false")); found != nil {
			t.Errorf("%s\n%v", place, found)
		}
		for _, text := range []string{"yes", "no", "on", "off", "y", "n", "True", "TRUE", "False", `"true"`, "'false'", "1", "0", "~", "null", "x", `""`} {
			found := faults(t, "policy.yaml", fmt.Sprintf(place, text))
			if len(found) != 1 || found[0].Detail != policyfile.Mistyped {
				t.Errorf("%s in\n%s%v", text, place, found)
			}
		}
	}
}

func TestAMessageShowsHowToQuote(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"version: 1\nremove:\n- tags: 1.10\n":                      `without quotes, YAML readers take 1.10 for a number: write "1.10"`,
		"version: 1\nremove:\n- older-than: 30\n":                  `write "30d"`,
		"version: 1\nremove:\n- tags: {latest,stable}\n":           `write "{latest,stable}"`,
		"version: 1\nremove:\n- tags: [a, {b,c}]\n":                `write "{b,c}"`,
		"version: 1\nremove:\n- tags: [0-9]\n":                     `write "[0-9]" if it is a class of characters, or ["0-9"] if it is a tag`,
		"version: 1\nremove:\n- tags: [a, [0-9]]\n":                `write "[0-9]"`,
		"version: 1\nremove:\n- tags: [0-9]*\n":                    `a pattern with brackets or braces must be quoted`,
		"version: 1\nremove:\n- tags: [a, v[0-9]]\n":               `a pattern with brackets or braces must be quoted`,
		"version: 1\nremove:\n- tags: *-rc\n":                      `a text that begins with * must be quoted: "*-rc"`,
		"version: 1\nremove:\n- tags: * # all\n":                   `a text that begins with * must be quoted: "*"`,
		"version: 1\nremove:\n- tags: {semver: >=1.0.0}\n":         `a text that begins with > must be quoted: ">=1.0.0"`,
		"version: 1\nremove:\n- tags:\n    semver: >=1.0.0 <2\n":   `a text that begins with > must be quoted: ">=1.0.0 <2"`,
		"version: 1\nremove:\n- tags: @x\n":                        `a text that begins with @ must be quoted: "@x"`,
		"version: 1\nremove:\n- tags: !x\n":                        `quote one that begins with !`,
		"version: 1\nremove:\n- tags: {regexp: \"v\\d+\"}\n":       `in double quotes a backslash is written twice`,
		"version: 1\nremove:\n- name: a: b\n":                      `a text with a colon must be quoted`,
		"version: 1\nremove:\n- tags: x\n  beyond: \"10\"\n":       `write 10 without quotes`,
		"version: 1\nremove:\n- tags: x\n  untag: \"true\"\n":      `write true without quotes`,
		"version: 1\nremove:\n- tags: |\n    pr-*\n":               `write |-`,
		"version: 1\nremove:\n- tags: >-\n    pr-*\n    mr-*\n":    `the lines are joined with spaces`,
		"version: 1\nremove:\n- tags: \"pr-*\\n\"\n":               `line break`,
		"version: 1\nremove:\n- tags: pr-*\n    mr-*\n":            `must end in its line`,
		"version: 1\nremove:\n- tags: \"pr-*\n    mr-*\"\n":        `must end in its line`,
		"version: 1\nremove:\n- tags: {regexp: 'it''s \\w', a: 1}": `the key is unknown`,
	} {
		found := faults(t, "policy.yaml", file)
		if len(found) != 1 {
			t.Errorf("%s has faults at %v", file, places(found))
		}
		contains(t, found.Error(), want)
	}
	if diff := cmp.Diff([]string{"3:9 ambiguous"}, places(faults(t, "p.yml", "version: 1\nremove:\n- tags: 1\n"))); diff != "" {
		t.Error(diff)
	}
}
