package fakeregistry

import (
	"cmp"
	"fmt"
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

// getTags lists the tags of a repository.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
func (r *Registry) getTags(w http.ResponseWriter, req *http.Request, rt route) *problem {
	sorted, ok := r.sortedTags(rt.name)
	if !ok {
		return r.refusalFor(reasonUnknownRepository, requestInfo{req: req, route: rt}, nameUnknown(rt.name))
	}
	if r.opts.googleTags {
		writeJSON(w, http.StatusOK, r.jsonType(), r.googleTags(rt.name, sorted))
		return nil
	}
	var tags []string
	if r.opts.withoutPaging {
		tags = slices.Clone(sorted)
		slices.Reverse(tags)
	} else {
		page, p := r.paginate(w, req, sorted, r.tagOrder())
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
	r.writeList(w, r.jsonType(), tagList{rt.name, tags})
	return nil
}

// sortedTags returns the tags of a repository in order. It sorts them only if they have changed.
// The result is shared, so callers must not modify it.
func (r *Registry) sortedTags(name string) ([]string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	repo, ok := r.repositories[name]
	if !ok || r.opts.distributionMajor > 0 && !repo.everTagged {
		return nil, false
	}
	if repo.sortedTags == nil {
		tags := slices.AppendSeq(slices.Clone(r.opts.extraTags), maps.Keys(repo.tags))
		slices.SortFunc(tags, r.tagOrder())
		repo.sortedTags = tags
	}
	return repo.sortedTags, true
}

// compareFold compares in the lexical order of the specification, which ignores case.
func compareFold(a, b string) int {
	return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
}

// writeList writes a list as JSON, without the final newline if WithoutNewline is set.
func (r *Registry) writeList(w http.ResponseWriter, contentType string, list any) {
	if !r.opts.withoutNewline {
		writeJSON(w, http.StatusOK, contentType, list)
		return
	}
	r.writeProblem(w, &problem{status: http.StatusOK, contentType: contentType, body: string(mustJSON(list))})
}

// tagOrder returns the order in which tags are listed: the lexical order of the specification, or
// byte order for distribution.
func (r *Registry) tagOrder() func(a, b string) int {
	if r.opts.distributionMajor > 0 {
		return strings.Compare
	}
	return compareFold
}

type repositoryList struct {
	Repositories []string `json:"repositories"`
}

// getCatalog lists repositories. The endpoint is not in the specification. It paginates like the
// list of tags.
//
// https://distribution.github.io/distribution/spec/api/#listing-repositories
func (r *Registry) getCatalog(w http.ResponseWriter, req *http.Request, _ route) *problem {
	r.mu.RLock()
	names := slices.Sorted(maps.Keys(r.repositories))
	r.mu.RUnlock()
	if n, err := strconv.Atoi(req.URL.Query().Get("n")); r.opts.distributionMajor > 0 && err == nil && n > 1000 {
		return r.invalidNumber(strconv.Itoa(n))
	}
	if r.opts.anonymousPolicy && req.Header.Get("Authorization") == "" {
		names = nil
	}
	page, p := r.paginate(w, req, names, strings.Compare)
	if p != nil {
		return p
	}
	if page == nil {
		page = []string{}
	}
	r.writeList(w, r.jsonType(), repositoryList{page})
	return nil
}

// paginate returns the page of a sorted list that the parameters n and last ask for. It sets Link
// if more entries follow.
func (r *Registry) paginate(w http.ResponseWriter, req *http.Request, sorted []string, order func(a, b string) int) ([]string, *problem) {
	query := req.URL.Query()
	if last := query.Get("last"); last != "" {
		i, found := slices.BinarySearchFunc(sorted, last, order)
		switch {
		case found:
			i++
		case r.opts.unknownLast != 0:
			return nil, &problem{status: r.opts.unknownLast}
		case r.opts.lostLast && i < len(sorted):
			i++
		}
		sorted = sorted[i:]
	}
	limit := len(sorted)
	if r.opts.pageSize > 0 {
		limit = min(limit, r.opts.pageSize)
	}
	if n, err := strconv.Atoi(query.Get("n")); query.Has("n") && !(r.opts.numberIgnored && err != nil) {
		if err != nil || n < 0 {
			return nil, r.refusalFor(reasonInvalidNumber, requestInfo{req: req}, r.invalidNumber(query.Get("n")))
		}
		if r.opts.maxSize > 0 && n > r.opts.maxSize {
			return nil, r.sizeTooLarge(n)
		}
		if limit = min(len(sorted), n); n == 0 {
			return nil, nil
		}
	}
	if r.opts.pageCap > 0 {
		limit = min(limit, r.opts.pageCap)
	}
	page := sorted[:limit]
	switch {
	case r.opts.linkLoop:
		r.setNextLink(w, req, url.Values{"n": {strconv.Itoa(limit)}})
	case limit < len(sorted), limit > 0 && r.linksAlways(req):
		next := url.Values{"last": {page[limit-1]}, "n": {strconv.Itoa(limit)}}
		if r.opts.linkEchoes {
			if next.Set("n", query.Get("n")); !query.Has("n") {
				next.Del("n")
			}
		}
		r.setNextLink(w, req, next)
	}
	return page, nil
}

// linksAlways reports whether every page of this list has a Link.
func (r *Registry) linksAlways(req *http.Request) bool {
	if strings.HasSuffix(req.URL.Path, "/_catalog") {
		return r.opts.catalogLinkAlways
	}
	return r.opts.linkAlways
}

// setNextLink sets a Link to the same path with the given query.
//
// https://www.rfc-editor.org/rfc/rfc8288
func (r *Registry) setNextLink(w http.ResponseWriter, req *http.Request, query url.Values) {
	next := url.URL{Path: req.URL.Path, RawQuery: query.Encode()}
	target := next.RequestURI()
	if r.opts.catalogLinkAlways {
		target = strings.ReplaceAll(target, "%2F", "/")
	}
	switch r.opts.linkForm {
	case LinkAbsolute:
		w.Header().Set("Link", "<"+schemeOf(req)+"://"+req.Host+target+`>; rel="next"`)
	case LinkUnquoted:
		w.Header().Set("Link", "<"+target+">; rel=next")
	case LinkInnerPath:
		w.Header().Set("Link", "<"+schemeOf(req)+"://"+req.Host+"/repository/docker-hosted"+target+`>; rel="next"`)
	case LinkWithoutPort:
		w.Header().Set("Link", "<"+schemeOf(req)+"://"+(&url.URL{Host: req.Host}).Hostname()+target+`>; rel="next"`)
	case LinkWithoutPrefix:
		if _, rest, ok := strings.Cut(strings.TrimPrefix(target, "/v2/"), "/"); ok && !strings.HasPrefix(rest, "tags/list?") {
			target = "/v2/" + rest
		}
		w.Header().Set("Link", "<"+target+`>; rel="next"`)
	case LinkBare:
		w.Header().Set("Link", target+"; rel=next")
	default:
		w.Header().Set("Link", "<"+target+`>; rel="next"`)
	}
}

func (r *Registry) invalidNumber(n string) *problem {
	// The detail has n as a string. In distribution it is a number, which is 0 if n is not a
	// number.
	if number, err := strconv.Atoi(n); r.opts.distributionMajor > 0 {
		if err != nil {
			number = 0
		}
		return newProblem(http.StatusBadRequest, codePaginationInvalid, "invalid number of results requested", map[string]int{"n": number})
	}
	return newProblem(http.StatusBadRequest, codePaginationInvalid, "invalid number of results requested", map[string]string{"n": n})
}

// sizeTooLarge returns the refusal of a page size above the maximum.
func (r *Registry) sizeTooLarge(n int) *problem {
	switch r.opts.sizeRefusal {
	case SizeRefusedByQuay:
		return newProblem(http.StatusRequestEntityTooLarge, "TOO_MANY_TAGS_REQUESTED",
			fmt.Sprintf("Too many tags requested; requested limit %d is too high, max is %d", n, r.opts.maxSize), map[string]int{})
	case SizeRefusedByECR:
		return newProblem(http.StatusMethodNotAllowed, codeUnsupported, fmt.Sprintf(
			"Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to %d'", r.opts.maxSize), nil)
	case SizeRefusedWithout:
		return &problem{status: http.StatusBadRequest}
	}
	return newProblem(http.StatusBadRequest, codePaginationInvalid, "invalid number of results requested", map[string]int{"n": n})
}
