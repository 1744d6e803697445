package terminal_test

import (
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

func TestPalette(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mode      string
		variables map[string]string
		pipe      bool
		want      bool
	}{
		"a terminal has colour":                       {want: true},
		"a pipe has none":                             {pipe: true},
		"a dumb terminal has none":                    {variables: map[string]string{"TERM": "dumb"}},
		"any other terminal has it":                   {variables: map[string]string{"TERM": "xterm-256color"}, want: true},
		"NO_COLOR takes it":                           {variables: map[string]string{"NO_COLOR": "1"}},
		"NO_COLOR may have any value":                 {variables: map[string]string{"NO_COLOR": "0"}},
		"an empty NO_COLOR is not set":                {variables: map[string]string{"NO_COLOR": ""}, want: true},
		"CLICOLOR_FORCE gives it to a pipe":           {variables: map[string]string{"CLICOLOR_FORCE": "1"}, pipe: true, want: true},
		"CLICOLOR_FORCE=0 does not":                   {variables: map[string]string{"CLICOLOR_FORCE": "0"}, pipe: true},
		"NO_COLOR takes precedence":                   {variables: map[string]string{"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}},
		"always gives it to a pipe":                   {mode: "always", pipe: true, want: true},
		"always takes precedence over NO_COLOR":       {mode: "always", variables: map[string]string{"NO_COLOR": "1"}, want: true},
		"never takes it":                              {mode: "never"},
		"never takes precedence over CLICOLOR_FORCE":  {mode: "never", variables: map[string]string{"CLICOLOR_FORCE": "1"}},
		"auto is what it is without a word":           {mode: "auto", want: true},
		"auto, too, leaves pipes without it":          {mode: "auto", pipe: true},
		"CLICOLOR_FORCE gives it to a dumb terminal":  {variables: map[string]string{"TERM": "dumb", "CLICOLOR_FORCE": "1"}, want: true},
		"always gives it to a dumb terminal, as said": {mode: "always", variables: map[string]string{"TERM": "dumb"}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := atTerminal(80, test.variables)
			if test.pipe {
				s = terminal.New(terminal.Options{Getenv: environment(test.variables)})
			}
			var color terminal.Color
			if test.mode != "" {
				if err := color.Set(test.mode); err != nil {
					t.Fatal(err)
				}
			}
			want := "text"
			if test.want {
				want = "\x1b[31mtext\x1b[0m"
			}
			if got := s.Out.Palette(color).Paint(terminal.Red, "text"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestColorIsAFlag(t *testing.T) {
	t.Parallel()
	var color terminal.Color
	if got := color.String(); got != "auto" {
		t.Errorf("default %q, want auto", got)
	}
	const want = `unknown color mode "on"; use auto, always or never`
	if err := color.Set("on"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := color.String(); got != "auto" {
		t.Errorf("%q after an error, want auto", got)
	}
}

func TestPaintLeavesPlainAndEmptyText(t *testing.T) {
	t.Parallel()
	s, _ := atTerminal(80, nil)
	p := s.Out.Palette(terminal.Color{})
	if got := p.Paint(terminal.Plain, "text") + p.Paint(terminal.Bold, ""); got != "text" {
		t.Errorf("got %q, want text", got)
	}
}
