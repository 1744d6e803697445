package plan_test

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A document is a plan on paper that a test may edit.
type document struct {
	Regret     string           `json:"regret"`
	Registry   string           `json:"registry"`
	Repository string           `json:"repository"`
	At         time.Time        `json:"at"`
	Policy     jsontext.Value   `json:"policy"`
	InUse      []plan.InUseList `json:"inUse"`
	Tags       regret.Digest    `json:"tags"`
	NamesAll   bool             `json:"namesAll"`
	Gone       []regret.Digest  `json:"gone"`
	Missing    []regret.Digest  `json:"missing"`
	Broken     []string         `json:"broken"`
	Rules      []plan.RuleCount `json:"rules"`
	Steps      []plan.Step      `json:"steps"`
	Kept       []plan.Kept      `json:"kept"`
	Totals     plan.Totals      `json:"totals"`
	Content    regret.Digest    `json:"content"`
}

func parseDocument(tb fataler, paper []byte) *document {
	tb.Helper()
	d := new(document)
	if err := json.Unmarshal(paper, d, json.RejectUnknownMembers(true)); err != nil {
		tb.Fatalf("%v\n%s", err, paper)
	}
	return d
}

// paper returns the document as WriteTo would write it, with the digest of its content.
func (d *document) paper() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{%s:%s", quoted("regret"), quoted(d.Regret))
	d.member(&b, "registry", d.Registry)
	d.member(&b, "repository", d.Repository)
	d.member(&b, "at", d.At)
	d.member(&b, "policy", d.Policy)
	list(&b, "inUse", d.InUse, true)
	d.member(&b, "tags", d.Tags)
	d.member(&b, "namesAll", d.NamesAll)
	list(&b, "gone", d.Gone, true)
	list(&b, "missing", d.Missing, true)
	list(&b, "broken", d.Broken, true)
	list(&b, "rules", d.Rules, false)
	list(&b, "steps", d.Steps, false)
	list(&b, "kept", d.Kept, false)
	d.member(&b, "totals", d.Totals)
	return withContent(b.Bytes())
}

func (d *document) member(b *bytes.Buffer, name string, value any) {
	fmt.Fprintf(b, ",\n%s:%s", quoted(name), quoted(value))
}

func list[T any](b *bytes.Buffer, name string, elements []T, optional bool) {
	if len(elements) == 0 && optional {
		return
	}
	fmt.Fprintf(b, ",\n%s:[", quoted(name))
	for i := range elements {
		fmt.Fprintf(b, "%s\n%s", []string{"", ","}[min(i, 1)], quoted(&elements[i]))
	}
	if len(elements) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("]")
}

func quoted(value any) []byte {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return b
}

// withContent completes a plan whose last member is missing.
func withContent(before []byte) []byte {
	before = append(before, ",\n"...)
	return fmt.Appendf(before, "\"content\":%q}\n", digest.FromBytes(before))
}

var contentMember = regexp.MustCompile(`,\n"content":"[^"]*"\}\n$`)

// edited returns a plan in which a text is replaced, with the digest of its new content.
func edited(tb testing.TB, paper []byte, old, new string) []byte {
	tb.Helper()
	if !bytes.Contains(paper, []byte(old)) {
		tb.Fatalf("the plan does not contain %s", old)
	}
	before := contentMember.ReplaceAll(bytes.Replace(paper, []byte(old), []byte(new), 1), nil)
	return withContent(before)
}

// step returns the step that deletes what a tag points to.
func (d *document) step(tb testing.TB, tag string) *plan.Step {
	tb.Helper()
	for i := range d.Steps {
		if slices.Contains(d.Steps[i].Tags, tag) {
			return &d.Steps[i]
		}
	}
	tb.Fatalf("no step has the tag %s", tag)
	return nil
}

// image returns what stays under a tag.
func (d *document) image(tb testing.TB, tag string) *plan.Kept {
	tb.Helper()
	for i := range d.Kept {
		if slices.Contains(d.Kept[i].Tags, tag) {
			return &d.Kept[i]
		}
	}
	tb.Fatalf("nothing that stays has the tag %s", tag)
	return nil
}

// count makes the totals and the order of what stays fit the rest, so that an edit is
// noticed for nothing but itself.
func (d *document) count() {
	t := plan.Totals{Tie: d.Totals.Tie}
	for _, s := range d.Steps {
		t.Tags, t.Bytes = t.Tags+len(s.Untag), t.Bytes+s.Bytes
		if s.Action == plan.Delete {
			t.Tags, t.Manifests = t.Tags+len(s.Tags), t.Manifests+1
			if s.Role == plan.RoleImage {
				t.Removed++
				t.Undated += btoi(s.Undated)
			}
		}
	}
	for _, k := range d.Kept {
		if k.Role == plan.RoleImage {
			t.Kept++
			t.Undated += btoi(k.Undated)
		}
	}
	t.Images = t.Kept + t.Removed
	d.Totals = t
	slices.SortStableFunc(d.Kept, func(a, b plan.Kept) int { return cmp.Compare(keptKey(a), keptKey(b)) })
}

func keptKey(k plan.Kept) string {
	for _, tag := range k.Tags {
		if classOf(tag) == "ordinary" {
			return "0" + tag
		}
	}
	return "1" + string(k.Digest)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
