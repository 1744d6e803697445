package cases

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// tagLists serves the list of tags: what the registry has by then, with the entries, the pages and
// the faults of a case.
type tagLists struct {
	c        *Case
	registry *fakeregistry.Registry
	begun    atomic.Int32 // number of first pages
}

type tagPage struct {
	Child    []string                   `json:"child,omitzero"`
	Manifest map[string]json.RawMessage `json:"manifest,omitzero"` // of Google's registries
	Name     string                     `json:"name"`
	Tags     []string                   `json:"tags"` // null if the repository never had a manifest
}

// serve responds to a request for a page. The query parameter page is the cursor, because the tag
// of a page's end, which registries use, may occur twice or be empty.
func (l *tagLists) serve(w http.ResponseWriter, req *http.Request) bool {
	number, err := strconv.Atoi(req.URL.Query().Get("page"))
	if err != nil {
		number = 0
		l.begun.Add(1)
	}
	page := tagPage{Name: l.c.Repository, Tags: l.entries()}
	if l.c.Listing == ListingGoogle && len(l.c.Manifests) > 0 {
		page.Child, page.Manifest = []string{}, l.manifests(req)
	}
	last := true
	if size := l.c.PageSize; size > 0 && page.Manifest == nil { // Google sends one page
		rest := page.Tags[min(number*size, len(page.Tags)):]
		last = len(rest) <= size
		page.Tags = rest[:min(size, len(rest))]
	}
	switch {
	case last && l.c.Faults.List != "":
		return fakeregistry.Errors(http.StatusInternalServerError, "UNKNOWN", "unknown error")(w, req)
	case !last:
		w.Header().Set("Link", fmt.Sprintf(`<%s?n=%d&page=%d>; rel="next"`, req.URL.Path, l.c.PageSize, number+1))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	return json.NewEncoder(w).Encode(page) == nil
}

// entries returns all entries of the list.
func (l *tagLists) entries() []string {
	tags := l.registry.Tags(l.c.Repository)
	for _, tag := range l.vanishedTags() {
		delete(tags, tag)
	}
	entries := slices.AppendSeq(slices.Clone(l.c.Faults.Entries), maps.Keys(tags))
	for _, id := range l.c.Faults.DigestEntries {
		entries = append(entries, l.c.Digest(id).String())
	}
	slices.Sort(entries)
	if l.c.order != nil {
		random := rand.New(rand.NewPCG(*l.c.order, 0))
		random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	}
	if entries == nil && len(l.c.Manifests) > 0 {
		entries = []string{}
	}
	return entries
}

// vanishedTags returns the tags that only the first list has.
func (l *tagLists) vanishedTags() []string {
	var tags []string
	if l.begun.Load() > 1 {
		for _, id := range l.c.Faults.Vanished {
			tags = append(tags, l.c.Manifest(id).Tags...)
		}
	}
	return tags
}

// manifests returns the manifests as the registry lists them.
func (l *tagLists) manifests(req *http.Request) map[string]json.RawMessage {
	response := httptest.NewRecorder()
	l.registry.Serve(response, req)
	var page tagPage
	if err := json.Unmarshal(response.Body.Bytes(), &page); err != nil {
		return nil
	}
	if l.begun.Load() > 1 {
		for _, id := range l.c.Faults.Vanished {
			delete(page.Manifest, l.c.Digest(id).String())
		}
	}
	return page.Manifest
}
