// Command probe does what package terminal does, one thing at a time, for tests that run it at a
// real terminal.
//
//	probe ask NUMBER     asks for the number; then says on stdout what came of it and what stdin has
//	probe status         shows a status line; stdin says how it goes on
//	probe color          prints a red word
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

func main() {
	s := terminal.Standard()
	ctx, stop := s.Interruptible(context.Background(), os.Exit)
	defer stop()
	switch os.Args[1] {
	case "ask":
		ask(ctx, s, os.Args[2])
	case "status":
		defer s.Outlive()()
		status(s)
	case "color":
		fmt.Fprintln(s.Out, s.Out.Palette(terminal.Color{}).Paint(terminal.Red, "red"))
	}
}

func ask(ctx context.Context, s *terminal.Streams, number string) {
	want, err := strconv.Atoi(number)
	if err != nil {
		fmt.Fprintln(s.Err, err)
		return
	}
	yes, err := s.AskNumber(ctx, "Type the number of images to go on: ", want)
	fmt.Fprintf(s.Out, "answer: %v, %v\n", yes, err)
	if !s.InIsTerminal() {
		in, err := io.ReadAll(s.In)
		fmt.Fprintf(s.Out, "stdin: %q, %v\n", in, err)
	}
}

// status obeys the lines of stdin: a number is what is done by now, anything else is output.
func status(s *terminal.Streams) {
	st := s.StartStatus(terminal.StatusOptions{})
	for in := bufio.NewScanner(s.In); in.Scan(); {
		if done, err := strconv.Atoi(in.Text()); err == nil {
			st.Update(terminal.Progress{Label: "acme/app", Done: done, Total: 49,
				Counts: []terminal.Count{{Name: "deleted", N: done}}})
			continue
		}
		fmt.Fprintln(s.Out, in.Text())
	}
	st.Close()
	fmt.Fprintln(s.Err, "end")
	// A terminal that has gone takes stderr along, but not the work.
	if err := os.WriteFile(os.Args[2], fmt.Appendln(nil, "lost:", s.Err.Lost() != nil), 0o600); err != nil {
		os.Exit(1)
	}
}
