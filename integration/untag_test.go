package integration_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func TestUntagRemovesTheTagAloneOrNothing(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest", "also")
		err := s.client(t).Untag(t.Context(), repository, "latest")
		if s.TagDelete {
			if err != nil {
				t.Error(err)
			}
			s.wantSent(t, line(http.MethodDelete, "latest", "202"))
		} else {
			wantRefusal(t, err, regret.ErrTagDeleteUnsupported, regret.CodeDigestInvalid, http.StatusBadRequest)
			s.wantSent(t, line(http.MethodDelete, "latest", "400"))
		}
		s.wantThere(t, !s.TagDelete, "latest")
		s.wantThere(t, true, "also", image.Digest.String())
	})
}

func TestUntagOfAnUnknownTagIsNotFound(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		s.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
		want := regret.ErrNotFound
		if !s.TagDelete { // which does not look whether there is one
			want = regret.ErrTagDeleteUnsupported
		}
		if err := s.client(t).Untag(t.Context(), repository, "nope"); !errors.Is(err, want) {
			t.Errorf("%v, want %q", err, want)
		}
		s.wantThere(t, true, "latest")
	})
}

func TestUntagWhereNothingIsDeletedIsRefused(t *testing.T) {
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
			each(t, test.setup, func(t *testing.T, s *stage) {
				s.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
				err := s.client(t).Untag(t.Context(), repository, "latest")
				wantRefusal(t, err, test.kind, "", http.StatusMethodNotAllowed)
				s.wantSent(t, line(http.MethodDelete, "latest", "405"))
				s.wantThere(t, true, "latest")
			})
		})
	}
}

func TestAnUntaggingWithoutAnAnswerEndsAsTheTagTells(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		resolved bool // before it is untagged
		fault    func(*wire.Recorder, string)
		kind     regret.Kind // empty: success
		writes   []string
	}{
		{"the answer is lost", false, (*wire.Recorder).LoseAnswer, "", []string{"lost"}},
		{"the request is lost, and the tag is what it was", true, (*wire.Recorder).DropRequest, "", []string{"dropped", "202"}},
		{"the request is lost, and the tag may be another", false, (*wire.Recorder).DropRequest, regret.ErrOutcomeUnknown, []string{"dropped"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, registry.Distribution3(), registry.Setup{})
			image := wire.OCIImage(t, "hello")
			s.repo.Push(t, image, "latest", "also")
			c := s.client(t)
			if test.resolved {
				if _, err := c.ResolveDigest(t.Context(), repository, "latest"); err != nil {
					t.Fatal(err)
				}
			}
			test.fault(s.sent, http.MethodDelete)
			err := c.Untag(t.Context(), repository, "latest")
			if test.kind == "" && err != nil || test.kind != "" && !errors.Is(err, test.kind) {
				t.Errorf("%v, want %q", err, test.kind)
			}
			var writes []string
			for _, outcome := range test.writes {
				writes = append(writes, line(http.MethodDelete, "latest", outcome))
			}
			s.wantWrites(t, writes...)
			s.wantThere(t, test.kind != "", "latest")
			s.wantThere(t, true, "also", image.Digest.String())
		})
	}
}

func TestATagWhoseManifestIsGoneIsListedAndNotFound(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest")
		s.ForgetManifest(t, repository, image.Digest)
		c := s.client(t)
		if _, err := c.ResolveDigest(t.Context(), repository, "latest"); !errors.Is(err, regret.ErrNotFound) {
			t.Errorf("resolve: %v", err)
		}
		if err := c.DeleteManifest(t.Context(), repository, image.Digest); !errors.Is(err, regret.ErrNotFound) {
			t.Errorf("delete: %v", err)
		}
		wantList(t, c.Tags(t.Context(), repository), "latest")
		if s.TagDelete {
			if err := c.Untag(t.Context(), repository, "latest"); err != nil {
				t.Error(err)
			}
			wantList(t, c.Tags(t.Context(), repository))
		}
	})
}
