package fakeregistry

import "slices"

// Evidence is the source of a claim about a registry.
type Evidence string

// The kinds of evidence, from best to worst. The library promises only what rests on one of the
// first three.
const (
	Measured   Evidence = "R" // observed at that server, running on loopback
	ReadSource Evidence = "S" // read in its source code, but not run
	Documented Evidence = "D" // documented by its vendor
	Reported   Evidence = "I" // reported by a user
	Unverified Evidence = "U" // not known; the library does not rely on it
	NoSuch     Evidence = "—" // the registry does not have the feature
)

// Topic is the subject of a claim.
type Topic string

// The topics. Most are an operation on a registry in a particular state.
const (
	TopicResolve     Topic = "resolve"
	TopicList        Topic = "list tags"
	TopicDelete      Topic = "delete by digest"
	TopicUntagged    Topic = "delete an untagged manifest"
	TopicUntag       Topic = "delete by tag"
	TopicChild       Topic = "delete a child of an index"
	TopicIndex       Topic = "delete an index"
	TopicTwice       Topic = "delete twice"
	TopicMissing     Topic = "check delete"
	TopicMissingTag  Topic = "check untag"
	TopicForbidden   Topic = "missing permission"
	TopicImmutable   Topic = "immutable tag"
	TopicReadOnly    Topic = "read-only mode"
	TopicDisabled    Topic = "deletion disabled"
	TopicDisabledTag Topic = "deletion disabled, by tag"
	TopicThrottled   Topic = "rate limit"
	TopicReferrers   Topic = "referrers"
	TopicGarbage     Topic = "garbage collection"
	TopicPeculiar    Topic = "other" // anything else that is particular to the registry
	TopicCredential  Topic = "credentials"
)

// Topics returns the topics that apply to every registry, in the order of the columns of a table.
func Topics() []Topic {
	return []Topic{
		TopicResolve, TopicList, TopicDelete, TopicUntagged, TopicUntag, TopicChild, TopicIndex, TopicTwice, TopicMissing, TopicMissingTag,
		TopicForbidden, TopicImmutable, TopicReadOnly, TopicDisabled, TopicDisabledTag, TopicThrottled,
	}
}

// Claim is one statement about a registry with its evidence.
type Claim struct {
	Topic    Topic
	Evidence Evidence
	Says     string
}

// Profile describes a registry in use, and how to imitate it.
type Profile struct {
	Name    string
	Version string // the version that the claims describe
	Host    string // its host name, if it is a hosted service
	Options []Option
	Claims  []Claim

	// Collectors are the ways in which it collects garbage, for [Registry.CollectGarbage]. The first is
	// the default.
	Collectors []Collector

	offersBasic   bool     // it accepts Basic credentials in addition to tokens, and offers both
	basicOnly     bool     // it accepts Basic credentials only, no tokens
	deleteActions []string // the actions a token needs for a DELETE; nil for "delete"
	authOptions   []Option // further options that WithUser sets
	tokenOptions  []TokenOption
}

// Profiles returns all profiles, in the order of the rows of a table.
func Profiles() []Profile {
	return []Profile{
		Distribution2(), Distribution3(), Distribution30(), Zot(), Olareg(), Harbor(), Quay(), GitLab(), Gitea(), Nexus(), Artifactory(),
		Cloudflare(), Keppel(), GoContainerRegistry(), DockerHub(), DockerHub2023(), GHCR(), Google(), ECR(), ACR(),
	}
}

// New returns a registry that imitates this profile, with overlays applied after the options of the
// profile. If an overlay concerns a topic for which the profile has no [Profile.Evidence], such as
// [WithReadOnly] for zot, the registry responds like distribution and imitates no real registry.
func (p Profile) New(overlays ...Option) *Registry {
	return New(slices.Concat(p.Options, overlays)...)
}

// Evidence returns the weakest evidence of the claims about a topic, or Unverified if there are
// none.
func (p Profile) Evidence(topic Topic) Evidence {
	order := []Evidence{Measured, ReadSource, Documented, Reported, NoSuch, Unverified}
	weakest := -1
	for _, claim := range p.Claims {
		if claim.Topic == topic {
			weakest = max(weakest, slices.Index(order, claim.Evidence))
		}
	}
	if weakest < 0 {
		return Unverified
	}
	return order[weakest]
}

// WithUser requires credentials in the way of this registry and adds one user with the given
// rights, each of which is "pull", "push" or "delete".
func (p Profile) WithUser(name, password string, actions ...string) Option {
	users := []User{{name, password, []Grant{Allow("*", actions...)}}}
	if p.basicOnly {
		return p.WithUsers(users, nil, nil)
	}
	return p.WithUsers(nil, users, nil)
}

// satisfies reports whether condition holds after opts have been applied to empty options.
func satisfies(opts []Option, condition func(*options) bool) bool {
	var o options
	combine(opts)(&o)
	return condition(&o)
}

// combine returns an option that applies opts in order.
func combine(opts []Option) Option {
	return func(o *options) {
		for _, opt := range opts {
			opt(o)
		}
	}
}
