package cases_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

func TestBytesHaveTheDigestsOfTheFormat(t *testing.T) {
	t.Parallel()
	c := named(t, "count-children-are-not-images")
	image := c.Content("a1")
	for name, test := range map[string]struct{ got, want any }{
		"digest of the image":  {c.Digest("a1"), digest.Digest("sha256:b9feef5d8f16fcbbdb611ea4a6c451652c36fbeaee18d7eb456e233787f103ff")},
		"digest of the index":  {c.Digest("A"), digest.Digest("sha256:3c46cf5150942647f2dec97c1a4cc55fcf159d0c4f0d2c68c79c51ce311ffb48")},
		"digest of the config": {image.Config.Descriptor.Digest, digest.Digest("sha256:7e9404f608c74a483fcdabbe4a6c43f4ee4c99e69cf864e641fb628896c24b8d")},
		"size of the config":   {image.Config.Descriptor.Size, int64(184)},
		"layer":                {string(image.Layers[0].Data), "layer count-children-are-not-images/a1\n"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v, want %v", name, test.got, test.want)
		}
	}
}

func TestBytesOfEveryKind(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"oci","referrers":"fallback","expect":{},"manifests":[
		{"id":"X","kind":"index","children":["i","a"],"subject":"gone","created":{"annotation":"2026 <soon>"}},
		{"id":"i","kind":"image","platform":"linux/arm64","layers":["base","i"],"created":{"config":"yesterday"}},
		{"id":"a","kind":"attestation","of":"i","created":{"config":""}},
		{"id":"r","kind":"referrer","subject":"i"},
		{"id":"f","kind":"fallback","lists":["r","X"]},
		{"id":"s","kind":"cosign"},
		{"id":"c","kind":"artifact","created":{"config":"2026-11-26T12:00:00Z"}},
		{"id":"gone","kind":"image","missing":true}]`)
	const image, index = `"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2`, `"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2`
	// In want, <i> is the descriptor of manifest i, <config i> and <layer i> are those of blobs, and
	// |i| is the digest of manifest i.
	for id, want := range map[string]string{
		"X": `{"annotations":{"dev.example.case":"test/X","org.opencontainers.image.created":"2026 <soon>"},"manifests":[` +
			`{<i>,"platform":{"architecture":"arm64","os":"linux"},<size i>},` +
			`{"annotations":{"vnd.docker.reference.digest":"|i|","vnd.docker.reference.type":"attestation-manifest"},<a>,"platform":{"architecture":"unknown","os":"unknown"},<size a>}],` +
			index + `,"subject":{<gone>,<size gone>}}`,
		"i": `{"annotations":{"dev.example.case":"test/i"},"config":{<config i>,<size config i>},"layers":[{<layer base>,<size layer base>},{<layer i>,<size layer i>}],` + image + `}`,
		"a": `{"annotations":{"dev.example.case":"test/a"},"config":{<config a>,<size config a>},"layers":[{<layer a>,<size layer a>}],` + image + `}`,
		"r": `{"annotations":{"dev.example.case":"test/r"},"artifactType":"application/vnd.example.signature","config":{<config r>,<size config r>},` +
			`"layers":[{<layer r>,<size layer r>}],` + image + `,"subject":{<i>,<size i>}}`,
		"f": `{"annotations":{"dev.example.case":"test/f"},"manifests":[{"artifactType":"application/vnd.example.signature",<r>,<size r>},{<X>,<size X>}],` + index + `}`,
		"s": `{"annotations":{"dev.example.case":"test/s"},"config":{<config s>,<size config s>},"layers":[{<layer s>,<size layer s>}],` + image + `}`,
		"c": `{"annotations":{"dev.example.case":"test/c"},"config":{<config c>,<size config c>},"layers":[{<layer c>,<size layer c>}],` + image + `}`,
	} {
		if got := string(c.Content(id).Manifest.Raw); got != expandDescriptors(c, want) {
			t.Errorf("manifest %s:\n got %s\nwant %s", id, got, expandDescriptors(c, want))
		}
	}
	for id, want := range map[string]string{
		"i": `{"architecture":"arm64","created":"yesterday","os":"linux","rootfs":{"diff_ids":["` + digest.FromString("layer test/base\n").String() + `","` + digest.FromString("layer test/i\n").String() + `"],"type":"layers"}}`,
		"a": `{"architecture":"unknown","created":"","os":"unknown","rootfs":{"diff_ids":["` + digest.FromString("layer test/a\n").String() + `"],"type":"layers"}}`,
		"r": `{}`,
		"s": `{"architecture":"","os":"","rootfs":{"diff_ids":["` + digest.FromString("layer test/s\n").String() + `"],"type":"layers"}}`,
		"c": `{"name":"test/c"}`,
	} {
		if got := string(c.Content(id).Config.Data); got != want {
			t.Errorf("config of %s:\n got %s\nwant %s", id, got, want)
		}
	}
	for id, want := range map[string][2]string{
		"i": {"application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"},
		"a": {"application/vnd.oci.image.config.v1+json", "application/vnd.in-toto+json"},
		"r": {"application/vnd.oci.empty.v1+json", "application/vnd.oci.image.layer.v1.tar"},
		"c": {"application/vnd.cncf.helm.config.v1+json", "application/vnd.oci.image.layer.v1.tar"},
	} {
		if got := [2]string{c.Content(id).Config.Descriptor.MediaType, c.Content(id).Layers[0].Descriptor.MediaType}; got != want {
			t.Errorf("media types of the blobs of %s: got %v, want %v", id, got, want)
		}
	}
}

// expandDescriptors replaces <name> by digest and media type of a manifest or blob, <size name> by
// its size, and |id| by the digest of a manifest.
func expandDescriptors(c *cases.Case, s string) string {
	var pairs []string
	for _, m := range c.Manifests {
		content := c.Content(m.ID)
		add := func(name string, desc regret.Descriptor) {
			pairs = append(pairs, "<"+name+">", fmt.Sprintf(`"digest":"%s","mediaType":"%s"`, desc.Digest, desc.MediaType), "<size "+name+">", fmt.Sprintf(`"size":%d`, desc.Size))
		}
		add(m.ID, content.Manifest.Descriptor)
		pairs = append(pairs, "|"+m.ID+"|", content.Manifest.Descriptor.Digest.String())
		if content.Config != nil {
			add(content.Config.Name, content.Config.Descriptor)
		}
		for _, layer := range content.Layers {
			add(layer.Name, layer.Descriptor)
		}
	}
	return strings.NewReplacer(pairs...).Replace(s)
}
