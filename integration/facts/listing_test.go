package facts_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func listing() chapter {
	return chapter{"listing", []fact{
		{
			name: "tags, n=2, of a repository with b, a, c",
			ask:  tags("?n=2"),
			on2:  "200 application/json [a b c]",
			on3:  `200 application/json [a b]; Link: </v2/derek/busybox/tags/list?last=b&n=2>; rel="next"`,
		},
		{
			name: "tags after last=a",
			ask:  tags("?n=2&last=a"),
			on2:  "200 application/json [a b c]",
			on3:  `200 application/json [b c]; Link: </v2/derek/busybox/tags/list?last=c&n=2>; rel="next"`,
		},
		{
			name: "tags after a tag that does not exist, last=bb",
			ask:  tags("?n=2&last=bb"),
			on2:  "200 application/json [a b c]",
			on3:  "200 application/json [c]",
		},
		{
			name: "tags, n=0",
			ask:  tags("?n=0"),
			on2:  "200 application/json [a b c]",
			on3:  "200 application/json []",
		},
		{
			name: "tags, n=99999",
			ask:  tags("?n=99999"),
			on2:  "200 application/json [a b c]",
		},
		{
			name: "tags, n=-1",
			ask:  tags("?n=-1"),
			on2:  "200 application/json [a b c]",
			on3:  `400 PAGINATION_NUMBER_INVALID "invalid number of results requested"`,
		},
		{
			name: "tags of a repository whose only image was deleted",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				remove(t, r, image.Digest.String())
				return r.Do(t, http.MethodGet, "tags/list").String()
			},
			on2: `200 application/json {"name":"derek/busybox","tags":null}`,
			on3: `200 application/json {"name":"derek/busybox","tags":[]}`,
		},
		{
			name: "tags of a repository that has only an untagged image",
			ask: func(t *testing.T, r site) string {
				r.Push(t, wire.OCIImage(t, "hello"))
				return r.Do(t, http.MethodGet, "tags/list").String()
			},
			on2: `404 NAME_UNKNOWN "repository name not known to registry"`,
		},
		{
			name: "tags of an unknown repository",
			ask: func(t *testing.T, r site) string {
				return r.Do(t, http.MethodGet, "tags/list").String()
			},
			on2: `404 NAME_UNKNOWN "repository name not known to registry"`,
		},
		{
			name: "the catalog after the only image was deleted",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				remove(t, r, image.Digest.String())
				return catalog(t, r, "")
			},
			on2: `200 application/json {"repositories":["derek/busybox"]}`,
		},
		{
			name: "the catalog, n=1, of two repositories",
			ask: func(t *testing.T, r site) string {
				other := r
				other.Name = "derek/other"
				r.Push(t, wire.OCIImage(t, "hello"), "latest")
				other.Push(t, wire.OCIImage(t, "hello"), "latest")
				return catalog(t, r, "?n=1")
			},
			on2: `200 application/json {"repositories":["derek/busybox"]}; Link: </v2/_catalog?last=derek%2Fbusybox&n=1>; rel="next"`,
		},
		{
			name: "the catalog, n=1001",
			ask:  func(t *testing.T, r site) string { return catalog(t, r, "?n=1001") },
			on2:  `400 PAGINATION_NUMBER_INVALID "invalid number of results requested"`,
		},
		{
			name: "the catalog of an empty registry",
			ask:  func(t *testing.T, r site) string { return catalog(t, r, "") },
			on2:  `200 application/json {"repositories":[]}`,
		},
		{
			name: "referrers",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				return r.Do(t, http.MethodGet, "referrers/"+image.Digest.String()).String()
			},
			on2: "404 text/plain 404 page not found",
		},
	}}
}

// tags pushes b, a and c and asks for the list.
func tags(query string) func(*testing.T, site) string {
	return func(t *testing.T, r site) string {
		r.Push(t, wire.OCIImage(t, "hello"), "b", "a", "c")
		answer := r.Do(t, http.MethodGet, "tags/list"+query)
		if answer.Status != http.StatusOK {
			return answer.String()
		}
		var list struct{ Tags []string }
		if err := json.Unmarshal(answer.Body, &list); err != nil {
			t.Fatal(err)
		}
		// Distribution 2.8 gives them in the order its file system has them, which is none.
		slices.Sort(list.Tags)
		answer.Body = fmt.Append(nil, list.Tags)
		return withLink(answer)
	}
}

func catalog(t *testing.T, r site, query string) string {
	t.Helper()
	return withLink(r.Send(t, http.MethodGet, r.URL+"/v2/_catalog"+query, nil))
}

func withLink(answer wire.Answer) string {
	if link := answer.Header.Values("Link"); link != nil {
		return fmt.Sprintf("%s; Link: %s", answer, strings.Join(link, " and "))
	}
	return answer.String()
}
