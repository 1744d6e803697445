// Command quickstart shows what regret does.
//
//	go run ./examples/quickstart
//
// tells the story of one deletion, against a registry of its own, and
//
//	go run ./examples/quickstart -registry localhost:5000 team/app:latest
//
// does it to a real one, after it has shown what would go and has asked. With
// -user the password is taken from the environment, REGRET_PASSWORD; with -yes
// nothing is asked.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], terminal{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, dim: dims(os.Stdout),
	}))
}

// A terminal is what the command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	dim      bool // whether out understands escape codes
}

// errUsage says that the arguments were wrong, which has been said already.
var errUsage = errors.New("usage")

// run returns the exit code: 0 if all went well or nothing was to be done, 1 if
// something failed, 2 if the arguments were wrong.
func run(ctx context.Context, args []string, t terminal) int {
	err := dispatch(ctx, args, t)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintln(t.err, err)
	return 1
}

func dispatch(ctx context.Context, args []string, t terminal) error {
	var job deletion
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(t.err)
	flags.StringVar(&job.registry, "registry", "", "delete from this registry, for example https://registry.example.com")
	flags.StringVar(&job.user, "user", "", "user name; the password is taken from REGRET_PASSWORD")
	flags.BoolVar(&job.yes, "yes", false, "delete without asking")
	flags.Usage = func() {
		fmt.Fprintln(t.err, "usage: quickstart\n       quickstart -registry URL [-user NAME] [-yes] REPOSITORY:TAG")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag set has said what is wrong
	}
	p := &page{w: t.out, dim: t.dim}
	if flags.NFlag() == 0 && flags.NArg() == 0 {
		return tell(ctx, p)
	}
	if i := strings.LastIndexByte(flags.Arg(0), ':'); i > 0 {
		job.repository, job.tag = flags.Arg(0)[:i], flags.Arg(0)[i+1:]
	}
	job.password = t.env("REGRET_PASSWORD")
	if job.registry == "" || flags.NArg() != 1 || job.tag == "" {
		flags.Usage()
		return errUsage
	}
	if job.user != "" && job.password == "" {
		return errors.New("-user needs a password in the environment variable REGRET_PASSWORD")
	}
	return job.do(ctx, p, t.in)
}
