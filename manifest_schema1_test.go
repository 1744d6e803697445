package regret_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The digest of a signed schema1 manifest is that of its payload, not of the content
// that the registry returns.
func TestSignedSchema1DigestIsThatOfThePayload(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		opts []fakeregistry.Option
	}{
		{"with the header of HEAD", nil},
		{"with the content of GET alone", []fakeregistry.Option{fakeregistry.WithHeadStatus(http.StatusNotFound), fakeregistry.WithoutDigestHeader()}},
		{"with header and content of GET", []fakeregistry.Option{fakeregistry.WithHeadStatus(http.StatusNotFound)}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(test.opts...)
			want := reg.PutSchema1(repo, "hello", "v1")
			c := newClient(t, reg)
			for _, ref := range []string{"v1", string(want.Digest)} {
				got, err := c.ResolveDigest(t.Context(), repo, ref)
				wantErr(t, err)
				if got != want.Digest {
					t.Errorf("%s resolved to %s, want %s", ref, got, want.Digest)
				}
			}
			m, err := c.Manifest(t.Context(), repo, "v1")
			wantErr(t, err)
			if m.Descriptor.Digest != want.Digest || digest.FromBytes(m.Raw) == want.Digest {
				t.Errorf("read %+v, want the digest of the payload, %s", m.Descriptor, want.Digest)
			}
			wantErr(t, c.DeleteManifest(t.Context(), repo, want.Digest))
			if reg.HasManifest(repo, want.Digest) {
				t.Error("the manifest was not deleted")
			}
		})
	}
}

func TestDeletedSchema1CanBeRestored(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	want := reg.PutSchema1(repo, "hello", "v1")
	c := newClient(t, reg)
	m, err := c.Manifest(t.Context(), repo, "v1")
	wantErr(t, err)
	wantErr(t, c.DeleteManifest(t.Context(), repo, want.Digest))
	wantErr(t, c.PutManifest(t.Context(), repo, "v1", m))
	if got, _ := reg.Tag(repo, "v1"); got != want.Digest {
		t.Errorf("the tag points to %s, want %s", got, want.Digest)
	}
}

func TestSchema1DigestOfInconsistentManifests(t *testing.T) {
	t.Parallel()
	origin := fakeregistry.New()
	stored := origin.PutSchema1(repo, "hello", "v1")
	m, err := newClient(t, origin).Manifest(t.Context(), repo, "v1")
	wantErr(t, err)
	const unsigned = `{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}`
	for _, test := range []struct {
		rule, contentType, body string
		ref                     string
		want                    error // nil for success
		digest                  regret.Digest
	}{
		{"without a media type the structure determines the type", "application/json", string(m.Raw), "v1", nil, stored.Digest},
		{"signatures are respected under the media type of the unsigned form", schema1, string(m.Raw), "v1", nil, stored.Digest},
		{"without signatures the digest is that of the content", schema1, unsigned, "v1", nil, digest.FromString(unsigned)},
		{"without signatures the digest is that of the content even under the media type of the signed form", schema1JWS, unsigned, "v1", nil, digest.FromString(unsigned)},
		{"the digest of the content of a signed manifest is a mismatch", schema1JWS, string(m.Raw), string(digest.FromBytes(m.Raw)), regret.ErrDigestMismatch, ""},
		{"a member that the signatures do not cover is an error", schema1JWS,
			string(bytes.Replace(m.Raw, []byte(`"signatures"`), []byte(`"extra": 1, "signatures"`), 1)), "v1", regret.ErrNotRegistry, ""},
		{"signatures that are not a list are an error", schema1JWS, `{"schemaVersion":1,"fsLayers":[],"signatures":{}}`, "v1", regret.ErrNotRegistry, ""},
		{"an empty list of signatures is an error", schema1JWS, `{"schemaVersion":1,"fsLayers":[],"signatures":[]}`, "v1", regret.ErrNotRegistry, ""},
		{"a signature without a header is an error", schema1JWS, `{"schemaVersion":1,"fsLayers":[],"signatures":[{}]}`, "v1", regret.ErrNotRegistry, ""},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, respondingWith(test.contentType, test.body))
			got, err := c.ResolveDigest(t.Context(), repo, test.ref)
			if test.want != nil {
				wantErr(t, err, test.want)
				return
			}
			wantErr(t, err)
			if got != test.digest {
				t.Errorf("resolved to %s, want %s", got, test.digest)
			}
		})
	}
}
