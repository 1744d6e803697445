package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

// Only the cursor of a Link counts. The next request goes to the client's own URL, whatever address
// a registry behind a proxy writes.
func TestReportK01OnlyTheCursorOfALinkIsTaken(t *testing.T) {
	t.Parallel()
	const cursor = "n=1000&last=a2"
	tests := []struct {
		rule, registry, repository string // the catalog is listed if repository is empty
		link                       string
		wantQuery                  string // cursor if empty
	}{
		{"Nexus writes its inner path", "http://nexus.example.com:5002", "team/app", "http://nexus.example.com:5002/repository/docker-hosted/v2/team/app/tags/list?" + cursor, ""},
		{"Nexus writes its inner path without a host", "http://nexus.example.com:5002", "team/app", "/repository/docker-hosted/v2/team/app/tags/list?" + cursor, ""},
		{"Nexus writes its inner path into the Link of the catalog", "http://nexus.example.com:5002", "", "http://nexus.example.com:5002/repository/docker-hosted/v2/_catalog?" + cursor, ""},
		{"Nexus leaves out the port", "http://nexus.example.com:5000", "team/app", "http://nexus.example.com/v2/team/app/tags/list?" + cursor, ""},
		{"Nexus leaves out the port in the Link of the catalog", "http://nexus.example.com:5000", "", "http://nexus.example.com/v2/_catalog?" + cursor, ""},
		{"Artifactory leaves out the first component", "artifactory.example.com", "docker/team/app", "/v2/team/app/tags/list?last=a2&n=1000", "last=a2&n=1000"},
		{"Artifactory counts entries instead of naming the last", "artifactory.example.com", "docker/renovate/renovate", "/v2/renovate/renovate/tags/list?last=10000&n=10000", "last=10000&n=10000"},
		{"Artifactory adds its inner path", "artifactory.example.com", "local/app", "https://artifactory.example.com/artifactory/api/docker/local/v2/app/tags/list?" + cursor, ""},
		{"Artifactory adds its inner path to the Link of the catalog", "artifactory.example.com", "", "/artifactory/api/docker/local/v2/_catalog?" + cursor, ""},
		{"a proxy removes a component", "registry.example.com", "team/app", "/v2/docker/team/app/tags/list?" + cursor, ""},
		{"a proxy ends TLS", "https://registry.example.com", "team/app", "http://registry.example.com/v2/team/app/tags/list?" + cursor, ""},
		{"a proxy ends TLS at another port", "https://registry.example.com", "team/app", "http://registry.example.com:5000/v2/team/app/tags/list?" + cursor, ""},
		{"the host is in capitals", "https://registry.example.com", "team/app", "https://REGISTRY.example.com:443/v2/team/app/tags/list?" + cursor, ""},
		{"the slash of the name is escaped", "https://registry.example.com", "team/app", "/v2/team%2Fapp/tags/list?" + cursor, ""},
		{"the cursor is opaque", "quay.example.com", "team/app", "/v2/team/app/tags/list?next_page=gAAAA%3D%3D&n=50", "next_page=gAAAA%3D%3D&n=50"},
		{"a fragment is left out", "registry.example.com", "team/app", "/v2/team/app/tags/list?" + cursor + "#x", ""},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			var urls []string
			c := newClientOf(t, tt.registry, roundTrip(func(req *http.Request) (*http.Response, error) {
				urls = append(urls, req.URL.String())
				if len(urls) == 1 {
					return respond(req, 200, `{"tags":["a1","a2"],"repositories":["a1","a2"]}`, "Link", "<"+tt.link+`>; rel="next"`), nil
				}
				return respond(req, 200, `{"tags":["a3"],"repositories":["a3"]}`), nil
			}))
			list, path := c.Repositories(t.Context()), "/v2/_catalog"
			if tt.repository != "" {
				list, path = c.Tags(t.Context(), tt.repository), "/v2/"+tt.repository+"/tags/list"
			}
			got, err := collect(t, list)
			wantErr(t, err)
			if diff := cmp.Diff("a1 a2 a3", strings.Join(got, " ")); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
			query := cursor
			if tt.wantQuery != "" {
				query = tt.wantQuery
			}
			if diff := cmp.Diff([]string{c.Registry() + path + "?n=1000", c.Registry() + path + "?" + query}, urls); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// A Link that leads to another host or list is an error: to ignore it would make a part of a list
// look complete.
func TestReportK01LinkToAnotherListIsAnError(t *testing.T) {
	t.Parallel()
	tests := []struct{ rule, repository, link string }{
		{"another host", "team/app", "https://evil.example.net/v2/team/app/tags/list?last=a2"},
		{"another host with Nexus's path", "team/app", "https://evil.example.net/repository/docker/v2/team/app/tags/list?last=a2"},
		{"a host that begins like this one", "team/app", "https://registry.example.com.evil.example.net/v2/team/app/tags/list?last=a2"},
		{"a parent domain", "team/app", "https://example.com/v2/team/app/tags/list?last=a2"},
		{"a host without a scheme", "team/app", "//evil.example.net/v2/team/app/tags/list?last=a2"},
		{"the same host without a scheme", "team/app", "//registry.example.com/v2/team/app/tags/list?last=a2"},
		{"a host after backslashes", "team/app", `\\evil.example.net/v2/team/app/tags/list?last=a2`},
		{"user information", "team/app", "https://user:secret@registry.example.com/v2/team/app/tags/list?last=a2"},
		{"user information that looks like this host", "team/app", "https://registry.example.com@evil.example.net/v2/team/app/tags/list?last=a2"},
		{"another scheme", "team/app", "ftp://registry.example.com/v2/team/app/tags/list?last=a2"},
		{"another repository", "team/app", "/v2/team/other/tags/list?last=a2"},
		{"another repository under Nexus's path", "team/app", "/repository/docker/v2/team/other/tags/list?last=a2"},
		{"a repository whose name ends alike", "team/app", "/v2/myteam/app/tags/list?last=a2"},
		{"the end of every repository's list", "team/app", "/v2/tags/list?last=a2"},
		{"the catalog", "team/app", "/v2/_catalog?last=a2"},
		{"another list", "team/app", "/v2/team/app/referrers/list?last=a2"},
		{"tags from the catalog", "", "/v2/team/app/tags/list?last=a2"},
		{"another catalog", "", "/v2/_catalog2?last=a2"},
		{"another host from the catalog", "", "https://evil.example.net/v2/_catalog?last=a2"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			sent := 0
			c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				sent++
				return respond(req, 200, `{"tags":["a1","a2"],"repositories":["a1","a2"]}`, "Link", "<"+tt.link+`>; rel="next"`), nil
			}))
			list := c.Repositories(t.Context())
			if tt.repository != "" {
				list = c.Tags(t.Context(), tt.repository)
			}
			got, err := collect(t, list)
			wantErr(t, err, regret.ErrIncompleteList)
			if len(got) != 0 || sent != 1 {
				t.Errorf("entries %q, %d requests", got, sent)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows user information: %v", err)
			}
		})
	}
}
