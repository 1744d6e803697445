package regret_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A redirect leads from one URL to another.
type redirect struct {
	from, to string
	status   int
}

// newRedirectNetwork returns a network with these redirects. Every other URL is a manifest.
func newRedirectNetwork(t testing.TB, redirects []redirect) *fakeregistry.Network {
	t.Helper()
	network := fakeregistry.NewNetwork()
	serve := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		scheme := map[bool]string{true: "https", false: "http"}[req.TLS != nil]
		for _, r := range redirects {
			if r.from == scheme+"://"+req.Host+req.URL.Path {
				if r.to != "" {
					w.Header().Set("Location", r.to)
				}
				w.WriteHeader(r.status)
				return
			}
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Docker-Content-Digest", someDigest)
	})
	for _, origin := range []string{
		registryURL, registryURL + ":8443", "http://" + host, "https://cdn." + host, "http://cdn." + host,
		"https://storage.example.net", "http://storage.example.net", "https://storage2.example.net", "https://my_bucket.example.net",
	} {
		network.Handle(origin, serve)
	}
	return network
}

func TestRedirectedReads(t *testing.T) {
	t.Parallel()
	const (
		start   = registryURL + "/v2/team/app/manifests/v1"
		plain   = "http://" + host + "/v2/team/app/manifests/v1"
		storage = "https://storage.example.net/b"
		signed  = storage + "?X-Signature=" + serviceSecret
	)
	tests := []struct {
		name      string
		redirects []redirect
		want      []string // the URLs of all requests, with a + after those with credentials
		kind      error
	}{
		{"another host gets no credentials", []redirect{{start, signed, 307}}, []string{start + " +", storage}, nil},
		{"another port gets no credentials", []redirect{{start, registryURL + ":8443/b", 302}}, []string{start + " +", registryURL + ":8443/b"}, nil},
		{"a sub-domain gets no credentials", []redirect{{start, "https://cdn." + host + "/b", 302}}, []string{start + " +", "https://cdn." + host + "/b"}, nil},
		{"the path of a manifest at another host is followed", []redirect{{start, "https://storage.example.net/v2/team/app/manifests/x", 307}},
			[]string{start + " +", "https://storage.example.net/v2/team/app/manifests/x"}, nil},
		{"https to http is not followed", []redirect{{start, "http://" + host + "/b", 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"https to another host's http is not followed", []redirect{{start, "http://storage.example.net/b", 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"https to http is not followed in the second redirect either", []redirect{{start, storage, 302}, {storage, "http://storage.example.net/c", 302}},
			[]string{start + " +", storage}, regret.ErrRedirect},
		{"http to https of the same host gets no credentials", []redirect{{plain, registryURL + "/b", 301}}, []string{plain + " +", registryURL + "/b"}, nil},
		{"another path of the registry gets credentials", []redirect{{start, registryURL + "/b", 307}}, []string{start + " +", registryURL + "/b +"}, nil},
		{"the registry in upper case with its port gets credentials", []redirect{{start, "HTTPS://REGISTRY.example.com:443/b", 307}},
			[]string{start + " +", registryURL + ":443/b +"}, nil},
		{"an absolute path gets credentials", []redirect{{start, "/b", 308}}, []string{start + " +", registryURL + "/b +"}, nil},
		{"a relative path gets credentials", []redirect{{start, "../v2", 301}}, []string{start + " +", registryURL + "/v2/team/app/v2 +"}, nil},
		{"another manifest of the repository is not believed to be the tag", []redirect{{start, "v2", 301}}, []string{start + " +", registryURL + "/v2/team/app/manifests/v2 +"}, regret.ErrRedirect},
		{"another host without a scheme gets no credentials", []redirect{{start, "//storage.example.net/b", 303}}, []string{start + " +", storage}, nil},
		{"a chain that leaves the registry and returns gets no credentials", []redirect{{start, storage, 302}, {storage, registryURL + "/b", 302}},
			[]string{start + " +", storage, registryURL + "/b"}, nil},
		{"nor do its later redirects within the registry", []redirect{{start, storage, 302}, {storage, registryURL + "/b", 302}, {registryURL + "/b", "/c", 302}},
			[]string{start + " +", storage, registryURL + "/b", registryURL + "/c"}, nil},
		{"three redirects are followed", []redirect{{start, storage, 302}, {storage, "/c", 302}, {"https://storage.example.net/c", "https://storage2.example.net/", 302}},
			[]string{start + " +", storage, "https://storage.example.net/c", "https://storage2.example.net/"}, nil},
		{"a fourth redirect is not followed", []redirect{{start, storage, 302}, {storage, "/c", 302}, {"https://storage.example.net/c", "/d", 302}, {"https://storage.example.net/d", "/e", 302}},
			[]string{start + " +", storage, "https://storage.example.net/c", "https://storage.example.net/d"}, regret.ErrRedirect},
		{"a loop ends after three redirects", []redirect{{start, start, 302}}, []string{start + " +", start + " +", start + " +", start + " +"}, regret.ErrRedirect},
		{"user information is not followed", []redirect{{start, "https://" + serviceSecret + "@storage.example.net/b", 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"an empty Location is not followed", []redirect{{start, "", 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"an invalid URL is not followed", []redirect{{start, "https://%zz" + serviceSecret, 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"a file URL is not followed", []redirect{{start, "file:///etc/passwd", 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"a javascript URL is not followed", []redirect{{start, "javascript:alert(1)", 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"a scheme without a host is not followed", []redirect{{start, "https:///b", 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"an IPv4 address as one number is not followed", []redirect{{start, "https://2852039166/b", 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"a host with a Cyrillic letter is not followed", []redirect{{start, "https://st\u043erage.example.net/b", 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"an empty port is not followed", []redirect{{start, "https://storage.example.net:/b", 302}}, []string{start + " +"}, regret.ErrRedirect},
		{"a host with an underscore is followed", []redirect{{start, "https://my_bucket.example.net/b", 302}},
			[]string{start + " +", "https://my_bucket.example.net/b"}, nil},
		{"a 300 is an error without a kind", []redirect{{start, storage, 300}}, []string{start + " +"}, errors.ErrUnsupported},
		{"a 304 is an error without a kind", []redirect{{start, storage, 304}}, []string{start + " +"}, errors.ErrUnsupported},
		{"a host that does not exist is unavailable", []redirect{{start, "https://nowhere.example.net/b", 302}},
			[]string{start + " +", "https://nowhere.example.net/b"}, regret.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, credentials := range []regret.Option{regret.WithToken("c4n4ry-t0ken"), regret.WithBasicAuth(account, password)} {
				network := newRedirectNetwork(t, tt.redirects)
				c := newClientOf(t, strings.TrimSuffix(tt.redirects[0].from, "/v2/team/app/manifests/v1"), challengeFirst(network), credentials)
				err := resolve(t, c)
				switch {
				case tt.kind == errors.ErrUnsupported: // means an error without a kind in this table
					if e := wantRegretError(t, err); e.Kind != "" {
						t.Errorf("kind %q, want none", e.Kind)
					}
				case !errors.Is(err, tt.kind):
					t.Errorf("error: %v, want %v", err, tt.kind)
				}
				wantNoSecretInError(t, err, password, "c4n4ry-t0ken", serviceSecret)
				var got []string
				for _, r := range network.Requests() {
					line := r.Scheme + "://" + strings.ToLower(r.Host) + r.Path
					if r.Header.Get("Authorization") != "" {
						line += " +"
					}
					got = append(got, line)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
				home := "https://" + host + ":443"
				if strings.HasPrefix(tt.redirects[0].from, "http:") {
					home = "http://" + host + ":80"
				}
				wantSecretsOnlyAt(t, network.Requests(), []string{home}, password, "c4n4ry-t0ken")
			}
		})
	}
}

// challengeFirst responds to requests of the tag without credentials with a Basic challenge,
// which the log of the network does not contain.
func challengeFirst(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("Authorization") == "" && strings.HasSuffix(req.URL.Path, "/manifests/v1") {
			return respond(req, 401, "", "WWW-Authenticate", `Basic realm="r"`), nil
		}
		return next.RoundTrip(req)
	})
}

func TestRedirectTargetAsksForCredentials(t *testing.T) {
	t.Parallel()
	const storage = "https://storage.example.net"
	for name, challenge := range map[string]string{
		"a Basic challenge of the target gets no credentials": `Basic realm="r"`,
		"a Bearer challenge of the target gets no token":      `Bearer realm="https://storage.example.net/token"`,
		"a challenge with the registry's realm gets no token": `Bearer realm="` + registryURL + `/token"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := fakeregistry.NewNetwork()
			network.Handle(registryURL, http.RedirectHandler(storage+"/b", http.StatusTemporaryRedirect))
			network.Handle(storage, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", challenge)
				w.WriteHeader(401)
			}))
			err := resolve(t, newClient(t, network, regret.WithBasicAuth(account, password)))
			wantErr(t, err, regret.ErrUnauthorized)
			if diff := cmp.Diff([]string{"HEAD registry 307", "HEAD storage 401"}, traffic(network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			wantSecretsOnlyAt(t, network.Requests(), nil, password)
		})
	}
}

func TestRedirectedWrites(t *testing.T) {
	t.Parallel()
	writes := map[string]func(t *testing.T, c *regret.Client) error{
		"untag":          func(t *testing.T, c *regret.Client) error { return c.Untag(t.Context(), repo, "v1") },
		"deletion check": func(t *testing.T, c *regret.Client) error { return c.CheckDelete(t.Context(), repo) },
		"push by tag": func(t *testing.T, c *regret.Client) error {
			return c.PutManifest(t.Context(), repo, "v2", helloManifest(t))
		},
		"push by digest": func(t *testing.T, c *regret.Client) error {
			return c.PutManifest(t.Context(), repo, string(helloManifest(t).Descriptor.Digest), helloManifest(t))
		},
	}
	for name, write := range writes {
		for _, status := range []int{301, 302, 303, 307, 308} {
			for _, target := range []string{"/elsewhere", "https://storage.example.net/b"} {
				t.Run(fmt.Sprintf("a %s is not redirected by %d to %s", name, status, target), func(t *testing.T) {
					t.Parallel()
					network := fakeregistry.NewNetwork()
					network.Handle(registryURL, http.RedirectHandler(target, status))
					err := write(t, newClient(t, network, regret.WithToken("c4n4ry-t0ken")))
					e := wantErr(t, err, regret.ErrRedirect)
					if e.StatusCode != status {
						t.Errorf("status %d, want %d", e.StatusCode, status)
					}
					wantNot(t, err, regret.ErrOutcomeUnknown)
					all := network.Requests()
					if len(all) != 1 || strings.Contains(all[0].Path, "elsewhere") {
						t.Errorf("requests: %v, want one", all)
					}
				})
			}
		}
	}
}

// A tag of an index that is redirected to a child of the index must not resolve to the
// child's digest.
func TestTagRedirectedToAnotherManifest(t *testing.T) {
	t.Parallel()
	for rule, method := range map[string]string{"by HEAD": "", "by GET, if HEAD is not allowed": "GET"} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.PutIndex(repo, []string{"x", "y"}, "v1")
			child := reg.PutImage(repo, "x")
			if method != "" {
				reg.Intercept(0, fakeregistry.On("HEAD", manifestPath("v1")), fakeregistry.Answer(405, nil, ""))
			}
			reg.Intercept(0, fakeregistry.On(method, manifestPath("v1")), fakeregistry.Redirect(307, manifestPath(child.Digest)))
			_, err := newClient(t, reg).ResolveDigest(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrRedirect)
			wantText(t, err, "another manifest")
		})
	}
}

func TestRedirectTargetIsRateLimited(t *testing.T) {
	t.Parallel()
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		switch {
		case req.URL.Host == "cdn.example.net":
			return respond(req, http.StatusTooManyRequests, "slow down", "Retry-After", "30"), nil
		case strings.Contains(req.URL.Path, "manifests"):
			return respond(req, http.StatusTemporaryRedirect, "", "Location", "https://cdn.example.net/blob?sig=1"), nil
		}
		return respond(req, http.StatusOK, "{}"), nil
	}), regret.WithRetries(regret.Retries{Budget: time.Minute, RetryAfterMax: time.Minute}))
	_, err := c.Manifest(t.Context(), repo, "v1")
	if e := wantErr(t, err, regret.ErrRateLimited); e.URL != "https://cdn.example.net/blob" {
		t.Errorf("the error has the URL %s, want that of the redirect target", e.URL)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // less than the Retry-After of the other host
	defer cancel()
	if err := c.Ping(ctx); err != nil {
		t.Errorf("a request to the registry waits for the Retry-After of another host: %v", err)
	}
}
