package regrettest

import (
	"slices"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// An Option configures a [Registry]. The order of options does not matter.
type Option func(*config)

// config is what the options record.
type config struct {
	profile       Profile
	overlays      []fakeregistry.Option
	basic, tokens []fakeregistry.User
	anonymous     []fakeregistry.Grant
}

func overlay(opt fakeregistry.Option) Option {
	return func(c *config) { c.overlays = append(c.overlays, opt) }
}

// WithProfile makes the registry behave as one in use. Where another option asks for something that
// this registry does not have, such as a read-only mode, the response is made up.
func WithProfile(p Profile) Option { return func(c *config) { c.profile = p } }

// WithDeleteDisabled refuses every deletion, of tags, manifests and blobs, with 405 UNSUPPORTED
// unless the profile has another response. Many registries come like this.
func WithDeleteDisabled() Option { return overlay(fakeregistry.WithDeleteDisabled()) }

// WithReadOnly refuses everything but reads, with 405 unless the profile has another response.
func WithReadOnly() Option { return overlay(fakeregistry.WithReadOnly()) }

// WithImmutableTags refuses to move or delete these tags, and to delete what they point to, with 412
// PRECONDITION unless the profile has another response.
func WithImmutableTags(tags ...string) Option {
	return overlay(fakeregistry.WithImmutableTags(slices.Clone(tags)...))
}

// WithPageSize limits the pages of all lists to n entries, whatever the client asks for. A page that
// is not the last has a Link to the next, so that a few tags show whether a client follows it.
func WithPageSize(n int) Option { return overlay(fakeregistry.WithPageCap(n)) }

// A Grant allows actions on some repositories.
type Grant struct {
	Repository string   // a name in which "*" matches anything; "registry:catalog" for the list of all repositories
	Actions    []string // "pull", "push", "delete"; "*" for all
}

// WithBasicAuth requires credentials and accepts this user's, as a server with an htpasswd file does.
// Without grants the user may do everything. The option may be repeated for further users.
func WithBasicAuth(user, password string, grants ...Grant) Option {
	return func(c *config) { c.basic = append(c.basic, newUser(user, password, grants, "catalog")) }
}

// WithTokenAuth requires bearer tokens, which the registry itself issues at /token to this user, with
// what the grants allow. Without grants the user may do everything. The option may be repeated for
// further users. Tokens are valid for five minutes unless the profile has another lifetime.
func WithTokenAuth(user, password string, grants ...Grant) Option {
	return func(c *config) { c.tokens = append(c.tokens, newUser(user, password, grants, catalog)) }
}

// WithAnonymousTokens requires bearer tokens and issues them, with what the grants allow, to clients
// without credentials, too: public registries do so for pulling.
func WithAnonymousTokens(grants ...Grant) Option {
	return func(c *config) { c.anonymous = append(c.anonymous, newGrants(grants, catalog)...) }
}

// catalog is the name of the list of repositories in grants.
const catalog = "registry:catalog"

func newUser(name, password string, grants []Grant, listName string) fakeregistry.User {
	if len(grants) == 0 {
		grants = []Grant{{"*", []string{"*"}}}
	}
	return fakeregistry.User{Name: name, Password: password, Grants: newGrants(grants, listName)}
}

// newGrants converts grants. The list of repositories has another name for users with Basic
// credentials.
func newGrants(grants []Grant, listName string) []fakeregistry.Grant {
	converted := make([]fakeregistry.Grant, len(grants))
	for i, g := range grants {
		if g.Repository == catalog {
			g.Repository = listName
		}
		converted[i] = fakeregistry.Allow(g.Repository, slices.Clone(g.Actions)...)
	}
	return converted
}
