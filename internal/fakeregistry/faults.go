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

// The functions below return responses and faults for Intercept. Except where their comments say
// otherwise, they behave the same over sockets and through RoundTrip.

// Answer responds with a status code, a header and a body.
func Answer(status int, header map[string]string, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		setHeaders(w, header)
		w.WriteHeader(status)
		writeBytes(w, []byte(body))
		return true
	}
}

// Errors responds with a JSON error document of one error.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
func Errors(status int, code, message string) func(http.ResponseWriter, *http.Request) bool {
	body, err := json.Marshal(errorDocument{[]errorDetail{{Code: code, Message: message}}})
	if err != nil {
		return Answer(http.StatusInternalServerError, nil, err.Error())
	}
	return Answer(status, map[string]string{"Content-Type": "application/json"}, string(body)+"\n")
}

// Redirect responds with a Location and no body.
func Redirect(status int, location string) func(http.ResponseWriter, *http.Request) bool {
	return Answer(status, map[string]string{"Location": location}, "")
}

// Drip responds with an endless body. It sends chunk immediately and again after each interval.
func Drip(status int, header map[string]string, chunk string, interval time.Duration) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		setHeaders(w, header)
		w.WriteHeader(status)
		if req.Method == http.MethodHead {
			return true
		}
		ticker := time.NewTicker(interval)
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

// Flood responds with an endless body, as fast as the caller reads it. It sends the parts in order
// and repeats the last one forever. Without parts it repeats the letter "a".
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

// Hang never responds. It drops the connection when the context of the request ends.
func Hang() func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		if _, err := io.Copy(io.Discard, req.Body); err == nil {
			<-req.Context().Done()
		}
		return dropConnection(w, connectionReset())
	}
}

// Refuse makes the connection fail as if it had been refused: the request does not arrive and is
// not logged. Over a socket the connection already exists, so it is dropped without a response, as
// by LoseRequest.
func Refuse() func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if rec, ok := w.(*recorder); ok {
			rec.removeEntry()
		}
		return dropConnection(w, connectionRefused())
	}
}

// LoseRequest drops the connection before the request has any effect. The caller cannot distinguish
// it from LoseResponse: RoundTrip returns ECONNRESET, and over a socket the connection is closed.
func (s *server) LoseRequest() func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		return dropConnection(w, connectionReset())
	}
}

// LoseResponse lets the server process the request and drops the connection instead of responding.
// The log shows the status code that was lost.
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

// discardWriter discards a response and keeps only its status code.
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

// dropConnection ends the connection: RoundTrip returns err, a socket is closed. It never returns;
// its result lets interceptors call it in a return statement.
func dropConnection(w http.ResponseWriter, err error) bool {
	for {
		switch v := w.(type) {
		case *exchange:
			v.abort(err)
			panic(http.ErrAbortHandler)
		case *recorder:
			v.markLost() // first, because the caller may read the log as soon as it sees the error
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
