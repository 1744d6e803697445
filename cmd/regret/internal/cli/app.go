// Package cli has the commands of regret: what their arguments and flags mean, and what they print.
//
// It is a thin front. What a registry says, what a policy means and what is safe to delete is the
// library's; how people are asked and shown things is that of package terminal.
//
// Invariants: data goes to stdout and everything else to stderr. Nothing is deleted without consent
// on the command line, by a plan file, or at a terminal. No secret is an argument, and none is
// printed.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// An app is one run of the command.
type app struct {
	streams   *terminal.Streams
	lookupEnv func(string) (string, bool)
	flags     globals
	login     login
}

// Main runs the command and returns its exit code.
func Main(args []string) int {
	a := &app{streams: terminal.Standard(), lookupEnv: os.LookupEnv}
	return int(a.run(context.Background(), args))
}

// run runs the command that the arguments name.
func (a *app) run(ctx context.Context, args []string) exit.Code {
	root := a.newRoot()
	root.SetArgs(args)
	root.SetIn(a.streams.In)
	root.SetOut(a.streams.Out)
	root.SetErr(a.streams.Err)
	ctx, stop := a.streams.Interruptible(ctx, os.Exit)
	defer stop()
	cmd, err := root.ExecuteContextC(ctx)
	if _, said := errors.AsType[*exit.Quiet](err); err != nil && !said && !a.isRead(err) {
		a.printError(cmd, err)
	}
	code := a.codeOf(err)
	if _, ok := errors.AsType[*terminal.Interrupted](context.Cause(ctx)); ok && code != exit.Done {
		return exit.Interrupted // before everything else
	}
	return code
}

// codeOf returns the exit code of a command that has ended.
func (a *app) codeOf(err error) exit.Code {
	if q, ok := errors.AsType[*exit.Quiet](err); ok {
		return q.Code
	}
	if a.isRead(err) {
		return exit.Done
	}
	return exit.Of(err)
}

// isRead reports whether an error means that the reader of stdout has gone, since it has all that it
// wants. A registry that closes a connection leads to the same error.
func (a *app) isRead(err error) bool {
	return terminal.IsClosedPipe(err) && terminal.IsClosedPipe(a.streams.Out.Lost())
}

// printError prints an error, and where help is to be found if the usage was wrong.
func (a *app) printError(cmd *cobra.Command, err error) {
	fmt.Fprintf(a.streams.Err, "Error: %s\n", textOf(err))
	if _, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(a.streams.Err, "  See: %s --help\n", cmd.CommandPath())
	}
}

// A usageError says that arguments or flags make no sense.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef returns an error about arguments or flags.
func usagef(format string, args ...any) error {
	return exit.With(exit.Usage, &usageError{fmt.Errorf(format, args...)})
}

// newRoot returns the command with all its subcommands.
func (a *app) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "regret",
		Short:         "Delete images from OCI and Docker registries",
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,
		Args:                       noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.prepare(cmd)
		},
		Example: join(
			"regret ls registry.example.com/team/app                     tags",
			"regret rm registry.example.com/team/app:1.4                 delete an image",
			"regret plan registry.example.com/team/app -p policy.yaml    what would go, and why",
			"regret demo                                                 the whole story, with nothing installed",
		),
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.Version = version()
	root.SetVersionTemplate("regret {{.Version}}\n")
	root.SetHelpCommand(newHelp())
	root.SetHelpTemplate(helpTemplate)
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usagef("%w", err) })
	a.flags.define(root.PersistentFlags())
	for _, add := range []func(*app) *cobra.Command{
		newResolve,
		newLs,
		newReferrers,
		newCheck,
		newPlan,
		newShow,
		newExplain,
		newRm,
		newUntag,
		newApply,
		newRestore,
		newTrash,
		newDemo,
		newVersion,
		newMan,
	} {
		root.AddCommand(add(a))
	}
	completeFlags(root)
	checkCompletionArgs(root)
	return root
}

// newHelp returns the command help.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Print the help of a command",
		Example: join("regret help apply"),
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("there is no command %q", strings.Join(args, " "))
			}
			return about.Help()
		},
	}
}

// join returns lines of an example as cobra expects them.
func join(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }

// noArgs refuses arguments, and suggests a command that is written almost so.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usagef("%s takes no arguments", cmd.CommandPath())
	}
	hint := ""
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		hint = "; did you mean " + strings.Join(s, " or ") + "?"
	}
	return usagef("there is no command %q%s", args[0], hint)
}

// atLeast refuses too few arguments, and says what they are.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return usagef("%s needs %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

// exactly refuses another number of arguments, and says what they are.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%s needs %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

// Help begins with examples: most readers need no more.
const (
	helpTemplate = `{{if .HasExample}}{{.Example}}

{{end}}{{if .Long}}{{.Long}}{{else}}{{.Short}}.{{end}}

{{if or .Runnable .HasSubCommands}}
{{.UsageString}}{{end}}`

	usageTemplate = `Usage:  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}
{{if .HasAvailableSubCommands}}
Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
Flags of all commands:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}`
)
