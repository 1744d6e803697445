package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// An applying is a call of the command apply.
type applying struct {
	carrying
	planning
	scope

	dryRun bool
	expect []string
	maxAge string
}

// newApply returns the command apply.
func newApply(a *app) *cobra.Command {
	p := &applying{}
	cmd := &cobra.Command{
		Use:   "apply PLAN... | apply -p POLICY REPO... | apply -p POLICY -R REGISTRY",
		Short: "Carry out plans: archive, delete, and say what came of it",
		Long: `Carry out plans: archive what goes, delete it, and say what came of it.

Everything that is deleted is archived first, so that restore can bring it back until the registry
collects its garbage. A plan that was interrupted goes on where it stopped; one that was carried out
prints its report again.`,
		Example: join(
			"regret apply plan.json                                        asks first, at a terminal",
			"regret apply plan.json --expect sha256:77ad03c1be52…          only if it is the plan that was reviewed",
			"regret apply -p policy.yaml registry.example.com/app --yes    for cron: plan and carry out",
		),
		Args: atLeast(1, "plan files, or -p with a policy and repositories"),
	}
	setFormats(cmd, formatTable, formatJSON, formatJSONL)
	p.carrying.define(a, cmd)
	p.carrying.defineQuarantine(cmd)
	p.planning.define(cmd)
	p.scope.define(cmd)
	f := cmd.Flags()
	f.BoolVarP(&p.dryRun, "dry-run", "n", false, "show the plans and end")
	f.StringArrayVar(&p.expect, "expect", nil, "`digest` of the plan that was reviewed; one for each plan")
	f.StringVar(&p.maxAge, "max-age", "7d", "refuse plans that are older; 0 is no limit")
	markConsent(f, "policy") // it says what the arguments are
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.context(cmd)
		defer cancel()
		defer a.streams.Outlive()()
		if err := p.carrying.check(); err != nil {
			return err
		}
		if p.planning.file != "" {
			return p.fromPolicy(ctx, args)
		}
		return p.fromFiles(ctx, args)
	}
	return cmd
}

// fromFiles carries out plans that are files.
func (p *applying) fromFiles(ctx context.Context, args []string) error {
	if err := p.checkFileFlags(); err != nil {
		return err
	}
	p.several = len(args) > 1 || args[0] == "-"
	p.isAbove = p.several
	tasks, err := p.readTasks(args)
	if err != nil {
		return err
	}
	if p.dryRun {
		return p.show(tasks)
	}
	ask := !p.yes && p.app.streams.CanAsk() // elsewhere the file is the consent
	p.announce(tasks, ask)
	if ask {
		if err := p.ask(ctx, tasks); err != nil {
			return err
		}
	}
	return p.carryOutAll(ctx, tasks)
}

// checkFileFlags refuses flags that are for -p only.
func (p *applying) checkFileFlags() error {
	for flag, given := range map[string]bool{
		"-R": p.isRegistry, "--match": len(p.match) > 0, "--except": len(p.except) > 0, "--shard": p.shard != "",
		"--sizes": p.sizes, "--thorough": p.thorough,
	} {
		if given {
			return usagef("%s needs -p: without a policy, apply takes plan files", flag)
		}
	}
	return nil
}

// readTasks reads all plans, and checks everything that needs no request.
func (p *applying) readTasks(args []string) ([]*task, error) {
	paths, err := p.app.arguments(args)
	if err != nil {
		return nil, err
	}
	expected, err := p.expected()
	if err != nil {
		return nil, err
	}
	files, err := readPlans(paths)
	errs := []error{err}
	if len(files) > 1 && !p.several { // an index
		p.several, p.isAbove = true, true
	}
	clients := p.app.newClients()
	var tasks []*task
	for _, file := range files {
		path, read := file.path, file.plan
		if slices.ContainsFunc(tasks, func(t *task) bool { return t.digest == read.Digest() }) {
			continue // the same plan under another name
		}
		t, err := p.newFileTask(clients, path, read)
		if err == nil && len(expected) > 0 && !slices.Contains(expected, t.digest) {
			err = fmt.Errorf("%s: %w: it is %s; look at it, and apply it with that digest", path, apply.ErrUnexpected, t.digest)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		tasks = append(tasks, t)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, dgst := range expected {
		if !slices.ContainsFunc(tasks, func(t *task) bool { return t.digest == dgst }) {
			return nil, fmt.Errorf("%w: none of them is %s", apply.ErrUnexpected, dgst)
		}
	}
	return tasks, nil
}

// expected returns the digests of --expect.
func (p *applying) expected() ([]regret.Digest, error) {
	var all []regret.Digest
	for _, text := range p.expect {
		dgst := regret.Digest(text)
		if err := dgst.Validate(); err != nil {
			return nil, usagef("--expect %s is no digest: write all of it, as plan prints it: sha256:…", text)
		}
		all = append(all, dgst)
	}
	return all, nil
}

// newFileTask returns the task for the plan in a file.
func (p *applying) newFileTask(clients *clients, path string, read *plan.Plan) (*task, error) {
	header := read.Header()
	if len(p.expect) == 0 { // otherwise the plan was reviewed, and its registry with it
		if err := p.app.checkLoginInFile(header.Registry, path); err != nil {
			return nil, err
		}
	}
	client, err := clients.of(header.Registry)
	if err != nil {
		return nil, err
	}
	t, err := p.newTask(read, client)
	if err != nil {
		return nil, err
	}
	rules, err := policy.Parse(header.Policy)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("%s: %w", path, err))
	}
	if t.inUse, err = p.app.newerInUse(rules, p.lists); err != nil {
		return nil, err
	}
	t.maxAge, err = ageLimit(p.maxAge, header.At)
	if err == nil && t.maxAge > 0 && time.Since(header.At) > t.maxAge && !t.done {
		err = fmt.Errorf("%s: %w: it was made at %s; make a new one, or allow more with --max-age", path, apply.ErrTooOld, header.At.Format(time.RFC3339))
	}
	return t, err
}

// ageLimit returns how old a plan may be that was made at a time: the value of --max-age.
func ageLimit(text string, at time.Time) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	span, err := policy.ParseSpan(text)
	if err != nil {
		return 0, usagef("--max-age %s: %w", text, err)
	}
	return span.After(at).Sub(at), nil
}
