package regret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/errorbody"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/redact"
	"github.com/seed-8cb7cc86/regret/internal/transport"
)

// This file turns the facts of the layers below into an *Error, and nothing
// else does.

// newError is an Error with the names that a request is about.
func (r *request) newError(kind Kind, err error) *Error {
	return &Error{
		Op: r.Op, Repository: r.repository, Reference: r.reference,
		Kind: kind, Err: r.client.secrets.RedactError(err),
	}
}

// errorOf says what a failed request means.
func (r *request) errorOf(f *transport.Failure) *Error {
	e := r.newError("", f.Err)
	e.StatusCode, e.RetryAfter, e.Attempts, e.ambiguous = f.StatusCode, f.RetryAfter, f.Attempts, f.Ambiguous
	e.RequestID = r.client.requestID(f.Header)
	if f.Attempts > 0 {
		e.Method, e.URL = f.Method, r.client.secrets.Redact(f.URL)
	}
	if f.Err == nil {
		e.Details = r.client.details(f.Body, f.Whole)
		e.Kind, e.Hint = classify(r, f, e.Details)
		if e.Kind == ErrNotFound && e.hasCode(CodeNotFound) && !errorbody.IsEnvelope(f.Body) { // any web service may say so of a route
			e.Kind, e.Hint = "", hintCodeless
		}
		if missing := missingContent(e); missing != "" {
			e.Err = errors.New("the repository lacks " + missing)
		}
		return e
	}
	if refused, ok := errors.AsType[*auth.Error](f.Err); ok {
		r.addAuth(e, refused)
	}
	switch fault, ok := errors.AsType[*transport.Fault](f.Err); {
	case f.Canceled:
		e.Kind = ""
	case ok:
		e.Kind = faultKinds[fault.Problem]
	case e.Kind != "":
	case errors.Is(f.Err, context.Canceled), errors.Is(f.Err, context.DeadlineExceeded):
	case errors.Is(f.Err, http.ErrSchemeMismatch):
		e.Kind, e.Hint = ErrUnavailable, "the registry answers in plain http: name it with http:// or use WithPlainHTTP"
	default:
		e.Kind = ErrUnavailable
	}
	return e
}

// missingContent lists the digests that a refusal of a manifest names as missing.
func missingContent(e *Error) string {
	var missing []string
	for _, d := range e.Details {
		var detail struct{ Digest Digest }
		if e.Kind == ErrContentMissing && json.Unmarshal(d.Detail, &detail) == nil && grammar.Digest(detail.Digest) == nil {
			missing = append(missing, string(detail.Digest))
		}
	}
	return strings.Join(missing, ", ")
}

var faultKinds = map[transport.Problem]Kind{
	transport.Redirected: ErrRedirect,
	transport.Encoded:    ErrNotRegistry,
	transport.TooLarge:   ErrTooLarge,
	transport.Held:       ErrRateLimited,
}

// addAuth adds why there was no Authorization header.
func (r *request) addAuth(e *Error, refused *auth.Error) {
	e.StatusCode = refused.StatusCode
	if refused.Method != "" { // the token service refused
		e.Method, e.URL = refused.Method, r.client.secrets.Redact(refused.URL)
	}
	for _, code := range refused.Codes {
		e.Details = append(e.Details, Detail{Code: Code(code)})
	}
	switch refused.Reason {
	case auth.MalformedChallenge, auth.TokenMalformed:
		e.Kind = ErrNotRegistry
		if _, tooLarge := errors.AsType[*body.TooLargeError](refused); tooLarge {
			e.Kind = ErrTooLarge
		}
	case auth.UntrustedRealm:
		e.Kind = ErrUntrustedRealm
		if registry := r.client.origin; registry.Scheme == "https" && refused.Realm.Scheme == "http" && refused.Realm.Hostname() == registry.Hostname() {
			e.Hint = hintForwardedProto // a proxy that loses the scheme may lose the port, too
		} else if realm := refused.Realm.String(); auth.CheckRealm(realm, r.client.origin) == nil { // advice that New accepts
			e.Hint = fmt.Sprintf("if that is the registry's token service, use WithTrustedRealm(%q)", r.client.secrets.Redact(realm))
		}
	case auth.SourceFailed:
		e.Kind = ErrUnauthorized
	case auth.NoResponse:
		e.Kind = ErrUnavailable
	case auth.TokenRefused:
		if e.Kind, e.Hint = tokenRefusal(refused.StatusCode); e.Kind == ErrUnauthorized && r.auth.Anonymous() {
			e.Hint = "the token service gives no token without credentials, and there are none for " +
				r.client.origin.Host + ": " + r.explainSource()
		}
		if e.Err = nil; refused.StatusCode < 400 {
			e.Err = errors.New("a token service must answer with 200, and is not followed elsewhere")
		}
	}
}

// tokenRefusal says what a token service's status means.
func tokenRefusal(status int) (Kind, string) {
	switch {
	case status < 300:
		return ErrNotRegistry, ""
	case status < 400:
		return ErrRedirect, ""
	case status == http.StatusUnauthorized:
		return ErrUnauthorized, "the token service did not accept the credentials"
	case status == http.StatusForbidden:
		return ErrForbidden, ""
	case status == http.StatusTooManyRequests:
		return ErrRateLimited, ""
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return ErrUnavailable, ""
	}
	return ErrUnauthorized, ""
}

// about is an Error about a response that was received.
func (r *request) about(resp transport.Response, kind Kind, err error) *Error {
	e := r.newError(kind, err)
	e.Method, e.URL, e.Attempts = r.Method, r.url(), resp.Attempts
	e.StatusCode, e.RequestID = resp.StatusCode, r.client.requestID(resp.Header)
	return e
}

// refuse closes a response that cannot be accepted and says why.
func (r *request) refuse(resp transport.Response, kind Kind, err error) *Error {
	body.Discard(resp.Body)
	return r.about(resp, kind, err)
}

// details decodes an error response. Its texts are printable and redacted.
func (c *Client) details(raw []byte, whole bool) []Detail {
	var details []Detail
	for _, entry := range errorbody.Parse(raw, whole, c.secrets) {
		code := entry.Code
		if !isKnownCode(Code(code)) { // a password may be a part of a known code
			code = c.secrets.Redact(code)
		}
		details = append(details, Detail{Code: Code(redact.Printable(code, 64)), Message: entry.Message, Detail: entry.Detail})
	}
	return details
}

// isKnownCode reports whether registries are known for a code, so that it is no
// secret.
func isKnownCode(code Code) bool {
	return slices.Contains(standardCodes, code) || slices.ContainsFunc(rules, func(r rule) bool { return r.code == code })
}

var standardCodes = []Code{
	CodeBlobUnknown, CodeBlobUploadInvalid, CodeBlobUploadUnknown, CodeDigestInvalid, CodeManifestBlobUnknown, CodeManifestInvalid,
	CodeManifestUnknown, CodeNameInvalid, CodeNameUnknown, CodeSizeInvalid, CodeUnauthorized, CodeDenied, CodeUnsupported, CodeTooManyRequests,
	CodeManifestUnverified, CodePaginationNumberInvalid, CodeRangeInvalid, CodeTagInvalid, CodeUnavailable, CodeUnknown, CodeNotFound,
}

// requestIDHeaders are the header fields in which registries name a request for
// their operators; the first one present is kept.
var requestIDHeaders = [...]string{
	"X-Request-Id", "X-Correlation-Id", "X-Ms-Correlation-Request-Id", "Correlation-Id",
	"X-Github-Request-Id", "X-Amzn-Requestid", "Docker-Request-Id",
}

func (c *Client) requestID(h http.Header) string {
	for _, name := range requestIDHeaders {
		if v := h.Get(name); v != "" {
			return redact.Printable(c.secrets.Redact(v), 128)
		}
	}
	return ""
}

// annotate returns a copy of err with change applied to it.
func annotate(err error, change func(*Error)) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	changed := *e
	change(&changed)
	return &changed
}

// hintLook is what to do about a write with an unknown outcome.
const hintLook = "resolve it again to see"

// unknownOutcome is the error for a write that may or may not have happened.
func unknownOutcome(err error, hint string) error {
	return annotate(err, func(e *Error) { e.Kind, e.Hint = ErrOutcomeUnknown, hint })
}

// isAmbiguous reports whether a failed write may have happened after all.
func isAmbiguous(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.ambiguous
}

// joinHints joins the hints that are not empty.
func joinHints(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(hint string) bool { return hint == "" }), "; ")
}
