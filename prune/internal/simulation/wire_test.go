package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
)

// A process is a run of the client under test. It is the transport of its client.
type process struct {
	*world
	number    int
	rules     *rules
	rivals    *rivals
	latency   time.Duration // of one way, at most
	pushes    int           // percent of requests before which other clients act
	faults    int           // percent of requests that fail
	knowledge *knowledge    // what the client has been told

	dead chan struct{} // closed when the process is killed
}

var errKilled = errors.New("the process was killed")

func (p *process) isDead() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// kill ends the process: nothing that it does from now on has an effect.
func (p *process) kill(where string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isDead() {
		p.counts.kills++
		p.say("run %d: KILLED at %s", p.number, where)
		close(p.dead)
	}
}

// A request is one request of the client under test.
type request struct {
	*http.Request
	reference string // the tag or digest of a manifest; empty for other requests
	raw       []byte // the body
	fault     fault
	rng       *rand.Rand
}

func (r *request) isWrite() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// RoundTrip implements [http.RoundTripper].
func (p *process) RoundTrip(req *http.Request) (*http.Response, error) {
	r := &request{Request: req}
	if _, reference, ok := strings.Cut(req.URL.Path, "/manifests/"); ok {
		r.reference = reference
	}
	if req.Body != nil {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		r.raw = raw
	}
	p.begin(r)
	if r.fault.kind == refused {
		traceConnection(req.Context(), errRefused)
		return nil, errRefused
	}
	traceConnection(req.Context(), nil)
	there, back := p.oneWay(r.rng), p.oneWay(r.rng)
	if err := p.pause(req.Context(), there); err != nil {
		if r.rng.IntN(2) == 0 { // it was sent before
			p.serve(r)
		}
		return nil, err
	}
	if r.fault.kind == hang && !r.fault.late {
		return nil, p.pause(req.Context(), forever)
	}
	resp, err := p.serve(r)
	if err != nil {
		return nil, err
	}
	if r.fault.kind == hang {
		back = forever
	}
	if err := p.pause(req.Context(), back); err != nil {
		return nil, err
	}
	return r.fault.damage(resp)
}

// begin chooses what happens to a request.
func (p *process) begin(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.requests++
	p.learnPushed(r.Header.Get("Content-Type"), r.raw)
	what := fmt.Sprintf("%s %s %s", r.Method, strings.TrimSuffix(r.URL.Path, r.reference), p.readable(r.reference))
	p.sent[what]++
	r.rng = p.dice(what, p.sent[what])
	faults := p.faults
	if r.isWrite() {
		faults *= 2
	}
	if r.rng.IntN(100) < faults {
		p.counts.faults++
		r.fault = drawFault(r.rng, r.isWrite())
	}
}

const forever = 1000 * time.Hour

// oneWay returns how long a request or a response travels. Two of them are hardly ever equal, so
// that the seed determines the order of all events.
func (p *process) oneWay(rng *rand.Rand) time.Duration {
	return time.Millisecond + time.Duration(rng.Int64N(int64(p.latency)))
}

// pause returns after some time, or when the context or the process ends.
func (p *process) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-p.dead:
		return errKilled
	}
}

// serve lets other clients act, and then the registry respond.
func (p *process) serve(r *request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rng := p.dice("others", r.rng.Uint64()); rng.IntN(100) < p.pushes {
		p.rivals.act(rng)
	}
	if !r.fault.late {
		if resp, err := r.fault.instead(r.Request); resp != nil || err != nil {
			p.log(r, resp, err, nil, nil)
			return resp, err
		}
	}
	var before state
	if r.isWrite() {
		p.counts.writes++
		before = p.state()
		p.rules.checkRequest(p, r, before)
	}
	resp, err := p.respond(r)
	if err != nil {
		return nil, err
	}
	var manifests []regret.Digest
	var tags []string
	if r.isWrite() {
		manifests, tags = p.note(change{by: ours, run: p.number, request: r.reference}, before, p.state())
		p.rules.checkEffect(p, r, before, manifests)
	}
	p.log(r, resp, nil, manifests, tags)
	if r.fault.late {
		if resp, err := r.fault.instead(r.Request); resp != nil || err != nil {
			p.say("run %d: … but the client gets %s", p.number, outcome(resp, err))
			return resp, err
		}
	}
	return resp, nil
}

// respond passes a request to the registry and reads the whole response.
func (p *process) respond(r *request) (*http.Response, error) {
	sent := r.Clone(context.Background())
	if r.raw != nil {
		sent.Body, sent.ContentLength = io.NopCloser(bytes.NewReader(r.raw)), int64(len(r.raw))
	}
	resp, err := p.registry.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Body, resp.Request = io.NopCloser(bytes.NewReader(body)), r.Request
	return resp, nil
}

// log adds a request to the trace.
func (p *process) log(r *request, resp *http.Response, err error, manifests []regret.Digest, tags []string) {
	what := p.readable(r.reference)
	if r.reference == "" {
		what = strings.TrimPrefix(r.URL.Path, "/v2/"+p.repository+"/")
	}
	if len(r.raw) > 0 {
		what += " " + p.nameOf(digestOf(r.raw))
	}
	line := fmt.Sprintf("run %d: %s %s: %s", p.number, r.Method, what, outcome(resp, err))
	if len(manifests)+len(tags) > 0 {
		line += fmt.Sprintf(", gone: %q, tags gone: %q", p.namesOf(manifests), tags)
	}
	p.say("%s", line)
}

func outcome(resp *http.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(resp.StatusCode)
}

// traceConnection calls the hooks by which the client knows whether a request was sent.
func traceConnection(ctx context.Context, failed error) {
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil {
		return
	}
	if trace.GetConn != nil {
		trace.GetConn("registry.example:443")
	}
	if failed != nil {
		if trace.ConnectDone != nil {
			trace.ConnectDone("tcp", "registry.example:443", failed)
		}
		return
	}
	if trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	if trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	if trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
}
