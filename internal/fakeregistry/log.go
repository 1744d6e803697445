package fakeregistry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
)

// maxLoggedBody is how many bytes of a request body the log keeps.
const maxLoggedBody = 64 << 10

// Request is one logged request with the outcome of its response.
type Request struct {
	Method string
	Scheme string // "http" or "https"
	Host   string // as sent by the caller, with the port if there was one
	Path   string // escaped, as in the request line
	Query  string // raw, without "?"
	Header http.Header
	Body   []byte // the first 64 KiB
	Status int    // of the response; 0 if there is none, or none yet
	Lost   bool   // the response, if there was one, did not reach the caller completely
}

// String returns the request on one line, such as "DELETE /v2/a/manifests/sha256:… 202", with the
// complete digest. It includes the query, if there is one, and ends with " lost" if the response
// did not arrive.
func (r Request) String() string {
	s := r.Method + " " + r.Path
	if r.Query != "" {
		s += "?" + r.Query
	}
	s = fmt.Sprintf("%s %d", s, r.Status)
	if r.Lost {
		s += " lost"
	}
	return s
}

// Origin returns scheme://host:port of the request, in the form that [Network.Handle] accepts.
func (r Request) Origin() string { return canonicalOrigin(r.Scheme, r.Host) }

// requestLog records requests in order of arrival.
type requestLog struct {
	mu      sync.Mutex
	entries []*Request
	off     bool
}

// Requests returns a copy of all requests since the last ResetLog, in order of arrival. Requests
// whose connection was refused never arrived and are not included.
func (l *requestLog) Requests() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	requests := make([]Request, len(l.entries))
	for i, e := range l.entries {
		requests[i] = *e
		requests[i].Header = e.Header.Clone()
		requests[i].Body = bytes.Clone(e.Body)
	}
	return requests
}

// Writes returns the requests whose method is not GET, HEAD or OPTIONS. If there are none, the
// client did not try to change anything.
func (l *requestLog) Writes() []Request {
	return slices.DeleteFunc(l.Requests(), func(r Request) bool {
		return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	})
}

// ResetLog drops the requests logged so far.
func (l *requestLog) ResetLog() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}

// record logs a request to host. The handler must use the writer and the request that it returns.
func (l *requestLog) record(w http.ResponseWriter, req *http.Request, host string) (*recorder, *http.Request) {
	entry := &Request{
		Method: req.Method,
		Scheme: schemeOf(req),
		Host:   host,
		Path:   req.URL.EscapedPath(),
		Query:  req.URL.RawQuery,
		Header: req.Header.Clone(),
	}
	rec := &recorder{ResponseWriter: w, log: l, entry: entry}
	if l.off {
		return rec, req
	}
	l.mu.Lock()
	l.entries = append(l.entries, entry)
	l.mu.Unlock()
	if req.Body != nil && req.Body != http.NoBody {
		rec.body = &loggingBody{ReadCloser: req.Body, recorder: rec}
		rec.unreadBody = req.ContentLength > 0 && req.ContentLength <= maxLoggedBody
		clone := *req
		clone.Body = rec.body
		req = &clone
	}
	return rec, req
}

// recorder adds the status code and the request body to a log entry, before the caller can see the
// response.
type recorder struct {
	http.ResponseWriter
	log        *requestLog
	entry      *Request
	body       *loggingBody
	unreadBody bool // the body fits into the log, and the handler may not have read it
}

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	r.recordStatus(status)
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) {
	r.recordStatus(http.StatusOK)
	return r.ResponseWriter.Write(p)
}

// Unwrap gives [http.ResponseController] access to the underlying writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// recordStatus records the status code of the response. It first reads a request body that fits
// into the log to its end, because the handler may not have done so.
func (r *recorder) recordStatus(status int) {
	if status < 200 {
		return
	}
	if r.unreadBody {
		r.unreadBody = false
		if _, err := io.CopyN(io.Discard, r.body, maxLoggedBody); err != nil && err != io.EOF {
			r.markLost() // the caller disconnected while sending the body
		}
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if r.entry.Status == 0 {
		r.entry.Status = status
	}
}

// markLost records that the response did not reach the caller.
func (r *recorder) markLost() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.entry.Lost = true
}

// finish completes the entry. If the handler did not return normally, its response is lost.
func (r *recorder) finish(returned bool) {
	if !returned {
		r.markLost()
		return
	}
	r.recordStatus(http.StatusOK)
}

// removeEntry removes the request from the log, as if it had never arrived.
func (r *recorder) removeEntry() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.log.entries = slices.DeleteFunc(r.log.entries, func(e *Request) bool { return e == r.entry })
}

// loggingBody copies a request body into the log as the handler reads it.
type loggingBody struct {
	io.ReadCloser
	recorder *recorder
}

func (b *loggingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.recorder.log.mu.Lock()
	defer b.recorder.log.mu.Unlock()
	entry := b.recorder.entry
	entry.Body = append(entry.Body, p[:min(n, maxLoggedBody-len(entry.Body))]...)
	return n, err
}

func schemeOf(req *http.Request) string {
	if req.TLS != nil {
		return "https"
	}
	return "http"
}
