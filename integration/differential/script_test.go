package differential_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// cast is what the registry holds when a script begins, by tag.
type cast map[string]wire.Artifact

func artifacts(t *testing.T, schema1 bool) cast {
	t.Helper()
	image := wire.OCIImage(t, "oci")
	c := cast{
		"oci":      image,
		"docker":   wire.DockerImage(t, "docker"),
		"list":     wire.DockerManifestList(t, wire.DockerImage(t, "amd64"), wire.DockerImage(t, "arm64")),
		"index":    wire.OCIIndex(t, wire.OCIImage(t, "amd64"), wire.OCIImage(t, "arm64")),
		"referrer": wire.Referrer(t, image, "application/vnd.example.note", "about it"),
	}
	if schema1 {
		c["schema1"] = wire.Schema1(t, repository, "schema1", "old")
	}
	return c
}

func (c cast) digests() []digest.Digest {
	var all []digest.Digest
	for _, a := range c {
		all = append(all, a.Digest)
		for _, child := range a.Children {
			all = append(all, child.Digest)
		}
	}
	return all
}

// script is a list of requests to a registry that is set up in some way.
type script struct {
	name         string
	distribution bool // it is about what only distribution has
	setup        registry.Setup
	overlays     []fakeregistry.Option
	requests     func(cast) []request
}

func scripts() []script {
	accounts := map[string]registry.Account{
		"derek":  {Password: "secret", Actions: []string{"pull", "push", "delete"}},
		"reader": {Password: "secret", Actions: []string{"pull"}},
	}
	return []script{
		{"reading", false, registry.Setup{}, nil, reading},
		{"deleting", false, registry.Setup{}, nil, deleting},
		{"listing", true, registry.Setup{}, nil, listing},
		{"pushing", true, registry.Setup{}, nil, pushing},
		{"referrers", false, registry.Setup{}, nil, referrers},
		{"deletion disabled", false, registry.Setup{DeleteDisabled: true}, []fakeregistry.Option{fakeregistry.WithDeleteDisabled()}, deleting},
		{"read-only", false, registry.Setup{ReadOnly: true}, []fakeregistry.Option{fakeregistry.WithReadOnly()}, refused},
		{"pull-through cache", true, registry.Setup{Mirror: true}, []fakeregistry.Option{fakeregistry.WithPullThrough()}, written},
		{"htpasswd", true, registry.Setup{Users: map[string]string{"derek": "secret"}}, nil, authenticating("derek", "wrong", "nonsense", "")},
		{"tokens", true, registry.Setup{Accounts: accounts}, nil, authenticating("reader", "nonsense", "", "derek")},
	}
}

const nobodys = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// reading asks for everything in every way.
func reading(c cast) []request {
	var all []request
	add := func(path string, accepts ...[]string) {
		for _, accept := range accepts {
			all = append(all, request{method: http.MethodHead, path: path, accept: accept}, request{method: http.MethodGet, path: path, accept: accept})
		}
	}
	everything := strings.Split(wire.AcceptAll().Value, ", ")
	ways := [][]string{nil, {"*/*"}, everything, {wire.DockerManifest}, {wire.DockerList}, {ocispec.MediaTypeImageManifest}, {ocispec.MediaTypeImageIndex}}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		add("manifests/"+name, ways...)
		add("manifests/"+c[name].Digest.String(), ways...)
	}
	for _, child := range c["list"].Children {
		add("manifests/"+child.Digest.String(), ways...)
	}
	for _, missing := range []string{"nope", nobodys, "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "-odd", strings.Repeat("x", 129)} {
		add("manifests/"+missing, nil, everything)
	}
	add("manifests/"+c["oci"].Layer().String(), everything)
	add("manifests/"+c["oci"].Config().String(), everything)
	add("blobs/"+c["oci"].Layer().String(), nil)
	add("blobs/"+nobodys, nil)
	add("/v2/", nil)
	add("/v2/derek/nope/manifests/latest", everything)
	add("/v2/derek/nope/manifests/"+nobodys, everything)
	add("/v2/Derek/nope/manifests/latest", nil)
	return all
}

// deleting goes from what is refused to what is gone.
func deleting(c cast) []request {
	var all []request
	remove := func(references ...string) {
		for _, reference := range references {
			all = append(all, request{method: http.MethodDelete, path: reference})
		}
	}
	look := func(references ...string) {
		for _, reference := range references {
			all = append(all, request{method: http.MethodGet, path: "manifests/" + reference, accept: strings.Split(wire.AcceptAll().Value, ", ")})
		}
	}
	remove("manifests/nope", "manifests/"+nobodys, "manifests/sha256:abc", "manifests/md5:d41d8cd98f00b204e9800998ecf8427e",
		"manifests/"+digest.SHA512.FromString("nobody's").String(), "manifests/-odd", "/v2/derek/nope/manifests/"+nobodys, "/v2/derek/nope/manifests/latest", "blobs/"+nobodys)
	remove("manifests/docker")
	look("docker", c["docker"].Digest.String())
	remove("manifests/"+c["docker"].Digest.String(), "manifests/"+c["docker"].Digest.String())
	look("docker", c["docker"].Digest.String())
	remove("manifests/" + c["list"].Children[0].Digest.String())
	look("list", c["list"].Children[0].Digest.String())
	remove("manifests/" + c["index"].Digest.String())
	look("index", c["index"].Children[0].Digest.String())
	remove("manifests/" + c["referrer"].Layer().String())
	look("referrer")
	remove("blobs/"+c["oci"].Layer().String(), "blobs/"+c["oci"].Layer().String())
	remove("manifests/" + c["oci"].Digest.String())
	if old, ok := c["schema1"]; ok {
		remove("manifests/schema1", "manifests/"+digest.FromBytes(old.Raw).String(), "manifests/"+old.Digest.String())
		look("schema1")
	}
	return append(all, request{method: http.MethodGet, path: "tags/list"})
}

func listing(cast) []request {
	var all []request
	for _, path := range []string{
		"tags/list", "tags/list?n=2", "tags/list?n=2&last=index", "tags/list?n=2&last=iz", "tags/list?last=zz", "tags/list?n=0", "tags/list?n=-1", "tags/list?n=x",
		"tags/list?n=5000", "/v2/derek/nope/tags/list", "/v2/_catalog", "/v2/_catalog?n=1", "/v2/_catalog?n=1001", "/v2/nope",
	} {
		all = append(all, request{method: http.MethodGet, path: path}, request{method: http.MethodHead, path: path})
	}
	return append(all, request{method: http.MethodPost, path: "tags/list"}, request{method: http.MethodDelete, path: "tags/list"})
}

// pushing puts manifests whose blobs are there, or are not.
func pushing(c cast) []request {
	oci, index, docker := c["oci"], c["index"], c["docker"]
	broken := wire.Artifact{MediaType: ocispec.MediaTypeImageManifest, Raw: []byte(`{"schemaVersion":2}`)}
	empty := wire.Artifact{MediaType: ocispec.MediaTypeImageIndex,
		Raw: []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"a":"b"}}`)}
	return []request{
		{method: http.MethodPut, path: "manifests/again", put: &oci},
		{method: http.MethodPut, path: "manifests/" + oci.Digest.String(), put: &oci},
		{method: http.MethodPut, path: "manifests/" + nobodys, put: &oci},
		{method: http.MethodPut, path: "manifests/index2", put: &index},
		{method: http.MethodPut, path: "manifests/docker2", put: &docker},
		{method: http.MethodPut, path: "manifests/empty", put: &empty},
		{method: http.MethodPut, path: "/v2/derek/other/manifests/latest", put: &oci},
		{method: http.MethodPut, path: "manifests/broken", put: &broken},
		{method: http.MethodGet, path: "tags/list"},
	}
}

func referrers(c cast) []request {
	referrer := c["referrer"]
	return []request{
		{method: http.MethodGet, path: "referrers/" + c["oci"].Digest.String()},
		{method: http.MethodGet, path: "referrers/" + nobodys},
		{method: http.MethodPut, path: "manifests/" + referrer.Digest.String(), put: &referrer},
		{method: http.MethodGet, path: "manifests/" + wire.FallbackTag(c["oci"].Digest), accept: []string{ocispec.MediaTypeImageIndex}},
	}
}

func refused(c cast) []request {
	oci := c["oci"]
	return []request{
		{method: http.MethodDelete, path: "manifests/oci"},
		{method: http.MethodDelete, path: "manifests/" + oci.Digest.String()},
		{method: http.MethodDelete, path: "manifests/" + nobodys},
		{method: http.MethodDelete, path: "blobs/" + oci.Layer().String()},
		{method: http.MethodPut, path: "manifests/again", put: &oci},
		{method: http.MethodPost, path: "blobs/uploads/"},
		{method: http.MethodGet, path: "manifests/oci", accept: []string{ocispec.MediaTypeImageManifest}},
	}
}

// written is refused without reading.
func written(c cast) []request {
	oci := c["oci"]
	return []request{
		{method: http.MethodDelete, path: "manifests/oci"},
		{method: http.MethodDelete, path: "manifests/" + oci.Digest.String()},
		{method: http.MethodDelete, path: "manifests/" + nobodys},
		{method: http.MethodPut, path: "manifests/again", put: &oci},
	}
}

// authenticating asks as one user after another.
func authenticating(users ...string) func(cast) []request {
	return func(c cast) []request {
		oci := c["oci"]
		var all []request
		for _, user := range users {
			all = append(all,
				request{method: http.MethodGet, path: "/v2/", as: user},
				request{method: http.MethodHead, path: "manifests/oci", accept: []string{ocispec.MediaTypeImageManifest}, as: user},
				request{method: http.MethodGet, path: "manifests/oci", accept: []string{ocispec.MediaTypeImageManifest}, as: user},
				request{method: http.MethodGet, path: "tags/list", as: user},
				request{method: http.MethodGet, path: "/v2/_catalog", as: user},
				request{method: http.MethodPut, path: "manifests/again", put: &oci, as: user},
				request{method: http.MethodDelete, path: "manifests/" + nobodys, as: user},
				request{method: http.MethodDelete, path: "/v2/derek/other/manifests/" + nobodys, as: user},
			)
		}
		return all
	}
}

func scope(actions []string) string {
	return "repository:" + repository + ":" + strings.Join(actions, ",")
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
