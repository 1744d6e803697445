package fakeregistry

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The functions below make ready-made answers and faults for Intercept. They mean the same over sockets and
// RoundTrip, except where the comment says otherwise.

// Answer answers with a status, headers and a body.
func Answer(status int, header map[string]string, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		setHeaders(w, header)
		w.WriteHeader(status)
		writeBytes(w, []byte(body))
		return true
	}
}

// Errors answers with an error document of one error, as JSON.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
func Errors(status int, code, message string) func(http.ResponseWriter, *http.Request) bool {
	body, err := json.Marshal(errorDocument{[]errorDetail{{Code: code, Message: message}}})
	if err != nil {
		return Answer(http.StatusInternalServerError, nil, err.Error())
	}
	return Answer(status, map[string]string{"Content-Type": "application/json"}, string(body)+"\n")
}

// Redirect answers with a Location and no body.
func Redirect(status int, location string) func(http.ResponseWriter, *http.Request) bool {
	return Answer(status, map[string]string{"Location": location}, "")
}

// Drip answers with a body without end: chunk, at once and then every so often.
func Drip(status int, header map[string]string, chunk string, every time.Duration) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		setHeaders(w, header)
		w.WriteHeader(status)
		if req.Method == http.MethodHead {
			return true
		}
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		flusher := http.NewResponseController(w)
		for writeBytes(w, []byte(chunk)) && flusher.Flush() == nil {
			select {
			case <-ticker.C:
			case <-req.Context().Done():
				return true
			}
		}
		return true
	}
}

// Flood answers with a body without end, as fast as the caller reads it. The parts are sent in order, the last of
// them again and again; without any it is the letter "a".
func Flood(status int, header map[string]string, parts ...string) func(http.ResponseWriter, *http.Request) bool {
	if len(parts) == 0 {
		parts = []string{"a"}
	}
	head, last := strings.Join(parts[:len(parts)-1], ""), parts[len(parts)-1]
	chunk := []byte(strings.Repeat(last, 1+(16<<10)/max(1, len(last))))
	return func(w http.ResponseWriter, req *http.Request) bool {
		setHeaders(w, header)
		w.WriteHeader(status)
		if req.Method == http.MethodHead {
			return true
		}
		for more := writeBytes(w, []byte(head)); more && req.Context().Err() == nil; {
			more = writeBytes(w, chunk)
		}
		return true
	}
}

// Hang never answers: the connection is dropped when the request's context ends.
func Hang() func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		if _, err := io.Copy(io.Discard, req.Body); err == nil {
			<-req.Context().Done()
		}
		return dropConnection(w, connectionReset())
	}
}

// Refuse lets a connection be refused: nothing arrives, and nothing is logged. Over a socket the connection exists by
// then: there it is dropped without an answer, as by LoseRequest.
func Refuse() func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if rec, ok := w.(*recorder); ok {
			rec.removeEntry()
		}
		return dropConnection(w, connectionRefused())
	}
}

// LoseRequest drops the connection before the request has any effect. The caller cannot tell it from LoseResponse:
// RoundTrip returns an ECONNRESET, over a socket the connection is closed.
func (s *server) LoseRequest() func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		return dropConnection(w, connectionReset())
	}
}

// LoseResponse lets the server do its work and drops the connection instead of answering. The log shows the status
// that was lost.
func (s *server) LoseResponse() func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		lost := &discardWriter{header: http.Header{}}
		s.inner(lost, req)
		if rec, ok := w.(*recorder); ok {
			rec.recordStatus(max(lost.status, http.StatusOK))
		}
		return dropConnection(w, connectionReset())
	}
}

// lostResponse is where the answers go that nobody gets.
type discardWriter struct {
	header http.Header
	status int
}

func (l *discardWriter) Header() http.Header         { return l.header }
func (l *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (l *discardWriter) WriteHeader(status int) {
	if l.status == 0 {
		l.status = status
	}
}

// drop ends the connection: RoundTrip returns err, a socket is closed. It does not return.
func dropConnection(w http.ResponseWriter, err error) bool {
	for {
		switch v := w.(type) {
		case *exchange:
			v.abort(err)
			panic(http.ErrAbortHandler)
		case *recorder:
			v.markLost() // before the caller can see it, and look into the log
			w = v.Unwrap()
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			panic(http.ErrAbortHandler)
		}
	}
}

func setHeaders(w http.ResponseWriter, header map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(header)) {
		w.Header().Set(key, header[key])
	}
}
