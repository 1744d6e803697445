package prune

import (
	"fmt"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A MissingError says which of the references that were to be deleted lead to nothing. It is
// of the kind [regret.ErrNotFound].
type MissingError struct {
	Repository string
	References []string // sorted; tags that a list has, but that lead to nothing, are among them
	// Plan deletes the references that do lead to something, for callers that expect some to be
	// gone already. It is nil if there are other errors.
	Plan *plan.Plan
}

// Error names what is missing.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%s: not found: %s; take the names of what is there from the list of tags", e.Repository, strings.Join(e.References, ", "))
}

// Unwrap returns [regret.ErrNotFound].
func (e *MissingError) Unwrap() error { return regret.ErrNotFound }

// A SharedError says that a manifest that was to be deleted has tags that were not named. All
// of its tags would go with it.
type SharedError struct {
	Repository string
	Digest     regret.Digest
	Named      []string // the tags that were named, sorted; none if the digest was
	Others     []string // the tags that were not, sorted
}

// Error names the tags.
func (e *SharedError) Error() string {
	remove := "name a tag to remove it alone with Untag"
	if len(e.Named) > 0 {
		remove = "remove only " + strings.Join(e.Named, ", ") + " with Untag"
	}
	return fmt.Sprintf("%s: %s also carries %s, and all of its tags would go: %s, or allow it with WithTags",
		e.Repository, e.Digest, strings.Join(e.Others, ", "), remove)
}

// A NeededError says that a manifest that was to be deleted must stay, because something
// needs it that was not named.
type NeededError struct {
	Repository string
	Digest     regret.Digest
	Tags       []string    // all tags of the manifest, sorted
	Reason     plan.Reason // By is what needs it
}

// Error says what needs the manifest.
func (e *NeededError) Error() string {
	name := string(e.Digest)
	if len(e.Tags) > 0 {
		name = strings.Join(e.Tags, ", ") + " (" + name + ")"
	}
	by := ""
	if e.Reason.By != "" {
		by = fmt.Sprintf(" (%s)", e.Reason.By)
	}
	return fmt.Sprintf("%s: %s must stay: %s%s; name that as well if it is to go", e.Repository, name, e.Reason.Text, by)
}

// A BrokenError says that tags of a repository lead to nothing, so that nothing is planned:
// behind one of them may be an index that needs what would go.
type BrokenError struct {
	Repository string
	Tags       []string // or entries of the list that are no tags, sorted
}

// Error names the tags.
func (e *BrokenError) Error() string {
	const shown = 10
	return fmt.Sprintf("%s: nothing is planned, because tags that lead to nothing may hide what is needed: %q, %d in all; push them again or untag them",
		e.Repository, e.Tags[:min(len(e.Tags), shown)], len(e.Tags))
}
