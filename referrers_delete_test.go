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

// referred is a subject with two referrers, and the list of them under the fallback tag if there is one.
type referred struct {
	reg            *fakeregistry.Registry
	client         *regret.Client
	subject        regret.Digest
	signature, sum regret.Digest
	tag            string
}

func newReferred(t *testing.T, listed bool, opts ...fakeregistry.Option) referred {
	t.Helper()
	reg := fakeregistry.New(opts...)
	subject := reg.PutImage(repo, "hello", "v1")
	r := referred{reg: reg, client: newClient(t, reg), subject: subject.Digest, tag: strings.Replace(subject.Digest.String(), ":", "-", 1)}
	signature := reg.PutReferrer(repo, subject, "application/vnd.example.signature", "signed")
	sum := reg.PutReferrer(repo, subject, "application/vnd.example.sbom", "counted")
	r.signature, r.sum = signature.Digest, sum.Digest
	if listed {
		signature.ArtifactType, sum.ArtifactType = "application/vnd.example.signature", "application/vnd.example.sbom"
		raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex, "manifests": []any{signature, sum}, "x-kept": true})
		if err != nil {
			t.Fatal(err)
		}
		reg.PutManifest(repo, r.tag, ocispec.MediaTypeImageIndex, raw)
	}
	return r
}

// list is who is on the list under the fallback tag, and whether what nobody knows is still in it.
func (r referred) list(t *testing.T) (listed []regret.Digest, kept bool) {
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
	t.Run("where the registry keeps referrers there is no list to keep", func(t *testing.T) {
		t.Parallel()
		r := newReferred(t, false)
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.signature))
		if got := methods(t, r.reg); got != "GET 200, GET 200, DELETE 202" || r.reg.HasManifest(repo, r.signature) {
			t.Errorf("requests %q", got)
		}
	})
	t.Run("otherwise it is taken off the list under the fallback tag", func(t *testing.T) {
		t.Parallel()
		r := newReferred(t, true, without())
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.signature))
		if got := methods(t, r.reg); got != "GET 200, GET 404, DELETE 202, GET 200, PUT 201" {
			t.Errorf("requests %q", got)
		}
		listed, kept := r.list(t)
		if diff := cmp.Diff([]regret.Digest{r.sum}, listed); diff != "" || !kept {
			t.Errorf("list (-want +got), rest kept: %t\n%s", kept, diff)
		}
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.sum))
		if listed, _ := r.list(t); len(listed) != 0 {
			t.Errorf("list: %v", listed)
		}
		for d, err := range r.client.Referrers(t.Context(), repo, r.subject) {
			t.Errorf("a referrer: %v, %v", d, err)
		}
	})
	t.Run("without a list nothing is put", func(t *testing.T) {
		t.Parallel()
		r := newReferred(t, false, without())
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.signature))
		if got := methods(t, r.reg); got != "GET 200, GET 404, DELETE 202, GET 404" {
			t.Errorf("requests %q", got)
		}
	})
	t.Run("a list that does not name it is left alone", func(t *testing.T) {
		t.Parallel()
		r := newReferred(t, true, without())
		other := r.reg.PutReferrer(repo, regret.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: r.subject, Size: 1}, "a/b", "unlisted")
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, other.Digest))
		if got := methods(t, r.reg); got != "GET 200, GET 404, DELETE 202, GET 200" {
			t.Errorf("requests %q", got)
		}
	})
	t.Run("what is gone already is still taken off the list", func(t *testing.T) {
		t.Parallel()
		r := newReferred(t, true, without())
		wantErr(t, r.client.DeleteManifest(t.Context(), repo, r.signature))
		r.reg.ResetLog()
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.signature))
		if got := methods(t, r.reg); got != "GET 404, GET 404, GET 200, PUT 201" {
			t.Errorf("requests %q", got)
		}
		wantErr(t, r.client.DeleteReferrer(t.Context(), repo, r.subject, r.signature), regret.ErrNotFound)
	})
}

func TestDeleteReferrerRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule  string
		fault *step
		refer func(r referred) (subject, referrer regret.Digest)
		want  error
		text  string
		sent  string
	}{
		{"what is no digest", nil, func(r referred) (regret.Digest, regret.Digest) { return r.subject, "v1" }, regret.ErrInvalid, "", ""},
		{"what has no subject", nil, func(r referred) (regret.Digest, regret.Digest) { return r.subject, r.subject }, regret.ErrInvalid, "no subject", "GET 200"},
		{"what refers to something else", nil, func(r referred) (regret.Digest, regret.Digest) { return r.sum, r.signature }, regret.ErrInvalid, "refers to", "GET 200"},
		{"what nobody knows", nil, func(r referred) (regret.Digest, regret.Digest) { return r.subject, manifestOf("{}").Descriptor.Digest },
			regret.ErrNotFound, "", "GET 404, GET 404, GET 200"},
		{"when nobody can say whether there is an API", &step{0, "GET", onPath("/referrers/", fakeregistry.Errors(403, "DENIED", "no"))}, nil,
			regret.ErrForbidden, "nothing was deleted", "GET 200, GET 403"},
		{"with what the registry says to the deletion", &step{0, "DELETE", failing(403, "DENIED")}, nil, regret.ErrForbidden, "", "GET 200, GET 404, DELETE 403"},
		{"to be silent about a list that could not be put", &step{0, "PUT", failing(403, "DENIED")}, nil, regret.ErrForbidden,
			"may still list it", "GET 200, GET 404, DELETE 202, GET 200, PUT 403"},
		{"to be silent about a list that is none", &step{0, "GET", onPath("/manifests/sha256-", fakeregistry.Answer(200, map[string]string{"Content-Type": ocispec.MediaTypeImageManifest}, emptyImage))}, nil,
			regret.ErrNotRegistry, "is not an index", "GET 200, GET 404, DELETE 202, GET 200"},
		{"to be silent about a list that cannot be read", &step{0, "GET", onPath("/manifests/sha256-", fakeregistry.Answer(200, map[string]string{"Content-Type": ocispec.MediaTypeImageIndex}, `{"manifests":[3]}`))}, nil,
			regret.ErrNotRegistry, "may still list it", "GET 200, GET 404, DELETE 202, GET 200"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			r := newReferred(t, true, fakeregistry.WithoutReferrersAPI())
			if tt.fault != nil {
				play(r.reg, *tt.fault)
			}
			subject, referrer := r.subject, r.signature
			if tt.refer != nil {
				subject, referrer = tt.refer(r)
			}
			err := r.client.DeleteReferrer(t.Context(), repo, subject, referrer)
			if e := wantErr(t, err, tt.want); e.Op != "delete referrer" {
				t.Errorf("%+v", e)
			}
			wantText(t, err, tt.text)
			if got := methods(t, r.reg); got != tt.sent {
				t.Errorf("requests %q, want %q", got, tt.sent)
			}
		})
	}
}
