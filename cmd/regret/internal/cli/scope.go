package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune"
)

// A scope says which repositories a command is for: those that its arguments name or, with -R, all
// of a registry, or a part of them.
type scope struct {
	isRegistry bool
	match      []string
	except     []string
	shard      string

	part, parts int // of --shard; parts is 0 without it
}

// define adds the flags of a scope to a command. Only with -R is an argument a registry, because
// "localhost:5000" alone is an image of Docker Hub to every other tool.
func (s *scope) define(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVarP(&s.isRegistry, "registry", "R", false, "the argument is a registry: take all its repositories")
	f.StringSliceVar(&s.match, "match", nil, "with -R: only repositories that match a `glob`")
	f.StringSliceVar(&s.except, "except", nil, "with -R: leave out repositories that match a `glob`")
	f.StringVar(&s.shard, "shard", "", "with -R: one of several parts, `i/n` from 0/n, or auto, or auto/n")
	markConsent(f, "registry")
}

// check checks the flags, before anything is sent.
func (s *scope) check(a *app, args []string) error {
	if !s.isRegistry && (len(s.match) > 0 || len(s.except) > 0 || s.shard != "") {
		return usagef("--match, --except and --shard need -R")
	}
	for _, glob := range append(s.match, s.except...) {
		if !doublestar.ValidatePattern(glob) {
			return usagef("%q is no glob", glob)
		}
	}
	if s.isRegistry && len(args) != 1 {
		return usagef("-R needs one registry, such as localhost:5000")
	}
	if s.shard == "" {
		return nil
	}
	var err error
	s.part, s.parts, err = a.parseShard(s.shard)
	return err
}

// parseShard parses the value of --shard. With auto, the scheduler of a job has put the part, and
// perhaps the number of parts, into the environment.
func (a *app) parseShard(text string) (part, parts int, err error) {
	index, of, slashed := strings.Cut(text, "/")
	env := func(name string) string { value, _ := a.lookupEnv(name); return value }
	first := 0
	if index == "auto" {
		switch {
		case env("JOB_COMPLETION_INDEX") != "":
			index = env("JOB_COMPLETION_INDEX")
		case env("CI_NODE_INDEX") != "":
			index, first = env("CI_NODE_INDEX"), 1
		default:
			return 0, 0, usagef("--shard auto needs JOB_COMPLETION_INDEX or CI_NODE_INDEX")
		}
		if !slashed {
			if of = env("CI_NODE_TOTAL"); of == "" {
				return 0, 0, usagef("--shard auto needs the number of parts: write auto/n, or set CI_NODE_TOTAL")
			}
		}
	}
	part, partErr := strconv.Atoi(index)
	parts, partsErr := strconv.Atoi(of)
	part -= first
	if partErr != nil || partsErr != nil || parts < 1 || part < 0 || part >= parts {
		return 0, 0, usagef("--shard %s: there is no part %s of %s; the parts are %d/n to %s", text, index, of, first, last(first))
	}
	return part, parts, nil
}

// last names the last part, for parts that are counted from first.
func last(first int) string {
	if first == 1 {
		return "n/n"
	}
	return "(n-1)/n"
}

// has reports whether a repository of the registry is in the scope.
func (s *scope) has(repository string) bool {
	return s.lets(repository) && (s.parts == 0 || prune.Shard(repository, s.parts) == s.part)
}

// lets reports whether --match and --except let a name through.
func (s *scope) lets(name string) bool {
	matches := func(globs []string) bool {
		for _, glob := range globs {
			if doublestar.MatchUnvalidated(glob, name) {
				return true
			}
		}
		return false
	}
	return (len(s.match) == 0 || matches(s.match)) && !matches(s.except)
}

// A place is a repository, and the client for its registry.
type place struct {
	client *regret.Client
	ref    regret.Reference // without tag and digest
}

// name returns the repository with its registry, as people write it.
func (p place) name() string { return p.ref.String() }

// places yields the repositories of a scope, one at a time. An error ends it, except that a list of
// repositories may end with one about entries that are no names.
func (a *app) places(ctx context.Context, s *scope, args []string) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		if err := s.check(a, args); err != nil {
			yield(place{}, err)
			return
		}
		if s.isRegistry {
			a.allOf(ctx, s, args[0], yield)
			return
		}
		refs, err := a.references(args, parseRepository)
		if err != nil {
			yield(place{}, err)
			return
		}
		clients := a.newClients()
		for _, ref := range refs {
			client, err := clients.of(ref.Registry)
			if !yield(place{client, ref}, err) || err != nil {
				return
			}
		}
	}
}

// allOf yields the repositories of a registry that are in the scope.
func (a *app) allOf(ctx context.Context, s *scope, registry string, yield func(place, error) bool) {
	client, err := a.client(registry)
	if err != nil {
		yield(place{}, err)
		return
	}
	for repository, err := range client.Repositories(ctx) {
		if err != nil {
			if hasNoList(err) {
				err = fmt.Errorf("%w; name the repositories instead of -R, if the registry has no list of them for you", err)
			}
			yield(place{}, err)
			return
		}
		if s.has(repository) && !yield(place{client, regret.Reference{Registry: registry, Repository: repository}}, nil) {
			return
		}
	}
}

// hasNoList reports whether a registry may have no list of its repositories, at least for this
// client. Where the route is missing, the response has no error code of a registry.
func hasNoList(err error) bool {
	e, ok := errors.AsType[*regret.Error](err)
	return errors.Is(err, regret.ErrNotFound) || errors.Is(err, regret.ErrForbidden) || ok && e.StatusCode == http.StatusNotFound
}
