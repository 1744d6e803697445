package htmlpage_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// now is when the plans of these tests are made.
var now = time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC)

const (
	imageType = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
)

func digestOf(text string) regret.Digest {
	return regret.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))))
}

// empty returns the descriptor of the empty JSON object.
func empty() regret.Descriptor {
	return regret.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: digestOf("{}"), Size: 2}
}

// A repository is what a registry has.
type repository struct {
	registry, name string
	inUse          []*policy.InUse
	tags           map[string]regret.Digest
	invalid        []string // entries of the list of tags that are no tags
	manifests      map[regret.Digest]*regret.Manifest
	configs        map[regret.Digest][]byte
	referrers      map[regret.Digest][]regret.Descriptor
}

func newRepository() *repository {
	return &repository{
		registry: "registry.example.com", name: "team/shop", tags: map[string]regret.Digest{}, manifests: map[regret.Digest]*regret.Manifest{},
		configs: map[regret.Digest][]byte{}, referrers: map[regret.Digest][]regret.Descriptor{},
	}
}

// push pushes a manifest under tags.
func (r *repository) push(mediaType string, document map[string]any, tags ...string) regret.Descriptor {
	document["schemaVersion"] = 2
	raw, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	d := regret.Descriptor{MediaType: mediaType, Digest: digestOf(string(raw)), Size: int64(len(raw))}
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

// image pushes an image for a platform, made so many days before now, with a layer of a size in MiB.
func (r *repository) image(architecture string, days int, size int64, tags ...string) regret.Descriptor {
	created := now.AddDate(0, 0, -days).Add(-10 * time.Hour)
	config := fmt.Appendf(nil, `{"name":%q,"created":%q}`, fmt.Sprint(architecture, tags), created.Format(time.RFC3339))
	dgst := digestOf(string(config))
	r.configs[dgst] = config
	d := r.push(imageType, map[string]any{
		"config": regret.Descriptor{MediaType: "application/vnd.oci.image.config.v1+json", Digest: dgst, Size: int64(len(config))},
		"layers": []regret.Descriptor{{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Digest: digestOf("layer " + string(dgst)), Size: size << 20}},
	}, tags...)
	return on(d, "linux", architecture)
}

// index pushes an index.
func (r *repository) index(entries []regret.Descriptor, tags ...string) regret.Descriptor {
	return r.push(indexType, map[string]any{"manifests": entries}, tags...)
}

// on returns an entry of an index for a platform.
func on(d regret.Descriptor, os, architecture string) regret.Descriptor {
	platform, err := json.Marshal(map[string]any{"platform": map[string]string{"os": os, "architecture": architecture}})
	if err == nil {
		err = json.Unmarshal(platform, &d)
	}
	if err != nil {
		panic(err)
	}
	return d
}

// attestation pushes an attestation, and returns an entry for the index that lists the image.
func (r *repository) attestation(image regret.Descriptor) regret.Descriptor {
	return on(r.push(imageType, map[string]any{
		"layers": []regret.Descriptor{{MediaType: "application/vnd.in-toto+json", Digest: digestOf("about " + string(image.Digest)), Size: 1500}},
	}), "unknown", "unknown")
}

// referrer pushes an artifact that refers to a manifest.
func (r *repository) referrer(artifactType string, subject regret.Descriptor, tags ...string) regret.Descriptor {
	return r.push(imageType, map[string]any{
		"artifactType": artifactType, "config": empty(), "layers": []regret.Descriptor{empty()},
		"subject": regret.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	}, tags...)
}

// companion pushes a manifest under a companion tag of another one.
func (r *repository) companion(owner regret.Descriptor, suffix string) regret.Descriptor {
	return r.push(imageType, map[string]any{"config": empty(), "annotations": map[string]string{"of": string(owner.Digest)}},
		"sha256-"+owner.Digest.Encoded()+suffix)
}

// plan reads the repository as far as a decision needs it, and makes a plan.
func (r *repository) plan(tb testing.TB, rules string) *plan.Plan {
	tb.Helper()
	p, err := policy.Parse([]byte(rules))
	if err != nil {
		tb.Fatal(err)
	}
	s := plan.NewSnapshot(r.registry, r.name, plan.Options{InUse: r.inUse})
	for tag := range r.tags {
		s.AddTag(tag)
	}
	for _, entry := range r.invalid {
		s.AddInvalid(entry)
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

// shopRules are the rules of shop.
const shopRules = `{"version": 1,
	"keep": [
		{"name": "in use", "file": "in-use.txt"},
		{"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 2},
		{"name": "nightlies", "tags": "nightly-*", "within": "7d"}],
	"remove": [
		{"name": "old releases", "tags": {"semver": ">=1.0.0"}},
		{"name": "old nightlies", "tags": "nightly-*"},
		{"name": "pull requests", "tags": "pr-*", "older-than": "30d"},
		{"name": "builds", "tags": "build-*", "untag": true},
		{"name": "experiments", "tags": "try-*", "older-than": "7d"}],
	"limits": {"broken": 2}}`

// shop is a repository in which most happens that a plan can say.
func shop(tb testing.TB) *repository {
	tb.Helper()
	r := newRepository()
	r.image("amd64", 240, 96, "1.0.0")
	amd64, arm64 := r.image("amd64", 110, 104), r.image("arm64", 110, 101)
	gone := on(regret.Descriptor{MediaType: imageType, Digest: digestOf("gone"), Size: 9}, "linux", "s390x")
	signed := r.index([]regret.Descriptor{amd64, arm64, r.attestation(amd64), gone}, "1.1.0")
	r.companion(signed, ".sig")
	r.referrer("application/spdx+json", signed)
	r.index([]regret.Descriptor{r.image("amd64", 45, 107), arm64}, "1.2.0", "pr-13")
	r.index([]regret.Descriptor{r.image("amd64", 9, 108), r.image("arm64", 9, 105)}, "1.3.0", "latest")
	for days := range 9 {
		r.image("amd64", days, 111, now.AddDate(0, 0, -days).Format("nightly-20060102"))
	}
	r.image("amd64", 61, 103, "pr-11")
	running := r.image("amd64", 48, 103, "pr-12")
	r.referrer("application/vnd.cyclonedx+json", r.image("amd64", 40, 103, "pr-14"), "sbom-14")
	r.image("amd64", 20784, 103, "pr-15")
	r.image("amd64", 5, 103, "pr-20")
	r.image("amd64", 3, 109, "build-7", "main")
	r.tags["ghost"] = digestOf("ghost")
	list := fmt.Sprintf("# made 2026-11-26T11:30:00Z\n%s/%s@%s\n%s\n", r.registry, r.name, running.Digest, digestOf("elsewhere"))
	inUse, err := policy.ParseInUse("in-use.txt", strings.NewReader(list), now)
	if err != nil {
		tb.Fatal(err)
	}
	r.inUse = append(r.inUse, inUse)
	return r
}
