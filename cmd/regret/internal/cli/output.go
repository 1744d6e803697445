package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
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

// takesTemplate reports whether a command prints objects, so that --format can print them.
func takesTemplate(cmd *cobra.Command) bool {
	formats := formatsOf(cmd)
	return slices.Contains(formats, formatName) || slices.Contains(formats, formatTree)
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
	waiting  string // an object in JSON that may be the last, behind which no comma belongs
	started  bool   // a JSON document
}

// newPrinter returns a printer of objects.
func newPrinter[T any](a *app, cmd *cobra.Command, l listing[T]) (*printer[T], error) {
	p := &printer[T]{listing: l, format: a.formatOf(cmd), out: a.streams.Out}
	if a.flags.format != "" {
		t, err := template.New("--format").Funcs(template.FuncMap{"json": toJSON}).Parse(a.flags.format)
		if err != nil {
			return nil, usagef("--format: %w", err)
		}
		var none T
		if err := t.Execute(io.Discard, none); isUnknownField(err) { // found before there are objects
			return nil, usagef("--format: %w", err)
		}
		p.template = t
	} else if p.format == formatTable {
		p.table = a.streams.Out.Table(a.streams.Out.Palette(a.flags.color), l.header...)
	}
	return p, nil
}

// isUnknownField reports whether a template names a field that objects do not have. Other errors
// depend on the object.
func isUnknownField(err error) bool {
	return err != nil && strings.Contains(err.Error(), "can't evaluate field")
}

// add prints one object.
func (p *printer[T]) add(v T) error {
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
	if p.format == formatJSONL {
		return p.line(text)
	}
	return p.next(text)
}

// next prints the object before, behind which another one follows in a JSON document.
func (p *printer[T]) next(text string) error {
	before := p.waiting
	p.waiting = text
	if !p.started {
		p.started = true
		return p.line(fmt.Sprintf("{\"regret\":%q,\"items\":[", p.listing.kind))
	}
	return p.line(before + ",")
}

// end prints what comes after the last object.
func (p *printer[T]) end() error {
	switch {
	case p.template != nil:
	case p.table != nil:
		return p.table.Close()
	case p.format == formatJSON && !p.started:
		return p.line(fmt.Sprintf("{\"regret\":%q,\"items\":[]}", p.listing.kind))
	case p.format == formatJSON:
		return p.line(p.waiting + "]}")
	}
	return nil
}

// stop prints what has waited when there was an error. A JSON document is not complete then.
func (p *printer[T]) stop() error {
	switch {
	case p.table != nil:
		return p.table.Close()
	case p.waiting != "":
		return p.line(p.waiting + ",")
	}
	return nil
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
