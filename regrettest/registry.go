package regrettest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A Registry is an OCI registry in memory. It is safe for concurrent use.
type Registry struct {
	fake    *fakeregistry.Registry
	profile Profile
}

var (
	_ http.Handler      = (*Registry)(nil)
	_ http.RoundTripper = (*Registry)(nil)
)

// New returns an empty registry. Without options it does what the specification says, and allows
// everybody everything. Nil options are ignored.
func New(opts ...Option) *Registry {
	var c config
	for _, opt := range opts {
		if opt != nil {
			opt(&c)
		}
	}
	fake := c.profile.imitated
	return &Registry{fake.New(append(c.overlays, fake.WithUsers(c.basic, c.tokens, c.anonymous))...), c.profile}
}

// ServeHTTP implements [http.Handler]. The registry expects to be served at the root of a host.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.fake.ServeHTTP(w, req) }

// RoundTrip implements [http.RoundTripper] without a socket. The registry answers under every host
// name.
func (r *Registry) RoundTrip(req *http.Request) (*http.Response, error) {
	return r.fake.RoundTrip(req)
}

// OtherClient returns a transport for another client than the one under test: its requests are
// neither recorded nor made to fail, and are not passed to the function of [Registry.BeforeEach].
// Everything else, such as what a profile does with a push, is the same.
func (r *Registry) OtherClient() http.RoundTripper { return r.fake.OtherClient() }

// BeforeEach calls fn for each request when it has been recorded and before it is served, for what
// happens between two requests: in it, put content, move tags, or delete with
// [Registry.OtherClient]. The calls are made one at a time. fn must not read the body of the request.
// It replaces the function that was set before; nil removes it.
func (r *Registry) BeforeEach(fn func(req *http.Request)) { r.fake.BeforeEach(fn) }

// SetTag makes a tag point to a digest, whatever it pointed to before. The manifest need not exist:
// real registries can have tags that lead nowhere.
func (r *Registry) SetTag(repository, tag string, dgst digest.Digest) {
	r.fake.SetTag(repository, tag, dgst)
}

// Tags returns the tags of a repository and the digests that they point to. It is nil if the
// repository does not exist.
func (r *Registry) Tags(repository string) map[string]digest.Digest { return r.fake.Tags(repository) }

// HasManifest reports whether a repository has a manifest.
func (r *Registry) HasManifest(repository string, dgst digest.Digest) bool {
	return r.fake.HasManifest(repository, dgst)
}

// HasBlob reports whether a repository has a blob, which is a layer, a configuration or the like.
func (r *Registry) HasBlob(repository string, dgst digest.Digest) bool {
	return r.fake.HasBlob(repository, dgst)
}

// RevokeTokens revokes all tokens that the registry has issued, as if they had expired.
func (r *Registry) RevokeTokens() { r.fake.RevokeTokens() }

// CollectGarbage collects garbage once, in all repositories, as the registry of the profile does it.
// The collector is one of [Profile.Collectors]; if it is empty, the first is taken. For registries
// that spare what was pushed a moment ago, everything counts as old.
//
// Errors: the profile has no such collector, or the collection fails, as that of distribution 2.8
// can; then nothing has been removed.
func (r *Registry) CollectGarbage(collector string) error {
	if len(r.profile.imitated.Collectors) == 0 {
		return errors.New("regrettest: the registry collects no garbage: give it a profile that has Collectors")
	}
	for _, c := range r.profile.imitated.Collectors {
		if collector != "" && collector != c.Name {
			continue
		}
		switch _, err := r.fake.CollectGarbage(c); {
		case errors.Is(err, fakeregistry.ErrNeverTagged):
			return fmt.Errorf("regrettest: %s of %s fails because a repository with manifests has never had a tag: tag one there", c.Name, r.profile.Title)
		case err != nil:
			return fmt.Errorf("regrettest: %s: %w", c.Name, err)
		}
		return nil
	}
	return fmt.Errorf("regrettest: %s has no collector %q: choose from %q", r.profile.Title, collector, strings.Join(r.profile.Collectors, ", "))
}
