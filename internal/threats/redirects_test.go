package threats_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// An otherServer is a second server on another port of this machine.
type otherServer struct {
	origin   string
	mu       sync.Mutex
	received []string // every request, with its header and body
}

// startOtherServer starts a second server for a transport. If serve is nil, it asks for credentials.
func (s *testServer) startOtherServer(tr transport, serve http.HandlerFunc) *otherServer {
	s.t.Helper()
	x := &otherServer{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.ParseForm()
		x.mu.Lock()
		x.received = append(x.received, fmt.Sprint(req.Method, " ", req.URL, " ", req.Header, " ", req.PostForm))
		x.mu.Unlock()
		if serve != nil {
			serve(w, req)
			return
		}
		askForCredentials(x.origin, w, req)
	}))
	s.startServer(server, tr)
	x.origin = server.URL
	return x
}

// wantReceived checks that the server received n requests and none of the secrets.
func (x *otherServer) wantReceived(t *testing.T, n int, secrets ...string) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.received) != n {
		t.Errorf("the other server received %q, want %d requests", x.received, n)
	}
	for _, request := range x.received {
		for _, secret := range secrets {
			for _, form := range encodings(secret) {
				if strings.Contains(request, form) {
					t.Errorf("the other server received %q: %s", secret, request)
				}
			}
		}
		if strings.Contains(request, "Authorization") {
			t.Errorf("the other server received an Authorization header field: %s", request)
		}
	}
}

// socketTransports returns the transports on which there can be an otherServer.
func socketTransports() []transport { return []transport{http1, http2, plainHTTP} }

// readOperations and writeOperations return some operations that read and that write.
func readOperations() []operation  { return []operation{resolve, manifest, tags, blob, hasBlob} }
func writeOperations() []operation { return []operation{untag, checkDelete} }

// redirectReads redirects requests with credentials to an otherServer. The client must not send the
// credentials there.
func redirectReads(t *testing.T, operations []operation, status int, serve http.HandlerFunc, received int, want error) {
	t.Helper()
	eachOperation(t, socketTransports(), operations, func(t *testing.T, s *testServer, op operation) {
		x := s.startOtherServer(s.transport, serve)
		s.requireAuth(authConfig{challenges: bearerChallenge})
		s.registry.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") == "Bearer "+authToken },
			func(w http.ResponseWriter, req *http.Request) bool {
				return fakeregistry.Redirect(status, x.origin+req.URL.RequestURI())(w, req)
			})
		err := op.run(s.ctx(), s.client(passwordOption()), s)
		wantKind(t, err, want)
		wantNoSecrets(t, err, authPassword, authToken)
		x.wantReceived(t, received, authPassword, authToken)
		s.wantNothingDeleted()
	})
}

// serveContent serves the same content as the registry.
func serveContent(w http.ResponseWriter, req *http.Request) {
	other := fakeregistry.New()
	other.PutImage(repo, "hello", "v1")
	other.PutBlob(repo, []byte(storedBlob))
	other.ServeHTTP(w, req)
}

func TestThreatC01RedirectToAnotherPort(t *testing.T) {
	t.Parallel()
	redirectReads(t, readOperations(), 302, serveContent, 1, nil)
}

func TestThreatC02RedirectToAnotherPortWithTheSameMethod(t *testing.T) {
	t.Parallel()
	redirectReads(t, readOperations(), 307, serveContent, 1, nil)
}

func TestThreatC04RedirectTargetAsksForCredentials(t *testing.T) {
	t.Parallel()
	redirectReads(t, readOperations(), 307, nil, 1, regret.ErrUnauthorized)
}

func TestThreatC05RedirectToASubDomain(t *testing.T) {
	t.Parallel()
	redirectOnNetwork(t, redirectTo(302, "https://cdn.registry.example.com"), nil, regret.ErrRedirect)
}

func TestThreatC06RedirectFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	eachOperation(t, []transport{http1, http2}, readOperations(), func(t *testing.T, s *testServer, op operation) {
		x := s.startOtherServer(plainHTTP, serveContent)
		s.intercept("", "", fakeregistry.Redirect(302, x.origin+"/v2/"))
		wantErr(t, op.run(s.ctx(), s.client(regret.WithToken(authToken)), s), regret.ErrRedirect)
		x.wantReceived(t, 0)
	})
}

func TestThreatC09TokenEndpointRedirects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, credential := range map[string]regret.Option{
			"a password":        passwordOption(),
			"an identity token": regret.WithCredentials(credentials.Static(credentials.Credential{IdentityToken: canaryIdentity})),
		} {
			t.Run(fmt.Sprint(status, " with ", name), func(t *testing.T) {
				t.Parallel()
				eachOperation(t, []transport{http1, http2}, []operation{tags, untag}, func(t *testing.T, s *testServer, op operation) {
					x := s.startOtherServer(s.transport, nil)
					s.requireAuth(authConfig{challenges: bearerChallenge, tokenHandler: fakeregistry.Redirect(status, x.origin+"/token")})
					err := op.run(s.ctx(), s.client(credential), s)
					wantErr(t, err, regret.ErrRedirect)
					wantNoSecrets(t, err, authPassword, canaryIdentity)
					x.wantReceived(t, 0)
					s.wantRequestCountsAtMost(1, 1)
					s.wantNothingDeleted()
				})
			})
		}
	}
}

// wantRealmRefused checks that the client sends nothing to the realm of a challenge. OTHERSERVER in
// address is replaced by the origin of an otherServer.
func wantRealmRefused(t *testing.T, otherTransport func(*testServer) transport, address string, want error) {
	t.Helper()
	eachOperation(t, socketTransports(), sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		x := s.startOtherServer(otherTransport(s), nil)
		s.requireAuth(authConfig{challenges: []string{`Bearer realm="` + strings.ReplaceAll(address, "OTHERSERVER", x.origin) + `",service="registry"`}})
		err := op.run(s.ctx(), s.client(passwordOption()), s)
		wantErr(t, err, want)
		wantNoSecrets(t, err, authPassword)
		x.wantReceived(t, 0)
		s.wantRequestCountsAtMost(1, 0)
		s.wantNothingDeleted()
	})
}

func sameTransport(s *testServer) transport { return s.transport }

func TestThreatC07RealmOfAnotherHost(t *testing.T) {
	t.Parallel()
	wantRealmRefused(t, sameTransport, "OTHERSERVER/token", regret.ErrUntrustedRealm)
}

func TestThreatC08RealmOverHTTP(t *testing.T) {
	t.Parallel()
	wantRealmRefused(t, func(*testServer) transport { return plainHTTP }, "OTHERSERVER/token", regret.ErrUntrustedRealm)
}

func TestThreatC18RealmThatIsAFile(t *testing.T) {
	t.Parallel()
	wantRealmRefused(t, sameTransport, "file:///etc/passwd", regret.ErrNotRegistry)
}

func TestThreatC19RealmThatIsRelative(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"/token", "token", "//127.0.0.1/token", "?x"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			wantRealmRefused(t, sameTransport, address, regret.ErrNotRegistry)
		})
	}
}

func TestThreatC21RealmWithUserInformation(t *testing.T) {
	t.Parallel()
	wantRealmRefused(t, sameTransport, "https://ann:pw@127.0.0.1/token", regret.ErrUntrustedRealm)
}

// redirectOnNetwork runs a redirect between named hosts with each kind of credential and each
// operation, and searches for secrets.
func redirectOnNetwork(t *testing.T, set func(*network), read, write error) {
	t.Helper()
	for _, k := range credentialKinds(t) {
		if k.startsProcess {
			continue
		}
		for _, e := range networkOperations {
			t.Run(k.name+"/"+e.name, func(t *testing.T) {
				s := newSecretSearch()
				nw := newNetwork(k)
				set(nw)
				r := nw.newRecorder(t, k)
				err := e.run(t.Context(), r.client, nw)
				want := read
				if e.writes && (e.name == "untag" || want == nil) {
					want = write
				}
				wantKind(t, err, want)
				s.checkRequests(t, nw, k)
				s.checkOutput(t, r, err)
			})
		}
	}
}

// A registry may name any Location for an upload. The content and the credentials stay with the
// registry, although only the port differs.
func TestThreatUploadLocationAtAnotherOrigin(t *testing.T) {
	t.Parallel()
	onTransports(t, socketTransports(), func(t *testing.T, s *testServer) {
		x := s.startOtherServer(s.transport, nil)
		s.intercept("POST", "", fakeregistry.Answer(202, map[string]string{"Location": x.origin + "/upload?_state=" + canaryAddress}, ""))
		err := putBlob.run(s.ctx(), s.client(regret.WithToken(authToken)), s)
		wantErr(t, err, regret.ErrRedirect)
		wantNoSecrets(t, err, authToken, canaryAddress)
		x.wantReceived(t, 0)
		s.wantNothingPut()
	})
}

// The content of an upload does not become a manifest, whatever Location the registry names.
func TestThreatUploadLocationOfATag(t *testing.T) {
	t.Parallel()
	for _, location := range []string{manifestPath("v1"), "../../manifests/v1?x", "/v2/team%2Fapp/manifests%2Fv1/"} {
		t.Run(strings.ReplaceAll(location, "/", " "), func(t *testing.T) {
			t.Parallel()
			onAllTransports(t, func(t *testing.T, s *testServer) {
				s.intercept("POST", "", fakeregistry.Answer(202, map[string]string{"Location": location}, ""))
				wantErr(t, putBlob.run(s.ctx(), s.client(), s), regret.ErrRedirect)
				s.wantNothingPut()
				s.wantNothingDeleted()
			})
		})
	}
}

// wantNothingPut checks that no PUT was sent.
func (s *testServer) wantNothingPut() {
	s.t.Helper()
	for _, r := range s.registry.Requests() {
		if r.Method == http.MethodPut {
			s.t.Errorf("unexpected %s", r)
		}
	}
}
