package command_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
	"github.com/seed-8cb7cc86/regret/regrettest"
)

// kinds returns the real registries.
func kinds() []registry.Kind { return append(registry.Kinds(), registry.Olareg()) }

// onFake starts an imitated registry and returns it with its address.
func onFake(t *testing.T, profile string, options ...regrettest.Option) (*regrettest.Registry, *site) {
	t.Helper()
	p, err := regrettest.LookupProfile(profile)
	if err != nil {
		t.Fatal(err)
	}
	fake := regrettest.New(append(options, regrettest.WithProfile(p))...)
	server, err := fake.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return fake, newSite(server.URL)
}

// A site is a repository of a registry, and what was pushed to it.
type site struct {
	wire.Repository
	host string
	tags map[string]wire.Artifact
	more []wire.Artifact // without a tag
}

// app is the repository of most tests.
const app = "team/app"

func newSite(url string) *site {
	return &site{wire.Repository{URL: url, Name: app}, strings.TrimPrefix(url, "http://"), make(map[string]wire.Artifact), nil}
}

// name returns what the command line calls the repository.
func (s *site) name() string { return s.host + "/" + s.Name }

// push pushes an artifact with tags.
func (s *site) push(t *testing.T, a wire.Artifact, tags ...string) wire.Artifact {
	t.Helper()
	s.Push(t, a, tags...)
	for _, tag := range tags {
		s.tags[tag] = a
	}
	if len(tags) == 0 {
		s.more = append(s.more, a)
	}
	return a
}

// releasesPolicy keeps the two newest releases and removes all others, and all pull requests.
const releasesPolicy = `{"version": 1,
	"keep": [{"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 2}],
	"remove": [
		{"name": "old releases", "tags": {"semver": ">=1.0.0"}},
		{"name": "pull requests", "tags": "pr-*"}],
	"limits": {"max-percent": 80}}
`

// releases pushes releases and pull requests for several platforms, which share an image, with
// signatures in the manner of cosign, attestations and SBOMs.
func (s *site) releases(t *testing.T) {
	t.Helper()
	shared := wire.OCIImage(t, "the base for arm64")
	for _, release := range []string{"1.0.0", "1.1.0", "2.0.0"} {
		s.release(t, release, shared)
	}
	s.push(t, s.tags["2.0.0"], "latest")
	for _, request := range []string{"pr-1", "pr-2"} {
		s.release(t, request, shared)
	}
	s.push(t, s.tags["pr-2"], "pr-2-fixed")
	s.push(t, wire.DockerImage(t, "both"), "pr-3", "stable") // no rule is about the latter
	s.push(t, wire.DockerManifestList(t, wire.DockerImage(t, "pr-4 for amd64"), wire.DockerImage(t, "pr-4 for arm64")), "pr-4")
}

// release pushes what a build makes.
func (s *site) release(t *testing.T, name string, shared wire.Artifact) {
	t.Helper()
	index := s.push(t, wire.OCIIndex(t, wire.OCIImage(t, name+" for amd64"), shared, wire.OCIImage(t, "the attestation of "+name)), name)
	s.push(t, wire.OCIImage(t, "the signature of "+name), cosignTag(index))
	s.more = append(s.more, s.referrer(t, index, "the SBOM of "+name))
}

// referrer pushes an SBOM and, if the registry has no referrers API, adds it to what clients look
// for instead.
func (s *site) referrer(t testing.TB, subject wire.Artifact, content string) wire.Artifact {
	t.Helper()
	sbom := wire.Referrer(t, subject, "application/spdx+json", content)
	s.Push(t, sbom)
	if answer := s.Do(t, http.MethodGet, "referrers/"+string(subject.Digest)); answer.Status == http.StatusNotFound {
		list := wire.ReferrerList(t, sbom)
		s.Push(t, list, wire.FallbackTag(subject.Digest))
		s.tags[wire.FallbackTag(subject.Digest)] = list
	}
	return sbom
}

// cosignTag returns the tag of a signature.
func cosignTag(a wire.Artifact) string {
	return strings.Replace(a.Digest.String(), ":", "-", 1) + ".sig"
}

// keptReleases are the tags that releasesPolicy keeps, without those of signatures and SBOMs.
func keptReleases() []string { return []string{"1.1.0", "2.0.0", "latest", "pr-3", "stable"} }

// wantAll pulls everything that was pushed.
func (s *site) wantAll(t *testing.T) {
	t.Helper()
	s.wantTags(t, slices.Collect(maps.Keys(s.tags))...)
	for _, a := range s.more {
		s.wantWhole(t, a.Digest.String(), a)
	}
}

// wantPruned pulls what releasesPolicy keeps, and checks that everything else is gone.
func (s *site) wantPruned(t *testing.T) {
	t.Helper()
	stay := keptReleases()
	for _, kept := range keptReleases() {
		for _, tag := range []string{cosignTag(s.tags[kept]), wire.FallbackTag(s.tags[kept].Digest)} {
			if _, pushed := s.tags[tag]; pushed && !slices.Contains(stay, tag) {
				stay = append(stay, tag)
			}
		}
	}
	s.wantTags(t, stay...)
	s.wantGone(t, "1.0.0", "pr-1", "pr-2", "pr-4")
}

// wantTags checks that the repository has exactly these tags, and pulls them to the last blob.
func (s *site) wantTags(t *testing.T, tags ...string) {
	t.Helper()
	slices.Sort(tags)
	if diff := cmp.Diff(tags, s.listTags(t)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	for _, tag := range tags {
		s.wantWhole(t, tag, s.tags[tag])
	}
}

// listTags returns the tags of the repository, sorted.
func (s *site) listTags(t testing.TB) []string {
	t.Helper()
	var list struct{ Tags []string }
	answer := s.Do(t, http.MethodGet, "tags/list?n=1000")
	if answer.Status == http.StatusNotFound {
		return nil
	}
	if err := json.Unmarshal(answer.Body, &list); err != nil || answer.Status != http.StatusOK {
		t.Fatalf("list the tags: %s, %v", answer, err)
	}
	slices.Sort(list.Tags)
	return list.Tags
}

// wantWhole checks that a reference serves an artifact with everything that it lists.
func (s *site) wantWhole(t *testing.T, reference string, a wire.Artifact) {
	t.Helper()
	answer := s.Do(t, http.MethodGet, "manifests/"+reference, wire.AcceptAll())
	if answer.Status != http.StatusOK || digest.FromBytes(answer.Body) != a.Digest {
		t.Errorf("%s is %s, not the manifest %s", reference, answer, a.Digest)
		return
	}
	for _, blob := range a.Blobs {
		if !s.HasBlob(t, digest.FromBytes(blob)) {
			t.Errorf("%s lacks a blob", reference)
		}
	}
	for _, child := range a.Children {
		s.wantWhole(t, child.Digest.String(), child)
	}
}

// wantGone checks that what these tags pointed to is not served any more, by tag or by digest.
func (s *site) wantGone(t *testing.T, tags ...string) {
	t.Helper()
	for _, tag := range tags {
		for _, reference := range []string{tag, s.tags[tag].Digest.String()} {
			if answer := s.Do(t, http.MethodGet, "manifests/"+reference, wire.AcceptAll()); answer.Status != http.StatusNotFound {
				t.Errorf("%s, which was %s, is %d", reference, tag, answer.Status)
			}
		}
	}
}
