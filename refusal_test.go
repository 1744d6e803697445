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

func TestRefusalsAreClassified(t *testing.T) {
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
		header  string // one header field
		body    string
		kind    regret.Kind
		hint    string // a part of the hint
	}{
		{"distribution without deletion", byDigest, 405, "", one("UNSUPPORTED", "The operation is unsupported."), regret.ErrDeleteDisabled, "storage.delete.enabled: true"},
		{"distribution without deletion, by tag", byTag, 405, "", one("UNSUPPORTED", "The operation is unsupported."), regret.ErrDeleteDisabled, "storage.delete.enabled: true"},
		{"olareg without deletion, by tag", byTag, 405, "Content-Type: text/plain", `{"errors":[{"code":"UNSUPPORTED","message":"the operation is unsupported","detail":"method not allowed"}]}`, regret.ErrDeleteDisabled, "pull-through cache"},
		{"an unsupported DELETE by tag with an unknown message", byTag, 405, "", one("UNSUPPORTED", "no"), "", "call CheckDelete"},
		{"olareg without deletion", byDigest, 405, "Content-Type: text/plain", `{"errors":[{"code":"UNSUPPORTED","message":"the operation is unsupported","detail":"method not allowed"}]}`, regret.ErrDeleteDisabled, "pull-through cache"},
		{"a registry without deletion that responds with 400", byDigest, 400, "", one("UNSUPPORTED", "no"), regret.ErrDeleteDisabled, "deletion is disabled"},

		{"distribution 2 by tag", byTag, 400, "", one("DIGEST_INVALID", "provided digest did not match uploaded content"), regret.ErrTagDeleteUnsupported, "CheckDelete"},
		{"Harbor by tag", byTag, 400, "", one("UNSUPPORTED", "unsupported digest v1: invalid checksum digest format"), regret.ErrTagDeleteUnsupported, "with all tags"},
		{"Pulp by tag", byTag, 400, "", one("INVALID_REQUEST", "no"), regret.ErrTagDeleteUnsupported, "by digest only"},
		{"Harbor, unsupported digest algorithm", byDigest, 400, "", one("UNSUPPORTED", "unsupported digest sha512:1: invalid checksum digest format"), "", "algorithm"},
		{"is_readonly with another status", byTag, 403, "", `{"errors":[{"code":"DENIED","detail":{"is_readonly":true},"message":"x"}]}`, regret.ErrForbidden, ""},
		{"409 MANIFEST_INVALID for a tag", byTag, 409, "", one("MANIFEST_INVALID", "x"), "", ""},
		{"an invalid digest in a DELETE by digest", byDigest, 400, "", one("DIGEST_INVALID", "no"), "", ""},

		{"distribution in read-only mode", byDigest, 405, "Allow: GET, HEAD", "Method not allowed", regret.ErrReadOnly, "maintenance"},
		{"distribution in read-only mode, by tag", byTag, 405, "Allow: GET, HEAD", "Method not allowed", regret.ErrReadOnly, "maintenance"},
		{"Quay in read-only mode", byTag, 405, "", `{"errors":[{"code":"DENIED","detail":{},"is_readonly":true,"message":"System is currently read-only. Pulls will succeed but all write operations are currently suspended."}]}`, regret.ErrReadOnly, "maintenance"},
		{"Quay in read-only mode with another message", byTag, 405, "", `{"errors":[{"code":"DENIED","detail":{},"is_readonly":true,"message":"try later"}]}`, regret.ErrReadOnly, "maintenance"},
		{"Quay, not in read-only mode", byTag, 405, "", `{"errors":[{"code":"DENIED","detail":{},"is_readonly":false,"message":"namespace disabled"}]}`, "", ""},
		{"Harbor in read-only mode", byDigest, 403, "", one("DENIED", "The system is in read only mode. Any modification is prohibited."), regret.ErrReadOnly, "maintenance"},
		{"olareg with a read-only store", byDigest, 403, "", `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied","detail":"repository is read-only"}]}`, regret.ErrReadOnly, "maintenance"},
		{"an older olareg without deletion", byDigest, 405, "", "", "", codeless},
		{"a route without DELETE in net/http", byDigest, 405, "Allow: GET, HEAD", "Method Not Allowed\n", "", codeless},
		{"a longer message than that of read-only mode", byDigest, 405, "Allow: GET, HEAD", "Method not allowed here", "", codeless},
		{"a read-only token", byDigest, 403, "", one("DENIED", "this access token is read-only"), regret.ErrForbidden, ""},
		{"a read-only token, with 405", byTag, 405, "", one("DENIED", "this access token is read-only"), "", ""},
		{"Harbor's message for read-only mode with another code", byDigest, 403, "", one("UNKNOWN", "The system is in read only mode."), regret.ErrForbidden, ""},
		{"405 that allows DELETE", byDigest, 405, "Allow: GET, DELETE", "Method not allowed", "", codeless},
		{"405 without Allow", byDigest, 405, "", "Method not allowed", "", codeless},

		{"Google, still tagged", byDigest, 400, "", one("GOOGLE_MANIFEST_DANGLING_TAG", "Manifest is still referenced by tag: v1"), regret.ErrStillTagged, "with Untag"},
		{"Google, still referenced", byDigest, 400, "", one("GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", "Manifest is still referenced by one or more parent images"), regret.ErrReferenced, "an index before its children"},
		{"GitLab, still referenced", byDigest, 409, "", one("MANIFEST_REFERENCED", "manifest referenced by a manifest list"), regret.ErrReferenced, "an index before its children"},
		{"Keppel, still referenced", byDigest, 409, "", one("DENIED", "cannot delete a manifest which is referenced by the manifest sha256:1"), regret.ErrReferenced, "an index before its children"},
		{"Keppel, tag protected by a policy", byTag, 409, "", one("DENIED", "cannot delete tag: protected by policy"), "", ""},
		{"Harbor, still referenced", byDigest, 412, "", one("VIOLATE_FOREIGN_KEY_CONSTRAINT", "the deleting artifact is referenced by others"), regret.ErrReferenced, "an index before its children"},
		{"zot, still referenced", byDigest, 405, "", `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied","detail":{"reference":"sha256:1"}}]}`, regret.ErrReferenced, "an index before its children"},
		{"405 DENIED for a tag", byTag, 405, "", one("DENIED", "requested access to the resource is denied"), "", ""},

		{"Harbor, immutable", byDigest, 412, "", one("PRECONDITION", "the tag v1 configured as immutable, cannot be deleted"), regret.ErrImmutable, "immutable tags"},
		{"Harbor, another precondition", byDigest, 412, "", one("PRECONDITION", "scan first"), "", ""},
		{"Quay, immutable", byTag, 409, "", one("TAG_IMMUTABLE", "tag is immutable and cannot be overwritten"), regret.ErrImmutable, "mutable first"},
		{"Azure, locked", byDigest, 405, "", one("REGISTRY_DISALLOWED_OPERATION", "The operation is disallowed on this registry, repository or image."), regret.ErrImmutable, ""},

		{"credentials refused", byDigest, 401, "", one("UNAUTHORIZED", "authentication required"), regret.ErrUnauthorized, "check the credentials and their permissions"},
		{"Harbor, wrong password or missing permission", byDigest, 401, "", one("UNAUTHORIZED", "unauthorized to access repository: a, action: delete: unauthorized to access repository: a, action: delete"), regret.ErrUnauthorized, "robot account"},
		{"Keppel, missing permission with 401", byDigest, 401, "", one("DENIED", "no"), regret.ErrForbidden, ""},
		{"a token with insufficient scope", byDigest, 401, `WWW-Authenticate: DPoP error="insufficient_scope"`, one("UNAUTHORIZED", "authentication required"), regret.ErrForbidden, "does not allow delete"},
		{"a challenge with an unknown scheme", byDigest, 401, `WWW-Authenticate: Negotiate`, one("UNAUTHORIZED", "no"), regret.ErrUnauthorized, "invalid credentials"},
		{"a missing permission", byDigest, 403, "", one("DENIED", "requested access to the resource is denied"), regret.ErrForbidden, ""},
		{"a missing permission without a body", byDigest, 403, "", "", regret.ErrForbidden, "proxy or firewall"},
		{"a firewall's 403", byTag, 403, "Content-Type: text/html", "<html><head><title>403 Forbidden</title></head></html>", regret.ErrForbidden, "proxy or firewall"},

		{"an unknown manifest", byTag, 404, "", one("MANIFEST_UNKNOWN", "manifest unknown"), regret.ErrNotFound, ""},
		{"an unknown repository", byTag, 404, "", one("NAME_UNKNOWN", "repository name not known to registry"), regret.ErrNotFound, ""},
		{"an unknown blob", byTag, 404, "", one("BLOB_UNKNOWN", "no"), regret.ErrNotFound, ""},
		{"Harbor, unknown manifest", byTag, 404, "", one("NOT_FOUND", "artifact lib/app@sha256:1 not found"), regret.ErrNotFound, ""},
		{"Quay, expired tag", byTag, 404, "", one("TAG_EXPIRED", "Tag v1 was deleted or has expired."), regret.ErrNotFound, ""},
		{"zot, unknown repository", byTag, 400, "", one("NAME_UNKNOWN", "repository name not known to registry"), regret.ErrNotFound, ""},
		{"an unknown route", byTag, 404, "Content-Type: text/plain", "404 page not found", "", codeless},
		{"404 of a proxy", byTag, 404, "Content-Type: text/html", "<html><title>404 Not Found</title></html>", "", codeless},
		{"404 with an unknown code", byTag, 404, "", one("SOMETHING", "else"), "", ""},

		{"405 of a proxy", byDigest, 405, "Content-Type: text/html", html, "", codeless},
		{"405 of a proxy with Allow", byDigest, 405, "Allow: GET, HEAD", html, "", codeless},
		{"405 with an unknown code", byDigest, 405, "", one("METHOD NOT ALLOWED", "no"), "", ""},
		{"Artifactory's 406", byDigest, 406, "", `{"errors":[{"status":406,"message":"Not Acceptable"}]}`, "", "through its own API"},
		{"Cloudflare, too many tags", byDigest, 400, "", one("MANIFEST_TAGS", "a lot of manifest tags"), "", "delete it again"},

		{"too many requests, 429", byDigest, 429, "Retry-After: 3600", "", regret.ErrRateLimited, ""},
		{"too many requests, unknown status", byDigest, 418, "", one("TOOMANYREQUESTS", "slow down"), regret.ErrRateLimited, ""},
		{"too many requests, 403", byDigest, 403, "", one("TOOMANYREQUESTS", "slow down"), regret.ErrRateLimited, ""},
		{"too many requests, 503", byTag, 503, "", one("TOOMANYREQUESTS", "slow down"), regret.ErrRateLimited, ""},
		{"408", byTag, 408, "", "", regret.ErrUnavailable, ""},
		{"425", byTag, 425, "", "", regret.ErrUnavailable, ""},
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
				t.Errorf("the error text does not contain the hint: %v", err)
			}
			if writes := reg.Writes(); len(writes) != 1 || writes[0].Method != http.MethodDelete {
				t.Errorf("writes: %v, want one DELETE", writes)
			}
		})
	}
}

// Rules for a known host change only the hint, or leave the error without a kind.
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
		t.Run(fmt.Sprintf("%s responds with %d to a DELETE by %s", tt.host, tt.status, tt.reference), func(t *testing.T) {
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

// Without credentials, a refusal means neither that they are wrong nor that they lack a permission.
func TestRefusalsWithoutCredentials(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		kind   regret.Kind
	}{
		{"401 without a body", 401, nil, "", regret.ErrUnauthorized},
		{"Harbor", 401, nil, `{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized to access repository: a, action: delete"}]}`, regret.ErrUnauthorized},
		{"Keppel", 401, nil, `{"errors":[{"code":"DENIED","message":"no"}]}`, regret.ErrUnauthorized},
		{"an anonymous token with insufficient scope", 401, map[string]string{"WWW-Authenticate": `DPoP error="insufficient_scope"`}, `{"errors":[{"code":"UNAUTHORIZED"}]}`, regret.ErrUnauthorized},
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

func TestRefusalOfAnAnonymousReadOnlyToken(t *testing.T) {
	t.Parallel()
	service := fakeregistry.NewTokenService("", "registry", fakeregistry.WithAnonymous(fakeregistry.Allow("*", "pull")))
	reg := fakeregistry.Distribution3().New(fakeregistry.WithTokenAuth(service))
	image := reg.PutImage(repo, "hello", "v1")
	e := wantErr(t, newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest), regret.ErrUnauthorized)
	if !strings.Contains(e.Hint, "LoadDockerConfig") {
		t.Errorf("hint %q", e.Hint)
	}
}

// A response to HEAD has no body, so the hint does not mention a missing error code.
func TestRefusalOfHEAD(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]regret.Option{nil, {regret.WithToken("a.caller.s-token")}} {
		reg := fakeregistry.New()
		reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(401, nil, ""))
		_, err := newClient(t, reg, opts...).ResolveDigest(t.Context(), repo, "v1")
		e := wantErr(t, err, regret.ErrUnauthorized)
		if strings.Contains(e.Hint, "code") {
			t.Errorf("hint %q", e.Hint)
		}
	}
}

func TestRefusalsOfReads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		kind   regret.Kind
	}{
		{"405 to a read does not mean read-only", 405, map[string]string{"Allow": "GET, HEAD", "Content-Type": "text/plain"}, "no", ""},
		{"405 UNSUPPORTED to a read does not mean that deletion is disabled", 405, nil, `{"errors":[{"code":"UNSUPPORTED"}]}`, ""},
		{"a message about a read-only token does not mean that the registry is read-only", 403, nil, `{"errors":[{"code":"DENIED","message":"repository is read-only to this token"}]}`, regret.ErrForbidden},
		{"Harbor's words to a read do not mean it either", 403, nil, `{"errors":[{"code":"DENIED","message":"the system is in read only mode. any modification is prohibited"}]}`, regret.ErrForbidden},
		{"nor do Quay's", 405, nil, `{"errors":[{"code":"DENIED","message":"System is currently read-only."}]}`, ""},
		{"nor does Quay's detail", 405, nil, `{"errors":[{"code":"DENIED","detail":{"is_readonly":true},"message":"x"}]}`, ""},
		{"a malformed challenge does not mean insufficient scope", 401, map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope`}, "", regret.ErrUnauthorized},
		{"insufficient scope means forbidden", 401, map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope"`}, "", regret.ErrForbidden},
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
