//go:build !windows

package command_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A probe runs a program that has nothing but the command's package terminal.
type probe string

func buildProbe(t *testing.T) probe {
	t.Helper()
	path := filepath.Join(t.TempDir(), "probe")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../../cmd/regret", "-buildvcs=false", "-o", path,
		"./internal/terminal/testdata/probe")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the probe: %v\n%s", err, out)
	}
	return probe(path)
}

// command returns a command without CI and NO_COLOR in its environment.
func (p probe) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), string(p), args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"CI", "NO_COLOR", "CLICOLOR_FORCE", "TERM"}, name)
	})
	cmd.Env = append(cmd.Env, "TERM=xterm")
	return cmd
}

const question = "Type the number of images to go on: "

func TestQuestionsAtATerminal(t *testing.T) {
	t.Parallel()
	p := buildProbe(t)
	for name, test := range map[string]struct{ keys, want string }{
		"the number is consent":                    {"49\n", "49\r\nanswer: true, <nil>\r\n"},
		"a typing error can be corrected":          {"48\x7f9\n", "answer: true, <nil>\r\n"},
		"another number is a refusal":              {"48\n", "48\r\nanswer: false, <nil>\r\n"},
		"an empty line is a refusal":               {"\n", "\r\nanswer: false, <nil>\r\n"},
		"Ctrl-D is no answer":                      {"\x04", "answer: false, there is no terminal to ask at: it went away before the answer: EOF\r\n"},
		"Ctrl-C stops, on a line of its own":       {"\x03", "^C\r\nStopping (interrupt): "},
		"and Ctrl-C is no answer":                  {"\x03", "answer: false, stopped by a signal: interrupt\r\n"},
		"a number before Ctrl-C is not one either": {"49\x03", "answer: false, stopped by a signal: interrupt\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			terminal := startAtPTY(t, p.command(t, "ask", "49"), 80, "")
			terminal.expect(t, question)
			terminal.typeKeys(t, test.keys)
			if shown := terminal.rest(t); !strings.Contains(shown, test.want) {
				t.Errorf("the terminal shows %q, want %q", shown, test.want)
			}
		})
	}
	t.Run("what is typed before the question is no answer", func(t *testing.T) {
		t.Parallel()
		terminal := startAtPTY(t, p.command(t, "ask", "49"), 80, "49\n49\n")
		terminal.expect(t, question)
		terminal.typeKeys(t, "48\n")
		if shown := terminal.rest(t); !strings.Contains(shown, "answer: false, <nil>") {
			t.Errorf("the terminal shows %q", shown)
		}
	})
	t.Run("stdout in a pipe gets the data and not the question", func(t *testing.T) {
		t.Parallel()
		var stdout bytes.Buffer
		cmd := p.command(t, "ask", "49")
		cmd.Stdout = &stdout
		terminal := startAtPTY(t, cmd, 80, "")
		terminal.expect(t, question)
		terminal.typeKeys(t, "49\n")
		terminal.rest(t)
		if got := stdout.String(); got != "answer: true, <nil>\n" {
			t.Errorf("stdout is %q", got)
		}
	})
}

func TestQuestionsThatAreNotAsked(t *testing.T) {
	t.Parallel()
	p := buildProbe(t)
	const none = "answer: false, there is no terminal to ask at"
	t.Run("a pipe as stdin is data, and never consent", func(t *testing.T) {
		t.Parallel()
		cmd := p.command(t, "ask", "49")
		cmd.Stdin = strings.NewReader("49\n")
		terminal := startAtPTY(t, cmd, 80, "49\n")
		shown := terminal.rest(t)
		if !strings.Contains(shown, none+"\r\nstdin: \"49\\n\", <nil>\r\n") || strings.Contains(shown, question) {
			t.Errorf("the terminal shows %q", shown)
		}
	})
	t.Run("stderr in a pipe", func(t *testing.T) {
		t.Parallel()
		var stderr bytes.Buffer
		cmd := p.command(t, "ask", "49")
		cmd.Stderr = &stderr
		if shown := startAtPTY(t, cmd, 80, "49\n").rest(t); !strings.Contains(shown, none) || strings.Contains(shown, question) {
			t.Errorf("the terminal shows %q", shown)
		}
		if stderr.Len() > 0 {
			t.Errorf("stderr is %q", &stderr)
		}
	})
	t.Run("CI is set", func(t *testing.T) {
		t.Parallel()
		cmd := p.command(t, "ask", "49")
		cmd.Env = append(cmd.Env, "CI=1")
		if shown := startAtPTY(t, cmd, 80, "49\n").rest(t); !strings.Contains(shown, none) || strings.Contains(shown, question) {
			t.Errorf("the terminal shows %q", shown)
		}
	})
}

func TestTerminalThatGoesAway(t *testing.T) {
	t.Parallel()
	p := buildProbe(t)
	const gone = "answer: false, there is no terminal to ask at: it went away before the answer: "
	for name, test := range map[string]struct {
		shell string
		want  []string
	}{
		"its hangup stops a question, unless this fails first": {
			`exec "$0" "$@"`, []string{"answer: false, stopped by a signal: hangup\n", gone}},
		"without the hangup, as in nohup, the question fails": {
			`trap "" HUP; exec "$0" "$@"`, []string{gone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout bytes.Buffer
			cmd := p.command(t, "-c", test.shell, string(p), "ask", "49")
			cmd.Path, cmd.Args[0], cmd.Stdout = "/bin/sh", "sh", &stdout
			terminal := startAtPTY(t, cmd, 80, "")
			terminal.expect(t, question)
			terminal.typeKeys(t, "49")
			if err := terminal.person.Close(); err != nil {
				t.Fatal(err)
			}
			if err := terminal.Wait(); err != nil {
				t.Error(err)
			}
			isWanted := func(want string) bool { return strings.HasPrefix(stdout.String(), want) }
			if !slices.ContainsFunc(test.want, isWanted) {
				t.Errorf("stdout is %q, want one of %q", &stdout, test.want)
			}
		})
	}
	t.Run("it does not end work", func(t *testing.T) {
		t.Parallel()
		report := filepath.Join(t.TempDir(), "report")
		terminal, control := startStatus(t, p, report)
		control(t, "1")
		terminal.expect(t, " 1/49")
		if err := terminal.person.Close(); err != nil {
			t.Fatal(err)
		}
		control(t, "a line", "2", "")
		if err := terminal.Wait(); err != nil {
			t.Error(err)
		}
		if got, err := os.ReadFile(report); string(got) != "lost: true\n" {
			t.Errorf("the report is %q, %v", got, err)
		}
	})
}

// startStatus runs the probe with a status line. control writes lines to it; an empty one ends it.
func startStatus(t *testing.T, p probe, report string) (_ *ptyProcess, control func(t *testing.T, lines ...string)) {
	t.Helper()
	cmd := p.command(t, "status", report)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	return startAtPTY(t, cmd, 120, ""), func(t *testing.T, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if line == "" {
				_ = stdin.Close()
			} else if _, err := io.WriteString(stdin, line+"\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestStatusAtATerminal(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "report")
	terminal, control := startStatus(t, buildProbe(t), report)
	const start, end = "\r", "\x1b[K"
	control(t, "0")
	terminal.expect(t, start+"acme/app  [....................]   0/49  deleted 0"+end)

	control(t, "32") // redrawn in place
	if before := terminal.expect(t, "acme/app  [#############.......]  32/49  deleted 32"); before != start {
		t.Errorf("before it is drawn again, the terminal gets %q", before)
	}
	terminal.expect(t, end)

	control(t, "a line of the log") // the status gives way
	before := terminal.expect(t, "a line of the log\r\n"+start+"acme/app  [#############")
	if !strings.HasSuffix(before, start+end) {
		t.Errorf("the line of the log comes after %q", before)
	}

	terminal.resize(t, 40)
	terminal.expect(t, start+"acme/app  32/49  deleted 32")
	terminal.resize(t, 20)
	terminal.expect(t, start+"32/49  deleted 32")

	control(t, "")
	if shown := terminal.rest(t); !strings.HasSuffix(shown, start+end+"end\r\n") {
		t.Errorf("in the end the terminal gets %q", shown)
	}
	if got, err := os.ReadFile(report); string(got) != "lost: false\n" {
		t.Errorf("the report is %q, %v", got, err)
	}
}

func TestColorAtATerminal(t *testing.T) {
	t.Parallel()
	p := buildProbe(t)
	for name, test := range map[string]struct{ variable, want string }{
		"it has colour":          {"", "\x1b[31mred\x1b[0m\r\n"},
		"NO_COLOR takes it":      {"NO_COLOR=1", "red\r\n"},
		"a dumb one has no such": {"TERM=dumb", "red\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := p.command(t, "color")
			cmd.Env = append(cmd.Env, test.variable)
			if shown := startAtPTY(t, cmd, 80, "").rest(t); shown != test.want {
				t.Errorf("the terminal shows %q, want %q", shown, test.want)
			}
		})
	}
	t.Run("a pipe has none", func(t *testing.T) {
		t.Parallel()
		out, err := p.command(t, "color").Output()
		if string(out) != "red\n" || err != nil {
			t.Errorf("stdout is %q, %v", out, err)
		}
	})
}
