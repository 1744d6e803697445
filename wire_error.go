package regret

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxErrorText   = 1 << 10 // of a message, whatever the registry sent
	maxDetails     = 16      // entries kept of one error answer
	maxDetailBytes = 4 << 10 // JSON kept of one entry's "detail"

	// A registry that drips its error answer is not waited for: what came in
	// this time is what the error tells.
	errorBodyTime = 2 * time.Second
)

// requestIDHeaders are the names under which registries tell operators which
// request it was; the first one present is kept.
var requestIDHeaders = [...]string{
	"X-Request-Id", "X-Correlation-Id", "X-Ms-Correlation-Request-Id", "Correlation-Id",
	"X-Github-Request-Id", "X-Amzn-Requestid", "Docker-Request-Id",
}

// wireError is one entry as registries send it: the code may be missing, the
// status may be a number, the message may be under another name, and the
// detail may be any JSON at all.
type wireError struct {
	Code    looseString     `json:"code"`
	Message looseString     `json:"message"`
	Error   looseString     `json:"error"` // token services: {"error":"…","error_description":"…"}
	Text    looseString     `json:"error_description"`
	Details looseString     `json:"details"`
	Detail  json.RawMessage `json:"detail"`
	Mode    json.RawMessage `json:"is_readonly"` // Quay's, beside a detail that is empty
}

// looseString takes a JSON string and lets every other value pass as empty.
type looseString string

func (s *looseString) UnmarshalJSON(b []byte) error {
	var v string
	if json.Unmarshal(b, &v) == nil {
		*s = looseString(v)
	}
	return nil
}

func (w wireError) empty() bool {
	return w.Code == "" && w.Message == "" && w.Error == "" && w.Text == "" && w.Details == ""
}

// decodeErrors reads an error answer, whatever its Content-Type says, and
// keeps what can be kept: an errors array, a bare object, or text.
func decodeErrors(body []byte, whole bool, secrets *secrets) []Detail {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil
	}
	var envelope struct {
		Errors []json.RawMessage `json:"errors"`
		wireError
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return []Detail{{Message: message(text(body), whole, secrets)}}
	}
	var details []Detail
	for _, raw := range envelope.Errors[:min(len(envelope.Errors), maxDetails)] {
		var w wireError
		if json.Unmarshal(raw, &w) != nil {
			w.Message = looseString(raw)
		}
		details = append(details, w.detail(secrets))
	}
	if len(details) == 0 && !envelope.empty() {
		details = append(details, envelope.detail(secrets))
	}
	return details
}

// enveloped says that a body has the form of a registry's errors.
func enveloped(body []byte) bool {
	var said struct{ Errors []json.RawMessage }
	return json.Unmarshal(body, &said) == nil && len(said.Errors) > 0
}

func (w wireError) detail(secrets *secrets) Detail {
	code, said := string(w.Code), string(w.Message)
	for _, more := range []looseString{w.Error, w.Text, w.Details} {
		if said == "" {
			said = string(more)
		}
	}
	if !familiar(Code(code)) { // a password may be a part of a code's name
		code = secrets.scrub(code)
	}
	d := Detail{
		Code:    Code(printable(code, 64)),
		Message: message(said, true, secrets),
	}
	if empty := len(w.Detail) == 0 || string(w.Detail) == "{}"; empty && string(w.Mode) == "true" {
		w.Detail = json.RawMessage(`{"is_readonly":true}`)
	}
	if len(w.Detail) <= maxDetailBytes && string(w.Detail) != "null" && !tells(w.Detail, secrets) {
		d.Detail = w.Detail
	}
	return d
}

var standardCodes = []Code{
	CodeBlobUnknown, CodeBlobUploadInvalid, CodeBlobUploadUnknown, CodeDigestInvalid, CodeManifestBlobUnknown, CodeManifestInvalid,
	CodeManifestUnknown, CodeNameInvalid, CodeNameUnknown, CodeSizeInvalid, CodeUnauthorized, CodeDenied, CodeUnsupported, CodeTooManyRequests,
	CodeManifestUnverified, CodePaginationNumberInvalid, CodeRangeInvalid, CodeTagInvalid, CodeUnavailable, CodeUnknown, CodeNotFound,
}

// familiar says that a code is one that registries are known for, and nobody's
// secret.
func familiar(c Code) bool {
	return slices.Contains(standardCodes, c) || slices.ContainsFunc(rules, func(r rule) bool { return r.code == c })
}

// tells says whether a string in JSON holds a secret. JSON can spell one in
// more ways than could be replaced.
func tells(raw json.RawMessage, secrets *secrets) bool {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err != nil {
			return false // it was read before: this is its end
		}
		if s, ok := token.(string); ok && secrets.scrub(s) != s {
			return true
		}
	}
}

// message is what is shown of a text. Much more than that need not be looked
// through.
func message(said string, whole bool, secrets *secrets) string {
	const looked = 4 * maxErrorText
	if len(said) > looked {
		said, whole = said[:looked], false
	}
	least := leastSecret
	if whole { // others may have cut it
		least = leastBeginning
	}
	return printable(secrets.scrubCut(said, least), maxErrorText)
}

// text makes one line of an answer that is not JSON; of a page of HTML, its title.
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

// printable folds white space, replaces what a terminal would act on, and cuts
// at limit bytes.
func printable(s string, limit int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		if b.Len()+utf8.RuneLen(r)+1 > limit-len("…") {
			b.WriteString("…")
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// readErrorBody reads what an error answer has to say, within limit and
// [errorBodyTime], and closes it. It reports whether that was all. A connection
// whose answer was read to its end can be used again.
func readErrorBody(resp *http.Response, limit int64) (body []byte, whole bool) {
	defer resp.Body.Close()
	timer := time.AfterFunc(errorBodyTime, func() { resp.Body.Close() })
	defer timer.Stop()
	// A failed read still leaves what came before it, and the status says the rest.
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	return body, err == nil && int64(len(body)) < limit
}

// requestID is the registry's own name for the request.
func (x *exchange) requestID(h http.Header) string {
	for _, name := range requestIDHeaders {
		if v := h.Get(name); v != "" {
			return printable(x.transport.auth.scrub(v), 128)
		}
	}
	return ""
}
