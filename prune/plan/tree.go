package plan

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-8cb7cc86/regret"
)

// TreeOptions say what [Plan.Tree] shows. The zero value is right for a terminal.
type TreeOptions struct {
	All   bool // everything that the plan knows of what stays, and all tags
	Width int  // cuts lines, the first one excepted, at that many characters; 0: never
	// More is added to the line that counts what is not shown, to say how to see it.
	More string
}

// String returns the plan as a tree for people: see [Plan.Tree].
func (p *Plan) String() string {
	var b strings.Builder
	p.Tree(&b, TreeOptions{})
	return b.String()
}

// Tree writes the plan as a tree for people. It begins with the totals. Then come each
// image that goes, with what belongs to it; tags that come off what stays; what stays
// although a rule wants it; and how much more stays. Names and types that a registry
// made up are shown without characters that a terminal acts on.
func (p *Plan) Tree(w io.Writer, o TreeOptions) error {
	t := &tree{outline: p.outline(), TreeOptions: o, shown: make(map[regret.Digest]bool)}
	t.removed()
	t.untagged()
	t.staying()
	out := bufio.NewWriter(w)
	t.print(out)
	return out.Flush()
}

// maxHeld is how many images a tree shows that stay only because a keep rule holds them,
// or because they have no date. They are the rule, not the exception.
const maxHeld = 10

// A tree is a tree in progress.
type tree struct {
	*outline
	TreeOptions
	shown map[regret.Digest]bool // in full
	lines []treeLine
}

type treeLine struct {
	depth                            int
	name, kind, age, verdict, reason string
}

// removed adds what goes.
func (t *tree) removed() {
	for _, dgst := range t.roots() {
		t.add(0, dgst)
	}
}

// add adds a manifest, and below it what it lists and what belongs to it.
func (t *tree) add(depth int, dgst regret.Digest) {
	i, known := t.items[dgst]
	switch {
	case t.missing[dgst]:
		t.lines = append(t.lines, treeLine{depth: depth, name: short(dgst), verdict: "missing", reason: "it is listed, but it is not there"})
		return
	case !known:
		return
	}
	line := treeLine{depth: depth, name: i.name, verdict: "keep", reason: i.why()}
	if t.All {
		line.name = i.Manifest.name(true)
	}
	if depth == 0 || len(i.Lists) > 0 || i.Role == RoleImage {
		line.kind = i.kind()
	}
	if i.Role == RoleImage {
		line.age = t.age(i)
	}
	if i.step != nil {
		line.verdict = "remove"
	}
	t.lines = append(t.lines, line)
	if t.shown[dgst] || i.kept != nil && !t.All {
		t.shown[dgst] = true
		return
	}
	t.shown[dgst] = true
	for _, part := range t.parts(i) {
		t.add(depth+1, part)
	}
}

// age returns the age of an image in days; "?" if it is not known, and nothing if no rule
// asked for it.
func (t *tree) age(i item) string {
	switch {
	case i.Undated:
		return "?"
	case i.Created.IsZero():
		return ""
	}
	return fmt.Sprintf("%d d", max(0, int(t.header.At.Sub(i.Created).Hours()/24)))
}

// untagged adds the tags that come off what stays.
func (t *tree) untagged() {
	for i := range t.steps {
		if s := &t.steps[i]; s.Action == Untag {
			t.lines = append(t.lines, treeLine{
				name: tagsInWords(s.Untag, t.All), kind: s.kind(), verdict: "untag", reason: prose(s.Reason),
			})
		}
	}
}

// staying adds what stays although a rule wants it, and how many more images stay.
func (t *tree) staying() {
	held := 0
	for i := range t.kept {
		k := &t.kept[i]
		surprising := k.Selected || len(k.Missing) > 0 || k.isShared() || len(k.WantedBy) > 0 && !k.isHeld()
		if !surprising && (len(k.WantedBy) > 0 || k.isUndated()) && held < maxHeld {
			held++
			surprising = true
		}
		if (t.All || surprising && k.Role == RoleImage) && !t.shown[k.Digest] {
			t.add(0, k.Digest)
		}
	}
	more := 0
	for i := range t.kept {
		if k := &t.kept[i]; k.Role == RoleImage && !t.shown[k.Digest] {
			more++
		}
	}
	if more > 0 {
		name := fmt.Sprintf("%d more kept", more)
		if t.More != "" {
			name += "   " + t.More
		}
		t.lines = append(t.lines, treeLine{name: name})
	}
}

// isHeld reports whether a keep rule holds it.
func (k *Kept) isHeld() bool {
	return slices.ContainsFunc(k.Reasons, func(r Reason) bool { return r.Rule != "" })
}

// isShared reports whether it stays because of a tag that no rule wants, beside others.
func (k *Kept) isShared() bool {
	return slices.ContainsFunc(k.Reasons, func(r Reason) bool { return r.Rule == "" && strings.HasPrefix(r.Text, sharedWith) })
}

// isUndated reports whether a rule would hold it, or want it, by a date that it lacks.
func (k *Kept) isUndated() bool {
	return slices.ContainsFunc(k.Reasons, func(r Reason) bool { return r.Text == noUsableDate })
}

// print prints the tree.
func (t *tree) print(w *bufio.Writer) {
	w.WriteString(t.title() + "\n") // never cut: it has the totals
	names := t.names()
	width := treeWidths{most: maxNameColumn}
	if t.Width > 0 {
		width.most = min(width.most, t.Width*2/5)
	}
	for i, line := range t.lines {
		if t.Width > 0 {
			names[i] = cut(names[i], width.most)
		}
		if line.verdict != "" {
			width.fit(names[i], line)
		}
	}
	for i, line := range t.lines {
		t.printLine(w, width.line(names[i], line))
	}
	for _, note := range t.notes() {
		t.printLine(w, note)
	}
}

// names returns the names of all lines with the branches that lead to them.
func (t *tree) names() []string {
	names := make([]string, len(t.lines))
	var more []bool // by depth: another line of this depth follows below the same one
	for i := len(t.lines) - 1; i >= 0; i-- {
		depth := t.lines[i].depth
		for len(more) <= depth {
			more = append(more, false)
		}
		var b strings.Builder
		for _, follows := range more[:depth] {
			b.WriteString(branch(follows, "│  ", "   "))
		}
		b.WriteString(branch(more[depth], "├─ ", "└─ "))
		names[i] = b.String() + t.lines[i].name
		more = more[:depth+1]
		more[depth] = true
	}
	return names
}

func branch(follows bool, yes, no string) string {
	if follows {
		return yes
	}
	return no
}

// title returns the first line: what the plan is about, and its totals.
func (t *tree) title() string {
	total := t.totals
	others := 0
	for _, dgst := range t.roots() {
		if t.items[dgst].Role != RoleImage {
			others++
		}
	}
	text := printable(t.header.Registry+"/"+t.header.Repository) + fmt.Sprintf("   keep %d   remove %d", total.Kept, total.Removed)
	if others > 0 {
		text += fmt.Sprintf(" and %s", count(others, "other"))
	}
	if total.Tags > 0 {
		text += " (" + count(total.Tags, "tag") + ")"
	}
	if total.Bytes > 0 {
		text += "   frees at most " + bytesInWords(total.Bytes) + ", after garbage collection"
	}
	return text
}

// notes returns what else a reader should know.
func (t *tree) notes() []string {
	var notes []string
	if n := t.totals.Undated; n > 0 {
		notes = append(notes, count(n, "image")+" without a usable date")
	}
	if n := t.totals.Tie; n > 1 {
		notes = append(notes, fmt.Sprintf("%d images share a place in a ranking", n))
	}
	for _, rule := range t.header.Rules {
		if rule.Matched == 0 {
			notes = append(notes, "rule "+printable(rule.Rule)+" matches nothing")
		}
	}
	if gone := t.header.Gone; len(gone) > 0 {
		notes = append(notes, count(len(gone), "digest")+" in use, but not here: "+inWords(gone))
	}
	if broken := t.header.Broken; len(broken) > 0 {
		notes = append(notes, "tags that lead to nothing: "+printable(shorten(broken)))
	}
	return notes
}

func inWords(digests []regret.Digest) string {
	texts := make([]string, len(digests))
	for i, dgst := range digests {
		texts[i] = short(dgst)
	}
	return shorten(texts)
}

func (t *tree) printLine(w *bufio.Writer, text string) {
	if t.Width > 0 {
		text = cut(text, t.Width)
	}
	w.WriteString(text)
	w.WriteByte('\n')
}

// cut cuts a text at so many characters.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(0, width-1)]) + "…"
}

// treeWidths are the widths of the columns of a tree.
type treeWidths struct{ name, kind, age, verdict, most int }

// maxNameColumn bounds the column of names: a longer name moves its line to the right.
const maxNameColumn = 48

func (c *treeWidths) fit(name string, l treeLine) {
	if n := utf8.RuneCountInString(name); n <= c.most {
		c.name = max(c.name, n)
	}
	c.kind, c.age, c.verdict = max(c.kind, len(l.kind)), max(c.age, len(l.age)), max(c.verdict, len(l.verdict))
}

func (c *treeWidths) line(name string, l treeLine) string {
	pad := strings.Repeat(" ", max(0, c.name-utf8.RuneCountInString(name)))
	text := fmt.Sprintf("%s%s   %-*s  %*s  %-*s   %s", name, pad, c.kind, l.kind, c.age, l.age, c.verdict, l.verdict, l.reason)
	return strings.TrimRight(text, " ")
}
