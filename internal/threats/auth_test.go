package threats_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The credentials that requireAuth accepts.
const (
	authUser     = "ann"
	authPassword = "c4n4ry-gu4rd-p4ss"
	authToken    = "c4n4ry.gu4rd-t0ken"
)

// An authConfig describes how a registry authenticates its clients.
type authConfig struct {
	challenges   []string // WWW-Authenticate fields; REALM is replaced by the registry's own token service
	basic        bool     // the registry accepts the password instead of a token
	tokenHandler fault    // answers token requests; nil to issue authToken
}

// bearerChallenge is the usual challenge for a token.
var bearerChallenge = []string{`Bearer realm="REALM",service="registry",scope="repository:team/app:pull"`}

// requireAuth makes the registry reject requests without the credentials that config describes.
func (s *testServer) requireAuth(config authConfig) {
	s.registry.Intercept(0, fakeregistry.On("", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
		user, password, _ := req.BasicAuth()
		switch {
		case config.basic && user == authUser && password == authPassword,
			!config.basic && req.Header.Get("Authorization") == "Bearer "+authToken:
			return false
		}
		for _, challenge := range config.challenges {
			w.Header().Add("WWW-Authenticate", strings.ReplaceAll(challenge, "REALM", s.origin()+"/token"))
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	s.registry.Intercept(0, fakeregistry.On("", "/token"), func(w http.ResponseWriter, req *http.Request) bool {
		if config.tokenHandler != nil {
			return config.tokenHandler(w, req)
		}
		if user, password, _ := req.BasicAuth(); user != authUser || password != authPassword {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		fmt.Fprintf(w, `{"token":%q,"expires_in":3600}`, authToken)
		return true
	})
}

// passwordOption is the option with the valid user name and password.
func passwordOption() regret.Option { return regret.WithBasicAuth(authUser, authPassword) }

// requestCounts returns the number of requests to the registry and to its token service.
func (s *testServer) requestCounts() (registry, tokens int) {
	for _, r := range s.registry.Requests() {
		if r.Path == "/token" {
			tokens++
		} else {
			registry++
		}
	}
	return registry, tokens
}

// wantRequestCountsAtMost bounds the numbers of requests to the registry and to its token service.
func (s *testServer) wantRequestCountsAtMost(registry, tokens int) {
	s.t.Helper()
	if r, ts := s.requestCounts(); r > registry || ts > tokens {
		s.t.Errorf("%d requests to the registry and %d for tokens, want at most %d and %d: %q", r, ts, registry, tokens, s.requestLog())
	}
}

// wantNotSent checks that no request to the registry's API contains any of the secrets in any
// encoding.
func (s *testServer) wantNotSent(secrets ...string) {
	s.t.Helper()
	for _, r := range s.registry.Requests() {
		if r.Path == "/token" {
			continue
		}
		for _, secret := range secrets {
			for _, form := range encodings(secret) {
				if strings.Contains(fmt.Sprintf("%+v", r), form) {
					s.t.Errorf("the registry received %q: %+v", secret, r)
				}
			}
		}
	}
}

// wantNoSecrets checks that err contains none of the secrets, however it is formatted.
func wantNoSecrets(t *testing.T, err error, secrets ...string) {
	t.Helper()
	if err == nil {
		return
	}
	for _, err := range splitErrors(err) {
		text := err.Error() + formats(t, err)
		for _, secret := range secrets {
			for _, form := range encodings(secret) {
				if strings.Contains(text, form) {
					t.Errorf("the error contains %q: %s", secret, text)
				}
			}
		}
	}
}

// sampleOperations returns one operation of each kind, for the cases about credentials.
func sampleOperations() []operation { return []operation{resolve, tags, deleteManifest, untag} }
