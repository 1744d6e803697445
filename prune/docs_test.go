package prune_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

var updateDocs = flag.Bool("update", false, "write the outputs into docs/retention.md instead of comparing them")

const retentionPage = "../docs/retention.md"

// A docsBlock is a fenced block of the page. The words after the fence say what it is:
//
//	json                a policy
//	json keep           a keep rule alone
//	json remove         a remove rule alone
//	json wrong          a policy with faults
//	text repository     what a repository has; see docsCase
//	text list NAME      an in-use list of that name
//	text plan           the plan that the last policy makes of the last repository
//	text explain TAG    what each of its rules says about an image
//	text error          the error of the policy, or of planning
//	go, sh              code
type docsBlock struct {
	kind  string
	line  int // of the fence, from 1
	text  string
	lines int // of text
}

func (b docsBlock) String() string { return fmt.Sprintf("%s:%d", retentionPage, b.line) }

// docsPage returns the page by lines, and its blocks.
func docsPage(t *testing.T) (lines []string, blocks []docsBlock) {
	t.Helper()
	page, err := os.ReadFile(retentionPage)
	if err != nil {
		t.Fatal(err)
	}
	lines = strings.Split(string(page), "\n")
	for i := 0; i < len(lines); i++ {
		kind, ok := strings.CutPrefix(lines[i], "```")
		if !ok {
			continue
		}
		n := slices.Index(lines[i+1:], "```")
		if n < 0 {
			t.Fatalf("%s:%d: the block does not end", retentionPage, i+1)
		}
		blocks = append(blocks, docsBlock{kind, i + 1, strings.Join(lines[i+1:i+1+n], "\n"), n})
		i += n + 1
	}
	return lines, blocks
}

// TestRetentionPageIsTrue parses every policy on the page, and compares each output with what
// comes of planning at a registry that serves the repository.
func TestRetentionPageIsTrue(t *testing.T) {
	t.Parallel()
	lines, blocks := docsPage(t)
	var story docsStory
	truth := make([]string, len(blocks))
	for i, b := range blocks {
		var err error
		if truth[i], err = story.next(b); err != nil {
			t.Errorf("%s: %v", b, err)
		}
	}
	for i, b := range slices.Backward(blocks) {
		if *updateDocs {
			lines = slices.Replace(lines, b.line, b.line+b.lines, truth[i])
		} else if diff := cmp.Diff(b.text, truth[i]); diff != "" {
			t.Errorf("%s (-page +truth):\n%s\nTo write what is true: go test ./prune -run Retention -update", b, diff)
		}
	}
	if *updateDocs && !t.Failed() {
		if err := os.WriteFile(retentionPage, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A docsStory is what the page has said so far.
type docsStory struct {
	policy, repository string
	lists              map[string]string
}

// next takes a block in, and returns what must stand in it.
func (s *docsStory) next(b docsBlock) (string, error) {
	kind, name := b.kind, ""
	if words := strings.Fields(b.kind); len(words) == 3 {
		kind, name = words[0]+" "+words[1], words[2]
	}
	var err error
	switch kind {
	case "json":
		s.policy = b.text
		_, err = policy.Parse([]byte(b.text))
	case "json keep":
		_, err = policy.Parse([]byte(`{"version": 1, "keep": [` + b.text + `], "remove": [{"tags": "*"}]}`))
	case "json remove":
		_, err = policy.Parse([]byte(`{"version": 1, "remove": [` + b.text + `]}`))
	case "json wrong":
		s.policy, s.repository = b.text, ""
		if _, err := policy.Parse([]byte(b.text)); err == nil {
			return b.text, fmt.Errorf("there is nothing wrong with it")
		}
	case "text repository":
		s.repository, s.lists = b.text, map[string]string{}
	case "text list":
		s.lists[name] = b.text
	case "text plan", "text explain", "text error":
		return s.output(kind, name)
	case "go", "sh":
	default:
		err = fmt.Errorf("there is no kind of block %q", b.kind)
	}
	return b.text, err
}

// output plans, and returns the plan, the verdicts on an image, or the error.
func (s *docsStory) output(kind, tag string) (string, error) {
	c, err := docsCase(s.policy, s.repository, s.lists)
	if err != nil {
		return "", err
	}
	decision, err := docsDecision(c)
	if err == nil && kind == "text explain" {
		return docsVerdicts(decision, tag)
	}
	var text string
	if err == nil {
		made, refused := decision.Plan()
		if err = refused; err == nil {
			text = made.String()
		}
	}
	if (err != nil) != (kind == "text error") {
		return "", fmt.Errorf("the error is %v", err)
	}
	if err != nil {
		text = err.Error()
	}
	var trimmed []string
	for line := range strings.Lines(text) {
		trimmed = append(trimmed, strings.TrimRight(line, " \n"))
	}
	return strings.Join(trimmed, "\n"), nil
}

// TestRetentionPageNamesTests looks for each test and each case that the table of questions
// names in its last column.
func TestRetentionPageNamesTests(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, c := range loadCases(t) {
		known[c.ID] = true
	}
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Example)\w+)\(`)
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declaration.FindAllSubmatch(source, -1) {
			known[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	lines, _ := docsPage(t)
	rows := docsTable(lines, "## What decides")
	if len(rows) < 30 {
		t.Errorf("the table has %d questions: has it moved?", len(rows))
	}
	for _, row := range rows {
		proofs := docsCode(row[len(row)-1])
		if len(proofs) == 0 {
			t.Errorf("no test proves: %s", row[0])
		}
		for _, proof := range proofs {
			if !known[proof] {
				t.Errorf("there is no test or case %s, of: %s", proof, row[0])
			}
		}
	}
}

// TestRetentionPageHasEveryKey compares the tables of keys with what policies have.
func TestRetentionPageHasEveryKey(t *testing.T) {
	t.Parallel()
	lines, _ := docsPage(t)
	for heading, document := range map[string]any{
		"### The document": policy.Document{}, "### Keep rules": policy.Keep{}, "### Remove rules": policy.Remove{},
		"### Limits": policy.Limits{}, "### Patterns": nil,
	} {
		want := []string{"regexp", "semver", "pre"} // of a pattern, which encodes itself
		if document != nil {
			want = nil
			for field := range reflect.TypeOf(document).Fields() {
				key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				want = append(want, key)
			}
		}
		var got []string
		for _, row := range docsTable(lines, heading) {
			got = append(got, docsCode(row[0])...)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-code +page):\n%s", heading, diff)
		}
	}
}

// docsTable returns the rows of the tables between a heading and the next, without the heads.
func docsTable(lines []string, heading string) (rows [][]string) {
	for _, line := range lines[slices.Index(lines, heading)+1:] {
		switch {
		case strings.HasPrefix(line, "#"):
			return rows
		case strings.HasPrefix(line, "|---"):
			rows = rows[:max(0, len(rows)-1)]
		case strings.HasPrefix(line, "| "):
			rows = append(rows, strings.Split(strings.Trim(line, "| "), " | "))
		}
	}
	return rows
}

var docsCodePattern = regexp.MustCompile("`([^`]+)`")

// docsCode returns what is set as code in a text.
func docsCode(text string) (code []string) {
	for _, m := range docsCodePattern.FindAllStringSubmatch(text, -1) {
		code = append(code, m[1])
	}
	return code
}

// TestRetentionPageCodeRuns looks for each line of Go code in the examples, which are run.
func TestRetentionPageCodeRuns(t *testing.T) {
	t.Parallel()
	examples, err := os.ReadFile("example_retention_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, blocks := docsPage(t)
	for _, b := range blocks {
		for line := range strings.Lines(b.text) {
			if b.kind == "go" && !strings.Contains(string(examples), strings.TrimSpace(line)) {
				t.Errorf("%s: no example has %s", b, line)
			}
		}
	}
}

// TestRetentionPageLinks looks for what links lead to, on the page and in other files.
func TestRetentionPageLinks(t *testing.T) {
	t.Parallel()
	lines, _ := docsPage(t)
	anchors := map[string]bool{}
	punctuation := regexp.MustCompile(`[^\w\- ]`)
	for _, line := range lines {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			anchors["#"+strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(title), ""), " ", "-")] = true
		}
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for i, line := range lines {
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			file, _, _ := strings.Cut(m[1], "#")
			switch {
			case strings.HasPrefix(m[1], "https://"):
			case file == "" && !anchors[m[1]]:
				t.Errorf("%s:%d: there is no heading %s", retentionPage, i+1, m[1])
			case file != "":
				if _, err := os.Stat(filepath.Join(filepath.Dir(retentionPage), file)); err != nil {
					t.Errorf("%s:%d: %v", retentionPage, i+1, err)
				}
			}
		}
	}
}
