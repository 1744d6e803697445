package fakeregistry

import (
	"net/http"
	"strconv"
)

// readOptions are the options that change reads, and the header of every response.
type readOptions struct {
	ociImageHidden bool
	strictAccept   bool
	acceptedOnly   bool
	charset        bool
	withoutVersion bool
	withoutEtag    bool
	withoutNewline bool
	header         []string // alternating names and values
	pullLimit      int      // 0 for none
	pulls          int
}

// listOptions are the options that change lists.
type listOptions struct {
	googleTags    bool
	nullReferrers bool
	pageSize      int
	unknownLast   int
	lostLast      bool
	linkForm      LinkForm
	linkAlways    bool
	linkLoop      bool
	extraTags     []string
	maxSize       int // largest n; 0 for no limit
	sizeRefusal   SizeRefusal
}

// WithOCIImageHiddenWithoutAccept responds with 404 MANIFEST_UNKNOWN to requests for OCI images
// whose media type is not in Accept, but serves indexes regardless of Accept, as distribution 3
// does.
func WithOCIImageHiddenWithoutAccept() Option {
	return func(o *options) { o.ociImageHidden = true }
}

// WithStrictAccept serves only media types in Accept, as Keppel does, unless Accept is absent or
// contains "*/*". It redirects from an index to its first child that the client accepts. If there
// is none, it responds with 406.
func WithStrictAccept() Option {
	return func(o *options) { o.strictAccept = true }
}

// WithAcceptedOnly serves only media types in Accept, as olareg does, unless Accept is absent or
// contains "*/*". For an index requested by tag it serves the first child that the client accepts.
// Otherwise it responds with 404 MANIFEST_UNKNOWN.
func WithAcceptedOnly() Option {
	return func(o *options) { o.acceptedOnly = true }
}

// WithCharset adds "charset=utf-8" to the media type of JSON, as Harbor and distribution 2.x do.
func WithCharset() Option {
	return func(o *options) { o.charset = true }
}

// WithoutAPIVersion omits Docker-Distribution-Api-Version, as zot does.
func WithoutAPIVersion() Option {
	return func(o *options) { o.withoutVersion = true }
}

// WithoutEtag omits Etag, as olareg does.
func WithoutEtag() Option {
	return func(o *options) { o.withoutEtag = true }
}

// WithoutNewline sends lists without a final newline, as olareg does.
func WithoutNewline() Option {
	return func(o *options) { o.withoutNewline = true }
}

// WithHeader adds a header field to every response. Google's registries send "Server: Docker
// Registry".
func WithHeader(key, value string) Option {
	return func(o *options) { o.header = append(o.header, key, value) }
}

// WithPullLimit limits the number of GET requests for manifests to n, as Docker Hub does with 100
// for anonymous clients. HEAD requests do not count. RateLimit-Limit and RateLimit-Remaining give
// the limit and the rest, for a window of six hours. Once the limit is reached, the response is
// 429.
func WithPullLimit(n int) Option {
	return func(o *options) { o.pullLimit = n }
}

// countPull counts a request for a manifest against WithPullLimit.
func (r *Registry) countPull(w http.ResponseWriter, req *http.Request) *problem {
	if r.opts.pullLimit == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	exhausted := r.opts.pulls >= r.opts.pullLimit
	if req.Method == http.MethodGet && !exhausted {
		r.opts.pulls++
	}
	w.Header().Set("Ratelimit-Limit", strconv.Itoa(r.opts.pullLimit)+";w=21600")
	w.Header().Set("Ratelimit-Remaining", strconv.Itoa(r.opts.pullLimit-r.opts.pulls)+";w=21600")
	if exhausted && req.Method == http.MethodGet {
		return jsonProblem(http.StatusTooManyRequests, `{"message":"toomanyrequests: You have reached your pull rate limit."}`)
	}
	return nil
}

// WithGoogleTags adds the repositories below this one and all manifests, with their tags, sizes and
// times, to the list of tags and sends everything on one page, as Google's registries do.
func WithGoogleTags() Option {
	return func(o *options) { o.googleTags = true }
}

// WithNullReferrers encodes an empty list of referrers as "manifests":null, as olareg 0.1 did.
func WithNullReferrers() Option {
	return func(o *options) { o.nullReferrers = true }
}

// WithPageSize sets the number of entries on a page if the client does not ask for a number.
// Cloudflare's serverless registry sends 50.
func WithPageSize(n int) Option {
	return func(o *options) { o.pageSize = n }
}

// WithUnknownLast responds with a bare status code if the parameter last names no entry. zot
// responds with 404.
func WithUnknownLast(status int) Option {
	return func(o *options) { o.unknownLast = status }
}

// WithLostLast skips one entry too many if the parameter last names no entry: the page lacks the
// entry that would follow it. distribution 3.0 does so.
func WithLostLast() Option {
	return func(o *options) { o.lostLast = true }
}

// LinkForm is the syntax of the Link to the next page.
type LinkForm int

// The forms of Link that registries send.
const (
	LinkRelative      LinkForm = iota // </v2/…>; rel="next"
	LinkAbsolute                      // <https://…>; rel="next": Quay
	LinkUnquoted                      // </v2/…>; rel=next: olareg
	LinkBare                          // /v2/…; rel=next: Cloudflare's serverless registry
	LinkInnerPath                     // <https://…/repository/docker-hosted/v2/…>; rel="next": Nexus
	LinkWithoutPort                   // LinkAbsolute without the port: Nexus
	LinkWithoutPrefix                 // LinkRelative without the first component of the repository: Artifactory
)

// WithLinkForm sets the form of Link.
func WithLinkForm(form LinkForm) Option {
	return func(o *options) { o.linkForm = form }
}

// WithLinkAlways adds a Link to every page that is not empty, even to the last one, as Gitea does.
func WithLinkAlways() Option {
	return func(o *options) { o.linkAlways = true }
}

// WithLinkLoop makes every page link to the first one. No registry is known to do so; it imitates a
// broken one.
func WithLinkLoop() Option {
	return func(o *options) { o.linkLoop = true }
}

// WithExtraTags adds entries that may be invalid to every list of tags, without tags to match.
// Artifactory lists the digests of an index's children so, and public ECR "-ot-beta-jmx".
func WithExtraTags(entries ...string) Option {
	return func(o *options) { o.extraTags = append(o.extraTags, entries...) }
}

// SizeRefusal is the form in which a registry refuses a page size.
type SizeRefusal int

// The forms of refusals of a page size that registries send.
const (
	SizeRefusedByCode  SizeRefusal = iota // 400 PAGINATION_NUMBER_INVALID, with n: distribution
	SizeRefusedByQuay                     // 413 TOO_MANY_TAGS_REQUESTED, with the maximum
	SizeRefusedByECR                      // 405 UNSUPPORTED, with the maximum
	SizeRefusedWithout                    // 400 without a body: zot, if n is not a number
)

// WithMaxSize refuses lists of more than n entries per page, as distribution does with
// catalog.maxentries.
func WithMaxSize(n int, form SizeRefusal) Option {
	return func(o *options) { o.maxSize, o.sizeRefusal = n, form }
}
