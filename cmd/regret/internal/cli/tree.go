package cli

import (
	"bytes"
	"io"
	"regexp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// printTree prints the tree of a plan to stdout, with its verdicts in colour where there is colour.
func (a *app) printTree(p *plan.Plan, o plan.TreeOptions) error {
	out := a.streams.Out
	palette := out.Palette(a.flags.color)
	o.Width = out.Width()
	if palette == (terminal.Palette{}) {
		return p.Tree(out, o)
	}
	return p.Tree(&painter{out: out, palette: palette}, o)
}

// A painter paints the verdicts in the lines of a tree. It is written whole lines, or parts of one.
type painter struct {
	out     io.Writer
	palette terminal.Palette
	line    []byte // that has not ended
	lines   int
}

// verdict is the column of the verdict. Two spaces are before it, and no name has a space.
var verdict = regexp.MustCompile(`  (remove|keep|untag)(  |\n)`)

// styles are those of verdicts.
var styles = map[string]terminal.Style{"remove": terminal.Red, "keep": terminal.Green, "untag": terminal.Yellow}

// Write paints whole lines and writes them.
func (p *painter) Write(text []byte) (int, error) {
	p.line = append(p.line, text...)
	for {
		end := bytes.IndexByte(p.line, '\n')
		if end < 0 {
			return len(text), nil
		}
		if _, err := p.out.Write(p.paint(p.line[:end+1])); err != nil {
			return 0, err
		}
		p.line = p.line[end+1:]
		p.lines++
	}
}

// paint paints the verdict in a line. The first one has the totals.
func (p *painter) paint(line []byte) []byte {
	at := verdict.FindSubmatchIndex(line)
	if p.lines == 0 || at == nil {
		return line
	}
	word := string(line[at[2]:at[3]])
	painted := bytes.Clone(line[:at[2]])
	painted = append(painted, p.palette.Paint(styles[word], word)...)
	return append(painted, line[at[3]:]...)
}
