package plan_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// tree returns a plan as a tree.
func tree(tb testing.TB, p *plan.Plan, o plan.TreeOptions) string {
	tb.Helper()
	var b strings.Builder
	if err := p.Tree(&b, o); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestStringIsTheTree(t *testing.T) {
	t.Parallel()
	p := acme().plan(t, acmeRules)
	if diff := cmp.Diff(tree(t, p, plan.TreeOptions{}), p.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A manifest that several list or refer to is shown below each, and what belongs to it
// once.
func TestTreeShowsWhatIsSharedBelowEach(t *testing.T) {
	t.Parallel()
	r := newRepository()
	child := r.image("child", 90, 10)
	r.referrer("application/vnd.dev.sigstore.bundle.v0.3+json", child)
	for _, tag := range []string{"pr-1", "pr-2"} {
		r.index([]regret.Descriptor{on(child, "linux", "amd64"), on(r.image(tag, 90, 1), "linux", "arm64")}, tag)
	}
	r.image("main", 1, 1, "main")
	r.image("main2", 1, 1, "main2")
	p := r.plan(t, `{"version":1,"remove":[{"name":"all","tags":"pr-*"}]}`)
	want := strings.TrimLeft(`
registry.example.com/acme/app   keep 2   remove 2 (2 tags)   frees at most 159 B, after garbage collection
├─ pr-1                    index    remove   all
│  ├─ linux/amd64                   remove   only what goes lists it
│  │  └─ sigstore bundle            remove   what it belongs to goes
│  └─ linux/arm64                   remove   only what goes lists it
├─ pr-2                    index    remove   all
│  ├─ linux/amd64                   remove   only what goes lists it
│  └─ linux/arm64                   remove   only what goes lists it
└─ 2 more kept
`, "\n")
	if diff := cmp.Diff(want, p.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTreeFoldsMostOfWhatKeepRulesHold(t *testing.T) {
	t.Parallel()
	r := newRepository()
	for n := range 30 {
		r.image(fmt.Sprint(n), n, 1, fmt.Sprintf("build-%02d", n))
	}
	p := r.plan(t, `{"version":1,"keep":[{"name":"last","tags":"build-*","newest":25}],"remove":[{"name":"all","tags":"build-*"}]}`)
	got := p.String()
	if n := strings.Count(got, "  keep     last: number"); n != 10 || !strings.Contains(got, "└─ 15 more kept\n") {
		t.Errorf("%d that a rule holds are shown:\n%s", n, got)
	}
	all := tree(t, p, plan.TreeOptions{All: true})
	if n := strings.Count(all, "last: number"); n != 25 || strings.Contains(all, "more kept") {
		t.Errorf("%d that a rule holds are shown of all:\n%s", n, all)
	}
}

func TestTreeSaysHowToSeeMore(t *testing.T) {
	t.Parallel()
	p := acme().plan(t, acmeRules)
	hint := plan.TreeOptions{More: "--all shows them"}
	if got := tree(t, p, hint); !strings.Contains(got, " more kept   --all shows them\n") {
		t.Errorf("got\n%s", got)
	}
	hint.All = true
	if got := tree(t, p, hint); strings.Contains(got, "--all shows them") {
		t.Errorf("there is no more, but got\n%s", got)
	}
}

func TestTreeShowsAllTagsOnlyIfAsked(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("old", 90, 1, "pr-1", "pr-2", "pr-3", "pr-4", "pr-5")
	r.image("new", 1, 1, "main")
	p := r.plan(t, `{"version":1,"remove":[{"name":"all","tags":"pr-*"}]}`)
	if got := p.String(); !strings.Contains(got, "├─ pr-1, pr-2, pr-3 and 2 more   image") {
		t.Errorf("got\n%s", got)
	}
	if got := tree(t, p, plan.TreeOptions{All: true}); !strings.Contains(got, "├─ pr-1, pr-2, pr-3, pr-4, pr-5   image") {
		t.Errorf("got all\n%s", got)
	}
}

func TestTreeCutsLinesAtItsWidth(t *testing.T) {
	t.Parallel()
	p := acme().plan(t, acmeRules)
	for _, width := range []int{1, 10, 40, 80} {
		lines := strings.Split(strings.TrimRight(tree(t, p, plan.TreeOptions{Width: width}), "\n"), "\n")
		for _, line := range lines[1:] {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("width %d: %d characters: %s", width, n, line)
			}
		}
	}
}

func TestTreeSaysWhatElseToKnow(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("old", 90, 1, "pr-1")
	r.image("new", 1, 1, "main")
	r.tags["broken"] = "sha256:" + "0000000000000000000000000000000000000000000000000000000000000000"
	p := r.plan(t, `{"version":1,"remove":[{"name":"all","tags":"pr-*"},{"name":"none","tags":"x-*"}],"limits":{"broken":1}}`)
	for _, want := range []string{"\ntags that lead to nothing: broken\n", "\nrule none matches nothing\n"} {
		if got := p.String(); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// hostile texts try to be a control sequence, another direction, markup, or the end of a
// label.
var hostile = []string{
	"\x1b[2J\x1b[31mred\x07", "a\r\nb\tc\x00", "\u202egnp.exe\u2066", "\u200fright\u061c", "\ufeffx\u00ad\u2028y", "\x9bcsi",
	`"]; click n0 href "javascript:alert(1)"`, "`**bold**`", "%%{init: {}}%%", "<script>alert(1)</script>", "#quot;&quot;&#34;",
	`\N\G\l\" ] ; x -> y [label=<<b>x</b>>`, "\\", strings.Repeat("long", 1000), "end", "-->|x|", ":::remove",
}

// hostilePlans returns plans with hostile platforms and types on what goes and what stays.
func hostilePlans(tb testing.TB) []*plan.Plan {
	tb.Helper()
	var plans []*plan.Plan
	for _, text := range hostile {
		r := newRepository()
		shared := on(r.image("shared", 90, 1), text, "shared")
		gone := r.index([]regret.Descriptor{shared, on(r.image("one", 90, 1), text, text)}, "pr-1")
		r.index([]regret.Descriptor{shared}, "main")
		r.referrer(text, gone)
		r.push(text, map[string]any{"artifactType": text, "config": ocispec.DescriptorEmptyJSON}, "sha256-"+gone.Digest.Encoded()+".x")
		plans = append(plans, r.plan(tb, string(quoted(map[string]any{
			"version": 1, "remove": []any{map[string]any{"name": "all", "tags": "pr-*"}}}))))
	}
	return plans
}

func TestNothingThatARegistryMadeUpActsOnATerminal(t *testing.T) {
	t.Parallel()
	for i, p := range hostilePlans(t) {
		if _, err := plan.Read(bytes.NewReader(onPaper(t, p))); err != nil {
			t.Errorf("%q: %v", hostile[i], err)
		}
		got := tree(t, p, plan.TreeOptions{All: true})
		for _, r := range got {
			if r != '\n' && (!unicode.IsPrint(r) || r == utf8.RuneError) {
				t.Errorf("%q is shown with %U:\n%q", hostile[i], r, got)
			}
		}
		for line := range strings.Lines(got) {
			if len(line) > 1000 {
				t.Errorf("a line has %d bytes", len(line))
			}
		}
	}
}

// mermaidLine are the lines that a diagram may have. A label has nothing but plain
// characters and character codes.
var mermaidLine = regexp.MustCompile(`^(flowchart LR` +
	`|  (n\d+|more|nothing)\["([a-zA-Z0-9 ._/,-]|#\d+;|<br/>)*"\](:::(remove|keep|untag|missing))?` +
	`|  n\d+ (-->|-\. (subject|tag) \.->) n\d+` +
	`|  classDef (remove|keep|untag|missing) fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#000)$`)

// dotLine are the lines that a graph may have. In a quoted text every quote is escaped, and
// a backslash is followed by another one, a quote or n.
var dotLine = regexp.MustCompile(`^(digraph plan \{|\}` +
	`|  graph \[rankdir=LR, labelloc=t, label="[a-z./]*"\]` +
	`|  node \[shape=box, style=filled\]` +
	`|  (n\d+|more|nothing) \[label="([^"\\\p{C}<>]|\\\\|\\"|\\n)*", (style=dashed|fillcolor="#[0-9a-f]{6}", color="#[0-9a-f]{6}")\]` +
	`|  n\d+ -> n\d+( \[style=dashed, label="(subject|tag)"\])?)$`)

func TestLabelsOfDiagramsAreNeverSyntax(t *testing.T) {
	t.Parallel()
	plans := append(hostilePlans(t), acme().plan(t, acmeRules), many(t))
	for i, p := range plans {
		var mermaid, dot strings.Builder
		if err := p.Mermaid(&mermaid); err != nil {
			t.Fatal(err)
		}
		if err := p.DOT(&dot); err != nil {
			t.Fatal(err)
		}
		for kind, c := range map[string]struct {
			text string
			line *regexp.Regexp
		}{"Mermaid": {mermaid.String(), mermaidLine}, "DOT": {dot.String(), dotLine}} {
			for line := range strings.Lines(c.text) {
				if !c.line.MatchString(strings.TrimSuffix(line, "\n")) {
					t.Errorf("plan %d: %s has the line %s", i, kind, line)
				}
			}
		}
		if n := mermaid.Len(); n > 50_000 || strings.Count(mermaid.String(), "->") > 500 {
			t.Errorf("plan %d: Mermaid refuses a diagram of %d bytes", i, n)
		}
	}
}

// many is a plan that is too large for a diagram.
func many(tb testing.TB) *plan.Plan {
	tb.Helper()
	r := newRepository()
	for n := range 300 {
		name := fmt.Sprintf("pr-%s-%d", strings.Repeat("_", 100), n)
		var entries []regret.Descriptor
		for child := range 4 {
			entries = append(entries, on(r.image(fmt.Sprint(name, child), 90, 1), strings.Repeat("\"", 60), "\"\"\"\""))
		}
		r.index(entries, name)
	}
	return r.plan(tb, `{"version":1,"remove":[{"name":"all","tags":"pr-*"}],"limits":{"max-percent":100,"min-left":0}}`)
}

func TestDiagramsSayWhatTheyLeaveOut(t *testing.T) {
	t.Parallel()
	p := many(t)
	var mermaid, dot strings.Builder
	if err := p.Mermaid(&mermaid); err != nil {
		t.Fatal(err)
	}
	if err := p.DOT(&dot); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		mermaid.String(): `more["1400 more manifests not shown"]`,
		dot.String():     `more [label="500 more manifests not shown", style=dashed]`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%.2000s", want, text)
		}
	}
}
