package threats_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The target of a redirect that asks for credentials gets none, and the client requests no token.
func TestThreatV01RedirectTargetAsksForCredentials(t *testing.T) {
	t.Parallel()
	for name, challenge := range map[string]string{
		"a password": `Basic realm="r"`, "a token of its own": `Bearer realm="SELF/token"`, "a token of the registry": `Bearer realm="HOME/token"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, socketTransports(), append(readOperations(), deleteManifest), func(t *testing.T, s *testServer, op operation) {
				var x *otherServer
				x = s.startOtherServer(s.transport, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("WWW-Authenticate", strings.NewReplacer("SELF", x.origin, "HOME", s.origin()).Replace(challenge))
					w.WriteHeader(http.StatusUnauthorized)
				})
				s.intercept("", "", func(w http.ResponseWriter, req *http.Request) bool {
					return fakeregistry.Redirect(307, x.origin+req.URL.RequestURI())(w, req)
				})
				wantErr(t, op.run(s.ctx(), s.client(passwordOption()), s), regret.ErrUnauthorized)
				x.wantReceived(t, 1, authPassword)
				s.wantRequestCountsAtMost(1, 0)
				s.wantNothingDeleted()
			})
		})
	}
}

// The realm is another server on this machine, spelled in many ways. The client must refuse every
// spelling, although each of them would reach that server.
func TestThreatV02RealmHijack(t *testing.T) {
	t.Parallel()
	for _, spelled := range []string{
		"127.0.0.2", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "017700000001", "localhost", "LOCALHOST", "127.0.0.1.", "ann@127.0.0.1", "127.0.0.1@127.0.0.1",
	} {
		t.Run(spelled, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []transport{http1, plainHTTP}, []operation{untag}, func(t *testing.T, s *testServer, op operation) {
				x := s.startOtherServer(s.transport, nil)
				scheme, rest, _ := strings.Cut(x.origin, "://")
				_, port, _ := strings.Cut(rest, ":")
				s.requireAuth(authConfig{challenges: []string{fmt.Sprintf(`Bearer realm="%s://%s:%s/token"`, scheme, spelled, port)}})
				err := op.run(s.ctx(), s.client(passwordOption()), s)
				wantErr(t, err, regret.ErrUntrustedRealm)
				wantNoSecrets(t, err, authPassword)
				x.wantReceived(t, 0)
				s.wantRequestCountsAtMost(1, 0)
			})
		})
	}
}

// A trusted token service redirects to another server. The client must not follow with its
// credentials, whether they are in the query, the header or the body.
func TestThreatV03TokenServiceRedirects(t *testing.T) {
	t.Parallel()
	for name, credential := range map[string]regret.Option{
		"a password":        passwordOption(),
		"an identity token": regret.WithCredentials(credentials.Static(credentials.Credential{IdentityToken: canaryIdentity})),
	} {
		for _, status := range []int{302, 307, 308} {
			t.Run(fmt.Sprint(name, " with ", status), func(t *testing.T) {
				t.Parallel()
				onTransports(t, socketTransports(), func(t *testing.T, s *testServer) {
					x := s.startOtherServer(s.transport, nil)
					trusted := s.startOtherServer(s.transport, func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Location", x.origin+"/token")
						w.WriteHeader(status)
					})
					s.requireAuth(authConfig{challenges: []string{`Bearer realm="` + trusted.origin + `/token"`}})
					err := untag.run(s.ctx(), s.client(credential, regret.WithTrustedRealm(trusted.origin)), s)
					wantErr(t, err, regret.ErrRedirect)
					wantNoSecrets(t, err, authPassword, canaryIdentity)
					x.wantReceived(t, 0)
					s.wantNothingDeleted()
				})
			})
		}
	}
}

// A registry on an internal network that is its own token service works.
func TestThreatV04InternalRegistry(t *testing.T) {
	t.Parallel()
	eachOperation(t, append(socketTransports(), memory), sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		s.requireAuth(authConfig{challenges: bearerChallenge})
		if err := op.run(s.ctx(), s.client(passwordOption()), s); err != nil {
			t.Error(err)
		}
	})
}

func TestThreatV04InternalRegistryByAddress(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"10.0.0.7", "10.0.0.7:5000", "192.168.1.1", "http://172.16.0.1:5000", "localhost:5000", "[fd00::1]:5000", "registry"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []transport{memory}, sampleOperations(), func(t *testing.T, s *testServer, op operation) {
				c, err := regret.New(name, append(s.clientOptions, passwordOption())...)
				if err != nil {
					t.Fatal(err)
				}
				s.requireAuth(authConfig{challenges: []string{`Bearer realm="` + c.Registry() + `/token",scope="repository:team/app:pull"`}})
				if err := op.run(s.ctx(), c, s); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A redirect that leaves the origin drops the credentials for good, even if a later redirect leads
// back to the origin.
func TestThreatV05RedirectKeepsAuthorization(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*network){
		"to another port":                        redirectTo(302, registryOrigin+":8443"),
		"to a sub-domain":                        redirectTo(302, "https://sub.registry.example.com"),
		"through another host to its sub-domain": redirectThrough(storageOrigin, "https://sub.storage.example.net"),
		"through another host and back":          redirectThroughAndBack(storageOrigin),
		"through a sub-domain and back":          redirectThroughAndBack("https://sub.registry.example.com"),
		"through another port and back":          redirectThroughAndBack(registryOrigin + ":8443"),
		"through two hosts and back":             redirectThroughAndBack(storageOrigin, "https://sub.storage.example.net"),
		"to a name in uppercase":                 redirectTo(302, "HTTPS://STORAGE.EXAMPLE.NET"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redirectOnNetwork(t, set, nil, regret.ErrRedirect)
		})
	}
}

func TestThreatV05RedirectToHTTP(t *testing.T) {
	t.Parallel()
	redirectOnNetwork(t, redirectTo(302, "http://registry.example.com"), regret.ErrRedirect, regret.ErrRedirect)
}

// The client does not use a token service over plain HTTP, even if its host is trusted.
func TestThreatV17TokenServiceOverHTTP(t *testing.T) {
	t.Parallel()
	eachOperation(t, []transport{http1, http2}, sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		x := s.startOtherServer(plainHTTP, nil)
		s.requireAuth(authConfig{challenges: []string{`Bearer realm="` + x.origin + `/token"`}})
		trust := regret.WithTrustedRealm(strings.Replace(x.origin, "http:", "https:", 1))
		wantErr(t, op.run(s.ctx(), s.client(passwordOption(), trust), s), regret.ErrUntrustedRealm)
		x.wantReceived(t, 0)
		s.wantNothingDeleted()
	})
}
