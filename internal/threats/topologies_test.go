package threats_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

// A topology is where a registry sends those who have shown their credentials,
// and what is to come of it.
type topology struct {
	name  string
	set   func(w *world)
	read  error    // what reading comes to; nil if it succeeds
	write error    // what a DELETE comes to
	reach []string // the other hosts that a read leads to
}

// to redirects to the same path of another origin.
func to(status int, origin string) func(*world) {
	return func(w *world) { w.answer = moved(status, origin) }
}

func moved(status int, origin string) http.HandlerFunc {
	return func(rw http.ResponseWriter, req *http.Request) {
		rw.Header().Set("Location", origin+req.URL.RequestURI())
		rw.WriteHeader(status)
	}
}

// literally redirects to an address as it is.
func literally(status int, location string) func(*world) {
	return func(w *world) {
		w.answer = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Location", location)
			rw.WriteHeader(status)
		}
	}
}

// thieves redirects to hosts that ask for credentials.
func thieves(status int, origin string) func(*world) {
	return func(w *world) { w.thief, w.answer = true, moved(status, origin) }
}

// back leads through other hosts, and from the last of them wherever it says.
func back(hops ...string) func(*world) {
	return func(w *world) {
		w.answer = moved(307, hops[0])
		for i, hop := range hops[1:] {
			w.others[hops[i]] = moved(307, hop)
		}
	}
}

// through is back, where the registry serves what comes back to it.
func through(hops ...string) func(*world) {
	return func(w *world) {
		back(append(hops, worldHome)...)(w)
		w.others[worldHome] = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if w.visits(hops[len(hops)-1]) > 0 && req.Header.Get("Authorization") == "" {
				w.registry.ServeHTTP(rw, req)
				return
			}
			w.gate(rw, req)
		})
	}
}

// beside lets the registry answer as it does, with other header fields beside.
func beside(fields ...string) func(*world) {
	return func(w *world) {
		w.answer = func(rw http.ResponseWriter, req *http.Request) {
			for i := 0; i+1 < len(fields); i += 2 {
				rw.Header().Set(fields[i], fields[i+1])
			}
			w.registry.ServeHTTP(rw, req)
		}
	}
}

// elsewhere are redirects. A DELETE follows none of them.
var elsewhere = []topology{
	{"another host, 301", to(301, worldStore), nil, regret.ErrRedirect, []string{worldStore}},
	{"another host, 302", to(302, worldStore), nil, regret.ErrRedirect, []string{worldStore}},
	{"another host, 303", to(303, worldStore), nil, regret.ErrRedirect, []string{worldStore}},
	{"another host, 307", to(307, worldStore), nil, regret.ErrRedirect, []string{worldStore}},
	{"another host, 308", to(308, worldStore), nil, regret.ErrRedirect, []string{worldStore}},
	{"another port", to(307, worldHome+":8443"), nil, regret.ErrRedirect, []string{worldHome + ":8443"}},
	{"the port of the other scheme", to(307, worldHome+":80"), nil, regret.ErrRedirect, []string{worldHome + ":80"}},
	{"a sub-domain", to(307, "https://cdn.registry.example.com"), nil, regret.ErrRedirect, []string{"https://cdn.registry.example.com"}},
	{"the parent domain", to(307, "https://example.com"), nil, regret.ErrRedirect, []string{"https://example.com"}},
	{"a host that begins alike", to(307, worldHome+".evil.example.net"), nil, regret.ErrRedirect, []string{worldHome + ".evil.example.net"}},
	{"a host that ends alike", to(307, "https://evilregistry.example.com"), nil, regret.ErrRedirect, []string{"https://evilregistry.example.com"}},
	{"a dot at the end of the host", to(307, worldHome+"."), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"http of the registry", to(307, "http://registry.example.com"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"http of another host", to(307, "http://storage.example.net"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"http on the second hop", back(worldStore, "http://storage.example.net"), regret.ErrRedirect, regret.ErrRedirect, []string{worldStore}},
	{"away and back", through(worldStore), nil, regret.ErrRedirect, []string{worldStore}},
	{"away, further, and back", through(worldStore, worldHome+":8443"), nil, regret.ErrRedirect, []string{worldStore, worldHome + ":8443"}},
	{"away and further", back(worldStore, "https://storage2.example.net"), nil, regret.ErrRedirect, []string{worldStore, "https://storage2.example.net"}},
	{"four hops", back(worldStore, "https://b.example.net", "https://c.example.net", "https://d.example.net"), regret.ErrRedirect, regret.ErrRedirect,
		[]string{worldStore, "https://b.example.net", "https://c.example.net"}},
	{"the trusted token service", to(307, worldAuth+"/token"), regret.ErrUnauthorized, regret.ErrRedirect, nil},
	{"an IPv4 address", to(307, "https://192.0.2.7"), nil, regret.ErrRedirect, []string{"https://192.0.2.7"}},
	{"an IPv4 address mapped to IPv6", to(307, "https://[::ffff:192.0.2.7]"), nil, regret.ErrRedirect, []string{"https://[::ffff:192.0.2.7]"}},
	{"the address of a cloud's metadata", literally(307, "http://169.254.169.254/latest/meta-data/"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"an address as one number", to(307, "https://2852039166"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"an address as a hexadecimal number", to(307, "https://0x7f.1"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"user information", to(307, "https://"+canaryAddress+":x@storage.example.net"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"user information that looks like the registry", to(307, worldHome+"@evil.example.net"), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"a backslash", literally(307, `https://evil.example.net\@registry.example.com/v2/`), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"a host without a scheme", to(307, "//storage.example.net"), nil, regret.ErrRedirect, []string{worldStore}},
	{"a file", literally(307, "file:///etc/passwd?"+canaryAddress), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"what is no address", literally(307, "https://%zz"+canaryAddress), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"nothing", literally(307, ""), regret.ErrRedirect, regret.ErrRedirect, nil},
	{"an address that is signed", func(w *world) {
		w.answer = func(rw http.ResponseWriter, req *http.Request) {
			http.Redirect(rw, req, worldStore+req.URL.Path+"?X-Signature="+canaryAddress+"&token="+canaryAddress+"#"+canaryAddress, http.StatusTemporaryRedirect)
		}
	}, nil, regret.ErrRedirect, []string{worldStore}},
	{"one who asks for a password", thieves(307, worldStore), regret.ErrUnauthorized, regret.ErrRedirect, []string{worldStore}},
	{"one who asks for a password at another port", thieves(302, worldHome+":8443"), regret.ErrUnauthorized, regret.ErrRedirect, []string{worldHome + ":8443"}},
	{"one who names the trusted token service", func(w *world) {
		w.answer = moved(307, worldStore)
		w.others[worldStore] = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("WWW-Authenticate", `Bearer realm="`+worldAuth+`/token",service="registry"`)
			rw.WriteHeader(http.StatusUnauthorized)
		})
	}, regret.ErrUnauthorized, regret.ErrRedirect, []string{worldStore}},
	{"a registry with a port, to its host without", func(w *world) {
		w.name, w.home = "registry.example.com:5000", worldHome+":5000"
		w.answer = moved(307, worldHome)
	}, nil, regret.ErrRedirect, []string{worldHome}},
	{"a registry on this machine, to its address", func(w *world) {
		w.name, w.home = "localhost:5000", "http://localhost:5000"
		w.answer = moved(307, "http://127.0.0.1:5000")
	}, nil, regret.ErrRedirect, []string{"http://127.0.0.1:5000"}},
	{"a registry on this machine, to https", func(w *world) {
		w.name, w.home = "localhost:5000", "http://localhost:5000"
		w.answer = moved(307, "https://localhost:5000")
	}, nil, regret.ErrRedirect, []string{"https://localhost:5000"}},
	{"another name of Docker Hub", func(w *world) {
		w.name, w.home = "docker.io", "https://registry-1.docker.io"
		w.answer = moved(307, "https://production.cloudflare.docker.com")
	}, nil, regret.ErrRedirect, []string{"https://production.cloudflare.docker.com"}},
}

// besides are header fields that lead elsewhere without being a redirect.
var besides = []topology{
	{"Location beside a success", beside("Location", worldStore+"/"), nil, nil, nil},
	{"Content-Location", beside("Content-Location", worldStore+"/"), nil, nil, nil},
	{"Refresh", beside("Refresh", "0; url="+worldStore), nil, nil, nil},
	{"Alt-Svc", beside("Alt-Svc", `h2="storage.example.net:443"`), nil, nil, nil},
	{"a challenge beside a success", beside("WWW-Authenticate", `Bearer realm="https://evil.example.net/token"`), nil, nil, nil},
	{"a cookie", beside("Set-Cookie", "session="+canaryAddress+"; Domain=example.com"), nil, nil, nil},
}

// nextPages are links to the next page of a list.
var nextPages = []topology{
	{"a next page at another host", beside("Link", `<`+worldStore+`/v2/team/app/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page at another port", beside("Link", `<`+worldHome+`:8443/v2/team/app/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page over http", beside("Link", `<http://registry.example.com/v2/team/app/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page at a host without a scheme", beside("Link", `<//evil.example.net/v2/team/app/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page with user information", beside("Link", `<https://a:`+canaryAddress+`@registry.example.com/v2/team/app/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page elsewhere whose address is signed", beside("Link", `</v2/x?sig=`+canaryAddress+`>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page of another repository", beside("Link", `</v2/team/other/tags/list?last=v1>; rel="next"`), regret.ErrIncompleteList, nil, nil},
	{"a next page at the address of a cloud's metadata", beside("Link", `<http://169.254.169.254/latest/>; rel="next"`), regret.ErrIncompleteList, nil, nil},
}

func TestThreatTopologiesOfRedirects(t *testing.T) {
	withHelper(t)
	s := newSearch()
	scenarios := 0
	for _, k := range credentialKinds(t) {
		for _, top := range append(append(elsewhere[:len(elsewhere):len(elsewhere)], besides...), nextPages...) {
			for _, e := range k.errands() {
				if strings.HasPrefix(top.name, "a next page") && !e.list {
					continue
				}
				scenarios++
				t.Run(top.name+"/"+k.name+"/"+e.name, func(t *testing.T) { s.redirected(t, k, top, e) })
			}
		}
	}
	t.Logf("%d topologies, %d scenarios, %d places searched", len(elsewhere)+len(besides)+len(nextPages), scenarios, s.places)
}

func (s *search) redirected(t *testing.T, k kind, top topology, e errand) {
	w := newWorld(k)
	top.set(w)
	r := w.record(t, k)
	err := e.run(t.Context(), r.client, w)
	want := top.read
	if e.writes && (e.name == "untag" || want == nil) { // a digest is asked for before it is deleted
		want = top.write
	}
	wantKind(t, err, want)
	if !w.intact() && (err != nil || !e.writes) {
		t.Error("something was deleted")
	}
	reach := top.reach
	if e.name == "untag" {
		reach = nil
	}
	if diff := cmp.Diff(reach, w.reached()); diff != "" {
		t.Errorf("other hosts (-want +got):\n%s", diff)
	}
	s.network(t, w, k)
	s.texts(t, r, err)
}
