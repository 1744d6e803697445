package fakeregistry

// Option makes a registry deviate from the behaviour in the specification, usually as a particular
// registry does.
type Option func(*options)

type options struct {
	basic            []basicUser
	basicRealm       string
	basicUnoffered   bool
	quietChallenge   bool
	tokens           *TokenService
	deleteActions    []string
	deleteDisabled   bool
	readOnly         bool
	withoutTagDelete bool

	schema1Conversion bool
	ociHidden         bool
	childForList      bool
	withoutDigest     bool
	headStatus        int

	nullTags         bool
	withoutReferrers bool
	withoutPaging    bool
	pageCap          int

	blobDigestDelete  bool
	childProtection   bool
	distributionMajor int // imitate further details of distribution 2 or 3; 0 for neither
	withoutLog        bool

	deleteOptions
	alongOptions
	listOptions
	readOptions
	selfHostedOptions
	refusals refusals // responses that differ from those of distribution
}

// WithBasicAuth requires a user name and a password, as distribution does with an htpasswd file. It
// may be used more than once to add several users.
func WithBasicAuth(user, password string) Option {
	return func(o *options) { o.basic = append(o.basic, basicUser{name: user, password: password}) }
}

// WithBasicGrants is WithBasicAuth for a user with limited rights, as with zot's access control. A
// request that is not granted gets 403 DENIED.
func WithBasicGrants(user, password string, grants ...Grant) Option {
	return func(o *options) {
		o.basic = append(o.basic, basicUser{name: user, password: password, limited: true, grants: grants})
	}
}

// WithBasicRealm sets the realm of the Basic challenge. In zot it is "zot".
func WithBasicRealm(realm string) Option {
	return func(o *options) { o.basicRealm = realm }
}

// WithUnofferedBasic accepts Basic credentials without sending a Basic challenge, as Harbor does in
// addition to tokens.
func WithUnofferedBasic() Option {
	return func(o *options) { o.basicUnoffered = true }
}

// WithTokenAuth requires a Bearer token of the given service, as distribution, Docker Hub and most
// hosted registries do. Together with WithBasicAuth it sends both challenges and accepts either
// kind of credentials, as Gitea does.
func WithTokenAuth(ts *TokenService) Option {
	return func(o *options) { o.tokens = ts }
}

// WithQuietChallenge omits the error parameter from the challenge that follows a rejected token, as
// Quay does.
func WithQuietChallenge() Option {
	return func(o *options) { o.quietChallenge = true }
}

// WithDeleteActions requires the given actions for a DELETE instead of "delete". Quay requires
// "pull" and "push".
func WithDeleteActions(actions ...string) Option {
	return func(o *options) { o.deleteActions = actions }
}

// WithDeleteDisabled responds with 405 UNSUPPORTED to every DELETE of a manifest, tag or blob, as
// distribution does without storage.delete.enabled.
func WithDeleteDisabled() Option {
	return func(o *options) { o.deleteDisabled = true }
}

// WithReadOnly responds to all methods except GET and HEAD with 405 in plain text and "Allow: GET,
// HEAD", as distribution does in its read-only maintenance mode.
func WithReadOnly() Option {
	return func(o *options) { o.readOnly = true }
}

// WithoutTagDelete responds to a DELETE by tag with 400 DIGEST_INVALID, whether or not the tag
// exists, as distribution 2.x does.
func WithoutTagDelete() Option {
	return func(o *options) { o.withoutTagDelete = true }
}

// WithSchema1Conversion converts a schema2 image to a signed schema1 manifest if it is requested by
// tag without its media type in Accept, as distribution 2.x does. The converted manifest is not
// stored, so nothing else has its digest.
func WithSchema1Conversion() Option {
	return func(o *options) { o.schema1Conversion = true }
}

// WithOCIHiddenWithoutAccept responds with 404 MANIFEST_UNKNOWN to requests for OCI images and
// indexes whose media type is not in Accept, as distribution 2.x does.
func WithOCIHiddenWithoutAccept() Option {
	return func(o *options) { o.ociHidden = true }
}

// WithChildForMissingListAccept serves the linux/amd64 image of a Docker manifest list instead of
// the list if it is requested by tag without its media type in Accept, as distribution 2.x and 3
// do.
func WithChildForMissingListAccept() Option {
	return func(o *options) { o.childForList = true }
}

// WithoutDigestHeader omits Docker-Content-Digest, as ECR has been seen to do on GET.
func WithoutDigestHeader() Option {
	return func(o *options) { o.withoutDigest = true }
}

// WithHeadStatus responds to HEAD of every manifest with a bare status code, as Nexus has been seen
// to do with 404.
func WithHeadStatus(status int) Option {
	return func(o *options) { o.headStatus = status }
}

// WithNullTags encodes an empty list of tags as "tags":null, as distribution 2.x does.
func WithNullTags() Option {
	return func(o *options) { o.nullTags = true }
}

// WithoutReferrersAPI responds to the referrers API with 404 in plain text and does not acknowledge
// subjects with OCI-Subject, as distribution does.
func WithoutReferrersAPI() Option {
	return func(o *options) { o.withoutReferrers = true }
}

// WithoutPaging lists all tags at once and unsorted, as distribution 2.x does. It ignores n and
// last and sends no Link.
func WithoutPaging() Option {
	return func(o *options) { o.withoutPaging = true }
}

// WithPageCap limits pages of tags, repositories and referrers to n entries, even if the client
// asks for more, and sends a Link if there are more. Quay sends at most 100 tags.
func WithPageCap(n int) Option {
	return func(o *options) { o.pageCap = n }
}

// WithBlobDigestDelete makes a DELETE of a manifest by the digest of a blob remove that blob from
// the repository, as distribution 2.8 does.
func WithBlobDigestDelete() Option {
	return func(o *options) { o.blobDigestDelete = true }
}

// WithChildProtection responds with 405 DENIED to a DELETE of a manifest that an index lists, as
// zot does.
func WithChildProtection() Option {
	return func(o *options) { o.childProtection = true }
}

// WithDistribution2 imitates distribution 2.8 with deletion enabled: it sets all options above that
// name distribution 2.x and imitates the details of its error documents.
func WithDistribution2() Option {
	return func(o *options) {
		for _, opt := range []Option{
			WithoutTagDelete(), WithBlobDigestDelete(),
			WithSchema1Conversion(), WithOCIHiddenWithoutAccept(), WithChildForMissingListAccept(),
			WithNullTags(), WithoutPaging(), WithoutReferrersAPI(),
		} {
			opt(o)
		}
		o.distributionMajor = 2
	}
}

// WithoutLog disables the log of requests, for benchmarks and long runs.
func WithoutLog() Option {
	return func(o *options) { o.withoutLog = true }
}
