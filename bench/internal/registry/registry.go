// Package registry is the server of the benchmarks: as much of the distribution
// API as resolving, deleting and listing need, as fast as net/http allows, and
// an exact count of what was asked of it. It checks tokens, but it is nobody's
// model of a registry: every tag has a manifest of its own, and nothing is kept.
//
// It runs in a process of its own (see [Serve] and [Start]), so that what a
// client's process spends is the client's alone.
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

// What every client is told, and what the token service accepts.
const (
	Repository = "bench/app"
	User       = "bench"
	Password   = "not-a-secret"
	service    = "bench"
)

// MediaType is the type of all manifests. It is one that can have no subject,
// so that no client has a reason to read a manifest before deleting it.
const MediaType = "application/vnd.docker.distribution.manifest.v2+json"

// Settings are what one measurement needs of the server.
type Settings struct {
	Tags     int           // that can be resolved and deleted; see [Tag]
	Latency  time.Duration // added to every answer
	Bearer   bool          // whether a token is wanted
	Listed   int           // tags in the list; see [ListedTag]
	PageSize int           // the most in a page; 0 puts everything into one
}

// Tag names the tag with this number.
func Tag(i int) string { return fmt.Sprintf("build-%06d", i) }

// Config is the configuration of all images: the least there is.
const (
	Config       = "{}"
	ConfigDigest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
)

// Manifest is what stands under the tag with this number, and nowhere else.
func Manifest(i int) (raw []byte, digest string) {
	raw = fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.docker.container.image.v1+json",`+
		`"size":%d,"digest":%q},"layers":[],"annotations":{"tag":%q}}`, MediaType, len(Config), ConfigDigest, Tag(i))
	sum := sha256.Sum256(raw)
	return raw, "sha256:" + hex.EncodeToString(sum[:])
}

// A server holds the state that one measurement needs, and the counts.
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
	tag    string
}

func newServer() *server { return &server{tokens: make(map[string]string)} }

// reset replaces all state and sets every count to zero.
func (s *server) reset(settings Settings) {
	manifests := make(map[string]*manifest, 2*settings.Tags)
	for i := range settings.Tags {
		tag := Tag(i)
		raw, digest := Manifest(i)
		m := &manifest{raw: raw, digest: digest, tag: tag}
		manifests[tag], manifests[m.digest] = m, m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings, s.manifests = settings, manifests
	clear(s.tokens)
	s.counters.reset()
}

// revoke makes every token worthless.
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

// remove deletes a manifest with its tag and says whether it was there.
func (s *server) remove(digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.manifests[digest]
	if m == nil || m.digest != digest {
		return false
	}
	delete(s.manifests, m.tag)
	delete(s.manifests, digest)
	return true
}

// ServeHTTP answers one request.
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
			refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
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
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN")
	}
}

var (
	apiVersion = []string{"registry/2.0"}
	mediaTypes = []string{MediaType}
	jsonTypes  = []string{"application/json"}
)

// manifest answers HEAD and GET.
func (s *server) manifest(w http.ResponseWriter, r *http.Request, reference string) {
	s.reads.Add(1)
	m := s.find(reference)
	if m == nil {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	h := w.Header()
	h["Content-Type"] = mediaTypes
	h["Docker-Content-Digest"] = []string{m.digest}
	h["Content-Length"] = []string{strconv.Itoa(len(m.raw))}
	if r.Method == http.MethodGet {
		w.Write(m.raw) // a client that has gone away notices itself
	}
}

// refuse answers with an error as the specification has it.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header()["Content-Type"] = jsonTypes
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"refused"}]}`, code)
}
