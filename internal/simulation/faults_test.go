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

// A profile describes the registry of a seed and its environment. The rates are in percent.
type profile struct {
	auth               authMode
	ownTokenService    bool // the token service is at the registry's own origin
	offersBasic        bool // challenges offer Basic and Bearer
	rejectsDeleteScope bool // the token service rejects a scope with the action "delete"
	narrowsGrants      bool // the token service grants only "pull" if asked for more with "delete"
	withholdsDelete    bool // the token service never grants "delete" to this user
	tokensListAccess   bool // tokens are JWTs with an access claim

	headStatus         int // status code of every HEAD of a manifest; 0 if HEAD works
	noDigestHeader     bool
	genericContentType bool // application/json instead of the manifest's media type
	redirectHops       int  // number of redirects on the way to the content
	pageCap            int
	noReferrers        bool
	noTagDelete        bool

	deleteDisabled, readOnly bool // change during a run, see toggleWritePhases

	faults        int  // rate of requests with a fault
	otherClients  int  // rate of requests before which another client changes something
	hostileErrors int  // rate of error responses that contain secrets and control characters
	writePhases   int  // rate at which deleteDisabled and readOnly change
	contended     bool // there are few names, and other clients change them often
	retries       int  // retries that the client is allowed
	fixedLatency  bool
	chunkSize     int // of a body
}

func drawProfile(rng *rand.Rand) profile {
	rarely := func() bool { return rng.IntN(6) == 0 }
	p := profile{
		auth:               authMode(rng.IntN(3)),
		ownTokenService:    rarely(),
		offersBasic:        rarely(),
		rejectsDeleteScope: rarely(),
		narrowsGrants:      rarely(),
		withholdsDelete:    rng.IntN(12) == 0,
		tokensListAccess:   rng.IntN(2) == 0,
		noDigestHeader:     rarely(),
		genericContentType: rarely(),
		pageCap:            pick(rng, []int{0, 0, 1, 2, 3, 5}),
		noReferrers:        rarely(),
		noTagDelete:        rarely(),
		faults:             pick(rng, []int{0, 3, 10, 20, 40}),
		otherClients:       pick(rng, []int{0, 0, 5, 20}),
		hostileErrors:      pick(rng, []int{0, 30}),
		writePhases:        pick(rng, []int{0, 0, 4}),
		chunkSize:          pick(rng, []int{64, 300, 4096}),
		contended:          rarely(),
		retries:            pick(rng, []int{0, 1, 3, 3, 3, 3}),
	}
	if p.contended {
		p.otherClients = 30
	}
	if rarely() {
		p.headStatus = pick(rng, []int{400, 404, 405, 406, 501})
	}
	if rng.IntN(3) == 0 {
		p.redirectHops = pick(rng, []int{1, 2, 3, 6})
	}
	return p
}

// A fault is something that goes wrong with one request.
type fault struct {
	kind        faultKind
	takesEffect bool // the request takes effect before the fault
	status      int
	delay       time.Duration
	chunk       int    // index of the chunk of the body at which it happens
	retryAfter  string // Retry-After field, or ""
}

type faultKind string

const (
	noFault faultKind = ""

	dialFails   faultKind = "dial fails"
	reset       faultKind = "reset"
	closedEarly faultKind = "closed early"
	hang        faultKind = "hang"
	slow        faultKind = "slow"

	bodyEOF     faultKind = "body ends early"
	bodyShort   faultKind = "body is short"
	bodyReset   faultKind = "body is reset"
	bodyStall   faultKind = "body stalls"
	bodyCorrupt faultKind = "body is corrupt"

	serverError         faultKind = "server error"          // 5xx with an HTML body
	busy                faultKind = "busy"                  // 429 or 503 with a registry's error code, never with an effect
	proxyError          faultKind = "proxy error"           // a proxy answers instead of the registry
	wrongSuccessStatus  faultKind = "wrong success status"  // such as 200 instead of 202 or 201
	acceptedWithErrors  faultKind = "accepted with errors"  // 202 with a body that lists errors
	wrongDigestAccepted faultKind = "wrong digest accepted" // 202 with the digest of another manifest
	redirectedWrite     faultKind = "redirected write"
	permissionDenied    faultKind = "permission denied"
	noChallenge         faultKind = "no challenge"   // 401 without a challenge
	foreignRealm        faultKind = "foreign realm"  // 401 that names an untrusted token service
	tokensRevoked       faultKind = "tokens revoked" // all tokens issued so far
	garbage             faultKind = "garbage"
	encodedBody         faultKind = "encoded body"

	repeatedHeader faultKind = "every header field twice"

	noDigestField   faultKind = "no digest"
	twoDigests      faultKind = "two digests"
	sameDigestTwice faultKind = "same digest twice"
	wrongDigest     faultKind = "wrong digest"

	foreignLink   faultKind = "foreign link"
	malformedLink faultKind = "malformed link"
	pageCycle     faultKind = "page cycle" // all further pages lead to the first one
	repeatedPage  faultKind = "repeated page"
	missingKey    faultKind = "missing key"
	emptyPage     faultKind = "empty page"
)

// The faults of each kind of request. A fault that is listed twice is twice as likely.
var (
	requestFaults      = []faultKind{dialFails, reset, reset, reset, closedEarly, closedEarly, hang, slow, serverError, serverError, serverError, busy, busy, busy}
	bodyFaults         = []faultKind{bodyEOF, bodyShort, bodyReset, bodyStall}
	intermediaryFaults = []faultKind{proxyError, permissionDenied, noChallenge, foreignRealm, tokensRevoked, tokensRevoked, garbage, encodedBody}
	writeFaults        = []faultKind{wrongSuccessStatus, wrongSuccessStatus, acceptedWithErrors, acceptedWithErrors, wrongDigestAccepted, redirectedWrite}
	readFaults         = []faultKind{noDigestField, twoDigests, sameDigestTwice, wrongDigest}
	listFaults         = []faultKind{foreignLink, malformedLink, pageCycle, repeatedPage, missingKey, emptyPage}
	tokenFaults        = []faultKind{garbage, permissionDenied, proxyError, redirectedWrite}
)

func (e *event) possibleFaults() []faultKind {
	switch {
	case e.route.kind == tokens:
		return slices.Concat(requestFaults, bodyFaults, tokenFaults)
	case e.route.kind == storage:
		return slices.Concat(requestFaults, bodyFaults, []faultKind{encodedBody})
	case e.write():
		return slices.Concat(requestFaults, intermediaryFaults, writeFaults, writeFaults)
	case e.route.kind == referrers: // not intermediaryFaults: a 404 without a code means that there is no referrers API
		return slices.Concat(requestFaults, bodyFaults, listFaults)
	case e.route.kind == tagsList, e.route.kind == catalog:
		return slices.Concat(requestFaults, intermediaryFaults, bodyFaults, listFaults)
	case e.route.kind == ping:
		return slices.Concat(requestFaults, intermediaryFaults)
	}
	return slices.Concat(requestFaults, intermediaryFaults, bodyFaults, readFaults)
}

// drawFault returns a random fault for a request, or none.
func (m *model) drawFault(e *event) fault {
	if !m.chance(m.profile.faults) {
		return fault{}
	}
	f := fault{kind: pick(m.rng, e.possibleFaults()), takesEffect: m.rng.IntN(2) == 0, chunk: m.rng.IntN(8)}
	f.delay = time.Duration(m.rng.Int64N(int64(40 * time.Second)))
	switch f.kind {
	case dialFails:
		f.takesEffect = false
	case busy:
		f.takesEffect = false
		f.status = pick(m.rng, []int{429, 503})
		f.retryAfter = pick(m.rng, []string{"", "", "0", "1", "7", "61", "86400", "9223372036854775807", "-1", "soon", "date", "past"})
	case serverError:
		f.status = pick(m.rng, []int{500, 502, 503, 504})
	}
	return f
}

// inBody reports whether the fault happens while the client reads the body.
func (f fault) inBody() bool { return strings.HasPrefix(string(f.kind), "body ") }

// skipsDeletion reports whether a DELETE gets a success response but deletes nothing.
func (f fault) skipsDeletion() bool {
	return !f.takesEffect && (f.kind == wrongSuccessStatus || f.kind == acceptedWithErrors)
}

// respond returns the model's response, with the effects of the fault.
func (m *model) respond(e *event, req *http.Request) *response {
	if e.fault.kind == tokensRevoked {
		clear(m.tokens)
	}
	if early := m.intermediaryResponse(e, req); early != nil {
		if e.fault.takesEffect && e.write() {
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
		return m.corruptWriteResponse(e, req, a)
	case a.status == 200 && e.route.kind == tokens:
		return m.corruptTokenResponse(e, a)
	case a.status == 200:
		m.corruptReadResponse(e, a)
		if e.op.cyclic && a.header.Get("Link") == "" {
			m.setBadLink(e, a) // once a list is cyclic, it stays cyclic
		}
	}
	return a
}

// intermediaryResponse returns the response of a proxy or of an overloaded or broken registry that
// replaces the regular one, or nil.
func (m *model) intermediaryResponse(e *event, req *http.Request) *response {
	switch e.fault.kind {
	case serverError:
		a := reply(e.fault.status, "text/html", []byte("<html><title>it is broken</title></html>"))
		a.facts |= serverFailed
		return a
	case busy:
		return m.busyResponse(e, req)
	case proxyError:
		e.fault.takesEffect = false
		a := reply(pick(m.rng, []int{404, 405, 403, 400, 410}), "text/html", []byte("<html><TITLE>go\x00 away</TITLE></html>"))
		a.facts |= factOf(a.status, "")
		return a
	case permissionDenied:
		e.fault.takesEffect = false
		return m.errorResponse(req, 403, "DENIED", "requested access to the resource is denied")
	case noChallenge, foreignRealm:
		if e.route.kind == tokens {
			return nil
		}
		e.fault.takesEffect = false
		a := m.errorResponse(req, 401, "UNAUTHORIZED", "authentication required")
		if e.fault.kind == foreignRealm {
			a.header.Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="x",scope=%q`,
				pick(m.rng, []string{"https://evil.test/token", "http://auth.test/token", "https://auth.test:444/token", "https://user:pw@auth.test/"}), e.requiredScope()))
			a.facts |= untrusted
		}
		return a
	case redirectedWrite:
		e.fault.takesEffect = false
		a := reply(pick(m.rng, []int{301, 302, 307, 308}), "", nil)
		a.header.Set("Location", pick(m.rng, []string{"https://evil.test/", registryOrigin + "/v2/library/one/manifests/latest", "/elsewhere"}))
		a.facts |= redirected
		return a
	}
	return nil
}

// busyResponse returns a 429 or 503, with a Retry-After field if the fault has one.
func (m *model) busyResponse(e *event, req *http.Request) *response {
	code := map[int]string{429: "TOOMANYREQUESTS", 503: "UNAVAILABLE"}[e.fault.status]
	a := m.errorResponse(req, e.fault.status, code, "not now")
	retryAfter := e.fault.retryAfter
	switch retryAfter {
	case "date":
		retryAfter = time.Now().Add(3 * time.Second).UTC().Format(http.TimeFormat)
	case "past":
		retryAfter = time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	}
	if retryAfter != "" {
		a.header.Set("Retry-After", retryAfter)
	}
	m.throttled = true
	return a
}

// corruptWriteResponse changes the response to a successful write.
func (m *model) corruptWriteResponse(e *event, req *http.Request, a *response) *response {
	switch e.fault.kind {
	case wrongSuccessStatus:
		a.status = pick(m.rng, []int{200, 204, 200, 204, 201, 206})
		if e.method == http.MethodPut {
			a.status = pick(m.rng, []int{200, 202, 204})
		}
		a.facts |= contradictory | notRegistry
	case acceptedWithErrors:
		if e.method == http.MethodPut {
			break
		}
		refusal := m.errorResponse(req, 400, "UNKNOWN", "some tags could not be removed")
		a.header, a.body = refusal.header, refusal.body
		a.facts |= contradictory
	case wrongDigestAccepted:
		a.header.Set("Docker-Content-Digest", digestOf([]byte("something else")))
		a.facts |= contradictory | mismatched
	}
	return a
}

func (m *model) corruptTokenResponse(e *event, a *response) *response {
	if e.fault.kind == garbage {
		a.body = []byte(pick(m.rng, []string{`{}`, `<html>`, `{"token":""}`, `{"token":"a b"}`, `{"token":` + "\"" + secretMarker + "\r\n\"}", `[]`}))
		a.facts |= notRegistry
	}
	return a
}

// corruptReadResponse changes the response to a successful read.
func (m *model) corruptReadResponse(e *event, a *response) {
	other := digestOf([]byte("something else"))
	switch e.fault.kind {
	case garbage:
		a.body, a.digest = []byte("<html>welcome to the hotel</html>"), ""
		a.header.Set("Content-Type", "text/html")
		if e.method == http.MethodHead { // only the content type is wrong
			return
		}
		a.facts |= notRegistry
	case encodedBody:
		a.header.Set("Content-Encoding", "gzip")
		a.facts |= notRegistry
	case noDigestField:
		a.header.Del("Docker-Content-Digest")
	case twoDigests:
		if a.digest != "" {
			a.header["Docker-Content-Digest"] = []string{a.digest, other}
			a.facts |= mismatched
		}
	case sameDigestTwice:
		if a.digest != "" {
			a.header["Docker-Content-Digest"] = []string{a.digest, a.digest}
		}
	case wrongDigest:
		if e.method == http.MethodHead && !strings.Contains(e.route.reference, ":") {
			return // no client can detect this
		}
		a.header.Set("Docker-Content-Digest", other)
		a.facts |= mismatched
	case foreignLink, malformedLink, pageCycle, repeatedPage:
		m.setBadLink(e, a)
	case missingKey:
		a.body = bytes.ReplaceAll(bytes.ReplaceAll(a.body, []byte(`"tags"`), []byte(`"tag"`)), []byte(`"repositories"`), []byte(`"repos"`))
		a.body = bytes.ReplaceAll(a.body, []byte(`"manifests"`), []byte(`"manifest"`))
		a.facts |= notRegistry
	case emptyPage: // an empty page whose next page starts at the same entry
		key := map[routeKind]string{tagsList: "tags", catalog: "repositories", referrers: "manifests"}[e.route.kind]
		a.body = fmt.Appendf(nil, `{%q:[]}`, key)
		a.header.Set("Link", fmt.Sprintf(`<%s?%s&again=%d>; rel="next"`, e.url.Path, e.url.RawQuery, e.n))
		a.facts |= badPage
	}
}

func (m *model) setBadLink(e *event, a *response) {
	kind := e.fault.kind
	if e.op.cyclic {
		kind = pageCycle
	}
	target := map[faultKind]string{
		foreignLink:   pick(m.rng, []string{"https://evil.test" + e.url.Path + "?last=a", "/v2/other/tags/list?last=a", "//evil.test/", "http://registry.test" + e.url.Path}),
		malformedLink: "%zz",
		pageCycle:     e.url.Path, // the first page again
		repeatedPage:  e.url.Path + "?" + e.url.RawQuery,
	}[kind]
	a.header.Set("Link", "<"+target+`>; rel="next"`)
	a.facts |= badPage
	e.op.cyclic = e.op.cyclic || kind == pageCycle
}
