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
	// pageSize is what is asked for. Some registries refuse more.
	pageSize = 1000
	// nextSize is asked for where a full page came without a Link: another
	// number, so that a registry that heeds n but not last is told from one that
	// heeds neither.
	nextSize = pageSize - 1
	// maxEmptyPages in a row is how often a registry may say "nothing yet".
	maxEmptyPages = 3
)

// A list is one listing: what to ask, and how to read an entry. Its walk
// is complete or ends in an error, with memory for one page's hashes.
type list[T any] struct {
	client     *Client
	op         string
	repository string
	path       string
	query      string // of the first page, beside n
	name       string // what the member "name" must be; empty if it may be anything
	key        string // of the JSON array
	scope      auth.Scope
	paged      bool // the API knows n and last
	entry      func(*jsontext.Decoder) (T, error)
	id         func(T) string   // what makes an entry the same as another
	check      func(T) error    // whether an entry is valid
	keep       func(T) bool     // which entries to yield; nil for all
	missing    func(error) bool // whether the first page's failure was dealt with
}

// progress is what a walk remembers between pages.
type progress struct {
	pages, entries, empty int
	last                  string // id of the last entry
	before, now           pageHashes
	full                  int  // how many entries a page has where more may follow
	asked                 bool // this page was asked for without a Link
	loop                  loopDetector
	seed                  maphash.Seed
}

// pageHashes are what is remembered of a page: the hashes of its entries, at
// most [pageSize] of them.
type pageHashes struct {
	hashes map[uint64]struct{}
	count  int
	repeat bool // it turned out to be the previous page again
}

// walk yields every entry of every page, then possibly an error.
func (l *list[T]) walk(ctx context.Context, yield func(T, error) bool) {
	var zero T
	p := progress{full: pageSize, seed: maphash.MakeSeed()}
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
}

func (l *list[T]) firstQuery() *string {
	q := l.query
	if l.paged {
		q = l.sized(pageSize)
	}
	return &q
}

func (l *list[T]) sized(n int) string { return "n=" + strconv.Itoa(n) }

// errStopped says that whoever ranges over the list has seen enough.
var errStopped = errors.New("stopped")

// page reads one page and returns the query of the next one, if there is one.
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
		return nil, err
	}
	defer resp.Body.Close()
	here := &url.URL{Scheme: c.origin.Scheme, Host: c.origin.Host, Path: l.path, RawQuery: *query}
	if resp.StatusCode != http.StatusOK {
		return nil, r.refuse(resp, ErrNotRegistry, errors.New("not the status that answers a list"))
	}
	next, err := link.Next(resp.Header, here)
	if err != nil {
		return nil, r.refuse(resp, ErrIncompleteList, err)
	}
	p.turn()
	err = l.read(resp.Body, func(entry T) error { return l.take(p, entry, yield) })
	if ended := ctx.Err(); errors.Is(err, page.ErrMalformed) && ended != nil { // a page that was cut off is not malformed
		err = ended
	}
	if err != nil {
		return nil, r.pageError(resp, err)
	}
	return l.next(p, next)
}

// read decodes one page as it streams in and passes every entry to take.
func (l *list[T]) read(body io.Reader, take func(T) error) error {
	form := page.Form{Key: l.key, Name: l.name, Limit: l.client.config.limits.PageBytes}
	err := page.Read(body, form, l.entry, take)
	if errors.Is(err, page.ErrTooLarge) {
		return &Error{Kind: ErrIncompleteList, Err: err}
	}
	return err
}

// request asks for one page.
func (l *list[T]) request(query string) *request {
	r := l.client.newRequest(l.op, http.MethodGet, l.repository, "", l.path)
	r.Query, r.scope = query, l.scope
	return r
}

// turn makes room for a new page. An empty one hides none from the next.
func (p *progress) turn() {
	if p.now.count > 0 {
		p.before, p.now = p.now, p.before
	}
	clear(p.now.hashes)
	p.now = pageHashes{hashes: p.now.hashes}
}

// take is called for every entry of a page.
func (l *list[T]) take(p *progress, entry T, yield func(T, error) bool) error {
	if err := l.check(entry); err != nil {
		return l.fault(ErrNotRegistry, "an entry of the list is invalid: %w", err)
	}
	p.last = l.id(entry)
	if err := p.compare(p.hash(p.last)); err != nil {
		return err
	}
	if p.now.repeat { // nothing new, and no more of it than there was before
		if p.now.count > p.before.count {
			return errRepeats()
		}
		return nil
	}
	if p.entries++; p.entries > l.client.config.limits.Entries {
		return l.fault(ErrIncompleteList, "the list exceeds the limit of %d entries", l.client.config.limits.Entries)
	}
	if l.keep != nil && !l.keep(entry) {
		return nil
	}
	if !yield(entry, nil) {
		return errStopped
	}
	return nil
}

// compare notes an entry and holds it against the previous page. A registry
// that ignores n and last sends everything again, in any order, when asked what
// comes after a page: then that page was everything. Any other repetition is a
// list that cannot be trusted to end, or to be whole.
func (p *progress) compare(hash uint64) error {
	_, again := p.before.hashes[hash]
	if p.now.count++; p.now.count == 1 {
		p.now.repeat = p.asked && again
	}
	if again != p.now.repeat {
		return errRepeats()
	}
	if p.now.hashes == nil {
		p.now.hashes = make(map[uint64]struct{})
	}
	if len(p.now.hashes) < pageSize {
		p.now.hashes[hash] = struct{}{}
	}
	return nil
}

// next decides what comes after a page. The end is where the registry says
// nothing of a next page; only a page that is exactly full is asked about once
// more, for a registry that does not know Link.
func (l *list[T]) next(p *progress, link *url.URL) (*string, error) {
	full := p.now.count == p.full || p.asked && p.now.count > p.full // who heeds last but not n
	p.asked = false
	if p.now.count > 0 {
		p.empty = 0
	} else if p.empty++; p.empty >= maxEmptyPages {
		return nil, l.fault(ErrIncompleteList, "%d empty pages in a row", maxEmptyPages)
	}
	switch {
	case p.now.repeat && (link != nil || p.now.count != p.before.count):
		return nil, errRepeats()
	case link != nil && p.loop.seen(link.RawQuery):
		return nil, l.fault(ErrIncompleteList, "the pages lead in a circle")
	case link != nil:
		return &link.RawQuery, nil
	case l.paged && full && !p.now.repeat:
		p.asked, p.full = true, nextSize
		query := l.sized(nextSize) + "&last=" + url.QueryEscape(p.last)
		return &query, nil
	}
	return nil, nil
}

func errRepeats() error {
	return &Error{Kind: ErrIncompleteList, Err: errors.New("the list repeats itself or changed while it was read")}
}

func (l *list[T]) fault(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// pageError completes the error of reading a page.
func (r *request) pageError(resp transport.Response, err error) error {
	if errors.Is(err, errStopped) {
		return err
	}
	e := r.listError(err)
	e.Method, e.URL, e.Attempts, e.StatusCode = r.Method, r.url(), resp.Attempts, resp.StatusCode
	if t := mediaType(resp.Header); errors.Is(err, page.ErrMalformed) && t != "" && !strings.HasSuffix(t, "json") { // likely a page of some other server
		e.Err = r.client.secrets.RedactError(fmt.Errorf("content type %q: %w", clip(t), e.Err))
	}
	return e
}

// listError is the error for a list that cannot be read: malformed, refused by
// one of this file's own checks, or cut off by the network.
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

// incomplete says of a failure after the first page that the list is not whole.
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
	whole := *e
	whole.Kind, whole.Err = ErrIncompleteList, e
	return &whole
}

func (p *progress) hash(s string) uint64 { return maphash.String(p.seed, s) }

// A loopDetector finds a cycle of any length in a chain of queries while
// remembering one of them (Brent's algorithm).
type loopDetector struct {
	kept         string
	steps, power int
}

func (d *loopDetector) seen(query string) bool {
	if d.power > 0 && query == d.kept {
		return true
	}
	if d.steps++; d.steps > d.power {
		d.kept, d.power, d.steps = query, max(1, 2*d.power), 0
	}
	return false
}
