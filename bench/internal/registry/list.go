package registry

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
)

// The tags of a list have eight characters each and count upwards.
const tagWidth = 7

// ListedTag is a tag of the list.
func ListedTag(i int) string { return fmt.Sprintf("t%0*d", tagWidth, i) }

// list answers with what comes after the tag "last", in pages linked as the
// specification says, or all at once whatever the client asks for.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
func (s *server) list(w http.ResponseWriter, r *http.Request, settings Settings) {
	query := r.URL.Query()
	begin := 0
	if last := query.Get("last"); last != "" {
		n, err := strconv.Atoi(last[1:])
		if err != nil {
			refuse(w, http.StatusBadRequest, "UNSUPPORTED")
			return
		}
		begin = min(n+1, settings.Listed)
	}
	end := settings.Listed
	if settings.PageSize > 0 {
		size := settings.PageSize
		if n, err := strconv.Atoi(query.Get("n")); err == nil && n > 0 && n < size {
			size = n
		}
		end = min(begin+size, end)
	}
	h := w.Header()
	h["Content-Type"] = jsonTypes
	if end < settings.Listed {
		h.Set("Link", fmt.Sprintf(`</v2/%s/tags/list?last=%s&n=%d>; rel="next"`, Repository, ListedTag(end-1), end-begin))
	}
	out := bufio.NewWriterSize(w, 32<<10)
	out.WriteString(`{"name":"` + Repository + `","tags":[`)
	tag := make([]byte, 0, tagWidth+4)
	for i := begin; i < end; i++ {
		tag = appendTag(tag[:0], i, i > begin)
		out.Write(tag)
	}
	out.WriteString("]}\n")
	out.Flush() // a client that has gone away notices itself
}

// appendTag is ListedTag with quotes, for a server that is to be fast.
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
