package regrettest_test

import (
	"archive/tar"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// monday is the date of images in these tests.
var monday = time.Date(2026, time.November, 23, 8, 30, 0, 0, time.UTC)

// manifestOf reads the manifest of a tag and its configuration.
func manifestOf(c *client, tag string) (ocispec.Manifest, string) {
	c.t.Helper()
	manifest := decode[ocispec.Manifest](c.t, c.do("GET", "/v2/a/manifests/"+tag, "").want(200).body)
	return manifest, c.do("GET", "/v2/a/blobs/"+manifest.Config.Digest.String(), "").want(200).body
}

func TestPutImage(t *testing.T) {
	t.Parallel()
	t.Run("stores an image that a client can pull, with the date and the platform", func(t *testing.T) {
		t.Parallel()
		c := connect(t)
		berlin := time.FixedZone("CET", 3600)
		desc := c.reg.PutImage("a", regrettest.Image{Platform: "linux/arm/v7", Created: monday.In(berlin), Layers: []string{"x", "y"}, Annotations: map[string]string{"k": "v"}}, "1", "2")
		manifest, config := manifestOf(c, "2")
		if diff := cmp.Diff(`{"created":"2026-11-23T08:30:00Z","architecture":"arm","os":"linux","variant":"v7","rootfs":{"type":"layers","diff_ids":["`+
			digestOf("x")+`","`+digestOf("y")+`"]},"history":[{"created":"2026-11-23T08:30:00Z","created_by":"regrettest"},{"created":"2026-11-23T08:30:00Z","created_by":"regrettest"}]}`, config); diff != "" {
			t.Errorf("config (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]string{"k": "v"}, manifest.Annotations); diff != "" {
			t.Errorf("annotations (-want +got):\n%s", diff)
		}
		for i, content := range []string{"x", "y"} {
			if diff := cmp.Diff(describe(ocispec.MediaTypeImageLayer, content), manifest.Layers[i]); diff != "" {
				t.Errorf("layer (-want +got):\n%s", diff)
			}
			c.do("GET", "/v2/a/blobs/"+digestOf(content), "").want(200).wantBody(content)
		}
		want := ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageManifest, Digest: c.reg.Tags("a")["1"], Size: desc.Size,
			Platform: &ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"},
		}
		if diff := cmp.Diff(want, desc); diff != "" {
			t.Errorf("descriptor (-want +got):\n%s", diff)
		}
	})
	t.Run("without fields stores an image for linux/amd64 without a date", func(t *testing.T) {
		t.Parallel()
		c := connect(t)
		c.reg.PutImage("a", regrettest.Image{}, "v1")
		manifest, config := manifestOf(c, "v1")
		if want := `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["` + manifest.Layers[0].Digest.String() + `"]},"history":[{"created_by":"regrettest"}]}`; config != want {
			t.Errorf("config %s, want %s", config, want)
		}
		layer := tar.NewReader(strings.NewReader(c.do("GET", "/v2/a/blobs/"+manifest.Layers[0].Digest.String(), "").want(200).body))
		header, err := layer.Next()
		if err != nil || header.Name != "about" {
			t.Fatalf("the layer is no archive: %v, %v", header, err)
		}
		if _, err := io.ReadAll(layer); err != nil {
			t.Error(err)
		}
	})
	t.Run("results in the same digest in every registry and zone", func(t *testing.T) {
		t.Parallel()
		image := regrettest.Image{Created: monday, Annotations: map[string]string{"b": "1", "a": "2", "c": "3"}}
		first := regrettest.New().PutImage("a", image)
		image.Created = monday.In(time.FixedZone("CET", 3600))
		if diff := cmp.Diff(first, regrettest.New().PutImage("b", image, "v1")); diff != "" {
			t.Errorf("descriptors (-want +got):\n%s", diff)
		}
		// Clients and other tests may rely on the digest.
		if want := "sha256:d368bd8735d77b1510ab3b3084c1efffd38a8d0dcbc8c6036f4e358ca6d7b163"; first.Digest.String() != want {
			t.Errorf("digest %s, want %s", first.Digest, want)
		}
	})
	t.Run("results in other layers if a field differs", func(t *testing.T) {
		t.Parallel()
		c := connect(t)
		seen := map[digest.Digest]bool{}
		for _, image := range []regrettest.Image{
			{}, {Platform: "linux/arm64"}, {Created: monday}, {Annotations: map[string]string{"k": "v"}}, {Annotations: map[string]string{"k": "w"}},
		} {
			c.reg.PutImage("a", image, "v1")
			manifest, _ := manifestOf(c, "v1")
			seen[manifest.Layers[0].Digest] = true
		}
		if len(seen) != 5 {
			t.Errorf("%d layers, want 5", len(seen))
		}
	})
	t.Run("takes any platform and any date", func(t *testing.T) {
		t.Parallel()
		c := connect(t)
		for _, image := range []regrettest.Image{
			{Platform: "unknown/unknown"}, {Platform: "linux"}, {Platform: "/"}, {Platform: "a/b/c/d"},
			{Created: time.Unix(0, 0)}, {Created: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}, {Created: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
			{Layers: []string{}}, {Layers: []string{""}},
		} {
			c.reg.PutImage("a", image, "v1")
			manifestOf(c, "v1")
		}
	})
	t.Run("can have Docker's media types, and an index of it too", func(t *testing.T) {
		t.Parallel()
		c := connect(t)
		image := c.reg.PutImage("a", regrettest.Image{Docker: true}, "v1")
		index := c.reg.PutIndex("a", []ocispec.Descriptor{image}, "v2")
		manifest, _ := manifestOf(c, "v1")
		got := []string{image.MediaType, manifest.MediaType, manifest.Config.MediaType, manifest.Layers[0].MediaType, index.MediaType}
		if diff := cmp.Diff([]string{
			"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
			"application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar",
			"application/vnd.docker.distribution.manifest.list.v2+json",
		}, got); diff != "" {
			t.Errorf("media types (-want +got):\n%s", diff)
		}
	})
}

func TestPutIndexListsDescriptorsAsTheyAre(t *testing.T) {
	t.Parallel()
	c := connect(t)
	image := c.reg.PutImage("a", regrettest.Image{Platform: "linux/arm64"})
	attestation := c.reg.PutImage("a", regrettest.Image{Platform: "unknown/unknown"})
	attestation.Annotations = map[string]string{"vnd.docker.reference.digest": image.Digest.String()}
	listed := []ocispec.Descriptor{image, attestation, {MediaType: ocispec.MediaTypeImageManifest, Digest: absent, Size: 1}}
	index := c.reg.PutIndex("a", listed, "v1", "v2")
	resp := c.do("GET", "/v2/a/manifests/v2", "").want(200, "Docker-Content-Digest", index.Digest.String(), "Content-Type", ocispec.MediaTypeImageIndex)
	if diff := cmp.Diff(listed, decode[ocispec.Index](t, resp.body).Manifests); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
	c.reg.PutIndex("a", nil, "empty")
	c.do("GET", "/v2/a/manifests/empty", "").want(200).wantBody(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
}

func TestPutContentThatIsBroken(t *testing.T) {
	t.Parallel()
	c := connect(t)
	content := []byte("no JSON")
	desc := c.reg.PutManifest("a", ocispec.MediaTypeImageManifest, content, "v1", "v2")
	blob := c.reg.PutBlob("a", content)
	content[0] = 'X' // what is stored does not change
	c.do("GET", "/v2/a/manifests/v2", "").want(200, "Docker-Content-Digest", desc.Digest.String()).wantBody("no JSON")
	c.do("GET", "/v2/a/blobs/"+blob.Digest.String(), "").want(200).wantBody("no JSON")
	c.reg.SetTag("a", "v2", absent)
	c.do("GET", "/v2/a/manifests/v2", "").want(404)
	c.do("GET", "/v2/a/manifests/v1", "").want(200)
	want := map[string]digest.Digest{"v1": desc.Digest, "v2": absent}
	if diff := cmp.Diff(want, c.reg.Tags("a")); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if c.reg.Tags("b") != nil || c.reg.HasManifest("b", desc.Digest) || c.reg.HasBlob("b", blob.Digest) || c.reg.HasBlob("a", absent) {
		t.Error("what was never put is there")
	}
}
