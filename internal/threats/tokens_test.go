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
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// leakedSecret is a secret that servers send. It must not appear in an error or a log.
const leakedSecret = "c4n4ry-0verheard"

// wantTokenRefused checks that the client fails if the token service gives no usable token: after one
// request to the registry and at most the given number to the token service, and without revealing
// anything of the latter's response.
func wantTokenRefused(t *testing.T, tokenHandler fault, tokens int, want ...error) {
	t.Helper()
	eachOperation(t, []transport{memory, http2}, sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		s.requireAuth(authConfig{challenges: bearerChallenge, tokenHandler: tokenHandler})
		err := op.run(s.ctx(), s.client(passwordOption(), regret.WithRetries(regret.Retries{})), s)
		wantErr(t, err, want...)
		wantNoSecrets(t, err, leakedSecret, authPassword)
		s.wantRequestCountsAtMost(1, tokens)
		s.wantNotSent(authPassword, leakedSecret)
		s.wantNothingDeleted()
	})
}

func tokenServiceResponse(status int, body string) fault {
	return fakeregistry.Answer(status, nil, body)
}

func TestThreatC23TokenGarbage(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"text": leakedSecret, "an empty body": "", "null": "null", "an array": `["` + leakedSecret + `"]`, "HTML": "<html>" + leakedSecret,
		"a token that is a number": `{"token":12345678}`, "two documents": `{"token":"a"}{"token":"b"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantTokenRefused(t, tokenServiceResponse(200, body), 1, regret.ErrNotRegistry)
		})
	}
}

func TestThreatC24TokenWithALineBreak(t *testing.T) {
	t.Parallel()
	for name, suffix := range map[string]string{"CRLF": `\r\nX-Evil: 1`, "LF": `\nX-Evil: 1`, "NUL": `\u0000`, "a space": " Basic x", "not ASCII": `\u00e9`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantTokenRefused(t, tokenServiceResponse(200, `{"token":"`+leakedSecret+suffix+`"}`), 1, regret.ErrNotRegistry)
		})
	}
}

func TestThreatC25TokenOf5MB(t *testing.T) {
	t.Parallel()
	wantTokenRefused(t, tokenServiceResponse(200, `{"token":"`+strings.Repeat("a", 5<<20)+`"}`), 1, regret.ErrTooLarge)
}

func TestThreatC25TokenOver16KiB(t *testing.T) {
	t.Parallel()
	wantTokenRefused(t, tokenServiceResponse(200, `{"token":"`+strings.Repeat("a", 16<<10+1)+`"}`), 1, regret.ErrNotRegistry)
}

func TestThreatC26OnlyARefreshToken(t *testing.T) {
	t.Parallel()
	wantTokenRefused(t, tokenServiceResponse(200, `{"refresh_token":"`+leakedSecret+`"}`), 1, regret.ErrNotRegistry)
}

func TestThreatC27ErrorBodyWithASecret(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{400: regret.ErrUnauthorized, 401: regret.ErrUnauthorized, 403: regret.ErrForbidden, 500: regret.ErrUnavailable} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			wantTokenRefused(t, tokenServiceResponse(status, `{"errors":[{"code":"`+leakedSecret+`","message":"`+leakedSecret+`","detail":"`+leakedSecret+`"}],"error_description":"`+leakedSecret+`"}`), 3, want)
		})
	}
}

// The client limits the lifetime of a token to between a minute and an hour, and stops using it ten
// seconds before it expires.
func TestThreatC28ImplausibleLifetimes(t *testing.T) {
	t.Parallel()
	for expiresIn, want := range map[string]time.Duration{
		`-3600`: time.Minute, `0`: time.Minute, `"soon"`: time.Minute, `null`: time.Minute, `1e999`: time.Minute, `-9223372036854775808`: time.Minute,
		`"300"`: 5 * time.Minute, `300.9`: 5 * time.Minute, `86400`: time.Hour, `9223372036854775807`: time.Hour, `1e300`: time.Hour,
	} {
		t.Run(expiresIn, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, s *testServer) {
				s.requireAuth(authConfig{challenges: bearerChallenge, tokenHandler: tokenServiceResponse(200, `{"token":"`+authToken+`","expires_in":`+expiresIn+`}`)})
				c := s.client(passwordOption())
				for _, step := range []struct {
					wait   time.Duration
					tokens int
				}{{0, 1}, {want - 10*time.Second - 1, 1}, {1, 2}} {
					<-time.After(step.wait)
					if err := resolve.run(s.ctx(), c, s); err != nil {
						t.Fatal(err)
					}
					if _, tokens := s.requestCounts(); tokens != step.tokens {
						t.Errorf("%d tokens after another %s, want %d", tokens, step.wait, step.tokens)
					}
				}
			})
		})
	}
}

func TestThreatC29TokenServiceFailsForever(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		s.requireAuth(authConfig{challenges: bearerChallenge, tokenHandler: tokenServiceResponse(500, leakedSecret)})
		err := op.run(s.ctx(), s.client(passwordOption()), s)
		wantErr(t, err, regret.ErrUnavailable)
		wantNoSecrets(t, err, leakedSecret, authPassword)
		all := regret.DefaultRetries().Max + 1
		s.wantRequestCountsAtMost(all, all)
		s.wantNothingDeleted()
	})
}

// issueTokens makes the token service issue a new token for each request. The registry accepts only
// the latest one.
func (s *testServer) issueTokens(issued *atomic.Int64, wait func()) {
	s.registry.Intercept(0, fakeregistry.On("", "/token"), func(w http.ResponseWriter, _ *http.Request) bool {
		wait()
		fmt.Fprintf(w, `{"token":"t0ken-%d","expires_in":3600}`, issued.Add(1))
		return true
	})
	s.intercept("", "", func(w http.ResponseWriter, req *http.Request) bool {
		if n := issued.Load(); n > 0 && req.Header.Get("Authorization") == fmt.Sprintf("Bearer t0ken-%d", n) {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token"`, s.origin()))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
}

func TestThreatD18TokenRevoked(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		var issued atomic.Int64
		s.issueTokens(&issued, func() {})
		c := s.client(passwordOption())
		if err := resolveAndDelete.run(s.ctx(), c, s); err != nil {
			t.Fatal(err)
		}
		issued.Add(1) // from now on the registry accepts only the next token
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
			inMemory(t, func(t *testing.T, s *testServer) {
				var issued atomic.Int64
				s.issueTokens(&issued, func() { <-time.After(time.Second) })
				c := s.client(passwordOption())
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
					issued.Add(1) // from now on the registry accepts only the next token
				}
			})
		})
	}
}

// A token service that hangs delays no caller beyond its deadline, and does not delay callers that
// already have a token.
func TestThreatG08TokenServiceHangs(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *testing.T, s *testServer) {
		hang := fakeregistry.Hang()
		s.registry.PutImage("team/known", "hello", "v1")
		s.requireAuth(authConfig{challenges: bearerChallenge, tokenHandler: func(w http.ResponseWriter, req *http.Request) bool {
			if strings.Contains(req.URL.RawQuery, "known") {
				fmt.Fprintf(w, `{"token":%q,"expires_in":3600}`, authToken)
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
		c := s.client(passwordOption())
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
			t.Errorf("a caller with a token waited %s: %v", time.Since(start), err)
		}
		all.Wait()
		s.wantNothingDeleted()
	})
}

// If the source of credentials fails, the operation fails. It does not continue anonymously.
func TestThreatCredentialSourceFails(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), sampleOperations(), func(t *testing.T, s *testServer, op operation) {
		s.requireAuth(authConfig{challenges: bearerChallenge})
		sealed := errors.New("the vault is sealed")
		source := credentials.Func(func(context.Context, string, string) (credentials.Credential, error) {
			return credentials.Credential{}, sealed
		})
		wantErr(t, op.run(s.ctx(), s.client(regret.WithCredentials(source)), s), sealed, regret.ErrUnauthorized)
		s.wantRequestCountsAtMost(1, 0)
		s.wantNothingDeleted()
	})
}

// The client decides by its name alone whether a realm is trusted. It does not wait for a name server
// that the registry has chosen.
func TestThreatRealmCheckUsesNoNameServer(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *testing.T, s *testServer) {
		s.intercept("", "", fakeregistry.Answer(401, map[string]string{"WWW-Authenticate": `Bearer realm="https://slow.to.resolve.example.net/token"`}, ""))
		start := time.Now()
		wantErr(t, s.client(passwordOption()).Ping(s.ctx()), regret.ErrUntrustedRealm)
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v, want 0", took)
		}
		s.wantRequestsAtMost(1)
	})
}
