package cases

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Registry is the name of the registry in the in-use lists of all cases. The client under test must
// use it for [Case.Serve].
const Registry = "registry.example"

// unparsable is the body of a manifest that is no JSON.
const unparsable = `{"schemaVersion":2,`

// Serve returns a registry with the content and the faults of the case. It serves under any host
// name: pass it to regret.WithTransport. A case with [ListingLister] also needs [Case.Lister].
//
// Further options make the registry deviate as they do elsewhere, but those for the list of tags
// have no effect.
func (c *Case) Serve(opts ...fakeregistry.Option) *fakeregistry.Registry {
	if c.Referrers != ReferrersAPI {
		opts = append(opts, fakeregistry.WithoutReferrersAPI())
	}
	if c.Listing == ListingGoogle {
		opts = append(opts, fakeregistry.WithGoogleTags())
	}
	reg := fakeregistry.New(opts...)
	for i := range c.Manifests {
		if m := &c.Manifests[i]; !m.Missing {
			c.store(reg, m)
		}
	}
	lists := &tagLists{c: c, registry: reg}
	reg.Intercept(0, c.on("/tags/list"), lists.serve)
	c.serveFaults(reg)
	return reg
}

// store puts a manifest, its blobs and its tags into a registry.
func (c *Case) store(reg *fakeregistry.Registry, m *Manifest) {
	content := c.content[m.ID]
	for _, blob := range content.blobs() {
		reg.PutBlob(c.Repository, blob.Data)
	}
	desc := reg.PutManifest(c.Repository, "", content.Manifest.Descriptor.MediaType, content.Manifest.Raw)
	for _, tag := range m.Tags {
		reg.SetTag(c.Repository, tag, desc.Digest)
	}
	reg.SetTimes(c.Repository, desc.Digest, time.Time{}, m.Uploaded)
}

// serveFaults makes a registry respond to reads of manifests and referrers as the faults say.
func (c *Case) serveFaults(reg *fakeregistry.Registry) {
	unknown := fakeregistry.Errors(http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
	for _, id := range slices.Concat(c.Faults.Gone, c.Faults.Vanished) {
		reg.Intercept(0, c.readsOf(id), unknown)
	}
	for _, id := range c.Faults.Unparsable {
		reg.Intercept(0, c.readsOf(id), fakeregistry.Answer(http.StatusOK, map[string]string{
			"Content-Type":          c.content[id].Manifest.Descriptor.MediaType,
			"Content-Length":        strconv.Itoa(len(unparsable)),
			"Docker-Content-Digest": digest.FromString(unparsable).String(),
		}, unparsable))
	}
	if status := c.Faults.Referrers; status != 0 {
		reg.Intercept(0, c.on("/referrers/*"), fakeregistry.Errors(status, "UNKNOWN", "unknown error"))
	}
}

// on matches GET requests for a path below the repository, which may end with "*".
func (c *Case) on(path string) fakeregistry.Matcher {
	return fakeregistry.On(http.MethodGet, "/v2/"+c.Repository+path)
}

// readsOf matches requests that read a manifest, by its digest or by one of its tags.
func (c *Case) readsOf(id string) fakeregistry.Matcher {
	references := append([]string{c.Digest(id).String()}, c.Manifest(id).Tags...)
	if slices.Contains(c.Faults.Unparsable, id) {
		references = append(references, digest.FromString(unparsable).String())
	}
	return func(req *http.Request) bool {
		reference, ok := strings.CutPrefix(req.URL.Path, "/v2/"+c.Repository+"/manifests/")
		return ok && (req.Method == http.MethodGet || req.Method == http.MethodHead) && slices.Contains(references, reference)
	}
}
