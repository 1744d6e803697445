package regret_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// What people have met at registries: not to the letter, and yet to be read.

const (
	ociArtifact = "application/vnd.oci.artifact.manifest.v1+json"
	artifact    = `{"mediaType":"` + ociArtifact + `","artifactType":"application/spdx+json","blobs":[]}`
)

func TestReportK08ManifestTypesFromBeforeTheSpecification(t *testing.T) {
	t.Parallel()
	for _, mediaType := range []string{ociArtifact, "application/vnd.cncf.oras.artifact.manifest.v1+json"} {
		t.Run(mediaType, func(t *testing.T) {
			t.Parallel()
			dgst := digest.FromString(artifact)
			s := newScript(
				reply(200, "", "Content-Type", mediaType, "Docker-Content-Digest", string(dgst)),
				reply(202, ""))
			c := newClient(t, s)
			got, err := c.ResolveDigest(t.Context(), repo, string(dgst))
			wantErr(t, err)
			if got != dgst {
				t.Errorf("resolved to %s", got)
			}
			wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
			s.want(t, "HEAD "+manifestPath(dgst), "DELETE "+manifestPath(dgst))
			if accept := s.headers[0].Get("Accept"); !slices.Contains(strings.Split(accept, ", "), mediaType) {
				t.Errorf("%s is not accepted: %s", mediaType, accept)
			}
		})
	}
}

func TestReportK08WhatIsNotServedIsNotMissing(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		"OCI index found, but accept header does not support OCI indexes",
		"OCI artifact found, but accept header does not support OCI artifacts",
		"manifest found, but accept headers do not support it",
		"OCI image index found, but Accept header does not include it",
		`Manifest has media type "application/vnd.example+json" but client accepts others`,
	} {
		t.Run(message, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("", "/v2/"), fakeregistry.Errors(404, "MANIFEST_UNKNOWN", message))
			_, err := newClient(t, reg).ResolveDigest(t.Context(), repo, "v1")
			e := wantErr(t, err, regret.CodeManifestUnknown)
			wantNot(t, err, regret.ErrNotFound)
			if e.Kind != "" || e.Hint == "" {
				t.Errorf("kind %q, hint %q", e.Kind, e.Hint)
			}
			err = newClient(t, reg).DeleteManifest(t.Context(), repo, aDigest)
			wantErr(t, err, regret.CodeManifestUnknown)
			wantNot(t, err, regret.ErrNotFound)
		})
	}
}

func TestReportK08TheReasonMayBeElsewhere(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"errors":[{"code":"NOT_FOUND","message":"OCI index found, but accept header does not support OCI indexes"}]}`,
		`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"message":"OCI index found, but accept header does not support OCI indexes"}}]}`,
		`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":"OCI index found, but accept header does not support OCI indexes"}]}`,
	} {
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) { return respond(req, 404, body), nil }))
		_, err := c.ResolveDigest(t.Context(), repo, "v1")
		wantRegretError(t, err)
		wantNot(t, err, regret.ErrNotFound)
	}
}

func TestReportK09DigestHeaderThatIsNoDigest(t *testing.T) {
	t.Parallel()
	right := digest.FromString(emptyImage)
	for _, tt := range []struct{ rule, header string }{
		{"without its algorithm", right.Encoded()},
		{"in quotes", `"` + string(right) + `"`},
		{"with the name of the repository", repo + "@" + string(right)},
		{"empty", ""},
	} {
		t.Run(tt.rule+", the bytes decide", func(t *testing.T) {
			t.Parallel()
			fields := []string{"Content-Type", "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest", tt.header}
			s := newScript(reply(200, "", fields...), reply(200, emptyImage, fields...))
			got, err := newClient(t, s).ResolveDigest(t.Context(), repo, "v1")
			wantErr(t, err)
			if got != right {
				t.Errorf("resolved to %s", got)
			}
			s.want(t, "HEAD "+manifestPath("v1"), "GET "+manifestPath("v1"))
		})
	}
	t.Run("a digest of other bytes stays a mismatch", func(t *testing.T) {
		t.Parallel()
		s := newScript(
			reply(200, "", "Content-Type", "text/plain", "Docker-Content-Digest", aDigest),
			reply(200, emptyImage, "Content-Type", "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest", aDigest))
		_, err := newClient(t, s).ResolveDigest(t.Context(), repo, "v1")
		wantErr(t, err, regret.ErrDigestMismatch)
	})
}

func TestReportK11RefusedHEAD(t *testing.T) {
	t.Parallel()
	right := digest.FromString(emptyImage)
	t.Run("GET serves what HEAD refuses", func(t *testing.T) {
		t.Parallel()
		s := newScript(reply(403, ""), reply(200, emptyImage, "Content-Type", "application/vnd.oci.image.manifest.v1+json"))
		got, err := newClient(t, s).ResolveDigest(t.Context(), repo, "v1")
		wantErr(t, err)
		if got != right {
			t.Errorf("resolved to %s", got)
		}
		s.want(t, "HEAD "+manifestPath("v1"), "GET "+manifestPath("v1"))
	})
	t.Run("GET says why both are refused", func(t *testing.T) {
		t.Parallel()
		s := newScript(reply(403, ""), reply(403, `{"errors":[{"code":"DENIED","message":"project demo is archived"}]}`))
		_, err := newClient(t, s).ResolveDigest(t.Context(), repo, "v1")
		wantErr(t, err, regret.ErrForbidden, regret.CodeDenied)
		wantText(t, err, "project demo is archived")
		s.want(t, "HEAD "+manifestPath("v1"), "GET "+manifestPath("v1"))
	})
}
