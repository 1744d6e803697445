package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// newExplain returns the command explain.
func newExplain(a *app) *cobra.Command {
	p, file := &planning{}, ""
	cmd := &cobra.Command{
		Use:   "explain REPO:TAG -p FILE | explain REPO:TAG --plan FILE",
		Short: "Print why an image goes or stays: what each rule says about it",
		Long: "Print why an image goes or stays. With -p, the repository is read, and each rule of the policy says what it\n" +
			"makes of the image. With --plan, nothing is sent, and it prints what the plan says: a plan has the rules that\n" +
			"decided, and no others.",
		Example: join(
			"regret explain registry.example.com/team/app:1.4 -p policy.yaml",
			"regret explain registry.example.com/team/app:1.4 -p policy.yaml --at 2027-01-01    what if",
			"regret explain registry.example.com/team/app:1.4 --plan plan.json                 without a request",
		),
		Args: exactly(1, "one image, such as localhost:5000/app:1.4"),
	}
	cmd.ValidArgsFunction = a.completeReference
	setFormats(cmd, formatTree, formatTable, formatJSON)
	p.define(cmd)
	p.defineAt(cmd)
	cmd.Flags().StringVar(&file, "plan", "", "`file` with a plan to explain from, instead of the registry")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ref, err := parseExact(args[0])
		if err != nil {
			return err
		}
		e, err := a.explain(cmd, ref, p, file)
		if err != nil {
			return err
		}
		return a.printExplanation(cmd, e)
	}
	return cmd
}

// explain returns what is said of an image, by the policy or by a plan.
func (a *app) explain(cmd *cobra.Command, ref regret.Reference, p *planning, file string) (*explanation, error) {
	switch {
	case file != "" && p.file != "":
		return nil, usagef("-p and --plan contradict each other: a plan has its policy")
	case file != "" && (p.at != "" || len(p.lists) > 0 || p.sizes || p.thorough):
		return nil, usagef("--plan is decided already: --at, --in-use, --sizes and --thorough need -p")
	case file != "":
		return a.explainFromFile(ref, file)
	case p.file == "":
		return nil, usagef("there is neither a policy nor a plan: add -p policy.yaml or --plan plan.json")
	}
	if err := p.load(a); err != nil {
		return nil, err
	}
	if err := p.policy.CheckRepository(ref.Repository); err != nil {
		return nil, err
	}
	client, err := a.client(ref.Registry)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.context(cmd)
	defer cancel()
	decision, err := p.decide(ctx, a, place{client, regret.Reference{Registry: ref.Registry, Repository: ref.Repository}})
	if err != nil && ctx.Err() != nil {
		return nil, ended(ctx)
	}
	if err != nil {
		return nil, err
	}
	return explainDecision(ref, p.options.At.UTC().Truncate(time.Second), decision)
}

// decide reads a repository and decides about it, and shows how far it is.
func (p *planning) decide(ctx context.Context, a *app, at place) (*plan.Decision, error) {
	options := p.options
	status := a.startStatus()
	defer status.Close()
	options.Progress = showReading(status, at)
	snapshot, err := prune.Read(ctx, at.client, at.ref.Repository, p.policy, &options)
	if err != nil {
		return nil, err
	}
	return plan.Decide(p.policy, snapshot, options.At)
}

// explainDecision returns what each rule says of an image. Of a manifest that is no image, such as a
// child or a signature, no rule says anything, but the plan says why it goes or stays.
func explainDecision(ref regret.Reference, at time.Time, d *plan.Decision) (*explanation, error) {
	for image, verdicts := range d.Images() {
		if isMeant(ref, &image.Manifest) {
			e := ofImage(ref, &image, verdicts)
			e.At = at
			return e, nil
		}
	}
	p, err := d.Plan()
	if refused, ok := errors.AsType[*plan.BrakeError](err); ok {
		p, err = refused.Plan, nil
	}
	if err != nil {
		return nil, err
	}
	return explainPlan(ref, p)
}

// isMeant reports whether a reference is one to a manifest.
func isMeant(ref regret.Reference, m *plan.Manifest) bool {
	return (ref.Digest == "" || ref.Digest == m.Digest) && (ref.Tag == "" || slices.Contains(m.Tags, ref.Tag))
}

// explainFromFile returns what a plan in a file says of an image. It sends nothing.
func (a *app) explainFromFile(ref regret.Reference, path string) (*explanation, error) {
	in := a.streams.In
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("%s: %w", path, reasonOf(err)))
		}
		defer file.Close()
		in = file
	} else if a.flags.passwordStdin {
		return nil, usagef("stdin has the password, so that it cannot have a plan: leave out \"-\"")
	}
	p, err := plan.Read(in)
	if err != nil {
		return nil, malformed(path, err)
	}
	h := p.Header()
	if h.Registry != plan.RegistryName(ref.Registry) || h.Repository != ref.Repository {
		return nil, usagef("the plan in %s is for %s, not for %s", path, repositoryOf(p), repositoryName(ref))
	}
	e, err := explainPlan(ref, p)
	if err == nil {
		e.Plan = p.Digest()
	}
	return e, err
}

// explainPlan returns what a plan says of a manifest.
func explainPlan(ref regret.Reference, p *plan.Plan) (*explanation, error) {
	var found *explanation
	for step := range p.Steps() {
		if isMeant(ref, &step.Manifest) {
			found = found.orNew(ref, &step.Manifest)
			found.addStep(&step)
		}
	}
	for kept := range p.Kept() {
		if isMeant(ref, &kept.Manifest) {
			found = found.orNew(ref, &kept.Manifest)
			found.addKept(&kept)
			break
		}
	}
	h := p.Header()
	switch {
	case found != nil:
		found.At = h.At
		return found, nil
	case ref.Digest == "" && slices.Contains(h.Broken, ref.Tag):
		return nil, exit.With(exit.NotFound, fmt.Errorf("the registry lists the tag %s, but it leads to nothing", ref.Tag))
	case ref.Tag != "" && ref.Digest != "":
		return nil, exit.With(exit.NotFound, fmt.Errorf("the tag %s does not point to %s", ref.Tag, ref.Digest))
	case ref.Tag != "":
		return nil, exit.With(exit.NotFound, fmt.Errorf("there is no tag %s in %s", ref.Tag, repositoryName(ref)))
	}
	return nil, exit.With(exit.NotFound, fmt.Errorf("%s has nothing to do with what goes, or is not in %s", ref.Digest, repositoryName(ref)))
}
