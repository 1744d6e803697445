package plan_test

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

// A guardScene is a repository of which an image goes, and one stays together with its signature.
type guardScene struct {
	*repository
	image, kept regret.Descriptor
}

func companionOf(dgst regret.Digest) string { return strings.Replace(string(dgst), ":", "-", 1) }

// TestGuardFollowsTagsThatMove moves tags to what needs the image that goes.
func TestGuardFollowsTagsThatMove(t *testing.T) {
	t.Parallel()
	gone := companionOf(digest.FromString("gone")) + ".sig"
	for name, move := range map[string]func(s *guardScene){
		"an orphan's tag to a referrer of the image": func(s *guardScene) {
			s.referrer("application/x", s.image, gone)
		},
		"an orphan's tag to the image": func(s *guardScene) { s.tags[gone] = s.image.Digest },
		"a companion tag to a referrer of the image, and the owner's tags away": func(s *guardScene) {
			s.referrer("application/x", s.image, companionOf(s.kept.Digest)+".sig")
			s.tags["v1"] = s.image2().Digest
		},
		"a tag to a referrer of a referrer of the image": func(s *guardScene) {
			s.referrer("application/x", s.referrer("application/x", s.image), "sbom")
		},
		"a tag to an index that the plan knows as the owner of a companion tag only": func(s *guardScene) {
			s.tags["v2"] = s.owner(s.image).Digest
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository()
			s := &guardScene{repository: r, image: r.image("image", 1, 1, "pr-1"), kept: r.image("kept", 1, 1, "v1")}
			r.image("other", 1, 1, "latest")
			r.image("signature", 1, 1, companionOf(s.kept.Digest)+".sig")
			r.image("orphan", 1, 1, gone)
			r.image("signature of an owner", 1, 1, companionOf(s.owner(s.image).Digest)+".sig")
			_, g := r.guard(t)
			if reason, held := g.Holds(s.image.Digest); held {
				t.Fatalf("the image is held before anything has moved: %s", reason.Text)
			}
			move(s)
			r.tell(t, g)
			if _, held := g.Holds(s.image.Digest); !held {
				t.Error("the image is not held")
			}
		})
	}
}

// owner is an index of an image, without a tag.
func (s *guardScene) owner(image regret.Descriptor) regret.Descriptor {
	return s.index([]regret.Descriptor{image})
}

func (s *guardScene) image2() regret.Descriptor { return s.repository.image("image 2", 1, 1) }
