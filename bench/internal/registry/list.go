package registry

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
)

// tagWidth is the number of digits in a tag of the list.
const tagWidth = 7

// ListedTag returns tag number i of the list. All of these tags have the same length.
func ListedTag(i int) string { return fmt.Sprintf("t%0*d", tagWidth, i) }

// list sends the tags after the query parameter "last", in pages linked as the specification says,
// or, without a page size, all at once, even if the client requests fewer.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
func (s *server) list(w http.ResponseWriter, r *http.Request, settings Settings) {
	query := r.URL.Query()
	start := 0
	if last := query.Get("last"); last != "" {
		n, err := strconv.Atoi(last[1:])
		if err != nil {
			writeError(w, http.StatusBadRequest, "UNSUPPORTED")
			return
		}
		start = min(n+1, settings.Listed)
	}
	end := settings.Listed
	if settings.PageSize > 0 {
		size := settings.PageSize
		if n, err := strconv.Atoi(query.Get("n")); err == nil && n > 0 && n < size {
			size = n
		}
		end = s.endOfPage(start, size, settings)
	}
	h := w.Header()
	h["Content-Type"] = jsonTypes
	if end < settings.Listed {
		h.Set("Link", fmt.Sprintf(`</v2/%s/tags/list?last=%s&n=%d>; rel="next"`, Repository, ListedTag(end-1), end-start))
	}
	out := bufio.NewWriterSize(w, 32<<10)
	out.WriteString(`{"name":"` + Repository + `","tags":[`)
	tag := make([]byte, 0, tagWidth+4)
	comma := false
	for i := start; i < end; i++ {
		if settings.Forgets && s.find(ListedTag(i)) == nil {
			continue
		}
		tag = appendTag(tag[:0], i, comma)
		out.Write(tag)
		comma = true
	}
	out.WriteString("]}\n")
	out.Flush() // fails only if the client is gone
}

// endOfPage returns the number of the tag after the last one of a page that begins at start.
func (s *server) endOfPage(start, size int, settings Settings) int {
	if !settings.Forgets {
		return min(start+size, settings.Listed)
	}
	end := start
	for ; size > 0 && end < settings.Listed; end++ {
		if s.find(ListedTag(end)) != nil {
			size--
		}
	}
	return end
}

// appendTag appends [ListedTag] in quotes. It avoids fmt, because the server must not be what limits
// the clients.
func appendTag(b []byte, i int, comma bool) []byte {
	if comma {
		b = append(b, ',')
	}
	b = append(b, '"', 't')
	for power := 1_000_000; power > 0; power /= 10 {
		b = append(b, byte('0'+i/power%10))
	}
	return append(b, '"')
}
