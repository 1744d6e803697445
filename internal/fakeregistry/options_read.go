package fakeregistry

import (
	"net/http"
	"strconv"
)

// reading is how answers to reads deviate.
type readOptions struct {
	ociImageHidden bool
	strictAccept   bool
	acceptedOnly   bool
	charset        bool
	withoutVersion bool
	withoutEtag    bool
	withoutNewline bool
	header         []string // names and values in turn
	pullLimit      int      // 0 for none
	pulls          int
}

// listing is how lists deviate.
type listOptions struct {
	googleTags    bool
	nullReferrers bool
	pageSize      int
	unknownLast   int
	lostLast      bool
	linkForm      LinkForm
	linkAlways    bool
	linkLoop      bool
}

// WithOCIImageHiddenWithoutAccept answers 404 MANIFEST_UNKNOWN for OCI images whose media type is not in Accept, but
// serves indexes to everybody, as distribution 3 does.
func WithOCIImageHiddenWithoutAccept() Option {
	return func(o *options) { o.ociImageHidden = true }
}

// WithStrictAccept redirects from an index that the client does not accept to the first of its children that it does,
// and answers 406 where there is none, as Keppel does.
func WithStrictAccept() Option {
	return func(o *options) { o.strictAccept = true }
}

// WithAcceptedOnly serves nothing whose media type is not named in Accept, if there is one and it has no "*/*": of an index
// asked for by tag the first child that is, and otherwise 404 MANIFEST_UNKNOWN, as olareg does.
func WithAcceptedOnly() Option {
	return func(o *options) { o.acceptedOnly = true }
}

// WithCharset names the charset of JSON, as Harbor and distribution 2.x do.
func WithCharset() Option {
	return func(o *options) { o.charset = true }
}

// WithoutAPIVersion leaves Docker-Distribution-Api-Version out, as zot does.
func WithoutAPIVersion() Option {
	return func(o *options) { o.withoutVersion = true }
}

// WithoutEtag leaves Etag out, as olareg does.
func WithoutEtag() Option {
	return func(o *options) { o.withoutEtag = true }
}

// WithoutNewline ends lists where the JSON ends, as olareg does.
func WithoutNewline() Option {
	return func(o *options) { o.withoutNewline = true }
}

// WithHeader adds a header to every answer: Google's registries send "Server: Docker Registry".
func WithHeader(key, value string) Option {
	return func(o *options) { o.header = append(o.header, key, value) }
}

// WithPullLimit counts every GET of a manifest, but no HEAD, says in RateLimit-Limit and RateLimit-Remaining what is left
// of n in six hours, and answers 429 from then on, as Docker Hub does with 100 for who is anonymous.
func WithPullLimit(n int) Option {
	return func(o *options) { o.pullLimit = n }
}

// pull counts a request for a manifest against the limit.
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

// WithGoogleTags lists with the tags the children of the repository's name and every manifest with its tags, size and
// times, all on one page, as Google's registries do.
func WithGoogleTags() Option {
	return func(o *options) { o.googleTags = true }
}

// WithNullReferrers lists no referrers as "manifests":null, as olareg 0.1 did.
func WithNullReferrers() Option {
	return func(o *options) { o.nullReferrers = true }
}

// WithPageSize sends n entries a page where the client does not say how many: Cloudflare's serverless registry sends 50.
func WithPageSize(n int) Option {
	return func(o *options) { o.pageSize = n }
}

// WithUnknownLast answers a status and nothing else when last names no entry: zot does so with 404.
func WithUnknownLast(status int) Option {
	return func(o *options) { o.unknownLast = status }
}

// WithLostLast leaves out the entry after the place where last would be if there is no such entry, as distribution 3.0
// does.
func WithLostLast() Option {
	return func(o *options) { o.lostLast = true }
}

// LinkForm is how the Link to the next page is written.
type LinkForm int

// The forms in which registries write Link.
const (
	LinkRelative LinkForm = iota // </v2/…?last=x>; rel="next"
	LinkAbsolute                 // <https://…>; rel="next": Quay
	LinkUnquoted                 // </v2/…>; rel=next: olareg
	LinkBare                     // /v2/…; rel=next: Cloudflare's serverless registry
)

// WithLinkForm writes Link in another form.
func WithLinkForm(form LinkForm) Option {
	return func(o *options) { o.linkForm = form }
}

// WithLinkAlways adds a Link to every page that is not empty, the last one included, as Gitea does.
func WithLinkAlways() Option {
	return func(o *options) { o.linkAlways = true }
}

// WithLinkLoop lets every page link to the first one. No registry is known to: it is what a broken one would do.
func WithLinkLoop() Option {
	return func(o *options) { o.linkLoop = true }
}
