package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A checked is what check prints.
type checked struct {
	Regret    string   `json:"regret"`
	Reference string   `json:"reference"`
	Reach     *ability `json:"reach,omitempty"`     // of a registry
	List      *ability `json:"list,omitempty"`      // the tags of a repository
	Delete    *ability `json:"delete,omitempty"`    // by digest
	Untag     *ability `json:"untag,omitempty"`     // by tag
	Referrers *ability `json:"referrers,omitempty"` // the referrers API
	Garbage   garbage  `json:"garbage"`
}

// An ability is something that the registry does with these credentials, or why it does not.
type ability struct {
	OK     bool        `json:"ok"`
	Kind   regret.Kind `json:"kind,omitempty"`
	Reason string      `json:"reason,omitempty"`
	err    error
}

// garbage is what is known of how the registry collects garbage.
type garbage struct {
	Product  string `json:"product,omitempty"` // empty if it is not known
	Until    string `json:"until"`             // how long something deleted can be restored
	Evidence string `json:"evidence,omitempty"`
}

// newCheck returns the command check.
func newCheck(a *app) *cobra.Command {
	isRegistry := false
	cmd := &cobra.Command{
		Use:   "check REPO | check -R REGISTRY",
		Short: "Ask whether you may delete, what the registry can do, and when it collects garbage",
		Long: "Ask whether you may delete in a repository, what the registry can do, and when it collects garbage. This deletes\n" +
			"nothing: it names a digest and a tag that do not exist. With -R it only asks whether the registry accepts the login.",
		Example: join(
			"regret check registry.example.com/team/app",
			"regret check -R registry.example.com",
		),
		Args: exactly(1, "one repository, such as localhost:5000/app, or -R and a registry"),
	}
	cmd.ValidArgsFunction = a.completeRepository
	setFormats(cmd, formatTable, formatJSON)
	cmd.Flags().BoolVarP(&isRegistry, "registry", "R", false, "the argument is a registry")
	markConsent(cmd.Flags(), "registry")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.context(cmd)
		defer cancel()
		if isRegistry {
			return a.checkRegistry(ctx, cmd, args[0])
		}
		return a.checkRepository(ctx, cmd, args[0])
	}
	return cmd
}

// checkRegistry asks whether a registry is there and accepts the credentials.
func (a *app) checkRegistry(ctx context.Context, cmd *cobra.Command, registry string) error {
	client, err := a.client(registry)
	if err != nil {
		return err
	}
	return a.printChecked(cmd, &checked{Regret: "check/1", Reference: registry, Reach: abilityOf(client.Ping(ctx)), Garbage: garbageOf(client)})
}

// checkRepository asks what may be done in a repository.
func (a *app) checkRepository(ctx context.Context, cmd *cobra.Command, arg string) error {
	ref, err := parseRepository(arg)
	if err != nil {
		return err
	}
	client, err := a.client(ref.Registry)
	if err != nil {
		return err
	}
	list := listsTags(ctx, client, ref.Repository)
	if errors.Is(list, regret.ErrNotFound) {
		return list
	}
	has, err := client.HasReferrers(ctx, ref.Repository, digest.FromString("a digest that does not exist"))
	referrers := abilityOf(err)
	if err == nil && !has {
		referrers = &ability{Reason: "there is none: referrers are lists under tags of the form sha256-…"}
	}
	return a.printChecked(cmd, &checked{
		Regret: "check/1", Reference: ref.String(),
		List: abilityOf(list), Delete: abilityOf(client.CheckDelete(ctx, ref.Repository)), Untag: abilityOf(client.CheckUntag(ctx, ref.Repository)),
		Referrers: referrers, Garbage: garbageOf(client),
	})
}

// listsTags asks for the first page of the tags.
func listsTags(ctx context.Context, client *regret.Client, repository string) error {
	for _, err := range client.Tags(ctx, repository) {
		return err
	}
	return nil
}

// abilityOf returns what the error of a question means.
func abilityOf(err error) *ability {
	if err == nil {
		return &ability{OK: true}
	}
	a := &ability{Reason: reasonFor(err), err: err}
	if e, ok := errors.AsType[*regret.Error](err); ok {
		a.Kind = e.Kind
	}
	return a
}

// garbageOf returns what is known of a registry by its name.
func garbageOf(client *regret.Client) garbage {
	c := undo.CollectorAt(client.Registry())
	return garbage{c.Product, c.Until, c.Evidence}
}

// printChecked prints what was found out. The exit code is that of what was asked for: whether the
// registry accepts the login, or deletes.
func (a *app) printChecked(cmd *cobra.Command, c *checked) error {
	decisive := c.Delete
	if decisive == nil {
		decisive = c.Reach
	}
	code := exit.Of(decisive.err)
	if a.formatOf(cmd) == formatJSON {
		text, err := toJSON(c)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(a.streams.Out, text); err != nil {
			return err
		}
		return exit.Quietly(code)
	}
	palette := a.streams.Out.Palette(a.flags.color)
	var b strings.Builder
	b.WriteString(palette.Paint(terminal.Bold, terminal.Safe(c.Reference)) + "\n")
	for _, row := range []struct {
		title string
		*ability
	}{{"reach", c.Reach}, {"list tags", c.List}, {"delete by digest", c.Delete}, {"delete by tag", c.Untag}, {"referrers API", c.Referrers}} {
		if row.ability != nil {
			fmt.Fprintf(&b, "  %-18s%s\n", row.title, row.text(palette))
		}
	}
	b.WriteString(c.Garbage.text())
	if _, err := fmt.Fprint(a.streams.Out, b.String()); err != nil {
		return err
	}
	return exit.Quietly(code)
}

// text says yes, or no and why.
func (a *ability) text(p terminal.Palette) string {
	if a.OK {
		return p.Paint(terminal.Green, "yes")
	}
	return p.Paint(terminal.Yellow, "no") + ": " + terminal.Safe(a.Reason)
}

// text says how long something deleted can be restored. Where the product is not known, it says so of
// all that are, because whoever runs the registry knows which one it is.
func (g garbage) text() string {
	if g.Product != "" {
		return fmt.Sprintf("  %-18s%s, %s\n", "restore", g.Product, g.Until)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %-18s%s\n", "restore", "until garbage is collected. Nothing that the registry says tells which product it is:")
	for _, c := range undo.Collectors() {
		if c.Evidence != "" {
			fmt.Fprintf(&b, "  %-18s%s: %s\n", "", c.Product, strings.ReplaceAll(c.Until, "`", ""))
		}
	}
	return b.String()
}
