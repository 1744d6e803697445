package threats_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A registry that always sends the same challenge gets two requests, and its token service at most
// two.
func TestThreatC10SameChallengeForever(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		s.requireAuth(authConfig{challenges: bearerChallenge, tokenHandler: fakeregistry.Answer(200, nil, `{"token":"no-use"}`)})
		wantErr(t, op.run(s.ctx(), s.client(passwordOption()), s), regret.ErrUnauthorized)
		s.wantRequestCountsAtMost(2, 2)
		s.wantNothingDeleted()
	})
}

func TestThreatC11AnotherScopeEachTime(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		var n atomic.Int64
		s.registry.Intercept(0, fakeregistry.On("", "/token"), fakeregistry.Answer(200, nil, `{"token":"no-use"}`))
		s.intercept("", "", func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",scope="repository:team/app-%d:pull"`, s.origin(), n.Add(1)))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		wantErr(t, op.run(s.ctx(), s.client(passwordOption()), s), regret.ErrUnauthorized)
		s.wantRequestCountsAtMost(2, 2)
		s.wantNothingDeleted()
	})
}

func TestThreatC12BasicChallengeForever(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		s.requireAuth(authConfig{challenges: []string{`Basic realm="registry"`}, basic: true})
		err := op.run(s.ctx(), s.client(regret.WithBasicAuth(authUser, "wr0ng-p4ssword")), s)
		wantErr(t, err, regret.ErrUnauthorized)
		wantNoSecrets(t, err, "wr0ng-p4ssword")
		s.wantRequestCountsAtMost(2, 0)
		s.wantNothingDeleted()
	})
}

// wantChallengeRefused checks that the client sends no credentials in response to the challenges.
func wantChallengeRefused(t *testing.T, challenges []string, want ...error) {
	t.Helper()
	eachOperation(t, allTransports(), sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		s.requireAuth(authConfig{challenges: challenges})
		err := op.run(s.ctx(), s.client(passwordOption()), s)
		wantErr(t, err, want...)
		s.wantRequestCountsAtMost(1, 0)
		s.wantNotSent(authPassword)
		s.wantNothingDeleted()
	})
}

func TestThreatC13ChallengeWithTrailingJunk(t *testing.T) {
	t.Parallel()
	for _, junk := range []string{` junk, more`, `"`, `,scope="unclosed`, `;x=1`, ` Bearer`} {
		t.Run(junk, func(t *testing.T) {
			t.Parallel()
			wantChallengeRefused(t, []string{`Bearer realm="REALM"` + junk}, regret.ErrNotRegistry)
		})
	}
}

func TestThreatC14EmptyChallenge(t *testing.T) {
	t.Parallel()
	wantChallengeRefused(t, []string{""}, regret.ErrUnauthorized)
}

func TestThreatC15SeveralChallengesInSeveralFields(t *testing.T) {
	t.Parallel()
	wantTokenAccepted(t, authConfig{challenges: append([]string{"Negotiate", `Basic realm="registry"`}, bearerChallenge...)}, 1)
}

func TestThreatC16SeveralChallengesInOneField(t *testing.T) {
	t.Parallel()
	wantTokenAccepted(t, authConfig{challenges: []string{`Negotiate, Digest realm="a, b", qop="auth", ` + bearerChallenge[0] + `, Basic realm="registry"`}}, 1)
}

func TestThreatC17BearerWithoutRealm(t *testing.T) {
	t.Parallel()
	wantChallengeRefused(t, []string{`Bearer service="registry"`}, regret.ErrNotRegistry)
}

func TestThreatC20ChallengeOf200KiB(t *testing.T) {
	t.Parallel()
	wantChallengeRefused(t, []string{`Bearer realm="REALM",scope="` + strings.Repeat("a", 200<<10) + `"`}, regret.ErrNotRegistry)
}

func TestThreatC20ChallengeOverTheHeaderLimit(t *testing.T) {
	t.Parallel()
	eachOperation(t, []transport{http1, http2}, sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		s.requireAuth(authConfig{challenges: []string{`Bearer realm="REALM",scope="` + strings.Repeat("a", 512<<10) + `"`}})
		err := op.run(s.ctx(), s.client(passwordOption(), regret.WithRetries(regret.Retries{})), s)
		wantErr(t, err)
		s.wantNotSent(authPassword)
		s.wantNothingDeleted()
	})
}

func TestThreatC22BasicAndBearerOffered(t *testing.T) {
	t.Parallel()
	for name, challenges := range map[string][]string{
		"Basic first":  append([]string{`Basic realm="registry"`}, bearerChallenge...),
		"Bearer first": append(bearerChallenge[:1:1], `Basic realm="registry"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantTokenAccepted(t, authConfig{challenges: challenges}, 1)
		})
	}
}

// wantTokenAccepted checks that every operation succeeds with a token, and that the registry's API
// never receives the password.
func wantTokenAccepted(t *testing.T, g authConfig, tokens int) {
	t.Helper()
	eachOperation(t, allTransports(), sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		s.requireAuth(g)
		if err := op.run(s.ctx(), s.client(passwordOption()), s); err != nil {
			t.Fatal(err)
		}
		s.wantRequestCountsAtMost(3, tokens)
		s.wantNotSent(authPassword)
	})
}
