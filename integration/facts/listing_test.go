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

func listing() section {
	return section{"listing", []fact{
		{
			name:    "tags with n=2, of a repository with the tags b, a, c",
			observe: tags("?n=2"),
			on2:     "200 application/json [a b c]",
			on3:     `200 application/json [a b]; Link: </v2/derek/busybox/tags/list?last=b&n=2>; rel="next"`,
		},
		{
			name:    "tags with n=2 and last=a",
			observe: tags("?n=2&last=a"),
			on2:     "200 application/json [a b c]",
			on3:     `200 application/json [b c]; Link: </v2/derek/busybox/tags/list?last=c&n=2>; rel="next"`,
		},
		{
			name:    "tags with n=2 and last=bb, a tag that does not exist",
			observe: tags("?n=2&last=bb"),
			on2:     "200 application/json [a b c]",
			on3:     "200 application/json [c]",
		},
		{
			name:    "tags with n=0",
			observe: tags("?n=0"),
			on2:     "200 application/json [a b c]",
			on3:     "200 application/json []",
		},
		{
			name:    "tags with n=99999",
			observe: tags("?n=99999"),
			on2:     "200 application/json [a b c]",
		},
		{
			name:    "tags with n=-1",
			observe: tags("?n=-1"),
			on2:     "200 application/json [a b c]",
			on3:     `400 PAGINATION_NUMBER_INVALID "invalid number of results requested"`,
		},
		{
			name: "tags of a repository whose only image is deleted",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				remove(t, r, image.Digest.String())
				return r.Do(t, http.MethodGet, "tags/list").String()
			},
			on2: `200 application/json {"name":"derek/busybox","tags":null}`,
			on3: `200 application/json {"name":"derek/busybox","tags":[]}`,
		},
		{
			name: "tags of a repository with only an untagged image",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, wire.OCIImage(t, "hello"))
				return r.Do(t, http.MethodGet, "tags/list").String()
			},
			on2: `404 NAME_UNKNOWN "repository name not known to registry"`,
		},
		{
			name: "tags of an unknown repository",
			observe: func(t *testing.T, r repo) string {
				return r.Do(t, http.MethodGet, "tags/list").String()
			},
			on2: `404 NAME_UNKNOWN "repository name not known to registry"`,
		},
		{
			name: "catalog after the only image is deleted",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				remove(t, r, image.Digest.String())
				return catalog(t, r, "")
			},
			on2: `200 application/json {"repositories":["derek/busybox"]}`,
		},
		{
			name: "catalog with n=1, of two repositories",
			observe: func(t *testing.T, r repo) string {
				other := r
				other.Name = "derek/other"
				r.Push(t, wire.OCIImage(t, "hello"), "latest")
				other.Push(t, wire.OCIImage(t, "hello"), "latest")
				return catalog(t, r, "?n=1")
			},
			on2: `200 application/json {"repositories":["derek/busybox"]}; Link: </v2/_catalog?last=derek%2Fbusybox&n=1>; rel="next"`,
		},
		{
			name:    "catalog with n=1001",
			observe: func(t *testing.T, r repo) string { return catalog(t, r, "?n=1001") },
			on2:     `400 PAGINATION_NUMBER_INVALID "invalid number of results requested"`,
		},
		{
			name:    "catalog of an empty registry",
			observe: func(t *testing.T, r repo) string { return catalog(t, r, "") },
			on2:     `200 application/json {"repositories":[]}`,
		},
		{
			name: "referrers of an image",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				return r.Do(t, http.MethodGet, "referrers/"+image.Digest.String()).String()
			},
			on2: "404 text/plain 404 page not found",
		},
	}}
}

// tags pushes the tags b, a and c and requests the list.
func tags(query string) func(*testing.T, repo) string {
	return func(t *testing.T, r repo) string {
		r.Push(t, wire.OCIImage(t, "hello"), "b", "a", "c")
		answer := r.Do(t, http.MethodGet, "tags/list"+query)
		if answer.Status != http.StatusOK {
			return answer.String()
		}
		var list struct{ Tags []string }
		if err := json.Unmarshal(answer.Body, &list); err != nil {
			t.Fatal(err)
		}
		// Distribution 2.8 lists tags in the order of the file system, which is arbitrary.
		slices.Sort(list.Tags)
		answer.Body = fmt.Append(nil, list.Tags)
		return withLink(answer)
	}
}

func catalog(t *testing.T, r repo, query string) string {
	t.Helper()
	return withLink(r.Send(t, http.MethodGet, r.URL+"/v2/_catalog"+query, nil))
}

// withLink describes a response with its Link header fields.
func withLink(answer wire.Answer) string {
	if link := answer.Header.Values("Link"); link != nil {
		return fmt.Sprintf("%s; Link: %s", answer, strings.Join(link, " and "))
	}
	return answer.String()
}
