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

// artifacts holds what the registry contains when a script starts, by tag.
type artifacts map[string]wire.Artifact

func newArtifacts(t *testing.T, schema1 bool) artifacts {
	t.Helper()
	image := wire.OCIImage(t, "oci")
	a := artifacts{
		"oci":      image,
		"docker":   wire.DockerImage(t, "docker"),
		"list":     wire.DockerManifestList(t, wire.DockerImage(t, "amd64"), wire.DockerImage(t, "arm64")),
		"index":    wire.OCIIndex(t, wire.OCIImage(t, "amd64"), wire.OCIImage(t, "arm64")),
		"referrer": wire.Referrer(t, image, "application/vnd.example.note", "about it"),
	}
	if schema1 {
		a["schema1"] = wire.Schema1(t, repository, "schema1", "old")
	}
	return a
}

func (a artifacts) digests() []digest.Digest {
	var all []digest.Digest
	for _, artifact := range a {
		all = append(all, artifact.Digest)
		for _, child := range artifact.Children {
			all = append(all, child.Digest)
		}
	}
	return all
}

// script is a list of requests to a registry with a certain setup.
type script struct {
	name             string
	distributionOnly bool // do not run it against olareg
	setup            registry.Setup
	fakeOptions      []fakeregistry.Option // what setup does, for the fake registry
	requests         func(artifacts) []request
}

func scripts() []script {
	accounts := map[string]registry.Account{
		"derek":  {Password: "secret", Actions: []string{"pull", "push", "delete"}},
		"reader": {Password: "secret", Actions: []string{"pull"}},
	}
	return []script{
		{"reads", false, registry.Setup{}, nil, reads},
		{"deletes", false, registry.Setup{}, nil, deletes},
		{"lists", true, registry.Setup{}, nil, lists},
		{"pushes", true, registry.Setup{}, nil, pushes},
		{"referrers", false, registry.Setup{}, nil, referrers},
		{"deletion disabled", false, registry.Setup{DeleteDisabled: true}, []fakeregistry.Option{fakeregistry.WithDeleteDisabled()}, deletes},
		{"read-only", false, registry.Setup{ReadOnly: true}, []fakeregistry.Option{fakeregistry.WithReadOnly()}, writesAndRead},
		{"pull-through cache", true, registry.Setup{Mirror: true}, []fakeregistry.Option{fakeregistry.WithPullThrough()}, writes},
		{"htpasswd", true, registry.Setup{Users: map[string]string{"derek": "secret"}}, nil, requestsAs("derek", "wrong", "nonsense", "")},
		{"tokens", true, registry.Setup{Accounts: accounts}, nil, requestsAs("reader", "nonsense", "", "derek")},
	}
}

// unknownDigest is a digest that is never pushed.
const unknownDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// reads requests every manifest by tag and by digest with various Accept header fields, and some things
// that do not exist.
func reads(a artifacts) []request {
	var all []request
	add := func(path string, accepts ...[]string) {
		for _, accept := range accepts {
			all = append(all, request{method: http.MethodHead, path: path, accept: accept}, request{method: http.MethodGet, path: path, accept: accept})
		}
	}
	everything := strings.Split(wire.AcceptAll().Value, ", ")
	accepts := [][]string{nil, {"*/*"}, everything, {wire.DockerManifest}, {wire.DockerList}, {ocispec.MediaTypeImageManifest}, {ocispec.MediaTypeImageIndex}}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		add("manifests/"+name, accepts...)
		add("manifests/"+a[name].Digest.String(), accepts...)
	}
	for _, child := range a["list"].Children {
		add("manifests/"+child.Digest.String(), accepts...)
	}
	for _, missing := range []string{"nope", unknownDigest, "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "-odd", strings.Repeat("x", 129)} {
		add("manifests/"+missing, nil, everything)
	}
	add("manifests/"+a["oci"].Layer().String(), everything)
	add("manifests/"+a["oci"].Config().String(), everything)
	add("blobs/"+a["oci"].Layer().String(), nil)
	add("blobs/"+unknownDigest, nil)
	add("/v2/", nil)
	add("/v2/derek/nope/manifests/latest", everything)
	add("/v2/derek/nope/manifests/"+unknownDigest, everything)
	add("/v2/Derek/nope/manifests/latest", nil)
	return all
}

// deletes sends deletions that fail, then deletions that succeed.
func deletes(a artifacts) []request {
	var all []request
	remove := func(references ...string) {
		for _, reference := range references {
			all = append(all, request{method: http.MethodDelete, path: reference})
		}
	}
	get := func(references ...string) {
		for _, reference := range references {
			all = append(all, request{method: http.MethodGet, path: "manifests/" + reference, accept: strings.Split(wire.AcceptAll().Value, ", ")})
		}
	}
	remove("manifests/nope", "manifests/"+unknownDigest, "manifests/sha256:abc", "manifests/md5:d41d8cd98f00b204e9800998ecf8427e",
		"manifests/"+digest.SHA512.FromString("never pushed").String(), "manifests/-odd", "/v2/derek/nope/manifests/"+unknownDigest, "/v2/derek/nope/manifests/latest", "blobs/"+unknownDigest)
	remove("manifests/docker")
	get("docker", a["docker"].Digest.String())
	remove("manifests/"+a["docker"].Digest.String(), "manifests/"+a["docker"].Digest.String())
	get("docker", a["docker"].Digest.String())
	remove("manifests/" + a["list"].Children[0].Digest.String())
	get("list", a["list"].Children[0].Digest.String())
	remove("manifests/" + a["index"].Digest.String())
	get("index", a["index"].Children[0].Digest.String())
	remove("manifests/" + a["referrer"].Layer().String())
	get("referrer")
	remove("blobs/"+a["oci"].Layer().String(), "blobs/"+a["oci"].Layer().String())
	remove("manifests/" + a["oci"].Digest.String())
	if old, ok := a["schema1"]; ok {
		remove("manifests/schema1", "manifests/"+digest.FromBytes(old.Raw).String(), "manifests/"+old.Digest.String())
		get("schema1")
	}
	return append(all, request{method: http.MethodGet, path: "tags/list"})
}

func lists(artifacts) []request {
	var all []request
	for _, path := range []string{
		"tags/list", "tags/list?n=2", "tags/list?n=2&last=index", "tags/list?n=2&last=iz", "tags/list?last=zz", "tags/list?n=0", "tags/list?n=-1", "tags/list?n=x",
		"tags/list?n=5000", "/v2/derek/nope/tags/list", "/v2/_catalog", "/v2/_catalog?n=1", "/v2/_catalog?n=1001", "/v2/nope",
	} {
		all = append(all, request{method: http.MethodGet, path: path}, request{method: http.MethodHead, path: path})
	}
	return append(all, request{method: http.MethodPost, path: "tags/list"}, request{method: http.MethodDelete, path: "tags/list"})
}

// pushes puts manifests whose blobs exist, and some whose blobs do not.
func pushes(a artifacts) []request {
	oci, index, docker := a["oci"], a["index"], a["docker"]
	broken := wire.Artifact{MediaType: ocispec.MediaTypeImageManifest, Raw: []byte(`{"schemaVersion":2}`)}
	empty := wire.Artifact{MediaType: ocispec.MediaTypeImageIndex,
		Raw: []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"a":"b"}}`)}
	return []request{
		{method: http.MethodPut, path: "manifests/again", put: &oci},
		{method: http.MethodPut, path: "manifests/" + oci.Digest.String(), put: &oci},
		{method: http.MethodPut, path: "manifests/" + unknownDigest, put: &oci},
		{method: http.MethodPut, path: "manifests/index2", put: &index},
		{method: http.MethodPut, path: "manifests/docker2", put: &docker},
		{method: http.MethodPut, path: "manifests/empty", put: &empty},
		{method: http.MethodPut, path: "/v2/derek/other/manifests/latest", put: &oci},
		{method: http.MethodPut, path: "manifests/broken", put: &broken},
		{method: http.MethodGet, path: "tags/list"},
	}
}

func referrers(a artifacts) []request {
	referrer := a["referrer"]
	return []request{
		{method: http.MethodGet, path: "referrers/" + a["oci"].Digest.String()},
		{method: http.MethodGet, path: "referrers/" + unknownDigest},
		{method: http.MethodPut, path: "manifests/" + referrer.Digest.String(), put: &referrer},
		{method: http.MethodGet, path: "manifests/" + wire.FallbackTag(a["oci"].Digest), accept: []string{ocispec.MediaTypeImageIndex}},
	}
}

// writesAndRead sends writes, which a read-only registry refuses, and one read.
func writesAndRead(a artifacts) []request {
	oci := a["oci"]
	return []request{
		{method: http.MethodDelete, path: "manifests/oci"},
		{method: http.MethodDelete, path: "manifests/" + oci.Digest.String()},
		{method: http.MethodDelete, path: "manifests/" + unknownDigest},
		{method: http.MethodDelete, path: "blobs/" + oci.Layer().String()},
		{method: http.MethodPut, path: "manifests/again", put: &oci},
		{method: http.MethodPost, path: "blobs/uploads/"},
		{method: http.MethodGet, path: "manifests/oci", accept: []string{ocispec.MediaTypeImageManifest}},
	}
}

// writes sends writes only, which a pull-through cache refuses.
func writes(a artifacts) []request {
	oci := a["oci"]
	return []request{
		{method: http.MethodDelete, path: "manifests/oci"},
		{method: http.MethodDelete, path: "manifests/" + oci.Digest.String()},
		{method: http.MethodDelete, path: "manifests/" + unknownDigest},
		{method: http.MethodPut, path: "manifests/again", put: &oci},
	}
}

// requestsAs sends the same requests as each of the users.
func requestsAs(users ...string) func(artifacts) []request {
	return func(a artifacts) []request {
		oci := a["oci"]
		var all []request
		for _, user := range users {
			all = append(all,
				request{method: http.MethodGet, path: "/v2/", as: user},
				request{method: http.MethodHead, path: "manifests/oci", accept: []string{ocispec.MediaTypeImageManifest}, as: user},
				request{method: http.MethodGet, path: "manifests/oci", accept: []string{ocispec.MediaTypeImageManifest}, as: user},
				request{method: http.MethodGet, path: "tags/list", as: user},
				request{method: http.MethodGet, path: "/v2/_catalog", as: user},
				request{method: http.MethodPut, path: "manifests/again", put: &oci, as: user},
				request{method: http.MethodDelete, path: "manifests/" + unknownDigest, as: user},
				request{method: http.MethodDelete, path: "/v2/derek/other/manifests/" + unknownDigest, as: user},
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
