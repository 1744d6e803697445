package fakeregistry

import (
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	// go-digest supports the algorithms of the image specification only if they are linked.
	_ "crypto/sha256"
	_ "crypto/sha512"
)

// endpoint identifies a path that the registry serves. The comments name the rows of the
// specification's table.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
type endpoint int

const (
	endpointBase      endpoint = iota // end-1
	endpointBlob                      // end-2, end-10
	endpointManifest                  // end-3, end-7, end-9
	endpointUploads                   // end-4, end-11
	endpointUpload                    // end-5, end-6, end-13
	endpointTags                      // end-8
	endpointReferrers                 // end-12
	endpointCatalog                   // not in the specification, but in distribution
)

// route is a parsed path.
type route struct {
	endpoint endpoint
	name     string // of the repository
	ref      string // tag, digest or upload id
}

// parseRoute parses a path from its end, because a repository name may contain words such as
// "manifests" or "blobs".
func parseRoute(path string) (route, bool) {
	if path == "/v2/" {
		return route{endpoint: endpointBase}, true
	}
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return route{}, false
	}
	if rest == "_catalog" {
		return route{endpoint: endpointCatalog}, true
	}
	parts := strings.Split(rest, "/")
	n := len(parts)
	if n >= 3 && parts[n-2] == "blobs" && parts[n-1] == "uploads" {
		parts = append(parts, "") // clients often omit the trailing slash
		n++
	}
	if n < 3 {
		return route{}, false
	}
	name, ref := strings.Join(parts[:n-2], "/"), parts[n-1]
	switch kind := parts[n-2]; {
	case kind == "uploads" && n >= 4 && parts[n-3] == "blobs" && ref == "":
		return route{endpointUploads, strings.Join(parts[:n-3], "/"), ""}, true
	case kind == "uploads" && n >= 4 && parts[n-3] == "blobs":
		return route{endpointUpload, strings.Join(parts[:n-3], "/"), ref}, true
	case kind == "manifests" && ref != "":
		return route{endpointManifest, name, ref}, true
	case kind == "blobs" && ref != "":
		return route{endpointBlob, name, ref}, true
	case kind == "tags" && ref == "list":
		return route{endpointTags, name, ""}, true
	case kind == "referrers" && ref != "":
		return route{endpointReferrers, name, ref}, true
	}
	return route{}, false
}

// hasValidName reports whether the repository name, if the endpoint has one, matches the grammar.
func (rt route) hasValidName() bool {
	return rt.endpoint == endpointBase || rt.endpoint == endpointCatalog || validName(rt.name)
}

// matchesDistribution reports whether distribution has a route for the path. Its names may begin
// with a host.
func (rt route) matchesDistribution() bool {
	host, rest, _ := strings.Cut(rt.name, "/")
	return (rt.hasValidName() || validName(strings.ToLower(host)) && validName(rest)) && (rt.endpoint != endpointManifest || validTag(rt.ref) || strings.Contains(rt.ref, ":"))
}

// handlerFunc serves one method of one endpoint. It either writes a response and returns nil, or
// returns the problem to respond with.
type handlerFunc func(http.ResponseWriter, *http.Request, route) *problem

func (r *Registry) routeTable() map[endpoint]map[string]handlerFunc {
	return map[endpoint]map[string]handlerFunc{
		endpointBase:      {"GET": r.getBase},
		endpointBlob:      {"GET": r.getBlob, "DELETE": r.deleteBlob},
		endpointManifest:  {"GET": r.getManifest, "PUT": r.putManifest, "DELETE": r.deleteManifest},
		endpointUploads:   {"POST": r.postUpload},
		endpointUpload:    {"GET": r.getUpload, "PATCH": r.patchUpload, "PUT": r.putUpload, "DELETE": r.deleteUpload},
		endpointTags:      {"GET": r.getTags},
		endpointReferrers: {"GET": r.getReferrers},
		endpointCatalog:   {"GET": r.getCatalog},
	}
}

// serve handles a request after it was logged and no interceptor has responded to it.
func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	if r.opts.tokens != nil && r.opts.tokens.serves(req) {
		r.opts.tokens.ServeHTTP(w, req)
		return
	}
	if req.URL.Path == "/v2" {
		http.Redirect(w, req, "/v2/", http.StatusMovedPermanently)
		return
	}
	if strings.HasPrefix(req.URL.Path, "/v2/") && !r.opts.withoutVersion {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	}
	for pair := range slices.Chunk(r.opts.header, 2) {
		w.Header().Set(pair[0], pair[1])
	}
	rt, ok := parseRoute(req.URL.Path)
	if !ok || rt.endpoint == endpointReferrers && r.opts.withoutReferrers || r.opts.distributionMajor > 0 && !rt.matchesDistribution() {
		http.NotFound(w, req)
		return
	}
	if p := r.dispatch(w, req, rt); p != nil {
		r.writeProblem(w, p)
	}
}

// dispatch checks credentials and method and calls the handler.
func (r *Registry) dispatch(w http.ResponseWriter, req *http.Request, rt route) *problem {
	if p := r.authorize(w, req, rt); p != nil {
		return p
	}
	read := req.Method == http.MethodGet || req.Method == http.MethodHead
	if r.opts.readOnly && !read {
		return r.refusalFor(reasonReadOnly, requestInfo{req: req, route: rt}, methodNotAllowed("GET, HEAD"))
	}
	if r.opts.pushDisabled && !read {
		return unsupported()
	}
	methods := r.routes[rt.endpoint]
	method := req.Method
	if method == http.MethodHead {
		method = http.MethodGet // the server omits the body
	}
	if rt.endpoint == endpointManifest {
		rt.ref = r.existingTag(rt.name, rt.ref)
	}
	handler, ok := methods[method]
	switch {
	case r.opts.withoutListHead && req.Method == http.MethodHead && (rt.isList() || rt.endpoint == endpointBase):
		return &problem{status: http.StatusMethodNotAllowed}
	case r.opts.distributionMajor > 0 && (!ok || req.Method == http.MethodHead && rt.isList()):
		return methodNotAllowed(r.allowHeader(rt, methods))
	case !ok:
		w.Header().Set("Allow", r.allowHeader(rt, methods))
		return unsupported()
	case !rt.hasValidName() && r.opts.distributionMajor == 0:
		return r.refusalFor(reasonInvalidName, requestInfo{req: req, route: rt},
			newProblem(http.StatusBadRequest, codeNameInvalid, "invalid repository name", map[string]string{"name": rt.name}))
	}
	return handler(w, req, rt)
}

// isList reports whether the endpoint is a list. Lists do not support HEAD in distribution.
func (rt route) isList() bool { return rt.endpoint == endpointTags || rt.endpoint == endpointCatalog }

// allowHeader returns the value of Allow.
func (r *Registry) allowHeader(rt route, methods map[string]handlerFunc) string {
	var names []string
	for name := range methods {
		names = append(names, name)
		if name == http.MethodGet && (r.opts.distributionMajor == 0 || !rt.isList()) {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// getBase confirms that the server implements the distribution API.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#determining-support
func (r *Registry) getBase(w http.ResponseWriter, _ *http.Request, _ route) *problem {
	w.Header().Set("Content-Type", r.jsonType())
	w.Header().Set("Content-Length", "2")
	writeBytes(w, []byte("{}"))
	return nil
}

// The functions below check the grammar of names and references.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests

func validName(name string) bool {
	if len(name) > 255 {
		return false
	}
	for component := range strings.SplitSeq(name, "/") {
		if !validComponent(component) {
			return false
		}
	}
	return true
}

// validComponent reports whether s consists of runs of lower-case letters and digits, separated by
// one dot, by one or two underscores, or by any number of dashes.
func validComponent(s string) bool {
	for {
		rest := strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyz0123456789")
		if len(rest) == len(s) {
			return false
		}
		if rest == "" {
			return true
		}
		s = strings.TrimLeft(rest, "._-")
		separator := rest[:len(rest)-len(s)]
		if separator != "." && separator != "_" && separator != "__" && strings.Trim(separator, "-") != "" {
			return false
		}
	}
}

func validTag(tag string) bool {
	const word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return tag != "" && len(tag) <= 128 && strings.Contains(word, tag[:1]) && strings.Trim(tag, word+".-") == ""
}

// parseReference parses a tag or a digest. Only digests contain a colon.
func parseReference(ref string) (tag string, dgst digest.Digest, p *problem) {
	if strings.Contains(ref, ":") {
		dgst, p = parseDigest(ref)
		return "", dgst, p
	}
	if !validTag(ref) {
		return "", "", newProblem(http.StatusBadRequest, codeManifestInvalid, "manifest invalid", "invalid tag "+ref)
	}
	return ref, "", nil
}

func parseDigest(s string) (digest.Digest, *problem) {
	dgst, err := digest.Parse(s)
	if err != nil {
		return "", digestInvalid(err.Error())
	}
	return dgst, nil
}
