package simulation

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A response is a response of the model, before faults of the body are applied.
type response struct {
	status int
	header http.Header
	body   []byte
	digest string // of the manifest that it describes
	facts  fact
}

func reply(status int, contentType string, body []byte) *response {
	a := &response{status: status, header: http.Header{}, body: body}
	if contentType != "" {
		a.header.Set("Content-Type", contentType)
	}
	return a
}

// handle processes a request, subject to its fault, and records what the registry holds afterwards.
func (m *model) handle(e *event, req *http.Request) *response {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rng.IntN(2) == 0 {
		m.store.dropDangling()
	}
	if e.route.repository != "" && m.store.repositories[e.route.repository] != nil && m.chance(m.profile.otherClients) {
		if what := m.store.changeByOtherClient(e.route.repository); what != "" {
			e.op.addNote(e, "another client "+what)
		}
	}
	before := m.store.version
	a := m.respond(e, req)
	e.changed = m.store.version != before
	e.currentDigest = m.store.current(name{e.op.repository, e.op.reference})
	if e.op.kind == checkDelete && e.changed {
		m.problem("CheckDelete deleted something: %s", e.url)
	}
	return a
}

func (m *model) chance(percent int) bool { return percent > 0 && m.rng.IntN(100) < percent }

// serve returns the response of the registry, its token service or its storage without a fault.
func (m *model) serve(e *event, req *http.Request) *response {
	switch e.route.kind {
	case tokens:
		return m.serveToken(req)
	case storage:
		return m.serveStorage(req)
	}
	if refusal := m.authorize(e, req); refusal != nil {
		return refusal
	}
	if e.route.kind == ping {
		return reply(200, "application/json", []byte("{}"))
	}
	if e.route.kind == catalog {
		return m.page(req.URL, "repositories", m.store.repositoryNames())
	}
	r := m.store.repositories[e.route.repository]
	if r == nil {
		return m.errorResponse(req, 404, "NAME_UNKNOWN", "repository name not known to registry")
	}
	switch e.route.kind {
	case tagsList:
		return m.page(req.URL, "tags", r.listedTags())
	case referrers:
		return m.serveReferrers(req, r, e.route.reference)
	}
	switch req.Method {
	case http.MethodDelete:
		return m.serveDelete(e, req, r)
	case http.MethodPut:
		return m.servePut(e, req)
	}
	return m.serveManifest(e, req, r)
}

func (m *model) serveManifest(e *event, req *http.Request, r *repository) *response {
	digest := e.route.reference
	if !strings.Contains(digest, ":") {
		digest = r.tags[digest]
	}
	found := r.manifests[digest]
	head := req.Method == http.MethodHead
	switch {
	case head && m.profile.headStatus != 0:
		a := reply(m.profile.headStatus, "", nil)
		a.facts |= noErrorCode
		return a
	case found == nil:
		return m.errorResponse(req, 404, "MANIFEST_UNKNOWN", "manifest unknown")
	case m.profile.redirectHops > 0 && m.rng.IntN(2) == 0 && req.URL.Query().Get("via") == "":
		return m.redirect(req, found.digest, m.profile.redirectHops)
	}
	return m.manifest(req, found)
}

func (m *model) manifest(req *http.Request, found *manifest) *response {
	a := reply(200, found.mediaType, found.raw)
	a.digest = found.digest
	if !m.profile.noDigestHeader {
		a.header.Set("Docker-Content-Digest", found.digest)
	}
	if req.Method == http.MethodGet && m.profile.genericContentType {
		a.header.Set("Content-Type", "application/json; charset=utf-8")
	}
	return a
}

// redirect returns a redirect to the storage that leads to the content after hops redirects.
func (m *model) redirect(req *http.Request, digest string, hops int) *response {
	a := reply([]int{301, 302, 303, 307, 308}[m.rng.IntN(5)], "", nil)
	from := cmp.Or(req.URL.Query().Get("from"), req.URL.Path)
	q := url.Values{"signature": {secretMarker + "-signature"}, "hops": {strconv.Itoa(hops - 1)}, "from": {from}}
	a.header.Set("Location", storageOrigin+"/"+digest+"?"+q.Encode())
	return a
}

func (m *model) serveStorage(req *http.Request) *response {
	digest, q := strings.TrimPrefix(req.URL.Path, "/"), req.URL.Query()
	switch hops, _ := strconv.Atoi(q.Get("hops")); {
	case hops > 3: // more redirects than the client follows
		a := m.redirect(req, digest, hops)
		a.facts |= redirected
		return a
	case hops > 0 && m.rng.IntN(2) == 0:
		return m.redirect(req, digest, hops)
	case hops > 0: // back to the registry, without credentials
		a := reply(307, "", nil)
		a.header.Set("Location", registryOrigin+q.Get("from")+"?via=storage")
		return a
	}
	return m.manifest(req, m.store.everStored[digest])
}

func (m *model) serveDelete(e *event, req *http.Request, r *repository) *response {
	p, reference := &m.profile, e.route.reference
	byTag := !strings.Contains(reference, ":")
	switch {
	case p.readOnly:
		a := reply(405, "text/plain; charset=utf-8", []byte("Method not allowed\n"))
		a.header.Set("Allow", "GET, HEAD")
		a.facts |= readOnly
		return a
	case p.deleteDisabled:
		a := m.errorResponse(req, 405, "UNSUPPORTED", "The operation is unsupported.")
		if byTag {
			a.facts |= noErrorCode // the client may read it as a refusal to delete tags only
		}
		return a
	case byTag && p.noTagDelete:
		return m.errorResponse(req, 400, "UNSUPPORTED", "unsupported digest "+reference+": invalid checksum digest format")
	case byTag && r.tags[reference] == "" && !r.dangling[reference], !byTag && r.manifests[reference] == nil:
		return m.errorResponse(req, 404, "MANIFEST_UNKNOWN", "manifest unknown")
	case e.fault.skipsDeletion():
	case byTag:
		m.store.untag(e.route.repository, reference)
		delete(r.dangling, reference)
	default:
		m.store.remove(e.route.repository, reference)
	}
	return reply(202, "", nil)
}

func (m *model) servePut(e *event, req *http.Request) *response {
	if m.profile.readOnly {
		a := reply(405, "text/plain", []byte("Method Not Allowed"))
		a.facts |= noErrorCode
		return a
	}
	raw, err := io.ReadAll(req.Body)
	if err == nil && e.op.kind == overwriteTag {
		return m.serveOverwrite(e, req, raw)
	}
	if err != nil || e.op.manifest == nil || !bytes.Equal(raw, e.op.manifest.raw) {
		m.problem("a PUT with the wrong body: %q, %v", raw, err)
		return m.errorResponse(req, 400, "MANIFEST_INVALID", "manifest invalid")
	}
	tag := e.route.reference
	if strings.Contains(tag, ":") {
		tag = ""
	}
	m.store.put(e.route.repository, tag, e.op.manifest)
	a := reply(201, "", nil)
	a.digest = e.op.manifest.digest
	if !m.profile.noDigestHeader {
		a.header.Set("Docker-Content-Digest", a.digest)
	}
	return a
}

func (m *model) serveReferrers(req *http.Request, r *repository, subject string) *response {
	if m.profile.noReferrers {
		a := reply(404, "text/plain", []byte("404 page not found"))
		a.facts |= noErrorCode
		return a
	}
	var found []descriptor
	for _, manifest := range r.referrers(subject) {
		if t := req.URL.Query().Get("artifactType"); t == "" || t == manifest.artifactType {
			found = append(found, manifest.descriptor())
		}
	}
	key := func(d descriptor) string { return d.Digest }
	return pageOf(m, req.URL, "manifests", found, key)
}

// page returns a page of a sorted list of names.
func (m *model) page(u *url.URL, key string, all []string) *response {
	return pageOf(m, u, key, all, func(s string) string { return s })
}

func pageOf[T any](m *model, u *url.URL, key string, all []T, id func(T) string) *response {
	q := u.Query()
	from := 0
	if last := q.Get("last"); last != "" {
		from = slices.IndexFunc(all, func(entry T) bool { return id(entry) > last })
		if from < 0 {
			from = len(all)
		}
	}
	size := len(all) - from
	if n, err := strconv.Atoi(q.Get("n")); err == nil {
		size = min(size, n)
	}
	if m.profile.pageCap > 0 {
		size = min(size, m.profile.pageCap)
	}
	entries := all[from : from+size]
	content, err := json.Marshal(map[string]any{key: entries, "schemaVersion": 2})
	if err != nil {
		panic(err)
	}
	if len(entries) == 0 && m.rng.IntN(2) == 0 {
		content = fmt.Appendf(nil, `{"schemaVersion":2,%q:null}`, key)
	}
	a := reply(200, "application/json", content)
	if rest := all[from+size:]; len(rest) > 0 && len(entries) > 0 {
		q.Set("last", id(entries[len(entries)-1]))
		target := u.Path + "?" + q.Encode()
		if m.rng.IntN(2) == 0 {
			target = registryOrigin + target
		}
		a.header.Set("Link", "<"+target+`>; rel="next"`)
	}
	return a
}

// errorResponse returns an error response in the registries' format. At the rate of hostileErrors
// it echoes credentials and contains control characters.
func (m *model) errorResponse(req *http.Request, status int, code, message string) *response {
	entry := map[string]any{"code": code, "message": message}
	if m.chance(m.profile.hostileErrors) {
		auth := req.Header.Get("Authorization")
		echoed := message + " \x1b[31m\u202e\r\n" + auth
		if auth != "" { // the client has already sent the password to some server
			echoed += " " + password
		}
		entry["message"], entry["detail"] = echoed, map[string]any{"request": echoed, "padding": strings.Repeat("x", m.rng.IntN(2000))}
	}
	body, err := json.Marshal(map[string]any{"errors": []any{entry}})
	if err != nil {
		panic(err)
	}
	a := reply(status, "application/json", body)
	if m.chance(m.profile.hostileErrors) {
		a.header.Set("X-Request-Id", "id of "+req.Header.Get("Authorization"))
		a.header.Set("Warning", `299 - "seen `+req.Header.Get("Authorization")+`"`)
	}
	a.facts |= factOf(status, code)
	return a
}

// factOf returns the fact that an error response establishes.
func factOf(status int, code string) fact {
	switch {
	case status >= 500 || status == 408:
		return serverFailed
	case status == 429:
		return rateLimited
	case status == 401:
		return unauthorized
	case status == 403:
		return forbidden
	case code == "UNSUPPORTED":
		return unsupported
	case status == 404 && code != "":
		return notFound
	}
	return noErrorCode
}
