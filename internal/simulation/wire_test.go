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

// The origins of the model. The client must not send anything to any other.
const (
	registryOrigin = "https://registry.test"
	tokenOrigin    = "https://auth.test"
	storageOrigin  = "https://storage.test"
)

// A model is an [http.RoundTripper] that implements a registry, its token service and its storage.
// It handles one request at a time and draws its random numbers in the order of arrival.
type model struct {
	mu          sync.Mutex
	rng         *rand.Rand
	profile     profile
	store       *store
	tokens      map[string]*token
	issued      int
	events      []*event
	running     map[*operation]bool
	throttled   bool                // the registry sent a 429 or 503 to some operation
	seenDigests map[name][]string   // digests that this client received for a name or pushed to it
	chooseFault func(*event) fault  // returns the fault of a request
	onStage     func(*event, stage) // called at each stage of a request; may be nil
	problems    []string
	began       time.Time
}

// A stage is a point in the life of a request at which a test can intervene.
type stage int

const (
	sending     stage = iota // the request is on its way
	responding               // the model has handled it, and the response is on its way
	readingBody              // the client reads the body; once for each call of Read
)

// An event is one request and its outcome.
type event struct {
	n               int
	at              time.Duration
	op              *operation
	method          string
	url             *url.URL
	route           route
	fault           fault
	requestLatency  time.Duration // from the client to the model
	responseLatency time.Duration // from the model to the client
	status          int
	changed         bool   // the request changed what the registry holds
	currentDigest   string // digest that the operation's name pointed to after the request
	responseDigest  string // digest in the response
	headerReceived  bool   // the client received the header
	bodyReceived    bool   // the client read the whole body
	neverSent       bool   // the connection failed, so that the client knows that nothing was sent
	chunks          int    // of the response body
	facts           fact
}

// write reports whether the request is a write.
func (e *event) write() bool { return e.method != http.MethodGet && e.method != http.MethodHead }

func newModel(rng *rand.Rand, p profile) *model {
	m := &model{
		rng: rng, profile: p, store: newStore(rng), tokens: map[string]*token{},
		running: map[*operation]bool{}, seenDigests: map[name][]string{}, began: time.Now(),
	}
	m.chooseFault = m.drawFault
	return m
}

func (m *model) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if op := operationOf(ctx); op != nil { // requests that start at the same time arrive in a fixed order
		wait(time.Duration(op.worker))
	}
	e := m.receive(req)
	if err := m.delay(ctx, e, sending, e.requestLatency); err != nil {
		if e.fault.takesEffect { // the request arrives even though the client gave up
			m.handle(e, req)
		}
		return nil, m.recordLoss(e, err)
	}
	if err := e.fault.transportError(); err != nil && !e.fault.takesEffect {
		e.neverSent = e.fault.kind == dialFails
		return nil, m.recordLoss(e, err)
	}
	if e.fault.kind == hang && !e.fault.takesEffect {
		<-ctx.Done()
		return nil, m.recordLoss(e, ctx.Err())
	}
	a := m.handle(e, req)
	if err := m.delay(ctx, e, responding, e.responseLatency); err != nil {
		return nil, m.recordLoss(e, err)
	}
	if err := e.fault.transportError(); err != nil {
		return nil, m.recordLoss(e, err)
	}
	if e.fault.kind == hang {
		<-ctx.Done()
		return nil, m.recordLoss(e, ctx.Err())
	}
	return m.deliver(e, req, a), nil
}

// delay calls onStage and then returns after d, or when ctx ends.
func (m *model) delay(ctx context.Context, e *event, at stage, d time.Duration) error {
	if m.onStage != nil {
		m.onStage(e, at)
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

// receive records a request, checks it, and chooses its latency and its fault.
func (m *model) receive(req *http.Request) *event {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := &event{
		n: len(m.events), at: time.Since(m.began), op: operationOf(req.Context()),
		method: req.Method, url: req.URL, route: routeOf(req.URL),
	}
	m.events = append(m.events, e)
	if e.op == nil {
		m.problem("a request without the context of an operation: %s %s", req.Method, req.URL)
		e.op = &operation{}
	}
	e.op.events = append(e.op.events, e)
	m.checkRequest(e, req)
	e.requestLatency, e.responseLatency = m.latency(), m.latency()
	e.fault = m.chooseFault(e)
	if e.fault.kind == slow {
		e.responseLatency += e.fault.delay
	}
	return e
}

// latency returns a random latency. Two of them are practically never equal, so that the seed
// determines the order of all events.
func (m *model) latency() time.Duration {
	if m.profile.fixedLatency {
		return 10 * time.Millisecond
	}
	return time.Millisecond + time.Duration(m.rng.Int64N(int64(40*time.Millisecond)))
}

// recordLoss records that the client received no response. It returns err.
func (m *model) recordLoss(e *event, err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addFacts(e, noResponse)
	return err
}

// addFacts adds facts to a request and its operation. It adds those of a token request to every
// running operation, because operations share tokens.
func (m *model) addFacts(e *event, f fact) {
	if e.route.kind == tokens && f.has(noErrorCode|forbidden|notFound) {
		f |= unauthorized // whatever the status code, there is no token
	}
	e.facts |= f
	e.op.facts |= f
	if e.route.kind == tokens {
		for op := range m.running {
			op.facts |= f
		}
	}
}

// deliver turns a response of the model into an HTTP response for the client.
func (m *model) deliver(e *event, req *http.Request, a *response) *http.Response {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.headerReceived, e.status = true, a.status
	m.addFacts(e, a.facts)
	if a.digest != "" {
		e.responseDigest = a.digest
		key := name{e.op.repository, e.op.reference}
		if e.op.kind == listRefs {
			key.reference = fallbackTag(e.op.reference)
		}
		m.seenDigests[key] = append(m.seenDigests[key], a.digest)
	}
	resp := &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: http.NoBody, ContentLength: int64(len(a.body)), Request: req,
	}
	if req.Method == http.MethodHead || len(a.body) == 0 && !e.fault.inBody() {
		e.bodyReceived = true
		return resp
	}
	size := m.profile.chunkSize
	b := &body{ctx: req.Context(), model: m, event: e, fault: e.fault, closed: make(chan struct{})}
	for rest := a.body; len(rest) > 0; {
		n := min(size, len(rest))
		b.chunks = append(b.chunks, rest[:n])
		rest = rest[n:]
	}
	e.chunks = len(b.chunks)
	if e.fault.inBody() {
		resp.ContentLength = -1
		m.addFacts(e, noResponse|notRegistry|noErrorCode)
		if e.write() {
			m.addFacts(e, contradictory) // a success whose body is incomplete
		}
	}
	resp.Body = b
	return resp
}

// A body is a response body that arrives in chunks, each of which may fail.
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
	if b.model.onStage != nil {
		b.model.onStage(b.event, readingBody)
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
		b.event.bodyReceived = true
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

// corrupted returns a copy of chunk with one bit in the middle flipped; ASCII stays ASCII.
func corrupted(chunk []byte) []byte {
	changed := append([]byte(nil), chunk...)
	changed[len(changed)/2] ^= 1
	return changed
}

// transportError returns the error of a request that gets no response, or nil.
func (f fault) transportError() error {
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

// A route is the meaning of a URL of the model.
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
