package policyfile_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

const docsPage = "../../../../docs/policy-files.md"

// TestTheDocsPageIsTrue reads each policy on the page, and compares each output with what comes
// of the policy above it. The words after the fence of a block say what it is:
//
//	yaml         a policy
//	yaml wrong   a policy with faults
//	json same    the policy above in JSON
//	text words   the policy above in words
//	text error   the faults of the policy above
func TestTheDocsPageIsTrue(t *testing.T) {
	t.Parallel()
	lines := docsLines(t)
	var story docsStory
	blocks := 0
	for i := 0; i < len(lines); i++ {
		kind, ok := strings.CutPrefix(lines[i], "```")
		if !ok {
			continue
		}
		end := i + 1 + slices.Index(lines[i+1:], "```")
		text := strings.Join(lines[i+1:end], "\n")
		truth, err := story.next(kind, text)
		if err != nil {
			t.Errorf("%s:%d: %v", docsPage, i+1, err)
		} else if *update {
			added := strings.Split(truth, "\n")
			lines = slices.Replace(lines, i+1, end, added...)
			end = i + 1 + len(added)
		} else if diff := cmp.Diff(text, truth); diff != "" {
			t.Errorf("%s:%d (-page +truth):\n%s", docsPage, i+1, diff)
		}
		blocks++
		i = end
	}
	if blocks < 10 {
		t.Errorf("the page has %d blocks", blocks)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(docsPage, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func docsLines(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(docsPage)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(page), "\n")
}

// A docsStory is what the page has said so far.
type docsStory struct {
	policy *policy.Policy
	err    error
}

// next takes a block in, and returns what must stand in it.
func (s *docsStory) next(kind, text string) (string, error) {
	switch kind {
	case "yaml":
		s.policy, s.err = policyfile.Read("policy.yaml", []byte(text))
		return text, s.err
	case "yaml wrong":
		if s.policy, s.err = policyfile.Read("policy.yaml", []byte(text)); s.err == nil {
			return "", errors.New("there is nothing wrong with it")
		}
		return text, nil
	case "json same":
		p, err := policyfile.Read("policy.json", []byte(text))
		if err == nil && string(p.JSON()) != string(s.policy.JSON()) {
			err = fmt.Errorf("it is another policy: %s", p.JSON())
		}
		return text, err
	case "text words":
		return strings.TrimSuffix(policyfile.Describe(s.policy), "\n"), nil
	case "text error":
		return s.err.Error(), nil
	}
	return "", fmt.Errorf("a block of an unknown kind, %q", kind)
}

var inCode = regexp.MustCompile("`([^`]+)`")

// TestTheTablesOfTheDocsPageAreTrue puts each text of the first columns into a policy.
func TestTheTablesOfTheDocsPageAreTrue(t *testing.T) {
	t.Parallel()
	table, rows := "", 0
	for _, line := range docsLines(t) {
		first, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(line, "| ") {
			continue
		}
		if !strings.Contains(first, "`") {
			table = first
			continue
		}
		rows++
		for _, match := range inCode.FindAllStringSubmatch(first, -1) {
			text := match[1]
			file := "version: 1\nremove:\n- tags:\n    regexp: " + text + "\n"
			if strings.Contains(first, "in a list") {
				file = "version: 1\nremove:\n- tags: [" + text + "]\n"
			}
			if strings.HasPrefix(text, "[") {
				file = "version: 1\nremove:\n- tags: " + text + "\n"
			}
			switch table {
			case "without quotes":
				if found := faults(t, "policy.yaml", file); len(found) != 1 || found[0].Detail != policyfile.Ambiguous {
					t.Errorf("%s: %v", text, found)
				}
			case "write":
				for _, e := range faults(t, "policy.yaml", file) {
					if e.Detail != policyfile.Invalid {
						t.Errorf("%s: %v", text, e)
					}
				}
				bare := strings.Trim(text, `"'`)
				if strings.HasPrefix(text, "'") {
					bare = `"` + bare + `"`
				}
				if faults(t, "policy.yaml", strings.ReplaceAll(file, text, bare)) == nil {
					t.Errorf("%s needs no quotes", bare)
				}
			default:
				t.Errorf("a table of an unknown kind, %q", table)
			}
		}
	}
	if rows < 18 {
		t.Errorf("the tables have %d rows", rows)
	}
}
