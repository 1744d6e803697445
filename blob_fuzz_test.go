package regret_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
)

// FuzzUploadLocation lets a registry name any Location for an upload. The content and the
// credentials go to the registry's origin only, with the digest as the last parameter, and never
// to a path that ends like that of a manifest.
func FuzzUploadLocation(f *testing.F) {
	for _, location := range []string{
		uploadsPath + "1", "1?_state=a%2Fb%3D", "//evil.example.net/b", registryURL + ":443/b", registryURL + ":8443/b", "http://" + host + "/b",
		"https://a:b@" + host + "/b", "https://" + host + "./b", "HTTPS://REGISTRY.EXAMPLE.COM/", `\\evil.example.net`, "https:" + host, "?x", "#x", "",
		"javascript:alert(1)", "https://[::1]/", "/v2/team/app/manifests/v1", "/v2/app/manifests%2fv1/", "/a/%2e%2e/manifests//v1", "../../manifests/x?a=b#c", "?digest=x",
		registryURL, "/%zz", "/a b", "/é", "/a?b c",
	} {
		f.Add(location)
	}
	f.Fuzz(func(t *testing.T, location string) {
		puts := 0
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			u, err := url.Parse(req.URL.String())
			if err != nil || normalizedOrigin(u) != registryURL+":443" || u.User != nil || u.Fragment != "" {
				t.Fatalf("%s was sent to %q: %v", req.Method, req.URL, err)
			}
			switch req.Method {
			case http.MethodHead:
				return respond(req, 404, ""), nil
			case http.MethodPost:
				return respond(req, 202, "", "Location", location), nil
			}
			puts++
			if want := "digest=" + url.QueryEscape(string(configDigest)); u.RawQuery != want && !strings.HasSuffix(u.RawQuery, "&"+want) {
				t.Errorf("the query %q does not end in the digest", u.RawQuery)
			}
			segments := strings.FieldsFunc(u.Path, func(c rune) bool { return c == '/' })
			if n := len(segments); n >= 2 && segments[n-2] == "manifests" && segments[n-1] != "." && segments[n-1] != ".." {
				t.Errorf("the content was sent to %s", u.Path)
			}
			return respond(req, 201, ""), nil
		}), append(fuzzOptions(), regret.WithToken("c4n4ry-t0ken"))...)
		err := putConfig(t, c)
		if err != nil {
			wantRegretError(t, err)
			wantNoSecretInError(t, err, "c4n4ry-t0ken")
		}
		if (err == nil) != (puts == 1) || puts > 1 {
			t.Errorf("%d uploads, error %v", puts, err)
		}
	})
}
