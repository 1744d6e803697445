package regret

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
)

// codeTooManyTags is the code with which Quay refuses a page size, with status 413.
const codeTooManyTags Code = "TOO_MANY_TAGS_REQUESTED"

var (
	// sizeWords finds what registries without a code of their own write about a page size. ECR:
	// "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less
	// than or equal to 1000'". Harbor's own API: "page_size in query should be less than or equal to
	// 100".
	sizeWords = regexp.MustCompile(`(?i)max[ _-]?results|page[ _-]?size|pagination|\bn=|['"` + "`" + `]n['"` + "`" + `]|` +
		`(parameter|argument|field|value|value of|value for) n\b|\bn (is|must|should|may|can|has|exceeds|out of)\b|` +
		`(number|amount) of (results|entries|tags|items|repositories|records)|requested (limit|number)|\blimit (is|must|should|may|can|exceeds|too)\b|` +
		`too many (results|entries|tags|items|repositories|records)`)
	// maximumWords finds the maximum in such a text.
	maximumWords = regexp.MustCompile(`(?i)(?:` +
		`max(?:imum)?(?: allowed| value| limit| number| page size| of| is|:|=| =)* ?|` +
		`less than or equal to |at most |up to |(?:no|not) (?:more|greater|larger) than |exceeds? |between \d{1,6} (?:and|to) |limit(?:ed to| is| of|:) |<= ?)(\d{1,6})\b`)
)

// smallerQuery returns the query with which to request the first page again if the
// registry refused its size: with the maximum that the registry names, or without a
// size. It returns nil after any other failure, and after at most two retries.
func (l *list[T]) smallerQuery(p *progress, err error) *string {
	e, ok := err.(*Error)
	if !ok || !l.paged || p.pages != 1 || p.size == 0 || !l.refusesSize(e) {
		return nil
	}
	limit := namedMaximum(e.Details, p.size)
	if p.size < pageSize {
		limit = 0
	}
	query := ""
	if limit > 0 {
		query = sizeQuery(limit)
	}
	p.pages, p.size, p.fullSize = 0, limit, limit
	return &query
}

// refusesSize reports whether a refusal is about the page size. A refusal that has a
// kind is about something else.
func (l *list[T]) refusesSize(e *Error) bool {
	if e.StatusCode/100 != 4 || e.Kind != "" || e.URL != l.request("").url() { // not of a token service
		return false
	}
	if len(e.Details) == 0 && e.StatusCode == http.StatusBadRequest {
		return true // zot gives no reason for a number that it does not take
	}
	return e.hasCode(CodePaginationNumberInvalid, codeTooManyTags) || slices.ContainsFunc(e.Details, func(d Detail) bool {
		return sizeWords.MatchString(d.words())
	})
}

// namedMaximum returns the largest page size that a refusal of size allows, or 0 if
// it names none. A page of one entry is not an option: see [list.next].
func namedMaximum(details []Detail, size int) int {
	limit := 0
	for _, d := range details {
		for _, match := range maximumWords.FindAllStringSubmatch(d.words(), -1) {
			if n, err := strconv.Atoi(match[1]); err == nil && n > 1 && n < size && (limit == 0 || n < limit) {
				limit = n
			}
		}
	}
	return limit
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
