package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestReportK10ChallengesThatAreNotToTheLetter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, challenge string
		want            []string
		kind            error
	}{
		{"a realm that needs quotes", "Basic realm=/", []string{"GET /v2/", "GET /v2/ Basic"}, nil},
		{"a realm in single quotes", "Basic realm='Sandstorm API'", []string{"GET /v2/", "GET /v2/ Basic"}, nil},
		{"a realm with a port", "basic realm=registry.example.com:5000", []string{"GET /v2/", "GET /v2/ Basic"}, nil},
		{"nothing but the name", "BASIC", []string{"GET /v2/", "GET /v2/ Basic"}, nil},
		{"a realm that does not end, with a tab", "Basic realm=\"x\ty", []string{"GET /v2/", "GET /v2/ Basic"}, nil},
		{"a bearer realm that cannot be read stays an error", "Bearer realm=https://auth.example.com/token", []string{"GET /v2/"}, regret.ErrNotRegistry},
		{"so does one without quotes at its end", `Bearer realm="https://auth.example.com`, []string{"GET /v2/"}, regret.ErrNotRegistry},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			s := newScript(reply(401, "", "WWW-Authenticate", tt.challenge), reply(200, "{}"))
			err := newClient(t, s, regret.WithBasicAuth(account, password)).Ping(t.Context())
			if tt.kind == nil {
				wantErr(t, err)
			} else {
				wantErr(t, err, tt.kind)
			}
			s.want(t, tt.want...)
		})
	}
}

func TestReportK12CredentialsThatExpire(t *testing.T) {
	t.Parallel()
	const expired = "Your Authorization Token has expired. Please run 'aws ecr get-login-password' to fetch a new one."
	first, second := credentials.Credential{Username: "AWS", Password: "first-password"}, credentials.Credential{Username: "AWS", Password: "second-password"}
	challenge := reply(401, "", "WWW-Authenticate", `Basic realm="ecr"`)
	for _, tt := range []struct {
		rule      string
		has       []credentials.Credential
		responses []scripted
		want      []string // of the second Untag
		asked     int
		kind      error
	}{
		{"the next ones are taken", []credentials.Credential{first, second},
			[]scripted{reply(403, expired, "Content-Type", "text/plain"), reply(202, "")}, []string{"DELETE Basic", "DELETE Basic"}, 2, nil},
		{"a JSON error may say so, too", []credentials.Credential{first, second},
			[]scripted{reply(403, `{"errors":[{"code":"DENIED","message":"The token is expired"}]}`), reply(202, "")}, []string{"DELETE Basic", "DELETE Basic"}, 2, nil},
		{"the same ones are not sent again", []credentials.Credential{first},
			[]scripted{reply(403, expired)}, []string{"DELETE Basic"}, 2, regret.ErrForbidden},
		{"the next ones may be refused, once", []credentials.Credential{first, second},
			[]scripted{reply(403, expired), reply(403, expired)}, []string{"DELETE Basic", "DELETE Basic"}, 2, regret.ErrForbidden},
		{"no other 403 has the source asked again", []credentials.Credential{first, second},
			[]scripted{reply(403, `{"errors":[{"code":"DENIED","message":"no"}]}`)}, []string{"DELETE Basic"}, 1, regret.ErrForbidden},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			s := newScript(append([]scripted{challenge, reply(202, "")}, tt.responses...)...)
			source := &recordingSource{credentials: tt.has}
			c := newClient(t, s, regret.WithCredentials(source))
			wantErr(t, c.Untag(t.Context(), repo, "v1"))
			err := c.Untag(t.Context(), repo, "v2")
			if tt.kind == nil {
				wantErr(t, err)
			} else {
				wantErr(t, err, tt.kind)
			}
			want := []string{"DELETE " + manifestPath("v1"), "DELETE " + manifestPath("v1") + " Basic"}
			for _, line := range tt.want {
				method, scheme, _ := strings.Cut(line, " ")
				want = append(want, method+" "+manifestPath("v2")+" "+scheme)
			}
			s.want(t, want...)
			if len(source.calls) != tt.asked {
				t.Errorf("the source was asked %d times, want %d", len(source.calls), tt.asked)
			}
		})
	}
}

func TestReportK13NoCredentialsForThisHost(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, `{"auths":{"registry.example.com:5000":`+authEntry(account, password)+`}}`)
	source, err := credentials.LoadDockerConfig(path)
	wantErr(t, err)
	calls := map[string]func(c *regret.Client) error{
		"a read":  func(c *regret.Client) error { _, err := c.ResolveDigest(t.Context(), repo, "v1"); return err },
		"a write": func(c *regret.Client) error { return c.Untag(t.Context(), repo, "v1") },
		"a list":  func(c *regret.Client) error { _, err := collect(t, c.Tags(t.Context(), repo)); return err },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScript(reply(401, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, "WWW-Authenticate", `Basic realm="r"`))
			e := wantErr(t, call(newClient(t, s, regret.WithCredentials(source))), regret.ErrUnauthorized)
			for _, word := range []string{host, path, "registry.example.com:5000"} {
				if !strings.Contains(e.Hint, word) {
					t.Errorf("the hint does not name %s: %s", word, e.Hint)
				}
			}
			wantNoSecretInError(t, e, password)
		})
		t.Run(name+" that is forbidden with a token for anonymous callers", func(t *testing.T) {
			t.Parallel()
			registry := roundTrip(func(req *http.Request) (*http.Response, error) {
				switch {
				case req.URL.Path == "/token":
					return respond(req, 200, `{"token":"a.fetched.token"}`), nil
				case req.Header.Get("Authorization") == "":
					return respond(req, 401, "", "WWW-Authenticate", `Bearer realm="https://`+host+`/token"`), nil
				}
				return respond(req, 403, `{"errors":[{"code":"DENIED","message":"no"}]}`), nil
			})
			e := wantErr(t, call(newClient(t, registry, regret.WithCredentials(source))), regret.ErrForbidden)
			if !strings.Contains(e.Hint, path) {
				t.Errorf("the hint does not say which source was asked: %s", e.Hint)
			}
		})
		t.Run(name+" without a challenge", func(t *testing.T) {
			t.Parallel()
			s := newScript(reply(401, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`))
			e := wantErr(t, call(newClient(t, s, regret.WithCredentials(source))), regret.ErrUnauthorized)
			for _, words := range []string{"no credentials were sent", "WWW-Authenticate", path} {
				if !strings.Contains(e.Hint, words) {
					t.Errorf("the hint does not say %q: %s", words, e.Hint)
				}
			}
		})
	}
}

func TestServerS5WrongPasswordOfARead(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, password))
	_, err := newClient(t, reg, regret.WithBasicAuth(account, "wrong-password")).ResolveDigest(t.Context(), repo, "v1")
	if e := wantErr(t, err, regret.ErrUnauthorized); !strings.Contains(e.Hint, "check the credentials") {
		t.Errorf("hint %q", e.Hint)
	}
}

func TestReportK21RealmOfTheRegistryByHTTP(t *testing.T) {
	t.Parallel()
	for _, realm := range []string{"http://" + host, "http://" + host + ":80", "http://" + host + ":5000"} {
		s := newScript(reply(401, "", "WWW-Authenticate", `Bearer realm="`+realm+`/service/token",service="harbor-registry"`))
		err := newClient(t, s, regret.WithBasicAuth(account, password)).Untag(t.Context(), repo, "v1")
		if e := wantErr(t, err, regret.ErrUntrustedRealm); !strings.Contains(e.Hint, "X-Forwarded-Proto") {
			t.Errorf("%s: hint %q", realm, e.Hint)
		}
		s.want(t, "DELETE "+manifestPath("v1"))
	}
}

func TestReportK24BasicAfterARefusedToken(t *testing.T) {
	t.Parallel()
	bearer := reply(401, "", "WWW-Authenticate", `Bearer realm="https://`+host+`/service/token",service="harbor-registry"`)
	basic := reply(401, "", "WWW-Authenticate", `Basic realm="harbor"`)
	token := reply(200, `{"token":"a.fetched.token"}`)
	for _, tt := range []struct {
		rule string
		last scripted
		kind error
	}{
		{"Basic is tried once", reply(202, ""), nil},
		{"a refusal of Basic is the end", basic, regret.ErrUnauthorized},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			s := newScript(bearer, token, basic, tt.last)
			err := newClient(t, s, regret.WithBasicAuth(account, password)).Untag(t.Context(), repo, "v1")
			if tt.kind == nil {
				wantErr(t, err)
			} else {
				wantErr(t, err, tt.kind)
			}
			untag := "DELETE " + manifestPath("v1")
			s.want(t, untag, "GET /service/token?account="+account+"&scope=repository%3Ateam%2Fapp%3Apull%2Cdelete&service=harbor-registry Basic", untag+" Bearer", untag+" Basic")
			if got := s.authorizations(); len(got) != 2 {
				t.Errorf("Authorization headers: %q", got)
			}
		})
	}
}

// A registry with an anonymous policy answers everybody: what that says is true
// of anonymous users only.
func TestServerS3AnonymousAnswers(t *testing.T) {
	t.Parallel()
	// zot: 200 with a challenge at /v2/, 200 without one for the catalog.
	zot := func(status int) roundTrip {
		return func(req *http.Request) (*http.Response, error) {
			known := req.Header.Get("Authorization") != ""
			switch {
			case known && status != 200:
				return respond(req, status, `{"code":"UNAUTHORIZED","message":"authentication required"}`, "WWW-Authenticate", `Basic realm="zot"`), nil
			case req.URL.Path == "/v2/":
				return respond(req, 200, "{}", "WWW-Authenticate", `Basic realm="zot"`), nil
			case known:
				return respond(req, 200, `{"repositories":["public/app","team/app"]}`), nil
			}
			return respond(req, 200, `{"repositories":["public/app"]}`), nil
		}
	}
	t.Run("Ping tells a wrong password", func(t *testing.T) {
		t.Parallel()
		wantErr(t, newClient(t, zot(401), regret.WithBasicAuth(account, "wrong-password")).Ping(t.Context()), regret.ErrUnauthorized)
		wantErr(t, newClient(t, zot(200), regret.WithBasicAuth(account, password)).Ping(t.Context()))
		wantErr(t, newClient(t, zot(401)).Ping(t.Context()))
	})
	t.Run("the catalog is that of the credentials", func(t *testing.T) {
		t.Parallel()
		for _, tt := range []struct {
			opts []regret.Option
			want []string
		}{
			{[]regret.Option{regret.WithBasicAuth(account, password)}, []string{"public/app", "team/app"}},
			{nil, []string{"public/app"}},
		} {
			got, err := collect(t, newClient(t, zot(200), tt.opts...).Repositories(t.Context()))
			wantErr(t, err)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		_, err := collect(t, newClient(t, zot(401), regret.WithBasicAuth(account, "wrong-password")).Repositories(t.Context()))
		wantErr(t, err, regret.ErrUnauthorized)
	})
}

// A registry may answer lists to everybody, and tell only elsewhere, or only
// beside the list, that it knows more for others.
func TestServerS3ListsAreThoseOfTheCredentials(t *testing.T) {
	t.Parallel()
	const basic = `Basic realm="r"`
	for _, tt := range []struct {
		rule  string
		probe int      // status of an anonymous GET /v2/
		list  []string // header of the anonymous list
	}{
		{"the challenge is in a 401 at /v2/", 401, nil},
		{"the challenge is in the 200 of the list", 200, []string{"WWW-Authenticate", basic}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			registry := roundTrip(func(req *http.Request) (*http.Response, error) {
				user, secret, known := req.BasicAuth()
				switch {
				case known && (user != account || secret != password):
					return respond(req, 401, "", "WWW-Authenticate", basic), nil
				case !known && req.URL.Path == "/v2/" && tt.probe == 401:
					return respond(req, 401, "", "WWW-Authenticate", basic), nil
				case req.URL.Path == "/v2/":
					return respond(req, 200, "{}"), nil
				case known:
					return respond(req, 200, `{"repositories":["team/app"]}`), nil
				}
				return respond(req, 200, `{"repositories":[]}`, tt.list...), nil
			})
			got, err := collect(t, newClient(t, registry, regret.WithBasicAuth(account, password)).Repositories(t.Context()))
			wantErr(t, err)
			if diff := cmp.Diff([]string{"team/app"}, got); diff != "" {
				t.Errorf("repositories (-want +got):\n%s", diff)
			}
			_, err = collect(t, newClient(t, registry, regret.WithBasicAuth(account, "wrong-password")).Repositories(t.Context()))
			wantErr(t, err, regret.ErrUnauthorized)
		})
	}
	t.Run("without credentials, a long list with a challenge is read whole", func(t *testing.T) {
		t.Parallel()
		small := regret.DefaultLimits()
		small.ErrorBytes = 16
		s := newScript(reply(200, `{"repositories":["team/app","team/base","team/web"]}`, "WWW-Authenticate", basic))
		got, err := collect(t, newClient(t, s, regret.WithLimits(small)).Repositories(t.Context()))
		wantErr(t, err)
		if len(got) != 3 {
			t.Errorf("repositories %q", got)
		}
	})
	t.Run("with credentials, a challenge that cannot be answered is an error", func(t *testing.T) {
		t.Parallel()
		for challenge, kind := range map[string]error{
			`Bearer realm="https://other.example.net/token"`: regret.ErrUntrustedRealm,
			"Bearer realm=": regret.ErrNotRegistry,
		} {
			s := newScript(reply(200, "{}", "WWW-Authenticate", challenge))
			wantErr(t, newClient(t, s, regret.WithBasicAuth(account, password)).Ping(t.Context()), kind)
			s.want(t, "GET /v2/")
		}
	})
	t.Run("what another server says is no challenge", func(t *testing.T) {
		t.Parallel()
		s := newScript(reply(302, "", "Location", "https://portal.example.net/"), reply(401, "", "WWW-Authenticate", basic), reply(200, `{"repositories":[]}`))
		_, err := collect(t, newClient(t, s, regret.WithBasicAuth(account, password)).Repositories(t.Context()))
		wantErr(t, err)
		if sent := s.authorizations(); len(sent) != 0 {
			t.Errorf("Authorization headers: %q", sent)
		}
	})
	t.Run("what another server says with a success is no challenge", func(t *testing.T) {
		t.Parallel()
		s := newScript(reply(302, "", "Location", "https://portal.example.net/"), reply(200, "{}", "WWW-Authenticate", basic), reply(200, `{"repositories":[]}`))
		_, err := collect(t, newClient(t, s, regret.WithBasicAuth(account, password)).Repositories(t.Context()))
		wantErr(t, err)
		if sent := s.authorizations(); len(sent) != 0 {
			t.Errorf("Authorization headers: %q", sent)
		}
	})
	t.Run("without credentials, no token is fetched", func(t *testing.T) {
		t.Parallel()
		s := newScript(reply(200, "{}", "WWW-Authenticate", `Bearer realm="https://`+host+`/token"`))
		wantErr(t, newClient(t, s).Ping(t.Context()))
		s.want(t, "GET /v2/")
	})
}
