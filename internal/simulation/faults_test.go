package simulation

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A profile is what is peculiar to the registry of a seed, and the rates, in
// percent, at which things go wrong.
type profile struct {
	auth          authMode
	ownRealm      bool // the token service is at the registry's own origin
	offersBasic   bool // beside Bearer
	knowsNoDelete bool // the token service refuses to hear of the action
	grantsLess    bool // than it was asked for, where it was asked for more than one action
	mayNotDelete  bool // this user
	tellsAccess   bool // tokens say what they are good for

	headRefused int // the status of every HEAD of a manifest
	noDigest    bool
	plainJSON   bool // instead of a manifest's own media type
	redirects   int  // hops to the storage
	pageCap     int
	noReferrers bool
	noTagDelete bool

	deleteDisabled, readOnly bool // phases that come and go

	faults, others, nasty, phases int
	crowded                       bool // few names, and everybody wants them
	repeats                       int  // that the client may make
	steady                        bool // every latency is the same
	chunk                         int  // of a body
}

func drawProfile(rng *rand.Rand) profile {
	rarely := func() bool { return rng.IntN(6) == 0 }
	p := profile{
		auth:          authMode(rng.IntN(3)),
		ownRealm:      rarely(),
		offersBasic:   rarely(),
		knowsNoDelete: rarely(),
		grantsLess:    rarely(),
		mayNotDelete:  rng.IntN(12) == 0,
		tellsAccess:   rng.IntN(2) == 0,
		noDigest:      rarely(),
		plainJSON:     rarely(),
		pageCap:       draw(rng, []int{0, 0, 1, 2, 3, 5}),
		noReferrers:   rarely(),
		noTagDelete:   rarely(),
		faults:        draw(rng, []int{0, 3, 10, 20, 40}),
		others:        draw(rng, []int{0, 0, 5, 20}),
		nasty:         draw(rng, []int{0, 30}),
		phases:        draw(rng, []int{0, 0, 4}),
		chunk:         draw(rng, []int{64, 300, 4096}),
		crowded:       rarely(),
		repeats:       draw(rng, []int{0, 1, 3, 3, 3, 3}),
	}
	if p.crowded {
		p.others = 30
	}
	if rarely() {
		p.headRefused = draw(rng, []int{400, 404, 405, 406, 501})
	}
	if rng.IntN(3) == 0 {
		p.redirects = draw(rng, []int{1, 2, 3, 6})
	}
	return p
}

// A fault is what goes wrong with one request.
type fault struct {
	kind   faultKind
	after  bool // the request has its effect first
	status int
	delay  time.Duration
	chunk  int    // of the body, where it strikes
	wait   string // Retry-After, if there is one
}

type faultKind string

const (
	nothing faultKind = ""

	dialFails   faultKind = "dial fails"
	reset       faultKind = "reset"
	closedEarly faultKind = "closed"
	hang        faultKind = "hangs"
	slow        faultKind = "slow"

	bodyEOF     faultKind = "body ends early"
	bodyShort   faultKind = "body is short"
	bodyReset   faultKind = "body is reset"
	bodyStall   faultKind = "body stalls"
	bodyCorrupt faultKind = "body is corrupt"

	serverError faultKind = "server error" // without a word, or with HTML
	busy        faultKind = "busy"         // 503 and 429 in the registry's own words, and without effect
	proxy       faultKind = "proxy"        // answers in the registry's place
	oddSuccess  faultKind = "odd success"  // 200 and the like instead of 202 or 201
	complaint   faultKind = "complaint"    // 202, and yet errors
	otherEcho   faultKind = "other echo"   // 202, but for another digest
	sentAway    faultKind = "sent away"    // a write is redirected
	denied      faultKind = "denied"
	mute        faultKind = "mute 401" // without a challenge
	trap        faultKind = "trap"     // 401 that names somebody else's token service
	revoked     faultKind = "revoked"  // every token so far
	garbage     faultKind = "garbage"
	encodedBody faultKind = "encoded"

	repeatedHeader faultKind = "every header twice"

	noHeader   faultKind = "no digest"
	twoDigests faultKind = "two digests"
	sameTwice  faultKind = "one digest twice"
	lie        faultKind = "another digest"

	linkAway faultKind = "link elsewhere"
	badLink  faultKind = "bad link"
	circle   faultKind = "circle"
	again    faultKind = "page again"
	noKey    faultKind = "no key"
	emptyish faultKind = "empty page"
)

// What may go wrong, by what is asked for; a kind that is listed twice is twice
// as likely.
var (
	anywhere  = []faultKind{dialFails, reset, reset, reset, closedEarly, closedEarly, hang, slow, serverError, serverError, serverError, busy, busy, busy}
	inAnswers = []faultKind{bodyEOF, bodyShort, bodyReset, bodyStall}
	byProxy   = []faultKind{proxy, denied, mute, trap, revoked, revoked, garbage, encodedBody}
	ofWrites  = []faultKind{oddSuccess, oddSuccess, complaint, complaint, otherEcho, sentAway}
	ofReads   = []faultKind{noHeader, twoDigests, sameTwice, lie}
	ofLists   = []faultKind{linkAway, badLink, circle, again, noKey, emptyish}
	ofTokens  = []faultKind{garbage, denied, proxy, sentAway}
)

func (e *event) possible() []faultKind {
	switch {
	case e.route.kind == tokens:
		return slices.Concat(anywhere, inAnswers, ofTokens)
	case e.route.kind == storage:
		return slices.Concat(anywhere, inAnswers, []faultKind{encodedBody})
	case e.write():
		return slices.Concat(anywhere, byProxy, ofWrites, ofWrites)
	case e.route.kind == referrers: // a 404 without a code is how a registry says that it has none
		return slices.Concat(anywhere, inAnswers, ofLists)
	case e.route.kind == tagsList, e.route.kind == catalog:
		return slices.Concat(anywhere, byProxy, inAnswers, ofLists)
	case e.route.kind == ping:
		return slices.Concat(anywhere, byProxy)
	}
	return slices.Concat(anywhere, byProxy, inAnswers, ofReads)
}

// drawFault decides what goes wrong with a request: mostly nothing.
func (m *model) drawFault(e *event) fault {
	if !m.chance(m.profile.faults) {
		return fault{}
	}
	f := fault{kind: draw(m.rng, e.possible()), after: m.rng.IntN(2) == 0, chunk: m.rng.IntN(8)}
	f.delay = time.Duration(m.rng.Int64N(int64(40 * time.Second)))
	switch f.kind {
	case dialFails:
		f.after = false
	case busy:
		f.after = false
		f.status = draw(m.rng, []int{429, 503})
		f.wait = draw(m.rng, []string{"", "", "0", "1", "7", "61", "86400", "9223372036854775807", "-1", "soon", "date", "past"})
	case serverError:
		f.status = draw(m.rng, []int{500, 502, 503, 504})
	}
	return f
}

// inBody says that the fault strikes while the body is read.
func (f fault) inBody() bool { return strings.HasPrefix(string(f.kind), "body ") }

// pretends says that a DELETE is answered as if it had been done.
func (f fault) pretends() bool {
	return !f.after && (f.kind == oddSuccess || f.kind == complaint)
}

// respond is what the model answers, fault included.
func (m *model) respond(e *event, req *http.Request) *answer {
	if e.fault.kind == revoked {
		clear(m.tokens)
	}
	if early := m.inTheWay(e, req); early != nil {
		if e.fault.after && e.write() {
			m.serve(e, req)
		}
		return early
	}
	a := m.serve(e, req)
	if e.fault.kind == repeatedHeader {
		for key, values := range a.header {
			a.header[key] = append(values, values...)
		}
	}
	switch {
	case e.write() && (a.status == 202 || a.status == 201):
		return m.oddly(e, req, a)
	case a.status == 200 && e.route.kind == tokens:
		return m.oddToken(e, a)
	case a.status == 200:
		m.twist(e, a)
		if e.op.circling && a.header.Get("Link") == "" {
			m.misleadingLink(e, a) // whoever goes in a circle goes in it for ever
		}
	}
	return a
}

// inTheWay is the answer of something between client and registry, or of a
// registry that is not itself.
func (m *model) inTheWay(e *event, req *http.Request) *answer {
	switch e.fault.kind {
	case serverError:
		a := reply(e.fault.status, "text/html", []byte("<html><title>it is broken</title></html>"))
		a.facts |= serverFailed
		return a
	case busy:
		return m.busy(e, req)
	case proxy:
		e.fault.after = false
		a := reply(draw(m.rng, []int{404, 405, 403, 400, 410}), "text/html", []byte("<html><TITLE>go\x00 away</TITLE></html>"))
		a.facts |= factOf(a.status, "")
		return a
	case denied:
		e.fault.after = false
		return m.refuse(req, 403, "DENIED", "requested access to the resource is denied")
	case mute, trap:
		if e.route.kind == tokens {
			return nil
		}
		e.fault.after = false
		a := m.refuse(req, 401, "UNAUTHORIZED", "authentication required")
		if e.fault.kind == trap {
			a.header.Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="x",scope=%q`,
				draw(m.rng, []string{"https://evil.test/token", "http://auth.test/token", "https://auth.test:444/token", "https://user:pw@auth.test/"}), e.needs()))
			a.facts |= untrusted
		}
		return a
	case sentAway:
		e.fault.after = false
		a := reply(draw(m.rng, []int{301, 302, 307, 308}), "", nil)
		a.header.Set("Location", draw(m.rng, []string{"https://evil.test/", registryOrigin + "/v2/library/one/manifests/latest", "/elsewhere"}))
		a.facts |= redirected
		return a
	}
	return nil
}

// busy asks for patience.
func (m *model) busy(e *event, req *http.Request) *answer {
	code := map[int]string{429: "TOOMANYREQUESTS", 503: "UNAVAILABLE"}[e.fault.status]
	a := m.refuse(req, e.fault.status, code, "not now")
	wait := e.fault.wait
	switch wait {
	case "date":
		wait = time.Now().Add(3 * time.Second).UTC().Format(http.TimeFormat)
	case "past":
		wait = time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	}
	if wait != "" {
		a.header.Set("Retry-After", wait)
	}
	m.held = true
	return a
}

// oddly is the success of a write in a strange form.
func (m *model) oddly(e *event, req *http.Request, a *answer) *answer {
	switch e.fault.kind {
	case oddSuccess:
		a.status = draw(m.rng, []int{200, 204, 200, 204, 201, 206})
		if e.method == http.MethodPut {
			a.status = draw(m.rng, []int{200, 202, 204})
		}
		a.facts |= contradictory | odd
	case complaint:
		if e.method == http.MethodPut {
			break
		}
		refusal := m.refuse(req, 400, "UNKNOWN", "some tags could not be removed")
		a.header, a.body = refusal.header, refusal.body
		a.facts |= contradictory
	case otherEcho:
		a.header.Set("Docker-Content-Digest", digestOf([]byte("something else")))
		a.facts |= contradictory | mismatched
	}
	return a
}

func (m *model) oddToken(e *event, a *answer) *answer {
	if e.fault.kind == garbage {
		a.body = []byte(draw(m.rng, []string{`{}`, `<html>`, `{"token":""}`, `{"token":"a b"}`, `{"token":` + "\"" + marker + "\r\n\"}", `[]`}))
		a.facts |= odd
	}
	return a
}

// twist changes the answer to a read.
func (m *model) twist(e *event, a *answer) {
	other := digestOf([]byte("something else"))
	switch e.fault.kind {
	case garbage:
		a.body, a.digest = []byte("<html>welcome to the hotel</html>"), ""
		a.header.Set("Content-Type", "text/html")
		if e.method == http.MethodHead { // not more than a strange type
			return
		}
		a.facts |= odd
	case encodedBody:
		a.header.Set("Content-Encoding", "gzip")
		a.facts |= odd
	case noHeader:
		a.header.Del("Docker-Content-Digest")
	case twoDigests:
		if a.digest != "" {
			a.header["Docker-Content-Digest"] = []string{a.digest, other}
			a.facts |= mismatched
		}
	case sameTwice:
		if a.digest != "" {
			a.header["Docker-Content-Digest"] = []string{a.digest, a.digest}
		}
	case lie:
		if e.method == http.MethodHead && !strings.Contains(e.route.reference, ":") {
			return // which nobody could notice
		}
		a.header.Set("Docker-Content-Digest", other)
		a.facts |= mismatched
	case linkAway, badLink, circle, again:
		m.misleadingLink(e, a)
	case noKey:
		a.body = bytes.ReplaceAll(bytes.ReplaceAll(a.body, []byte(`"tags"`), []byte(`"tag"`)), []byte(`"repositories"`), []byte(`"repos"`))
		a.body = bytes.ReplaceAll(a.body, []byte(`"manifests"`), []byte(`"manifest"`))
		a.facts |= odd
	case emptyish: // nothing yet, says the registry, and goes on from the same place
		key := map[routeKind]string{tagsList: "tags", catalog: "repositories", referrers: "manifests"}[e.route.kind]
		a.body = fmt.Appendf(nil, `{%q:[]}`, key)
		a.header.Set("Link", fmt.Sprintf(`<%s?%s&again=%d>; rel="next"`, e.url.Path, e.url.RawQuery, e.n))
		a.facts |= listTrouble
	}
}

func (m *model) misleadingLink(e *event, a *answer) {
	kind := e.fault.kind
	if e.op.circling {
		kind = circle
	}
	target := map[faultKind]string{
		linkAway: draw(m.rng, []string{"https://evil.test" + e.url.Path + "?last=a", "/v2/other/tags/list?last=a", "//evil.test/", "http://registry.test" + e.url.Path}),
		badLink:  "%zz",
		circle:   e.url.Path, // the first page once more
		again:    e.url.Path + "?" + e.url.RawQuery,
	}[kind]
	a.header.Set("Link", "<"+target+`>; rel="next"`)
	a.facts |= listTrouble
	e.op.circling = e.op.circling || kind == circle
}
