package regret

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/challenge"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/transport"
)

// subject is the kind of request that a rule applies to.
type subject int

const (
	anything subject = iota
	aTag             // a DELETE by tag
	aDigest          // a DELETE by digest
	aPut             // a PUT of a manifest
	aWrite           // a DELETE, POST or PUT
)

// A rule classifies one kind of refusal. Empty fields match everything; the first rule
// that matches applies.
type rule struct {
	status   int
	host     string // host of the registry, or a suffix of it that begins with a dot
	code     Code
	codeless bool // match only responses that could have a code but have none
	subject  subject
	says     string // part of the words of a detail; in lower case
	kind     Kind
	hint     string
}

// Hosts of public registries to which rules apply.
const (
	hostGitHub = "ghcr.io"
	hostAzure  = ".azurecr.io"
)

// Hints that more than one rule uses.
const (
	hintDisabled = "deletion is disabled, the default of many registries; in distribution set storage.delete.enabled: true " +
		"(REGISTRY_STORAGE_DELETE_ENABLED=true) and restart it; a pull-through cache never allows deletion"
	hintTag = "this registry deletes by digest only: use DeleteManifest to delete the manifest with all its tags, " +
		"or UntagByOverwrite to remove only this tag; CheckDelete reports whether deletion is allowed at all"
	hintUnsupported    = "deletion is disabled, or only deletion by tag is unsupported: call CheckDelete to find out"
	hintGitHub         = "delete the package version through GitHub's own API, so far the only way; this library does not support it"
	hintHubTag         = "remove the tag through Docker Hub's own API, the only way; this library does not support it"
	hintReferenced     = "first delete the manifests that refer to it: an index before its children, a referrer before its subject"
	hintStillTagged    = "this registry deletes a manifest only after all its tags: first remove every tag with Untag"
	hintReadOnly       = "the registry is in read-only (maintenance) mode: retry when its operator has ended that"
	hintCodeless       = "the response has no registry error code: it may come from a proxy, or this registry does not have this route"
	hintCodeless403    = "the response has no registry error code: it may come from a proxy or firewall"
	hintNoCredentials  = "no credentials were given: use WithBasicAuth, or WithCredentials with credentials.LoadDockerConfig"
	hintForwardedProto = "the registry is reached by https, but sends callers to its own host by http: make the proxy before it pass on " +
		"that requests came by https (X-Forwarded-Proto), or set its external URL to https"
	hintNotServed = "the manifest exists, but the registry does not serve its media type to this client"
	hintMissing   = "first push what the manifest refers to: layers, configuration, children of an index"
)

// rules are sorted by status. A refusal whose meaning the response does not reveal has
// no rule, or a rule without a kind.
var rules = []rule{
	{subject: aPut, code: CodeManifestBlobUnknown, kind: ErrContentMissing, hint: hintMissing},
	{subject: aPut, code: CodeBlobUnknown, kind: ErrContentMissing, hint: hintMissing},

	{status: 400, code: CodeNameUnknown, kind: ErrNotFound},
	{status: 400, code: CodeDigestInvalid, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintTag},
	{status: 400, code: CodeUnsupported, subject: aTag, says: "unsupported digest", kind: ErrTagDeleteUnsupported,
		hint: "Harbor deletes by digest only, with all tags; remove a single tag through Harbor's own API, which this library does not support"},
	{status: 400, code: CodeUnsupported, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintTag},
	{status: 400, code: "INVALID_REQUEST", subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintTag},
	{status: 400, code: CodeUnsupported, subject: aDigest, says: "unsupported digest", hint: "the registry does not support this digest algorithm"},
	{status: 400, code: CodeUnsupported, subject: aDigest, kind: ErrDeleteDisabled, hint: hintDisabled},
	{status: 400, code: "GOOGLE_MANIFEST_DANGLING_TAG", kind: ErrStillTagged, hint: hintStillTagged},
	{status: 400, code: "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", kind: ErrReferenced, hint: hintReferenced},

	{status: 401, code: CodeDenied, kind: ErrForbidden},
	{status: 401, says: "unauthorized to access repository", kind: ErrUnauthorized,
		hint: "check both the password and the permissions: Harbor sends the same response if either is wrong; a robot account needs the permission to delete artifacts"},
	{status: 401, kind: ErrUnauthorized},

	{status: 403, code: CodeDenied, subject: aWrite, says: "system is in read only mode", kind: ErrReadOnly, hint: hintReadOnly}, // Harbor
	{status: 403, code: CodeDenied, subject: aWrite, says: "repository is read-only", kind: ErrReadOnly, hint: hintReadOnly},     // olareg
	{status: 403, host: origin.DockerHub, subject: aDigest,
		hint: "either a tag or an index still points to the image, and Docker Hub removes tags through its own API only; " +
			"or the access token does not allow deletion"},
	{status: 403, codeless: true, kind: ErrForbidden, hint: hintCodeless403},
	{status: 403, kind: ErrForbidden},

	{status: 404, subject: aPut, code: CodeManifestUnknown, kind: ErrContentMissing, hint: hintMissing},
	{status: 404, says: "accept header", hint: hintNotServed},                                      // distribution 2
	{status: 404, code: CodeManifestUnknown, says: "manifest has media type", hint: hintNotServed}, // Google
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
	{status: 405, code: CodeDenied, subject: aDigest, says: "requested access to the resource is denied", kind: ErrReferenced, hint: hintReferenced}, // zot, of a child
	{status: 405, host: hostGitHub, code: CodeUnsupported, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintGitHub},
	{status: 405, host: hostGitHub, code: CodeUnsupported, subject: aDigest, kind: ErrDeleteDisabled, hint: hintGitHub},
	{status: 405, host: origin.DockerHub, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintHubTag},
	{status: 405, host: origin.DockerHub, code: CodeUnsupported, subject: aDigest,
		hint: "try Docker Hub's own API, which this library does not support: in 2023 the registry API sent this response and deleted tags only"},
	{status: 405, host: hostAzure, code: CodeUnsupported, subject: aTag, kind: ErrTagDeleteUnsupported, hint: hintTag},
	// Distribution and olareg also send this for a tag if deletion is disabled. No registry is known
	// to mean only tags by it.
	{status: 405, code: CodeUnsupported, subject: aTag, says: "the operation is unsupported", kind: ErrDeleteDisabled, hint: hintDisabled},
	{status: 405, code: CodeUnsupported, subject: aTag, hint: hintUnsupported},
	{status: 405, code: CodeUnsupported, subject: aDigest, kind: ErrDeleteDisabled, hint: hintDisabled},
	{status: 405, codeless: true, hint: hintCodeless},

	{status: 406, subject: aDigest, hint: "if this is Artifactory, delete the image through its own API, which this library does not support; Artifactory has sent 406 where only that API deletes"},

	{status: 409, code: CodeManifestInvalid, subject: aDigest, kind: ErrStillTagged, hint: hintStillTagged}, // zot, of a digest with several tags
	{status: 409, code: "MANIFEST_REFERENCED", kind: ErrReferenced, hint: hintReferenced},
	{status: 409, code: "TAG_IMMUTABLE", kind: ErrImmutable, hint: "make the tag mutable first, or wait until its immutability ends"},
	{status: 409, code: CodeDenied, says: "referenced by", kind: ErrReferenced, hint: hintReferenced},

	{status: 412, code: "VIOLATE_FOREIGN_KEY_CONSTRAINT", kind: ErrReferenced, hint: hintReferenced},
	{status: 412, code: "PRECONDITION", says: "immutable", kind: ErrImmutable, hint: "first change the rule for immutable tags in the Harbor project"},

	{status: 408, kind: ErrUnavailable},
	{status: 425, kind: ErrUnavailable},
	{status: 429, kind: ErrRateLimited},

	{status: 501, codeless: true, hint: hintCodeless},
}

// classify returns the kind of a refusal and a hint, based on status, code, header and
// message.
func classify(r *request, f *transport.Failure, details []Detail) (Kind, string) {
	switch {
	case isReadOnlyRoute(r, f, details) || saysReadOnly(r, f, details):
		return ErrReadOnly, hintReadOnly
	case f.RateLimited: // with any status
		return ErrRateLimited, ""
	case f.StatusCode == http.StatusUnauthorized && r.client.config.anonymous(): // regardless of the code: the client sent no credentials
		return ErrUnauthorized, hintNoCredentials
	case f.StatusCode == http.StatusUnauthorized && r.auth.Anonymous():
		return ErrUnauthorized, credentialsHint(r, ErrUnauthorized)
	case f.StatusCode == http.StatusUnauthorized && insufficientScope(f.Header):
		return ErrForbidden, "the token does not allow " + r.scope.Action + " on this repository: ask for that permission"
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
	case (kind == ErrForbidden || kind == ErrUnauthorized) && r.auth.Anonymous():
		return "there are no credentials for " + r.client.origin.Host + ": " + r.explainSource()
	case kind != ErrUnauthorized:
		return ""
	case !r.auth.Sent():
		return "no credentials were sent, because the response names no way to authenticate that this client supports (WWW-Authenticate: Basic or Bearer): " + r.explainSource()
	}
	return "check the credentials and their permissions: some registries send the same response for invalid credentials and for a missing permission"
}

// explainSource says what the source of credentials has for this request.
func (r *request) explainSource() string {
	return credentials.Explain(r.client.config.source(), r.client.origin.Host, r.repository)
}

func (rule rule) matches(r *request, status int, details []Detail) bool {
	if rule.status != 0 && rule.status != status || rule.codeless && (isRegistryError(details) || r.Method == http.MethodHead) ||
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

// words returns the message and the text of the detail, where olareg gives the reason.
func (d Detail) words() string {
	var text string
	var object struct{ Message string }
	if json.Unmarshal(d.Detail, &text) != nil {
		_ = json.Unmarshal(d.Detail, &object) // a detail of another form has no words
	}
	return d.Message + " " + cmp.Or(text, object.Message)
}

// isAt reports whether host matches the host of a rule, or ends in it if that begins
// with a dot.
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
		return r.Method == http.MethodPut && strings.HasPrefix(r.Path, "/v2/"+r.repository+"/manifests/")
	case aWrite:
		return r.Method != http.MethodGet && r.Method != http.MethodHead
	}
	return true
}

// isReadOnlyRoute recognises distribution in read-only mode: the route exists, but not
// for this method, and there is no error code. The message must match exactly, because
// net/http sends "Method Not Allowed" for routes that never supported the method.
func isReadOnlyRoute(r *request, f *transport.Failure, details []Detail) bool {
	allow := f.Header.Get("Allow")
	return f.StatusCode == http.StatusMethodNotAllowed && aWrite.matches(r) &&
		len(details) == 1 && details[0].Message == "Method not allowed" && !isRegistryError(details) &&
		strings.Contains(allow, http.MethodGet) && !strings.Contains(allow, http.MethodDelete) && mediaType(f.Header) == "text/plain"
}

// saysReadOnly recognises Quay in read-only mode by the member is_readonly, regardless
// of the message.
func saysReadOnly(r *request, f *transport.Failure, details []Detail) bool {
	return f.StatusCode == http.StatusMethodNotAllowed && aWrite.matches(r) && slices.ContainsFunc(details, func(d Detail) bool {
		var more struct {
			ReadOnly bool `json:"is_readonly"`
		}
		return json.Unmarshal(d.Detail, &more) == nil && more.ReadOnly
	})
}

// isRegistryError reports whether the registry itself sent the response, and not a
// proxy in front of it.
func isRegistryError(details []Detail) bool {
	return slices.ContainsFunc(details, func(d Detail) bool { return d.Code != "" })
}

// insufficientScope reports whether a challenge requires a token with more scope than
// the one sent. See https://www.rfc-editor.org/rfc/rfc6750#section-3.1
func insufficientScope(h http.Header) bool {
	offered, err := challenge.Parse(h)
	return err == nil && slices.ContainsFunc(offered, func(c challenge.Challenge) bool {
		return c.Params["error"] == "insufficient_scope"
	})
}
