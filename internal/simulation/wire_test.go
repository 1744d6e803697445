package simulation

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The origins of the model. Nothing may be sent to any other.
const (
	registryOrigin = "https://registry.test"
	tokenOrigin    = "https://auth.test"
	storageOrigin  = "https://storage.test"
)

// A model is a registry with its token service and its storage, reached as an
// [http.RoundTripper]. One request at a time changes it; what it does is drawn
// from its random numbers in the order of arrival.
type model struct {
	mu       sync.Mutex
	rng      *rand.Rand
	profile  profile
	store    *store
	tokens   map[string]*token
	issued   int
	events   []*event
	running  map[*operation]bool
	held     bool                // somebody was told to wait
	said     map[name][]string   // digests that this client was told, or told the registry
	choose   func(*event) fault  // what goes wrong with a request
	reach    func(*event, stage) // called at each stage of a request; may be nil
	problems []string
	began    time.Time
}

// A stage of a request, for those who want to act on it.
type stage int

const (
	leaving   stage = iota // the request is on its way
	handled                // the model has dealt with it
	answered               // the header is back
	streaming              // a part of the body is asked for
)

// An event is one request and what became of it.
type event struct {
	n         int
	at        time.Duration
	op        *operation
	method    string
	url       *url.URL
	route     route
	fault     fault
	there     time.Duration // on the way there
	back      time.Duration // and back
	status    int
	effect    bool   // it changed what the registry holds
	served    string // what the operation's name stood for when the request had been dealt with
	told      string // the digest in the answer
	delivered bool   // the client has seen the header
	whole     bool   // and the end of the body
	untouched bool   // the client has seen that nothing was sent
	chunks    int    // of the answer's body
	facts     fact
}

// write says whether the request is meant to change something.
func (e *event) write() bool { return e.method != http.MethodGet && e.method != http.MethodHead }

func newModel(rng *rand.Rand, p profile) *model {
	m := &model{
		rng: rng, profile: p, store: newStore(rng), tokens: map[string]*token{},
		running: map[*operation]bool{}, said: map[name][]string{}, began: time.Now(),
	}
	m.choose = m.drawFault
	return m
}

func (m *model) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if op := operationOf(ctx); op != nil { // who starts at the same time arrives in a fixed order
		pass(time.Duration(op.worker))
	}
	e := m.arrive(req)
	if err := m.travel(ctx, e, leaving, e.there); err != nil {
		if e.fault.after { // it got there all the same
			m.handle(e, req)
		}
		return nil, m.lost(e, err)
	}
	if err := e.fault.withoutAnswer(); err != nil && !e.fault.after {
		e.untouched = e.fault.kind == dialFails
		return nil, m.lost(e, err)
	}
	if e.fault.kind == hang && !e.fault.after {
		<-ctx.Done()
		return nil, m.lost(e, ctx.Err())
	}
	a := m.handle(e, req)
	if err := m.travel(ctx, e, handled, e.back); err != nil {
		return nil, m.lost(e, err)
	}
	if err := e.fault.withoutAnswer(); err != nil {
		return nil, m.lost(e, err)
	}
	if e.fault.kind == hang {
		<-ctx.Done()
		return nil, m.lost(e, ctx.Err())
	}
	return m.deliver(e, req, a), nil
}

// travel takes time, unless the context ends.
func (m *model) travel(ctx context.Context, e *event, at stage, d time.Duration) error {
	if m.reach != nil {
		m.reach(e, at)
	}
	return pause(ctx, d)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arrive notes a request, holds it against the rules, and decides its fate.
func (m *model) arrive(req *http.Request) *event {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := &event{
		n: len(m.events), at: time.Since(m.began), op: operationOf(req.Context()),
		method: req.Method, url: req.URL, route: routeOf(req.URL),
	}
	m.events = append(m.events, e)
	if e.op == nil {
		m.problem("a request that belongs to no operation: %s %s", req.Method, req.URL)
		e.op = &operation{}
	}
	e.op.events = append(e.op.events, e)
	m.checkRequest(e, req)
	e.there, e.back = m.latency(), m.latency()
	e.fault = m.choose(e)
	if e.fault.kind == slow {
		e.back += e.fault.delay
	}
	return e
}

// latency is never the same twice, so that the order of all that happens is the
// seed's.
func (m *model) latency() time.Duration {
	if m.profile.steady {
		return 10 * time.Millisecond
	}
	return time.Millisecond + time.Duration(m.rng.Int64N(int64(40*time.Millisecond)))
}

// lost notes that a request brought no answer.
func (m *model) lost(e *event, err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learn(e, noAnswer)
	return err
}

// learn gives a fact to whoever may base an error on it. What a token service
// said is shared: one fetches for many.
func (m *model) learn(e *event, f fact) {
	if e.route.kind == tokens && f.has(codeless|forbidden|missing) {
		f |= unauthorized // whatever it is called, there is no token
	}
	e.facts |= f
	e.op.facts |= f
	if e.route.kind == tokens {
		for op := range m.running {
			op.facts |= f
		}
	}
}

// deliver brings an answer to the client.
func (m *model) deliver(e *event, req *http.Request, a *answer) *http.Response {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.delivered, e.status = true, a.status
	m.learn(e, a.facts)
	if a.digest != "" {
		e.told = a.digest
		key := name{e.op.repository, e.op.reference}
		if e.op.kind == listRefs {
			key.reference = fallbackTag(e.op.reference)
		}
		m.said[key] = append(m.said[key], a.digest)
	}
	resp := &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: http.NoBody, ContentLength: int64(len(a.body)), Request: req,
	}
	if req.Method == http.MethodHead || len(a.body) == 0 && !e.fault.inBody() {
		e.whole = true
		return resp
	}
	size := m.profile.chunk
	b := &body{ctx: req.Context(), model: m, event: e, fault: e.fault, closed: make(chan struct{})}
	for rest := a.body; len(rest) > 0; {
		n := min(size, len(rest))
		b.chunks = append(b.chunks, rest[:n])
		rest = rest[n:]
	}
	e.chunks = len(b.chunks)
	if e.fault.inBody() {
		resp.ContentLength = -1
		m.learn(e, noAnswer|odd|codeless)
		if e.write() {
			m.learn(e, contradictory) // a success that is not told to its end
		}
	}
	resp.Body = b
	return resp
}

// A body comes in parts, each of which may fail.
type body struct {
	ctx    context.Context
	model  *model
	event  *event
	fault  fault
	chunks [][]byte
	next   int
	once   sync.Once
	closed chan struct{}
}

func (b *body) Read(p []byte) (int, error) {
	if b.model.reach != nil {
		b.model.reach(b.event, streaming)
	}
	delay := time.Millisecond
	if b.fault.inBody() && b.next == b.fault.chunk%max(1, len(b.chunks)) {
		switch b.fault.kind {
		case bodyReset:
			return 0, syscall.ECONNRESET
		case bodyEOF:
			return 0, io.ErrUnexpectedEOF
		case bodyShort:
			return 0, io.EOF
		case bodyCorrupt:
			if len(b.chunks) > 0 {
				b.chunks[b.next] = corrupted(b.chunks[b.next])
			}
		case bodyStall:
			delay = b.fault.delay
		}
		b.fault = fault{}
	}
	if err := b.pause(delay); err != nil {
		return 0, err
	}
	if b.next >= len(b.chunks) {
		b.event.whole = true
		return 0, io.EOF
	}
	n := copy(p, b.chunks[b.next])
	if b.chunks[b.next] = b.chunks[b.next][n:]; len(b.chunks[b.next]) == 0 {
		b.next++
	}
	return n, nil
}

func (b *body) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return b.ctx.Err()
	case <-b.ctx.Done():
		return b.ctx.Err()
	case <-b.closed:
		return net.ErrClosed
	}
}

func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// corrupted changes one letter in the middle, so that the text stays text.
func corrupted(chunk []byte) []byte {
	changed := append([]byte(nil), chunk...)
	changed[len(changed)/2] ^= 1
	return changed
}

// withoutAnswer is what the client's transport returns where none comes.
func (f fault) withoutAnswer() error {
	switch f.kind {
	case dialFails:
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case reset:
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case closedEarly:
		return io.EOF
	}
	return nil
}

// A route is what a URL of the model means.
type route struct {
	kind                  routeKind
	repository, reference string
}

type routeKind string

const (
	elsewhere routeKind = "elsewhere"
	ping      routeKind = "ping"
	catalog   routeKind = "catalog"
	tagsList  routeKind = "tags"
	referrers routeKind = "referrers"
	manifests routeKind = "manifest"
	tokens    routeKind = "tokens"
	storage   routeKind = "storage"
)

func routeOf(u *url.URL) route {
	switch origin := u.Scheme + "://" + u.Host; {
	case (origin == tokenOrigin || origin == registryOrigin) && u.Path == "/token":
		return route{kind: tokens}
	case origin == storageOrigin:
		return route{kind: storage}
	case origin != registryOrigin:
		return route{kind: elsewhere}
	}
	rest, ok := strings.CutPrefix(u.Path, "/v2/")
	if !ok {
		return route{kind: elsewhere}
	}
	if repo, ok := strings.CutSuffix(rest, "/tags/list"); ok {
		return route{tagsList, repo, ""}
	}
	for _, kind := range []string{"manifests", "referrers"} {
		if repo, reference, ok := strings.Cut(rest, "/"+kind+"/"); ok {
			return route{map[string]routeKind{"manifests": manifests, "referrers": referrers}[kind], repo, reference}
		}
	}
	return route{kind: map[string]routeKind{"": ping, "_catalog": catalog}[rest]}
}
