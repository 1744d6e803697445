package regret

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
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
// a dot, a colon or a capital letter or is "localhost"; otherwise the registry is
// docker.io, where "busybox" means "library/busybox". It differs from docker in three
// ways. It does not replace a missing tag by "latest", so that a deletion never hits a
// guessed tag. A digest alone is an error because it names no repository. And the
// host of a registry may contain underscores, as those of containers do; docker takes
// some of these for a repository.
//
// A name with a scheme, such as "docker://", is an error that says so.
//
// Errors: [ErrInvalid]. Sends nothing.
func ParseReference(s string) (Reference, error) {
	r, err := parseReference(s)
	if err != nil {
		return Reference{}, invalid("parse reference", "", "", "%q: %w", redactedReference(s), err)
	}
	return r, nil
}

func parseReference(s string) (Reference, error) {
	switch {
	case grammar.Digest(Digest(s)) == nil: // docker would read it as a tag of the repository "sha256"
		return Reference{}, errors.New("a digest without a repository")
	case hasTransport(s):
		name, _, _ := strings.Cut(s, ":")
		return Reference{}, fmt.Errorf("%q is not in a registry: this names another place where podman and skopeo find images", name+":")
	}
	host, plain := plainHost(s)
	named, err := reference.ParseNormalizedNamed(plain)
	if err != nil {
		return Reference{}, explainReference(s, err)
	}
	r := Reference{Registry: reference.Domain(named), Repository: reference.Path(named)}
	if host != "" {
		r.Registry = host
	}
	if r.Registry == "" { // distribution/reference takes what is no host for a part of the path
		host, _, _ = strings.Cut(s, "/")
		return Reference{}, fmt.Errorf("%q is not the host of a registry", clip(host))
	}
	if tagged, ok := named.(reference.Tagged); ok {
		r.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		r.Digest = digested.Digest()
	}
	return r, nil
}

// plainHost returns the registry of a name if its host has an underscore, which the
// grammar of distribution/reference does not allow, and the name with a host that
// has dashes instead.
func plainHost(s string) (host, plain string) {
	host, rest, ok := strings.Cut(s, "/")
	isRegistry := strings.ContainsAny(host, ".:") || strings.ToLower(host) != host
	if !ok || !isRegistry || !strings.Contains(host, "_") || origin.CheckHost(host) != nil {
		return "", s
	}
	return host, strings.ReplaceAll(host, "_", "-") + "/" + rest
}

// transports are the prefixes with which podman and skopeo name images outside of
// registries, except those that may be a repository, such as "docker" in "docker:dind".
//
// See https://github.com/containers/image/blob/main/docs/containers-transports.5.md
var transports = []string{"docker-daemon:", "docker-archive:", "oci-archive:", "containers-storage:"}

// hasTransport reports whether a name begins with one of them, unless that is a host
// with a port.
func hasTransport(s string) bool {
	if host, _, ok := strings.Cut(s, "/"); ok && origin.CheckHost(host) == nil {
		return false
	}
	return slices.ContainsFunc(transports, func(name string) bool { return strings.HasPrefix(s, name) })
}

var schemePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]{0,31}://`)

// explainReference adds to an error of distribution/reference, which is the same
// for all names, what is wrong with this one.
func explainReference(s string, err error) error {
	switch scheme := schemePattern.FindString(s); {
	case scheme != "":
		return fmt.Errorf("%w: leave out the scheme %q", err, scheme)
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("%w: it has white space around it", err)
	case strings.HasSuffix(s, "/"):
		return fmt.Errorf("%w: leave out the slash at its end", err)
	case strings.HasPrefix(s, "/"):
		return fmt.Errorf("%w: there is no registry before its first slash", err)
	}
	return err
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
