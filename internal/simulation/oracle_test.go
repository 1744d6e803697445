package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-8cb7cc86/regret"
)

// A fact is something that happened during an operation and that justifies some kinds of error.
type fact uint32

const (
	noResponse fact = 1 << iota
	serverFailed
	rateLimited
	unauthorized
	forbidden
	notFound    // with a registry's error code
	unsupported // with a registry's error code
	readOnly
	noErrorCode // an error response without a registry's error code
	notRegistry // a response that no registry sends
	contradictory
	mismatched
	untrusted
	redirected
	badPage
)

func (f fact) has(any fact) bool { return f&any != 0 }

// requiredFacts lists, for each kind of error, the facts of which at least one must have happened.
var requiredFacts = map[regret.Kind]fact{
	regret.ErrNotFound:             notFound,
	regret.ErrUnauthorized:         unauthorized,
	regret.ErrForbidden:            forbidden,
	regret.ErrDeleteDisabled:       unsupported,
	regret.ErrTagDeleteUnsupported: unsupported,
	regret.ErrReadOnly:             readOnly,
	regret.ErrRateLimited:          rateLimited,
	regret.ErrUnavailable:          noResponse | serverFailed,
	regret.ErrOutcomeUnknown:       noResponse | serverFailed | contradictory | notFound, // notFound: see answeredNotFound
	regret.ErrStillPresent:         contradictory,
	regret.ErrDigestMismatch:       mismatched | notRegistry,
	regret.ErrUntrustedRealm:       untrusted,
	regret.ErrRedirect:             redirected,
	regret.ErrNotRegistry:          notRegistry | contradictory,
	regret.ErrIncompleteList:       ^fact(0),
	regret.ErrInvalidEntries:       notRegistry | contradictory, // a corrupt byte in a name
	"":                             noErrorCode | notFound,      // notFound: a 404 for a manifest that is served all the same
}

// maxAttempts is the number of attempts that the default retries allow.
var maxAttempts = regret.DefaultRetries().Max + 1

func (m *model) problem(format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf(format, args...))
}

// judge compares the outcome of an operation with what the registry really held.
func (m *model) judge(op *operation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fail := func(format string, args ...any) {
		m.problem("%s: %s (error: %v)", op, fmt.Sprintf(format, args...), op.err)
	}
	if op.crash != "" {
		fail("panic: %s", op.crash)
		return
	}
	if op.invalid {
		if len(op.events) > 0 || !errors.Is(op.err, regret.ErrInvalid) {
			fail("want ErrInvalid and no request; got %d requests", len(op.events))
		}
		return
	}
	if overrun := op.ended.Sub(op.contextEndedAt); op.contextEnded() && overrun > 100*time.Millisecond {
		fail("returned %v after its context ended", overrun)
	}
	if op.contextEnded() && op.err != nil && !op.finalResponseRead() && !errors.Is(op.err, context.Canceled) && !errors.Is(op.err, context.DeadlineExceeded) {
		fail("the error does not match the context's error")
	}
	m.judgeRequestCount(op, fail)
	if op.err != nil {
		m.judgeError(op, fail)
	}
	switch op.kind {
	case resolve, resolveDigest, getManifest:
		m.judgeRead(op, fail)
	case deleteManifest, untag:
		m.judgeDeletion(op, fail)
	case putManifest:
		m.judgePut(op, fail)
	case checkDelete:
		if last := op.lastResponse(); op.err == nil && (last == nil || !last.facts.has(notFound)) {
			fail("it reports that deletion is allowed, but the last response does not show that")
		}
	case listTags, listRepos, listRefs:
		m.judgeList(op, fail)
	}
}

// lastResponse returns the last request whose response the client received, except for those of the
// token service.
func (op *operation) lastResponse() *event {
	for _, e := range slices.Backward(op.events) {
		if e.headerReceived && e.route.kind != tokens {
			return e
		}
	}
	return nil
}

// finalResponseRead reports whether the client had already read everything that decides its error
// when the context ended: the whole last response, or a header that makes the response invalid. In
// the latter case the client reads the rest of the body only to reuse the connection.
func (op *operation) finalResponseRead() bool {
	last := op.lastResponse()
	return last != nil && last == op.events[len(op.events)-1] &&
		(last.bodyReceived || last.fault.kind == foreignLink || last.fault.kind == malformedLink || op.kind == opPing)
}

// ambiguous reports whether a write may have taken effect although no response confirms it.
func (e *event) ambiguous() bool {
	if !e.write() {
		return false
	}
	return !e.headerReceived && !e.neverSent || e.fault.kind == serverError
}

// interruptedAfter503 reports whether the context may have ended before the client had read enough
// of a 503 to tell the registry's own from a proxy's.
func (op *operation) interruptedAfter503() bool {
	return op.contextEnded() && slices.ContainsFunc(op.events, func(e *event) bool { return e.write() && e.status == http.StatusServiceUnavailable })
}

// judgeRead checks that a read returned what the name pointed to at some time during the call.
func (m *model) judgeRead(op *operation, fail func(string, ...any)) {
	if op.err != nil || op.undetectable {
		return
	}
	n := name{op.repository, op.reference}
	if op.digest == "" || !slices.Contains(m.store.valuesBetween(n, op.fromVersion, op.toVersion), op.digest) {
		fail("the name pointed to %q, not to %q", m.store.valuesBetween(n, op.fromVersion, op.toVersion), op.digest)
		return
	}
	found := m.store.everStored[op.digest]
	if op.raw != nil && string(op.raw) != string(found.raw) {
		fail("the content of %s differs from what was pushed", op.digest)
	}
	if op.mediaType != "" && op.mediaType != found.mediaType {
		fail("the media type of %s is %s, not %s", op.digest, found.mediaType, op.mediaType)
	}
}

// judgeDeletion checks a deletion. Success requires that the registry itself confirmed it and did not
// serve the manifest at that time. An error other than ErrOutcomeUnknown requires that nothing was
// deleted.
func (m *model) judgeDeletion(op *operation, fail func(string, ...any)) {
	last := op.lastResponse()
	if op.err == nil {
		if last == nil || last.currentDigest != "" || last.status != http.StatusAccepted && !last.facts.has(notFound) {
			fail("success, but the last response was %+v", last)
		}
	}
	ambiguous, done := false, false
	for i, e := range op.events {
		if e.method == http.MethodDelete && ambiguous && op.kind == untag && !m.resolvedSinceLastWrite(op, i) {
			fail("a DELETE by tag was retried without resolving the tag again")
		}
		ambiguous, done = ambiguous || e.ambiguous(), done || e.write() && e.changed
	}
	unknown := errors.Is(op.err, regret.ErrOutcomeUnknown)
	stillServed := last != nil && last.currentDigest != ""
	unclassified := errors.Is(op.err, regret.ErrNotRegistry) && op.facts.has(contradictory)
	switch {
	case op.err == nil:
	case done && !unknown && !stillServed && !unclassified:
		fail("the deletion took effect, but the error reports that it did not")
	case ambiguous && errors.Is(op.err, regret.ErrNotFound):
		fail("ErrNotFound, although this call may have deleted the image itself")
	case unknown && !ambiguous && !op.facts.has(contradictory) && !op.interruptedAfter503() && !op.answeredNotFound():
		fail("ErrOutcomeUnknown, although every attempt had a definite response")
	case errors.Is(op.err, regret.ErrStillPresent) && !slices.ContainsFunc(op.events, func(e *event) bool { return !e.write() && e.currentDigest != "" }):
		fail("ErrStillPresent, although no read found the manifest")
	}
}

// resolvedSinceLastWrite reports whether, between the write at index i and the previous one, the
// registry reported a digest for the tag that this client had already seen before the call. It also
// returns true if the previous write cannot have taken effect.
func (m *model) resolvedSinceLastWrite(op *operation, i int) bool {
	for _, e := range slices.Backward(op.events[:i]) {
		if e.write() {
			return e.status == 401 || e.neverSent || e.fault.kind == busy
		}
		if e.headerReceived && e.responseDigest != "" {
			return slices.Contains(op.expected, e.responseDigest)
		}
	}
	return false
}

func (m *model) judgePut(op *operation, fail func(string, ...any)) {
	last := op.lastResponse()
	if op.err == nil && (last == nil || last.status != http.StatusCreated || last.currentDigest != op.manifest.digest) {
		fail("success, but the last response was %+v", last)
	}
	byTag := !strings.Contains(op.reference, ":")
	done := slices.ContainsFunc(op.events, func(e *event) bool { return e.write() && e.changed })
	if op.err != nil && done && byTag && !errors.Is(op.err, regret.ErrOutcomeUnknown) && !op.facts.has(contradictory) {
		fail("the push took effect, but the error reports that it did not")
	}
}

// judgeList checks that a list has every entry that existed during the whole call, and no entry twice.
func (m *model) judgeList(op *operation, fail func(string, ...any)) {
	if op.err != nil || op.undetectable || op.stopAfter > 0 && len(op.entries) == op.stopAfter {
		return
	}
	count := map[string]int{}
	for _, entry := range op.entries {
		if count[entry]++; count[entry] == 2 {
			fail("%q is listed twice", entry)
		}
	}
	for _, entry := range m.expectedEntries(op) {
		if count[entry] == 0 {
			fail("%q is missing from %q", entry, op.entries)
		}
	}
}

// expectedEntries returns the entries that existed during the whole call.
func (m *model) expectedEntries(op *operation) []string {
	if op.kind == listRepos {
		return m.store.repositoryNames()
	}
	r := m.store.repositories[op.repository]
	always := func(reference string) bool {
		return !slices.Contains(m.store.valuesBetween(name{op.repository, reference}, op.fromVersion, op.toVersion), "")
	}
	if op.kind == listTags {
		return slices.DeleteFunc(r.tagNames(), func(tag string) bool { return !always(tag) })
	}
	all := r.referrers(op.reference)
	if m.profile.noReferrers {
		tag := fallbackTag(op.reference)
		at := m.store.valuesBetween(name{op.repository, tag}, op.fromVersion, op.toVersion)
		if len(at) > 1 || at[0] == "" {
			return nil
		}
		all = nil
		for _, child := range m.store.everStored[at[0]].children {
			all = append(all, m.store.everStored[child])
		}
	}
	var digests []string
	for _, found := range all {
		if len(op.artifactTypes) > 0 && !slices.Contains(op.artifactTypes, found.artifactType) {
			continue
		}
		if m.profile.noReferrers || always(found.digest) {
			digests = append(digests, found.digest)
		}
	}
	return digests
}

// judgeRequestCount bounds the number of requests by the documented number of requests of an
// operation and the documented number of attempts for each.
func (m *model) judgeRequestCount(op *operation, fail func(string, ...any)) {
	expectedRequests := map[opKind]int{
		opPing: 1, getManifest: 1, checkDelete: 1, putManifest: 1, // the request
		resolve: 2, resolveDigest: 2, // HEAD, GET
		deleteManifest: 5, // HEAD, GET; DELETE; HEAD, GET
		untag:          6, // DELETE; HEAD, GET; and all of it again
	}[op.kind]
	direct, redirected, tokenRequests := 0, 0, 0
	pages := map[string]bool{}
	for _, e := range op.events {
		switch {
		case e.route.kind == tokens:
			tokenRequests++
		case e.route.kind == storage, e.url.Query().Get("via") != "":
			redirected++
		default:
			direct++
			pages[e.url.RequestURI()] = true
		}
	}
	if op.isList() {
		expectedRequests = len(pages)
	}
	attempts := max(expectedRequests, 1) * maxAttempts
	if direct > 2*attempts || redirected > 3*direct || tokenRequests > 3*attempts {
		fail("%d requests to the registry, %d after redirects and %d for tokens, in at most %d attempts", direct, redirected, tokenRequests, attempts)
	}
}

// answeredNotFound reports whether a DELETE was answered with 404, which proves nothing unless a
// read confirms it.
func (op *operation) answeredNotFound() bool {
	return slices.ContainsFunc(op.events, func(e *event) bool { return e.write() && e.status == http.StatusNotFound })
}

// judgeError checks that an error is justified, short and printable, and contains no secrets.
func (m *model) judgeError(op *operation, fail func(string, ...any)) {
	e, ok := errors.AsType[*regret.Error](op.err)
	if !ok {
		fail("the error is a %T, not a *regret.Error", op.err)
		return
	}
	facts := op.facts
	if m.throttled {
		facts |= rateLimited
	}
	if op.kind == opPing && facts.has(noErrorCode) {
		facts |= notRegistry // a server without anything at that path may be no registry
	}
	if m.profile.noReferrers && op.kind == listRefs {
		facts |= notRegistry // another client may have pushed something else under the fallback tag
	}
	allowed, known := requiredFacts[e.Kind]
	excused := op.contextEnded() && (e.Kind == "" || e.Kind == regret.ErrOutcomeUnknown || e.Kind == regret.ErrIncompleteList)
	if !known || !facts.has(allowed) && !excused {
		fail("nothing that happened justifies the kind %q", e.Kind)
	}
	values := m.store.valuesBetween(name{op.repository, op.reference}, op.fromVersion, op.toVersion)
	if e.Kind == regret.ErrNotFound && !op.isList() && !slices.Contains(values, "") {
		fail("ErrNotFound, although the name pointed to %v during the whole call", values)
	}
	if e.Attempts > maxAttempts {
		fail("%d attempts", e.Attempts)
	}
	text := op.err.Error()
	if len(text) > 1<<10 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		fail("the error text of %d bytes is too long or not printable: %q", len(text), text)
	}
	asJSON, err := json.Marshal(op.err)
	if err != nil {
		fail("as JSON: %v", err)
	}
	for _, form := range []string{text, fmt.Sprintf("%+v", op.err), fmt.Sprintf("%#v %+v", e, e.Details), string(asJSON), detailText(e)} {
		if leaks(form) {
			fail("a secret appears in %q", form)
			break
		}
	}
}

// detailText formats the details of an error, including the raw JSON that %v prints as numbers.
func detailText(e *regret.Error) string {
	var b strings.Builder
	for _, d := range e.Details {
		fmt.Fprintf(&b, "%s %s %s\n", d.Code, d.Message, d.Detail)
	}
	return b.String()
}
