package command_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// TestCredentialsStayWhereTheyBelong gives the command credentials for one registry, and looks at
// what others are sent.
func TestCredentialsStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	mine, s := onFake(t, "spec", regrettest.WithBasicAuth("me", canary))
	mine.PutImage(app, regrettest.Image{}, "1.0")
	for name, l := range logins(t, sh, s.host) {
		t.Run("another registry on the command line: "+name, func(t *testing.T) {
			t.Parallel()
			other, o := onFake(t, "spec", regrettest.WithBasicAuth("me", canary))
			other.PutImage(app, regrettest.Image{}, "1.0")
			got := l.run(t, sh, "resolve", s.name()+":1.0", o.name()+":1.0")
			want := 3
			if name == "stdin" {
				want = 2 // two registries
			}
			if got.code != want {
				t.Errorf("the code is %d: %s", got.code, got.stderr)
			}
			wantNoCredentials(t, other)
		})
	}
	t.Run("a redirect to another host", func(t *testing.T) {
		t.Parallel()
		other, o := onFake(t, "spec")
		fake, s := onFake(t, "spec", regrettest.WithBasicAuth("me", canary))
		fake.PutImage(app, regrettest.Image{}, "1.0")
		other.PutImage(app, regrettest.Image{}, "1.0")
		fake.Inject(0, "", anyManifest, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			if req.Header.Get("Authorization") == "" {
				next.ServeHTTP(w, req)
				return
			}
			http.Redirect(w, req, o.URL+req.URL.Path, http.StatusTemporaryRedirect)
		})
		sh := newShell(t, "REGRET_USERNAME=me", "REGRET_PASSWORD="+canary, "REGRET_REGISTRY="+s.host)
		finish(t, sh.command(t, "resolve", s.name()+":1.0"))
		finish(t, sh.command(t, "untag", s.name()+":1.0"))
		wantNoCredentials(t, other)
		wantWrites(t, other, 0)
	})
	t.Run("a token service of others", func(t *testing.T) {
		t.Parallel()
		var service *httptest.Server
		asked := make(chan string, 100)
		service = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked <- r.Header.Get("Authorization")
			_, _ = fmt.Fprint(w, `{"token":"abc"}`)
		}))
		defer service.Close()
		fake, s := onFake(t, "spec")
		fake.PutImage(app, regrettest.Image{}, "1.0")
		fake.Inject(0, "", anyManifest, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			if req.Header.Get("Authorization") == "Bearer abc" {
				next.ServeHTTP(w, req)
				return
			}
			challenge(`Bearer realm="`+strings.Replace(service.URL, "127.0.0.1", "localhost", 1)+`/token",service="x"`)(w, req, next)
		})
		sh := newShell(t, "REGRET_USERNAME=me", "REGRET_PASSWORD="+canary, "REGRET_REGISTRY="+s.host)
		got := sh.want(t, 4, "resolve", s.name()+":1.0")
		says(t, got.stderr, "--trust-realm")
		for len(asked) > 0 {
			if sent := <-asked; sent != "" {
				t.Errorf("the token service was sent %q", sent)
			}
		}
		origin := strings.Replace(service.URL, "127.0.0.1", "localhost", 1)
		sh.want(t, 0, "resolve", s.name()+":1.0", "--trust-realm", origin)
		if sent := <-asked; sent == "" {
			t.Error("a token service that is trusted was sent no credentials")
		}
	})
}

// wantNoCredentials checks that a registry was asked, and sent no credentials.
func wantNoCredentials(t *testing.T, fake *regrettest.Registry) {
	t.Helper()
	for _, request := range fake.Requests() {
		if sent := request.Header.Get("Authorization"); sent != "" {
			t.Errorf("%s was sent %q", request, sent)
		}
	}
}

// TestLoginsThatAreMalformed gives the command logins that cannot be read. The error does not show
// what is in them.
func TestLoginsThatAreMalformed(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec", regrettest.WithBasicAuth("me", canary))
	fake.PutImage(app, regrettest.Image{}, "1.0")
	for name, test := range map[string]struct {
		file, env string
		args      []string
	}{
		"no JSON":                    {`{"auths":{"` + s.host + `":{"auth":"` + canary, "", nil},
		"no base64":                  {`{"auths":{"` + s.host + `":{"auth":"` + canary + `"}}}`, "", nil},
		"another type":               {`{"auths":{"` + s.host + `":"` + canary + `"}}`, "", nil},
		"the environment, no JSON":   {"", "DOCKER_AUTH_CONFIG=" + canary, nil},
		"no user":                    {"", "REGRET_PASSWORD=" + canary, nil},
		"no host":                    {"", "REGRET_PASSWORD=" + canary + "\x01REGRET_USERNAME=me", nil},
		"a host that is none":        {"", "REGRET_PASSWORD=" + canary + "\x01REGRET_USERNAME=me\x01REGRET_REGISTRY=http://a b/", nil},
		"a file that is not there":   {"", "", []string{"--auth-file", "none.json"}},
		"a file that is a folder":    {"", "", []string{"--auth-file", "."}},
		"a password as an argument":  {"", "", []string{"--password", canary}},
		"a password in the argument": {"", "", []string{"--username", "me:" + canary}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			if test.file != "" {
				sh.write(t, ".docker/config.json", test.file)
			}
			if test.env != "" {
				sh = sh.with(strings.Split(test.env, "\x01")...)
			}
			got := finish(t, sh.command(t, append([]string{"resolve", s.name() + ":1.0"}, test.args...)...))
			if got.code != 2 && got.code != 4 {
				t.Errorf("the code is %d: %s", got.code, got.stderr)
			}
			says(t, got.stderr, "Error: ")
			if len(test.args) == 0 && strings.Contains(got.stdout+got.stderr, canary) {
				t.Errorf("the password is shown: %s", got.stderr)
			}
		})
	}
}
