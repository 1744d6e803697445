package regret

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/link"
	"github.com/seed-8cb7cc86/regret/internal/page"
	"github.com/seed-8cb7cc86/regret/internal/transport"
)

const (
	// pageSize is the page size to request. Some registries refuse a larger one.
	pageSize = 1000
	// maxEmptyPages limits the number of consecutive empty pages.
	maxEmptyPages = 3
	// maxCursor is the longest entry, in bytes, after which a page is requested.
	maxCursor = 1 << 10
)

// A list describes a listing: the request for it and how to read an entry. walk
// yields the complete list or ends with an error.
type list[T any] struct {
	client     *Client
	op         string
	repository string
	path       string
	query      string // query of the first page if the API is not paged
	name       string // required value of the member "name"; empty if any will do
	key        string // name of the JSON array
	scope      auth.Scope
	paged      bool // the API has the parameters n and last
	entry      func(*jsontext.Decoder) (T, error)
	id         func(T) string   // identifies an entry, to detect repetitions
	check      func(T) error    // validates an entry
	invalid    func(T) string   // what an invalid entry is called; nil for its id
	harmless   func(T) bool     // reports whether an invalid entry needs no mention; nil for none
	keep       func(T) bool     // selects the entries to yield; nil for all
	missing    func(error) bool // handles a failure of the first page; reports whether it did
	manifests  *manifestMap[T]  // entries in a JSON object, too; nil for none
}

// progress is the state of a walk.
type progress struct {
	pages, entries    int
	emptyPages        int    // consecutive ones
	last              string // id of the last entry
	invalid           invalidEntries
	previous, current pageHashes
	size              int  // page size to request; 0 to request none, after the registry refused one
	fullSize          int  // number of entries of a page after which more may follow
	probing           bool // the current page was requested without a Link
	loop              loopDetector
	seed              maphash.Seed
	manifestSeed      maphash.Seed // differs from seed: a digest may be both an element and a member
}

// pageHashes holds the hashes of the entries of a page: of the first [pageSize] elements
// of the array, and of all members of the [manifestMap], whose number is bounded by the
// limit for the size of a page.
type pageHashes struct {
	hashes    map[uint64]struct{}
	count     int  // of elements, including those without a hash
	manifests int  // of members
	repeat    bool // the page repeats the previous one
}

func (h *pageHashes) isEmpty() bool { return h.count+h.manifests == 0 }

func (h *pageHashes) add(hash uint64) {
	if h.hashes == nil {
		h.hashes = make(map[uint64]struct{})
	}
	h.hashes[hash] = struct{}{}
}

// walk yields every valid entry of every page, then possibly an error.
func (l *list[T]) walk(ctx context.Context, yield func(T, error) bool) {
	var zero T
	p := progress{size: pageSize, fullSize: pageSize, seed: maphash.MakeSeed(), manifestSeed: maphash.MakeSeed()}
	for query := l.firstQuery(); query != nil; {
		more, err := l.page(ctx, &p, query, yield)
		if errors.Is(err, errStopped) {
			return
		}
		if err != nil {
			yield(zero, l.incomplete(&p, err))
			return
		}
		query = more
	}
	if err := p.invalid.error(l.request("")); err != nil {
		yield(zero, err)
	}
}

func (l *list[T]) firstQuery() *string {
	q := l.query
	if l.paged {
		q = sizeQuery(pageSize)
	}
	return &q
}

func sizeQuery(n int) string { return "n=" + strconv.Itoa(n) }

// errStopped reports that the caller broke out of the range loop, or that
// [list.missing] has yielded the list.
var errStopped = errors.New("stopped")

// page reads one page and returns the query of the next one, or nil if it was the last.
func (l *list[T]) page(ctx context.Context, p *progress, query *string, yield func(T, error) bool) (*string, error) {
	c := l.client
	if p.pages++; p.pages > c.config.limits.Pages {
		return nil, l.fault(ErrIncompleteList, "the list exceeds the limit of %d pages", c.config.limits.Pages)
	}
	r := l.request(*query)
	resp, err := r.do(ctx)
	if err != nil {
		if p.pages == 1 && l.missing != nil && l.missing(err) {
			return nil, errStopped
		}
		if smaller := l.smallerQuery(p, err); smaller != nil {
			return smaller, nil
		}
		return nil, explainLostCursor(p, *query, err)
	}
	defer resp.Body.Close()
	here := &url.URL{Scheme: c.origin.Scheme, Host: c.origin.Host, Path: l.path, RawQuery: *query}
	if resp.StatusCode != http.StatusOK {
		return nil, r.refuse(resp, ErrNotRegistry, errors.New("a response with a list must have status 200"))
	}
	next, err := link.Next(resp.Header, here)
	if err != nil {
		return nil, r.refuse(resp, ErrIncompleteList, err)
	}
	p.startPage()
	err = l.read(resp.Body, func(entry T) error { return l.take(p, entry, yield) })
	if ended := ctx.Err(); errors.Is(err, page.ErrMalformed) && ended != nil { // a page that was cut off is not malformed
		err = ended
	}
	if err != nil {
		return nil, r.pageError(resp, err)
	}
	return l.next(p, next)
}

// read decodes one page as it streams in and calls take for every entry.
func (l *list[T]) read(body io.Reader, take func(T) error) error {
	form := page.Form{Key: l.key, Name: l.name, Limit: l.client.config.limits.PageBytes}
	var err error
	if m := l.manifests; m == nil {
		err = page.Read(body, form, l.entry, take)
	} else {
		form.Map = m.key
		err = page.ReadWithMap(body, form, l.entry, m.entry, take)
	}
	if errors.Is(err, page.ErrTooLarge) {
		return &Error{Kind: ErrIncompleteList, Err: err}
	}
	return err
}

// request returns the request for one page.
func (l *list[T]) request(query string) *request {
	r := l.client.newRequest(l.op, http.MethodGet, l.repository, "", l.path)
	r.Query, r.scope, r.Authenticate = query, l.scope, true
	return r
}

// startPage makes the current page the previous one, unless it is empty, so that
// the next page is compared with the last one that had entries.
func (p *progress) startPage() {
	if !p.current.isEmpty() {
		p.previous, p.current = p.current, p.previous
	}
	clear(p.current.hashes)
	p.current = pageHashes{hashes: p.current.hashes}
}

// take checks one entry of a page and yields it. An invalid entry is not yielded, but
// otherwise counts like any other: registries count it, too, when they cut pages.
func (l *list[T]) take(p *progress, entry T, yield func(T, error) bool) error {
	id := l.id(entry)
	if l.manifests != nil && l.manifests.holds(entry) {
		if err := p.compareManifest(id); err != nil {
			return err
		}
	} else {
		if len(id) <= maxCursor {
			p.last = id
		}
		if err := p.compare(p.hash(id)); err != nil {
			return err
		}
	}
	if p.current.repeat {
		if p.current.count > p.previous.count {
			return errRepeats()
		}
		return nil
	}
	if p.entries++; p.entries > l.client.config.limits.Entries {
		return l.fault(ErrIncompleteList, "the list exceeds the limit of %d entries", l.client.config.limits.Entries)
	}
	if l.check(entry) != nil {
		if l.harmless == nil || !l.harmless(entry) {
			name := id
			if l.invalid != nil {
				name = l.invalid(entry)
			}
			p.invalid.add(name, l.client.secrets)
		}
		return nil
	}
	if l.keep != nil && !l.keep(entry) {
		return nil
	}
	if !yield(entry, nil) {
		return errStopped
	}
	return nil
}

// compare records an entry and compares it with the previous page. A registry that
// ignores n and last responds to a request without a Link with the previous page
// again, in any order; then that page was the complete list. After any other
// repetition the list may be endless or incomplete.
func (p *progress) compare(hash uint64) error {
	again := p.seenBefore(hash)
	if p.current.count++; again != p.current.repeat {
		return errRepeats()
	}
	if p.current.count <= pageSize {
		p.current.add(hash)
	}
	return nil
}

// seenBefore reports whether an entry is on the previous page. The first entry of a
// page decides whether the page repeats the previous one.
func (p *progress) seenBefore(hash uint64) bool {
	_, again := p.previous.hashes[hash]
	if p.current.isEmpty() {
		p.current.repeat = p.probing && again
	}
	return again
}

// next returns the query of the page after the current one. The list ends at a page
// without a Link. After a page that is exactly full, next probes for one more page
// in case the registry does not support Link.
func (l *list[T]) next(p *progress, link *url.URL) (*string, error) {
	full := p.current.count == p.fullSize ||
		p.probing && p.current.count > p.fullSize || // the registry applies last but ignores n
		p.current.manifests == p.fullSize && p.current.count < p.fullSize // the registry may apply n to manifests
	p.probing = false
	if !p.current.isEmpty() {
		p.emptyPages = 0
	} else if p.emptyPages++; p.emptyPages >= maxEmptyPages {
		return nil, l.fault(ErrIncompleteList, "%d empty pages in a row", maxEmptyPages)
	}
	switch {
	case p.current.repeat && (link != nil || p.current.count != p.previous.count || p.current.manifests != p.previous.manifests):
		return nil, errRepeats()
	case link != nil && (p.loop.seen(link.RawQuery) || l.isFirst(link.RawQuery)):
		return nil, l.fault(ErrIncompleteList, "the links between the pages form a loop")
	case link != nil:
		return &link.RawQuery, nil
	case p.current.mayBeCut():
		return nil, errMayBeCut()
	case l.paged && p.size > 0 && full && !p.current.repeat:
		// The size differs from that of the first page to distinguish a registry that
		// applies n but not last from one that ignores both.
		p.probing, p.fullSize = true, p.size-1
		query := sizeQuery(p.fullSize) + "&last=" + url.QueryEscape(p.last)
		return &query, nil
	}
	return nil, nil
}

// isFirst reports whether a query requests the first page: it has no cursor, or an
// empty one.
func (l *list[T]) isFirst(query string) bool {
	cursor := func(query string) string {
		values, err := url.ParseQuery(query)
		if err != nil {
			return query // an opaque one
		}
		delete(values, "n")
		if values.Get("last") == "" {
			delete(values, "last")
		}
		return values.Encode()
	}
	return cursor(query) == cursor(*l.firstQuery())
}

func errRepeats() error {
	return &Error{Kind: ErrIncompleteList, Err: errors.New("entries were repeated: the registry repeats pages, or the list changed while it was read")}
}

func (l *list[T]) fault(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// pageError adds the facts about the response to an error from reading a page.
func (r *request) pageError(resp transport.Response, err error) error {
	if errors.Is(err, errStopped) {
		return err
	}
	e := r.listError(err)
	e.Method, e.URL, e.Attempts, e.StatusCode = r.Method, r.url(), resp.Attempts, resp.StatusCode
	if t := mediaType(resp.Header); errors.Is(err, page.ErrMalformed) && t != "" && !strings.HasSuffix(t, "json") { // probably a web page of another server
		e.Err = r.client.secrets.RedactError(fmt.Errorf("content type %q: %w", clip(t), e.Err))
	}
	return e
}

// listError returns the error for a list that cannot be read because it is
// malformed, failed a check of this file, or was cut off by the network.
func (r *request) listError(err error) *Error {
	if refusal, ok := errors.AsType[*Error](err); ok {
		e := r.newError(refusal.Kind, refusal.Err)
		e.Hint = refusal.Hint
		return e
	}
	kind := ErrUnavailable
	switch {
	case errors.Is(err, page.ErrMalformed):
		kind = ErrNotRegistry
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = ""
	}
	return r.newError(kind, err)
}

// incomplete turns a failure after the first page into ErrIncompleteList.
func (l *list[T]) incomplete(p *progress, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	if e.Op == "" {
		e.Op, e.Repository = l.op, l.repository
	}
	if p.pages == 1 || e.Kind == ErrIncompleteList {
		return e
	}
	partial := *e
	partial.Kind, partial.Err = ErrIncompleteList, e
	return &partial
}

func (p *progress) hash(s string) uint64 { return maphash.String(p.seed, s) }

// A loopDetector finds a cycle of any length in a sequence of queries. It stores only
// one of them (Brent's algorithm).
type loopDetector struct {
	kept         string
	steps, power int
}

// seen reports whether query closes a cycle, possibly some rounds late.
func (d *loopDetector) seen(query string) bool {
	if d.power > 0 && query == d.kept {
		return true
	}
	if d.steps++; d.steps > d.power {
		d.kept, d.power, d.steps = query, max(1, 2*d.power), 0
	}
	return false
}
