package regret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Collect the list before deleting from it: a registry may skip tags if others are deleted while
// it lists. If the list is incomplete, this example deletes nothing.
func ExampleClient_Tags() {
	ctx := context.Background()
	registry := fakeregistry.New()
	registry.PutImage("team/app", "one", "pr-17")
	registry.PutImage("team/app", "two", "pr-18")
	registry.PutImage("team/app", "three", "v1")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	var old []string
	for tag, err := range c.Tags(ctx, "team/app") {
		if err != nil {
			fmt.Println(err)
			return
		}
		if strings.HasPrefix(tag, "pr-") {
			old = append(old, tag)
		}
	}
	for _, tag := range old {
		fmt.Println(tag, c.Untag(ctx, "team/app", tag))
	}
	// Output:
	// pr-17 <nil>
	// pr-18 <nil>
}

// Google's registries list every manifest with its tags and the time when it was pushed. This
// example finds those without a tag. An index may still need them: see [regret.Client.Manifest].
func ExampleClient_List() {
	ctx := context.Background()
	registry := fakeregistry.Google().New()
	image := registry.PutImage("team/app", "hello", "v1", "latest")
	old := registry.PutImage("team/app", "an image whose tag was moved")
	registry.SetTimes("team/app", image.Digest, time.Time{}, time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	registry.SetTimes("team/app", old.Digest, time.Time{}, time.Date(2026, 8, 28, 12, 0, 0, 0, time.UTC))
	c, err := regret.New("europe-docker.pkg.dev", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	for entry, err := range c.List(ctx, "team/app") {
		if err != nil {
			fmt.Println(err)
			return
		}
		if entry.Descriptor.Digest != "" && len(entry.Tags) == 0 {
			fmt.Println("untagged:", entry.Descriptor.Digest, "pushed on", entry.Uploaded.Format(time.DateOnly))
		}
	}
	// Output:
	// untagged: sha256:54e337da89b92111b35a3e19bdbaa7c3668d56aac358c937e41e469e4a2f4bdf pushed on 2026-08-28
}

// A list with invalid entries is complete except for them. This example goes on with the rest.
func ExampleInvalidEntriesError() {
	registry := fakeregistry.New(fakeregistry.WithExtraTags("-ot-beta", "-ot-beta-jmx"))
	registry.PutImage("datadog/agent", "hello", "7.60", "latest")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	for tag, err := range c.Tags(context.Background(), "datadog/agent") {
		if invalid, ok := errors.AsType[*regret.InvalidEntriesError](err); ok {
			fmt.Printf("ignored: %q, omitted: %d\n", invalid.Entries, invalid.Omitted)
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tag)
	}
	// Output:
	// 7.60
	// latest
	// ignored: ["-ot-beta" "-ot-beta-jmx"], omitted: 0
}

// After a break no more pages are requested.
func ExampleClient_Repositories() {
	registry := fakeregistry.New()
	for _, name := range []string{"team/app", "team/web", "tools/lint"} {
		registry.PutImage(name, "hello", "latest")
	}
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	for name, err := range c.Repositories(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if !strings.HasPrefix(name, "team/") {
			break
		}
		fmt.Println(name)
	}
	// Output:
	// team/app
	// team/web
}

// Referrers lists the manifests that refer to an image: signatures, SBOMs, attestations.
func ExampleClient_Referrers() {
	registry := fakeregistry.New()
	image := registry.PutImage("team/app", "hello", "v1")
	registry.PutReferrer("team/app", image, "application/spdx+json", "an SBOM")
	registry.PutReferrer("team/app", image, "application/vnd.example.signature", "a signature")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	for desc, err := range c.Referrers(context.Background(), "team/app", image.Digest) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(desc.ArtifactType)
	}
	// Unordered output:
	// application/spdx+json
	// application/vnd.example.signature
}
