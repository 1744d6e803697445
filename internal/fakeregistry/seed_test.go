package fakeregistry_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestPutStoresCompleteImages(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(*fakeregistry.Registry) ocispec.Descriptor{
		"oci":    func(r *fakeregistry.Registry) ocispec.Descriptor { return r.PutImage("a", "x", "v1", "v2") },
		"docker": func(r *fakeregistry.Registry) ocispec.Descriptor { return r.PutDockerImage("a", "x", "v1", "v2") },
		"referrer": func(r *fakeregistry.Registry) ocispec.Descriptor {
			return r.PutReferrer("a", r.PutImage("a", "x"), "t", "y")
		},
		"index": func(r *fakeregistry.Registry) ocispec.Descriptor {
			return r.PutIndex("a", []string{"x", "y", "z"}, "v1", "v2")
		},
		"docker list": func(r *fakeregistry.Registry) ocispec.Descriptor {
			return r.PutDockerList("a", []string{"x", "y", "z"}, "v1", "v2")
		},
		"schema1": func(r *fakeregistry.Registry) ocispec.Descriptor { return r.PutSchema1("a", "x", "v1", "v2") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newRoundTripClient(t)
			desc := put(c.reg)
			if len(c.reg.Requests()) > 0 {
				t.Error("storing without HTTP was logged")
			}
			resp := c.do("GET", "/v2/a/manifests/"+desc.Digest.String(), "").want(t, 200, "Content-Type", desc.MediaType)
			if int64(len(resp.body)) != desc.Size {
				t.Errorf("size %d, want %d", len(resp.body), desc.Size)
			}
			// Pushing the manifest again validates it and checks that all its content exists.
			c.do("PUT", "/v2/a/manifests/again", resp.body, "Content-Type", desc.MediaType).want(t, 201, "Docker-Content-Digest", desc.Digest.String())
			if name != "referrer" {
				want := map[string]digest.Digest{"v1": desc.Digest, "v2": desc.Digest, "again": desc.Digest}
				if diff := cmp.Diff(want, c.reg.Tags("a")); diff != "" {
					t.Errorf("tags (-want +got):\n%s", diff)
				}
			}
			if !c.reg.HasManifest("a", desc.Digest) || !c.reg.HasBlob("a", digest.FromString("x")) {
				t.Error("the manifest or its layer is missing")
			}
		})
	}
}

func TestSameContentHasSameDigest(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	first, second := reg.PutImage("a", "x", "v1"), fakeregistry.New().PutImage("b/c", "x")
	if first.Digest != second.Digest || first.Digest == reg.PutImage("a", "y").Digest {
		t.Error("digests do not depend on the content alone")
	}
}

func TestIndexesListTheirPlatforms(t *testing.T) {
	t.Parallel()
	c := newRoundTripClient(t)
	c.reg.PutIndex("a", strings.Split("abcdefgh", ""), "v1")
	index := unmarshal[ocispec.Index](t, c.do("GET", "/v2/a/manifests/v1", "").body)
	var got []string
	for i, child := range index.Manifests {
		got = append(got, strings.TrimSuffix(child.Platform.Architecture+"/"+child.Platform.Variant, "/"))
		if want := c.reg.PutImage("a", string(rune('a'+i))); child.Digest != want.Digest || child.Size != want.Size {
			t.Errorf("child %d is %v, want %v", i, child, want)
		}
	}
	if diff := cmp.Diff([]string{"amd64", "arm64", "arm/v7", "ppc64le", "s390x", "riscv64", "cpu6", "cpu7"}, got); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}

// schema1Payload removes the signatures from a signed schema1 manifest, as a client does.
func schema1Payload(t *testing.T, signed string) []byte {
	t.Helper()
	decode := func(s string) []byte {
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	var header struct {
		FormatLength int
		FormatTail   string
	}
	doc := unmarshal[schema1](t, signed)
	if err := json.Unmarshal(decode(doc.Signatures[0].Protected), &header); err != nil {
		t.Fatal(err)
	}
	return slices.Concat([]byte(signed[:header.FormatLength]), decode(header.FormatTail))
}

func TestSchema1HasTheDigestOfItsPayload(t *testing.T) {
	t.Parallel()
	c := newRoundTripClient(t)
	desc := c.reg.PutSchema1("team/app", "x", "v1")
	resp := c.do("GET", "/v2/team/app/manifests/v1", "").
		want(t, 200, "Content-Type", mediaTypeSchema1Signed, "Docker-Content-Digest", desc.Digest.String())
	if desc.Digest == digest.FromString(resp.body) {
		t.Error("the digest is that of the signed bytes")
	}
	unsigned := schema1Payload(t, resp.body)
	if digest.FromBytes(unsigned) != desc.Digest {
		t.Error("the digest is not that of the payload")
	}
	if doc := unmarshal[schema1](t, string(unsigned)); doc.Signatures != nil || doc.Name != "team/app" || doc.Tag != "v1" {
		t.Errorf("payload: %s", unsigned)
	}
	c.do("PUT", "/v2/team/app/manifests/"+desc.Digest.String(), resp.body, "Content-Type", mediaTypeSchema1Signed).want(t, 201)
	c.do("DELETE", "/v2/team/app/manifests/"+desc.Digest.String(), "").want(t, 202)
	c.do("GET", "/v2/team/app/manifests/v1", "").want(t, 404)
}

func TestInvalidSchema1IsRejected(t *testing.T) {
	t.Parallel()
	c := newRoundTripClient(t)
	c.reg.PutSchema1("a", "x", "v1")
	good := c.do("GET", "/v2/a/manifests/v1", "").body
	protect := func(header string) string {
		return `{"schemaVersion":1,"signatures":[{"protected":"` + base64.RawURLEncoding.EncodeToString([]byte(header)) + `"}]}`
	}
	for name, raw := range map[string]string{
		"no signatures":    `{"schemaVersion":1}`,
		"another version":  strings.Replace(good, `"schemaVersion": 1`, `"schemaVersion": 2`, 1),
		"not base64":       `{"schemaVersion":1,"signatures":[{"protected":"!"}]}`,
		"not json":         protect(`{`),
		"tail not base64":  protect(`{"formatLength":1,"formatTail":"!"}`),
		"length too large": protect(`{"formatLength":100000,"formatTail":"fQ"}`),
		"length negative":  protect(`{"formatLength":-1,"formatTail":"fQ"}`),
		"missing layers":   strings.Replace(good, digestOf("x"), absentDigest, 1),
	} {
		c.do("PUT", "/v2/a/manifests/v1", raw, "Content-Type", mediaTypeSchema1Signed).want(t, 400)
		if c.reg.HasManifest("a", digest.FromString(raw)) {
			t.Errorf("%s was stored", name)
		}
	}
}

func TestPutManifestStoresAnyBytes(t *testing.T) {
	t.Parallel()
	c := newRoundTripClient(t)
	desc := c.reg.PutManifest("a", "", "application/x", []byte("not json"))
	c.reg.PutManifest("a", "v1", mediaTypeSchema1Signed, []byte("not signed"))
	c.do("GET", "/v2/a/manifests/"+desc.Digest.String(), "").want(t, 200, "Content-Type", "application/x").wantBody(t, "not json")
	c.do("GET", "/v2/a/manifests/v1", "").want(t, 200, "Docker-Content-Digest", digestOf("not signed"))

	// Storing the same bytes with another media type replaces the manifest, including its type in
	// the list of referrers.
	subject := c.reg.PutImage("a", "x")
	raw := marshal(t, ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Subject: &subject, Manifests: []ocispec.Descriptor{subject}})
	for _, mediaType := range []string{"application/y", ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageIndex} {
		c.reg.PutManifest("a", "v2", mediaType, raw)
	}
	list := unmarshal[ocispec.Index](t, c.do("GET", "/v2/a/referrers/"+subject.Digest.String(), "").body)
	if len(list.Manifests) != 1 || list.Manifests[0].MediaType != ocispec.MediaTypeImageIndex {
		t.Errorf("referrers %v, want one", list.Manifests)
	}
}

func TestStateMethods(t *testing.T) {
	t.Parallel()
	c := newRoundTripClient(t)
	image := c.reg.PutImage("a", "x", "v1")
	c.reg.SetTag("a", "v1", absentDigest)
	c.reg.SetTag("a", "v2", image.Digest)
	if got, ok := c.reg.Tag("a", "v1"); !ok || got != absentDigest {
		t.Errorf("tag %v, %v", got, ok)
	}
	c.do("GET", "/v2/a/manifests/v1", "").wantCodes(t, 404, "MANIFEST_UNKNOWN") // the tag dangles
	c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 202)
	if diff := cmp.Diff(map[string]digest.Digest{"v1": absentDigest}, c.reg.Tags("a")); diff != "" {
		t.Errorf("tags after deleting a manifest that v1 no longer points to (-want +got):\n%s", diff)
	}
	tags := c.reg.Tags("a")
	delete(tags, "v1")
	if len(c.reg.Tags("a")) != 1 {
		t.Error("Tags does not return a copy")
	}
	if _, ok := c.reg.Tag("nope", "v1"); ok || c.reg.Tags("nope") != nil || c.reg.HasManifest("nope", absentDigest) || c.reg.HasBlob("nope", absentDigest) {
		t.Error("a repository that does not exist has content")
	}
}
