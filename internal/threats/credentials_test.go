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

// A registry that is never satisfied is asked twice, and for at most two tokens.
func TestThreatC10TheSameChallengeForEver(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), some(), func(t *testing.T, s *stage, op operation) {
		s.guarded(guard{challenges: bearerOnly, token: fakeregistry.Answer(200, nil, `{"token":"no-use"}`)})
		wantErr(t, op.run(s.ctx(), s.client(account()), s), regret.ErrUnauthorized)
		s.wantCounts(2, 2)
		s.wantAllThere()
	})
}

func TestThreatC11AnotherScopeForEver(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), some(), func(t *testing.T, s *stage, op operation) {
		var n atomic.Int64
		s.registry.Intercept(0, fakeregistry.On("", "/token"), fakeregistry.Answer(200, nil, `{"token":"no-use"}`))
		s.on("", "", func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",scope="repository:team/app-%d:pull"`, s.origin(), n.Add(1)))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		wantErr(t, op.run(s.ctx(), s.client(account()), s), regret.ErrUnauthorized)
		s.wantCounts(2, 2)
		s.wantAllThere()
	})
}

func TestThreatC12BasicForEver(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), some(), func(t *testing.T, s *stage, op operation) {
		s.guarded(guard{challenges: []string{`Basic realm="registry"`}, basic: true})
		err := op.run(s.ctx(), s.client(regret.WithBasicAuth(guardUser, "wr0ng-p4ssword")), s)
		wantErr(t, err, regret.ErrUnauthorized)
		wantDiscreet(t, err, "wr0ng-p4ssword")
		s.wantCounts(2, 0)
		s.wantAllThere()
	})
}

// unreadable challenges are answered with nothing.
func unreadable(t *testing.T, challenges []string, want ...error) {
	t.Helper()
	eachOperation(t, anyWay(), some(), func(t *testing.T, s *stage, op operation) {
		s.guarded(guard{challenges: challenges})
		err := op.run(s.ctx(), s.client(account()), s)
		wantErr(t, err, want...)
		s.wantCounts(1, 0)
		s.wantUnshown(guardPassword)
		s.wantAllThere()
	})
}

func TestThreatC13ChallengeWithTrailingJunk(t *testing.T) {
	t.Parallel()
	for _, junk := range []string{` junk, more`, `"`, `,scope="unclosed`, `;x=1`, ` Bearer`} {
		t.Run(junk, func(t *testing.T) {
			t.Parallel()
			unreadable(t, []string{`Bearer realm="REALM"` + junk}, regret.ErrNotRegistry)
		})
	}
}

func TestThreatC14EmptyChallenge(t *testing.T) {
	t.Parallel()
	unreadable(t, []string{""}, regret.ErrUnauthorized)
}

func TestThreatC15SeveralChallengesInSeveralLines(t *testing.T) {
	t.Parallel()
	satisfied(t, guard{challenges: append([]string{"Negotiate", `Basic realm="registry"`}, bearerOnly...)}, 1)
}

func TestThreatC16SeveralChallengesInOneLine(t *testing.T) {
	t.Parallel()
	satisfied(t, guard{challenges: []string{`Negotiate, Digest realm="a, b", qop="auth", ` + bearerOnly[0] + `, Basic realm="registry"`}}, 1)
}

func TestThreatC17BearerWithoutRealm(t *testing.T) {
	t.Parallel()
	unreadable(t, []string{`Bearer service="registry"`}, regret.ErrNotRegistry)
}

func TestThreatC20ChallengeOf200KiB(t *testing.T) {
	t.Parallel()
	unreadable(t, []string{`Bearer realm="REALM",scope="` + strings.Repeat("a", 200<<10) + `"`}, regret.ErrNotRegistry)
}

func TestThreatC20ChallengeBeyondAllHeaders(t *testing.T) {
	t.Parallel()
	eachOperation(t, []way{http1, http2}, some(), func(t *testing.T, s *stage, op operation) {
		s.guarded(guard{challenges: []string{`Bearer realm="REALM",scope="` + strings.Repeat("a", 512<<10) + `"`}})
		err := op.run(s.ctx(), s.client(account(), regret.WithRetries(regret.Retries{})), s)
		wantErr(t, err)
		s.wantUnshown(guardPassword)
		s.wantAllThere()
	})
}

func TestThreatC22BasicAndBearerOffered(t *testing.T) {
	t.Parallel()
	for name, challenges := range map[string][]string{
		"Basic first":  append([]string{`Basic realm="registry"`}, bearerOnly...),
		"Bearer first": append(bearerOnly[:1:1], `Basic realm="registry"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			satisfied(t, guard{challenges: challenges}, 1)
		})
	}
}

// satisfied wants every operation to succeed with a token, and the registry's
// API never to see the password.
func satisfied(t *testing.T, g guard, tokens int) {
	t.Helper()
	eachOperation(t, anyWay(), some(), func(t *testing.T, s *stage, op operation) {
		s.guarded(g)
		if err := op.run(s.ctx(), s.client(account()), s); err != nil {
			t.Fatal(err)
		}
		s.wantCounts(3, tokens)
		s.wantUnshown(guardPassword)
	})
}
