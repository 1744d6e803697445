package integration_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// UntagByOverwrite works on registries that delete by digest only: it removes one tag and leaves the
// image and its other tags.
func TestUntagByOverwriteRemovesOneTag(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		for name, artifact := range map[string]wire.Artifact{
			"oci":    wire.OCIImage(t, "oci"),
			"docker": wire.DockerImage(t, "docker"),
			"list":   wire.DockerManifestList(t, wire.DockerImage(t, "amd64"), wire.DockerImage(t, "arm64")),
			"index":  wire.OCIIndex(t, wire.OCIImage(t, "amd64"), wire.OCIImage(t, "arm64")),
		} {
			f.repo.Push(t, artifact, name, name+"-too")
			client := f.client(t)
			if err := client.UntagByOverwrite(t.Context(), repository, name); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			f.wantExists(t, false, name)
			f.wantExists(t, true, name+"-too", artifact.Digest.String())
			dgst, err := client.ResolveDigest(t.Context(), repository, name+"-too")
			if err != nil || dgst != artifact.Digest {
				t.Errorf("%s-too resolved to %s, want %s: %v", name, dgst, artifact.Digest, err)
			}
		}
		tags := f.repo.Do(t, http.MethodGet, "tags/list")
		if want := 4; tags.Status != http.StatusOK || countTags(t, tags) != want {
			t.Errorf("tags: %s, want %d", tags, want)
		}
	})
}

func TestUntagByOverwriteChecksThatDeletionIsAllowedBeforeItWrites(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]registry.Setup{
		"deletion disabled": {DeleteDisabled: true},
		"read-only":         {ReadOnly: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forEachRegistry(t, setup, func(t *testing.T, f *fixture) {
				image := wire.OCIImage(t, "hello")
				f.repo.Push(t, image, "latest")
				err := f.client(t).UntagByOverwrite(t.Context(), repository, "latest")
				if !errors.Is(err, regret.ErrDeleteDisabled) && !errors.Is(err, regret.ErrReadOnly) {
					t.Errorf("error: %v", err)
				}
				if writes := f.recorder.Writes(); len(writes) != 1 {
					t.Errorf("writes: %v, want only the request that checks whether deletion is allowed", writes)
				}
				f.wantExists(t, true, "latest", image.Digest.String())
			})
		})
	}
}

// UntagByOverwrite needs permission to push, unlike a deletion.
func TestUntagByOverwriteWithTokens(t *testing.T) {
	t.Parallel()
	setup := registry.Setup{Accounts: map[string]registry.Account{
		"derek":   {Password: "secret", Actions: []string{"pull", "push", "delete"}},
		"cleaner": {Password: "secret", Actions: []string{"pull", "delete"}},
	}}
	forEachRegistry(t, setup, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest", "other")
		as := func(user string) *regret.Client {
			return f.client(t, regret.WithBasicAuth(user, "secret"), regret.WithTrustedRealm(strings.TrimSuffix(f.Tokens.URL, "/token")))
		}
		if err := as("cleaner").UntagByOverwrite(t.Context(), repository, "latest"); !errors.Is(err, regret.ErrForbidden) {
			t.Errorf("without permission to push: %v", err)
		}
		f.wantExists(t, true, "latest", "other", image.Digest.String())
		if err := as("derek").UntagByOverwrite(t.Context(), repository, "latest"); err != nil {
			t.Error(err)
		}
		f.wantExists(t, false, "latest")
		f.wantExists(t, true, "other", image.Digest.String())
	})
}

func TestUntagByOverwriteSucceedsIfAResponseIsLost(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
				image := wire.OCIImage(t, "hello")
				f.repo.Push(t, image, "latest", "other")
				f.recorder.LoseAnswer(method)
				if err := f.client(t).UntagByOverwrite(t.Context(), repository, "latest"); err != nil {
					t.Error(err)
				}
				f.wantExists(t, false, "latest")
				f.wantExists(t, true, "other", image.Digest.String())
			})
		})
	}
}

func countTags(t *testing.T, answer wire.Answer) int {
	t.Helper()
	var list struct{ Tags []string }
	if err := json.Unmarshal(answer.Body, &list); err != nil {
		t.Fatal(err)
	}
	return len(list.Tags)
}

// The children of an index stay, also if no other tag points to it.
func TestServerS1UntagByOverwriteKeepsTheChildren(t *testing.T) {
	t.Parallel()
	for _, kind := range append(registry.Kinds(), registry.Olareg()) {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, kind, registry.Setup{})
			index := wire.OCIIndex(t, wire.OCIImage(t, "amd64"), wire.OCIImage(t, "arm64"))
			f.repo.Push(t, index, "latest")
			if err := f.client(t).UntagByOverwrite(t.Context(), repository, "latest"); err != nil {
				t.Error(err)
			}
			f.wantExists(t, false, "latest")
			f.wantExists(t, true, index.Digest.String(), index.Children[0].Digest.String(), index.Children[1].Digest.String())
			if tags := f.repo.Do(t, http.MethodGet, "tags/list"); tags.Status != http.StatusOK || countTags(t, tags) != 0 {
				t.Errorf("tags: %s, want none", tags)
			}
		})
	}
}

// A deletion that was interrupted leaves tags that point to nothing. Distribution 2 cannot delete such a
// tag: it does not delete tags, and there is no digest to delete.
func TestReportK26UntagByOverwriteRemovesATagWithoutAManifest(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image, other := wire.OCIImage(t, "hello"), wire.OCIImage(t, "other")
		f.repo.Push(t, image, "latest")
		f.repo.Push(t, other, "other")
		f.ForgetManifest(t, repository, image.Digest)
		f.wantExists(t, false, "latest", image.Digest.String())
		client := f.client(t)
		if err := client.UntagByOverwrite(t.Context(), repository, "latest"); err != nil {
			t.Error(err)
		}
		if writes := f.recorder.Writes(); len(writes) != 3 {
			t.Errorf("writes: %v, want those of the check, the placeholder and its deletion", writes)
		}
		var left []string
		for tag, err := range client.Tags(t.Context(), repository) {
			if err != nil {
				t.Error(err)
			}
			left = append(left, tag)
		}
		if len(left) != 1 || left[0] != "other" {
			t.Errorf("tags: %v, want only the other one", left)
		}
		f.wantExists(t, true, "other")
		if err := client.UntagByOverwrite(t.Context(), repository, "latest"); !errors.Is(err, regret.ErrNotFound) {
			t.Errorf("the tag is gone, but a second call returned %v", err)
		}
	})
}
