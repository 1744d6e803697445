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

// Recorder is a transport for a client. It records each request with the status code of its response.
type Recorder struct {
	transport *http.Transport

	mu     sync.Mutex
	sent   []string
	faults map[string]fault
}

// fault is a simulated network failure.
type fault string

const (
	responseLost   fault = "lost"    // the registry handles the request, but the client gets no response
	requestDropped fault = "dropped" // the request does not reach the registry
)

// NewRecorder returns a recorder for one test.
func NewRecorder(t testing.TB) *Recorder {
	recorder := &Recorder{transport: &http.Transport{}}
	t.Cleanup(recorder.transport.CloseIdleConnections)
	return recorder
}

// RoundTrip sends the request and records it, as in "HEAD /v2/derek/busybox/manifests/latest 200".
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	fault := r.takeFault(req.Method)
	if fault == requestDropped {
		r.record(req, string(fault))
		return nil, io.ErrUnexpectedEOF
	}
	resp, err := r.transport.RoundTrip(req)
	if err != nil {
		r.record(req, err.Error())
		return nil, err
	}
	if fault == responseLost {
		r.record(req, string(fault))
		return nil, errors.Join(io.ErrUnexpectedEOF, resp.Body.Close())
	}
	r.record(req, fmt.Sprint(resp.StatusCode))
	return resp, nil
}

// LoseAnswer makes the connection of the next request with this method break after the registry has
// handled it.
func (r *Recorder) LoseAnswer(method string) { r.addFault(method, responseLost) }

// DropRequest makes the connection of the next request with this method break before the registry
// receives it.
func (r *Recorder) DropRequest(method string) { r.addFault(method, requestDropped) }

func (r *Recorder) addFault(method string, f fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults == nil {
		r.faults = map[string]fault{}
	}
	r.faults[method] = f
}

func (r *Recorder) takeFault(method string) fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.faults[method]
	delete(r.faults, method)
	return f
}

func (r *Recorder) record(req *http.Request, outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, req.Method+" "+req.URL.Path+" "+outcome)
}

// Sent returns the recorded requests and clears the record.
func (r *Recorder) Sent() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := r.sent
	r.sent = nil
	return sent
}

// Writes returns the recorded requests except GET and HEAD, and clears the record.
func (r *Recorder) Writes() []string {
	var writes []string
	for _, line := range r.Sent() {
		if !strings.HasPrefix(line, http.MethodGet+" ") && !strings.HasPrefix(line, http.MethodHead+" ") {
			writes = append(writes, line)
		}
	}
	return writes
}
