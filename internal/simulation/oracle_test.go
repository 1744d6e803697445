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

// A fact is something that happened to an operation and that its error may
// rest on.
type fact uint32

const (
	noAnswer fact = 1 << iota
	serverFailed
	rateLimited
	unauthorized
	forbidden
	missing     // in the registry's own words
	unsupported // so is this
	readOnly
	codeless // a refusal without a registry's code
	odd      // an answer that no registry gives
	contradictory
	mismatched
	untrusted
	redirected
	listTrouble
)

func (f fact) has(any fact) bool { return f&any != 0 }

// grounds are the facts without which an error of a kind is not honest.
var grounds = map[regret.Kind]fact{
	regret.ErrNotFound:             missing,
	regret.ErrUnauthorized:         unauthorized,
	regret.ErrForbidden:            forbidden,
	regret.ErrDeleteDisabled:       unsupported,
	regret.ErrTagDeleteUnsupported: unsupported,
	regret.ErrReadOnly:             readOnly,
	regret.ErrRateLimited:          rateLimited,
	regret.ErrUnavailable:          noAnswer | serverFailed,
	regret.ErrOutcomeUnknown:       noAnswer | serverFailed | contradictory | missing, // see denied
	regret.ErrStillPresent:         contradictory,
	regret.ErrDigestMismatch:       mismatched | odd,
	regret.ErrUntrustedRealm:       untrusted,
	regret.ErrRedirect:             redirected,
	regret.ErrNotRegistry:          odd | contradictory,
	regret.ErrIncompleteList:       ^fact(0),
	"":                             codeless | missing, // said to be missing, and served all the same
}

// maxAttempts is what the default retries come to.
var maxAttempts = regret.DefaultRetries().Max + 1

func (m *model) problem(format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf(format, args...))
}

// judge holds the outcome of an operation against what the registry really
// held.
func (m *model) judge(op *operation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wrong := func(format string, args ...any) {
		m.problem("%s: %s (error: %v)", op, fmt.Sprintf(format, args...), op.err)
	}
	if op.crash != "" {
		wrong("panic: %s", op.crash)
		return
	}
	if op.invalid {
		if len(op.events) > 0 || !errors.Is(op.err, regret.ErrInvalid) {
			wrong("a name that is none: %d requests", len(op.events))
		}
		return
	}
	if late := op.ended.Sub(op.stopped); op.over() && late > 100*time.Millisecond {
		wrong("returned %v after its context ended", late)
	}
	if op.over() && op.err != nil && !op.judged() && !errors.Is(op.err, context.Canceled) && !errors.Is(op.err, context.DeadlineExceeded) {
		wrong("it does not say that its context ended")
	}
	m.judgeBudget(op, wrong)
	if op.err != nil {
		m.judgeError(op, wrong)
	}
	switch op.kind {
	case resolve, digestOnly, getManifest:
		m.judgeRead(op, wrong)
	case deletion, untag:
		m.judgeDeletion(op, wrong)
	case putManifest:
		m.judgePut(op, wrong)
	case checkDelete:
		if last := op.lastAnswer(); op.err == nil && (last == nil || !last.facts.has(missing)) {
			wrong("it says that deleting is allowed, which nobody said")
		}
	case listTags, listRepos, listRefs:
		m.judgeList(op, wrong)
	}
}

// lastAnswer is what the registry said last.
func (op *operation) lastAnswer() *event {
	for _, e := range slices.Backward(op.events) {
		if e.delivered && e.route.kind != tokens {
			return e
		}
	}
	return nil
}

// judged says that the client had read all that an error could rest on when the
// context ended: the last answer to its end, or a header that condemns it. What
// is left of a body is only read for the connection's sake.
func (op *operation) judged() bool {
	last := op.lastAnswer()
	return last != nil && last == op.events[len(op.events)-1] &&
		(last.whole || last.fault.kind == linkAway || last.fault.kind == badLink || op.kind == opPing)
}

// ambiguous says that a write may have been done although no answer said so.
func (e *event) ambiguous() bool {
	if !e.write() {
		return false
	}
	return !e.delivered && !e.untouched || e.fault.kind == serverError
}

// cutShort says that the context may have ended before the client could read
// who it was that answered 503.
func (op *operation) cutShort() bool {
	return op.over() && slices.ContainsFunc(op.events, func(e *event) bool { return e.write() && e.status == http.StatusServiceUnavailable })
}

// judgeRead wants what the name stood for at some moment of the call.
func (m *model) judgeRead(op *operation, wrong func(string, ...any)) {
	if op.err != nil || op.unprovable {
		return
	}
	n := name{op.repository, op.reference}
	if op.digest == "" || !slices.Contains(m.store.during(n, op.from, op.to), op.digest) {
		wrong("it stood for %v, not for %s", m.store.during(n, op.from, op.to), op.digest)
		return
	}
	found := m.store.known[op.digest]
	if op.raw != nil && string(op.raw) != string(found.raw) {
		wrong("the bytes of %s are others", op.digest)
	}
	if op.mediaType != "" && op.mediaType != found.mediaType {
		wrong("the media type of %s is %s, not %s", op.digest, found.mediaType, op.mediaType)
	}
}

// judgeDeletion: success means that the registry itself said so and at that
// moment did not serve it; a failure of which nothing is unknown means that
// nothing was done.
func (m *model) judgeDeletion(op *operation, wrong func(string, ...any)) {
	last := op.lastAnswer()
	if op.err == nil {
		if last == nil || last.served != "" || last.status != http.StatusAccepted && !last.facts.has(missing) {
			wrong("success, while it stood for %+v", last)
		}
	}
	unsure, done := false, false
	for i, e := range op.events {
		if e.method == http.MethodDelete && unsure && op.kind == untag && !m.checkedSince(op, i) {
			wrong("a deletion by tag is repeated blindly")
		}
		unsure, done = unsure || e.ambiguous(), done || e.write() && e.effect
	}
	unknown := errors.Is(op.err, regret.ErrOutcomeUnknown)
	again := last != nil && last.served != ""
	vague := errors.Is(op.err, regret.ErrNotRegistry) && op.facts.has(contradictory)
	switch {
	case op.err == nil:
	case done && !unknown && !again && !vague:
		wrong("it was done, and is not there, and the error denies it")
	case unsure && errors.Is(op.err, regret.ErrNotFound):
		wrong("what may be our own doing is reported as a missing image")
	case unknown && !unsure && !op.facts.has(contradictory) && !op.cutShort() && !op.denied():
		wrong("every attempt had a definite answer")
	case errors.Is(op.err, regret.ErrStillPresent) && !slices.ContainsFunc(op.events, func(e *event) bool { return !e.write() && e.served != "" }):
		wrong("nothing says that it is still there")
	}
}

// checkedSince says that between the write at index i and the one before, the
// registry was asked, and told a digest that this client knew as the tag's
// before the call.
func (m *model) checkedSince(op *operation, i int) bool {
	for _, e := range slices.Backward(op.events[:i]) {
		if e.write() {
			return e.status == 401 || e.untouched || e.fault.kind == busy
		}
		if e.delivered && e.told != "" {
			return slices.Contains(op.expected, e.told)
		}
	}
	return false
}

func (m *model) judgePut(op *operation, wrong func(string, ...any)) {
	last := op.lastAnswer()
	if op.err == nil && (last == nil || last.status != http.StatusCreated || last.served != op.manifest.digest) {
		wrong("success, while it stood for %+v", last)
	}
	byTag := !strings.Contains(op.reference, ":")
	done := slices.ContainsFunc(op.events, func(e *event) bool { return e.write() && e.effect })
	if op.err != nil && done && byTag && !errors.Is(op.err, regret.ErrOutcomeUnknown) && !op.facts.has(contradictory) {
		wrong("it was done, and the error denies it")
	}
}

// judgeList wants every entry that was there all the time, once.
func (m *model) judgeList(op *operation, wrong func(string, ...any)) {
	if op.err != nil || op.unprovable || op.stopAfter > 0 && len(op.entries) == op.stopAfter {
		return
	}
	count := map[string]int{}
	for _, entry := range op.entries {
		if count[entry]++; count[entry] == 2 {
			wrong("%q is listed twice", entry)
		}
	}
	for _, entry := range m.lasting(op) {
		if count[entry] == 0 {
			wrong("%q is missing from %q", entry, op.entries)
		}
	}
}

// lasting is what belonged into a list during the whole call.
func (m *model) lasting(op *operation) []string {
	if op.kind == listRepos {
		return m.store.names()
	}
	r := m.store.repositories[op.repository]
	always := func(reference string) bool {
		return !slices.Contains(m.store.during(name{op.repository, reference}, op.from, op.to), "")
	}
	if op.kind == listTags {
		return slices.DeleteFunc(r.tagged(), func(tag string) bool { return !always(tag) })
	}
	all := r.referrers(op.reference)
	if m.profile.noReferrers {
		tag := fallbackTag(op.reference)
		at := m.store.during(name{op.repository, tag}, op.from, op.to)
		if len(at) > 1 || at[0] == "" {
			return nil
		}
		all = nil
		for _, child := range m.store.known[at[0]].children {
			all = append(all, m.store.known[child])
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

// judgeBudget counts the requests: a documented number for every attempt, of
// which there is a documented number.
func (m *model) judgeBudget(op *operation, wrong func(string, ...any)) {
	exchanges := map[opKind]int{
		opPing: 1, getManifest: 1, checkDelete: 1, putManifest: 1, // the request
		resolve: 2, digestOnly: 2, // HEAD, GET
		deletion: 5, // the same before, DELETE, the same after
		untag:    6, // DELETE and the same after, twice
	}[op.kind]
	direct, hops, forTokens := 0, 0, 0
	pages := map[string]bool{}
	for _, e := range op.events {
		switch {
		case e.route.kind == tokens:
			forTokens++
		case e.route.kind == storage, e.url.Query().Get("via") != "":
			hops++
		default:
			direct++
			pages[e.url.RequestURI()] = true
		}
	}
	if op.list() {
		exchanges = len(pages)
	}
	attempts := max(exchanges, 1) * maxAttempts
	if direct > 2*attempts || hops > 3*direct || forTokens > 3*attempts {
		wrong("%d requests to the registry, %d further ones, %d for tokens in at most %d attempts", direct, hops, forTokens, attempts)
	}
}

// denied says that a deletion was answered with "unknown", which is worth
// nothing where no read confirms it.
func (op *operation) denied() bool {
	return slices.ContainsFunc(op.events, func(e *event) bool { return e.write() && e.status == http.StatusNotFound })
}

// judgeError wants an error that is honest, short, printable, and silent about
// secrets.
func (m *model) judgeError(op *operation, wrong func(string, ...any)) {
	e, ok := errors.AsType[*regret.Error](op.err)
	if !ok {
		wrong("an error of another type: %T", op.err)
		return
	}
	facts := op.facts
	if m.held {
		facts |= rateLimited
	}
	if op.kind == opPing && facts.has(codeless) {
		facts |= odd // whoever has nothing at that path
	}
	if m.profile.noReferrers && op.kind == listRefs {
		facts |= odd // whoever pushed something else under the fallback tag
	}
	allowed, known := grounds[e.Kind]
	excused := op.over() && (e.Kind == "" || e.Kind == regret.ErrOutcomeUnknown || e.Kind == regret.ErrIncompleteList)
	if !known || !facts.has(allowed) && !excused {
		wrong("nothing that happened is a ground for the kind %q", e.Kind)
	}
	held := m.store.during(name{op.repository, op.reference}, op.from, op.to)
	if e.Kind == regret.ErrNotFound && !op.list() && !slices.Contains(held, "") {
		wrong("it was there all the time, as %v", held)
	}
	if e.Attempts > maxAttempts {
		wrong("%d attempts", e.Attempts)
	}
	text := op.err.Error()
	if len(text) > 1<<10 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		wrong("a text of %d bytes that cannot be shown: %q", len(text), text)
	}
	asJSON, err := json.Marshal(op.err)
	if err != nil {
		wrong("as JSON: %v", err)
	}
	for _, form := range []string{text, fmt.Sprintf("%+v", op.err), fmt.Sprintf("%#v %+v", e, e.Details), string(asJSON), detailText(e)} {
		if leaks(form) {
			wrong("a secret in %q", form)
			break
		}
	}
}

// detailText is what %v does not show of raw JSON.
func detailText(e *regret.Error) string {
	var b strings.Builder
	for _, d := range e.Details {
		fmt.Fprintf(&b, "%s %s %s\n", d.Code, d.Message, d.Detail)
	}
	return b.String()
}
