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

// What a registry that deletes by digest only is there for: one tag goes, the image and its other tags stay.
func TestUntagByOverwriteRemovesOneTag(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		for name, artifact := range map[string]wire.Artifact{
			"oci":    wire.OCIImage(t, "oci"),
			"docker": wire.DockerImage(t, "docker"),
			"list":   wire.DockerManifestList(t, wire.DockerImage(t, "amd64"), wire.DockerImage(t, "arm64")),
			"index":  wire.OCIIndex(t, wire.OCIImage(t, "amd64"), wire.OCIImage(t, "arm64")),
		} {
			s.repo.Push(t, artifact, name, name+"-too")
			client := s.client(t)
			if err := client.UntagByOverwrite(t.Context(), repository, name); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			s.wantThere(t, false, name)
			s.wantThere(t, true, name+"-too", artifact.Digest.String())
			dgst, err := client.ResolveDigest(t.Context(), repository, name+"-too")
			if err != nil || dgst != artifact.Digest {
				t.Errorf("%s-too is %s, want %s: %v", name, dgst, artifact.Digest, err)
			}
		}
		tags := s.repo.Do(t, http.MethodGet, "tags/list")
		if want := 4; tags.Status != http.StatusOK || countTags(t, tags) != want {
			t.Errorf("tags: %s, want %d", tags, want)
		}
	})
}

func TestUntagByOverwriteAsksBeforeItWrites(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]registry.Setup{
		"deletion disabled": {DeleteDisabled: true},
		"read-only":         {ReadOnly: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, setup, func(t *testing.T, s *stage) {
				image := wire.OCIImage(t, "hello")
				s.repo.Push(t, image, "latest")
				err := s.client(t).UntagByOverwrite(t.Context(), repository, "latest")
				if !errors.Is(err, regret.ErrDeleteDisabled) && !errors.Is(err, regret.ErrReadOnly) {
					t.Errorf("error: %v", err)
				}
				if writes := s.sent.Writes(); len(writes) != 1 {
					t.Errorf("writes: %v, want the question whether deleting is possible", writes)
				}
				s.wantThere(t, true, "latest", image.Digest.String())
			})
		})
	}
}

// Overwriting wants the right to push, which a deletion does not.
func TestUntagByOverwriteWithTokens(t *testing.T) {
	t.Parallel()
	setup := registry.Setup{Accounts: map[string]registry.Account{
		"derek":   {Password: "secret", Actions: []string{"pull", "push", "delete"}},
		"cleaner": {Password: "secret", Actions: []string{"pull", "delete"}},
	}}
	each(t, setup, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest", "other")
		as := func(user string) *regret.Client {
			return s.client(t, regret.WithBasicAuth(user, "secret"), regret.WithTrustedRealm(strings.TrimSuffix(s.Tokens.URL, "/token")))
		}
		if err := as("cleaner").UntagByOverwrite(t.Context(), repository, "latest"); !errors.Is(err, regret.ErrForbidden) {
			t.Errorf("without the right to push: %v", err)
		}
		s.wantThere(t, true, "latest", "other", image.Digest.String())
		if err := as("derek").UntagByOverwrite(t.Context(), repository, "latest"); err != nil {
			t.Error(err)
		}
		s.wantThere(t, false, "latest")
		s.wantThere(t, true, "other", image.Digest.String())
	})
}

func TestUntagByOverwriteWhenAnswersAreLost(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			each(t, registry.Setup{}, func(t *testing.T, s *stage) {
				image := wire.OCIImage(t, "hello")
				s.repo.Push(t, image, "latest", "other")
				s.sent.LoseAnswer(method)
				if err := s.client(t).UntagByOverwrite(t.Context(), repository, "latest"); err != nil {
					t.Error(err)
				}
				s.wantThere(t, false, "latest")
				s.wantThere(t, true, "other", image.Digest.String())
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
