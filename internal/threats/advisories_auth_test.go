package threats_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A redirect leads to one who asks for credentials, by Basic or for a token of
// his own: he gets none, and nobody is asked for one.
func TestThreatV01CredentialsForWhoAsks(t *testing.T) {
	t.Parallel()
	for name, challenge := range map[string]string{
		"by Basic": `Basic realm="r"`, "for a token of his own": `Bearer realm="SELF/token"`, "for a token of the registry's": `Bearer realm="HOME/token"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, sockets(), append(pulls(), deleteManifest), func(t *testing.T, s *stage, op operation) {
				var x *stranger
				x = s.stranger(s.way, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("WWW-Authenticate", strings.NewReplacer("SELF", x.origin, "HOME", s.origin()).Replace(challenge))
					w.WriteHeader(http.StatusUnauthorized)
				})
				s.on("", "", func(w http.ResponseWriter, req *http.Request) bool {
					return fakeregistry.Redirect(307, x.origin+req.URL.RequestURI())(w, req)
				})
				wantErr(t, op.run(s.ctx(), s.client(account()), s), regret.ErrUnauthorized)
				x.wantHeard(t, 1, guardPassword)
				s.wantCounts(1, 0)
				s.wantAllThere()
			})
		})
	}
}

// Every spelling of another place, over a socket of this machine, which is where
// each of them would lead.
func TestThreatV02RealmHijack(t *testing.T) {
	t.Parallel()
	for _, spelled := range []string{
		"127.0.0.2", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "017700000001", "localhost", "LOCALHOST", "127.0.0.1.", "ann@127.0.0.1", "127.0.0.1@127.0.0.1",
	} {
		t.Run(spelled, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []way{http1, plain}, []operation{untag}, func(t *testing.T, s *stage, op operation) {
				x := s.stranger(s.way, nil)
				scheme, rest, _ := strings.Cut(x.origin, "://")
				_, port, _ := strings.Cut(rest, ":")
				s.guarded(guard{challenges: []string{fmt.Sprintf(`Bearer realm="%s://%s:%s/token"`, scheme, spelled, port)}})
				err := op.run(s.ctx(), s.client(account()), s)
				wantErr(t, err, regret.ErrUntrustedRealm)
				wantDiscreet(t, err, guardPassword)
				x.wantHeard(t, 0)
				s.wantCounts(1, 0)
			})
		})
	}
}

// A token service that was trusted, and sends its caller on with everything in
// hand: as a query, as a header, as a body.
func TestThreatV03RedirectOfATokenRequest(t *testing.T) {
	t.Parallel()
	for name, held := range map[string]regret.Option{
		"a password":        account(),
		"an identity token": regret.WithCredentials(regret.StaticCredential(regret.Credential{IdentityToken: canaryIdentity})),
	} {
		for _, status := range []int{302, 307, 308} {
			t.Run(fmt.Sprint(name, " with ", status), func(t *testing.T) {
				t.Parallel()
				over(t, sockets(), func(t *testing.T, s *stage) {
					x := s.stranger(s.way, nil)
					trusted := s.stranger(s.way, func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Location", x.origin+"/token")
						w.WriteHeader(status)
					})
					s.guarded(guard{challenges: []string{`Bearer realm="` + trusted.origin + `/token"`}})
					err := untag.run(s.ctx(), s.client(held, regret.WithTrustedRealm(trusted.origin)), s)
					wantErr(t, err, regret.ErrRedirect)
					wantDiscreet(t, err, guardPassword, canaryIdentity)
					x.wantHeard(t, 0)
					s.wantAllThere()
				})
			})
		}
	}
}

// A registry of an internal network, whose token service is itself, works.
func TestThreatV04InternalRegistry(t *testing.T) {
	t.Parallel()
	eachOperation(t, append(sockets(), memory), some(), func(t *testing.T, s *stage, op operation) {
		s.guarded(guard{challenges: bearerOnly})
		if err := op.run(s.ctx(), s.client(account()), s); err != nil {
			t.Error(err)
		}
	})
}

func TestThreatV04InternalRegistryByAddress(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"10.0.0.7", "10.0.0.7:5000", "192.168.1.1", "http://172.16.0.1:5000", "localhost:5000", "[fd00::1]:5000", "registry"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, []way{memory}, some(), func(t *testing.T, s *stage, op operation) {
				c, err := regret.New(name, append(s.opts, account())...)
				if err != nil {
					t.Fatal(err)
				}
				s.guarded(guard{challenges: []string{`Bearer realm="` + c.Registry() + `/token",scope="repository:team/app:pull"`}})
				if err := op.run(s.ctx(), c, s); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Whatever leaves the origin leaves without credentials, and they do not come
// back with it.
func TestThreatV05RedirectKeepsAuthorization(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*world){
		"to another port":        to(302, worldHome+":8443"),
		"to a sub-domain":        to(302, "https://sub.registry.example.com"),
		"and further":            back(worldStore, "https://sub.storage.example.net"),
		"and back":               through(worldStore),
		"to a sub-domain, back":  through("https://sub.registry.example.com"),
		"to another port, back":  through(worldHome + ":8443"),
		"twice, and back":        through(worldStore, "https://sub.storage.example.net"),
		"to a name in uppercase": to(302, "HTTPS://STORAGE.EXAMPLE.NET"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, set, nil, regret.ErrRedirect)
		})
	}
}

func TestThreatV05RedirectToHTTP(t *testing.T) {
	t.Parallel()
	inWorld(t, to(302, "http://registry.example.com"), regret.ErrRedirect, regret.ErrRedirect)
}

// A token service over http is not asked, although its host is trusted.
func TestThreatV17TokenServiceOverHTTP(t *testing.T) {
	t.Parallel()
	eachOperation(t, []way{http1, http2}, some(), func(t *testing.T, s *stage, op operation) {
		x := s.stranger(plain, nil)
		s.guarded(guard{challenges: []string{`Bearer realm="` + x.origin + `/token"`}})
		trust := regret.WithTrustedRealm(strings.Replace(x.origin, "http:", "https:", 1))
		wantErr(t, op.run(s.ctx(), s.client(account(), trust), s), regret.ErrUntrustedRealm)
		x.wantHeard(t, 0)
		s.wantAllThere()
	})
}
