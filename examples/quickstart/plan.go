package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

const shop = "team/shop"

// shopPolicy is the policy for team/shop.
const shopPolicy = `{"version": 1,
 "keep": [
   {"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 2},
   {"name": "nightlies", "tags": "nightly-*", "within": "7d"}],
 "remove": [
   {"name": "old releases", "tags": {"semver": ">=1.0.0"}},
   {"name": "old nightlies", "tags": "nightly-*"},
   {"name": "pull requests", "tags": "pr-*", "older-than": "30d"}]}`

// noon is the time for which the demo plans. It is fixed, so that the plan is the same every day.
var noon = time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC)

// demoShop plans for the repository team/shop, carries out the plan, and restores what it deleted.
func demoShop(ctx context.Context, p *printer, c *regret.Client) error {
	p.muted = true // there are many requests, and their order varies
	defer func() { p.muted = false }()
	made, err := demoPlan(ctx, p, c)
	if err != nil {
		return err
	}
	return demoApply(ctx, p, c, made)
}

// demoPlan makes a plan, prints it, and explains one of its decisions.
func demoPlan(ctx context.Context, p *printer, c *regret.Client) (*plan.Plan, error) {
	p.line("\nNow for a whole repository. The next registry, at %s, holds team/shop: four", c.Registry())
	p.line("releases, nine nightlies, and images of five pull requests, one of which became release 1.2.0.")
	p.line("The demo plans for noon on %s, so that you see the same plan on any day.", noon.Format("2 January 2006"))

	p.step("Say what to keep, and what to remove.", `policy.Parse(data)`)
	rules, err := policy.Parse([]byte(shopPolicy))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(shopPolicy) {
		p.result("%s", strings.TrimSuffix(line, "\n"))
	}
	p.result("Keep wins: an image goes if no keep rule holds it and remove rules want all of its tags.")

	p.step("Plan that, and print the plan.", `prune.Make(ctx, c, "team/shop", policy, options)`)
	requests := 0
	o := prune.ReadOptions{At: noon, Progress: func(progress prune.Progress) { requests = progress.Requests }}
	made, err := prune.Make(ctx, c, shop, rules, &o)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(p.w, made)
	p.result("Nothing has changed: Make sent %d requests, all of them reads. 1.1.0 is to go with its", requests)
	p.result("attestation and its signature, but without its image for arm64, which 1.2.0 lists, too. pr-13")
	p.result("is older than 30 days, but 1.2.0 is the same image, so it stays.")
	return made, demoExplain(ctx, p, c, rules)
}

// demoExplain prints what the rules say about release 1.1.0.
func demoExplain(ctx context.Context, p *printer, c *regret.Client, rules *policy.Policy) error {
	p.step("Ask what each rule says about 1.1.0.", `plan.Decide(policy, snapshot, at)`)
	snapshot, err := prune.Read(ctx, c, shop, rules, &prune.ReadOptions{At: noon})
	if err != nil {
		return err
	}
	decision, err := plan.Decide(rules, snapshot, noon)
	if err != nil {
		return err
	}
	for image, verdicts := range decision.Images() {
		if !slices.Contains(image.Tags, "1.1.0") {
			continue
		}
		if !image.Goes {
			return errors.New("1.1.0 should go")
		}
		for _, v := range verdicts {
			if len(v.Matched) > 0 { // the others are about other tags
				p.result("%-13s %s", v.Rule, v.Text)
			}
		}
		p.result("No keep rule holds it, and a remove rule wants its only tag, so it goes.")
	}
	return nil
}

// demoApply deletes what the plan says, and then restores it.
func demoApply(ctx context.Context, p *printer, c *regret.Client, made *plan.Plan) (err error) {
	before, err := tagDigests(ctx, c)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "regret-quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	archive, err := undo.DirStore(folder)
	if err != nil {
		return err
	}

	p.step("Carry out the plan.", `apply.Apply(ctx, c, plan, archive, nil)`)
	report, err := apply.Apply(ctx, c, made, archive, nil)
	if err != nil {
		return err
	}
	left, err := tagDigests(ctx, c)
	if err != nil {
		return err
	}
	p.result("Apply first archives what is to go: manifests and tags, but no layers. It looks at all tags")
	p.result("again, so that what was pushed since the plan was made keeps all that it needs.")
	p.result("Its report says: %d of %d manifests deleted. Of %d tags, %d are left.",
		report.Count(apply.Deleted), len(report.Results), len(before), len(left))
	return demoRestore(ctx, p, c, archive, before)
}

// demoRestore restores what is in the archive, so that the tags are what they were before.
func demoRestore(ctx context.Context, p *printer, c *regret.Client, archive undo.Store, before map[string]regret.Digest) error {
	p.step("Take it back.", `undo.Restore(ctx, c, archive, nil)`)
	report, err := undo.Restore(ctx, c, archive, nil)
	if err != nil {
		return err
	}
	after, err := tagDigests(ctx, c)
	if err != nil {
		return err
	}
	if !report.IsComplete() || !maps.Equal(before, after) {
		return fmt.Errorf("not everything is back: %s", report)
	}
	manifests := 0
	for _, result := range report.Results {
		if result.Tag == "" {
			manifests++
		}
	}
	p.result("Its report says: %d manifests and %d tags restored. All %d tags are back, and point to the",
		manifests, report.Count(undo.Restored)-manifests, len(after))
	p.result("same digests as before. That works until the registry collects garbage.")
	return nil
}

// tagDigests returns all tags of team/shop and the digests they point to.
func tagDigests(ctx context.Context, c *regret.Client) (map[string]regret.Digest, error) {
	digests := make(map[string]regret.Digest)
	for tag, err := range c.Tags(ctx, shop) {
		if err != nil {
			return nil, err
		}
		if digests[tag], err = c.ResolveDigest(ctx, shop, tag); err != nil {
			return nil, err
		}
	}
	return digests, nil
}

// shopRegistry returns a registry with the repository team/shop. An image is as old as its
// configuration says.
func shopRegistry(opts ...fakeregistry.Option) *fakeregistry.Registry {
	s := seeder{fakeregistry.New(opts...)}
	s.putImage("amd64", 240, "1.0.0")
	amd64, arm64 := s.putImage("amd64", 110), s.putImage("arm64", 110)
	signed := s.putIndex([]ocispec.Descriptor{amd64, arm64, s.putAttestation(amd64, 110)}, "1.1.0")
	s.PutReferrer(shop, signed, "application/vnd.cncf.notary.signature", "signature")
	s.putIndex([]ocispec.Descriptor{s.putImage("amd64", 45), arm64}, "1.2.0", "pr-13")
	s.putIndex([]ocispec.Descriptor{s.putImage("amd64", 9), s.putImage("arm64", 9)}, "1.3.0", "latest")
	for days := range 9 {
		s.putImage("amd64", days, noon.AddDate(0, 0, -days).Format("nightly-20060102"))
	}
	s.putImage("amd64", 61, "pr-11")
	s.putImage("amd64", 48, "pr-12")
	s.putImage("amd64", 5, "pr-20")
	s.putImage("amd64", 2, "pr-21")
	return s.Registry
}

// A seeder fills team/shop.
type seeder struct{ *fakeregistry.Registry }

// putImage stores an image that was built at two in the morning, so many days before [noon]. Its
// layer holds these arguments, so that images with other arguments share nothing with it.
func (s seeder) putImage(architecture string, days int, tags ...string) ocispec.Descriptor {
	built := noon.AddDate(0, 0, -days).Add(-10 * time.Hour)
	platform := ocispec.Platform{OS: "linux", Architecture: architecture}
	layer := s.PutBlob(shop, fmt.Appendf(nil, "%s, %s, %s", architecture, built, tags))
	layer.MediaType = ocispec.MediaTypeImageLayer
	config := s.PutBlob(shop, encode(ocispec.Image{
		Created: &built, Platform: platform,
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	}))
	config.MediaType = ocispec.MediaTypeImageConfig
	image := s.put(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	}, tags)
	image.Platform = &platform
	return image
}

// putAttestation stores an attestation about an image, for the index that lists the image.
//
// https://github.com/moby/buildkit/blob/v0.23.0/docs/attestations/attestation-storage.md
func (s seeder) putAttestation(image ocispec.Descriptor, days int) ocispec.Descriptor {
	attestation := s.putImage("unknown", days)
	attestation.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	attestation.Annotations = map[string]string{
		"vnd.docker.reference.type":   "attestation-manifest",
		"vnd.docker.reference.digest": image.Digest.String(),
	}
	return attestation
}

func (s seeder) putIndex(images []ocispec.Descriptor, tags ...string) ocispec.Descriptor {
	return s.put(ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: images,
	}, tags)
}

func (s seeder) put(mediaType string, manifest any, tags []string) ocispec.Descriptor {
	stored := s.PutManifest(shop, "", mediaType, encode(manifest))
	for _, tag := range tags {
		s.SetTag(shop, tag, stored.Digest)
	}
	return stored
}

// encode encodes a value made in this file, for which encoding cannot fail.
func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
