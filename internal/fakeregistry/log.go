package fakeregistry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
)

// loggedBody is how much of a request body the log keeps.
const maxLoggedBody = 64 << 10

// Request is one request as it arrived, and what it was answered.
type Request struct {
	Method string
	Scheme string // "http" or "https"
	Host   string // as the caller wrote it, with the port if there was one
	Path   string // escaped, as on the wire
	Query  string // raw, without "?"
	Header http.Header
	Body   []byte // the first 64 KiB
	Status int    // 0 while there is none, and if there never was one
	Lost   bool   // the answer, if there was one, did not reach the caller whole
}

// String is one line: "DELETE /v2/a/manifests/sha256:… 202", the digest in full, the query if there is one, and
// " lost" at the end if the answer did not arrive.
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

// Origin is scheme://host:port of the request, as [Network.Handle] takes it.
func (r Request) Origin() string { return canonicalOrigin(r.Scheme, r.Host) }

// requestLog keeps requests in the order of their arrival.
type requestLog struct {
	mu      sync.Mutex
	entries []*Request
	off     bool
}

// Requests returns every request since the last ResetLog, in order of arrival. Refused connections are not among
// them: they never arrived.
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

// Writes returns the requests whose method is not GET, HEAD or OPTIONS: when it is empty, nothing was asked to change.
func (l *requestLog) Writes() []Request {
	return slices.DeleteFunc(l.Requests(), func(r Request) bool {
		return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	})
}

// ResetLog forgets the requests so far.
func (l *requestLog) ResetLog() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}

// record adds a request to host and returns the writer and the request to go on with.
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

// recorder writes status and body of one request into the log, before the caller can see the answer.
type recorder struct {
	http.ResponseWriter
	log        *requestLog
	entry      *Request
	body       *loggingBody
	unreadBody bool // a body that fits into the log and that nobody may have read
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

// Unwrap lets [http.ResponseController] find the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) recordStatus(status int) {
	if status < 200 {
		return
	}
	if r.unreadBody {
		r.unreadBody = false
		if _, err := io.CopyN(io.Discard, r.body, maxLoggedBody); err != nil && err != io.EOF {
			r.markLost() // the caller went away while sending
		}
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if r.entry.Status == 0 {
		r.entry.Status = status
	}
}

func (r *recorder) markLost() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.entry.Lost = true
}

// done closes the entry: a handler that did not return normally has lost its answer.
func (r *recorder) finish(returned bool) {
	if !returned {
		r.markLost()
		return
	}
	r.recordStatus(http.StatusOK)
}

// forget takes the request out of the log: it never arrived.
func (r *recorder) removeEntry() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.log.entries = slices.DeleteFunc(r.log.entries, func(e *Request) bool { return e == r.entry })
}

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
