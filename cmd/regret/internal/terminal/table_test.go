package terminal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// write writes a table of three rows.
func write(t *testing.T, s *terminal.Streams) {
	t.Helper()
	table := s.Out.Table(s.Out.Palette(terminal.Color{}), "TAG", "AGE", "VERDICT")
	table.Texts("pr-1201", "91 d", "remove")
	table.Row(terminal.Cell{Text: "大きさ"}, terminal.Cell{}, terminal.Cell{Text: "keep", Style: terminal.Green})
	table.Texts("1.9\x1b[2J", "1\tyear", "keep: 5 newest pre-releases")
	if err := table.Close(); err != nil {
		t.Error(err)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	plain := map[string]string{"NO_COLOR": "1"}
	for name, test := range map[string]struct {
		width     int
		variables map[string]string
		want      string
	}{
		"a terminal gets columns below a header": {60, plain, "" +
			"TAG         AGE      VERDICT\n" +
			"pr-1201     91 d     remove\n" +
			"大きさ               keep\n" +
			`1.9\x1b[2J  1\tyear  keep: 5 newest pre-releases` + "\n"},
		"cut to its width": {28, plain, "" +
			"TAG         AGE      VERDICT\n" +
			"pr-1201     91 d     remove\n" +
			"大きさ               keep\n" +
			`1.9\x1b[2J  1\tyear  keep: …` + "\n"},
		"even if columns are left out": {13, plain, "" +
			"TAG         …\n" +
			"pr-1201     …\n" +
			"大きさ\n" +
			`1.9\x1b[2J  …` + "\n"},
		"with styles around the text alone": {60, nil, "" +
			"\x1b[1mTAG\x1b[0m         \x1b[1mAGE\x1b[0m      \x1b[1mVERDICT\x1b[0m\n" +
			"pr-1201     91 d     remove\n" +
			"大きさ               \x1b[32mkeep\x1b[0m\n" +
			`1.9\x1b[2J  1\tyear  keep: 5 newest pre-releases` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, tty := atTerminal(test.width, test.variables)
			write(t, s)
			if diff := cmp.Diff(test.want, tty.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	t.Run("a pipe gets whole rows with tabs and no header", func(t *testing.T) {
		t.Parallel()
		s, out, _ := inPipes()
		write(t, s)
		want := "pr-1201\t91 d\tremove\n大きさ\t\tkeep\n" + `1.9\x1b[2J` + "\t" + `1\tyear` + "\tkeep: 5 newest pre-releases\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	t.Run("and each row at once", func(t *testing.T) {
		t.Parallel()
		s, out, _ := inPipes()
		s.Out.Table(terminal.Palette{}, "TAG").Texts("1.4")
		if got := out.String(); got != "1.4\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestTableOfManyRows(t *testing.T) {
	t.Parallel()
	s, tty := atTerminal(80, nil)
	table := s.Out.Table(terminal.Palette{})
	for range 1000 {
		table.Texts("a", "b")
	}
	if got := strings.Count(tty.String(), "a  b\n"); got != 1000 {
		t.Errorf("%d of 1000 rows are written when that many are known", got)
	}
	table.Texts("longer", "b", "and one more")
	if !strings.HasSuffix(tty.String(), "\nlonger  b  and one more\n") {
		t.Errorf("the table ends with %q", tty.String()[3000:])
	}
	if err := table.Close(); err != nil {
		t.Error(err)
	}
}

func TestTableReportsTheFirstError(t *testing.T) {
	t.Parallel()
	full, calls := errors.New("no space left on device"), 0
	s := terminal.New(terminal.Options{Out: writeFunc(func([]byte) (int, error) { calls++; return 0, full })})
	table := s.Out.Table(terminal.Palette{})
	table.Texts("a")
	table.Texts("b")
	if err := table.Close(); !errors.Is(err, full) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}
