package apply

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// reportForm is the value of the first member of a report on paper: its kind and its version.
const reportForm = "report/1"

// maxResult bounds one member, or one element of a list, of a report on paper in bytes, as
// that of a plan is bounded.
const maxResult = 64 << 20

// A member is a member of a report on paper. A list has a line for each element.
type member struct {
	name     string
	value    any // a pointer to it
	optional bool
}

// members returns the members of a report after the first, in their order on paper.
func (r *Report) members(totals *map[string]int64) []member {
	return []member{
		{"registry", &r.Registry, false},
		{"repository", &r.Repository, false},
		{"plan", &r.Plan, false},
		{"started", &r.Started, false},
		{"ended", &r.Ended, false},
		{"resumed", &r.Resumed, !r.Resumed},
		{"problem", &r.Problem, r.Problem == ""},
		{"totals", totals, false},
		{"lost", &r.Lost, len(r.Lost) == 0},
		{"stillPresent", &r.StillPresent, len(r.StillPresent) == 0},
		{"survival", &r.Survival, r.Survival == nil},
		{"results", &r.Results, false},
	}
}

// totalsOnPaper returns the counts of the results, by the name that they have on paper.
func (r *Report) totalsOnPaper() map[string]int64 {
	totals := r.Totals()
	paper := map[string]int64{"steps": int64(totals.Steps), "bytes": totals.Bytes}
	for s, n := range totals.ByStatus {
		paper[string(s)] = int64(n)
	}
	return paper
}

// WriteTo writes the report as JSON: {"regret":"report/1", …}. Each result has a line of its
// own. It streams: beside the report it needs memory for one line. [ReadReport] reads it.
func (r *Report) WriteTo(to io.Writer) (int64, error) {
	w := &reportWriter{to: to}
	buffer := bufio.NewWriterSize(w, 64<<10)
	totals := r.totalsOnPaper()
	_, err := fmt.Fprintf(buffer, `{"regret":%q`, reportForm)
	for _, m := range r.members(&totals) {
		if err != nil || m.optional {
			continue
		}
		if _, err = fmt.Fprintf(buffer, ",\n%q:", m.name); err != nil {
			continue
		}
		if results, ok := m.value.(*[]Result); ok {
			err = writeLines(buffer, *results)
		} else {
			err = json.MarshalWrite(buffer, m.value, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
		}
	}
	if err == nil {
		_, err = buffer.WriteString("}\n")
	}
	return w.n, errors.Join(err, buffer.Flush())
}

// writeLines writes results, a line each.
func writeLines(w io.Writer, results []Result) error {
	separator := "[\n"
	for i := range results {
		if _, err := io.WriteString(w, separator); err != nil {
			return err
		}
		if err := json.MarshalWrite(w, &results[i], jsontext.AllowInvalidUTF8(true)); err != nil {
			return err
		}
		separator = ",\n"
	}
	if len(results) == 0 {
		_, err := io.WriteString(w, "[]")
		return err
	}
	_, err := io.WriteString(w, "\n]")
	return err
}

// A reportWriter counts what it writes.
type reportWriter struct {
	to io.Writer
	n  int64
}

func (w *reportWriter) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	w.n += int64(n)
	return n, err
}

// MarshalJSON returns what WriteTo writes.
func (r *Report) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	_, err := r.WriteTo(&b)
	return b.Bytes(), err
}

// UnmarshalJSON reads what WriteTo writes, as [ReadReport] does.
func (r *Report) UnmarshalJSON(data []byte) error {
	read, err := ReadReport(bytes.NewReader(data))
	if err == nil {
		*r = *read
	}
	return err
}

// ReadReport reads a report that [Report.WriteTo] wrote, and checks that its results add up to
// its totals. The errors of results are not on paper; their reasons are.
//
// It streams: beside the report it needs memory for one line of at most 64 MiB.
func ReadReport(from io.Reader) (*Report, error) {
	r := new(Report)
	in := &lineLimit{from: from}
	if err := r.read(&reportReader{jsontext.NewDecoder(in), in}); err != nil {
		return nil, fmt.Errorf("malformed report: %w", err)
	}
	return r, nil
}

func (r *Report) read(in *reportReader) error {
	var form string
	if err := in.begin("regret", &form); err != nil {
		return err
	}
	if form != reportForm {
		return fmt.Errorf("its form is %q, not %q: use the version of regret that wrote it", redact.Clip(form), reportForm)
	}
	var totals map[string]int64
	seen := make(map[string]bool)
	members := r.members(&totals)
	for {
		name, err := in.name()
		if err != nil {
			return err
		}
		if name == "" {
			break
		}
		i := slices.IndexFunc(members, func(m member) bool { return m.name == name })
		if i < 0 || seen[name] {
			return fmt.Errorf("the member %q is unknown, or there twice", redact.Clip(name))
		}
		seen[name] = true
		if results, ok := members[i].value.(*[]Result); ok {
			err = in.results(results)
		} else {
			err = in.value(members[i].value)
		}
		if err != nil {
			return err
		}
	}
	for _, m := range new(Report).members(&totals) {
		if !m.optional && !seen[m.name] {
			return fmt.Errorf("the member %q is missing", m.name)
		}
	}
	if !maps.Equal(totals, r.totalsOnPaper()) {
		return errors.New("its results do not add up to its totals")
	}
	return in.end()
}

// A reportReader reads a report member by member, and results one by one.
type reportReader struct {
	*jsontext.Decoder
	in *lineLimit
}

// begin reads the beginning of an object, and its first member.
func (r *reportReader) begin(first string, to any) error {
	r.allow()
	if token, err := r.ReadToken(); err != nil || token.Kind() != '{' {
		return errors.Join(errors.New("it is no JSON object"), err)
	}
	if name, err := r.name(); err != nil || name != first {
		return errors.Join(fmt.Errorf("it does not begin with the member %q", first), err)
	}
	return r.value(to)
}

// name reads the name of the next member; it is empty at the end of the object.
func (r *reportReader) name() (string, error) {
	r.allow()
	token, err := r.ReadToken()
	if err != nil || token.Kind() != '"' {
		return "", err
	}
	return token.String(), nil
}

func (r *reportReader) value(to any) error {
	r.allow()
	return json.UnmarshalDecode(r.Decoder, to, json.RejectUnknownMembers(true))
}

// results reads the list of results.
func (r *reportReader) results(to *[]Result) error {
	r.allow()
	if token, err := r.ReadToken(); err != nil || token.Kind() != '[' {
		return errors.Join(errors.New("the results are no list"), err)
	}
	for {
		r.allow()
		if r.PeekKind() == ']' {
			_, err := r.ReadToken()
			return err
		}
		var result Result
		if err := r.value(&result); err != nil {
			return err
		}
		if result.Step != len(*to) || !slices.Contains(statuses[:], result.Status) {
			return fmt.Errorf("result %d is that of step %d, with the status %q", len(*to), result.Step, redact.Clip(string(result.Status)))
		}
		*to = append(*to, result)
	}
}

// end reads the end of the file.
func (r *reportReader) end() error {
	switch _, err := r.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return errors.New("there is more after its end")
}

// allow allows the decoder to read one more member or result.
func (r *reportReader) allow() { r.in.left = r.InputOffset() + maxResult - r.in.read }

// A lineLimit reads no more than it may, so that no single value fills the memory.
type lineLimit struct {
	from       io.Reader
	read, left int64
}

func (l *lineLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a part of it is larger than %d bytes", maxResult)
	}
	n, err := l.from.Read(p[:min(int64(len(p)), l.left)])
	l.read += int64(n)
	l.left -= int64(n)
	return n, err
}
