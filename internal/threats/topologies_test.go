package threats_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

// A redirectTopology is a way in which a registry sends authenticated clients elsewhere, with the
// expected outcome.
type redirectTopology struct {
	name        string
	set         func(nw *network)
	wantRead    error    // error of a read; nil if it succeeds
	wantWrite   error    // error of a DELETE; nil if it succeeds
	wantOrigins []string // other origins that a read contacts
}

// redirectTo redirects to the same path of another origin.
func redirectTo(status int, origin string) func(*network) {
	return func(nw *network) { nw.serveAuthorized = redirectHandler(status, origin) }
}

func redirectHandler(status int, origin string) http.HandlerFunc {
	return func(rw http.ResponseWriter, req *http.Request) {
		rw.Header().Set("Location", origin+req.URL.RequestURI())
		rw.WriteHeader(status)
	}
}

// redirectToLocation redirects with a given Location.
func redirectToLocation(status int, location string) func(*network) {
	return func(nw *network) {
		nw.serveAuthorized = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Location", location)
			rw.WriteHeader(status)
		}
	}
}

// redirectToCredentialPrompt redirects to another origin that asks for credentials.
func redirectToCredentialPrompt(status int, origin string) func(*network) {
	return func(nw *network) {
		nw.hostsAskForCredentials, nw.serveAuthorized = true, redirectHandler(status, origin)
	}
}

// redirectThrough redirects from one origin to the next.
func redirectThrough(hops ...string) func(*network) {
	return func(nw *network) {
		nw.serveAuthorized = redirectHandler(307, hops[0])
		for i, hop := range hops[1:] {
			nw.otherHosts[hops[i]] = redirectHandler(307, hop)
		}
	}
}

// redirectThroughAndBack redirects through other origins and back to the registry, which then serves
// requests without credentials.
func redirectThroughAndBack(hops ...string) func(*network) {
	return func(nw *network) {
		redirectThrough(append(hops, registryOrigin)...)(nw)
		nw.otherHosts[registryOrigin] = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if nw.requestsTo(hops[len(hops)-1]) > 0 && req.Header.Get("Authorization") == "" {
				nw.registry.ServeHTTP(rw, req)
				return
			}
			nw.serveRegistry(rw, req)
		})
	}
}

// withHeaderFields makes the registry add header fields to its regular responses.
func withHeaderFields(fields ...string) func(*network) {
	return func(nw *network) {
		nw.serveAuthorized = func(rw http.ResponseWriter, req *http.Request) {
			for i := 0; i+1 < len(fields); i += 2 {
				rw.Header().Set(fields[i], fields[i+1])
			}
			nw.registry.ServeHTTP(rw, req)
		}
	}
}

// redirects are redirects to other places. A DELETE follows none of them.
var redirects = []redirectTopology{
	{"another host, 301", redirectTo(301, storageOrigin), nil, regret.ErrRedirect, []string{storageOrigin}},
	{"another host, 302", redirectTo(302, storageOrigin), nil, regret.ErrRedirect, []string{storageOrigin}},
	{"another host, 303", redirectTo(303, storageOrigin), nil, regret.ErrRedirect, []string{storageOrigin}},
	{"another host, 307", redirectTo(307, storageOrigin), nil, regret.ErrRedirect, []string{storageOrigin}},
	{"another host, 308", redirectTo(308, storageOrigin), nil, regret.ErrRedirect, []string{storageOrigin}},
	{"another port", redirectTo(307, registryOrigin+":8443"), nil, regret.ErrRedirect, []string{registryOrigin + ":8443"}},
	{"the port of the other scheme", redirectTo(307, registryOrigin+":80"), nil, regret.ErrRedirect, []string{registryOrigin + ":80"}},
	{"a sub-domain", redirectTo(307, "https://cdn.registry.example.com"), nil, regret.ErrRedirect, []string{"https://cdn.registry.example.com"}},
	{"the parent domain", redirectTo(307, "https://example.com"), nil, regret.ErrRedirect, []string{"https://example.com"}},
	{"a host with the registry's as a prefix", redirectTo(307, registryOrigin+".evil.example.net"), nil, regret.ErrRedirect, []string{registryOrigin + ".evil.example.net"}},
	{"a host with the registry's as a suffix", redirectTo(307, "https://evilregistry.example.com"), nil, regret.ErrRedirect, []string{"https://evilregistry.example.com"}},
	{"a dot at the end of the host", redirectTo(307, registryOrigin+"."), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"the registry over http", redirectTo(307, "http://registry.example.com"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"another host over http", redirectTo(307, "http://storage.example.net"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"http on the second hop", redirectThrough(storageOrigin, "http://storage.example.net"), regret.ErrRedirect, regret.ErrRedirect, []string{storageOrigin}},
	{"another host and back", redirectThroughAndBack(storageOrigin), nil, regret.ErrRedirect, []string{storageOrigin}},
	{"two other hosts and back", redirectThroughAndBack(storageOrigin, registryOrigin+":8443"), nil, regret.ErrRedirect, []string{storageOrigin, registryOrigin + ":8443"}},
	{"two other hosts", redirectThrough(storageOrigin, "https://storage2.example.net"), nil, regret.ErrRedirect, []string{storageOrigin, "https://storage2.example.net"}},
	{"four other hosts", redirectThrough(storageOrigin, "https://b.example.net", "https://c.example.net", "https://d.example.net"), regret.ErrRedirect, regret.ErrRedirect,
		[]string{storageOrigin, "https://b.example.net", "https://c.example.net"}},
	{"the trusted token service", redirectTo(307, tokenOrigin+"/token"), regret.ErrUnauthorized, regret.ErrRedirect, nil},
	{"an IPv4 address", redirectTo(307, "https://192.0.2.7"), nil, regret.ErrRedirect, []string{"https://192.0.2.7"}},
	{"an IPv4 address mapped to IPv6", redirectTo(307, "https://[::ffff:192.0.2.7]"), nil, regret.ErrRedirect, []string{"https://[::ffff:192.0.2.7]"}},
	{"the address of a cloud's metadata service", redirectToLocation(307, "http://169.254.169.254/latest/meta-data/"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"an address as one number", redirectTo(307, "https://2852039166"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"an address as a hexadecimal number", redirectTo(307, "https://0x7f.1"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"user information", redirectTo(307, "https://"+canaryAddress+":x@storage.example.net"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"user information that looks like the registry", redirectTo(307, registryOrigin+"@evil.example.net"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"a backslash", redirectToLocation(307, `https://evil.example.net\@registry.example.com/v2/`), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"a host without a scheme", redirectTo(307, "//storage.example.net"), nil, regret.ErrRedirect, []string{storageOrigin}},
	{"a file", redirectToLocation(307, "file:///etc/passwd?"+canaryAddress), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"an invalid URL", redirectToLocation(307, "https://%zz"+canaryAddress), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"an empty Location", redirectToLocation(307, ""), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"a signed URL", func(nw *network) {
		nw.serveAuthorized = func(rw http.ResponseWriter, req *http.Request) {
			http.Redirect(rw, req, storageOrigin+req.URL.Path+"?X-Signature="+canaryAddress+"&token="+canaryAddress+"#"+canaryAddress, http.StatusTemporaryRedirect)
		}
	}, nil, regret.ErrRedirect, []string{storageOrigin}},
	{"a host that asks for a password", redirectToCredentialPrompt(307, storageOrigin), regret.ErrUnauthorized, regret.ErrRedirect, []string{storageOrigin}},
	{"another port that asks for a password", redirectToCredentialPrompt(302, registryOrigin+":8443"), regret.ErrUnauthorized, regret.ErrRedirect, []string{registryOrigin + ":8443"}},
	{"a host that names the trusted token service", func(nw *network) {
		nw.serveAuthorized = redirectHandler(307, storageOrigin)
		nw.otherHosts[storageOrigin] = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("WWW-Authenticate", `Bearer realm="`+tokenOrigin+`/token",service="registry"`)
			rw.WriteHeader(http.StatusUnauthorized)
		})
	}, regret.ErrUnauthorized, regret.ErrRedirect, []string{storageOrigin}},
	{"the host of the registry without its port", func(nw *network) {
		nw.name, nw.registryOrigin = "registry.example.com:5000", registryOrigin+":5000"
		nw.serveAuthorized = redirectHandler(307, registryOrigin)
	}, nil, regret.ErrRedirect, []string{registryOrigin}},
	{"the address of a registry on this machine", func(nw *network) {
		nw.name, nw.registryOrigin = "localhost:5000", "http://localhost:5000"
		nw.serveAuthorized = redirectHandler(307, "http://127.0.0.1:5000")
	}, nil, regret.ErrRedirect, []string{"http://127.0.0.1:5000"}},
	{"https of a registry on this machine", func(nw *network) {
		nw.name, nw.registryOrigin = "localhost:5000", "http://localhost:5000"
		nw.serveAuthorized = redirectHandler(307, "https://localhost:5000")
	}, nil, regret.ErrRedirect, []string{"https://localhost:5000"}},
	{"another host of Docker Hub", func(nw *network) {
		nw.name, nw.registryOrigin = "docker.io", "https://registry-1.docker.io"
		nw.serveAuthorized = redirectHandler(307, "https://production.cloudflare.docker.com")
	}, nil, regret.ErrRedirect, []string{"https://production.cloudflare.docker.com"}},
}

// headerFields are header fields that name another place without being a redirect. The client must
// ignore them.
var headerFields = []redirectTopology{
	{"Location in a success", withHeaderFields("Location", storageOrigin+"/"), nil, nil, nil},
	{"Content-Location", withHeaderFields("Content-Location", storageOrigin+"/"), nil, nil, nil},
	{"Refresh", withHeaderFields("Refresh", "0; url="+storageOrigin), nil, nil, nil},
	{"Alt-Svc", withHeaderFields("Alt-Svc", `h2="storage.example.net:443"`), nil, nil, nil},
	{"a challenge in a success", withHeaderFields("WWW-Authenticate", `Bearer realm="https://evil.example.net/token"`), nil, nil, nil},
	{"a cookie", withHeaderFields("Set-Cookie", "session="+canaryAddress+"; Domain=example.com"), nil, nil, nil},
}

// pageLinks are links to the next page of a list. Their names begin with "a next page", so that only
// lists are run with them.
var pageLinks = []redirectTopology{
	{"a next page at another host", withHeaderFields("Link", `<`+storageOrigin+`/v2/team/app/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page at another port", withHeaderFields("Link", `<`+registryOrigin+`:8443/v2/team/app/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page over http", withHeaderFields("Link", `<http://registry.example.com/v2/team/app/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page at a host without a scheme", withHeaderFields("Link", `<//evil.example.net/v2/team/app/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page with user information", withHeaderFields("Link", `<https://a:`+canaryAddress+`@registry.example.com/v2/team/app/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page at another path with a signed URL", withHeaderFields("Link", `</v2/x?sig=`+canaryAddress+`>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page of another repository", withHeaderFields("Link", `</v2/team/other/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page at the address of a cloud's metadata service", withHeaderFields("Link", `<http://169.254.169.254/latest/>; rel="next"`), regret.ErrIncompleteList, nil, nil},
}

func TestThreatTopologiesOfRedirects(t *testing.T) {
	withHelper(t)
	s := newSecretSearch()
	scenarios := 0
	for _, k := range credentialKinds(t) {
		for _, top := range append(append(redirects[:len(redirects):len(redirects)], headerFields...), pageLinks...) {
			for _, e := range k.operations() {
				if strings.HasPrefix(top.name, "a next page") && !e.list {
					continue
				}
				scenarios++
				t.Run(top.name+"/"+k.name+"/"+e.name, func(t *testing.T) { s.runRedirect(t, k, top, e) })
			}
		}
	}
	t.Logf("%d topologies, %d scenarios, %d places searched", len(redirects)+len(headerFields)+len(pageLinks), scenarios, s.places)
}

func (s *secretSearch) runRedirect(t *testing.T, k credentialKind, top redirectTopology, e networkOperation) {
	nw := newNetwork(k)
	top.set(nw)
	r := nw.newRecorder(t, k)
	err := e.run(t.Context(), r.client, nw)
	want := top.wantRead
	if e.writes && (e.name == "untag" || want == nil) { // deletion by digest starts with a read
		want = top.wantWrite
	}
	wantKind(t, err, want)
	if !nw.nothingDeleted() && (err != nil || !e.writes) {
		t.Error("something was deleted")
	}
	reach := top.wantOrigins
	if e.name == "untag" {
		reach = nil
	}
	if diff := cmp.Diff(reach, nw.otherOriginsContacted()); diff != "" {
		t.Errorf("other hosts (-want +got):\n%s", diff)
	}
	s.checkRequests(t, nw, k)
	s.checkOutput(t, r, err)
}
