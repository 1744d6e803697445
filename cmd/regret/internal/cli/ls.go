package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// A listedTag is what ls prints of a tag. Digest, type and size are there only if they were asked
// for.
type listedTag struct {
	Reference string        `json:"reference"`
	Tag       string        `json:"tag"`
	Digest    regret.Digest `json:"digest,omitempty"`
	MediaType string        `json:"mediaType,omitempty"`
	Size      int64         `json:"size,omitzero"`
}

// A listedRepository is what ls -R prints of a repository.
type listedRepository struct {
	Reference  string `json:"reference"`
	Repository string `json:"repository"`
}

// newLs returns the command ls.
func newLs(a *app) *cobra.Command {
	s, digests, tree := &scope{}, false, false
	cmd := &cobra.Command{
		Use:   "ls REPO | ls -R REGISTRY",
		Short: "List the tags of a repository, or the repositories of a registry",
		Example: join(
			"regret ls registry.example.com/team/app",
			"regret ls registry.example.com/team/app --match 'pr-*' --digests",
			"regret ls -R registry.example.com",
		),
		Args: exactly(1, "one repository, such as localhost:5000/app, or -R and a registry"),
	}
	cmd.ValidArgsFunction = a.completeRepository
	setFormats(cmd, formatTable, formatTree, formatJSON, formatJSONL, formatName)
	s.define(cmd)
	cmd.Flags().BoolVar(&digests, "digests", false, "print what each tag points to; one request a tag")
	cmd.Flags().BoolVar(&tree, "tree", false, "print what each tag leads to, like -o tree; one request a tag or more")
	cmd.Flags().Lookup("match").Usage = "only tags (with -R repositories) that match a `glob`"
	cmd.Flags().Lookup("except").Usage = "leave out tags (with -R repositories) that match a `glob`"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if tree {
			if a.flags.output != "" && a.flags.output != formatTree {
				return usagef("--tree and -o %s contradict each other", a.flags.output)
			}
			a.flags.output = formatTree
		}
		ctx, cancel := a.context(cmd)
		defer cancel()
		if s.isRegistry {
			return a.lsRepositories(ctx, cmd, s, args)
		}
		return a.lsTags(ctx, cmd, s, args[0], digests)
	}
	return cmd
}

// lsRepositories lists the repositories of a registry.
func (a *app) lsRepositories(ctx context.Context, cmd *cobra.Command, s *scope, args []string) error {
	if a.flags.output == formatTree {
		return usagef("there is no tree of repositories")
	}
	p, err := newPrinter(a, cmd, listing[listedRepository]{
		kind:   "repositories/1",
		header: []string{"REPOSITORY"},
		row:    func(r listedRepository) []string { return []string{r.Repository} },
		name:   func(r listedRepository) string { return r.Reference },
	})
	if err != nil {
		return err
	}
	for place, err := range a.places(ctx, s, args) {
		if err != nil {
			return errors.Join(p.stop(), err)
		}
		if err := p.add(listedRepository{place.name(), place.ref.Repository}); err != nil {
			return err
		}
	}
	return p.end()
}

// lsTags lists the tags of a repository.
func (a *app) lsTags(ctx context.Context, cmd *cobra.Command, s *scope, repository string, digests bool) error {
	ref, err := parseRepository(repository)
	if err != nil {
		return err
	}
	if s.shard != "" {
		return usagef("--shard needs -R")
	}
	for _, glob := range append(s.match, s.except...) {
		if !doublestar.ValidatePattern(glob) {
			return usagef("%q is no glob", glob)
		}
	}
	client, err := a.client(ref.Registry)
	if err != nil {
		return err
	}
	tags := matching(client.Tags(ctx, ref.Repository), s)
	if a.formatOf(cmd) == formatTree {
		return a.lsTree(ctx, cmd, place{client, ref}, tags)
	}
	p, err := newPrinter(a, cmd, tagListing(digests))
	if err != nil {
		return err
	}
	look := func(ctx context.Context, tag string) (listedTag, error) {
		name := ref
		name.Tag = tag
		listed := listedTag{Reference: name.String(), Tag: tag}
		if !digests {
			return listed, nil
		}
		d, err := client.Resolve(ctx, ref.Repository, tag)
		listed.Digest, listed.MediaType, listed.Size = d.Digest, d.MediaType, d.Size
		return listed, err
	}
	failures := &failures{app: a, cmd: cmd}
	for listed, err := range inOrder(ctx, a.flags.concurrency, tags, look) {
		if ctx.Err() != nil {
			return errors.Join(p.stop(), cutShort(ctx))
		}
		if err != nil && listed.Tag == "" { // the list itself
			return errors.Join(p.stop(), err, failures.result())
		}
		failures.add(err)
		if err := p.add(listed); err != nil {
			return err
		}
	}
	return errors.Join(p.end(), failures.result())
}

// cutShort returns why a list ended early.
func cutShort(ctx context.Context) error {
	return fmt.Errorf("%w; the list is not complete", context.Cause(ctx))
}

// tagListing says how tags are printed.
func tagListing(digests bool) listing[listedTag] {
	l := listing[listedTag]{
		kind:   "tags/1",
		header: []string{"TAG"},
		row:    func(t listedTag) []string { return []string{t.Tag} },
		name:   func(t listedTag) string { return t.Reference },
	}
	if digests {
		l.header = []string{"TAG", "DIGEST", "TYPE"}
		l.row = func(t listedTag) []string { return []string{t.Tag, t.Digest.String(), t.MediaType} }
	}
	return l
}

// matching yields the tags that --match and --except let through.
func matching(tags iter.Seq2[string, error], s *scope) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for tag, err := range tags {
			if (err != nil || s.lets(tag)) && !yield(tag, err) {
				return
			}
		}
	}
}

// lsTree prints each tag with what it leads to.
func (a *app) lsTree(ctx context.Context, cmd *cobra.Command, p place, tags iter.Seq2[string, error]) error {
	failures := &failures{app: a, cmd: cmd}
	look := func(ctx context.Context, tag string) (*node, error) {
		return p.nodeOf(ctx, tag)
	}
	for n, err := range inOrder(ctx, a.flags.concurrency, tags, look) {
		if ctx.Err() != nil {
			return cutShort(ctx)
		}
		if err != nil && n == nil {
			return errors.Join(err, failures.result())
		}
		failures.add(err)
		if _, err := fmt.Fprint(a.streams.Out, n.text(a.streams.Out.Palette(a.flags.color))); err != nil {
			return err
		}
	}
	return failures.result()
}

// A node is a manifest in a tree that is printed.
type node struct {
	title   string // such as a tag or a platform
	details []string
	below   []*node
}

// text returns the tree as lines of text.
func (n *node) text(p terminal.Palette) string {
	var b strings.Builder
	var write func(n *node, first, rest string)
	write = func(n *node, first, rest string) {
		title := terminal.Safe(n.title)
		if first == "" {
			title = p.Paint(terminal.Bold, title)
		}
		b.WriteString(first + title)
		for _, detail := range n.details {
			b.WriteString("  " + p.Paint(terminal.Faint, terminal.Safe(detail)))
		}
		b.WriteString("\n")
		for i, child := range n.below {
			if i == len(n.below)-1 {
				write(child, rest+"└─ ", rest+"   ")
			} else {
				write(child, rest+"├─ ", rest+"│  ")
			}
		}
	}
	write(n, "", "")
	return b.String()
}
