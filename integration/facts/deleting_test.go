package facts_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func deleting() section {
	return section{"deleting", []fact{
		{
			name: "DELETE of a digest with two tags",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "one", "two")
				answer := remove(t, r, image.Digest.String())
				return fmt.Sprintf("%s; tags: %s", answer, presence(t, r, "one", "two"))
			},
			on2: "202; tags: gone, gone",
		},
		{
			name: "second DELETE of that digest",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				remove(t, r, image.Digest.String())
				return remove(t, r, image.Digest.String()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name:  "second DELETE of that digest, with an in-memory blob cache",
			setup: registry.Setup{Cache: true},
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				r.HasManifest(t, image.Digest.String())
				remove(t, r, image.Digest.String())
				return remove(t, r, image.Digest.String()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "DELETE of a tag while another tag points to the same digest",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "one", "two")
				answer := remove(t, r, "one")
				return fmt.Sprintf("%s; manifest and tags: %s", answer, presence(t, r, image.Digest.String(), "one", "two"))
			},
			on2: `400 DIGEST_INVALID "provided digest did not match uploaded content"; manifest and tags: present, present, present`,
			on3: "202; manifest and tags: present, gone, present",
		},
		{
			name: "DELETE of an unknown tag",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, wire.OCIImage(t, "hello"), "latest")
				return remove(t, r, "nope").String()
			},
			on2: `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
			on3: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "DELETE of an unknown digest",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, wire.OCIImage(t, "hello"), "latest")
				return remove(t, r, digest.FromString("never pushed").String()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "DELETE in an unknown repository",
			observe: func(t *testing.T, r repo) string {
				return remove(t, r, digest.FromString("never pushed").String()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "DELETE of a layer's digest as a manifest",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				answer := remove(t, r, image.Layer().String())
				return fmt.Sprintf("%s; layer present: %t", answer, r.HasBlob(t, image.Layer()))
			},
			on2: "202; layer present: false",
			on3: `404 MANIFEST_UNKNOWN "manifest unknown"; layer present: true`,
		},
		{
			name: "DELETE of a config's digest as a manifest",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				answer := remove(t, r, image.Config().String())
				return fmt.Sprintf("%s; config present: %t", answer, r.HasBlob(t, image.Config()))
			},
			on2: "202; config present: false",
			on3: `404 MANIFEST_UNKNOWN "manifest unknown"; config present: true`,
		},
		{
			name:    "DELETE of sha256 with too few digits",
			observe: removeFrom("sha256:abc"),
			on2:     `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
		},
		{
			name:    "DELETE of md5:d41d8cd98f00b204e9800998ecf8427e",
			observe: removeFrom("md5:d41d8cd98f00b204e9800998ecf8427e"),
			on2:     `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
		},
		{
			name:    "DELETE of an unknown sha512 digest",
			observe: removeFrom(digest.SHA512.FromString("never pushed").String()),
			on2:     `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "DELETE of an index",
			observe: func(t *testing.T, r repo) string {
				index := wire.OCIIndex(t, wire.OCIImage(t, "hello"), wire.OCIImage(t, "other"))
				r.Push(t, index, "latest")
				answer := remove(t, r, index.Digest.String())
				return fmt.Sprintf("%s; children: %s", answer, presence(t, r, digests(index.Children)...))
			},
			on2: "202; children: present, present",
		},
		{
			name: "DELETE of an index's child",
			observe: func(t *testing.T, r repo) string {
				index := wire.OCIIndex(t, wire.OCIImage(t, "hello"), wire.OCIImage(t, "other"))
				r.Push(t, index, "latest")
				answer := remove(t, r, index.Children[0].Digest.String())
				return fmt.Sprintf("%s; index and children: %s", answer,
					presence(t, r, append([]string{"latest"}, digests(index.Children)...)...))
			},
			on2: "202; index and children: present, gone, present",
		},
		{
			name: "DELETE of an image that has a referrer",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				about := wire.Referrer(t, image, "application/vnd.example.note", "about it")
				r.Push(t, image, "latest")
				r.Push(t, about)
				answer := remove(t, r, image.Digest.String())
				return fmt.Sprintf("%s; referrer: %s", answer, presence(t, r, about.Digest.String()))
			},
			on2: "202; referrer: present",
		},
		{
			name: "DELETE of a digest that another repository also has",
			observe: func(t *testing.T, r repo) string {
				image, other := wire.OCIImage(t, "hello"), r
				other.Name = "derek/other"
				r.Push(t, image, "latest")
				other.Push(t, image, "latest")
				answer := remove(t, r, image.Digest.String())
				return fmt.Sprintf("%s; in the other repository: %s", answer, presence(t, other, "latest"))
			},
			on2: "202; in the other repository: present",
		},
		{
			name: "blobs of a deleted image",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				remove(t, r, image.Digest.String())
				return fmt.Sprintf("config present: %t, layer present: %t", r.HasBlob(t, image.Config()), r.HasBlob(t, image.Layer()))
			},
			on2: "config present: true, layer present: true",
		},
		{
			name: "tag without a manifest: HEAD",
			observe: dangling(func(t *testing.T, r repo, _ digest.Digest) wire.Answer {
				return r.Do(t, http.MethodHead, "manifests/latest", wire.AcceptAll())
			}),
			on2: "404",
		},
		{
			name: "tag without a manifest: GET of the tag list",
			observe: dangling(func(t *testing.T, r repo, _ digest.Digest) wire.Answer {
				return r.Do(t, http.MethodGet, "tags/list")
			}),
			on2: `200 application/json {"name":"derek/busybox","tags":["latest"]}`,
		},
		{
			name: "tag without a manifest: DELETE of the digest",
			observe: dangling(func(t *testing.T, r repo, dgst digest.Digest) wire.Answer {
				return remove(t, r, dgst.String())
			}),
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name:    "tag without a manifest: DELETE of the tag",
			observe: dangling(func(t *testing.T, r repo, _ digest.Digest) wire.Answer { return remove(t, r, "latest") }),
			on2:     `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
			on3:     "202",
		},
		{
			name: "DELETE of a blob",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				answer := r.Do(t, http.MethodDelete, "blobs/"+image.Layer().String())
				return fmt.Sprintf("%s; layer present: %t", answer, r.HasBlob(t, image.Layer()))
			},
			on2: "202; layer present: false",
		},
		{
			name: "header fields of the response to an accepted DELETE",
			observe: func(t *testing.T, r repo) string {
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

func remove(t *testing.T, r repo, reference string) wire.Answer {
	t.Helper()
	return r.Do(t, http.MethodDelete, "manifests/"+reference)
}

// removeFrom pushes an image as latest and deletes a reference.
func removeFrom(reference string) func(*testing.T, repo) string {
	return func(t *testing.T, r repo) string {
		r.Push(t, wire.OCIImage(t, "hello"), "latest")
		return remove(t, r, reference).String()
	}
}

// dangling sends a request about a tag that an interrupted deletion has left behind.
func dangling(send func(*testing.T, repo, digest.Digest) wire.Answer) func(*testing.T, repo) string {
	return func(t *testing.T, r repo) string {
		image := wire.OCIImage(t, "hello")
		r.Push(t, image, "latest")
		r.server.ForgetManifest(t, r.Name, image.Digest)
		return send(t, r, image.Digest).String()
	}
}

// presence describes which of the references exist.
func presence(t *testing.T, r repo, references ...string) string {
	t.Helper()
	var text string
	for i, reference := range references {
		if i > 0 {
			text += ", "
		}
		if r.HasManifest(t, reference) {
			text += "present"
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
