package policy

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// Held returns what a list holds in a repository by a keep rule: tags of the
// repository, and digests, which may be of any repository and may be those of manifests
// or of their configurations, because CRI-O reports the latter. Both are sorted.
//
// The registry may be an address, such as [regret.Client.Registry] returns, or a name
// as in references. The rule adds its further names of the registry. At is the time of
// the decision. A nil list is one that does not exist.
//
// Errors: an [*InUseError] with any detail but [InUseMalformed].
func (u *InUse) Held(registry, repository string, rule *Rule, at time.Time) (tags []string, digests []regret.Digest, err error) {
	registries := rule.namesOf(registry)
	ours := false
	if u != nil {
		for ref := range u.tags {
			if !registries[ref.Registry] {
				continue
			}
			ours = true
			if ref.Repository == repository {
				tags = append(tags, ref.Tag)
			}
		}
	}
	if fault := u.check(registry, ours, rule, at); fault != nil {
		return nil, nil, fault
	}
	slices.Sort(tags)
	return slices.Compact(tags), slices.Sorted(maps.Keys(u.digests)), nil
}

// Expects reports whether a list says that a digest is in this repository: by its name, or
// by the digest alone. If the repository does not have it then, it may be gone.
func (u *InUse) Expects(registry, repository string, rule *Rule, dgst regret.Digest) bool {
	registries := rule.namesOf(registry)
	return u != nil && slices.ContainsFunc(u.digests[dgst], func(name regret.Reference) bool {
		return name == (regret.Reference{}) || registries[name.Registry] && name.Repository == repository
	})
}

// namesOf returns the names under which an in-use list may have a registry.
func (r *Rule) namesOf(registry string) map[string]bool {
	names := map[string]bool{canonicalRegistry(registry): true}
	for _, name := range r.registries {
		names[canonicalRegistry(name)] = true
	}
	return names
}

// check reports what makes a list useless for a rule. An age that is negative by
// more than a day is a mistake, and would let a list be used for ever.
func (u *InUse) check(registry string, ours bool, rule *Rule, at time.Time) error {
	fail := func(detail InUseDetail, format string, args ...any) error {
		return &InUseError{Rule: rule.name, Name: rule.file, Detail: detail, Problem: fmt.Sprintf(format, args...)}
	}
	switch {
	case u == nil:
		return fail(InUseMissing, "the list does not exist")
	case u.lines == 0:
		return fail(InUseEmpty, "it names no image: what wrote it may have failed")
	case !ours && len(u.digests) == 0:
		return fail(InUseForeign, "it has no digest and no tag of %s: if it has another name for this registry, add that to \"registries\"", redact.Clip(registry))
	case u.made.IsZero():
		return fail(InUseStale, "its age is unknown: add a line such as \"# made %s\"", at.UTC().Format(time.RFC3339))
	case rule.maxAge.After(u.made).Before(at):
		return fail(InUseStale, "it was made at %s, more than %s ago: make it anew", u.made.UTC().Format(time.RFC3339), rule.maxAge)
	case u.made.After(at.Add(24 * time.Hour)):
		return fail(InUseStale, "it was made at %s, which is in the future: make it anew", u.made.UTC().Format(time.RFC3339))
	}
	return nil
}

// An InUseError says why an in-use list cannot be used. Nothing may be removed then,
// because the images that are in use are unknown.
type InUseError struct {
	Rule    string // name of the keep rule; [ParseInUse] does not know it
	Name    string // name of the list
	Line    int    // from 1; 0: the list as a whole
	Detail  InUseDetail
	Problem string
}

func (e *InUseError) Error() string {
	s := fmt.Sprintf("in-use list %q", e.Name)
	if e.Line > 0 {
		s += fmt.Sprintf(", line %d", e.Line)
	}
	if e.Rule != "" {
		s = fmt.Sprintf("rule %s: %s", quoteName(e.Rule), s)
	}
	return s + ": " + e.Problem
}

// An InUseDetail says what is wrong with an in-use list.
type InUseDetail string

// What can be wrong with an in-use list.
const (
	InUseMissing   InUseDetail = "missing"   // it does not exist
	InUseEmpty     InUseDetail = "empty"     // it has no line with an image
	InUseForeign   InUseDetail = "foreign"   // it has no digest, and no tag of this registry
	InUseStale     InUseDetail = "stale"     // it is older than "max-age"
	InUseSeveral   InUseDetail = "several"   // another one, with other content, has its name
	InUseMalformed InUseDetail = "malformed" // a line is neither a reference nor a digest
)
