package terminal

import (
	"strings"
)

// A Table writes rows of columns to an output: at a terminal aligned and cut to its width, in the
// styles of its palette and below a header. Elsewhere each row is written at once, whole, with
// one tab between columns and without header or style, for cut, awk and head. Cells are made safe.
type Table struct {
	out     *Output
	palette Palette
	rows    [][]Cell
	widths  []int // of the columns; the first rows decide
	err     error
}

// A Cell is one cell of a table.
type Cell struct {
	Text  string
	Style Style
}

// measuredRows bounds the rows that a table keeps until it knows the widths of its columns.
const measuredRows = 1000

// Table begins a table. The palette is that of the output.
func (o *Output) Table(p Palette, header ...string) *Table {
	t := &Table{out: o, palette: p}
	if o.isTerminal && len(header) > 0 {
		row := make([]Cell, len(header))
		for i, text := range header {
			row[i] = Cell{text, Bold}
		}
		t.Row(row...)
	}
	return t
}

// Row adds a row. Errors show at [Table.Close].
func (t *Table) Row(cells ...Cell) {
	safe := make([]Cell, len(cells))
	for i, cell := range cells {
		safe[i] = Cell{Safe(cell.Text), cell.Style}
	}
	if !t.out.isTerminal {
		t.writeTabs(safe)
		return
	}
	if t.widths != nil {
		t.writeAligned(safe)
		return
	}
	if t.rows = append(t.rows, safe); len(t.rows) == measuredRows {
		t.flush()
	}
}

// Texts adds a row without styles.
func (t *Table) Texts(texts ...string) {
	row := make([]Cell, len(texts))
	for i, text := range texts {
		row[i].Text = text
	}
	t.Row(row...)
}

// Close writes what is not yet written and returns the first error of writing.
func (t *Table) Close() error {
	t.flush()
	return t.err
}

// flush decides on the widths and writes the rows that waited for them.
func (t *Table) flush() {
	if t.widths == nil {
		t.widths = columnWidths(t.rows)
	}
	for _, row := range t.rows {
		t.writeAligned(row)
	}
	t.rows = nil
}

func columnWidths(rows [][]Cell) []int {
	widths := []int{}
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(cell.Text))
		}
	}
	return widths
}

// writeTabs writes a row for programs.
func (t *Table) writeTabs(row []Cell) {
	texts := make([]string, len(row))
	for i, cell := range row {
		texts[i] = cell.Text
	}
	t.write(strings.Join(texts, "\t"))
}

// writeAligned writes a row for people. A cell that is wider than its column, below the rows that
// decided on it, moves those behind it. No space ends the line.
func (t *Table) writeAligned(row []Cell) {
	var line strings.Builder
	left, gap := t.out.Width(), 0
	for i, cell := range row {
		if cell.Text == "" {
			gap += t.columnWidth(i) + 2
			continue
		}
		if left <= gap {
			break
		}
		text := Cut(cell.Text, left-gap)
		line.WriteString(strings.Repeat(" ", gap))
		line.WriteString(t.palette.Paint(cell.Style, text))
		left -= gap + Width(text)
		gap = max(t.columnWidth(i)-Width(text), 0) + 2
	}
	t.write(line.String())
}

func (t *Table) columnWidth(i int) int {
	if i < len(t.widths) {
		return t.widths[i]
	}
	return 0
}

func (t *Table) write(line string) {
	if t.err == nil {
		_, t.err = t.out.Write([]byte(line + "\n"))
	}
}
