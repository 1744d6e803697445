package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// The formats of -o. Every command that prints objects has those of lists; its own default is
// the first.
const (
	formatTable = "table"
	formatTree  = "tree"
	formatJSON  = "json"
	formatJSONL = "jsonl"
	formatName  = "name"
	formatHTML  = "html"
	formatDOT   = "dot"
	formatMMD   = "mermaid"
)

// formatsKey is the annotation of a command that has the formats it can print, in one text.
const formatsKey = "formats"

// setFormats says which formats a command can print, its default first.
func setFormats(cmd *cobra.Command, formats ...string) {
	cmd.Annotations = map[string]string{formatsKey: strings.Join(formats, " ")}
}

// formatsOf returns the formats that a command can print.
func formatsOf(cmd *cobra.Command) []string {
	if formats := cmd.Annotations[formatsKey]; formats != "" {
		return strings.Fields(formats)
	}
	return []string{"no flag"}
}

// formatOf returns the format that a command is to print.
func (a *app) formatOf(cmd *cobra.Command) string {
	if a.flags.output != "" {
		return a.flags.output
	}
	return formatsOf(cmd)[0]
}

// A listing says how objects of one kind are printed.
type listing[T any] struct {
	kind   string           // of the JSON document, such as "tags/1"
	header []string         // of the table
	row    func(T) []string // of the table
	name   func(T) string   // of -o name: what other commands take as an argument
}

// A printer prints objects to stdout as they come, in the format of the command line. Only a
// table at a terminal waits for all of them, to align its columns. A JSON document is complete
// only if end was called, so that a list that ended early cannot be taken for a whole one.
type printer[T any] struct {
	listing  listing[T]
	format   string
	out      *terminal.Output
	table    *terminal.Table
	template *template.Template
	count    int
}

// newPrinter returns a printer of objects.
func newPrinter[T any](a *app, cmd *cobra.Command, l listing[T]) (*printer[T], error) {
	p := &printer[T]{listing: l, format: a.formatOf(cmd), out: a.streams.Out}
	if a.flags.format != "" {
		t, err := template.New("--format").Funcs(template.FuncMap{"json": toJSON}).Parse(a.flags.format)
		if err != nil {
			return nil, usagef("--format: %w", err)
		}
		p.template = t
	} else if p.format == formatTable {
		p.table = a.streams.Out.Table(a.streams.Out.Palette(a.flags.color), l.header...)
	}
	return p, nil
}

// add prints one object.
func (p *printer[T]) add(v T) error {
	p.count++
	switch {
	case p.template != nil:
		var b strings.Builder
		if err := p.template.Execute(&b, v); err != nil {
			return usagef("--format: %w", err)
		}
		return p.line(b.String())
	case p.table != nil:
		p.table.Texts(p.listing.row(v)...)
		return nil
	case p.format == formatName:
		return p.line(p.listing.name(v))
	}
	text, err := toJSON(v)
	if err != nil {
		return err
	}
	switch {
	case p.format == formatJSONL:
		return p.line(text)
	case p.count == 1:
		return p.line(p.begin() + text)
	}
	return p.line("," + text)
}

// end prints what comes after the last object.
func (p *printer[T]) end() error {
	switch {
	case p.template != nil:
	case p.table != nil:
		return p.table.Close()
	case p.format == formatJSON && p.count == 0:
		return p.line(p.begin() + "]}")
	case p.format == formatJSON:
		return p.line("]}")
	}
	return nil
}

// stop prints what a table at a terminal still waits with. Nothing is complete then.
func (p *printer[T]) stop() error {
	if p.table != nil {
		return p.table.Close()
	}
	return nil
}

// begin is what a JSON document begins with.
func (p *printer[T]) begin() string {
	return fmt.Sprintf("{\"regret\":%q,\"items\":[\n", p.listing.kind)
}

// line prints one line.
func (p *printer[T]) line(text string) error {
	_, err := fmt.Fprintln(p.out, text)
	return err
}

// toJSON returns a value as JSON in one line.
func toJSON(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}
