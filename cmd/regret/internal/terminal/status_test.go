package terminal_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// progress is a progress of 49 images.
func progress(done int) terminal.Progress {
	return terminal.Progress{Done: done, Total: 49, Counts: []terminal.Count{
		{Name: "deleted", N: max(done-2, 0)}, {Name: "gone", N: 1}, {Name: "stale", N: 1}, {Name: "failed", N: 0},
	}}
}

func TestStatusLine(t *testing.T) {
	t.Parallel()
	labelled := progress(32)
	labelled.Label = "acme/app"
	const whole = "[#############.......]  32/49  deleted 30  gone 1  stale 1  failed 0   12/s  1s left"
	for name, test := range map[string]struct {
		width int
		p     terminal.Progress
		want  string
	}{
		"it shows bar, counts, rate and time left":      {120, progress(32), whole},
		"a label comes first":                           {120, labelled, "acme/app  " + whole},
		"it fits when one column is free":               {len(whole) + 1, progress(32), whole},
		"without room it loses the bar first":           {len(whole), progress(32), whole[len("[#############.......]  "):]},
		"then the label":                                {len(whole) - 20, labelled, whole[len("[#############.......]  "):]},
		"then its end":                                  {22, labelled, "32/49  deleted 30  g…"},
		"a width of one column shows nothing but a cut": {2, labelled, "…"},
		"an unknown total has neither bar nor time left": {
			120, terminal.Progress{Label: "reading", Done: 1204}, "reading  1204  446/s"},
		"what is done leaves no time": {
			120, terminal.Progress{Done: 49, Total: 49}, "[####################]  49/49   18/s"},
		"more done than the total does not burst the bar": {
			120, terminal.Progress{Done: 60, Total: 49}, "[####################]  60/49   22/s"},
		"nothing done has no rate": {
			120, terminal.Progress{Total: 1000}, "[....................]     0/1000"},
		"less than ten a second have a fraction": {
			120, terminal.Progress{Done: 1, Total: 1}, "[####################]  1/1  0.4/s"},
		"names are safe": {
			120, terminal.Progress{Label: "a\x1b[2J", Counts: []terminal.Count{{Name: "\u202e"}}}, `a\x1b[2J  0  \u202e 0`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, tty := atTerminal(test.width, nil)
				st := s.StartStatus(terminal.StatusOptions{})
				st.Update(terminal.Progress{Label: test.p.Label})
				time.Sleep(2650 * time.Millisecond)
				st.Update(test.p)
				time.Sleep(50 * time.Millisecond)
				synctest.Wait()
				if diff := cmp.Diff([]string{test.want}, tty.lines(t)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				st.Close()
				if diff := cmp.Diff([]string{""}, tty.lines(t)); diff != "" {
					t.Errorf("closed (-want +got)\n%s", diff)
				}
			})
		})
	}
}

func TestStatusWithoutTerminal(t *testing.T) {
	t.Parallel()
	start := func(s *terminal.Streams, o terminal.StatusOptions) {
		st := s.StartStatus(o)
		for done := range 50 {
			st.Update(progress(done))
			time.Sleep(500*time.Millisecond + time.Millisecond)
		}
		st.Close()
		time.Sleep(time.Hour) // what outlives Close would write now
	}
	const want = "19/49  deleted 17  gone 1  stale 1  failed 0  1.9/s  16s left\n" +
		"39/49  deleted 37  gone 1  stale 1  failed 0  1.9/s  5s left\n"
	t.Run("a pipe gets a line each ten seconds", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, out, err := inPipes()
			start(s, terminal.StatusOptions{})
			if diff := cmp.Diff(want, err.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if out.Len() > 0 {
				t.Errorf("stdout has %q", out)
			}
		})
	})
	t.Run("so does a dumb terminal", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, tty := atTerminal(80, map[string]string{"TERM": "dumb"})
			start(s, terminal.StatusOptions{})
			if diff := cmp.Diff(want, tty.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	})
	t.Run("and any terminal if it is asked for", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, tty := atTerminal(80, nil)
			start(s, terminal.StatusOptions{Plain: true})
			if diff := cmp.Diff(want, tty.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	})
	t.Run("the caller may print the lines", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var lines strings.Builder
			s, _, err := inPipes()
			start(s, terminal.StatusOptions{Print: func(line string) { lines.WriteString(line + "\n") }})
			if diff := cmp.Diff(want, lines.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if err.Len() > 0 {
				t.Errorf("stderr has %q", err)
			}
		})
	})
	t.Run("off shows nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, tty := atTerminal(80, nil)
			start(s, terminal.StatusOptions{Off: true})
			if got := tty.String(); got != "" {
				t.Errorf("got %q", got)
			}
		})
	})
}

func TestStatusIsDrawnAtMostTenTimesASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, tty := atTerminal(80, nil)
		st := s.StartStatus(terminal.StatusOptions{})
		defer st.Close()
		for i := range 5000 {
			st.Update(terminal.Progress{Done: i})
			time.Sleep(time.Millisecond)
		}
		if drawn := strings.Count(tty.String(), "\r"); drawn > 50 || drawn < 45 {
			t.Errorf("drawn %d times in 5 s", drawn)
		}
	})
}

func TestStatusIsNotDrawnAgainUnchanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, tty := atTerminal(80, nil)
		st := s.StartStatus(terminal.StatusOptions{})
		defer st.Close()
		st.Update(terminal.Progress{Total: 7})
		time.Sleep(time.Minute)
		if drawn := strings.Count(tty.String(), "\r"); drawn != 1 {
			t.Errorf("drawn %d times, want 1", drawn)
		}
	})
}

func TestStatusFollowsTheWidth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, tty := atTerminal(60, nil)
		st := s.StartStatus(terminal.StatusOptions{})
		defer st.Close()
		st.Update(progress(0))
		for _, test := range []struct {
			width int
			want  string
		}{
			{60, " 0/49  deleted 0  gone 1  stale 1  failed 0"},
			{20, " 0/49  deleted 0  …"},
			{80, "[....................]   0/49  deleted 0  gone 1  stale 1  failed 0"},
		} {
			tty.resize(test.width)
			time.Sleep(150 * time.Millisecond)
			synctest.Wait()
			if diff := cmp.Diff([]string{test.want}, tty.lines(t)); diff != "" {
				t.Errorf("%d columns (-want +got)\n%s", test.width, diff)
			}
		}
	})
}

func TestOutputNeverTearsTheStatus(t *testing.T) {
	t.Parallel()
	t.Run("lines stand above it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, tty := atTerminal(80, nil)
			st := s.StartStatus(terminal.StatusOptions{})
			var writers sync.WaitGroup
			for _, out := range []io.Writer{s.Out, s.Err} {
				writers.Go(func() {
					for i := range 100 {
						st.Update(terminal.Progress{Done: i, Total: 100})
						_, _ = fmt.Fprintln(out, "a line")
						time.Sleep(37 * time.Millisecond)
					}
				})
			}
			writers.Wait()
			time.Sleep(time.Second)
			synctest.Wait()
			lines := tty.lines(t)
			if len(lines) != 201 || !strings.HasPrefix(lines[200], "[###") {
				t.Errorf("%d lines and last %q", len(lines), lines[len(lines)-1])
			}
			for i, line := range lines[:len(lines)-1] {
				if line != "a line" {
					t.Errorf("line %d is %q", i, line)
				}
			}
			st.Close()
			if last := tty.lines(t)[200]; last != "" {
				t.Errorf("%q is left", last)
			}
		})
	})
	t.Run("an unfinished line is left alone", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, tty := atTerminal(80, nil)
			st := s.StartStatus(terminal.StatusOptions{})
			defer st.Close()
			st.Update(terminal.Progress{Done: 1})
			for _, text := range []string{"half", "", " of it\n", "more"} {
				_, _ = io.WriteString(s.Out, text)
				time.Sleep(time.Second)
			}
			if diff := cmp.Diff([]string{"half of it", "more"}, tty.lines(t)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	})
}

func TestStatusCountsFromItsBeginning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, tty := atTerminal(120, nil)
		st := s.StartStatus(terminal.StatusOptions{})
		defer st.Close()
		for _, p := range []terminal.Progress{
			{Label: "a", Done: 100, Total: 200}, // a run that is resumed
			{Label: "a", Done: 120, Total: 200},
			{Label: "b", Done: 0, Total: 10},
			{Label: "b", Done: 5, Total: 10},
			{Label: "slow", Done: 0, Total: 2},
			{Label: "slow", Done: 1, Total: 2},
			{Label: "slow", Done: 1, Total: 2},
		} {
			st.Update(p)
			time.Sleep(10*time.Second + time.Millisecond)
		}
		raw := tty.String()
		for _, want := range []string{
			"a  [##########..........]  100/200\x1b[K",
			"a  [############........]  120/200  2.0/s  40s left\x1b[K",
			"b  [....................]   0/10\x1b[K",
			"b  [##########..........]   5/10  0.5/s  10s left\x1b[K",
			"slow  [##########..........]  1/2  3.0/min  20s left\x1b[K",
		} {
			if !strings.Contains(raw, want) {
				t.Errorf("%q is not in %q", want, raw)
			}
		}
	})
}

func TestStatusMayBeClosedTwice(t *testing.T) {
	t.Parallel()
	s, _ := atTerminal(80, nil)
	st := s.StartStatus(terminal.StatusOptions{})
	st.Close()
	st.Close()
	st.Update(terminal.Progress{Done: 1})
}
