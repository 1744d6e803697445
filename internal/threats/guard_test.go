package threats_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// What a guarded registry wants to see.
const (
	guardUser     = "ann"
	guardPassword = "c4n4ry-gu4rd-p4ss"
	guardToken    = "c4n4ry.gu4rd-t0ken"
)

// A guard stands before a registry, and lets nobody pass who has not shown what
// it wants to see.
type guard struct {
	challenges []string // WWW-Authenticate, line by line; REALM is the registry's own token service
	basic      bool     // it wants the password, not a token
	token      fault    // what the token service answers; nil for the token
}

// bearerOnly asks for a token in the usual way.
var bearerOnly = []string{`Bearer realm="REALM",service="registry",scope="repository:team/app:pull"`}

// guarded puts a guard before the registry.
func (s *stage) guarded(g guard) {
	s.registry.Intercept(0, fakeregistry.On("", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
		user, password, _ := req.BasicAuth()
		switch {
		case g.basic && user == guardUser && password == guardPassword,
			!g.basic && req.Header.Get("Authorization") == "Bearer "+guardToken:
			return false
		}
		for _, challenge := range g.challenges {
			w.Header().Add("WWW-Authenticate", strings.ReplaceAll(challenge, "REALM", s.origin()+"/token"))
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	s.registry.Intercept(0, fakeregistry.On("", "/token"), func(w http.ResponseWriter, req *http.Request) bool {
		if g.token != nil {
			return g.token(w, req)
		}
		if user, password, _ := req.BasicAuth(); user != guardUser || password != guardPassword {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		fmt.Fprintf(w, `{"token":%q,"expires_in":3600}`, guardToken)
		return true
	})
}

// account is what the guard lets pass.
func account() regret.Option { return regret.WithBasicAuth(guardUser, guardPassword) }

// counts are how many requests went to the registry and to its token service.
func (s *stage) counts() (registry, tokens int) {
	for _, r := range s.registry.Requests() {
		if r.Path == "/token" {
			tokens++
		} else {
			registry++
		}
	}
	return registry, tokens
}

// wantCounts bounds both.
func (s *stage) wantCounts(registry, tokens int) {
	s.t.Helper()
	if r, ts := s.counts(); r > registry || ts > tokens {
		s.t.Errorf("%d requests to the registry and %d for tokens, want at most %d and %d: %q", r, ts, registry, tokens, s.requests())
	}
}

// wantUnshown wants that no request to the registry's API held any of the texts,
// in any spelling.
func (s *stage) wantUnshown(secrets ...string) {
	s.t.Helper()
	for _, r := range s.registry.Requests() {
		if r.Path == "/token" {
			continue
		}
		for _, secret := range secrets {
			for _, form := range spellings(secret) {
				if strings.Contains(fmt.Sprintf("%+v", r), form) {
					s.t.Errorf("the registry was told %q: %+v", secret, r)
				}
			}
		}
	}
}

// wantDiscreet wants an error without any of the secrets, however it is shown.
func wantDiscreet(t *testing.T, err error, secrets ...string) {
	t.Helper()
	if err == nil {
		return
	}
	for _, err := range unjoined(err) {
		said := err.Error() + show(t, err)
		for _, secret := range secrets {
			for _, form := range spellings(secret) {
				if strings.Contains(said, form) {
					t.Errorf("the error tells %q: %s", secret, said)
				}
			}
		}
	}
}

// some are the operations that a case about credentials is played with: one of
// each kind.
func some() []operation { return []operation{resolve, tags, deleteManifest, untag} }
