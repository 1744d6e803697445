package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
)

// How long completing an argument may take, and how many names it offers. It asks the registry, but
// never the user.
const (
	completionTime  = 2 * time.Second
	completionNames = 500
)

// completeFlags completes the values of flags of all commands that have a few.
func completeFlags(root *cobra.Command) {
	fixed := func(values ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	}
	for name, complete := range map[string]cobra.CompletionFunc{
		"output": func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return formatsOf(cmd), cobra.ShellCompDirectiveNoFileComp
		},
		"color":      fixed("auto", "always", "never"),
		"log-format": fixed("text", "json"),
	} {
		if root.RegisterFlagCompletionFunc(name, complete) != nil {
			panic("no such flag: " + name) // when the command is built, in every test
		}
	}
}

// checkCompletionArgs makes the command completion, which cobra adds, refuse arguments as all others
// do.
func checkCompletionArgs(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Args, cmd.RunE = noArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, shell := range cmd.Commands() {
			shell.Args = noArgs
		}
	}
}

// completeReference completes an argument REF: repositories of a registry, then tags. Everything that
// cannot be completed, for whatever reason, is left to the user without a word.
func (a *app) completeReference(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd, typed, true)
}

// completeRepository completes an argument REPO.
func (a *app) completeRepository(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd, typed, false)
}

// complete completes the name of a repository or, behind its colon, of a tag.
func (a *app) complete(cmd *cobra.Command, typed string, tags bool) ([]string, cobra.ShellCompDirective) {
	if value, _ := a.lookupEnv("REGRET_COMPLETE"); value == "files" {
		return nil, cobra.ShellCompDirectiveDefault
	}
	host, path, slashed := strings.Cut(typed, "/")
	if !slashed || host == "" || a.prepare(cmd) != nil || a.flags.passwordStdin {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	client, err := a.client(host)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	repository, _, inTag := strings.Cut(path, ":")
	if inTag && tags {
		return completeTags(ctx, client, host, repository, typed), cobra.ShellCompDirectiveNoFileComp
	}
	directive := cobra.ShellCompDirectiveNoFileComp
	if tags {
		directive |= cobra.ShellCompDirectiveNoSpace // a tag follows
	}
	var names []string
	for repository, err := range client.Repositories(ctx) {
		if err != nil || len(names) == completionNames {
			break
		}
		if name := host + "/" + repository; strings.HasPrefix(name, typed) {
			names = append(names, name)
		}
	}
	return names, directive
}

// completeTags returns the references of a repository that begin with what was typed.
func completeTags(ctx context.Context, client *regret.Client, host, repository, typed string) (names []string) {
	for tag, err := range client.Tags(ctx, repository) {
		if err != nil || len(names) == completionNames {
			break
		}
		if name := host + "/" + repository + ":" + tag; strings.HasPrefix(name, typed) {
			names = append(names, name)
		}
	}
	return names
}
