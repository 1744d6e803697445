package threats_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

// A realmTopology is a challenge of a registry or a response of its token service, with the expected
// outcome.
type realmTopology struct {
	name string
	set  func(nw *network)
	want error // nil if the client may request a token
}

// withRealm makes the registry name a token service. Every host issues tokens without credentials.
func withRealm(address string) func(*network) {
	return func(nw *network) {
		nw.hostsAskForCredentials, nw.challenge = true, `Bearer realm="`+address+`",service="registry",scope="repository:team/app:pull"`
	}
}

// withRegistryAndRealm is withRealm for another registry with its own token service.
func withRegistryAndRealm(name, home, auth, address string) func(*network) {
	return func(nw *network) {
		nw.name, nw.registryOrigin, nw.tokenOrigin, nw.trustedRealms = name, home, auth, nil
		withRealm(address)(nw)
	}
}

var realmTopologies = []realmTopology{
	{"another public host", withRealm("https://evil.example.net/token"), regret.ErrUntrustedRealm},
	{"a sub-domain of the registry", withRealm("https://auth.registry.example.com/token"), regret.ErrUntrustedRealm},
	{"the parent domain", withRealm("https://example.com/token"), regret.ErrUntrustedRealm},
	{"a host that begins like the trusted one", withRealm(tokenOrigin + ".evil.example.net/token"), regret.ErrUntrustedRealm},
	{"a sub-domain of the trusted one", withRealm("https://x.auth.example.com/token"), regret.ErrUntrustedRealm},
	{"another port of the trusted one", withRealm(tokenOrigin + ":8443/token"), regret.ErrUntrustedRealm},
	{"the trusted one over http", withRealm("http://auth.example.com/token"), regret.ErrUntrustedRealm},
	{"the registry over http", withRealm("http://registry.example.com/token"), regret.ErrUntrustedRealm},
	{"another port of the registry", withRealm(registryOrigin + ":8443/token"), regret.ErrUntrustedRealm},
	{"a dot at the end of the trusted one", withRealm(tokenOrigin + "./token"), regret.ErrUntrustedRealm},
	{"an IPv4 address", withRealm("https://192.0.2.7/token"), regret.ErrUntrustedRealm},
	{"a private address", withRealm("https://10.0.0.7/token"), regret.ErrUntrustedRealm},
	{"the address of a cloud's metadata service", withRealm("http://169.254.169.254/token"), regret.ErrUntrustedRealm},
	{"the metadata address mapped to IPv6", withRealm("http://[::ffff:169.254.169.254]/token"), regret.ErrUntrustedRealm},
	{"the metadata address as one number", withRealm("http://2852039166/token"), regret.ErrUntrustedRealm},
	{"the unspecified address, which is this machine", withRealm("http://0.0.0.0/token"), regret.ErrUntrustedRealm},
	{"this machine as one number", withRealm("http://2130706433/token"), regret.ErrUntrustedRealm},
	{"this machine as a hexadecimal number", withRealm("http://0x7f.1/token"), regret.ErrUntrustedRealm},
	{"this machine by IPv6", withRealm("http://[::1]/token"), regret.ErrUntrustedRealm},
	{"this machine by a public name", withRealm("https://localtest.me/token"), regret.ErrUntrustedRealm},
	{"this machine by its own name", withRealm("http://localhost:8080/token"), regret.ErrUntrustedRealm},
	{"user information", withRealm("https://a:" + canaryAddress + "@auth.example.com/token"), regret.ErrUntrustedRealm},
	{"user information that looks like the trusted one", withRealm(tokenOrigin + "@evil.example.net/token?sig=" + canaryAddress), regret.ErrUntrustedRealm},
	{"a file", withRealm("file:///etc/passwd"), regret.ErrNotRegistry},
	{"a path", withRealm("/token?sig=" + canaryAddress), regret.ErrNotRegistry},
	{"a host without a scheme", withRealm("//evil.example.net/token"), regret.ErrNotRegistry},
	{"an invalid URL", withRealm("https://%zz/token?sig=" + canaryAddress), regret.ErrNotRegistry},
	{"an empty realm", withRealm(""), regret.ErrNotRegistry},
	{"Docker Hub's service for another registry", withRealm("https://auth.docker.io/token"), regret.ErrUntrustedRealm},
	{"GitLab's service for another registry", withRealm("https://gitlab.com/jwt/auth"), regret.ErrUntrustedRealm},
	{"another service for Docker Hub", withRegistryAndRealm("docker.io", "https://registry-1.docker.io", "https://auth.docker.io", tokenOrigin+"/token"), regret.ErrUntrustedRealm},
	{"Docker Hub's service over http", withRegistryAndRealm("docker.io", "https://registry-1.docker.io", "https://auth.docker.io", "http://auth.docker.io/token"), regret.ErrUntrustedRealm},
	{"another service for GitLab", withRegistryAndRealm("registry.gitlab.com", "https://registry.gitlab.com", "https://gitlab.com", "https://gitlab.io/jwt/auth"), regret.ErrUntrustedRealm},
	{"the host of the registry without its port", withRegistryAndRealm("registry.example.com:5000", registryOrigin+":5000", registryOrigin+":5000", registryOrigin+"/token"), regret.ErrUntrustedRealm},
	{"another port of a registry on this machine", withRegistryAndRealm("localhost:5000", "http://localhost:5000", "http://localhost:5000", "http://localhost:5001/token"), regret.ErrUntrustedRealm},

	{"the trusted one", withRealm(tokenOrigin + "/token"), nil},
	{"the trusted one with its port", withRealm(tokenOrigin + ":443/token"), nil},
	{"the registry itself", withRegistryAndRealm("", registryOrigin, registryOrigin, registryOrigin+"/token"), nil},
	{"the registry itself with its port", withRegistryAndRealm("registry.example.com:5000", registryOrigin+":5000", registryOrigin+":5000", registryOrigin+":5000/token"), nil},
	{"the registry itself on this machine", withRegistryAndRealm("localhost:5000", "http://localhost:5000", "http://localhost:5000", "http://localhost:5000/token"), nil},
	{"Docker Hub's service for Docker Hub", withRegistryAndRealm("docker.io", "https://registry-1.docker.io", "https://auth.docker.io", "https://auth.docker.io/token"), nil},
	{"GitLab's service for GitLab", withRegistryAndRealm("registry.gitlab.com", "https://registry.gitlab.com", "https://gitlab.com", "https://gitlab.com/jwt/auth"), nil},
	{"the trusted one with a query of its own", withRealm(tokenOrigin + "/token?tenant=" + canaryAddress), nil},
}

func TestThreatTopologiesOfRealms(t *testing.T) {
	withHelper(t)
	s := newSecretSearch()
	scenarios := 0
	for _, k := range credentialKinds(t) {
		if k.basicAuth { // these cases are about tokens
			continue
		}
		for _, top := range realmTopologies {
			for _, e := range k.operations() {
				scenarios++
				t.Run(top.name+"/"+k.name+"/"+e.name, func(t *testing.T) { s.runRealm(t, k, top, e) })
			}
		}
	}
	t.Logf("%d topologies, %d scenarios, %d places searched", len(realmTopologies), scenarios, s.places)
}

func (s *secretSearch) runRealm(t *testing.T, k credentialKind, top realmTopology, e networkOperation) {
	nw := newNetwork(k)
	top.set(nw)
	r := nw.newRecorder(t, k)
	err := e.run(t.Context(), r.client, nw)
	want := top.want
	if k.preemptive {
		want = nil
	}
	wantKind(t, err, want)
	if want != nil && !nw.nothingDeleted() {
		t.Error("something was deleted")
	}
	if diff := cmp.Diff([]string(nil), nw.otherOriginsContacted()); diff != "" {
		t.Errorf("other hosts (-want +got):\n%s", diff)
	}
	if want != nil && len(nw.requests()) != 1 {
		t.Errorf("%d requests, want only the one that was challenged", len(nw.requests()))
	}
	s.checkRequests(t, nw, k)
	s.checkOutput(t, r, err)
}

// tokenServiceTopologies are responses of the trusted token service to a request with credentials.
var tokenServiceTopologies = []realmTopology{
	{"redirects with 301", tokenRedirect(301), regret.ErrRedirect},
	{"redirects with 302", tokenRedirect(302), regret.ErrRedirect},
	{"redirects with 303", tokenRedirect(303), regret.ErrRedirect},
	{"redirects with 307", tokenRedirect(307), regret.ErrRedirect},
	{"redirects with 308", tokenRedirect(308), regret.ErrRedirect},
	{"redirects to http", func(nw *network) { nw.serveToken = redirectHandler(307, "http://auth.example.com") }, regret.ErrRedirect},
	{"redirects to the registry", func(nw *network) { nw.serveToken = redirectHandler(307, registryOrigin) }, regret.ErrRedirect},
	{"redirects to another path of its own", func(nw *network) { nw.serveToken = redirectHandler(307, tokenOrigin+"/other") }, regret.ErrRedirect},
	{"challenges with the realm of another host", tokenResponse(401, "no", "WWW-Authenticate", `Bearer realm="https://evil.example.net/token"`), regret.ErrUnauthorized},
	{"challenges for a password", tokenResponse(401, "no", "WWW-Authenticate", `Basic realm="token service"`), regret.ErrUnauthorized},
	{"links to another host", tokenResponse(200, `{"token":"`+canaryIssued+`"}`, "Link", `<https://evil.example.net/token>; rel="next"`, "Refresh", "0; url=https://evil.example.net/"), nil},
	{"issues a token and a refresh token", tokenResponse(200, `{"token":"`+canaryIssued+`","refresh_token":"`+canaryRefresh+`"}`), nil},
	{"issues only a refresh token", tokenResponse(200, `{"refresh_token":"`+canaryRefresh+`"}`), regret.ErrNotRegistry},
	{"issues a token with a line break", tokenResponse(200, `{"token":"`+canaryIssued+`\r\nX-Evil: 1"}`), regret.ErrNotRegistry},
	{"echoes the credentials in an error", func(nw *network) {
		nw.serveToken = func(rw http.ResponseWriter, req *http.Request) {
			rw.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(rw, `{"errors":[{"code":"DENIED","message":%q}]}`, fmt.Sprint(req.Header, req.PostFormValue("refresh_token")))
		}
	}, regret.ErrForbidden},
	{"does not support POST", func(nw *network) {
		nw.serveToken = func(rw http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPost {
				rw.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			fmt.Fprintf(rw, `{"token":%q}`, canaryIssued)
		}
	}, nil},
}

func tokenRedirect(status int) func(*network) {
	return func(nw *network) {
		nw.serveToken, nw.hostsAskForCredentials = redirectHandler(status, "https://evil.example.net"), true
	}
}

func tokenResponse(status int, body string, fields ...string) func(*network) {
	return func(nw *network) {
		nw.hostsAskForCredentials = true
		nw.serveToken = func(rw http.ResponseWriter, _ *http.Request) {
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
	s := newSecretSearch()
	scenarios := 0
	for _, k := range credentialKinds(t) {
		if !k.fetchesToken {
			continue
		}
		for _, top := range tokenServiceTopologies {
			for _, e := range k.operations() {
				scenarios++
				t.Run(top.name+"/"+k.name+"/"+e.name, func(t *testing.T) {
					nw := newNetwork(k)
					top.set(nw)
					r := nw.newRecorder(t, k)
					err := e.run(t.Context(), r.client, nw)
					wantKind(t, err, top.want)
					if top.want != nil && !nw.nothingDeleted() {
						t.Error("something was deleted")
					}
					if diff := cmp.Diff([]string(nil), nw.otherOriginsContacted()); diff != "" {
						t.Errorf("other hosts (-want +got):\n%s", diff)
					}
					s.checkRequests(t, nw, k)
					s.checkOutput(t, r, err)
				})
			}
		}
	}
	t.Logf("%d topologies, %d scenarios, %d places searched", len(tokenServiceTopologies), scenarios, s.places)
}
