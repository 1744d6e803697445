// Package errorbody decodes the error responses of registries and token
// services in every form they are known to have. It does not judge what an error
// means.
//
// Invariants: the number of entries, the length of their messages and the size of
// their details are bounded; messages are printable; neither messages nor details
// contain a known secret.
package errorbody

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

const (
	// MaxText bounds a message, whatever the registry sent.
	MaxText = 1 << 10

	maxEntries     = 16
	maxDetailBytes = 4 << 10
)

// An Entry is one error of a response. A response that is not JSON is one entry
// with the text as its message.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
type Entry struct {
	Code    string // as it was sent, of any length; the caller must tell known codes from secrets
	Message string
	Detail  json.RawMessage // nil if there is none, or if it may contain a secret
}

// wireEntry is an entry as registries send it: the code may be missing, the
// status may be a number, the message may have another name, and the detail may
// be any JSON.
type wireEntry struct {
	Code             looseString     `json:"code"`
	Message          looseString     `json:"message"`
	Error            looseString     `json:"error"` // token services: {"error":"…","error_description":"…"}
	ErrorDescription looseString     `json:"error_description"`
	Details          looseString     `json:"details"`
	Detail           json.RawMessage `json:"detail"`
	ReadOnly         json.RawMessage `json:"is_readonly"` // Quay's, beside an empty detail
}

// looseString decodes a JSON string, and any other value as empty.
type looseString string

func (s *looseString) UnmarshalJSON(b []byte) error {
	var v string
	if json.Unmarshal(b, &v) == nil {
		*s = looseString(v)
	}
	return nil
}

func (w wireEntry) empty() bool {
	return w.Code == "" && w.Message == "" && w.Error == "" && w.ErrorDescription == "" && w.Details == ""
}

// Parse decodes an error response whatever its Content-Type says: an errors
// array, a bare object, or text. Whole says that the body was not cut.
func Parse(body []byte, whole bool, secrets *redact.Secrets) []Entry {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil
	}
	var envelope struct {
		Errors []json.RawMessage `json:"errors"`
		wireEntry
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return []Entry{{Message: message(text(body), whole, secrets)}}
	}
	var entries []Entry
	for _, raw := range envelope.Errors[:min(len(envelope.Errors), maxEntries)] {
		var w wireEntry
		if json.Unmarshal(raw, &w) != nil {
			w.Message = looseString(raw)
		}
		entries = append(entries, w.entry(secrets))
	}
	if len(entries) == 0 && !envelope.empty() {
		entries = append(entries, envelope.entry(secrets))
	}
	return entries
}

// IsEnvelope reports whether a body has the form of the specification: an
// object with an array of errors.
func IsEnvelope(body []byte) bool {
	var envelope struct{ Errors []json.RawMessage }
	return json.Unmarshal(body, &envelope) == nil && len(envelope.Errors) > 0
}

// HasCode reports whether a body contains an error code: then the registry
// itself has answered, and not a proxy before it.
func HasCode(body []byte) bool {
	return slices.ContainsFunc(Parse(body, true, &redact.Secrets{}), func(e Entry) bool { return e.Code != "" })
}

// HasRateLimitCode reports whether a body has the code for too many requests.
func HasRateLimitCode(body []byte) bool {
	return slices.ContainsFunc(Parse(body, true, &redact.Secrets{}), func(e Entry) bool { return e.Code == "TOOMANYREQUESTS" })
}

// SaysRateLimit reports whether a body says in words that there were too many
// requests.
func SaysRateLimit(body []byte) bool {
	return slices.ContainsFunc(Parse(body, true, &redact.Secrets{}), func(e Entry) bool {
		said := strings.ToLower(e.Message)
		return slices.ContainsFunc(rateLimitWords, func(words string) bool { return strings.Contains(said, words) })
	})
}

// rateLimitWords are those of GitHub (secondary rate limits, the abuse detection
// that they were called before), Docker Hub, AWS and proxies.
var rateLimitWords = []string{"rate limit", "abuse detection", "too many requests", "toomanyrequests", "rate exceeded"}

func (w wireEntry) entry(secrets *redact.Secrets) Entry {
	said := string(w.Message)
	for _, other := range []looseString{w.Error, w.ErrorDescription, w.Details} {
		if said == "" {
			said = string(other)
		}
	}
	e := Entry{Code: string(w.Code), Message: message(said, true, secrets)}
	if empty := len(w.Detail) == 0 || string(w.Detail) == "{}"; empty && string(w.ReadOnly) == "true" {
		w.Detail = json.RawMessage(`{"is_readonly":true}`)
	}
	if len(w.Detail) <= maxDetailBytes && string(w.Detail) != "null" && !containsSecret(w.Detail, secrets) {
		e.Detail = w.Detail
	}
	return e
}

// containsSecret reports whether a string or a number in JSON contains a secret,
// or a string ends with the beginning of one. JSON can spell a secret in more ways
// than could be replaced.
func containsSecret(raw json.RawMessage, secrets *redact.Secrets) bool {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err != nil {
			return false // the end: raw was decoded once before
		}
		switch v := token.(type) {
		case string:
			if secrets.RedactCut(v, redact.MinPrefix) != v { // the sender may have cut it
				return true
			}
		case json.Number: // as a password of digits can be
			if secrets.Redact(v.String()) != v.String() {
				return true
			}
		}
	}
}

// message redacts and shortens a text. Redacting looks at more of it than is
// kept, but not at all of it.
func message(said string, whole bool, secrets *redact.Secrets) string {
	const looked = 4 * MaxText
	if len(said) > looked {
		said, whole = said[:looked], false
	}
	minPrefix := redact.MinSecret
	if whole { // the sender may have cut it
		minPrefix = redact.MinPrefix
	}
	said = redact.Printable(secrets.RedactCut(said, minPrefix), 2*looked)
	// Folding white space may have joined the parts of a secret that was wrapped.
	return redact.Printable(secrets.Redact(said), MaxText)
}

// text returns the title of an HTML page, and any other text as it is.
func text(body []byte) string {
	lower := bytes.ToLower(body)
	if start := bytes.Index(lower, []byte("<title>")); start >= 0 && len(lower) == len(body) {
		title := body[start+len("<title>"):]
		if end := bytes.Index(lower[start+len("<title>"):], []byte("</title>")); end >= 0 {
			return string(title[:end])
		}
	}
	return string(body)
}
