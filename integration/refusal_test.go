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

func TestRefusedDeletionReportsWhyAndKeepsTheTag(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		setup registry.Setup
		kind  regret.Kind
		// code is the error code of the response; empty if the response has none.
		code regret.Code
	}{
		{"deletion is disabled", registry.Setup{DeleteDisabled: true}, regret.ErrDeleteDisabled, regret.CodeUnsupported},
		{"the registry is read-only", registry.Setup{ReadOnly: true}, regret.ErrReadOnly, ""},
		{"the registry is a pull-through cache", registry.Setup{Mirror: true}, regret.ErrDeleteDisabled, regret.CodeUnsupported},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			forEachRegistry(t, test.setup, func(t *testing.T, f *fixture) {
				image := wire.DockerImage(t, "hello")
				f.repo.Push(t, image, "latest")
				c := f.client(t)
				dgst, err := c.ResolveDigest(t.Context(), repository, "latest")
				if err != nil {
					t.Fatal(err)
				}
				err = c.DeleteManifest(t.Context(), repository, dgst)
				wantRefusal(t, err, test.kind, test.code, http.StatusMethodNotAllowed)
				f.wantSent(t,
					manifestRequest(http.MethodHead, "latest", "200"),
					manifestRequest(http.MethodDelete, dgst.String(), "405"))
				f.wantExists(t, true, "latest", dgst.String())
			})
		})
	}
}

func TestCheckDeletePredictsWhetherADeletionIsAllowed(t *testing.T) {
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
			forEachRegistry(t, test.setup, func(t *testing.T, f *fixture) {
				image := wire.OCIImage(t, "hello")
				f.repo.Push(t, image, "latest")
				c := f.client(t)
				for _, name := range []string{repository, "derek/unknown"} {
					err := c.CheckDelete(t.Context(), name)
					if test.kind == "" && err != nil || test.kind != "" && !errors.Is(err, test.kind) {
						t.Errorf("%s: %v, want %q", name, err, test.kind)
					}
					if sent := f.recorder.Sent(); len(sent) != 1 {
						t.Errorf("%s: sent %q, want one request", name, sent)
					}
				}
				f.wantExists(t, true, "latest", image.Digest.String())
			})
		})
	}
}

func TestReadOnlyRegistryRefusesPutManifest(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{ReadOnly: true}, func(t *testing.T, f *fixture) {
		f.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
		c := f.client(t)
		m, err := c.Manifest(t.Context(), repository, "latest")
		if err != nil {
			t.Fatal(err)
		}
		err = c.PutManifest(t.Context(), repository, "also", m)
		wantRefusal(t, err, regret.ErrReadOnly, "", http.StatusMethodNotAllowed)
		f.wantExists(t, false, "also")
	})
}

func TestSHA512DigestIsRefusedByRegistriesThatKnowOnlySHA256(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest")
		dgst := digest.SHA512.FromBytes(image.Raw)
		m := &regret.Manifest{
			Descriptor: regret.Descriptor{MediaType: image.MediaType, Digest: dgst, Size: int64(len(image.Raw))},
			Raw:        image.Raw,
		}
		c := f.client(t)
		err := c.PutManifest(t.Context(), repository, dgst.String(), m)
		if !errors.Is(err, regret.CodeDigestInvalid) {
			t.Errorf("put: %v", err)
		}
		if err := c.DeleteManifest(t.Context(), repository, dgst); !errors.Is(err, regret.ErrNotFound) {
			t.Errorf("delete: %v", err)
		}
		f.wantExists(t, true, "latest")
	})
}

// wantRefusal checks the kind, the error code and the status code of err.
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
		t.Errorf("%v does not match the error code %s", err, code)
	}
}
