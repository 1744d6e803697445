package threats_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// What only the token service could have told.
const overheard = "c4n4ry-0verheard"

// noToken plays a token service that gives none: one request to the registry,
// so many for a token, and not a word of what it said.
func noToken(t *testing.T, answer fault, tokens int, want ...error) {
	t.Helper()
	eachOperation(t, []way{memory, http2}, some(), func(t *testing.T, s *stage, op operation) {
		s.guarded(guard{challenges: bearerOnly, token: answer})
		err := op.run(s.ctx(), s.client(account(), regret.WithRetries(regret.Retries{})), s)
		wantErr(t, err, want...)
		wantDiscreet(t, err, overheard, guardPassword)
		s.wantCounts(1, tokens)
		s.wantUnshown(guardPassword, overheard)
		s.wantAllThere()
	})
}

func tokenAnswer(status int, body string) fault { return fakeregistry.Answer(status, nil, body) }

func TestThreatC23TokenGarbage(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"text": overheard, "nothing": "", "null": "null", "an array": `["` + overheard + `"]`, "HTML": "<html>" + overheard,
		"a token that is a number": `{"token":12345678}`, "two documents": `{"token":"a"}{"token":"b"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			noToken(t, tokenAnswer(200, body), 1, regret.ErrNotRegistry)
		})
	}
}

func TestThreatC24TokenWithALineBreak(t *testing.T) {
	t.Parallel()
	for name, mischief := range map[string]string{"CRLF": `\r\nX-Evil: 1`, "LF": `\nX-Evil: 1`, "NUL": `\u0000`, "a blank": " Basic x", "beyond ASCII": `\u00e9`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			noToken(t, tokenAnswer(200, `{"token":"`+overheard+mischief+`"}`), 1, regret.ErrNotRegistry)
		})
	}
}

func TestThreatC25TokenOf5MB(t *testing.T) {
	t.Parallel()
	noToken(t, tokenAnswer(200, `{"token":"`+strings.Repeat("a", 5<<20)+`"}`), 1, regret.ErrTooLarge)
}

func TestThreatC25TokenOf16KiBAndOne(t *testing.T) {
	t.Parallel()
	noToken(t, tokenAnswer(200, `{"token":"`+strings.Repeat("a", 16<<10+1)+`"}`), 1, regret.ErrNotRegistry)
}

func TestThreatC26OnlyARefreshToken(t *testing.T) {
	t.Parallel()
	noToken(t, tokenAnswer(200, `{"refresh_token":"`+overheard+`"}`), 1, regret.ErrNotRegistry)
}

func TestThreatC27ErrorBodyWithASecret(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{400: regret.ErrUnauthorized, 401: regret.ErrUnauthorized, 403: regret.ErrForbidden, 500: regret.ErrUnavailable} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			noToken(t, tokenAnswer(status, `{"errors":[{"code":"`+overheard+`","message":"`+overheard+`","detail":"`+overheard+`"}],"error_description":"`+overheard+`"}`), 3, want)
		})
	}
}

// A lifetime that nobody can mean is brought to what can be: from a minute to an
// hour, of which ten seconds are not used.
func TestThreatC28OddLifetimes(t *testing.T) {
	t.Parallel()
	for expires, want := range map[string]time.Duration{
		`-3600`: time.Minute, `0`: time.Minute, `"soon"`: time.Minute, `null`: time.Minute, `1e999`: time.Minute, `-9223372036854775808`: time.Minute,
		`"300"`: 5 * time.Minute, `300.9`: 5 * time.Minute, `86400`: time.Hour, `9223372036854775807`: time.Hour, `1e300`: time.Hour,
	} {
		t.Run(expires, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, s *stage) {
				s.guarded(guard{challenges: bearerOnly, token: tokenAnswer(200, `{"token":"`+guardToken+`","expires_in":`+expires+`}`)})
				c := s.client(account())
				for _, step := range []struct {
					wait   time.Duration
					tokens int
				}{{0, 1}, {want - 10*time.Second - 1, 1}, {1, 2}} {
					<-time.After(step.wait)
					if err := resolve.run(s.ctx(), c, s); err != nil {
						t.Fatal(err)
					}
					if _, tokens := s.counts(); tokens != step.tokens {
						t.Errorf("%d tokens after %s more, want %d", tokens, step.wait, step.tokens)
					}
				}
			})
		})
	}
}

func TestThreatC29TokenService500Storm(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), some(), func(t *testing.T, s *stage, op operation) {
		s.guarded(guard{challenges: bearerOnly, token: tokenAnswer(500, overheard)})
		err := op.run(s.ctx(), s.client(account()), s)
		wantErr(t, err, regret.ErrUnavailable)
		wantDiscreet(t, err, overheard, guardPassword)
		all := regret.DefaultRetries().Max + 1
		s.wantCounts(all, all)
		s.wantAllThere()
	})
}

// tokensOf lets a token service issue one token after the other, of which the
// registry takes the latest.
func (s *stage) tokensOf(issued *atomic.Int64, wait func()) {
	s.registry.Intercept(0, fakeregistry.On("", "/token"), func(w http.ResponseWriter, _ *http.Request) bool {
		wait()
		fmt.Fprintf(w, `{"token":"t0ken-%d","expires_in":3600}`, issued.Add(1))
		return true
	})
	s.on("", "", func(w http.ResponseWriter, req *http.Request) bool {
		if n := issued.Load(); n > 0 && req.Header.Get("Authorization") == fmt.Sprintf("Bearer t0ken-%d", n) {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token"`, s.origin()))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
}

func TestThreatD18TokenRevokedInTheMiddle(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
		var issued atomic.Int64
		s.tokensOf(&issued, func() {})
		c := s.client(account())
		if err := resolveAndDelete.run(s.ctx(), c, s); err != nil {
			t.Fatal(err)
		}
		issued.Add(1) // the registry takes another one from now on
		s.registry.ResetLog()
		if err := c.DeleteManifest(s.ctx(), repo, s.other.Digest); err != nil {
			t.Fatal(err)
		}
		s.wantRequests(
			requestLine("HEAD", s.other.Digest, 401), "GET /token?account=ann&scope=repository%3Ateam%2Fapp%3Apull%2Cdelete 200",
			requestLine("HEAD", s.other.Digest, 200), requestLine("DELETE", s.other.Digest, 202))
	})
}

func TestThreatRefreshStampede(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 16, 64} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, s *stage) {
				var issued atomic.Int64
				s.tokensOf(&issued, func() { <-time.After(time.Second) })
				c := s.client(account())
				for round := range 3 {
					var all sync.WaitGroup
					for range n {
						all.Go(func() {
							if err := resolve.run(s.ctx(), c, s); err != nil {
								t.Error(err)
							}
						})
					}
					all.Wait()
					if got := issued.Load(); got != int64(2*round+1) {
						t.Errorf("%d tokens in round %d, want %d", got, round, 2*round+1)
					}
					issued.Add(1) // as if another one had been issued: the registry takes only that
				}
			})
		})
	}
}

// A token service that hangs keeps nobody longer than they have time, nor those
// who need no token of it.
func TestThreatG08TokenServiceHangs(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *testing.T, s *stage) {
		hang := fakeregistry.Hang()
		s.registry.PutImage("team/known", "hello", "v1")
		s.guarded(guard{challenges: bearerOnly, token: func(w http.ResponseWriter, req *http.Request) bool {
			if strings.Contains(req.URL.RawQuery, "known") {
				fmt.Fprintf(w, `{"token":%q,"expires_in":3600}`, guardToken)
				return true
			}
			return hang(w, req)
		}})
		s.registry.Intercept(0, fakeregistry.On("", "/v2/team/known/"), func(w http.ResponseWriter, req *http.Request) bool {
			if req.Header.Get("Authorization") != "" {
				return false
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.origin()+`/token",scope="repository:team/known:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		c := s.client(account())
		if _, err := c.ResolveDigest(s.ctx(), "team/known", "v1"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				patience := time.Duration(i+1) * time.Second
				ctx, cancel := context.WithTimeout(s.ctx(), patience)
				defer cancel()
				err := untag.run(ctx, c, s)
				wantErr(t, err, context.DeadlineExceeded)
				if took := time.Since(start); took != patience {
					t.Errorf("it took %s, want %s", took, patience)
				}
			})
		}
		synctest.Wait()
		if _, err := c.ResolveDigest(s.ctx(), "team/known", "v1"); err != nil || time.Since(start) != 0 {
			t.Errorf("who needs no token waited %s: %v", time.Since(start), err)
		}
		all.Wait()
		s.wantAllThere()
	})
}

// A source of credentials that fails ends the operation: nobody becomes
// anonymous by accident.
func TestThreatSourceThatFails(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), some(), func(t *testing.T, s *stage, op operation) {
		s.guarded(guard{challenges: bearerOnly})
		sealed := errors.New("the vault is sealed")
		source := regret.CredentialFunc(func(context.Context, string, string) (regret.Credential, error) { return regret.Credential{}, sealed })
		wantErr(t, op.run(s.ctx(), s.client(regret.WithCredentials(source)), s), sealed, regret.ErrUnauthorized)
		s.wantCounts(1, 0)
		s.wantAllThere()
	})
}

// Whether a realm is trusted is decided by its name alone: nobody waits for a
// name server that the other side has chosen.
func TestThreatPolicyAsksNoNameServer(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *testing.T, s *stage) {
		s.on("", "", fakeregistry.Answer(401, map[string]string{"WWW-Authenticate": `Bearer realm="https://slow.to.resolve.example.net/token"`}, ""))
		start := time.Now()
		wantErr(t, s.client(account()).Ping(s.ctx()), regret.ErrUntrustedRealm)
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v", took)
		}
		s.wantAtMost(1)
	})
}
