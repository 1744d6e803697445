package facts_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func deleting() chapter {
	return chapter{"deleting", []fact{
		{
			name: "DELETE of a digest with two tags",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "one", "two")
				answer := remove(t, r, image.Digest.String())
				return fmt.Sprintf("%s; tags %s", answer, standing(t, r, "one", "two"))
			},
			on2: "202; tags gone, gone",
		},
		{
			name: "DELETE of that digest once more",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				remove(t, r, image.Digest.String())
				return remove(t, r, image.Digest.String()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name:  "DELETE of that digest once more, blob cache in memory",
			setup: registry.Setup{Cache: true},
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				r.HasManifest(t, image.Digest.String())
				remove(t, r, image.Digest.String())
				return remove(t, r, image.Digest.String()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "DELETE of a tag, while another tag has the same digest",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "one", "two")
				answer := remove(t, r, "one")
				return fmt.Sprintf("%s; manifest and tags %s", answer, standing(t, r, image.Digest.String(), "one", "two"))
			},
			on2: `400 DIGEST_INVALID "provided digest did not match uploaded content"; manifest and tags there, there, there`,
			on3: "202; manifest and tags there, gone, there",
		},
		{
			name: "DELETE of an unknown tag",
			ask: func(t *testing.T, r site) string {
				r.Push(t, wire.OCIImage(t, "hello"), "latest")
				return remove(t, r, "nope").String()
			},
			on2: `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
			on3: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "DELETE of an unknown digest",
			ask: func(t *testing.T, r site) string {
				r.Push(t, wire.OCIImage(t, "hello"), "latest")
				return remove(t, r, digest.FromString("nobody's").String()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "DELETE in an unknown repository",
			ask: func(t *testing.T, r site) string {
				return remove(t, r, digest.FromString("nobody's").String()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "DELETE of a layer's digest as a manifest",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				answer := remove(t, r, image.Layer().String())
				return fmt.Sprintf("%s; layer there: %t", answer, r.HasBlob(t, image.Layer()))
			},
			on2: "202; layer there: false",
			on3: `404 MANIFEST_UNKNOWN "manifest unknown"; layer there: true`,
		},
		{
			name: "DELETE of a config's digest as a manifest",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				answer := remove(t, r, image.Config().String())
				return fmt.Sprintf("%s; config there: %t", answer, r.HasBlob(t, image.Config()))
			},
			on2: "202; config there: false",
			on3: `404 MANIFEST_UNKNOWN "manifest unknown"; config there: true`,
		},
		{
			name: "DELETE of sha256 with too few digits",
			ask:  removeOnly("sha256:abc"),
			on2:  `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
		},
		{
			name: "DELETE of md5:d41d8cd98f00b204e9800998ecf8427e",
			ask:  removeOnly("md5:d41d8cd98f00b204e9800998ecf8427e"),
			on2:  `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
		},
		{
			name: "DELETE of an unknown sha512 digest",
			ask:  removeOnly(digest.SHA512.FromString("nobody's").String()),
			on2:  `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "DELETE of an index",
			ask: func(t *testing.T, r site) string {
				index := wire.OCIIndex(t, wire.OCIImage(t, "hello"), wire.OCIImage(t, "other"))
				r.Push(t, index, "latest")
				answer := remove(t, r, index.Digest.String())
				return fmt.Sprintf("%s; children %s", answer, standing(t, r, digests(index.Children)...))
			},
			on2: "202; children there, there",
		},
		{
			name: "DELETE of an index's child",
			ask: func(t *testing.T, r site) string {
				index := wire.OCIIndex(t, wire.OCIImage(t, "hello"), wire.OCIImage(t, "other"))
				r.Push(t, index, "latest")
				answer := remove(t, r, index.Children[0].Digest.String())
				return fmt.Sprintf("%s; index and children %s", answer,
					standing(t, r, append([]string{"latest"}, digests(index.Children)...)...))
			},
			on2: "202; index and children there, gone, there",
		},
		{
			name: "DELETE of an image that has a referrer",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				about := wire.Referrer(t, image, "application/vnd.example.note", "about it")
				r.Push(t, image, "latest")
				r.Push(t, about)
				answer := remove(t, r, image.Digest.String())
				return fmt.Sprintf("%s; referrer %s", answer, standing(t, r, about.Digest.String()))
			},
			on2: "202; referrer there",
		},
		{
			name: "DELETE of a digest which another repository has too",
			ask: func(t *testing.T, r site) string {
				image, other := wire.OCIImage(t, "hello"), r
				other.Name = "derek/other"
				r.Push(t, image, "latest")
				other.Push(t, image, "latest")
				answer := remove(t, r, image.Digest.String())
				return fmt.Sprintf("%s; in the other %s", answer, standing(t, other, "latest"))
			},
			on2: "202; in the other there",
		},
		{
			name: "the blobs of a deleted image",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				remove(t, r, image.Digest.String())
				return fmt.Sprintf("config there: %t, layer there: %t", r.HasBlob(t, image.Config()), r.HasBlob(t, image.Layer()))
			},
			on2: "config there: true, layer there: true",
		},
		{
			name: "a tag whose manifest is gone: HEAD",
			ask: dangling(func(t *testing.T, r site, _ digest.Digest) wire.Answer {
				return r.Do(t, http.MethodHead, "manifests/latest", wire.AcceptAll())
			}),
			on2: "404",
		},
		{
			name: "a tag whose manifest is gone: the tag list",
			ask: dangling(func(t *testing.T, r site, _ digest.Digest) wire.Answer {
				return r.Do(t, http.MethodGet, "tags/list")
			}),
			on2: `200 application/json {"name":"derek/busybox","tags":["latest"]}`,
		},
		{
			name: "a tag whose manifest is gone: DELETE of the digest",
			ask: dangling(func(t *testing.T, r site, dgst digest.Digest) wire.Answer {
				return remove(t, r, dgst.String())
			}),
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "a tag whose manifest is gone: DELETE of the tag",
			ask:  dangling(func(t *testing.T, r site, _ digest.Digest) wire.Answer { return remove(t, r, "latest") }),
			on2:  `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
			on3:  "202",
		},
		{
			name: "DELETE of a blob",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				answer := r.Do(t, http.MethodDelete, "blobs/"+image.Layer().String())
				return fmt.Sprintf("%s; layer there: %t", answer, r.HasBlob(t, image.Layer()))
			},
			on2: "202; layer there: false",
		},
		{
			name: "the headers of an accepted DELETE",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				header := remove(t, r, image.Digest.String()).Header
				return fmt.Sprintf("Content-Length: %s, Content-Type: %s, Docker-Distribution-Api-Version: %s",
					header.Get("Content-Length"), header.Get("Content-Type"), header.Get("Docker-Distribution-Api-Version"))
			},
			on2: "Content-Length: 0, Content-Type: , Docker-Distribution-Api-Version: registry/2.0",
		},
	}}
}

func remove(t *testing.T, r site, reference string) wire.Answer {
	t.Helper()
	return r.Do(t, http.MethodDelete, "manifests/"+reference)
}

// removeOnly deletes a reference in a repository that has something else.
func removeOnly(reference string) func(*testing.T, site) string {
	return func(t *testing.T, r site) string {
		r.Push(t, wire.OCIImage(t, "hello"), "latest")
		return remove(t, r, reference).String()
	}
}

// dangling asks about a tag that a deletion cut short has left behind.
func dangling(ask func(*testing.T, site, digest.Digest) wire.Answer) func(*testing.T, site) string {
	return func(t *testing.T, r site) string {
		image := wire.OCIImage(t, "hello")
		r.Push(t, image, "latest")
		r.server.ForgetManifest(t, r.Name, image.Digest)
		return ask(t, r, image.Digest).String()
	}
}

// standing says of each reference whether it is still there.
func standing(t *testing.T, r site, references ...string) string {
	t.Helper()
	var text string
	for i, reference := range references {
		if i > 0 {
			text += ", "
		}
		if r.HasManifest(t, reference) {
			text += "there"
		} else {
			text += "gone"
		}
	}
	return text
}

func digests(artifacts []wire.Artifact) []string {
	var all []string
	for _, artifact := range artifacts {
		all = append(all, artifact.Digest.String())
	}
	return all
}
