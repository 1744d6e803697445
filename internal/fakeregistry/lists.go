package fakeregistry

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

type tagList struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

// getTags lists tags.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
func (r *Registry) getTags(w http.ResponseWriter, req *http.Request, rt route) *problem {
	sorted, ok := r.sortedTags(rt.name)
	if !ok {
		return nameUnknown(rt.name)
	}
	var tags []string
	if r.opts.withoutPaging {
		tags = slices.Clone(sorted)
		slices.Reverse(tags)
	} else {
		page, p := r.page(w, req, sorted, byName)
		if p != nil {
			return p
		}
		tags = page
	}
	if tags == nil && !r.opts.nullTags {
		tags = []string{}
	}
	if len(tags) == 0 && r.opts.nullTags {
		tags = nil
	}
	writeJSON(w, http.StatusOK, r.jsonType(), tagList{rt.name, tags})
	return nil
}

// sortedTags sorts the tags of a repository if they have changed. The result is shared and never changed.
func (r *Registry) sortedTags(name string) ([]string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	repo, ok := r.repositories[name]
	if !ok || r.opts.distribution2 && !repo.wasTagged {
		return nil, false
	}
	if repo.sorted == nil {
		repo.sorted = slices.SortedFunc(maps.Keys(repo.tags), byName)
	}
	return repo.sorted, true
}

// byName is the specification's lexical order: letters without regard to case.
func byName(a, b string) int {
	return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
}

type repositoryList struct {
	Repositories []string `json:"repositories"`
}

// getCatalog lists repositories. It is not in the specification; it pages as the tags do.
//
// https://distribution.github.io/distribution/spec/api/#listing-repositories
func (r *Registry) getCatalog(w http.ResponseWriter, req *http.Request, _ route) *problem {
	r.mu.RLock()
	names := slices.Sorted(maps.Keys(r.repositories))
	r.mu.RUnlock()
	if n, err := strconv.Atoi(req.URL.Query().Get("n")); r.opts.distribution2 && err == nil && n > 1000 {
		return invalidNumber(strconv.Itoa(n))
	}
	page, p := r.page(w, req, names, strings.Compare)
	if p != nil {
		return p
	}
	if page == nil {
		page = []string{}
	}
	writeJSON(w, http.StatusOK, r.jsonType(), repositoryList{page})
	return nil
}

// page cuts out of a sorted list what n and last ask for, and sets a Link if more follows.
func (r *Registry) page(w http.ResponseWriter, req *http.Request, sorted []string, order func(a, b string) int) ([]string, *problem) {
	query := req.URL.Query()
	if last := query.Get("last"); last != "" {
		i, found := slices.BinarySearchFunc(sorted, last, order)
		if found {
			i++
		}
		sorted = sorted[i:]
	}
	limit := len(sorted)
	if query.Has("n") {
		n, err := strconv.Atoi(query.Get("n"))
		if err != nil || n < 0 {
			return nil, invalidNumber(query.Get("n"))
		}
		if limit = min(limit, n); n == 0 {
			return nil, nil
		}
	}
	if r.opts.pageCap > 0 {
		limit = min(limit, r.opts.pageCap)
	}
	if limit < len(sorted) {
		setNext(w, req, url.Values{"last": {sorted[limit-1]}, "n": {strconv.Itoa(limit)}})
	}
	return sorted[:limit], nil
}

// setNext adds a Link to the same path with other parameters.
//
// https://www.rfc-editor.org/rfc/rfc8288
func setNext(w http.ResponseWriter, req *http.Request, query url.Values) {
	next := url.URL{Path: req.URL.Path, RawQuery: query.Encode()}
	w.Header().Set("Link", "<"+next.RequestURI()+`>; rel="next"`)
}

func invalidNumber(n string) *problem {
	return refuse(http.StatusBadRequest, codePaginationInvalid, "invalid number of results requested", map[string]string{"n": n})
}
