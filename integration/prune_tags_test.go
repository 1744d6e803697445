package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// TestTenThousandTags plans for a repository of 10,000 tags on 100 images, half of which go. A
// rule written by hand says which; planning sends one request for each tag, one for each page of
// the list, and what it must know of the images that go.
func TestTenThousandTags(t *testing.T) {
	t.Parallel()
	const images, perImage = 100, 100
	f := newFixture(t, registry.Distribution3(), registry.Setup{})
	c := f.client(t)
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	old := make(map[digest.Digest]bool)
	for i := range images {
		created := now.AddDate(0, 0, -60*(i%2)-1)
		m := pushDated(t, c, i, created)
		old[m.Descriptor.Digest] = i%2 == 1
		var tags []string
		for tag := range perImage {
			tags = append(tags, fmt.Sprintf("build-%d", i*perImage+tag))
		}
		f.AddTags(t, repository, m.Descriptor.Digest, tags)
	}
	p, err := policy.New(policy.Document{
		Version: 1, Remove: []policy.Remove{{Name: "builds", Tags: policy.Globs("build-*"), OlderThan: "30d"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.recorder.Sent()
	made, err := prune.Make(t.Context(), c, repository, p, &prune.ReadOptions{At: now, Concurrency: 32})
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for step := range made.Steps() {
		steps++
		if step.Action != plan.Delete || !old[step.Digest] || len(step.Tags) != perImage {
			t.Errorf("%s %s with %d tags", step.Action, step.Digest, len(step.Tags))
		}
	}
	if steps != images/2 {
		t.Errorf("%d steps, want %d", steps, images/2)
	}
	sent := map[string]int{}
	for _, line := range f.recorder.Sent() {
		words := strings.Split(strings.Fields(line)[1], "/")
		sent[words[4]]++ // /v2/derek/busybox/<what>/…
	}
	// Pages of 1,000 and an empty one, each image's configuration, and one question whether there is a referrers API.
	want := map[string]int{"tags": 11, "manifests": images * perImage, "blobs": images, "referrers": 1}
	if fmt.Sprint(sent) != fmt.Sprint(want) {
		t.Errorf("requests by what they ask for: %v, want %v", sent, want)
	}
}

// pushDated pushes an image without a tag.
func pushDated(t *testing.T, c *regret.Client, i int, created time.Time) *regret.Manifest {
	t.Helper()
	blob := func(mediaType, content string) string {
		dgst := digest.FromString(content)
		if err := c.PutBlob(t.Context(), repository, dgst, []byte(content)); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, dgst, len(content))
	}
	config := blob(ocispec.MediaTypeImageConfig, fmt.Sprintf(`{"architecture":"amd64","os":"linux","created":%q,"author":"%d"}`, created.Format(time.RFC3339), i))
	layer := blob(ocispec.MediaTypeImageLayer, fmt.Sprintf("layer %d", i))
	raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, ocispec.MediaTypeImageManifest, config, layer)
	m := &regret.Manifest{
		Descriptor: regret.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(raw), Size: int64(len(raw))},
		Raw:        []byte(raw),
	}
	if err := c.PutManifest(t.Context(), repository, string(m.Descriptor.Digest), m); err != nil {
		t.Fatal(err)
	}
	return m
}
