package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Recorder is the network under a client: it notes each request with the status of its answer.
type Recorder struct {
	transport *http.Transport

	mu     sync.Mutex
	sent   []string
	faults map[string]fault
}

// fault is what is to happen to a request.
type fault string

const (
	lost    fault = "lost"    // the registry does its work, but its answer does not arrive
	dropped fault = "dropped" // the request does not arrive
)

// NewRecorder returns a recorder for one test.
func NewRecorder(t testing.TB) *Recorder {
	recorder := &Recorder{transport: &http.Transport{}}
	t.Cleanup(recorder.transport.CloseIdleConnections)
	return recorder
}

// RoundTrip sends the request and notes it, as in "HEAD /v2/derek/busybox/manifests/latest 200".
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	fault := r.next(req.Method)
	if fault == dropped {
		r.note(req, string(fault))
		return nil, io.ErrUnexpectedEOF
	}
	resp, err := r.transport.RoundTrip(req)
	if err != nil {
		r.note(req, err.Error())
		return nil, err
	}
	if fault == lost {
		r.note(req, string(fault))
		return nil, errors.Join(io.ErrUnexpectedEOF, resp.Body.Close())
	}
	r.note(req, fmt.Sprint(resp.StatusCode))
	return resp, nil
}

// LoseAnswer has the connection break on the next request of this method, after the registry has done its work.
func (r *Recorder) LoseAnswer(method string) { r.plan(method, lost) }

// DropRequest has the connection break on the next request of this method, before the registry has seen it.
func (r *Recorder) DropRequest(method string) { r.plan(method, dropped) }

func (r *Recorder) plan(method string, f fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults == nil {
		r.faults = map[string]fault{}
	}
	r.faults[method] = f
}

func (r *Recorder) next(method string) fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.faults[method]
	delete(r.faults, method)
	return f
}

func (r *Recorder) note(req *http.Request, outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, req.Method+" "+req.URL.Path+" "+outcome)
}

// Sent returns what was sent so far and forgets it.
func (r *Recorder) Sent() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := r.sent
	r.sent = nil
	return sent
}

// Writes returns what was sent so far other than reads, and forgets it all.
func (r *Recorder) Writes() []string {
	var writes []string
	for _, line := range r.Sent() {
		if !strings.HasPrefix(line, http.MethodGet+" ") && !strings.HasPrefix(line, http.MethodHead+" ") {
			writes = append(writes, line)
		}
	}
	return writes
}
