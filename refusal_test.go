package regret_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	const (
		byTag, byDigest = "tag", "digest"
		html            = "<html>\r\n<head><title>405 Not Allowed</title></head></html>"
		codeless        = "no registry error code"
	)
	one := func(code, message string) string {
		return `{"errors":[{"code":"` + code + `","message":"` + message + `"}]}`
	}
	tests := []struct {
		name    string
		subject string
		status  int
		header  string // one field
		body    string
		kind    regret.Kind
		hint    string // a part of it
	}{
		{"distribution without deletion", byDigest, 405, "", one("UNSUPPORTED", "The operation is unsupported."), regret.ErrDeleteDisabled, "storage.delete.enabled: true"},
		{"distribution without deletion, by tag", byTag, 405, "", one("UNSUPPORTED", "The operation is unsupported."), regret.ErrDeleteDisabled, "storage.delete.enabled: true"},
		{"olareg without deletion, by tag", byTag, 405, "Content-Type: text/plain", `{"errors":[{"code":"UNSUPPORTED","message":"the operation is unsupported","detail":"method not allowed"}]}`, regret.ErrDeleteDisabled, "pull-through cache"},
		{"an unsupported DELETE by tag, in words that nobody knows", byTag, 405, "", one("UNSUPPORTED", "no"), "", "call CheckDelete"},
		{"olareg without deletion", byDigest, 405, "Content-Type: text/plain", `{"errors":[{"code":"UNSUPPORTED","message":"the operation is unsupported","detail":"method not allowed"}]}`, regret.ErrDeleteDisabled, "pull-through cache"},
		{"a registry that says it with 400", byDigest, 400, "", one("UNSUPPORTED", "no"), regret.ErrDeleteDisabled, "deletion is disabled"},

		{"distribution 2 by tag", byTag, 400, "", one("DIGEST_INVALID", "provided digest did not match uploaded content"), regret.ErrTagDeleteUnsupported, "CheckDelete"},
		{"Harbor by tag", byTag, 400, "", one("UNSUPPORTED", "unsupported digest v1: invalid checksum digest format"), regret.ErrTagDeleteUnsupported, "with all tags"},
		{"Pulp by tag", byTag, 400, "", one("INVALID_REQUEST", "no"), regret.ErrTagDeleteUnsupported, "by digest only"},
		{"Harbor, an algorithm that it does not know", byDigest, 400, "", one("UNSUPPORTED", "unsupported digest sha512:1: invalid checksum digest format"), "", "algorithm"},
		{"an invalid digest is not about tags", byDigest, 400, "", one("DIGEST_INVALID", "no"), "", ""},

		{"distribution in read-only mode", byDigest, 405, "Allow: GET, HEAD", "Method not allowed", regret.ErrReadOnly, "maintenance"},
		{"distribution in read-only mode, by tag", byTag, 405, "Allow: GET, HEAD", "Method not allowed", regret.ErrReadOnly, "maintenance"},
		{"Quay in read-only mode", byTag, 405, "", `{"errors":[{"code":"DENIED","detail":{},"is_readonly":true,"message":"System is currently read-only. Pulls will succeed but all write operations are currently suspended."}]}`, regret.ErrReadOnly, "maintenance"},
		{"Quay in read-only mode, in other words", byTag, 405, "", `{"errors":[{"code":"DENIED","detail":{},"is_readonly":true,"message":"try later"}]}`, regret.ErrReadOnly, "maintenance"},
		{"Quay, not in read-only mode", byTag, 405, "", `{"errors":[{"code":"DENIED","detail":{},"is_readonly":false,"message":"namespace disabled"}]}`, "", ""},
		{"Harbor in read-only mode", byDigest, 403, "", one("DENIED", "The system is in read only mode. Any modification is prohibited."), regret.ErrReadOnly, "maintenance"},
		{"olareg with a read-only store", byDigest, 403, "", `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied","detail":"repository is read-only"}]}`, regret.ErrReadOnly, "maintenance"},
		{"olareg without deletion, an older one", byDigest, 405, "", "", "", codeless},
		{"a route that net/http knows no DELETE for", byDigest, 405, "Allow: GET, HEAD", "Method Not Allowed\n", "", codeless},
		{"read-only mode and more words", byDigest, 405, "Allow: GET, HEAD", "Method not allowed here", "", codeless},
		{"a token that only reads", byDigest, 403, "", one("DENIED", "this access token is read-only"), regret.ErrForbidden, ""},
		{"a token that only reads, said by 405", byTag, 405, "", one("DENIED", "this access token is read-only"), "", ""},
		{"Harbor's words without its code", byDigest, 403, "", one("UNKNOWN", "The system is in read only mode."), regret.ErrForbidden, ""},
		{"a 405 that allows DELETE is not read-only", byDigest, 405, "Allow: GET, DELETE", "Method not allowed", "", codeless},
		{"a 405 that allows nothing is not read-only", byDigest, 405, "", "Method not allowed", "", codeless},

		{"Google, still tagged", byDigest, 400, "", one("GOOGLE_MANIFEST_DANGLING_TAG", "Manifest is still referenced by tag: v1"), regret.ErrStillTagged, "with Untag"},
		{"Google, still referenced", byDigest, 400, "", one("GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", "Manifest is still referenced by one or more parent images"), regret.ErrReferenced, "an index before its children"},
		{"GitLab, still referenced", byDigest, 409, "", one("MANIFEST_REFERENCED", "manifest referenced by a manifest list"), regret.ErrReferenced, "an index before its children"},
		{"Keppel, still referenced", byDigest, 409, "", one("DENIED", "cannot delete a manifest which is referenced by the manifest sha256:1"), regret.ErrReferenced, "an index before its children"},
		{"Keppel, a policy on tags", byTag, 409, "", one("DENIED", "cannot delete tag: protected by policy"), "", ""},
		{"Harbor, still referenced", byDigest, 412, "", one("VIOLATE_FOREIGN_KEY_CONSTRAINT", "the deleting artifact is referenced by others"), regret.ErrReferenced, "an index before its children"},
		{"zot, still referenced", byDigest, 405, "", `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied","detail":{"reference":"sha256:1"}}]}`, regret.ErrReferenced, "an index before its children"},
		{"a 405 DENIED by tag is about something else", byTag, 405, "", one("DENIED", "requested access to the resource is denied"), "", ""},

		{"Harbor, immutable", byDigest, 412, "", one("PRECONDITION", "the tag v1 configured as immutable, cannot be deleted"), regret.ErrImmutable, "immutable tags"},
		{"another precondition", byDigest, 412, "", one("PRECONDITION", "scan first"), "", ""},
		{"Quay, immutable", byTag, 409, "", one("TAG_IMMUTABLE", "tag is immutable and cannot be overwritten"), regret.ErrImmutable, "mutable first"},
		{"Azure, locked", byDigest, 405, "", one("REGISTRY_DISALLOWED_OPERATION", "The operation is disallowed on this registry, repository or image."), regret.ErrImmutable, ""},

		{"a refusal of the credentials", byDigest, 401, "", one("UNAUTHORIZED", "authentication required"), regret.ErrUnauthorized, "check the credentials and their permissions"},
		{"Harbor, where a wrong password and a missing permission look alike", byDigest, 401, "", one("UNAUTHORIZED", "unauthorized to access repository: a, action: delete: unauthorized to access repository: a, action: delete"), regret.ErrUnauthorized, "robot account"},
		{"Keppel, whose missing permission is a 401", byDigest, 401, "", one("DENIED", "no"), regret.ErrForbidden, ""},
		{"a token that allows too little", byDigest, 401, `WWW-Authenticate: DPoP error="insufficient_scope"`, one("UNAUTHORIZED", "authentication required"), regret.ErrForbidden, "does not allow delete"},
		{"a challenge of an unknown scheme", byDigest, 401, `WWW-Authenticate: Negotiate`, one("UNAUTHORIZED", "no"), regret.ErrUnauthorized, "wrong credentials"},
		{"a missing permission", byDigest, 403, "", one("DENIED", "requested access to the resource is denied"), regret.ErrForbidden, ""},
		{"a missing permission without a word", byDigest, 403, "", "", regret.ErrForbidden, "proxy or firewall"},
		{"a firewall's 403", byTag, 403, "Content-Type: text/html", "<html><head><title>403 Forbidden</title></head></html>", regret.ErrForbidden, "proxy or firewall"},

		{"a missing manifest", byTag, 404, "", one("MANIFEST_UNKNOWN", "manifest unknown"), regret.ErrNotFound, ""},
		{"a missing repository", byTag, 404, "", one("NAME_UNKNOWN", "repository name not known to registry"), regret.ErrNotFound, ""},
		{"a missing blob", byTag, 404, "", one("BLOB_UNKNOWN", "no"), regret.ErrNotFound, ""},
		{"Harbor, missing", byTag, 404, "", one("NOT_FOUND", "artifact lib/app@sha256:1 not found"), regret.ErrNotFound, ""},
		{"Quay, missing", byTag, 404, "", one("TAG_EXPIRED", "Tag v1 was deleted or has expired."), regret.ErrNotFound, ""},
		{"zot, a missing repository", byTag, 400, "", one("NAME_UNKNOWN", "repository name not known to registry"), regret.ErrNotFound, ""},
		{"a missing route", byTag, 404, "Content-Type: text/plain", "404 page not found", "", codeless},
		{"a proxy's 404", byTag, 404, "Content-Type: text/html", "<html><title>404 Not Found</title></html>", "", codeless},
		{"an unknown code with 404", byTag, 404, "", one("SOMETHING", "else"), "", ""},

		{"a proxy's 405", byDigest, 405, "Content-Type: text/html", html, "", codeless},
		{"a proxy's 405 that says what it allows", byDigest, 405, "Allow: GET, HEAD", html, "", codeless},
		{"an unknown code with 405", byDigest, 405, "", one("METHOD NOT ALLOWED", "no"), "", ""},
		{"Artifactory's 406", byDigest, 406, "", `{"errors":[{"status":406,"message":"Not Acceptable"}]}`, "", "through its own API"},
		{"Cloudflare, too many tags", byDigest, 400, "", one("MANIFEST_TAGS", "a lot of manifest tags"), "", "delete it again"},

		{"too many requests", byDigest, 429, "Retry-After: 3600", "", regret.ErrRateLimited, ""},
		{"too many requests, in words", byDigest, 418, "", one("TOOMANYREQUESTS", "slow down"), regret.ErrRateLimited, ""},
		{"too many requests, said by 403", byDigest, 403, "", one("TOOMANYREQUESTS", "slow down"), regret.ErrRateLimited, ""},
		{"too many requests, said by 503", byTag, 503, "", one("TOOMANYREQUESTS", "slow down"), regret.ErrRateLimited, ""},
		{"a request that took too long", byTag, 408, "", "", regret.ErrUnavailable, ""},
		{"a request that came too early", byTag, 425, "", "", regret.ErrUnavailable, ""},
		{"501 with a code", byDigest, 501, "", one("UNSUPPORTED", "no"), "", ""},
		{"501 without a code", byTag, 501, "", "", "", codeless},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			image := reg.PutImage(repo, "hello", "v1")
			header := map[string]string{"Content-Type": "application/json"}
			if !strings.HasPrefix(tt.body, "{") {
				header["Content-Type"] = "text/plain"
			}
			if strings.HasPrefix(tt.body, "<") {
				header["Content-Type"] = "text/html"
			}
			if name, value, ok := strings.Cut(tt.header, ": "); ok {
				header[name] = value
			}
			reg.Intercept(0, fakeregistry.On("DELETE", "/"), fakeregistry.Answer(tt.status, header, tt.body))
			c := newClient(t, reg, regret.WithRetries(regret.Retries{}), regret.WithToken("a.caller.s-token"))
			wantErr(t, resolve(t, c))
			reg.ResetLog()
			var err error
			if tt.subject == byTag {
				err = c.Untag(t.Context(), repo, "v1")
			} else {
				err = c.DeleteManifest(t.Context(), repo, image.Digest)
			}
			e := wantErr(t, err, err)
			if diff := cmp.Diff(tt.kind, e.Kind); diff != "" {
				t.Errorf("kind (-want +got):\n%s", diff)
			}
			if e.StatusCode != tt.status || !strings.Contains(e.Hint, tt.hint) || tt.hint == "" && e.Hint != "" {
				t.Errorf("status %d, hint %q, want %q", e.StatusCode, e.Hint, tt.hint)
			}
			if !strings.HasSuffix(err.Error(), tt.hint) && !strings.Contains(err.Error(), tt.hint) {
				t.Errorf("the text does not hold the hint: %v", err)
			}
			if writes := reg.Writes(); len(writes) != 1 || writes[0].Method != http.MethodDelete {
				t.Errorf("writes: %v, want one DELETE", writes)
			}
		})
	}
}

// What a host is known for decides only about the remedy, or that the meaning cannot be told.
func TestRefusalsOfKnownHosts(t *testing.T) {
	t.Parallel()
	const unsupported = `{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}`
	tests := []struct {
		host, reference string
		status          int
		body            string
		kind            regret.Kind
		hint            string
	}{
		{"ghcr.io", "tag", 405, unsupported, regret.ErrTagDeleteUnsupported, "GitHub"},
		{"ghcr.io", "digest", 405, unsupported, regret.ErrDeleteDisabled, "GitHub"},
		{"notghcr.io", "digest", 405, unsupported, regret.ErrDeleteDisabled, "storage.delete.enabled"},
		{"docker.io", "tag", 405, `Only digest-based deletion is allowed`, regret.ErrTagDeleteUnsupported, "Docker Hub"},
		{"docker.io", "digest", 403, ``, "", "an index still points to the image"},
		{"docker.io", "digest", 403, ``, "", "the access token does not allow"},
		{"docker.io", "tag", 403, `{"errors":[{"code":"DENIED"}]}`, regret.ErrForbidden, "no credentials were given"},
		{"docker.io", "digest", 405, unsupported, "", "deleted tags only"},
		{"example.azurecr.io", "tag", 405, unsupported, regret.ErrTagDeleteUnsupported, "by digest only"},
		{"example.azurecr.io", "digest", 405, `{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION"}]}`, regret.ErrImmutable, "az acr"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s answers %d about a %s", tt.host, tt.status, tt.reference), func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			image := reg.PutImage(repo, "hello", "v1")
			reg.Intercept(0, fakeregistry.On("DELETE", "/"), fakeregistry.Answer(tt.status, nil, tt.body))
			c := newClientOf(t, tt.host, reg)
			err := c.Untag(t.Context(), repo, "v1")
			if tt.reference == "digest" {
				err = c.DeleteManifest(t.Context(), repo, image.Digest)
			}
			e := wantErr(t, err, err)
			if e.Kind != tt.kind || !strings.Contains(e.Hint, tt.hint) || tt.hint == "" && e.Hint != "" {
				t.Errorf("kind %q, hint %q; want %q, %q", e.Kind, e.Hint, tt.kind, tt.hint)
			}
		})
	}
}

// To whom gave no credentials, a registry cannot say that they are good, or that they are not.
func TestRefusalsOfTheAnonymous(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		kind   regret.Kind
	}{
		{"nothing but 401", 401, nil, "", regret.ErrUnauthorized},
		{"Harbor", 401, nil, `{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized to access repository: a, action: delete"}]}`, regret.ErrUnauthorized},
		{"Keppel", 401, nil, `{"errors":[{"code":"DENIED","message":"no"}]}`, regret.ErrUnauthorized},
		{"an anonymous token that allows too little", 401, map[string]string{"WWW-Authenticate": `DPoP error="insufficient_scope"`}, `{"errors":[{"code":"UNAUTHORIZED"}]}`, regret.ErrUnauthorized},
		{"403", 403, nil, `{"errors":[{"code":"DENIED","message":"no"}]}`, regret.ErrForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			reg.Intercept(0, fakeregistry.On("DELETE", "/"), fakeregistry.Answer(tt.status, tt.header, tt.body))
			err := newClient(t, reg).Untag(t.Context(), repo, "v1")
			if e := wantErr(t, err, tt.kind); !strings.Contains(e.Hint, "no credentials were given") {
				t.Errorf("hint %q", e.Hint)
			}
		})
	}
}

func TestAnonymousTokenThatOnlyReads(t *testing.T) {
	t.Parallel()
	service := fakeregistry.NewTokenService("", "registry", fakeregistry.WithAnonymous(fakeregistry.Allow("*", "pull")))
	reg := fakeregistry.Distribution3().New(fakeregistry.WithTokenAuth(service))
	image := reg.PutImage(repo, "hello", "v1")
	e := wantErr(t, newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest), regret.ErrUnauthorized)
	if !strings.Contains(e.Hint, "LoadDockerConfig") {
		t.Errorf("hint %q", e.Hint)
	}
}

// An answer to HEAD has no body, and no code that could be missed.
func TestRefusedHead(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]regret.Option{nil, {regret.WithToken("a.caller.s-token")}} {
		reg := fakeregistry.New()
		reg.Intercept(0, fakeregistry.On("HEAD", "/"), fakeregistry.Answer(403, nil, ""))
		_, err := newClient(t, reg, opts...).ResolveDigest(t.Context(), repo, "v1")
		e := wantErr(t, err, regret.ErrForbidden)
		if strings.Contains(e.Hint, "code") || (e.Hint == "") != (opts != nil) {
			t.Errorf("hint %q", e.Hint)
		}
	}
}

func TestRefusedReads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		kind   regret.Kind
	}{
		{"a 405 to a read says nothing about writes", 405, map[string]string{"Allow": "GET, HEAD", "Content-Type": "text/plain"}, "no", ""},
		{"an unsupported read is not deletion that is off", 405, nil, `{"errors":[{"code":"UNSUPPORTED"}]}`, ""},
		{"a token that may not list, because it is read-only", 403, nil, `{"errors":[{"code":"DENIED","message":"repository is read-only to this token"}]}`, regret.ErrForbidden},
		{"a malformed challenge says nothing about scopes", 401, map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope`}, "", regret.ErrUnauthorized},
		{"a token that allows too little is a matter of permission", 401, map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope"`}, "", regret.ErrForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(tt.status, tt.header, tt.body))
			_, err := newClient(t, reg, regret.WithToken("a.caller.s-token")).Manifest(t.Context(), repo, "v1")
			if e := wantErr(t, err, err); e.Kind != tt.kind {
				t.Errorf("kind %q, want %q", e.Kind, tt.kind)
			}
		})
	}
}
