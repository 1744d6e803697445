package prune

import (
	"fmt"
	"strings"

	"github.com/seed-8cb7cc86/regret"
)

// An IncompleteError says what could not be read, so that nothing is planned: what is not
// known may need what would go. The cause is an error of the [Reader], such as a
// [*regret.Error], or a [*plan.LimitError].
type IncompleteError struct {
	Repository string
	Detail     IncompleteDetail
	Tag        string        // empty if no tag is concerned, or none is known
	Digest     regret.Digest // empty if no manifest is concerned, or its digest is not known
	Err        error
}

// An IncompleteDetail says which part of a repository an [IncompleteError] is about.
type IncompleteDetail string

// What could not be read.
const (
	IncompleteList      IncompleteDetail = "list"      // the list of tags
	IncompleteManifest  IncompleteDetail = "manifest"  // a manifest
	IncompleteIndex     IncompleteDetail = "index"     // something that an index lists
	IncompleteReferrers IncompleteDetail = "referrers" // what refers to a manifest
	IncompleteConfig    IncompleteDetail = "config"    // the configuration of an image, by its own digest
	IncompleteLimit     IncompleteDetail = "limit"     // more in an index, or about a manifest, than is read
)

// unread says in words what each detail is about.
var unread = map[IncompleteDetail]string{
	IncompleteList:      "the list of tags",
	IncompleteManifest:  "the manifest",
	IncompleteIndex:     "a manifest of an index",
	IncompleteReferrers: "the referrers",
	IncompleteConfig:    "the configuration",
}

// Error names what could not be read, and says why.
func (e *IncompleteError) Error() string {
	if e.Detail == IncompleteLimit {
		return fmt.Sprintf("%s: %v", e.Repository, e.Err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: nothing is planned, because %s", e.Repository, unread[e.Detail])
	for _, name := range []string{e.Tag, string(e.Digest)} {
		if name != "" {
			b.WriteString(" " + name)
		}
	}
	fmt.Fprintf(&b, " could not be read: %v", e.Err)
	return b.String()
}

// Unwrap returns the cause.
func (e *IncompleteError) Unwrap() error { return e.Err }

// A RepositoryError says for which of several repositories there is no plan, and why.
type RepositoryError struct {
	Repository string // empty if the list of repositories itself failed
	Err        error
}

// Error returns the cause, which begins with the repository if there is one.
func (e *RepositoryError) Error() string {
	switch {
	case e.Repository == "":
		return "the list of repositories: " + e.Err.Error()
	case strings.HasPrefix(e.Err.Error(), e.Repository+": "):
		return e.Err.Error()
	}
	return e.Repository + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *RepositoryError) Unwrap() error { return e.Err }
