package fakeregistry

// Option makes a registry deviate from the specification.
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
	distributionMajor int // whose details the answers have that deserve no option of their own: 2, 3, or 0 for neither
	withoutLog        bool

	deleteOptions
	listOptions
	readOptions
	refusals refusals // how refusals are put
}

// WithBasicAuth asks for a user and a password, as distribution does with an htpasswd file. Given several times, it
// knows several users.
func WithBasicAuth(user, password string) Option {
	return func(o *options) { o.basic = append(o.basic, basicUser{name: user, password: password}) }
}

// WithBasicGrants is WithBasicAuth for a user who may not do everything, as with zot's access control: what is not granted
// is 403 DENIED.
func WithBasicGrants(user, password string, grants ...Grant) Option {
	return func(o *options) {
		o.basic = append(o.basic, basicUser{name: user, password: password, limited: true, grants: grants})
	}
}

// WithBasicRealm names the realm of the Basic challenge: zot's is "zot".
func WithBasicRealm(realm string) Option {
	return func(o *options) { o.basicRealm = realm }
}

// WithUnofferedBasic takes Basic credentials without ever asking for them, as Harbor does beside its tokens.
func WithUnofferedBasic() Option {
	return func(o *options) { o.basicUnoffered = true }
}

// WithTokenAuth asks for a Bearer token of the given service, as distribution, Docker Hub and most hosted registries
// do. Together with WithBasicAuth it takes either and offers both, as Gitea does.
func WithTokenAuth(ts *TokenService) Option {
	return func(o *options) { o.tokens = ts }
}

// WithQuietChallenge says of a token that is refused nothing but the challenge again, as Quay does.
func WithQuietChallenge() Option {
	return func(o *options) { o.quietChallenge = true }
}

// WithDeleteActions asks for these actions for a DELETE instead of "delete": Quay wants "pull", "push".
func WithDeleteActions(actions ...string) Option {
	return func(o *options) { o.deleteActions = actions }
}

// WithDeleteDisabled answers every DELETE of a manifest, a tag or a blob with 405 UNSUPPORTED, as distribution does
// without storage.delete.enabled.
func WithDeleteDisabled() Option {
	return func(o *options) { o.deleteDisabled = true }
}

// WithReadOnly answers everything but GET and HEAD with 405 in plain text and "Allow: GET, HEAD", as distribution does
// in its read-only maintenance mode.
func WithReadOnly() Option {
	return func(o *options) { o.readOnly = true }
}

// WithoutTagDelete answers a DELETE by tag with 400 DIGEST_INVALID, whether or not there is such a tag, as
// distribution 2.x does.
func WithoutTagDelete() Option {
	return func(o *options) { o.withoutTagDelete = true }
}

// WithSchema1Conversion serves a schema2 image asked for by tag without its media type in Accept as a signed schema1
// manifest made up on the spot, whose digest exists nowhere, as distribution 2.x does.
func WithSchema1Conversion() Option {
	return func(o *options) { o.schema1Conversion = true }
}

// WithOCIHiddenWithoutAccept answers 404 MANIFEST_UNKNOWN for OCI images and indexes whose media type is not in
// Accept, as distribution 2.x does.
func WithOCIHiddenWithoutAccept() Option {
	return func(o *options) { o.ociHidden = true }
}

// WithChildForMissingListAccept serves the linux/amd64 image instead of the Docker manifest list it is asked for by
// tag if the list's media type is not in Accept, as distribution 2.x and 3 do.
func WithChildForMissingListAccept() Option {
	return func(o *options) { o.childForList = true }
}

// WithoutDigestHeader leaves Docker-Content-Digest out, as ECR has done on GET.
func WithoutDigestHeader() Option {
	return func(o *options) { o.withoutDigest = true }
}

// WithHeadStatus answers HEAD of every manifest with a status and nothing else: Nexus has done so with 404.
func WithHeadStatus(status int) Option {
	return func(o *options) { o.headStatus = status }
}

// WithNullTags lists the tags of a repository without any as "tags":null, as distribution 2.x does.
func WithNullTags() Option {
	return func(o *options) { o.nullTags = true }
}

// WithoutReferrersAPI answers the referrers API with 404 in plain text and does not acknowledge subjects, as
// distribution does.
func WithoutReferrersAPI() Option {
	return func(o *options) { o.withoutReferrers = true }
}

// WithoutPaging lists all tags at once, not sorted, whatever n and last say, and never a Link, as
// distribution 2.x does.
func WithoutPaging() Option {
	return func(o *options) { o.withoutPaging = true }
}

// WithPageCap sends at most n entries a page, of tags, repositories and referrers, whatever is asked for, and a Link if
// there are more: Quay does so with 100 tags.
func WithPageCap(n int) Option {
	return func(o *options) { o.pageCap = n }
}

// WithBlobDigestDelete accepts a DELETE of a manifest by the digest of a blob, and the blob is no longer in the
// repository, as with distribution 2.8.
func WithBlobDigestDelete() Option {
	return func(o *options) { o.blobDigestDelete = true }
}

// WithChildProtection answers 405 DENIED to a DELETE of a manifest that an index lists, as zot does.
func WithChildProtection() Option {
	return func(o *options) { o.childProtection = true }
}

// WithDistribution2 is distribution 2.8 with deletion enabled: all of its deviations above, and the details of its
// error documents.
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

// WithoutLog keeps no log of requests: for benchmarks and long runs.
func WithoutLog() Option {
	return func(o *options) { o.withoutLog = true }
}
