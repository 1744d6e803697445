package regret

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/errorbody"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// A Code is an error code as the registry sent it. Every Code is itself an error:
// errors.Is(err, regret.CodeManifestUnknown) reports whether the registry sent that
// code. Codes that are not listed here are kept unchanged.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
type Code string

// Error returns the code itself.
func (c Code) Error() string { return string(c) }

// Codes of the OCI distribution specification.
const (
	CodeBlobUnknown         Code = "BLOB_UNKNOWN"
	CodeBlobUploadInvalid   Code = "BLOB_UPLOAD_INVALID"
	CodeBlobUploadUnknown   Code = "BLOB_UPLOAD_UNKNOWN"
	CodeDigestInvalid       Code = "DIGEST_INVALID"
	CodeManifestBlobUnknown Code = "MANIFEST_BLOB_UNKNOWN"
	CodeManifestInvalid     Code = "MANIFEST_INVALID"
	CodeManifestUnknown     Code = "MANIFEST_UNKNOWN"
	CodeNameInvalid         Code = "NAME_INVALID"
	CodeNameUnknown         Code = "NAME_UNKNOWN"
	CodeSizeInvalid         Code = "SIZE_INVALID"
	CodeUnauthorized        Code = "UNAUTHORIZED"
	CodeDenied              Code = "DENIED"
	CodeUnsupported         Code = "UNSUPPORTED"
	CodeTooManyRequests     Code = "TOOMANYREQUESTS"
)

// Codes outside the specification that Docker's registry and its derivatives send.
const (
	CodeManifestUnverified      Code = "MANIFEST_UNVERIFIED"
	CodePaginationNumberInvalid Code = "PAGINATION_NUMBER_INVALID"
	CodeRangeInvalid            Code = "RANGE_INVALID"
	CodeTagInvalid              Code = "TAG_INVALID"
	CodeUnavailable             Code = "UNAVAILABLE"
	CodeUnknown                 Code = "UNKNOWN"
	CodeNotFound                Code = "NOT_FOUND"
)

// A Kind classifies a failure independently of the status and code with which a
// registry reports it. Every Kind is an error: errors.Is(err, regret.ErrForbidden).
// A failure that cannot be classified has no Kind; status and codes are always kept.
type Kind string

// Error returns a short description of the kind.
func (k Kind) Error() string { return string(k) }

// The kinds of failure.
const (
	// ErrInvalid: an argument or option is malformed. Nothing was sent.
	ErrInvalid Kind = "invalid argument"
	// ErrNotFound: the registry reports that the repository or manifest does not exist.
	ErrNotFound Kind = "not found"
	// ErrUnauthorized: the registry requires credentials, or other ones.
	ErrUnauthorized Kind = "authentication required"
	// ErrForbidden: the credentials are valid but do not allow this.
	ErrForbidden Kind = "permission denied"
	// ErrDeleteDisabled: deletion is disabled at this registry for all users.
	ErrDeleteDisabled Kind = "deletion is disabled"
	// ErrTagDeleteUnsupported: this registry does not delete by tag.
	ErrTagDeleteUnsupported Kind = "deletion by tag is not supported"
	// ErrReferenced: another manifest still refers to this one.
	ErrReferenced Kind = "still referenced by another manifest"
	// ErrStillTagged: the registry deletes a manifest only after all its tags are removed.
	ErrStillTagged Kind = "still tagged"
	// ErrContentMissing: a manifest cannot be stored because what it refers to is not in the repository.
	ErrContentMissing Kind = "content missing"
	// ErrImmutable: the image is locked against changes.
	ErrImmutable Kind = "immutable"
	// ErrReadOnly: the registry accepts no writes at present.
	ErrReadOnly Kind = "registry is read-only"
	// ErrRateLimited: too many requests; Error.RetryAfter says how long to wait.
	ErrRateLimited Kind = "rate limited"
	// ErrUnavailable: the registry could not be reached or had an internal failure.
	ErrUnavailable Kind = "registry unavailable"
	// ErrOutcomeUnknown: the request may have taken effect; no response confirmed or denied it.
	ErrOutcomeUnknown Kind = "outcome unknown"
	// ErrStillPresent: the registry reported success, yet the manifest or tag is still there.
	ErrStillPresent Kind = "still present after a reported success"
	// ErrDigestMismatch: the content, the header field and the requested digest do not agree.
	ErrDigestMismatch Kind = "digest mismatch"
	// ErrTooLarge: a response exceeds a limit; see [Limits].
	ErrTooLarge Kind = "response too large"
	// ErrIncompleteList: a listing could not be read to its end.
	ErrIncompleteList Kind = "incomplete list"
	// ErrInvalidEntries: a list has entries that are not valid names; it is complete except for
	// them. See [InvalidEntriesError].
	ErrInvalidEntries Kind = "the list has invalid entries"
	// ErrUntrustedRealm: the registry names a token service that is not trusted; see [WithTrustedRealm].
	ErrUntrustedRealm Kind = "untrusted token service"
	// ErrRedirect: a redirect that this client does not follow.
	ErrRedirect Kind = "redirect not followed"
	// ErrNotRegistry: the response is not one that a registry sends.
	ErrNotRegistry Kind = "not a registry's response"
)

// An Error describes a failed operation: its arguments, the request that was sent,
// and the response of the registry. It contains no *http.Request, *http.Response or
// credentials. It matches its [Kind] and each [Code] through errors.Is, and the
// error of the transport or context through Unwrap.
type Error struct {
	Op         string        // the operation: "resolve", "delete manifest", "untag" …
	Repository string        // as it was sent; empty if none is involved
	Reference  string        // tag or digest; empty if none is involved
	Method     string        // HTTP method of the last attempt; empty if nothing was sent
	URL        string        // URL of the last attempt, without query and user information
	StatusCode int           // HTTP status of the last response; 0 if there was none
	Kind       Kind          // classification; empty if the response does not reveal it
	Details    []Detail      // error entries of the response, in its order
	RetryAfter time.Duration // how long the registry asked to wait; 0 if it did not
	Attempts   int           // how often the request was attempted
	RequestID  string        // the registry's identifier of the request, for its operator
	Hint       string        // what to do, if there is a known remedy
	Err        error         // the cause: an error of the network, the context or a parser
	ambiguous  bool          // the request may have had an effect although no response confirmed it
}

// A Detail is one entry of a registry's error response. A response that is not JSON
// appears as one Detail with the text as its Message.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
type Detail struct {
	Code    Code            // empty if the registry sent none
	Message string          // at most 1 KiB, printable
	Detail  json.RawMessage // additional JSON that the registry sent; nil if none
}

// Is reports whether target is the error's Kind or one of its Codes.
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case Kind:
		return t != "" && t == e.Kind
	case Code:
		return t != "" && e.hasCode(t)
	}
	return false
}

// Unwrap returns the cause, if there is one.
func (e *Error) Unwrap() error { return e.Err }

// Error returns the operation, its object, the status, the registry's messages and
// the hint, in at most 1 KiB of printable text.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("regret: ")
	b.WriteString(e.Op)
	if name := e.name(); name != "" {
		b.WriteString(" " + name)
	}
	b.WriteString(": ")
	b.WriteString(strings.Join(e.causes(), ": "))
	if e.Hint == "" {
		return redact.Printable(b.String(), errorbody.MaxText)
	}
	// The hint has room reserved, however long the messages of the registry are.
	hint := " (" + redact.Printable(e.Hint, errorbody.MaxText/2) + ")"
	return redact.Printable(b.String(), errorbody.MaxText-len(hint)) + hint
}

// name returns repository and reference in the usual notation: "app:v1" or "app@sha256:…".
func (e *Error) name() string {
	switch {
	case e.Reference == "":
		return e.Repository
	case strings.Contains(e.Reference, ":"):
		return e.Repository + "@" + e.Reference
	}
	return e.Repository + ":" + e.Reference
}

// causes returns the parts of the message between the operation and the hint.
func (e *Error) causes() []string {
	var parts []string
	if e.Kind != "" {
		parts = append(parts, string(e.Kind))
	}
	if inner, ok := e.Err.(*Error); ok && inner.Op == e.Op { // it describes the same failure under another kind
		return append(parts, inner.causes()...)
	}
	if e.Method != "" {
		sent := e.Method + " " + e.URL
		if e.StatusCode != 0 {
			sent += ": " + strconv.Itoa(e.StatusCode) + " " + http.StatusText(e.StatusCode)
		}
		parts = append(parts, strings.TrimSpace(sent))
	}
	for _, d := range e.Details {
		parts = append(parts, d.String())
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	if e.RetryAfter > 0 {
		parts = append(parts, "retry after "+e.RetryAfter.String())
	}
	if e.Attempts > 1 {
		parts = append(parts, fmt.Sprintf("after %d attempts", e.Attempts))
	}
	if e.RequestID != "" {
		parts = append(parts, "request id "+e.RequestID)
	}
	return parts
}

// String returns the code and the message as the registry sent them.
func (d Detail) String() string {
	switch {
	case d.Code == "":
		return d.Message
	case d.Message == "":
		return string(d.Code)
	}
	return string(d.Code) + ": " + d.Message
}

func (e *Error) hasCode(codes ...Code) bool {
	for _, d := range e.Details {
		for _, c := range codes {
			if d.Code == c {
				return true
			}
		}
	}
	return false
}

// invalid returns the error for an argument that is rejected before any request is sent.
func invalid(op, repository, reference, format string, args ...any) *Error {
	return &Error{Op: op, Repository: repository, Reference: reference, Kind: ErrInvalid, Err: fmt.Errorf(format, args...)}
}
