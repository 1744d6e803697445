package cli

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
)

// A resolved is what resolve prints of a reference.
type resolved struct {
	Reference string        `json:"reference"`
	Digest    regret.Digest `json:"digest"`
	MediaType string        `json:"mediaType"`
	Size      int64         `json:"size"`
	name      string
}

// newResolve returns the command resolve.
func newResolve(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resolve REF...",
		Short: "Print digest, type and size of what references point to",
		Example: join(
			"regret resolve localhost:5000/app:1.4",
			"regret resolve localhost:5000/app:1.4 --format '{{.Digest}}'",
		),
		Args: atLeast(1, "a reference, such as localhost:5000/app:1.4"),
	}
	cmd.ValidArgsFunction = a.completeReference
	setFormats(cmd, formatTable, formatJSON, formatJSONL, formatName)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.resolve(cmd, args) }
	return cmd
}

// resolve resolves each reference. One that fails ends no others.
func (a *app) resolve(cmd *cobra.Command, args []string) error {
	refs, err := a.references(args, parseReference)
	if err != nil {
		return err
	}
	ctx, cancel := a.context(cmd)
	defer cancel()
	p, err := newPrinter(a, cmd, listing[resolved]{
		kind:   "resolved/1",
		header: []string{"REFERENCE", "DIGEST", "TYPE", "SIZE"},
		row: func(r resolved) []string {
			return []string{r.Reference, r.Digest.String(), r.MediaType, strconv.FormatInt(r.Size, 10)}
		},
		name: func(r resolved) string { return r.name },
	})
	if err != nil {
		return err
	}
	clients := a.newClients()
	failures := &failures{app: a, cmd: cmd}
	for _, ref := range refs {
		c, err := clients.of(ref.Registry)
		if err != nil {
			return err
		}
		d, err := c.Resolve(ctx, ref.Repository, target(ref))
		if failures.add(err) {
			continue
		}
		pinned := ref
		pinned.Tag, pinned.Digest = "", d.Digest
		if err := p.add(resolved{ref.String(), d.Digest, d.MediaType, d.Size, pinned.String()}); err != nil {
			return err
		}
	}
	return errors.Join(p.end(), failures.result())
}

// failures are the errors of several objects, of which one that fails ends no others.
type failures struct {
	app   *app
	cmd   *cobra.Command
	codes []exit.Code
}

// add prints an error and keeps its code. It reports whether there is one.
func (f *failures) add(err error) bool {
	f.codes = append(f.codes, exit.Of(err))
	if err != nil {
		f.app.printError(f.cmd, err)
	}
	return err != nil
}

// result returns an error with the code of all objects together, or nil.
func (f *failures) result() error { return exit.Quietly(exit.Together(f.codes...)) }
