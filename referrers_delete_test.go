package regret_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A referrersFixture is a registry with a subject and two referrers, and possibly with an index of
// them under the fallback tag.
type referrersFixture struct {
	reg             *fakeregistry.Registry
	client          *regret.Client
	subject         regret.Digest
	signature, sbom regret.Digest
	tag             string // the fallback tag
}

func newReferrersFixture(t *testing.T, listed bool, opts ...fakeregistry.Option) referrersFixture {
	t.Helper()
	reg := fakeregistry.New(opts...)
	subject := reg.PutImage(repo, "hello", "v1")
	r := referrersFixture{reg: reg, client: newClient(t, reg), subject: subject.Digest, tag: strings.Replace(subject.Digest.String(), ":", "-", 1)}
	signature := reg.PutReferrer(repo, subject, "application/vnd.example.signature", "signed")
	sbom := reg.PutReferrer(repo, subject, "application/vnd.example.sbom", "a list of parts")
	r.signature, r.sbom = signature.Digest, sbom.Digest
	if listed {
		signature.ArtifactType, sbom.ArtifactType = "application/vnd.example.signature", "application/vnd.example.sbom"
		raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex, "manifests": []any{signature, sbom}, "x-kept": true})
		if err != nil {
			t.Fatal(err)
		}
		reg.PutManifest(repo, r.tag, ocispec.MediaTypeImageIndex, raw)
	}
	return r
}

// list returns the entries of the index under the fallback tag, and whether its unknown member was
// kept.
func (r referrersFixture) list(t *testing.T) (listed []regret.Digest, kept bool) {
	t.Helper()
	m, err := r.client.Manifest(t.Context(), repo, r.tag)
	wantErr(t, err)
	var doc struct {
		Manifests []regret.Descriptor
		Kept      bool `json:"x-kept"`
	}
	if err := json.Unmarshal(m.Raw, &doc); err != nil || doc.Manifests == nil {
		t.Fatalf("%s: %v", m.Raw, err)
	}
	for _, d := range doc.Manifests {
		listed = append(listed, d.Digest)
	}
	return listed, doc.Kept
}

func TestDeleteReferrer(t *testing.T) {
	t.Parallel()
	without := fakeregistry.WithoutReferrersAPI
	t.Run("at a registry with the referrers API no index is updated", func(t *testing.T) {
		t.Parallel()
		r := newReferrersFixture(t, false)
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.signature))
		if got := methods(t, r.reg); got != "GET 200, GET 200, DELETE 202" || r.reg.HasManifest(repo, r.signature) {
			t.Errorf("requests %q", got)
		}
	})
	t.Run("without the API the entry is removed from the index under the fallback tag", func(t *testing.T) {
		t.Parallel()
		r := newReferrersFixture(t, true, without())
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.signature))
		if got := methods(t, r.reg); got != "GET 200, GET 404, DELETE 202, GET 200, PUT 201, HEAD 200" {
			t.Errorf("requests %q", got)
		}
		listed, kept := r.list(t)
		if diff := cmp.Diff([]regret.Digest{r.sbom}, listed); diff != "" || !kept {
			t.Errorf("entries (-want +got), unknown member kept: %t\n%s", kept, diff)
		}
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.sbom))
		if listed, _ := r.list(t); len(listed) != 0 {
			t.Errorf("entries %v, want none", listed)
		}
		for d, err := range r.client.Referrers(t.Context(), repo, r.subject) {
			t.Errorf("unexpected referrer: %v, %v", d, err)
		}
	})
	t.Run("without an index nothing is pushed", func(t *testing.T) {
		t.Parallel()
		r := newReferrersFixture(t, false, without())
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.signature))
		if got := methods(t, r.reg); got != "GET 200, GET 404, DELETE 202, GET 404" {
			t.Errorf("requests %q", got)
		}
	})
	t.Run("an index that does not list the manifest is not changed", func(t *testing.T) {
		t.Parallel()
		r := newReferrersFixture(t, true, without())
		other := r.reg.PutReferrer(repo, regret.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: r.subject, Size: 1}, "a/b", "unlisted")
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, other.Digest))
		if got := methods(t, r.reg); got != "GET 200, GET 404, DELETE 202, GET 200" {
			t.Errorf("requests %q", got)
		}
	})
	t.Run("the entry of a manifest that is already gone is removed", func(t *testing.T) {
		t.Parallel()
		r := newReferrersFixture(t, true, without())
		wantErr(t, r.client.DeleteManifest(t.Context(), repo, r.signature))
		r.reg.ResetLog()
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.signature))
		if got := methods(t, r.reg); got != "GET 404, GET 404, GET 200, PUT 201, HEAD 200" {
			t.Errorf("requests %q", got)
		}
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.signature), regret.ErrNotFound)
	})
}

func TestDeleteReferrerReportsFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule  string
		fault *step
		refer func(r referrersFixture) (subject, referrer regret.Digest)
		want  error
		text  string
		sent  string
	}{
		{"a tag as referrer is an error", nil, func(r referrersFixture) (regret.Digest, regret.Digest) { return r.subject, "v1" }, regret.ErrInvalid, "", ""},
		{"a manifest without a subject is an error", nil, func(r referrersFixture) (regret.Digest, regret.Digest) { return r.subject, r.subject }, regret.ErrInvalid, "no subject", "GET 200"},
		{"a manifest with another subject is an error", nil, func(r referrersFixture) (regret.Digest, regret.Digest) { return r.sbom, r.signature }, regret.ErrInvalid, "refers to", "GET 200"},
		{"an unknown manifest is not found", nil, func(r referrersFixture) (regret.Digest, regret.Digest) {
			return r.subject, manifestOf("{}").Descriptor.Digest
		},
			regret.ErrNotFound, "", "GET 404, GET 404, GET 200"},
		{"nothing is deleted if the look-up of the API fails", &step{0, "GET", onPath("/referrers/", fakeregistry.Errors(403, "DENIED", "no"))}, nil,
			regret.ErrForbidden, "nothing was deleted", "GET 200, GET 403"},
		{"a refusal of the deletion is returned", &step{0, "DELETE", failing(403, "DENIED")}, nil, regret.ErrForbidden, "", "GET 200, GET 404, DELETE 403"},
		{"a failure to push the index is reported", &step{0, "PUT", failing(403, "DENIED")}, nil, regret.ErrForbidden,
			"may still list it", "GET 200, GET 404, DELETE 202, GET 200, PUT 403"},
		{"a fallback tag that is not an index is reported", &step{0, "GET", onPath("/manifests/sha256-", fakeregistry.Answer(200, map[string]string{"Content-Type": ocispec.MediaTypeImageManifest}, emptyImage))}, nil,
			regret.ErrNotRegistry, "is not an index", "GET 200, GET 404, DELETE 202, GET 200"},
		{"a malformed index is reported", &step{0, "GET", onPath("/manifests/sha256-", fakeregistry.Answer(200, map[string]string{"Content-Type": ocispec.MediaTypeImageIndex}, `{"manifests":[3]}`))}, nil,
			regret.ErrNotRegistry, "may still list it", "GET 200, GET 404, DELETE 202, GET 200"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			r := newReferrersFixture(t, true, fakeregistry.WithoutReferrersAPI())
			if tt.fault != nil {
				play(r.reg, *tt.fault)
			}
			subject, referrer := r.subject, r.signature
			if tt.refer != nil {
				subject, referrer = tt.refer(r)
			}
			err := r.client.DeleteReferrer(t.Context(), repo, subject, referrer)
			if e := wantErr(t, err, tt.want); e.Op != "delete referrer" {
				t.Errorf("error has unexpected fields: %+v", e)
			}
			wantText(t, err, tt.text)
			if got := methods(t, r.reg); got != tt.sent {
				t.Errorf("requests %q, want %q", got, tt.sent)
			}
		})
	}
}
