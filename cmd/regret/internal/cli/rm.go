package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A removing is a call of the command rm.
type removing struct {
	carrying

	withTags      bool
	manifestOnly  bool
	ignoreMissing bool
	dryRun        bool
}

// newRm returns the command rm.
func newRm(a *app) *cobra.Command {
	r := &removing{}
	cmd := &cobra.Command{
		Use:   "rm REF...",
		Short: "Delete images, with all that only they need",
		Long: `Delete images, with all that only they need: the children of indexes, signatures, attestations.

All tags of the repository are read before: only so is it known which tags go along, and what other
images need. An image with tags that were not named is refused unless --with-tags is given. What is
deleted is archived first, so that restore can bring it back.`,
		Example: join(
			"regret rm localhost:5000/app:1.4                    asks first",
			"regret rm localhost:5000/app:1.4 --dry-run          what would go",
			"regret rm localhost:5000/app@sha256:9f2b… --with-tags --yes",
			"regret untag localhost:5000/app:1.4                 remove the tag alone",
		),
		Args:              atLeast(1, "a reference, such as localhost:5000/app:1.4"),
		ValidArgsFunction: a.completeReference,
	}
	setFormats(cmd, formatTable, formatJSON, formatJSONL)
	r.carrying.define(a, cmd)
	r.carrying.defineQuarantine(cmd)
	f := cmd.Flags()
	f.BoolVar(&r.withTags, "with-tags", false, "delete images although they have other tags, which go, too")
	f.BoolVar(&r.manifestOnly, "manifest-only", false, "delete these manifests only, and nothing that they list or that refers to them")
	f.BoolVar(&r.ignoreMissing, "ignore-missing", false, "what is not there is no error")
	f.BoolVarP(&r.dryRun, "dry-run", "n", false, "show what would go and end")
	markConsent(f, "with-tags", "manifest-only")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return r.run(args) }
	return cmd
}

// run deletes images.
func (r *removing) run(args []string) error {
	ctx, cancel := r.app.context(r.cmd)
	defer cancel()
	defer r.app.streams.Outlive()()
	groups, err := r.groups(args)
	if err != nil {
		return err
	}
	r.several = len(groups) > 1
	r.isAbove, r.showTags = r.several, true
	ask := false
	if !r.dryRun {
		if ask, err = r.mustAsk(); err != nil {
			return err
		}
	}
	tasks, err := r.plan(ctx, groups)
	if err != nil {
		return err
	}
	if r.dryRun {
		if r.manifestOnly {
			for _, t := range tasks {
				r.printTags(t)
			}
			return nil
		}
		return r.show(tasks)
	}
	r.announce(tasks, ask)
	if ask {
		if err := r.ask(ctx, tasks); err != nil {
			return err
		}
	}
	carryOut := r.deleteOnly
	if !r.manifestOnly {
		carryOut = func(ctx context.Context, tasks []*task) error { return r.carryOutAll(ctx, tasks) }
	}
	if err := carryOut(ctx, tasks); err != nil {
		return err
	}
	return exit.Quietly(r.findMoved(ctx, tasks))
}

// A group are references of the command line to one repository.
type group struct {
	place
	references []string // tags and digests
}

// groups parses the arguments and checks everything that needs no request.
func (r *removing) groups(args []string) ([]*group, error) {
	if r.manifestOnly && r.quarantine {
		return nil, usagef("--manifest-only and --quarantine contradict each other")
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	refs, err := r.app.references(args, parseOne)
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, usagef("there is no reference on stdin")
	}
	if r.manifestOnly { // a plan that is carried out looks itself at what it has deleted
		return r.app.group(refs, regret.WithVerification())
	}
	return r.app.group(refs)
}

// parseOne parses an argument REF that names exactly one thing to delete.
func parseOne(arg string) (regret.Reference, error) {
	ref, err := parseExact(arg)
	if err == nil && ref.Tag != "" && ref.Digest != "" {
		return ref, usagef("%s names both a tag and a digest, which need not be the same image: name one of them", arg)
	}
	return ref, err
}

// group groups references by repository.
func (a *app) group(refs []regret.Reference, options ...regret.Option) ([]*group, error) {
	clients := a.newClients(options...)
	var groups []*group
	for _, ref := range refs {
		name := repositoryName(ref)
		i := slices.IndexFunc(groups, func(g *group) bool { return g.name() == name })
		if i < 0 {
			client, err := clients.of(ref.Registry)
			if err != nil {
				return nil, err
			}
			i = len(groups)
			groups = append(groups, &group{place: place{client, regret.Reference{Registry: ref.Registry, Repository: ref.Repository}}})
		}
		groups[i].references = append(groups[i].references, target(ref))
	}
	return groups, nil
}

// plan plans for all repositories. If anything is wrong with one, there are no tasks: nothing is
// deleted that was asked for together with something that is refused.
func (r *removing) plan(ctx context.Context, groups []*group) ([]*task, error) {
	var tasks []*task
	var codes []exit.Code
	for _, g := range groups {
		made, err := r.planOne(ctx, g)
		if ctx.Err() != nil {
			return nil, ended(ctx)
		}
		var t *task
		if err == nil && made != nil {
			if t, err = r.newMadeTask(made, g.client); err == nil {
				t.only = r.manifestOnly
			}
		}
		if err != nil {
			codes = append(codes, r.printRefused(g, err))
		} else if t != nil {
			tasks = append(tasks, t)
		}
	}
	if len(codes) > 0 {
		if r.several {
			r.app.note("Nothing was deleted.")
		}
		return nil, exit.Quietly(worst(codes))
	}
	return tasks, nil
}

// planOne plans for one repository. The plan may be nil if nothing that was named is there.
func (r *removing) planOne(ctx context.Context, g *group) (*plan.Plan, error) {
	status := r.app.startStatus()
	defer status.Close()
	o := &prune.ExactOptions{WithTags: r.withTags}
	o.Concurrency, o.Progress = r.app.flags.concurrency, showReading(status, g.place)
	made, err := prune.MakeExact(ctx, g.client, g.ref.Repository, g.references, o)
	if missing, ok := errors.AsType[*prune.MissingError](err); ok && r.ignoreMissing && isOnly(err) {
		for _, reference := range missing.References {
			r.app.note("%s is not there.", g.refTo(reference))
		}
		return missing.Plan, nil
	}
	return made, err
}

// isOnly reports whether an error is not one of several.
func isOnly(err error) bool { return len(parts(err)) == 1 }

// parts returns the errors that are joined.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// refTo returns a reference as it is written on a command line.
func (g *group) refTo(reference string) string {
	ref := g.ref
	if strings.Contains(reference, ":") {
		ref.Digest = regret.Digest(reference)
	} else {
		ref.Tag = reference
	}
	return terminal.Safe(ref.String())
}

// worst returns the code of several errors after which nothing was changed.
func worst(codes []exit.Code) exit.Code {
	if slices.Contains(codes, exit.Unsafe) {
		return exit.Unsafe
	}
	return exit.Together(codes...)
}

// printRefused prints why images of a repository are not deleted, with the commands to choose from,
// and returns the code.
func (r *removing) printRefused(g *group, err error) exit.Code {
	var codes []exit.Code
	for _, part := range parts(err) {
		code := exit.Of(part)
		shared, isShared := errors.AsType[*prune.SharedError](part)
		needed, isNeeded := errors.AsType[*prune.NeededError](part)
		broken, isBroken := errors.AsType[*prune.BrokenError](part)
		missing, isMissing := errors.AsType[*prune.MissingError](part)
		switch {
		case isShared:
			part, code = g.explainShared(shared), exit.Unsafe
		case isNeeded:
			part, code = g.explainNeeded(needed), exit.Unsafe
		case isBroken:
			part, code = g.explainBroken(broken), exit.Unsafe
		case isMissing:
			part = g.explainMissing(missing)
		}
		r.app.printError(r.cmd, part)
		codes = append(codes, code)
	}
	return worst(codes)
}

// explainShared says which tags would go, too.
func (g *group) explainShared(e *prune.SharedError) error {
	what, would := "the tag "+e.Others[0], "both would go"
	switch {
	case len(e.Others) > 1:
		what, would = "the tags "+strings.Join(e.Others, ", "), "all would go"
	case len(e.Named) == 0:
		would = "it would go, too"
	case len(e.Named) > 1:
		would = "all would go"
	}
	named, only := e.Named, "Remove only this tag:  "
	remove := []string{string(e.Digest)}
	switch {
	case len(named) > 1:
		only = "Remove only these tags:"
	case len(named) == 0:
		named, only = e.Others, "Remove only the tags:  "
	}
	if len(e.Named) > 0 {
		remove = e.Named
	}
	return fmt.Errorf("%s also carries %s; %s.\n  %s regret untag %s\n  Remove the image:       regret rm --with-tags %s",
		e.Digest, what, would, only, g.refsTo(named), g.refsTo(remove))
}

// refsTo returns references as they are written on a command line.
func (g *group) refsTo(references []string) string {
	all := make([]string, len(references))
	for i, reference := range references {
		all[i] = g.refTo(reference)
	}
	return strings.Join(all, " ")
}

// explainNeeded says what needs an image.
func (g *group) explainNeeded(e *prune.NeededError) error {
	name := string(e.Digest)
	if len(e.Tags) > 0 {
		name = g.refsTo(e.Tags[:1]) + " (" + name + ")"
	}
	if e.Reason.By == "" {
		return fmt.Errorf("%s must stay: %s", name, e.Reason.Text)
	}
	return fmt.Errorf("%s must stay: %s; if that is to go, too, name it as well\n  Look at what needs it:  regret resolve %s",
		name, e.Reason.Text, g.refTo(string(e.Reason.By)))
}

// explainBroken says which tags lead to nothing.
func (g *group) explainBroken(e *prune.BrokenError) error {
	shown := e.Tags[:min(len(e.Tags), maxNamed)]
	return fmt.Errorf("%s has %s of the list that lead to nothing, behind which may be what needs these images: %s.\n"+
		"  Push them again, or remove them:  regret untag %s", g.name(), count(len(e.Tags), "tag"), strings.Join(shown, ", "), g.refsTo(shown))
}

// explainMissing says what is not there.
func (g *group) explainMissing(e *prune.MissingError) error {
	return fmt.Errorf("not found: %s; nothing was deleted.\n  What is there:  regret ls %s", g.refsTo(e.References), g.name())
}
