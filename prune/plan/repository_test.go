package plan_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// now is when the plans of these tests are made.
var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// A repository is what a registry has, for tests that need content of their own.
type repository struct {
	tags      map[string]regret.Digest
	manifests map[regret.Digest]*regret.Manifest
	configs   map[regret.Digest][]byte
	referrers map[regret.Digest][]regret.Descriptor
}

func newRepository() *repository {
	return &repository{map[string]regret.Digest{}, map[regret.Digest]*regret.Manifest{}, map[regret.Digest][]byte{}, map[regret.Digest][]regret.Descriptor{}}
}

// push pushes a manifest under tags.
func (r *repository) push(mediaType string, document map[string]any, tags ...string) regret.Descriptor {
	document["schemaVersion"] = 2
	raw, err := json.Marshal(document, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err)
	}
	d := regret.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if _, there := r.manifests[d.Digest]; !there {
		r.manifests[d.Digest] = &regret.Manifest{Descriptor: d, Raw: raw}
		if subject, ok := document["subject"].(regret.Descriptor); ok {
			d.ArtifactType, _ = document["artifactType"].(string)
			r.referrers[subject.Digest] = append(r.referrers[subject.Digest], d)
		}
	}
	for _, tag := range tags {
		r.tags[tag] = d.Digest
	}
	return d
}

// image pushes an image of a size, made so many days before now.
func (r *repository) image(name string, days int, size int64, tags ...string) regret.Descriptor {
	config := fmt.Appendf(nil, `{"name":%q,"created":%q}`, name, now.AddDate(0, 0, -days).Format(time.RFC3339))
	d := digest.FromBytes(config)
	r.configs[d] = config
	return r.push(ocispec.MediaTypeImageManifest, map[string]any{
		"config": regret.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: d, Size: int64(len(config))},
		"layers": []regret.Descriptor{{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromString(name), Size: size}},
	}, tags...)
}

// index pushes an index.
func (r *repository) index(entries []regret.Descriptor, tags ...string) regret.Descriptor {
	return r.push(ocispec.MediaTypeImageIndex, map[string]any{"manifests": entries}, tags...)
}

// on returns an entry of an index for a platform.
func on(d regret.Descriptor, os, architecture string) regret.Descriptor {
	d.Platform = &ocispec.Platform{OS: os, Architecture: architecture}
	return d
}

// referrer pushes an artifact that refers to a manifest.
func (r *repository) referrer(artifactType string, subject regret.Descriptor, tags ...string) regret.Descriptor {
	return r.push(ocispec.MediaTypeImageManifest, map[string]any{
		"artifactType": artifactType, "config": ocispec.DescriptorEmptyJSON, "layers": []regret.Descriptor{ocispec.DescriptorEmptyJSON},
		"subject": regret.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	}, tags...)
}

// plan reads the repository as far as a decision needs it, and makes a plan.
func (r *repository) plan(tb testing.TB, rules string) *plan.Plan {
	tb.Helper()
	p, err := policy.Parse([]byte(rules))
	if err != nil {
		tb.Fatal(err)
	}
	s := plan.NewSnapshot("registry.example.com", "acme/app", plan.Options{})
	for tag := range r.tags {
		s.AddTag(tag)
	}
	for range 50 {
		d, err := plan.Decide(p, s, now)
		if err != nil {
			tb.Fatal(err)
		}
		questions := slices.Collect(d.Missing())
		if len(questions) == 0 {
			made, err := d.Plan()
			if err != nil {
				tb.Fatal(err)
			}
			return made
		}
		for _, q := range questions {
			if err := r.answer(s, q); err != nil {
				tb.Fatal(err)
			}
		}
	}
	tb.Fatal("deciding asks for ever")
	return nil
}

func (r *repository) answer(s *plan.Snapshot, q plan.Question) error {
	dgst := q.Digest
	if q.Kind == plan.AskTag {
		dgst = r.tags[q.Tag]
	}
	m := r.manifests[dgst]
	switch {
	case q.Kind == plan.AskConfig && r.configs[dgst] != nil:
		s.Config(q, r.configs[dgst])
	case q.Kind == plan.AskReferrers:
		return s.Referrers(q, r.referrers[dgst])
	case m == nil:
		s.NotFound(q)
	case q.Kind == plan.AskExists:
		s.Exists(q, m.Descriptor)
	default:
		return s.Manifest(q, m)
	}
	return nil
}

// The rules of acme.
const acmeRules = `{"version": 1,
	"keep": [
		{"name": "candidates", "tags": {"semver": ">=1.0.0-0", "pre": "only"}, "newest": 2},
		{"name": "floating", "tags": "latest"}],
	"remove": [
		{"name": "pull requests", "tags": "pr-*", "except": "*-sbom", "older-than": "30d"},
		{"name": "old candidates", "tags": "*-rc.*", "older-than": "60d"},
		{"name": "nightlies", "tags": "nightly-*", "older-than": "14d"},
		{"name": "builds", "tags": "build-*", "untag": true},
		{"name": "trash", "trash": true, "older-than": "14d"}]}`

// acme is a repository in which everything happens that a plan can say.
func acme() *repository {
	r := newRepository()
	arm := on(r.image("shared", 100, 400<<20), "linux", "arm64")
	r.index([]regret.Descriptor{on(r.image("1.9.0", 10, 500<<20), "linux", "amd64"), arm}, "1.9.0", "latest")

	attestation := on(r.push(ocispec.MediaTypeImageManifest, map[string]any{"layers": []regret.Descriptor{}}), "unknown", "unknown")
	gone := on(regret.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("gone"), Size: 9}, "linux", "s390x")
	pr := r.index([]regret.Descriptor{on(r.image("pr-1201", 91, 600<<20), "linux", "amd64"), arm, attestation, gone}, "pr-1201")
	r.push(ocispec.MediaTypeImageManifest, map[string]any{"config": ocispec.DescriptorEmptyJSON}, "sha256-"+pr.Digest.Encoded()+".sig")
	r.referrer("application/spdx+json", pr)

	r.referrer("application/vnd.cyclonedx+json", r.image("pr-1188", 64, 1<<30, "pr-1188"), "pr-1188-sbom")
	for n := range 4 {
		r.image(fmt.Sprint("candidate", n), 130-10*n, 1<<20, fmt.Sprintf("2.0.0-rc.%d", n+1))
	}
	r.image("reproducible", 20784, 1<<20, "nightly-20260101")
	r.image("build", 3, 1<<20, "build-7", "main")
	for n := range 8 {
		r.image(fmt.Sprint("release", n), 200, 1<<20, fmt.Sprintf("1.%d.0", n))
	}
	trash := r.image("trash", 50, 3<<20)
	r.tags["regret-trash-20261001-0123abcd-"+trash.Digest.Encoded()[:12]] = trash.Digest
	return r
}
