package regret

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/challenge"
)

// subject is what kind of name a rule is about.
type subject int

const (
	anything subject = iota
	aTag             // a DELETE by tag
	aDigest          // a DELETE by digest
	aWrite           // a DELETE or PUT
)

// A rule tells what one refusal means. The empty fields of a rule match
// everything; the first rule that matches counts.
type rule struct {
	status   int
	host     string // the registry's, or with a dot in front what it ends in
	code     Code
	codeless bool // only if the answer could have a code, and has none
	subject  subject
	says     string // in a message, or in a detail that is text; in lower case
	kind     Kind
	hint     string
}

// Hosts of registries that many share, where rules know them.
const (
	hostGitHub = "ghcr.io"
	hostAzure  = ".azurecr.io"
)

// Hints, where more than one rule gives them.
const (
	hintDisabled = "deletion is off, which is the default of many registries; distribution: set storage.delete.enabled: true " +
		"(REGISTRY_STORAGE_DELETE_ENABLED=true) and restart it; a pull-through cache never allows deletion"
	hintTag = "this registry deletes by digest only: DeleteManifest deletes the manifest with all its tags, " +
		"UntagByOverwrite removes one; if deletion is disabled altogether, CheckDelete tells"
	hintUnsupported  = "either all deletion is off, or only that by tag: CheckDelete tells"
	hintGitHub       = "GitHub has been deleting versions of packages by its own API only, which this library does not speak"
	hintHubTag       = "Docker Hub removes tags by its own API only, which this library does not speak"
	hintReferenced   = "delete what refers to it first: an index before its children, a referrer before its subject"
	hintStillTagged  = "this registry wants every tag of the manifest removed first, with Untag"
	hintReadOnly     = "the registry is in maintenance; try again when its operator has ended that"
	hintCodeless     = "the answer has no registry error code: it may come from a proxy on the way, or this registry does not have this route"
	hintCodeless403  = "the answer has no registry error code: it may come from a proxy or firewall on the way"
	hintNoCredential = "no credentials were given: WithBasicAuth, or WithCredentials with LoadDockerConfig"
)

// rules in the order of their status. What cannot be told from the answer is
// not in them: it stays without a kind.
var rules = []rule{
	{status: 400, code: CodeNameUnknown, kind: ErrNotFound},
	{status: 400, code: CodeDigestInvalid, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintTag},
	{status: 400, code: CodeUnsupported, subject: aTag, says: "unsupported digest", kind: ErrTagDeleteUnsupported,
		hint: "Harbor deletes by digest only, with all tags; single tags are removed by its own API, which this library does not speak"},
	{status: 400, code: CodeUnsupported, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintTag},
	{status: 400, code: "INVALID_REQUEST", subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintTag},
	{status: 400, code: CodeUnsupported, subject: aDigest, says: "unsupported digest", hint: "the registry does not know this algorithm of digests"},
	{status: 400, code: CodeUnsupported, subject: aDigest, kind: ErrDeleteDisabled, hint: hintDisabled},
	{status: 400, code: "GOOGLE_MANIFEST_DANGLING_TAG", kind: ErrStillTagged, hint: hintStillTagged},
	{status: 400, code: "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", kind: ErrReferenced, hint: hintReferenced},

	{status: 401, code: CodeDenied, kind: ErrForbidden},
	{status: 401, says: "unauthorized to access repository", kind: ErrUnauthorized,
		hint: "Harbor answers so to a wrong password and to a missing permission alike; a robot account needs the permission to delete artifacts"},
	{status: 401, kind: ErrUnauthorized},

	{status: 403, code: CodeDenied, subject: aWrite, says: "system is in read only mode", kind: ErrReadOnly, hint: hintReadOnly}, // Harbor
	{status: 403, code: CodeDenied, subject: aWrite, says: "repository is read-only", kind: ErrReadOnly, hint: hintReadOnly},     // olareg
	{status: 403, host: dockerHub, subject: aDigest,
		hint: "Docker Hub says so while a tag or an index still points at the image, and it removes tags by its own API only; " +
			"or the access token does not allow deletion"},
	{status: 403, codeless: true, kind: ErrForbidden, hint: hintCodeless403},
	{status: 403, kind: ErrForbidden},

	{status: 404, code: CodeManifestUnknown, kind: ErrNotFound},
	{status: 404, code: CodeNameUnknown, kind: ErrNotFound},
	{status: 404, code: CodeBlobUnknown, kind: ErrNotFound},
	{status: 404, code: CodeNotFound, kind: ErrNotFound},
	{status: 404, code: "TAG_EXPIRED", kind: ErrNotFound},
	{status: 404, codeless: true, hint: hintCodeless},

	{status: 405, code: CodeDenied, subject: aWrite, says: "currently read-only", kind: ErrReadOnly, hint: hintReadOnly}, // Quay
	{status: 405, host: hostAzure, code: "REGISTRY_DISALLOWED_OPERATION", kind: ErrImmutable,
		hint: "unlock it: az acr repository update --delete-enabled true --write-enabled true"},
	{status: 405, code: "REGISTRY_DISALLOWED_OPERATION", kind: ErrImmutable},
	{status: 405, code: CodeDenied, subject: aDigest, says: "requested access to the resource is denied", kind: ErrReferenced, hint: hintReferenced},
	{status: 405, host: hostGitHub, code: CodeUnsupported, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintGitHub},
	{status: 405, host: hostGitHub, code: CodeUnsupported, subject: aDigest, kind: ErrDeleteDisabled, hint: hintGitHub},
	{status: 405, host: dockerHub, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintHubTag},
	{status: 405, host: dockerHub, code: CodeUnsupported, subject: aDigest,
		hint: "Docker Hub has answered so in 2023, when it deleted tags only; it may still delete by its own API, which this library does not speak"},
	{status: 405, host: hostAzure, code: CodeUnsupported, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintTag},
	// Where deletion is off, distribution and olareg say so of a tag, too; of no registry it is known to mean tags alone.
	{status: 405, code: CodeUnsupported, subject: aTag, says: "the operation is unsupported", kind: ErrDeleteDisabled, hint: hintDisabled},
	{status: 405, code: CodeUnsupported, subject: aTag, hint: hintUnsupported},
	{status: 405, code: CodeUnsupported, subject: aDigest, kind: ErrDeleteDisabled, hint: hintDisabled},
	{status: 405, codeless: true, hint: hintCodeless},

	{status: 406, subject: aDigest, hint: "Artifactory has been seen to answer so where images are deleted by its own API only, which this library does not speak"},

	{status: 409, code: "MANIFEST_REFERENCED", kind: ErrReferenced, hint: hintReferenced},
	{status: 409, code: "TAG_IMMUTABLE", kind: ErrImmutable, hint: "make the tag mutable first, or wait until its immutability ends"},
	{status: 409, code: CodeDenied, says: "referenced by", kind: ErrReferenced, hint: hintReferenced},

	{status: 412, code: "VIOLATE_FOREIGN_KEY_CONSTRAINT", kind: ErrReferenced, hint: hintReferenced},
	{status: 412, code: "PRECONDITION", says: "immutable", kind: ErrImmutable, hint: "Harbor: change the project's rule for immutable tags first"},

	{status: 408, kind: ErrUnavailable},
	{status: 425, kind: ErrUnavailable},
	{status: 429, kind: ErrRateLimited},

	{status: 501, codeless: true, hint: hintCodeless},
}

// classify says what a refusal means and what to do about it, from status,
// code, header and message together.
func classify(x *exchange, resp *http.Response, details []Detail) (Kind, string) {
	status := resp.StatusCode
	switch {
	case isReadOnlyRoute(x, resp, details) || saysReadOnly(resp, details):
		return ErrReadOnly, hintReadOnly
	case says(details, CodeTooManyRequests): // with whatever status
		return ErrRateLimited, ""
	case status == http.StatusUnauthorized && x.anonymous(): // whatever more it says: nobody has refused any credentials
		return ErrUnauthorized, hintNoCredential
	case status == http.StatusUnauthorized && insufficientScope(resp.Header):
		return ErrForbidden, "the token does not allow " + x.action + " on this repository"
	case status >= 500 && status != http.StatusNotImplemented:
		return ErrUnavailable, ""
	}
	if says(details, codeManifestTags) {
		x.noteContinuation(resp)
	}
	for _, r := range rules {
		if r.matches(x, status, details) {
			if r.hint == "" {
				return r.kind, x.credentialsHint(r.kind)
			}
			return r.kind, r.hint
		}
	}
	return "", ""
}

// anonymous says that this client was given nothing to say who it is.
func (x *exchange) anonymous() bool {
	c := x.transport.config
	return len(c.credentials) == 0 && !c.hasToken
}

// credentialsHint is what to do about a refusal of the credentials that says no
// more than that.
func (x *exchange) credentialsHint(kind Kind) string {
	switch {
	case kind == ErrForbidden && x.anonymous():
		return hintNoCredential
	case kind != ErrUnauthorized, x.method == http.MethodGet, x.method == http.MethodHead:
		return ""
	}
	return "the registry does not know these credentials, or they do not allow this: not every registry tells the two apart"
}

func (r rule) matches(x *exchange, status int, details []Detail) bool {
	if r.status != status || r.codeless && (coded(details) || x.method == http.MethodHead) || !r.subject.is(x) || !isAt(x.transport.origin.host, r.host) {
		return false
	}
	if r.code == "" && r.says == "" {
		return true
	}
	for _, d := range details {
		if (r.code == "" || d.Code == r.code) && strings.Contains(strings.ToLower(d.words()), r.says) {
			return true
		}
	}
	return false
}

// words are the message, and the detail if that is text: olareg says there what
// is the matter.
func (d Detail) words() string {
	var detail string
	if json.Unmarshal(d.Detail, &detail) != nil {
		return d.Message
	}
	return d.Message + " " + detail
}

func isAt(host, rule string) bool {
	return rule == "" || host == rule || rule[0] == '.' && strings.HasSuffix(host, rule)
}

func (s subject) is(x *exchange) bool {
	byDigest := strings.Contains(x.reference, ":")
	switch s {
	case aTag:
		return x.method == http.MethodDelete && !byDigest
	case aDigest:
		return x.method == http.MethodDelete && byDigest
	case aWrite:
		return x.method == http.MethodDelete || x.method == http.MethodPut
	}
	return true
}

// isReadOnlyRoute recognises distribution in read-only mode: the route is there,
// but not for this method, and no error code is given. Its words count to the
// letter, for net/http says "Method Not Allowed" of what was never there.
func isReadOnlyRoute(x *exchange, resp *http.Response, details []Detail) bool {
	allow := resp.Header.Get("Allow")
	return resp.StatusCode == http.StatusMethodNotAllowed && aWrite.is(x) && len(details) == 1 && details[0].Message == "Method not allowed" &&
		!coded(details) && strings.Contains(allow, http.MethodGet) && !strings.Contains(allow, http.MethodDelete) && mediaType(resp.Header) == "text/plain"
}

// saysReadOnly recognises Quay in read-only mode by the field that it has for
// that, whatever the message says.
func saysReadOnly(resp *http.Response, details []Detail) bool {
	for _, d := range details {
		var more struct {
			ReadOnly bool `json:"is_readonly"`
		}
		if resp.StatusCode == http.StatusMethodNotAllowed && json.Unmarshal(d.Detail, &more) == nil && more.ReadOnly {
			return true
		}
	}
	return false
}

// coded says that the registry itself spoke.
func coded(details []Detail) bool {
	return slices.ContainsFunc(details, func(d Detail) bool { return d.Code != "" })
}

func says(details []Detail, code Code) bool {
	return slices.ContainsFunc(details, func(d Detail) bool { return d.Code == code })
}

// insufficientScope reports a challenge that wants another token than the one
// sent. See https://www.rfc-editor.org/rfc/rfc6750#section-3.1
func insufficientScope(h http.Header) bool {
	offered, err := challenge.Parse(h)
	if err != nil {
		return false
	}
	for _, c := range offered {
		if c.Params["error"] == "insufficient_scope" {
			return true
		}
	}
	return false
}
