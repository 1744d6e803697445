package threats_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

// A realmTopology is where a registry sends its callers for a token, and what
// comes of that.
type realmTopology struct {
	name string
	set  func(w *world)
	want error // nil: the token service may be asked
}

// realm lets the registry name a token service; every host gives tokens, to
// anybody.
func realm(address string) func(*world) {
	return func(w *world) {
		w.thief, w.challenge = true, `Bearer realm="`+address+`",service="registry",scope="repository:team/app:pull"`
	}
}

// hub is realm for another registry, with its own token service.
func hub(name, home, auth, address string) func(*world) {
	return func(w *world) {
		w.name, w.home, w.auth, w.trust = name, home, auth, nil
		realm(address)(w)
	}
}

var realms = []realmTopology{
	{"another public host", realm("https://evil.example.net/token"), regret.ErrUntrustedRealm},
	{"a sub-domain of the registry", realm("https://auth.registry.example.com/token"), regret.ErrUntrustedRealm},
	{"the parent domain", realm("https://example.com/token"), regret.ErrUntrustedRealm},
	{"a host that begins like the trusted one", realm(worldAuth + ".evil.example.net/token"), regret.ErrUntrustedRealm},
	{"a sub-domain of the trusted one", realm("https://x.auth.example.com/token"), regret.ErrUntrustedRealm},
	{"another port of the trusted one", realm(worldAuth + ":8443/token"), regret.ErrUntrustedRealm},
	{"http of the trusted one", realm("http://auth.example.com/token"), regret.ErrUntrustedRealm},
	{"http of the registry", realm("http://registry.example.com/token"), regret.ErrUntrustedRealm},
	{"another port of the registry", realm(worldHome + ":8443/token"), regret.ErrUntrustedRealm},
	{"a dot at the end of the trusted one", realm(worldAuth + "./token"), regret.ErrUntrustedRealm},
	{"an IPv4 address", realm("https://192.0.2.7/token"), regret.ErrUntrustedRealm},
	{"a private address", realm("https://10.0.0.7/token"), regret.ErrUntrustedRealm},
	{"the address of a cloud's metadata", realm("http://169.254.169.254/token"), regret.ErrUntrustedRealm},
	{"that address mapped to IPv6", realm("http://[::ffff:169.254.169.254]/token"), regret.ErrUntrustedRealm},
	{"that address as one number", realm("http://2852039166/token"), regret.ErrUntrustedRealm},
	{"no address, which is this machine", realm("http://0.0.0.0/token"), regret.ErrUntrustedRealm},
	{"this machine as one number", realm("http://2130706433/token"), regret.ErrUntrustedRealm},
	{"this machine as a hexadecimal number", realm("http://0x7f.1/token"), regret.ErrUntrustedRealm},
	{"this machine by IPv6", realm("http://[::1]/token"), regret.ErrUntrustedRealm},
	{"this machine by a public name", realm("https://localtest.me/token"), regret.ErrUntrustedRealm},
	{"this machine by its own name", realm("http://localhost:8080/token"), regret.ErrUntrustedRealm},
	{"user information", realm("https://a:" + canaryAddress + "@auth.example.com/token"), regret.ErrUntrustedRealm},
	{"user information that looks like the trusted one", realm(worldAuth + "@evil.example.net/token?sig=" + canaryAddress), regret.ErrUntrustedRealm},
	{"a file", realm("file:///etc/passwd"), regret.ErrNotRegistry},
	{"a path", realm("/token?sig=" + canaryAddress), regret.ErrNotRegistry},
	{"a host without a scheme", realm("//evil.example.net/token"), regret.ErrNotRegistry},
	{"what is no address", realm("https://%zz/token?sig=" + canaryAddress), regret.ErrNotRegistry},
	{"nothing", realm(""), regret.ErrNotRegistry},
	{"Docker Hub's service for another registry", realm("https://auth.docker.io/token"), regret.ErrUntrustedRealm},
	{"GitLab's service for another registry", realm("https://gitlab.com/jwt/auth"), regret.ErrUntrustedRealm},
	{"another service for Docker Hub", hub("docker.io", "https://registry-1.docker.io", "https://auth.docker.io", worldAuth+"/token"), regret.ErrUntrustedRealm},
	{"Docker Hub's service over http", hub("docker.io", "https://registry-1.docker.io", "https://auth.docker.io", "http://auth.docker.io/token"), regret.ErrUntrustedRealm},
	{"another service for GitLab", hub("registry.gitlab.com", "https://registry.gitlab.com", "https://gitlab.com", "https://gitlab.io/jwt/auth"), regret.ErrUntrustedRealm},
	{"a registry with a port, its host without", hub("registry.example.com:5000", worldHome+":5000", worldHome+":5000", worldHome+"/token"), regret.ErrUntrustedRealm},
	{"a registry on this machine, another port", hub("localhost:5000", "http://localhost:5000", "http://localhost:5000", "http://localhost:5001/token"), regret.ErrUntrustedRealm},

	{"the trusted one", realm(worldAuth + "/token"), nil},
	{"the trusted one with its port", realm(worldAuth + ":443/token"), nil},
	{"the registry itself", hub("", worldHome, worldHome, worldHome+"/token"), nil},
	{"the registry itself at its port", hub("registry.example.com:5000", worldHome+":5000", worldHome+":5000", worldHome+":5000/token"), nil},
	{"the registry itself on this machine", hub("localhost:5000", "http://localhost:5000", "http://localhost:5000", "http://localhost:5000/token"), nil},
	{"Docker Hub's", hub("docker.io", "https://registry-1.docker.io", "https://auth.docker.io", "https://auth.docker.io/token"), nil},
	{"GitLab's", hub("registry.gitlab.com", "https://registry.gitlab.com", "https://gitlab.com", "https://gitlab.com/jwt/auth"), nil},
	{"the trusted one with a query of its own", realm(worldAuth + "/token?tenant=" + canaryAddress), nil},
}

func TestThreatTopologiesOfRealms(t *testing.T) {
	withHelper(t)
	s := newSearch()
	scenarios := 0
	for _, k := range credentialKinds(t) {
		if k.basic { // the challenge is for a token
			continue
		}
		for _, top := range realms {
			for _, e := range k.errands() {
				scenarios++
				t.Run(top.name+"/"+k.name+"/"+e.name, func(t *testing.T) { s.sentForAToken(t, k, top, e) })
			}
		}
	}
	t.Logf("%d topologies, %d scenarios, %d places searched", len(realms), scenarios, s.places)
}

func (s *search) sentForAToken(t *testing.T, k kind, top realmTopology, e errand) {
	w := newWorld(k)
	top.set(w)
	r := w.record(t, k)
	err := e.run(t.Context(), r.client, w)
	want := top.want
	if k.unasked {
		want = nil
	}
	wantKind(t, err, want)
	if want != nil && !w.intact() {
		t.Error("something was deleted")
	}
	if diff := cmp.Diff([]string(nil), w.reached()); diff != "" {
		t.Errorf("other hosts (-want +got):\n%s", diff)
	}
	if want != nil && len(w.requests()) != 1 {
		t.Errorf("%d requests, want the one that was challenged", len(w.requests()))
	}
	s.network(t, w, k)
	s.texts(t, r, err)
}

// services are what the trusted token service answers to who shows the secret.
var services = []realmTopology{
	{"moves for good", tokenMoved(301), regret.ErrRedirect},
	{"moves for now", tokenMoved(302), regret.ErrRedirect},
	{"sends to see others", tokenMoved(303), regret.ErrRedirect},
	{"moves the request with its body", tokenMoved(307), regret.ErrRedirect},
	{"moves the request with its body for good", tokenMoved(308), regret.ErrRedirect},
	{"moves to http", func(w *world) { w.token = moved(307, "http://auth.example.com") }, regret.ErrRedirect},
	{"moves to the registry", func(w *world) { w.token = moved(307, worldHome) }, regret.ErrRedirect},
	{"moves to another path of its own", func(w *world) { w.token = moved(307, worldAuth+"/other") }, regret.ErrRedirect},
	{"asks for a password by the word of another", tokenSays(401, "no", "WWW-Authenticate", `Bearer realm="https://evil.example.net/token"`), regret.ErrUnauthorized},
	{"asks for a password itself", tokenSays(401, "no", "WWW-Authenticate", `Basic realm="token service"`), regret.ErrUnauthorized},
	{"says that there is more elsewhere", tokenSays(200, `{"token":"`+canaryIssued+`"}`, "Link", `<https://evil.example.net/token>; rel="next"`, "Refresh", "0; url=https://evil.example.net/"), nil},
	{"gives a token and a refresh token", tokenSays(200, `{"token":"`+canaryIssued+`","refresh_token":"`+canaryRefresh+`"}`), nil},
	{"gives a refresh token alone", tokenSays(200, `{"refresh_token":"`+canaryRefresh+`"}`), regret.ErrNotRegistry},
	{"gives a token with a line break", tokenSays(200, `{"token":"`+canaryIssued+`\r\nX-Evil: 1"}`), regret.ErrNotRegistry},
	{"says in an error what it was shown", func(w *world) {
		w.token = func(rw http.ResponseWriter, req *http.Request) {
			rw.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(rw, `{"errors":[{"code":"DENIED","message":%q}]}`, fmt.Sprint(req.Header, req.PostFormValue("refresh_token")))
		}
	}, regret.ErrForbidden},
	{"knows no POST", func(w *world) {
		w.token = func(rw http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPost {
				rw.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			fmt.Fprintf(rw, `{"token":%q}`, canaryIssued)
		}
	}, nil},
}

func tokenMoved(status int) func(*world) {
	return func(w *world) { w.token, w.thief = moved(status, "https://evil.example.net"), true }
}

func tokenSays(status int, body string, fields ...string) func(*world) {
	return func(w *world) {
		w.thief = true
		w.token = func(rw http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(fields); i += 2 {
				rw.Header().Set(fields[i], fields[i+1])
			}
			rw.WriteHeader(status)
			fmt.Fprint(rw, body)
		}
	}
}

func TestThreatTopologiesOfTokenServices(t *testing.T) {
	withHelper(t)
	s := newSearch()
	scenarios := 0
	for _, k := range credentialKinds(t) {
		if !k.fetches {
			continue
		}
		for _, top := range services {
			for _, e := range k.errands() {
				scenarios++
				t.Run(top.name+"/"+k.name+"/"+e.name, func(t *testing.T) {
					w := newWorld(k)
					top.set(w)
					r := w.record(t, k)
					err := e.run(t.Context(), r.client, w)
					wantKind(t, err, top.want)
					if top.want != nil && !w.intact() {
						t.Error("something was deleted")
					}
					if diff := cmp.Diff([]string(nil), w.reached()); diff != "" {
						t.Errorf("other hosts (-want +got):\n%s", diff)
					}
					s.network(t, w, k)
					s.texts(t, r, err)
				})
			}
		}
	}
	t.Logf("%d topologies, %d scenarios, %d places searched", len(services), scenarios, s.places)
}
