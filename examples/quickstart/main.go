// Command quickstart shows what regret does.
//
// Without arguments it runs a demo against registries in its own process. It deletes an image step by
// step, and then plans what to delete from a whole repository, does that, and takes it back:
//
//	go run ./examples/quickstart
//
// Given a registry and a tag, it shows what would be deleted, asks, and deletes it:
//
//	go run ./examples/quickstart -registry localhost:5000 team/app:latest
//
// With -user it reads the password from the environment variable REGRET_PASSWORD. With -yes it
// does not ask.
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
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, dim: supportsDim(os.Stdout),
	}))
}

// A terminal holds the streams and the environment of the command.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	dim      bool // out understands escape codes
}

// errUsage reports invalid arguments. The message has already been printed.
var errUsage = errors.New("usage")

// run returns the exit code: 0 on success or if the user declined, 1 on failure, 2 if the arguments
// are invalid.
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
	var d deletion
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(t.err)
	flags.StringVar(&d.registry, "registry", "", "`URL` of the registry to delete from, for example https://registry.example.com")
	flags.StringVar(&d.user, "user", "", "user `NAME`; the password is read from the environment variable REGRET_PASSWORD")
	flags.BoolVar(&d.yes, "yes", false, "delete without asking")
	flags.Usage = func() {
		fmt.Fprintln(t.err, "usage: quickstart\n       quickstart -registry URL [-user NAME] [-yes] REPOSITORY:TAG")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag set has printed the message
	}
	p := &printer{w: t.out, dim: t.dim}
	if flags.NFlag() == 0 && flags.NArg() == 0 {
		return runDemo(ctx, p)
	}
	if i := strings.LastIndexByte(flags.Arg(0), ':'); i > 0 {
		d.repository, d.tag = flags.Arg(0)[:i], flags.Arg(0)[i+1:]
	}
	d.password = t.env("REGRET_PASSWORD")
	if d.registry == "" || flags.NArg() != 1 || d.tag == "" {
		flags.Usage()
		return errUsage
	}
	if d.user != "" && d.password == "" {
		return errors.New("-user needs a password in the environment variable REGRET_PASSWORD")
	}
	return d.run(ctx, p, t.in)
}
