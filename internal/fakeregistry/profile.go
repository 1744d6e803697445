package fakeregistry

import "slices"

// Evidence says how a claim about a registry is known.
type Evidence string

// The kinds of evidence, the best first. Only the first three carry a promise.
const (
	Measured   Evidence = "R" // asked of that server, running on loopback
	ReadSource Evidence = "S" // read in its source, not run
	Documented Evidence = "D" // its vendor says so
	Reported   Evidence = "I" // seen in a report by somebody who uses it
	Unverified Evidence = "U" // nobody knows: nothing is built on it
	NoSuch     Evidence = "—" // the registry has no such thing
)

// Topic is what a claim is about.
type Topic string

// The topics, each an operation on a registry in some state.
const (
	TopicResolve     Topic = "resolve"
	TopicList        Topic = "list tags"
	TopicDelete      Topic = "delete by digest"
	TopicUntagged    Topic = "delete an untagged one"
	TopicUntag       Topic = "delete by tag"
	TopicChild       Topic = "a child of an index"
	TopicIndex       Topic = "an index"
	TopicTwice       Topic = "twice"
	TopicMissing     Topic = "missing"
	TopicForbidden   Topic = "forbidden"
	TopicImmutable   Topic = "immutable"
	TopicReadOnly    Topic = "read-only"
	TopicDisabled    Topic = "disabled"
	TopicDisabledTag Topic = "disabled, by tag"
	TopicThrottled   Topic = "throttled"
	TopicReferrers   Topic = "referrers"
	TopicPeculiar    Topic = "peculiar" // whatever else sets it apart
	TopicCredential  Topic = "credentials"
)

// Topics are all topics that every registry has something to say about, in the order of a table.
func Topics() []Topic {
	return []Topic{
		TopicResolve, TopicList, TopicDelete, TopicUntagged, TopicUntag, TopicChild, TopicIndex, TopicTwice, TopicMissing,
		TopicForbidden, TopicImmutable, TopicReadOnly, TopicDisabled, TopicDisabledTag, TopicThrottled,
	}
}

// Claim is one thing that is known about a registry, and how.
type Claim struct {
	Topic    Topic
	Evidence Evidence
	Says     string
}

// Profile is a registry that people use, as options of this one.
type Profile struct {
	Name    string
	Version string // what was looked at
	Host    string // where it is, if there is only one of it
	Options []Option
	Claims  []Claim

	basicOnly     bool     // it takes Basic credentials alone
	deleteActions []string // what its token service calls deleting; nil for "delete"
	authOptions   []Option // more about how it authenticates
	tokenOptions  []TokenOption
}

// Profiles are all of them, in the order of a table.
func Profiles() []Profile {
	return []Profile{
		Distribution2(), Distribution3(), Distribution30(), Zot(), Olareg(), Harbor(), Quay(), GitLab(), Gitea(), Nexus(), Artifactory(),
		Cloudflare(), Keppel(), DockerHub(), DockerHub2023(), GHCR(), Google(), ECR(), ACR(),
	}
}

// New makes a registry of this profile; more options are laid over it. An overlay about a topic that the profile has no
// [Profile.Evidence] for, such as [WithReadOnly] for zot, is answered in the words of distribution: it imitates nothing.
func (p Profile) New(overlays ...Option) *Registry {
	return New(slices.Concat(p.Options, overlays)...)
}

// Evidence is how what is claimed about a topic is known: by the weakest claim, and Unverified if there is none.
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

// WithUser asks for credentials in the way of this registry, and knows one user who may do what the actions say: pull,
// push, delete.
func (p Profile) WithUser(name, password string, actions ...string) Option {
	allowed := slices.Clone(actions)
	if i := slices.Index(allowed, "delete"); i >= 0 && p.deleteActions != nil {
		allowed = slices.Concat(allowed[:i], p.deleteActions, allowed[i+1:])
	}
	grant := Allow("*", allowed...)
	opts := slices.Clone(p.authOptions)
	if p.basicOnly {
		opts = append(opts, WithBasicGrants(name, password, grant))
	} else {
		service := NewTokenService("", "registry", append([]TokenOption{WithUser(name, password, grant), WithCredentialsRequired()}, p.tokenOptions...)...)
		opts = append(opts, WithTokenAuth(service))
		if p.deleteActions != nil {
			opts = append(opts, WithDeleteActions(p.deleteActions...))
		}
		if satisfies(opts, func(o *options) bool { return o.basicUnoffered }) {
			opts = append(opts, WithBasicGrants(name, password, grant))
		}
	}
	return combine(opts)
}

// has says whether the options come to something.
func satisfies(opts []Option, is func(*options) bool) bool {
	var o options
	combine(opts)(&o)
	return is(&o)
}

// all is several options in one.
func combine(opts []Option) Option {
	return func(o *options) {
		for _, opt := range opts {
			opt(o)
		}
	}
}
