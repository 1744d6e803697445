package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// globals are the flags that every command has.
type globals struct {
	output      string
	format      string
	quiet       bool
	verbose     bool
	color       terminal.Color
	noProgress  bool
	logFormat   string
	timeout     time.Duration
	concurrency int
	rate        float64
	writeRate   float64

	plainHTTP    bool
	caFile       string
	cert, key    string
	authFile     string
	trustedRealm []string

	username      string
	passwordStdin bool
}

// define adds the flags to those of the root command.
func (g *globals) define(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVarP(&g.output, "output", "o", "", "`format` on stdout: table, tree, json, jsonl or name")
	f.StringVar(&g.format, "format", "", "Go `template` for each object, such as '{{.Digest}}'")
	f.BoolVarP(&g.quiet, "quiet", "q", false, "print nothing but data and errors")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "print each request")
	f.Var(&g.color, "color", "when output has colour")
	f.BoolVar(&g.noProgress, "no-progress", false, "show no progress")
	f.StringVar(&g.logFormat, "log-format", "text", "text or json")
	f.DurationVar(&g.timeout, "timeout", 0, "end the whole command after this time (default none)")
	f.IntVarP(&g.concurrency, "concurrency", "j", 8, "requests at once")
	f.Float64Var(&g.rate, "rate", 0, "requests a second, at most (default no limit)")
	f.Float64Var(&g.writeRate, "write-rate", 0, "deletions and other writes a second, at most (default no limit)")

	f.BoolVar(&g.plainHTTP, "plain-http", false, "http instead of https")
	f.StringVar(&g.caFile, "ca-file", "", "`file` with certificates to trust, in PEM, besides the system's")
	f.StringVar(&g.cert, "cert", "", "`file` with a client certificate, in PEM")
	f.StringVar(&g.key, "key", "", "`file` with the key of the client certificate")
	f.StringVar(&g.authFile, "auth-file", "", "`file` with logins, instead of those of docker and podman")
	f.StringSliceVar(&g.trustedRealm, "trust-realm", nil, "`origin` of a token service that may get the credentials")

	f.StringVar(&g.username, "username", "", "user `name` at the one registry of the command line")
	f.BoolVar(&g.passwordStdin, "password-stdin", false, "read the password from stdin")
	markConsent(f, "username", "password-stdin") // REGRET_USERNAME is for the host in REGRET_REGISTRY
}

// notFromEnv is the annotation of flags that no environment variable sets: those that allow
// something, and those that belong to one command line.
const notFromEnv = "not from the environment"

// markConsent marks flags that allow something. Consent is given on the command line that it is for.
func markConsent(f *pflag.FlagSet, names ...string) {
	for _, name := range names {
		if f.SetAnnotation(name, notFromEnv, []string{"true"}) != nil {
			panic("no such flag: " + name) // when the command is built, in every test
		}
	}
}

// prepare sets flags from the environment and checks those that every command has, before a
// command runs.
func (a *app) prepare(cmd *cobra.Command) error {
	if err := a.setFromEnv(cmd); err != nil {
		return err
	}
	return a.flags.check(cmd)
}

// setFromEnv sets every flag that was not given and says how something is done from REGRET_<FLAG>.
// A format is left out where there is nothing to format: REGRET_OUTPUT=json is for all the others.
func (a *app) setFromEnv(cmd *cobra.Command) error {
	f, hasFormats := cmd.Flags(), cmd.Annotations[formatsKey] != ""
	var errs []error
	f.VisitAll(func(flag *pflag.Flag) {
		if _, no := flag.Annotations[notFromEnv]; no || flag.Changed || flag.Name == "help" || flag.Name == "output" && !hasFormats {
			return
		}
		name := "REGRET_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value, ok := a.lookupEnv(name)
		if !ok || value == "" {
			return
		}
		if err := f.Set(flag.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("the environment variable %s is no value of --%s: %q", name, flag.Name, value))
		}
	})
	if len(errs) > 0 {
		return usagef("%w", errors.Join(errs...))
	}
	return nil
}

// check returns an error if a flag has an impossible value, or two contradict each other.
func (g *globals) check(cmd *cobra.Command) error {
	switch {
	case g.concurrency < 1:
		return usagef("-j must be at least 1")
	case !(g.rate >= 0), !(g.writeRate >= 0): // nor is NaN a rate
		return usagef("a rate is 0 or more, and not negative")
	case g.timeout < 0:
		return usagef("--timeout cannot be negative")
	case g.logFormat != "text" && g.logFormat != "json":
		return usagef("--log-format is text or json, not %q", g.logFormat)
	case (g.cert == "") != (g.key == ""):
		return usagef("--cert and --key belong together")
	case g.plainHTTP && (g.caFile != "" || g.cert != ""):
		return usagef("--plain-http and certificates contradict each other")
	case g.quiet && g.verbose:
		return usagef("-q and -v contradict each other")
	case g.output != "" && !slices.Contains(formatsOf(cmd), g.output):
		return usagef("-o is %s here, not %q", strings.Join(formatsOf(cmd), ", "), g.output)
	case g.format != "" && !takesTemplate(cmd):
		return usagef("%s has no --format", cmd.CommandPath())
	case g.format != "" && g.output != "":
		return usagef("--format and -o contradict each other")
	case g.passwordStdin && g.username == "":
		return usagef("--password-stdin needs --username")
	case g.username != "" && !g.passwordStdin:
		return usagef("--username needs --password-stdin: no secret is an argument")
	}
	return nil
}

// context returns the context of a command, which ends with a signal or with --timeout.
func (a *app) context(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	if a.flags.timeout == 0 {
		return context.WithCancel(cmd.Context())
	}
	return context.WithTimeoutCause(cmd.Context(), a.flags.timeout, errTimeout)
}

// errTimeout is the cause of a context that --timeout has ended.
var errTimeout = errors.New("the time of --timeout is over")

// logger returns what -v prints requests with; nil without it.
func (a *app) logger() *slog.Logger {
	if !a.flags.verbose {
		return nil
	}
	options := &slog.HandlerOptions{Level: slog.LevelDebug}
	if a.flags.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.streams.Err, options))
	}
	return slog.New(slog.NewTextHandler(a.streams.Err, options))
}
