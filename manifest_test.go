package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// manifestKinds lists the kinds of manifests, each with a function that stores one under a tag.
var manifestKinds = []struct {
	kind, mediaType string
	put             func(reg *fakeregistry.Registry, tag string) regret.Descriptor
}{
	{"an OCI image", ocispec.MediaTypeImageManifest,
		func(reg *fakeregistry.Registry, tag string) regret.Descriptor {
			return reg.PutImage(repo, "hello", tag)
		}},
	{"an OCI index", ocispec.MediaTypeImageIndex,
		func(reg *fakeregistry.Registry, tag string) regret.Descriptor {
			return reg.PutIndex(repo, []string{"a", "b"}, tag)
		}},
	{"a Docker image", regret.MediaTypeDockerManifest,
		func(reg *fakeregistry.Registry, tag string) regret.Descriptor {
			return reg.PutDockerImage(repo, "hello", tag)
		}},
	{"a Docker manifest list", regret.MediaTypeDockerManifestList,
		func(reg *fakeregistry.Registry, tag string) regret.Descriptor {
			return reg.PutDockerList(repo, []string{"a", "b"}, tag)
		}},
	{"a signed schema1 manifest", regret.MediaTypeDockerSchema1JWS,
		func(reg *fakeregistry.Registry, tag string) regret.Descriptor {
			return reg.PutSchema1(repo, "hello", tag)
		}},
}

func TestResolveReturnsTheStoredManifest(t *testing.T) {
	t.Parallel()
	for _, registry := range []struct {
		name string
		opts []fakeregistry.Option
	}{
		{"", nil},
		{" at a registry that converts or hides types that are not in Accept", []fakeregistry.Option{fakeregistry.WithDistribution2()}},
	} {
		for _, test := range manifestKinds {
			t.Run(test.kind+" is resolved in one request"+registry.name, func(t *testing.T) {
				t.Parallel()
				reg := fakeregistry.New(registry.opts...)
				want := test.put(reg, "v1")
				c := newClient(t, reg)
				for _, ref := range []string{"v1", string(want.Digest)} {
					got, err := c.Resolve(t.Context(), repo, ref)
					wantErr(t, err)
					if diff := cmp.Diff(regret.Descriptor{MediaType: test.mediaType, Digest: want.Digest, Size: want.Size}, got); diff != "" {
						t.Errorf("%s (-want +got):\n%s", ref, diff)
					}
				}
				wantRequests(t, reg, "HEAD "+manifestPath("v1")+" 200", "HEAD "+manifestPath(want.Digest)+" 200")
			})
		}
	}
}

func TestManifestReturnsTheStoredContent(t *testing.T) {
	t.Parallel()
	for _, test := range manifestKinds {
		t.Run(test.kind+" is read in one request", func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			want := test.put(reg, "v1")
			c := newClient(t, reg)
			for _, ref := range []string{"v1", string(want.Digest)} {
				got, err := c.Manifest(t.Context(), repo, ref)
				wantErr(t, err)
				if got.Descriptor.Digest != want.Digest || got.Descriptor.MediaType != test.mediaType || int64(len(got.Raw)) != got.Descriptor.Size {
					t.Errorf("%s: %+v, want %+v", ref, got.Descriptor, want)
				}
				if test.mediaType != regret.MediaTypeDockerSchema1JWS && digest.FromBytes(got.Raw) != want.Digest {
					t.Errorf("%s: the content does not match the digest", ref)
				}
			}
			wantRequests(t, reg, "GET "+manifestPath("v1")+" 200", "GET "+manifestPath(want.Digest)+" 200")
		})
	}
}

func TestEveryManifestTypeIsAccepted(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New(fakeregistry.WithHeadStatus(http.StatusNotFound))
	dgst := reg.PutImage(repo, "hello", "v1").Digest
	c := newClient(t, reg)
	for _, ref := range []string{"v1", string(dgst)} {
		_, err := c.ResolveDigest(t.Context(), repo, ref)
		wantErr(t, err)
	}
	const all = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " +
		"application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, " +
		"application/vnd.oci.artifact.manifest.v1+json, application/vnd.cncf.oras.artifact.manifest.v1+json, " +
		"application/vnd.docker.distribution.manifest.v1+prettyjws, application/vnd.docker.distribution.manifest.v1+json"
	for _, r := range reg.Requests() {
		want := http.Header{
			"Accept":          {all},
			"Accept-Encoding": {"identity"},
			"User-Agent":      {"regret (+https://github.com/seed-8cb7cc86/regret)"},
		}
		if diff := cmp.Diff(want, r.Header); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r, diff)
		}
	}
	if len(reg.Requests()) != 4 {
		t.Errorf("requests %v, want HEAD and GET for both", requests(t, reg))
	}
}

func TestResolveSupportsSHA512(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		opts []fakeregistry.Option
		sent []string
	}{
		{"with HEAD", nil, []string{"HEAD"}},
		{"with GET if HEAD is not allowed", []fakeregistry.Option{fakeregistry.WithHeadStatus(http.StatusMethodNotAllowed)}, []string{"HEAD", "GET"}},
		{"with GET if HEAD has no digest", []fakeregistry.Option{fakeregistry.WithoutDigestHeader()}, []string{"HEAD", "GET"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(test.opts...)
			want, c := putSHA512(t, reg)
			got, err := c.ResolveDigest(t.Context(), repo, string(want))
			wantErr(t, err)
			if got != want {
				t.Errorf("resolved to %s", got)
			}
			var sent []string
			for _, r := range reg.Requests() {
				sent = append(sent, r.Method)
			}
			if diff := cmp.Diff(test.sent, sent); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if m, err := c.Manifest(t.Context(), repo, string(want)); err != nil || m.Descriptor.Digest != want {
				t.Errorf("Manifest: %v, %v", m, err)
			}
		})
	}
}

// putSHA512 pushes a manifest by its sha512 digest and returns a client that has not seen it. The
// log is empty.
func putSHA512(t *testing.T, reg *fakeregistry.Registry) (regret.Digest, *regret.Client) {
	t.Helper()
	reg.PutBlob(repo, []byte("{}"))
	m := manifestOf(emptyImage)
	m.Descriptor.Digest = digest.SHA512.FromString(emptyImage)
	wantErr(t, newClient(t, reg).PutManifest(t.Context(), repo, string(m.Descriptor.Digest), m))
	reg.ResetLog()
	return m.Descriptor.Digest, newClient(t, reg)
}

func TestResolveFallsBackToGET(t *testing.T) {
	t.Parallel()
	for status, fallsBack := range map[int]bool{
		400: true, 403: true, 404: true, 405: true, 406: true, 410: true, 501: true,
		204: true, 206: true, 401: false, 402: false, 409: false, 418: false, 451: false,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithHeadStatus(status))
			want := reg.PutImage(repo, "hello", "v1")
			got, err := newClient(t, reg).Resolve(t.Context(), repo, "v1")
			head, get := requestLine("HEAD", "v1", status), requestLine("GET", "v1", 200)
			if !fallsBack {
				e := wantErr(t, err, err)
				if e.StatusCode != status || e.Method != "HEAD" {
					t.Errorf("error has unexpected fields: %+v", e)
				}
				wantRequests(t, reg, head)
				return
			}
			wantErr(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantRequests(t, reg, head, get)
		})
	}
}

func TestResolveReportsWhatDoesNotExist(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, repository, reference string
		want                        regret.Code
	}{
		{"an unknown tag", repo, "v2", regret.CodeManifestUnknown},
		{"an unknown digest", repo, aDigest, regret.CodeManifestUnknown},
		{"an unknown repository", "team/other", "v1", regret.CodeNameUnknown},
	} {
		t.Run(test.rule+" is not found", func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			_, err := newClient(t, reg).Resolve(t.Context(), test.repository, test.reference)
			e := wantErr(t, err, regret.ErrNotFound, test.want)
			if e.Op != "resolve" || e.Method != "GET" || e.StatusCode != 404 || e.Attempts != 1 {
				t.Errorf("error has unexpected fields: %+v", e)
			}
			path := "/v2/" + test.repository + "/manifests/" + test.reference
			wantRequests(t, reg, "HEAD "+path+" 404", "GET "+path+" 404")
		})
	}
	t.Run("404 of a proxy does not mean not found", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		reg.Intercept(0, fakeregistry.On("", "/v2/"), fakeregistry.Answer(404, map[string]string{"Content-Type": "text/html"}, "<html>"))
		_, err := newClient(t, reg).Resolve(t.Context(), repo, "v1")
		wantErr(t, err, err)
		wantNot(t, err, regret.ErrNotFound)
	})
}

func TestResolveDoesNotTryGETWithoutAToken(t *testing.T) {
	t.Parallel()
	tokens := fakeregistry.NewTokenService("", host)
	tokens.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(404, nil, ""))
	reg := fakeregistry.New(fakeregistry.WithTokenAuth(tokens))
	reg.PutImage(repo, "hello", "v1")
	_, err := newClient(t, reg).Resolve(t.Context(), repo, "v1")
	e := wantErr(t, err, err)
	wantNot(t, err, regret.ErrNotFound)
	if e.StatusCode != 404 || e.Op != "resolve" {
		t.Errorf("error has unexpected fields: %+v", e)
	}
	for _, line := range requests(t, reg) {
		if strings.HasPrefix(line, "GET "+manifestPath("v1")) {
			t.Errorf("request after the token was refused: %s", line)
		}
	}
}
