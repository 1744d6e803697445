package regret_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
)

// FuzzRedirects follows chains of two arbitrary redirects. Credentials are sent only to the
// registry's origin, and not even there once the chain has left it.
func FuzzRedirects(f *testing.F) {
	for _, location := range []string{
		"/b", "//evil.example.net/b", "https://registry.example.com:443/b", "https://registry.example.com:8443/b", "http://registry.example.com/b",
		"https://a:b@registry.example.com/b", "https://registry.example.com./b", "HTTPS://REGISTRY.EXAMPLE.COM/", `\\evil.example.net`, "https:registry.example.com",
		"https://registry.example.com\\@evil.example.net/", "?x", "#x", "", "javascript:alert(1)", "https://[::1]/",
	} {
		f.Add(location, "https://registry.example.com/back")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		hops, left := 0, false
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			u, err := url.Parse(req.URL.String())
			if err != nil {
				t.Fatalf("a request was sent to the invalid URL %q: %v", req.URL, err)
			}
			home := u.Scheme == "https" && strings.EqualFold(u.Hostname(), host) && (u.Port() == "" || u.Port() == "443") && u.User == nil
			left = left || !home
			if left && len(req.Header["Authorization"]) > 0 {
				t.Errorf("credentials were sent to %s after %d redirects", u, hops)
			}
			if u.Scheme != "https" {
				t.Errorf("a request was sent to %s, without https", u)
			}
			hops++
			switch hops {
			case 1:
				return respond(req, 307, "", "Location", first), nil
			case 2:
				return respond(req, 302, "", "Location", second), nil
			}
			return respond(req, 200, "{}"), nil
		}), regret.WithToken("c4n4ry-t0ken"))
		if err := c.Ping(t.Context()); err != nil {
			wantRegretError(t, err)
			wantNoSecretInError(t, err, "c4n4ry-t0ken")
		}
		if hops > 3 {
			t.Errorf("%d requests, want fewer", hops)
		}
	})
}

// normalizedOrigin returns the origin of a URL in lower case and with a port.
func normalizedOrigin(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// FuzzRedirectPairs follows two arbitrary redirects of an arbitrary registry. No request goes
// to http after https or to a URL with user information, no credentials go to another origin
// or back from there, and no redirect of a DELETE is followed.
func FuzzRedirectPairs(f *testing.F) {
	for _, registry := range []string{registryURL, "http://" + host, host + ":5000", "localhost:5000", "docker.io", "[::1]:5000", "10.0.0.7"} {
		for _, pair := range [][2]string{
			{"/b", "/c"}, {registryURL + "/b", "http://" + host + "/b"}, {"http://" + host + "/b", registryURL + "/b"}, {registryURL + ":443/b", registryURL + ":80/b"},
			{"//evil.example.net/b", registryURL + "/b"}, {"https://127.0.0.1:5000/", "http://localhost:5000/"}, {"https://[::ffff:127.0.0.1]/", "https://2130706433/"},
			{"https://registry-1.docker.io/", "https://auth.docker.io/token"}, {"https://a:b@" + host + "/", `\\` + host}, {"ftp://" + host + "/", ""}, {"?a#b", "#"},
		} {
			f.Add(registry, pair[0], pair[1], 307)
		}
	}
	f.Fuzz(func(t *testing.T, registry, first, second string, status int) {
		if status != 301 && status != 302 && status != 303 && status != 307 && status != 308 {
			return
		}
		for _, op := range []func(*regret.Client) error{
			func(c *regret.Client) error { return c.Ping(t.Context()) },
			func(c *regret.Client) error { return c.Untag(t.Context(), repo, "v1") },
		} {
			home, hops, left, secure := "", 0, false, false
			base := roundTrip(func(req *http.Request) (*http.Response, error) {
				u, err := url.Parse(req.URL.String())
				if err != nil || u.Host == "" || u.User != nil {
					t.Fatalf("a request was sent to the invalid URL %q: %v", req.URL, err)
				}
				if hops++; hops > 1 && req.Method == http.MethodDelete {
					t.Fatalf("a DELETE was redirected to %s", u)
				}
				if secure && u.Scheme != "https" {
					t.Errorf("a request was sent to %s after https", u)
				}
				left = left || normalizedOrigin(u) != home
				secure = secure || u.Scheme == "https"
				if left && len(req.Header["Authorization"]) > 0 {
					t.Errorf("credentials were sent to %s after %d redirects", u, hops)
				}
				if next := map[int]string{1: first, 2: second}[hops]; hops < 3 {
					return respond(req, status, "", "Location", next), nil
				}
				return respond(req, 200, "{}"), nil
			})
			c, err := regret.New(registry, append(fuzzOptions(), regret.WithTransport(base), regret.WithToken("c4n4ry-t0ken"))...)
			if err != nil {
				return
			}
			u, err := url.Parse(c.Registry())
			if err != nil {
				t.Fatal(err)
			}
			home = normalizedOrigin(u)
			if err := op(c); err != nil {
				wantRegretError(t, err)
				wantNoSecretInError(t, err, "c4n4ry-t0ken")
			}
			if hops < 1 || hops > 6 {
				t.Errorf("%d requests, want fewer", hops)
			}
		}
	})
}
