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

// Digest is the digest type of opencontainers/go-digest: algorithm and hash, "sha256:e45f…".
type Digest = digest.Digest

// Descriptor is the descriptor type of the OCI image specification: media type, digest and size.
type Descriptor = ocispec.Descriptor

// A Reference is the name of an image, split into its parts.
type Reference struct {
	Registry   string // for [New]: "registry.example.com", "localhost:5000", "docker.io"
	Repository string // "team/app"
	Tag        string // empty if there is none
	Digest     Digest // empty if there is none
}

// ParseReference parses a name such as "localhost:5000/busybox:latest". It follows
// the rules of docker: the part before the first slash is a registry if it contains
// a dot or a colon or is "localhost"; otherwise the registry is docker.io, where
// "busybox" means "library/busybox". Unlike docker, it does not replace a missing tag
// by "latest", so that a deletion never hits a guessed tag. A digest alone is an
// error because it names no repository.
//
// Errors: [ErrInvalid]. Sends nothing.
func ParseReference(s string) (Reference, error) {
	named, err := reference.ParseNormalizedNamed(s)
	if grammar.Digest(Digest(s)) == nil { // docker would read it as a tag of the repository "sha256"
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

// String returns the reference in its full form.
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

// redactedReference returns s without possible user information, which ends in "@"
// like the name before a digest, but is not followed by a digest.
func redactedReference(s string) string {
	i := strings.LastIndexByte(s, '@')
	if i >= 0 && !strings.HasPrefix(s[i:], "@sha256:") && !strings.HasPrefix(s[i:], "@sha512:") {
		return origin.Shown(s)
	}
	return clip(s)
}

func clip(s string) string { return redact.Clip(s) }
