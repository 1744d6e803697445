package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
)

// An untagging is a call of the command untag.
type untagging struct {
	app           *app
	cmd           *cobra.Command
	byOverwrite   bool
	ignoreMissing bool
	dryRun        bool
}

// newUntag returns the command untag.
func newUntag(a *app) *cobra.Command {
	u := &untagging{app: a}
	cmd := &cobra.Command{
		Use:   "untag REF...",
		Short: "Remove these tags only; the images stay",
		Long: `Remove these tags only. Other tags of the same image stay, and so does the image; but an image without
a tag is garbage to most registries, which delete it in the end. Some delete an image with its last tag
at once: GHCR, ECR, Gitea.

Where the registry does not delete by tag, --by-overwrite points the tag to a small placeholder and
deletes that.`,
		Example: join(
			"regret untag localhost:5000/app:1.4",
			"regret untag localhost:5000/app:1.4 --by-overwrite     where the registry does not delete by tag",
		),
		Args:              atLeast(1, "a reference with a tag, such as localhost:5000/app:1.4"),
		ValidArgsFunction: a.completeReference,
	}
	u.cmd = cmd
	setFormats(cmd, formatTable, formatJSON, formatJSONL, formatName)
	f := cmd.Flags()
	f.BoolVar(&u.byOverwrite, "by-overwrite", false, "overwrite the tags where the registry does not delete them")
	f.BoolVar(&u.ignoreMissing, "ignore-missing", false, "a tag that is not there is no error")
	f.BoolVarP(&u.dryRun, "dry-run", "n", false, "show what the tags point to and end")
	f.Bool("yes", false, "for scripts that pass it to every command: untag never asks")
	markConsent(f, "by-overwrite", "yes")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return u.run(args) }
	return cmd
}

// An untagged is what untag prints of a tag.
type untagged struct {
	Reference string        `json:"reference"`
	Digest    regret.Digest `json:"digest,omitempty"` // what the tag pointed to
	Status    string        `json:"status"`
}

// The statuses of tags.
const (
	untaggedDone    = "untagged"
	untaggedMissing = "not found"
	untaggedDry     = "would be untagged"
)

// run removes tags. One that fails ends no others.
func (u *untagging) run(args []string) error {
	refs, err := u.app.references(args, parseTag)
	if err != nil {
		return err
	}
	ctx, cancel := u.app.context(u.cmd)
	defer cancel()
	defer u.app.streams.Outlive()()
	p, err := newPrinter(u.app, u.cmd, listing[untagged]{
		kind:   "untagged/1",
		header: []string{"REFERENCE", "STATUS", "DIGEST"},
		row:    func(u untagged) []string { return []string{u.Reference, u.Status, u.Digest.String()} },
		name:   func(u untagged) string { return u.Reference },
	})
	if err != nil {
		return err
	}
	groups, err := u.app.group(refs, regret.WithVerification())
	if err != nil {
		return err
	}
	failures := &failures{app: u.app, cmd: u.cmd}
	seen := make(map[string]bool)
	for _, g := range groups {
		for _, tag := range g.references {
			ref := g.refTo(tag)
			if seen[ref] || ctx.Err() != nil {
				continue
			}
			seen[ref] = true
			done, err := u.untag(ctx, g, tag)
			if failures.add(err) {
				continue
			}
			if err := p.add(done); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		if len(failures.codes) == 0 || failures.codes[len(failures.codes)-1] == exit.Done { // otherwise the last one has said why
			u.app.printError(u.cmd, context.Cause(ctx))
		}
		fmt.Fprintf(u.app.streams.Err, "  %d of %s were looked at. Go on: the same command again, with --ignore-missing\n", len(seen), count(len(refs), "tag"))
		failures.codes = append(failures.codes, exit.Of(context.Cause(ctx)))
	}
	return errors.Join(p.end(), failures.result())
}

// parseTag parses an argument REF that names a tag and no digest.
func parseTag(arg string) (regret.Reference, error) {
	ref, err := parseExact(arg)
	if err == nil && ref.Digest != "" {
		return ref, usagef("%s has a digest: name the tag alone; to delete by digest, use rm", arg)
	}
	return ref, err
}

// untag removes one tag.
func (u *untagging) untag(ctx context.Context, g *group, tag string) (untagged, error) {
	done := untagged{Reference: g.refTo(tag), Status: untaggedDone}
	at, err := g.client.Resolve(ctx, g.ref.Repository, tag)
	switch {
	case err == nil:
		done.Digest = at.Digest
	case !errors.Is(err, regret.ErrNotFound):
		return done, err
	case u.dryRun && !u.ignoreMissing:
		return done, err
	}
	// A tag that is listed may lead to nothing, and can be removed all the same.
	if u.dryRun {
		if done.Status = untaggedDry; err != nil {
			done.Status = untaggedMissing
		}
		return done, nil
	}
	writing, stop := settling(ctx)
	defer stop()
	err = g.client.Untag(writing, g.ref.Repository, tag)
	if u.byOverwrite && errors.Is(err, regret.ErrTagDeleteUnsupported) {
		err = g.client.UntagByOverwrite(writing, g.ref.Repository, tag)
		if code := codeOfOverwrite(writing, g, tag, at.Digest, err); code != exit.Done {
			return done, exit.With(code, err)
		}
	}
	switch {
	case errors.Is(err, regret.ErrNotFound) && u.ignoreMissing:
		done.Status = untaggedMissing
		return done, nil
	case errors.Is(err, regret.ErrTagDeleteUnsupported) && !u.byOverwrite:
		return done, fmt.Errorf("%w\n  Overwrite it instead:  regret untag --by-overwrite %s", err, done.Reference)
	}
	return done, err
}

// codeOfOverwrite returns the code of an overwrite that failed if it has changed something: the tag
// may point to the placeholder if rolling it back failed, too. Otherwise the error has its own code.
func codeOfOverwrite(ctx context.Context, g *group, tag string, before regret.Digest, err error) exit.Code {
	if err == nil {
		return exit.Done
	}
	now, look := g.client.Resolve(ctx, g.ref.Repository, tag)
	isGone := errors.Is(look, regret.ErrNotFound)
	switch {
	case look == nil && now.Digest == before, isGone && before == "":
		return exit.Done
	case isGone:
		return exit.Partial
	}
	return exit.Unknown
}
