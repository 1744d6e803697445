package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// reports are the reports of the plans of a command line, for -o json and --report.
type reports struct {
	all [][]byte // compact JSON; only if they are asked for
}

// add takes a report, and prints it unless it is printed together with all others.
func (r *reports) add(c *carrying, t *task, report *apply.Report) error {
	format := c.app.formatOf(c.cmd)
	if c.report != "" || format == formatJSON {
		content, err := compact(report)
		if err != nil {
			return err
		}
		r.all = append(r.all, content)
	}
	switch format {
	case formatJSON:
		return nil
	case formatJSONL:
		content, err := compact(report)
		if err == nil {
			_, err = c.app.streams.Out.Write(append(content, '\n'))
		}
		return err
	}
	_, err := io.WriteString(c.app.streams.Out, c.reportText(t, report))
	return err
}

// compact returns a report in one line.
func compact(report *apply.Report) ([]byte, error) {
	content, err := report.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, content)
	return b.Bytes(), err
}

// end prints what -o json prints, and writes the file of --report. It also does so for a command
// that was stopped: the reports say how far it got.
func (r *reports) end(c *carrying) error {
	if c.app.formatOf(c.cmd) == formatJSON {
		if err := r.write(c.app.streams.Out, c.several); err != nil {
			return err
		}
	}
	if c.report == "" || !c.several && len(r.all) == 0 { // there is nothing to report
		return nil
	}
	return writeWhole(c.report, func(w io.Writer) error { return r.write(w, c.several) })
}

// write writes one report as it is, and those of a command line that may name several plans as a
// list.
func (r *reports) write(w io.Writer, several bool) error {
	if !several {
		for _, report := range r.all {
			if _, err := fmt.Fprintf(w, "%s\n", report); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := fmt.Fprintf(w, "{\"regret\":%q,\"items\":[\n%s]}\n", "reports/1", bytes.Join(r.all, []byte(",\n")))
	return err
}
