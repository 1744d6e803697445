package regret

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

const (
	// maxInvalidEntries limits the number of entries that an InvalidEntriesError holds.
	maxInvalidEntries = 1000
	// maxInvalidEntry limits the length of each of them, in bytes.
	maxInvalidEntry = 128
	// maxQuotedEntries limits the number of entries in the text of an InvalidEntriesError.
	maxQuotedEntries = 10
)

// An InvalidEntriesError holds the entries of a list that are not valid names: tags
// such as "-ot-beta", repositories such as "Team/App", descriptors whose digest is
// invalid. It is the cause of an [Error] of the kind [ErrInvalidEntries].
type InvalidEntriesError struct {
	Entries []string // the first thousand, in the order of the list, printable and of at most 128 bytes each
	Omitted int      // how many more there are
}

// Total returns the number of invalid entries. An entry that is listed twice counts
// twice.
func (e *InvalidEntriesError) Total() int { return len(e.Entries) + e.Omitted }

// Error returns the first ten entries, quoted, and the number of the others.
func (e *InvalidEntriesError) Error() string {
	var b strings.Builder
	quoted := e.Entries[:min(len(e.Entries), maxQuotedEntries)]
	for i, entry := range quoted {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", entry)
	}
	if more := e.Total() - len(quoted); more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
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

// smallSize is a page size that most registries accept.
const smallSize = 100

// smallerQuery returns the query with which to request the first page again if the
// registry may have refused its size: first with [smallSize], then without a size.
// It returns nil if the refusal has another reason, and after two retries.
func (l *list[T]) smallerQuery(p *progress, err error) *string {
	e, ok := err.(*Error)
	if !ok || !l.paged || p.pages != 1 || p.size == 0 || !l.mayRefuseSize(e) {
		return nil
	}
	limit, query := 0, ""
	if p.size == pageSize {
		limit = smallSize
		query = sizeQuery(limit)
	}
	p.pages, p.size, p.fullSize = 0, limit, limit
	return &query
}

// mayRefuseSize reports whether a refusal may be about the page size. Registries do
// so with many codes and statuses, and some without a reason; one that has a kind, or
// is about the name, is about something else.
func (l *list[T]) mayRefuseSize(e *Error) bool {
	fromRegistry := e.URL == l.request("").url() // and not from a token service
	return fromRegistry && e.StatusCode/100 == 4 && e.Kind == "" && e.StatusCode != http.StatusNotFound && !e.hasCode(CodeNameInvalid)
}

const hintLostCursor = "the entry after which this page begins may have been deleted while the list was read, to which zot responds with 404: " +
	"list again, and delete only after the list is complete"

// explainLostCursor adds a hint to a 404 without a code in the middle of a list.
func explainLostCursor(p *progress, query string, err error) error {
	values, _ := url.ParseQuery(query) // also of a query that is partly invalid
	e, ok := err.(*Error)
	if !ok || p.pages == 1 || !values.Has("last") || e.StatusCode != http.StatusNotFound || e.Kind != "" || isRegistryError(e.Details) {
		return err
	}
	return annotate(err, func(e *Error) { e.Hint = hintLostCursor })
}
