package regret

import (
	"errors"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// Digest is the field's own type: algorithm and hash, "sha256:e45f…".
type Digest = digest.Digest

// Descriptor is the field's own type: media type, digest and size.
type Descriptor = ocispec.Descriptor

// A Reference names an image as people write it, taken apart.
type Reference struct {
	Registry   string // for [New]: "registry.example.com", "localhost:5000", "docker.io"
	Repository string // "team/app"
	Tag        string // empty where there is none
	Digest     Digest // empty where there is none
}

// ParseReference takes "localhost:5000/busybox:latest" apart. The rules are
// those of docker: what comes before the first slash is a registry if it has a
// dot or a colon or is "localhost", otherwise the registry is docker.io, and
// "busybox" there means "library/busybox". A missing tag stays missing: nothing
// that is about to be deleted is guessed to be "latest". A digest alone names
// no repository and is refused.
//
// Errors: [ErrInvalid]. It sends nothing.
func ParseReference(s string) (Reference, error) {
	named, err := reference.ParseNormalizedNamed(s)
	if grammar.Digest(Digest(s)) == nil { // which could also be read as the tag of a repository "sha256"
		err = errors.New("a digest without a repository")
	}
	if err != nil {
		return Reference{}, invalid("parse reference", "", "", "%q: %w", redactedReference(s), err)
	}
	r := Reference{Registry: reference.Domain(named), Repository: reference.Path(named)}
	if tagged, ok := named.(reference.Tagged); ok {
		r.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		r.Digest = digested.Digest()
	}
	return r, nil
}

// String writes the reference in its full form.
func (r Reference) String() string {
	s := r.Registry + "/" + r.Repository
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + string(r.Digest)
	}
	return s
}

// redactedReference drops what may be user information: it ends in an "@" as
// well, but no digest follows.
func redactedReference(s string) string {
	i := strings.LastIndexByte(s, '@')
	if i >= 0 && !strings.HasPrefix(s[i:], "@sha256:") && !strings.HasPrefix(s[i:], "@sha512:") {
		return origin.Shown(s)
	}
	return clip(s)
}

func clip(s string) string { return redact.Clip(s) }
