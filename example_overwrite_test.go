package regret_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Distribution 2 deletes by digest only. UntagByOverwrite removes a single tag there.
func ExampleClient_UntagByOverwrite() {
	ctx := context.Background()
	registry := fakeregistry.Distribution2().New()
	image := registry.PutImage("team/app", "hello", "v1", "typo")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	err = c.Untag(ctx, "team/app", "typo")
	fmt.Println("Untag:", errors.Is(err, regret.ErrTagDeleteUnsupported))
	err = c.UntagByOverwrite(ctx, "team/app", "typo")
	fmt.Println("UntagByOverwrite:", err)
	_, typo := registry.Tag("team/app", "typo")
	v1, _ := registry.Tag("team/app", "v1")
	fmt.Println("typo:", typo, "v1:", v1 == image.Digest)
	// Output:
	// Untag: true
	// UntagByOverwrite: <nil>
	// typo: false v1: true
}

// DeleteReferrer deletes a signature or SBOM. At a registry without the referrers API it also
// removes the entry from the index of referrers.
func ExampleClient_DeleteReferrer() {
	ctx := context.Background()
	registry := fakeregistry.New()
	image := registry.PutImage("team/app", "hello", "v1")
	registry.PutReferrer("team/app", image, "application/vnd.example.signature", "signed by Ann")
	registry.PutReferrer("team/app", image, "application/vnd.example.sbom", "an SBOM")
	c, err := regret.New("registry.example.com", regret.WithTransport(registry))
	if err != nil {
		fmt.Println(err)
		return
	}

	var old []regret.Digest
	for d, err := range c.Referrers(ctx, "team/app", image.Digest, "application/vnd.example.signature") {
		if err != nil {
			fmt.Println(err)
			return
		}
		old = append(old, d.Digest)
	}
	for _, signature := range old {
		fmt.Println(c.DeleteReferrer(ctx, "team/app", image.Digest, signature))
	}
	for d, err := range c.Referrers(ctx, "team/app", image.Digest) {
		fmt.Println(d.ArtifactType, err)
	}
	// Output:
	// <nil>
	// application/vnd.example.sbom <nil>
}
