// Package registry is the server of the benchmarks. It implements as much of the distribution API as
// resolving, deleting and listing need, as fast as net/http allows, and counts requests and
// connections exactly. It checks tokens, but it does not model a real registry: every tag has its
// own manifest, and nothing is stored.
//
// It runs in its own process (see [Serve] and [Start]), so that the CPU time and the allocations of
// the client's process are the client's alone.
package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The repository that clients use, and the credentials that the token service accepts.
const (
	Repository = "bench/app"
	User       = "bench"
	Password   = "not-a-secret"
	service    = "bench"
)

// MediaType is the media type of all manifests. Manifests of this type have no subject, so no client
// has a reason to read one before deleting it.
const MediaType = "application/vnd.docker.distribution.manifest.v2+json"

// Settings configure the server for one measurement.
type Settings struct {
	Tags     int           // number of tags to resolve and delete; see [Tag]. The same of the list have the same manifests
	Latency  time.Duration // added to every response
	Bearer   bool          // whether requests need a token
	Listed   int           // number of tags in the list; see [ListedTag]
	PageSize int           // most tags in a page; 0 sends the whole list in one response
	Forgets  bool          // whether tags of deleted manifests leave the list
}

// Tag returns the name of tag number i.
func Tag(i int) string { return fmt.Sprintf("build-%06d", i) }

// Config is the smallest possible config, used by all images.
const (
	Config       = "{}"
	ConfigDigest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
)

// Manifest returns the manifest of tag number i. Every tag has a different one.
func Manifest(i int) (raw []byte, digest string) {
	raw = fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.docker.container.image.v1+json",`+
		`"size":%d,"digest":%q},"layers":[],"annotations":{"tag":%q}}`, MediaType, len(Config), ConfigDigest, Tag(i))
	sum := sha256.Sum256(raw)
	return raw, "sha256:" + hex.EncodeToString(sum[:])
}

// A server holds the state and the counts of one measurement.
type server struct {
	counters
	mu        sync.RWMutex
	settings  Settings
	manifests map[string]*manifest // by tag and by digest
	tokens    map[string]string    // actions granted, by token
}

type manifest struct {
	raw    []byte
	digest string
	tags   []string
}

func newServer() *server { return &server{tokens: make(map[string]string)} }

// reset replaces the state and sets all counts to zero.
func (s *server) reset(settings Settings) {
	manifests := make(map[string]*manifest, 3*settings.Tags)
	for i := range settings.Tags {
		raw, digest := Manifest(i)
		m := &manifest{raw: raw, digest: digest, tags: []string{Tag(i), ListedTag(i)}}
		manifests[m.digest] = m
		for _, tag := range m.tags {
			manifests[tag] = m
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings, s.manifests = settings, manifests
	clear(s.tokens)
	s.counters.reset()
}

// revoke revokes all tokens.
func (s *server) revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

func (s *server) find(reference string) *manifest {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.manifests[reference]
}

// remove deletes a manifest and its tags. It reports whether the manifest existed.
func (s *server) remove(digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.manifests[digest]
	if m == nil || m.digest != digest {
		return false
	}
	for _, tag := range m.tags {
		delete(s.manifests, tag)
	}
	delete(s.manifests, digest)
	return true
}

// ServeHTTP counts and serves one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	s.mu.RLock()
	settings := s.settings
	s.mu.RUnlock()
	if settings.Latency > 0 {
		select {
		case <-time.After(settings.Latency):
		case <-r.Context().Done():
			return
		}
	}
	if r.URL.Path == "/token" {
		s.token(w, r)
		return
	}
	action := "pull"
	if r.Method == http.MethodDelete {
		action = "delete"
	}
	if settings.Bearer && !s.authorized(r, action) {
		s.challenge(w, r, action)
		return
	}
	const manifests, list = "/v2/" + Repository + "/manifests/", "/v2/" + Repository + "/tags/list"
	reference, isManifest := strings.CutPrefix(r.URL.Path, manifests)
	switch {
	case isManifest && r.Method == http.MethodDelete:
		s.deletes.Add(1)
		if !s.remove(reference) {
			writeError(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
			return
		}
		s.deleted.Add(1)
		w.WriteHeader(http.StatusAccepted)
	case isManifest:
		s.manifest(w, r, reference)
	case r.URL.Path == list:
		s.lists.Add(1)
		s.list(w, r, settings)
	case r.URL.Path == "/v2/":
		w.Header()["Docker-Distribution-Api-Version"] = apiVersion
		w.WriteHeader(http.StatusOK)
	default:
		writeError(w, http.StatusNotFound, "NAME_UNKNOWN")
	}
}

var (
	apiVersion = []string{"registry/2.0"}
	mediaTypes = []string{MediaType}
	jsonTypes  = []string{"application/json"}
)

// manifest serves HEAD and GET.
func (s *server) manifest(w http.ResponseWriter, r *http.Request, reference string) {
	s.reads.Add(1)
	m := s.find(reference)
	if m == nil {
		writeError(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	h := w.Header()
	h["Content-Type"] = mediaTypes
	h["Docker-Content-Digest"] = []string{m.digest}
	h["Content-Length"] = []string{strconv.Itoa(len(m.raw))}
	if r.Method == http.MethodGet {
		w.Write(m.raw) // fails only if the client is gone
	}
}

// writeError sends an error response in the format of the specification.
func writeError(w http.ResponseWriter, status int, code string) {
	w.Header()["Content-Type"] = jsonTypes
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"refused"}]}`, code)
}
