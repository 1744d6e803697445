package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// plansForm is the kind and version of a document about several plans.
const plansForm = "plans/1"

// indexFile is the name of the document about the plans in a folder.
const indexFile = "index.json"

// A planItem is what a document about several plans says of one: that of a repository, or why there
// is none.
type planItem struct {
	Repository string        `json:"repository"`       // with its registry
	File       string        `json:"file,omitempty"`   // in the same folder; empty if the plan was not written
	Digest     regret.Digest `json:"digest,omitempty"` // of the plan
	Totals     *plan.Totals  `json:"totals,omitempty"`
	Refused    []string      `json:"refused,omitempty"` // by which limits of the policy
	Error      string        `json:"error,omitempty"`
}

// describe adds what is known of a plan.
func (i *planItem) describe(p *plan.Plan) {
	totals := p.Totals()
	i.Digest, i.Totals = p.Digest(), &totals
}

// planFiles are the files that --out writes: one, or a folder of them.
type planFiles struct {
	path     string // empty: none
	isFolder bool
	listed   bool // the list of repositories was complete
	items    []planItem
	written  int
	removed  int // images
}

// newPlanFiles returns the files of --out, and an error if they cannot be written.
func newPlanFiles(path string, isFolder bool) (*planFiles, error) {
	f := &planFiles{path: path, isFolder: isFolder, listed: true}
	switch {
	case path == "":
		return f, nil
	case path == "-":
		return nil, usagef("--out names a file; -o json prints the plan to stdout")
	case isFolder:
		return f, checkOutputFolder("--out", path)
	}
	return f, checkOutputFile("--out", path)
}

// write writes a plan, and says where in its item.
func (f *planFiles) write(item *planItem, p *plan.Plan) error {
	if f.path == "" {
		return nil
	}
	item.describe(p)
	path := f.path
	if f.isFolder {
		item.File = item.Digest.Encoded() + ".json"
		path = filepath.Join(f.path, item.File)
	}
	f.written++
	f.removed += item.Totals.Removed
	return writeWhole(path, func(w io.Writer) error {
		_, err := p.WriteTo(w)
		return err
	})
}

// add remembers an item for the index of a folder.
func (f *planFiles) add(item planItem) {
	if f.path != "" && f.isFolder {
		f.items = append(f.items, item)
	}
}

// end writes the index of a folder. It is not called unless all repositories were looked at.
func (f *planFiles) end() error {
	if f.path == "" || !f.isFolder {
		return nil
	}
	return writeWhole(filepath.Join(f.path, indexFile), func(w io.Writer) error {
		doc := &itemWriter{w: w}
		for _, item := range f.items {
			doc.add(item, nil)
		}
		return doc.end()
	})
}

// An itemWriter writes a document about several plans, one after the other, and remembers the first
// error.
type itemWriter struct {
	w     io.Writer
	count int
	err   error
}

// add writes an item, with its plan unless that is nil.
func (d *itemWriter) add(item planItem, p *plan.Plan) {
	text, err := toJSON(item)
	d.err = errors.Join(d.err, err)
	d.text(d.separator())
	if p == nil {
		d.text(text)
		return
	}
	d.text(text[:len(text)-1] + ",\"plan\":") // into the object
	if d.err == nil {
		_, d.err = p.WriteTo(d.w)
	}
	d.text("}")
}

// end writes the end of the document.
func (d *itemWriter) end() error {
	if d.count == 0 {
		d.text(d.separator())
	}
	d.text("\n]}\n")
	return d.err
}

// separator returns what comes before an item.
func (d *itemWriter) separator() string {
	d.count++
	if d.count == 1 {
		return fmt.Sprintf("{\"regret\":%q,\"items\":[\n", plansForm)
	}
	return ",\n"
}

func (d *itemWriter) text(s string) {
	if d.err == nil {
		_, d.err = io.WriteString(d.w, s)
	}
}
