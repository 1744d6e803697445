package regret

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/challenge"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/transport"
)

// subject is what kind of name a rule is about.
type subject int

const (
	anything subject = iota
	aTag             // a DELETE by tag
	aDigest          // a DELETE by digest
	aPut             // a PUT
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
	hintUnsupported    = "either all deletion is off, or only that by tag: CheckDelete tells"
	hintGitHub         = "GitHub has been deleting versions of packages by its own API only, which this library does not speak"
	hintHubTag         = "Docker Hub removes tags by its own API only, which this library does not speak"
	hintReferenced     = "delete what refers to it first: an index before its children, a referrer before its subject"
	hintStillTagged    = "this registry wants every tag of the manifest removed first, with Untag"
	hintReadOnly       = "the registry is in maintenance; try again when its operator has ended that"
	hintCodeless       = "the answer has no registry error code: it may come from a proxy on the way, or this registry does not have this route"
	hintCodeless403    = "the answer has no registry error code: it may come from a proxy or firewall on the way"
	hintForwardedProto = "the registry is reached by https, but sends callers to its own host by http: the proxy before it does not say " +
		"that requests came by https (X-Forwarded-Proto), or its external URL is set to http"
	hintNotServed     = "the manifest is there, but the registry does not serve its type to this client"
	hintMissing       = "push what the manifest refers to first: layers, configuration, children of an index"
	hintNoCredentials = "no credentials were given: WithBasicAuth, or WithCredentials with LoadDockerConfig"
)

// rules in the order of their status. What cannot be told from the answer is
// not in them: it stays without a kind.
var rules = []rule{
	{status: 400, code: CodeNameUnknown, kind: ErrNotFound},
	{status: 400, subject: aPut, code: CodeManifestBlobUnknown, kind: ErrContentMissing, hint: hintMissing},
	{status: 400, subject: aPut, code: CodeBlobUnknown, kind: ErrContentMissing, hint: hintMissing},
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
	{status: 403, host: origin.DockerHub, subject: aDigest,
		hint: "Docker Hub says so while a tag or an index still points at the image, and it removes tags by its own API only; " +
			"or the access token does not allow deletion"},
	{status: 403, codeless: true, kind: ErrForbidden, hint: hintCodeless403},
	{status: 403, kind: ErrForbidden},

	{status: 404, subject: aPut, code: CodeBlobUnknown, kind: ErrContentMissing, hint: hintMissing},
	{status: 404, subject: aPut, code: CodeManifestBlobUnknown, kind: ErrContentMissing, hint: hintMissing},
	{status: 404, subject: aPut, code: CodeManifestUnknown, kind: ErrContentMissing, hint: hintMissing},
	{status: 404, code: CodeManifestUnknown, says: "accept header does not support", hint: hintNotServed}, // distribution 2
	{status: 404, code: CodeManifestUnknown, says: "manifest has media type", hint: hintNotServed},        // Google
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
	{status: 405, host: origin.DockerHub, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintHubTag},
	{status: 405, host: origin.DockerHub, code: CodeUnsupported, subject: aDigest,
		hint: "Docker Hub has answered so in 2023, when it deleted tags only; it may still delete by its own API, which this library does not speak"},
	{status: 405, host: hostAzure, code: CodeUnsupported, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintTag},
	// Where deletion is off, distribution and olareg say so of a tag, too; of no registry it is known to mean tags alone.
	{status: 405, code: CodeUnsupported, subject: aTag, says: "the operation is unsupported", kind: ErrDeleteDisabled, hint: hintDisabled},
	{status: 405, code: CodeUnsupported, subject: aTag, hint: hintUnsupported},
	{status: 405, code: CodeUnsupported, subject: aDigest, kind: ErrDeleteDisabled, hint: hintDisabled},
	{status: 405, codeless: true, hint: hintCodeless},

	{status: 406, subject: aDigest, hint: "Artifactory has been seen to answer so where images are deleted by its own API only, which this library does not speak"},

	{status: 409, code: CodeManifestInvalid, subject: aDigest, kind: ErrStillTagged, hint: hintStillTagged}, // zot, of a digest with several tags
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
func classify(r *request, f *transport.Failure, details []Detail) (Kind, string) {
	switch {
	case isReadOnlyRoute(r, f, details) || saysReadOnly(f, details):
		return ErrReadOnly, hintReadOnly
	case f.RateLimited: // with whatever status
		return ErrRateLimited, ""
	case f.StatusCode == http.StatusUnauthorized && r.client.config.anonymous(): // whatever else it says: no credentials were refused
		return ErrUnauthorized, hintNoCredentials
	case f.StatusCode == http.StatusUnauthorized && insufficientScope(f.Header):
		return ErrForbidden, "the token does not allow " + r.scope.Action + " on this repository"
	case f.StatusCode >= 500 && f.StatusCode != http.StatusNotImplemented:
		return ErrUnavailable, ""
	}
	for _, rule := range rules {
		if rule.matches(r, f.StatusCode, details) {
			if rule.hint == "" {
				return rule.kind, credentialsHint(r, rule.kind)
			}
			return rule.kind, rule.hint
		}
	}
	return "", ""
}

// credentialsHint is what to do about a refusal of the credentials that says no
// more than that.
func credentialsHint(r *request, kind Kind) string {
	switch {
	case kind == ErrForbidden && r.client.config.anonymous():
		return hintNoCredentials
	case kind != ErrUnauthorized, r.Method == http.MethodGet, r.Method == http.MethodHead:
		return ""
	}
	return "the registry does not know these credentials, or they do not allow this: not every registry tells the two apart"
}

func (rule rule) matches(r *request, status int, details []Detail) bool {
	if rule.status != status || rule.codeless && (isRegistryError(details) || r.Method == http.MethodHead) ||
		!rule.subject.matches(r) || !isAt(r.client.origin.Host, rule.host) {
		return false
	}
	if rule.code == "" && rule.says == "" {
		return true
	}
	for _, d := range details {
		if (rule.code == "" || d.Code == rule.code) && strings.Contains(strings.ToLower(d.words()), rule.says) {
			return true
		}
	}
	return false
}

// words are the message, and the detail if that is text: olareg gives the
// reason there.
func (d Detail) words() string {
	var detail string
	if json.Unmarshal(d.Detail, &detail) != nil {
		return d.Message
	}
	return d.Message + " " + detail
}

// isAt reports whether a host is the one of a rule, or below its domain.
func isAt(host, rule string) bool {
	return rule == "" || host == rule || rule[0] == '.' && strings.HasSuffix(host, rule)
}

func (s subject) matches(r *request) bool {
	switch s {
	case aTag:
		return r.Method == http.MethodDelete && !r.byDigest()
	case aDigest:
		return r.Method == http.MethodDelete && r.byDigest()
	case aPut:
		return r.Method == http.MethodPut
	case aWrite:
		return r.Method == http.MethodDelete || r.Method == http.MethodPut
	}
	return true
}

// isReadOnlyRoute recognises distribution in read-only mode: the route exists,
// but not for this method, and there is no error code. Its words must match
// exactly, because net/http says "Method Not Allowed" of routes that never
// existed.
func isReadOnlyRoute(r *request, f *transport.Failure, details []Detail) bool {
	allow := f.Header.Get("Allow")
	return f.StatusCode == http.StatusMethodNotAllowed && aWrite.matches(r) &&
		len(details) == 1 && details[0].Message == "Method not allowed" && !isRegistryError(details) &&
		strings.Contains(allow, http.MethodGet) && !strings.Contains(allow, http.MethodDelete) && mediaType(f.Header) == "text/plain"
}

// saysReadOnly recognises Quay in read-only mode by the field that it has for
// that, whatever the message is.
func saysReadOnly(f *transport.Failure, details []Detail) bool {
	for _, d := range details {
		var more struct {
			ReadOnly bool `json:"is_readonly"`
		}
		if f.StatusCode == http.StatusMethodNotAllowed && json.Unmarshal(d.Detail, &more) == nil && more.ReadOnly {
			return true
		}
	}
	return false
}

// isRegistryError reports whether the registry itself answered, and not a proxy
// before it.
func isRegistryError(details []Detail) bool {
	return slices.ContainsFunc(details, func(d Detail) bool { return d.Code != "" })
}

func hasCode(details []Detail, code Code) bool {
	return slices.ContainsFunc(details, func(d Detail) bool { return d.Code == code })
}

// insufficientScope reports whether a challenge wants a token with more scope
// than the one sent. See https://www.rfc-editor.org/rfc/rfc6750#section-3.1
func insufficientScope(h http.Header) bool {
	offered, err := challenge.Parse(h)
	return err == nil && slices.ContainsFunc(offered, func(c challenge.Challenge) bool {
		return c.Params["error"] == "insufficient_scope"
	})
}
