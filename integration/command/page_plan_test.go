package command_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// noon is when the plans of pages are made, so that they are the same on any day.
var noon = time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC)

// A shelf is a repository from which plans for pages are made. It has a registry's name, so that the
// digest of the plan and the picture of the page never change.
type shelf struct {
	inUse     []*policy.InUse
	tags      map[string]regret.Digest
	manifests map[regret.Digest]*regret.Manifest
	configs   map[regret.Digest][]byte
	referrers map[regret.Digest][]regret.Descriptor
}

func newShelf() *shelf {
	return &shelf{
		tags: map[string]regret.Digest{}, manifests: map[regret.Digest]*regret.Manifest{},
		configs: map[regret.Digest][]byte{}, referrers: map[regret.Digest][]regret.Descriptor{},
	}
}

func (s *shelf) put(mediaType string, document map[string]any, tags ...string) regret.Descriptor {
	document["schemaVersion"] = 2
	raw, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	d := regret.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	s.manifests[d.Digest] = &regret.Manifest{Descriptor: d, Raw: raw}
	for _, tag := range tags {
		s.tags[tag] = d.Digest
	}
	return d
}

// image puts an image that was made so many days before noon, with one layer of so many MiB. Its name
// tells it from others.
func (s *shelf) image(name, architecture string, days int, size int64, tags ...string) regret.Descriptor {
	created := noon.AddDate(0, 0, -days).Add(-10 * time.Hour)
	config := fmt.Appendf(nil, `{"name":%q,"created":%q}`, name+architecture, created.Format(time.RFC3339))
	dgst := digest.FromBytes(config)
	s.configs[dgst] = config
	d := s.put(ocispec.MediaTypeImageManifest, map[string]any{
		"config": regret.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: dgst, Size: int64(len(config))},
		"layers": []regret.Descriptor{{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("layer of " + string(dgst)), Size: size << 20}},
	}, tags...)
	d.Platform = &ocispec.Platform{OS: "linux", Architecture: architecture}
	return d
}

func (s *shelf) index(entries []regret.Descriptor, tags ...string) regret.Descriptor {
	return s.put(ocispec.MediaTypeImageIndex, map[string]any{"manifests": entries}, tags...)
}

// attestation puts an attestation, and returns an entry for the index that lists the image.
func (s *shelf) attestation(image regret.Descriptor) regret.Descriptor {
	d := s.put(ocispec.MediaTypeImageManifest, map[string]any{
		"layers": []regret.Descriptor{{MediaType: "application/vnd.in-toto+json", Digest: digest.FromString("about " + string(image.Digest)), Size: 21_504}},
	})
	d.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	return d
}

func (s *shelf) referrer(artifactType string, subject regret.Descriptor, tags ...string) {
	d := s.put(ocispec.MediaTypeImageManifest, map[string]any{
		"artifactType": artifactType, "config": ocispec.DescriptorEmptyJSON,
		"layers":  []regret.Descriptor{{MediaType: artifactType, Digest: digest.FromString(artifactType + string(subject.Digest)), Size: 93_000}},
		"subject": regret.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	}, tags...)
	d.ArtifactType = artifactType
	s.referrers[subject.Digest] = append(s.referrers[subject.Digest], d)
}

// plan makes a plan for the repository.
func (s *shelf) plan(t *testing.T, rules string) *plan.Plan {
	t.Helper()
	p, err := policy.Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	snapshot := plan.NewSnapshot("registry.example.com", "team/shop", plan.Options{InUse: s.inUse})
	for tag := range s.tags {
		snapshot.AddTag(tag)
	}
	for range 20 {
		decision, err := plan.Decide(p, snapshot, noon)
		if err != nil {
			t.Fatal(err)
		}
		questions := slices.Collect(decision.Missing())
		if len(questions) == 0 {
			made, err := decision.Plan()
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		for _, q := range questions {
			if err := s.answer(snapshot, q); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Fatal("deciding asks for ever")
	return nil
}

func (s *shelf) answer(snapshot *plan.Snapshot, q plan.Question) error {
	dgst := q.Digest
	if q.Kind == plan.AskTag {
		dgst = s.tags[q.Tag]
	}
	switch m, config := s.manifests[dgst], s.configs[dgst]; {
	case q.Kind == plan.AskConfig && config != nil:
		snapshot.Config(q, config)
	case q.Kind == plan.AskReferrers:
		return snapshot.Referrers(q, s.referrers[dgst])
	case m == nil:
		snapshot.NotFound(q)
	case q.Kind == plan.AskExists:
		snapshot.Exists(q, m.Descriptor)
	default:
		return snapshot.Manifest(q, m)
	}
	return nil
}

// shopRules are the rules of the quickstart, and two more.
const shopRules = `{"version": 1,
	"keep": [
		{"name": "in use", "file": "in-use.txt"},
		{"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 2},
		{"name": "nightlies", "tags": "nightly-*", "within": "7d"}],
	"remove": [
		{"name": "old releases", "tags": {"semver": ">=1.0.0"}},
		{"name": "old nightlies", "tags": "nightly-*"},
		{"name": "pull requests", "tags": "pr-*", "older-than": "30d"},
		{"name": "builds", "tags": "build-*", "untag": true}]}`

// shopPlan returns a plan like that of the quickstart, for a repository with layers of a usual size,
// with images in use and without a date, and tags to take off.
func shopPlan(t *testing.T) *plan.Plan {
	t.Helper()
	s := newShelf()
	s.image("1.0.0", "amd64", 240, 96, "1.0.0")
	amd64, arm64 := s.image("1.1.0", "amd64", 110, 104), s.image("1.1.0", "arm64", 110, 101)
	signed := s.index([]regret.Descriptor{amd64, arm64, s.attestation(amd64)}, "1.1.0")
	s.referrer("application/vnd.cncf.notary.signature", signed)
	s.referrer("application/spdx+json", signed)
	s.index([]regret.Descriptor{s.image("1.2.0", "amd64", 45, 107), arm64}, "1.2.0", "pr-13")
	s.index([]regret.Descriptor{s.image("1.3.0", "amd64", 9, 108), s.image("1.3.0", "arm64", 9, 105)}, "1.3.0", "latest")
	for days := range 9 {
		s.image("nightly", "amd64", days, 111, noon.AddDate(0, 0, -days).Format("nightly-20060102"))
	}
	s.image("pr-11", "amd64", 61, 103, "pr-11")
	running := s.image("pr-12", "amd64", 48, 103, "pr-12")
	s.referrer("application/vnd.cyclonedx+json", s.image("pr-14", "amd64", 40, 103, "pr-14"), "sbom-14")
	s.image("pr-15", "amd64", 20_784, 103, "pr-15")
	s.image("pr-20", "amd64", 5, 103, "pr-20")
	s.image("pr-21", "amd64", 2, 103, "pr-21")
	s.image("build-7", "amd64", 3, 109, "build-7", "main")
	list := "# made 2026-11-26T11:30:00Z\nregistry.example.com/team/shop@" + string(running.Digest) + "\n"
	inUse, err := policy.ParseInUse("in-use.txt", strings.NewReader(list), noon)
	if err != nil {
		t.Fatal(err)
	}
	s.inUse = append(s.inUse, inUse)
	return s.plan(t, shopRules)
}

// largePlan returns the plan of so many images, of which half go, each with two platforms and an
// attestation.
func largePlan(t *testing.T, images int) *plan.Plan {
	t.Helper()
	s := newShelf()
	for i := range images / 2 {
		name := fmt.Sprintf("pr-%d", i)
		amd64, arm64 := s.image(name, "amd64", 40+i%900, 100), s.image(name, "arm64", 40+i%900, 100)
		s.index([]regret.Descriptor{amd64, arm64, s.attestation(amd64)}, name)
		s.image(fmt.Sprint("main-", i), "amd64", i%30, 100, fmt.Sprintf("main-%d", i))
	}
	return s.plan(t, `{"version":1,"keep":[{"name":"main","tags":"main-*"}],"remove":[{"name":"pull requests","tags":"pr-*","older-than":"30d"}]}`)
}
