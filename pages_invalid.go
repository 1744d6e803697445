package regret

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

const (
	// maxInvalidEntries limits the number of entries that an InvalidEntriesError holds.
	maxInvalidEntries = 10
	// maxInvalidEntry limits the length of each of them, in bytes.
	maxInvalidEntry = 128
)

// An InvalidEntriesError holds the entries of a list that are not valid names: tags
// such as "-ot-beta", repositories such as "Team/App", descriptors whose digest is
// invalid. It is the cause of an [Error] of the kind [ErrInvalidEntries].
type InvalidEntriesError struct {
	Entries []string // the first ten, in the order of the list, printable and of at most 128 bytes each
	Omitted int      // how many more there are
}

// Error returns the quoted entries.
func (e *InvalidEntriesError) Error() string {
	var b strings.Builder
	for i, entry := range e.Entries {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", entry)
	}
	if e.Omitted > 0 {
		fmt.Fprintf(&b, " and %d more", e.Omitted)
	}
	return b.String()
}

// invalidEntries collects the invalid entries of a list in bounded memory.
type invalidEntries struct {
	entries []string
	omitted int
}

// add records an entry. An entry is arbitrary text of the registry: it may be a
// megabyte long or repeat a secret.
func (i *invalidEntries) add(entry string, secrets *redact.Secrets) {
	if len(i.entries) == maxInvalidEntries {
		i.omitted++
		return
	}
	i.entries = append(i.entries, redact.Printable(secrets.Redact(redact.URLs(entry)), maxInvalidEntry))
}

// error returns the error for the entries of the list that r reads, or nil if there
// are none.
func (i *invalidEntries) error(r *request) error {
	if len(i.entries) == 0 {
		return nil
	}
	e := r.newError(ErrInvalidEntries, nil)
	e.Err = &InvalidEntriesError{Entries: slices.Clone(i.entries), Omitted: i.omitted} // already redacted
	e.Method, e.URL, e.StatusCode, e.Attempts = http.MethodGet, r.url(), http.StatusOK, 1
	e.Hint = "these entries cannot be named in a request; the rest of the list is complete"
	return e
}
