package integration_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func TestUntagRemovesOnlyTheTagOrFails(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest", "also")
		err := f.client(t).Untag(t.Context(), repository, "latest")
		if f.TagDelete {
			if err != nil {
				t.Error(err)
			}
			f.wantSent(t, manifestRequest(http.MethodDelete, "latest", "202"))
		} else {
			wantRefusal(t, err, regret.ErrTagDeleteUnsupported, regret.CodeDigestInvalid, http.StatusBadRequest)
			f.wantSent(t, manifestRequest(http.MethodDelete, "latest", "400"))
		}
		f.wantExists(t, !f.TagDelete, "latest")
		f.wantExists(t, true, "also", image.Digest.String())
	})
}

func TestUntagOfAnUnknownTagIsNotFound(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		f.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
		want := regret.ErrNotFound
		if !f.TagDelete { // distribution 2.8 refuses without looking up the tag
			want = regret.ErrTagDeleteUnsupported
		}
		if err := f.client(t).Untag(t.Context(), repository, "nope"); !errors.Is(err, want) {
			t.Errorf("%v, want %q", err, want)
		}
		f.wantExists(t, true, "latest")
	})
}

func TestCheckUntagPredictsWhetherATagCanBeRemoved(t *testing.T) {
	t.Parallel()
	for _, kind := range append(registry.Kinds(), registry.Olareg()) {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, kind, registry.Setup{})
			f.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
			c := f.client(t)
			checked := c.CheckUntag(t.Context(), repository)
			f.wantExists(t, true, "latest")
			untagged := c.Untag(t.Context(), repository, "latest")
			if (checked == nil) != (untagged == nil) || errors.Is(checked, regret.ErrTagDeleteUnsupported) != errors.Is(untagged, regret.ErrTagDeleteUnsupported) {
				t.Errorf("it says %v, and the tag is removed with %v", checked, untagged)
			}
			if f.TagDelete && checked != nil {
				t.Error(checked)
			}
		})
	}
}

func TestUntagIsRefusedIfDeletionIsNotAllowed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		setup registry.Setup
		kind  regret.Kind
	}{
		{"deletion is disabled", registry.Setup{DeleteDisabled: true}, regret.ErrDeleteDisabled},
		{"the registry is read-only", registry.Setup{ReadOnly: true}, regret.ErrReadOnly},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			forEachRegistry(t, test.setup, func(t *testing.T, f *fixture) {
				f.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
				err := f.client(t).Untag(t.Context(), repository, "latest")
				wantRefusal(t, err, test.kind, "", http.StatusMethodNotAllowed)
				f.wantSent(t, manifestRequest(http.MethodDelete, "latest", "405"))
				f.wantExists(t, true, "latest")
			})
		})
	}
}

func TestUntagWithoutAResponseChecksTheTag(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		resolved bool // resolve the tag first
		fault    func(*wire.Recorder, string)
		kind     regret.Kind // empty: success
		writes   []string
	}{
		{"a lost response is a success if the tag is gone", false, (*wire.Recorder).LoseAnswer, "", []string{"lost"}},
		{"a lost request is retried if the tag was resolved before and has not changed", true, (*wire.Recorder).DropRequest, "", []string{"dropped", "202"}},
		{"a lost request has an unknown outcome if the tag was not resolved before", false, (*wire.Recorder).DropRequest, regret.ErrOutcomeUnknown, []string{"dropped"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, registry.Distribution3(), registry.Setup{})
			image := wire.OCIImage(t, "hello")
			f.repo.Push(t, image, "latest", "also")
			c := f.client(t)
			if test.resolved {
				if _, err := c.ResolveDigest(t.Context(), repository, "latest"); err != nil {
					t.Fatal(err)
				}
			}
			test.fault(f.recorder, http.MethodDelete)
			err := c.Untag(t.Context(), repository, "latest")
			if test.kind == "" && err != nil || test.kind != "" && !errors.Is(err, test.kind) {
				t.Errorf("%v, want %q", err, test.kind)
			}
			var writes []string
			for _, outcome := range test.writes {
				writes = append(writes, manifestRequest(http.MethodDelete, "latest", outcome))
			}
			f.wantWrites(t, writes...)
			f.wantExists(t, test.kind != "", "latest")
			f.wantExists(t, true, "also", image.Digest.String())
		})
	}
}

func TestTagWithoutManifestIsListedButNotFound(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest")
		f.ForgetManifest(t, repository, image.Digest)
		c := f.client(t)
		if _, err := c.ResolveDigest(t.Context(), repository, "latest"); !errors.Is(err, regret.ErrNotFound) {
			t.Errorf("resolve: %v", err)
		}
		if err := c.DeleteManifest(t.Context(), repository, image.Digest); !errors.Is(err, regret.ErrNotFound) {
			t.Errorf("delete: %v", err)
		}
		wantList(t, c.Tags(t.Context(), repository), "latest")
		if f.TagDelete {
			if err := c.Untag(t.Context(), repository, "latest"); err != nil {
				t.Error(err)
			}
			wantList(t, c.Tags(t.Context(), repository))
		}
	})
}
