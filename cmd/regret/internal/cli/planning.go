package cli

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A planning says how plans are made: the flags of every command that makes some, and what they mean.
type planning struct {
	file     string   // of the policy
	lists    []string // of --in-use
	at       string
	sizes    bool
	thorough bool

	policy  *policy.Policy
	options prune.ReadOptions
}

// define adds the flags to a command.
func (p *planning) define(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&p.file, "policy", "p", "", "`file` with the policy, in YAML or JSON; - is stdin")
	f.StringArrayVar(&p.lists, "in-use", nil, "`file` with a newer in-use list; NAME=FILE if the policy has several")
	f.BoolVar(&p.sizes, "sizes", false, "read more, so that the bytes that a plan frees are exact")
	f.BoolVar(&p.thorough, "thorough", false, "also ask what refers to images that stay; one request each")
}

// defineAt adds --at, for commands that delete nothing.
func (p *planning) defineAt(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.at, "at", "", "decide for a `time`, such as 2026-11-26 or 2026-11-26T12:00:00Z, instead of now")
}

// load reads the policy and its in-use lists. It sends nothing.
func (p *planning) load(a *app) error {
	at, err := parseTime(p.at)
	if err != nil {
		return err
	}
	if p.policy, err = a.readPolicy(p.file); err != nil {
		return err
	}
	inUse, err := a.inUse(p.file, p.policy, p.lists)
	if err != nil {
		return err
	}
	p.options = prune.ReadOptions{
		InUse: inUse, At: at, Concurrency: a.flags.concurrency, Thorough: p.thorough, Sizes: p.sizes,
	}
	return nil
}

// parseTime parses the value of --at; now if it is empty. A date is its midnight in UTC.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && !t.IsZero() {
			return t, nil
		}
	}
	return time.Time{}, usagef("--at %s is no time: write 2026-11-26T12:00:00Z, or 2026-11-26 for midnight in UTC", text)
}

// make makes the plan for a repository, and shows how far it is.
func (p *planning) make(ctx context.Context, a *app, at place) (*plan.Plan, error) {
	options := p.options
	status := a.startStatus()
	defer status.Close()
	options.Progress = showReading(status, at)
	return prune.Make(ctx, at.client, at.ref.Repository, p.policy, &options)
}

// showReading returns what shows on a status line how far a repository is read.
func showReading(status *terminal.Status, at place) func(prune.Progress) {
	return func(p prune.Progress) {
		status.Update(terminal.Progress{
			Label: fmt.Sprintf("%s: %s", terminal.Safe(at.name()), phaseInWords(p.Phase)),
			Done:  p.Done, Total: p.Total,
			Counts: []terminal.Count{{Name: "requests", N: p.Requests}},
		})
	}
}

// phaseInWords says what is read in a phase.
func phaseInWords(p prune.Phase) string {
	switch p {
	case prune.PhaseList:
		return "list of tags"
	case prune.PhaseConfigs:
		return "configurations"
	}
	return string(p)
}

// startStatus begins to show the status of some work. The caller closes it. It is nil, which shows
// nothing, with --no-progress and -q.
func (a *app) startStatus() *terminal.Status {
	o := terminal.StatusOptions{Off: a.flags.noProgress || a.flags.quiet, Plain: a.flags.verbose}
	if a.flags.logFormat == "json" {
		log := slog.New(slog.NewJSONHandler(a.streams.Err, nil))
		o.Plain, o.Print = true, func(line string) { log.Info(line) }
	}
	return a.streams.StartStatus(o)
}

// planned returns the repositories to plan for, one at a time. Those that arguments name are
// checked before anything is sent: each must be one that the policy is for. Of a registry, other
// repositories are left out.
func (a *app) planned(ctx context.Context, s *scope, args []string, p *policy.Policy) (places iter.Seq2[place, error], several bool, err error) {
	if err := s.check(a, args); err != nil {
		return nil, false, err
	}
	if s.isRegistry {
		return onlyFor(p, a.places(ctx, s, args)), true, nil
	}
	var named []place
	seen := make(map[string]bool)
	for place, err := range a.places(ctx, s, args) {
		if err == nil {
			err = exit.With(exit.Usage, p.CheckRepository(place.ref.Repository))
		}
		if err != nil {
			return nil, false, err
		}
		if !seen[place.name()] {
			seen[place.name()] = true
			named = append(named, place)
		}
	}
	if len(named) == 0 {
		return nil, false, usagef("there is no repository on stdin")
	}
	return func(yield func(place, error) bool) {
		for _, place := range named {
			if !yield(place, nil) {
				return
			}
		}
	}, len(named) > 1, nil
}

// onlyFor leaves out the repositories that a policy is not for.
func onlyFor(p *policy.Policy, places iter.Seq2[place, error]) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		for place, err := range places {
			if err == nil && p.CheckRepository(place.ref.Repository) != nil {
				continue
			}
			if !yield(place, err) {
				return
			}
		}
	}
}

// ended returns why a command that changes nothing ended early.
func ended(ctx context.Context) error {
	return exit.With(exit.Failed, fmt.Errorf("%w; nothing was changed", context.Cause(ctx)))
}
