package threats_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A stranger is another server, on another port of this machine.
type stranger struct {
	origin string
	mu     sync.Mutex
	heard  []string // every request, with header and body
}

// stranger starts a server that speaks as the registry's does, or only plain
// HTTP. It asks for whatever credentials there are, unless it is told otherwise.
func (s *stage) stranger(speaks way, serve http.HandlerFunc) *stranger {
	s.t.Helper()
	x := &stranger{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.ParseForm()
		x.mu.Lock()
		x.heard = append(x.heard, fmt.Sprint(req.Method, " ", req.URL, " ", req.Header, " ", req.PostForm))
		x.mu.Unlock()
		if serve != nil {
			serve(w, req)
			return
		}
		steal(x.origin, w, req)
	}))
	s.start(server, speaks)
	x.origin = server.URL
	return x
}

// wantHeard wants so many requests there, and in none of them a secret.
func (x *stranger) wantHeard(t *testing.T, n int, secrets ...string) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.heard) != n {
		t.Errorf("the stranger heard %q, want %d requests", x.heard, n)
	}
	for _, request := range x.heard {
		for _, secret := range secrets {
			for _, form := range spellings(secret) {
				if strings.Contains(request, form) {
					t.Errorf("the stranger heard %q: %s", secret, request)
				}
			}
		}
		if strings.Contains(request, "Authorization") {
			t.Errorf("the stranger heard an Authorization header: %s", request)
		}
	}
}

// sockets are the transports with other ports.
func sockets() []way { return []way{http1, http2, plain} }

// pulls and writes are some operations of either kind.
func pulls() []operation  { return []operation{resolve, manifest, tags} }
func writes() []operation { return []operation{untag, checkDelete} }

// redirected plays a redirect of what was sent with credentials to a stranger.
func redirected(t *testing.T, operations []operation, status int, serve http.HandlerFunc, heard int, want error) {
	t.Helper()
	eachOperation(t, sockets(), operations, func(t *testing.T, s *stage, op operation) {
		x := s.stranger(s.way, serve)
		s.guarded(guard{challenges: bearerOnly})
		s.registry.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") == "Bearer "+guardToken },
			func(w http.ResponseWriter, req *http.Request) bool {
				return fakeregistry.Redirect(status, x.origin+req.URL.RequestURI())(w, req)
			})
		err := op.run(s.ctx(), s.client(account()), s)
		wantKind(t, err, want)
		wantDiscreet(t, err, guardPassword, guardToken)
		x.wantHeard(t, heard, guardPassword, guardToken)
		s.wantAllThere()
	})
}

// storage serves what a registry would have served.
func storage(w http.ResponseWriter, req *http.Request) {
	other := fakeregistry.New()
	other.PutImage(repo, "hello", "v1")
	other.ServeHTTP(w, req)
}

func TestThreatC01RedirectToAnotherPort(t *testing.T) {
	t.Parallel()
	redirected(t, pulls(), 302, storage, 1, nil)
}

func TestThreatC02RedirectToAnotherPortWithTheSameMethod(t *testing.T) {
	t.Parallel()
	redirected(t, pulls(), 307, storage, 1, nil)
}

func TestThreatC04RedirectTargetAsksForCredentials(t *testing.T) {
	t.Parallel()
	redirected(t, pulls(), 307, nil, 1, regret.ErrUnauthorized)
}

func TestThreatC05RedirectToASubDomain(t *testing.T) {
	t.Parallel()
	inWorld(t, to(302, "https://cdn.registry.example.com"), nil, regret.ErrRedirect)
}

func TestThreatC06RedirectFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	eachOperation(t, []way{http1, http2}, pulls(), func(t *testing.T, s *stage, op operation) {
		x := s.stranger(plain, storage)
		s.on("", "", fakeregistry.Redirect(302, x.origin+"/v2/"))
		wantErr(t, op.run(s.ctx(), s.client(regret.WithToken(guardToken)), s), regret.ErrRedirect)
		x.wantHeard(t, 0)
	})
}

func TestThreatC09TokenEndpointRedirects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, held := range map[string]regret.Option{
			"a password":        account(),
			"an identity token": regret.WithCredentials(regret.StaticCredential(regret.Credential{IdentityToken: canaryIdentity})),
		} {
			t.Run(fmt.Sprint(status, " with ", name), func(t *testing.T) {
				t.Parallel()
				eachOperation(t, []way{http1, http2}, []operation{tags, untag}, func(t *testing.T, s *stage, op operation) {
					x := s.stranger(s.way, nil)
					s.guarded(guard{challenges: bearerOnly, token: fakeregistry.Redirect(status, x.origin+"/token")})
					err := op.run(s.ctx(), s.client(held), s)
					wantErr(t, err, regret.ErrRedirect)
					wantDiscreet(t, err, guardPassword, canaryIdentity)
					x.wantHeard(t, 0)
					s.wantCounts(1, 1)
					s.wantAllThere()
				})
			})
		}
	}
}

// sentElsewhere plays a challenge that names another token service.
func sentElsewhere(t *testing.T, speaks func(*stage) way, address string, want error) {
	t.Helper()
	eachOperation(t, sockets(), some(), func(t *testing.T, s *stage, op operation) {
		x := s.stranger(speaks(s), nil)
		s.guarded(guard{challenges: []string{`Bearer realm="` + strings.ReplaceAll(address, "STRANGER", x.origin) + `",service="registry"`}})
		err := op.run(s.ctx(), s.client(account()), s)
		wantErr(t, err, want)
		wantDiscreet(t, err, guardPassword)
		x.wantHeard(t, 0)
		s.wantCounts(1, 0)
		s.wantAllThere()
	})
}

func alike(s *stage) way { return s.way }

func TestThreatC07RealmOfAnotherHost(t *testing.T) {
	t.Parallel()
	sentElsewhere(t, alike, "STRANGER/token", regret.ErrUntrustedRealm)
}

func TestThreatC08RealmOverHTTP(t *testing.T) {
	t.Parallel()
	sentElsewhere(t, func(*stage) way { return plain }, "STRANGER/token", regret.ErrUntrustedRealm)
}

func TestThreatC18RealmThatIsAFile(t *testing.T) {
	t.Parallel()
	sentElsewhere(t, alike, "file:///etc/passwd", regret.ErrNotRegistry)
}

func TestThreatC19RealmThatIsRelative(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"/token", "token", "//127.0.0.1/token", "?x"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			sentElsewhere(t, alike, address, regret.ErrNotRegistry)
		})
	}
}

func TestThreatC21RealmWithUserInformation(t *testing.T) {
	t.Parallel()
	sentElsewhere(t, alike, "https://ann:pw@127.0.0.1/token", regret.ErrUntrustedRealm)
}

// inWorld plays a redirect where there are names, with two kinds of credentials.
func inWorld(t *testing.T, set func(*world), read, write error) {
	t.Helper()
	for _, k := range credentialKinds(t) {
		if k.slow {
			continue
		}
		for _, e := range errands {
			t.Run(k.name+"/"+e.name, func(t *testing.T) {
				s := newSearch()
				w := newWorld(k)
				set(w)
				r := w.record(t, k)
				err := e.run(t.Context(), r.client, w)
				want := read
				if e.writes && (e.name == "untag" || want == nil) {
					want = write
				}
				wantKind(t, err, want)
				s.network(t, w, k)
				s.texts(t, r, err)
			})
		}
	}
}
