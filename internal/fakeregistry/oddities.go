package fakeregistry

import (
	"net/http"
	"slices"
)

// Oddity is one unusual behaviour of a registry, or of a proxy in front of it.
type Oddity struct {
	Name     string
	Who      string // the registry that behaves so; empty for none in particular
	Evidence Evidence
	Options  []Option
	Faults   func(*Registry) // adds interceptors for what options cannot express; may be nil
}

// New returns a registry with this oddity, with overlays applied after its options.
func (o Oddity) New(overlays ...Option) *Registry {
	r := New(slices.Concat(o.Options, overlays)...)
	if o.Faults != nil {
		o.Faults(r)
	}
	return r
}

// nginx405 is the page that nginx sends with 405.
const nginx405 = "<html>\r\n<head><title>405 Not Allowed</title></head>\r\n<body>\r\n<center><h1>405 Not Allowed</h1></center>\r\n" +
	"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

// Oddities returns all oddities. Several can be combined by combining their options.
func Oddities() []Oddity {
	html := map[string]string{"Content-Type": "text/html"}
	return slices.Concat([]Oddity{
		{Name: "no digest in the header", Who: "ECR, on GET", Evidence: Reported, Options: []Option{WithoutDigestHeader()}},
		{Name: "HEAD is 404 although GET is 200", Who: "Nexus", Evidence: Reported, Options: []Option{WithHeadStatus(http.StatusNotFound)}},
		{Name: "tags stay when their manifest is deleted", Who: "Nexus", Evidence: Reported, Options: []Option{WithTagsLeft()}},
		{Name: "tags are removed in several requests", Who: "Cloudflare's serverless registry", Evidence: ReadSource, Options: []Option{WithUntagBatch(1)}},
		{Name: "500 although the manifest is deleted", Who: "Docker Hub", Evidence: Documented, Options: []Option{WithBackgroundDelete()}},
		{Name: "202 with errors", Who: "distribution 3", Evidence: ReadSource, Options: []Option{WithUntagFailure("v2")}},
		{Name: "307 to a child or 406 if the type is not accepted", Who: "Keppel", Evidence: ReadSource, Options: []Option{WithStrictAccept()}},
		{Name: "challenges for both Basic and Bearer", Who: "Gitea", Evidence: ReadSource, Options: []Option{
			WithBasicAuth("user", "password"), WithTokenAuth(NewTokenService("", "registry", WithUser("user", "password", Allow("*", "*")))),
		}},
		{Name: "a token without the action delete", Who: "any", Evidence: Measured, Options: []Option{
			WithTokenAuth(NewTokenService("", "registry", WithUser("user", "password", Allow("*", "pull")))),
		}},
	}, linkOddities(), []Oddity{
		faultOddity("406 with a number as code", "Artifactory", Reported, "DELETE",
			Answer(http.StatusNotAcceptable, map[string]string{"Content-Type": "application/json"}, `{"errors":[{"status":406,"message":"Not Acceptable"}]}`)),
		faultOddity("404 with an array as detail", "Nexus", Reported, "DELETE",
			Answer(http.StatusNotFound, map[string]string{"Content-Type": "application/json"},
				`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":[{"Name":"team/app"},{"Revision":"sha256:1"}]}]}`)),
		faultOddity("405 with an HTML page", "nginx", Documented, "DELETE", Answer(http.StatusMethodNotAllowed, html, nginx405)),
		faultOddity("403 with an HTML page", "a firewall", Unverified, "DELETE", Answer(http.StatusForbidden, html, "<html><head><title>403 Forbidden</title></head></html>")),
		faultOddity("JSON errors with the Content-Type text/plain", "olareg", Measured, "DELETE", Answer(http.StatusMethodNotAllowed, map[string]string{"Content-Type": "text/plain; charset=utf-8"},
			`{"errors":[{"code":"UNSUPPORTED","message":"the operation is unsupported","detail":"method not allowed"}]}`)),
		faultOddity("429 without a body", "olareg", ReadSource, "DELETE", Answer(http.StatusTooManyRequests, map[string]string{"Retry-After": "1"}, "")),
		faultOddity("401 regardless of the credentials", "", Unverified, "DELETE", Answer(http.StatusUnauthorized, map[string]string{"WWW-Authenticate": `Basic realm="again"`}, "")),
		{Name: "the connection breaks after the deletion", Who: "", Evidence: Measured, Faults: func(r *Registry) {
			r.Intercept(1, On("DELETE", "/"), r.LoseResponse())
		}},
	})
}

// linkOddities returns the oddities of the Link to the next page.
func linkOddities() []Oddity {
	paged := func(opts ...Option) []Option { return append([]Option{WithPageCap(2)}, opts...) }
	return []Oddity{
		{Name: "Link without quotes", Who: "olareg", Evidence: Measured, Options: paged(WithLinkForm(LinkUnquoted))},
		{Name: "Link without angle brackets", Who: "Cloudflare's serverless registry", Evidence: ReadSource, Options: paged(WithLinkForm(LinkBare))},
		{Name: "absolute Link", Who: "Quay", Evidence: ReadSource, Options: paged(WithLinkForm(LinkAbsolute))},
		{Name: "Link on the last page", Who: "Gitea", Evidence: ReadSource, Options: paged(WithLinkAlways())},
		{Name: "Link with an inner path", Who: "Nexus", Evidence: Reported, Options: paged(WithLinkForm(LinkInnerPath))},
		{Name: "Link without the first component of the repository", Who: "Artifactory", Evidence: Reported, Options: paged(WithLinkForm(LinkWithoutPrefix))},
		{Name: "digests among the tags", Who: "Artifactory", Evidence: Reported, Options: []Option{WithExtraTags("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")}},
		{Name: "an entry among the tags that is not one", Who: "public ECR", Evidence: Reported, Options: []Option{WithExtraTags("-ot-beta-jmx")}},
		{Name: "at most 100 tags per page, else 413", Who: "Quay", Evidence: Reported, Options: []Option{WithPageSize(2), WithMaxSize(100, SizeRefusedByQuay)}},
		{Name: "a maximum of the page size, else 405", Who: "ECR", Evidence: Reported, Options: []Option{WithPageSize(2), WithMaxSize(100, SizeRefusedByECR)}},
		{Name: "a maximum of the page size, else 400", Who: "distribution, of the catalog", Evidence: Measured, Options: []Option{WithPageSize(2), WithMaxSize(100, SizeRefusedByCode)}},
		{Name: "Link to the first page", Who: "", Evidence: Unverified, Options: paged(WithLinkLoop())},
	}
}

// interceptFunc is a function for [Registry.Intercept].
type interceptFunc = func(http.ResponseWriter, *http.Request) bool

// faultOddity returns an oddity that calls answer for all requests with the given method.
func faultOddity(name, who string, evidence Evidence, method string, answer interceptFunc) Oddity {
	return Oddity{Name: name, Who: who, Evidence: evidence, Faults: func(r *Registry) { r.Intercept(0, On(method, "/"), answer) }}
}
