package integration_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func TestARegistryThatDoesNotDeleteSaysWhyAndKeepsTheTag(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		setup registry.Setup
		kind  regret.Kind
		// code is what the registry says; empty where it says nothing but the status.
		code regret.Code
	}{
		{"deletion is disabled", registry.Setup{DeleteDisabled: true}, regret.ErrDeleteDisabled, regret.CodeUnsupported},
		{"the registry is read-only", registry.Setup{ReadOnly: true}, regret.ErrReadOnly, ""},
		{"the registry is a pull-through cache", registry.Setup{Mirror: true}, regret.ErrDeleteDisabled, regret.CodeUnsupported},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			each(t, test.setup, func(t *testing.T, s *stage) {
				image := wire.DockerImage(t, "hello")
				s.repo.Push(t, image, "latest")
				c := s.client(t)
				dgst, err := c.ResolveDigest(t.Context(), repository, "latest")
				if err != nil {
					t.Fatal(err)
				}
				err = c.DeleteManifest(t.Context(), repository, dgst)
				wantRefusal(t, err, test.kind, test.code, http.StatusMethodNotAllowed)
				s.wantSent(t,
					line(http.MethodHead, "latest", "200"),
					line(http.MethodDelete, dgst.String(), "405"))
				s.wantThere(t, true, "latest", dgst.String())
			})
		})
	}
}

func TestCheckDeleteForetellsWhatADeletionMeets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		setup registry.Setup
		kind  regret.Kind // empty: allowed
	}{
		{"deletion is enabled", registry.Setup{}, ""},
		{"deletion is enabled, with a cache", registry.Setup{Cache: true}, ""},
		{"deletion is disabled", registry.Setup{DeleteDisabled: true}, regret.ErrDeleteDisabled},
		{"the registry is read-only", registry.Setup{ReadOnly: true}, regret.ErrReadOnly},
		{"the registry is a pull-through cache", registry.Setup{Mirror: true}, regret.ErrDeleteDisabled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			each(t, test.setup, func(t *testing.T, s *stage) {
				image := wire.OCIImage(t, "hello")
				s.repo.Push(t, image, "latest")
				c := s.client(t)
				for _, name := range []string{repository, "derek/unknown"} {
					err := c.CheckDelete(t.Context(), name)
					if test.kind == "" && err != nil || test.kind != "" && !errors.Is(err, test.kind) {
						t.Errorf("%s: %v, want %q", name, err, test.kind)
					}
					if sent := s.sent.Sent(); len(sent) != 1 {
						t.Errorf("%s: sent %q, want one request", name, sent)
					}
				}
				s.wantThere(t, true, "latest", image.Digest.String())
			})
		})
	}
}

func TestAReadOnlyRegistryTakesNoManifestEither(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{ReadOnly: true}, func(t *testing.T, s *stage) {
		s.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
		c := s.client(t)
		m, err := c.Manifest(t.Context(), repository, "latest")
		if err != nil {
			t.Fatal(err)
		}
		err = c.PutManifest(t.Context(), repository, "also", m)
		wantRefusal(t, err, regret.ErrReadOnly, "", http.StatusMethodNotAllowed)
		s.wantThere(t, false, "also")
	})
}

func TestASHA512DigestIsRefusedWhereTheRegistryKnowsOnlySHA256(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest")
		dgst := digest.SHA512.FromBytes(image.Raw)
		m := &regret.Manifest{
			Descriptor: regret.Descriptor{MediaType: image.MediaType, Digest: dgst, Size: int64(len(image.Raw))},
			Raw:        image.Raw,
		}
		c := s.client(t)
		err := c.PutManifest(t.Context(), repository, dgst.String(), m)
		if !errors.Is(err, regret.CodeDigestInvalid) {
			t.Errorf("put: %v", err)
		}
		if err := c.DeleteManifest(t.Context(), repository, dgst); !errors.Is(err, regret.ErrNotFound) {
			t.Errorf("delete: %v", err)
		}
		s.wantThere(t, true, "latest")
	})
}

// wantRefusal looks at what an error says about a refusal.
func wantRefusal(t *testing.T, err error, kind regret.Kind, code regret.Code, status int) {
	t.Helper()
	refusal, ok := errors.AsType[*regret.Error](err)
	if !ok {
		t.Fatalf("%v is not a *regret.Error", err)
	}
	if !errors.Is(err, kind) || refusal.StatusCode != status {
		t.Errorf("%v: kind %q, status %d; want %q, %d", err, refusal.Kind, refusal.StatusCode, kind, status)
	}
	if code != "" && !errors.Is(err, code) {
		t.Errorf("%v lacks the registry's code %s", err, code)
	}
}
