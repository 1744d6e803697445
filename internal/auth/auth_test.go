package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/auth"
)

func TestHeader(t *testing.T) {
	t.Parallel()
	t.Run("nothing is sent before a challenge", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		wantHeader(t, f.header(t, pull), "")
		f.wantScopes(t)
	})
	t.Run("what was accepted is sent unasked", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		wantHeader(t, f.header(t, pull), "Bearer t0ken1")
		f.wantScopes(t, "GET repository:team/app:pull,delete")
	})
	t.Run("what was not accepted is not sent unasked", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		z := f.For(pull)
		wantHeader(t, answer(t, &z, bearer("repository:team/app:pull")), "Bearer t0ken1")
		wantHeader(t, f.header(t, pull), "")
	})
	t.Run("a token for another repository is fetched unasked", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		wantHeader(t, f.header(t, on("team/other")), "Bearer t0ken2")
		f.wantScopes(t, "GET repository:team/app:pull,delete", "GET repository:team/other:pull,delete")
	})
	t.Run("a token that cannot be fetched unasked is an error", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, inOrder(reply(200, `{"token":"t0ken"}`), reply(500, "")))
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		z := f.For(on("team/other"))
		header, err := z.Header(t.Context())
		if got := failureOf(t, err); header != "" || got.StatusCode != 500 {
			t.Errorf("got %q, %+v", header, got)
		}
	})
	t.Run("Basic credentials are sent unasked to every repository", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		f.accepted(t, pull, basic)
		wantHeader(t, f.header(t, on("team/other")), basicHeader)
		wantHeader(t, f.header(t, ping), basicHeader)
		f.wantScopes(t)
	})
	t.Run("a token of the caller is sent at once, and no challenge is answered", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered(), func(c *auth.Config) { c.Token = "caller.s-token" })
		z := f.For(pull)
		header, err := z.Header(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantHeader(t, header, "Bearer caller.s-token")
		wantHeader(t, answer(t, &z, bearer("repository:team/app:pull")), "")
		z.Accepted()
		f.wantScopes(t)
		if got := f.secrets.Redact("caller.s-token"); got != "[redacted]" {
			t.Errorf("the token is not a secret: %s", got)
		}
	})
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	const token = `Bearer realm="` + realm + `",service="s",scope="repository:team/app:pull"`
	for _, tt := range []struct {
		rule      string
		challenge http.Header
		want      string
	}{
		{"a Basic challenge is answered with the password", basic, basicHeader},
		{"a bearer challenge is answered with a token", challenge(token), "Bearer t0ken1"},
		{"the case of a scheme does not matter", challenge(`BASIC realm="r"`), basicHeader},
		{"a token is preferred to the password", challenge(`Basic realm="r"`, token), "Bearer t0ken1"},
		{"a token is preferred to the password on one line", challenge(`Basic realm="r", ` + token), "Bearer t0ken1"},
		{"a scheme that is not known is passed over", challenge("Negotiate", `Digest realm="r"`, `Basic realm="r"`), basicHeader},
		{"a second token service is used if the first is not trusted", challenge(`Bearer realm="https://evil.example.net/"`, token), "Bearer t0ken1"},
		{"the password is used if the token service is not trusted", challenge(`Bearer realm="https://evil.example.net/"`, `Basic realm="r"`), basicHeader},
		{"the password is used if the realm is malformed", challenge(`Bearer service="s"`, `Basic realm="r"`), basicHeader},
		{"a scheme that is not known is not answered", challenge("Negotiate"), ""},
		{"an empty challenge is not answered", challenge(""), ""},
		{"a 401 without a challenge is not answered", challenge(), ""},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, numbered())
			z := f.For(pull)
			wantHeader(t, answer(t, &z, tt.challenge), tt.want)
			if n := len(f.all()); tt.want != "Bearer t0ken1" && n != 0 {
				t.Errorf("%d token requests", n)
			}
		})
	}
	t.Run("another status than 401 is not answered", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		z := f.For(pull)
		header, err := z.Answer(t.Context(), http.StatusForbidden, bearer("repository:team/app:pull"), nil)
		if header != "" || err != nil {
			t.Errorf("got %q, %v", header, err)
		}
		f.wantScopes(t)
	})
}

func TestAnswerAfterARefusal(t *testing.T) {
	t.Parallel()
	token := bearer("repository:team/app:pull")
	for _, tt := range []struct {
		rule       string
		challenges []http.Header
		want       []string
	}{
		{"a token is tried once", []http.Header{token, token}, []string{"Bearer t0ken1", ""}},
		{"another scope does not lead to another token", []http.Header{token, bearer("repository:team/app:delete")}, []string{"Bearer t0ken1", ""}},
		{"the password is tried once", []http.Header{basic, basic}, []string{basicHeader, ""}},
		{"the password is tried once after a token", []http.Header{token, basic, basic}, []string{"Bearer t0ken1", basicHeader, ""}},
		{"no token is fetched after the password", []http.Header{basic, token}, []string{basicHeader, ""}},
		{"no token is fetched after token and password", []http.Header{token, basic, token}, []string{"Bearer t0ken1", basicHeader, ""}},
		{"a missing challenge ends it", []http.Header{token, challenge()}, []string{"Bearer t0ken1", ""}},
		{"a malformed challenge ends it without an error", []http.Header{token, challenge("Basic =")}, []string{"Bearer t0ken1", ""}},
		{"an untrusted realm ends it without an error", []http.Header{token, challenge(`Bearer realm="https://evil.example.net/"`)}, []string{"Bearer t0ken1", ""}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, numbered())
			z := f.For(pull)
			var got []string
			for _, c := range tt.challenges {
				got = append(got, answer(t, &z, c))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if n := len(f.all()); n > 1 {
				t.Errorf("%d token requests", n)
			}
		})
	}
}

func TestAnswerToTheHeaderThatWasSentUnasked(t *testing.T) {
	t.Parallel()
	token := bearer("repository:team/app:pull")
	for _, tt := range []struct {
		rule      string
		handle    handler
		configure func(*auth.Config)
		challenge http.Header
		want      []string // what is sent unasked, and then in answer to two challenges
	}{
		{"a new token is tried once", numbered(), nil, token, []string{"Bearer t0ken1", "Bearer t0ken2", ""}},
		{"a token that was fetched is tried once, although it looks like the refused one", reply(200, `{"token":"same"}`), nil, token,
			[]string{"Bearer same", "Bearer same", ""}},
		{"a password that was refused is not sent again", nil, nil, basic, []string{basicHeader, "", ""}},
		{"another password of the source is tried once", nil, source(func(n int) (credentials.Credential, error) {
			return credentials.Credential{Username: "ann", Password: fmt.Sprint("pass", n)}, nil
		}), basic, []string{"Basic " + encode("ann:pass1"), "Basic " + encode("ann:pass2"), ""}},
		{"a registry token that was refused is not sent again", nil, with(credentials.Credential{RegistryToken: "r3gistry"}), token,
			[]string{"Bearer r3gistry", "", ""}},
		{"another registry token of the source is tried once", nil, source(func(n int) (credentials.Credential, error) {
			return credentials.Credential{RegistryToken: fmt.Sprint("r3gistry", n)}, nil
		}), token, []string{"Bearer r3gistry1", "Bearer r3gistry2", ""}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			configure := func(*auth.Config) {}
			if tt.configure != nil {
				configure = tt.configure
			}
			f := newFixture(t, tt.handle, configure)
			f.accepted(t, pull, tt.challenge)
			z := f.For(pull)
			first, err := z.Header(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := []string{first, answer(t, &z, tt.challenge), answer(t, &z, tt.challenge)}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPasswordThatWasRefusedIsNotSentAgainAfterAToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, numbered())
	f.accepted(t, pull, basic)
	z := f.For(pull)
	first, err := z.Header(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := []string{first, answer(t, &z, bearer("repository:team/app:pull")), answer(t, &z, basic)}
	if diff := cmp.Diff([]string{basicHeader, "Bearer t0ken1", ""}, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	wantHeader(t, f.header(t, pull), basicHeader) // with another request it may be accepted again
}

func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestCredentialsOfTheSource(t *testing.T) {
	t.Parallel()
	token := bearer("repository:team/app:pull")
	for _, tt := range []struct {
		rule      string
		configure func(*auth.Config)
		challenge http.Header
		want      string
		requests  int
	}{
		{"without a source there is no password", func(c *auth.Config) { c.Source = nil }, basic, "", 0},
		{"without a source a token is fetched anonymously", func(c *auth.Config) { c.Source = nil }, token, "Bearer t0ken1", 1},
		{"an anonymous credential has no password", with(credentials.Credential{}), basic, "", 0},
		{"an anonymous credential fetches a token", with(credentials.Credential{}), token, "Bearer t0ken1", 1},
		{"a user name without a password is sent", with(credentials.Credential{Username: "ann"}), basic, "Basic " + encode("ann:"), 0},
		{"an identity token is the password of a Basic challenge", with(credentials.Credential{Username: "ann", IdentityToken: "r3fresh"}), basic, "Basic " + encode("ann:r3fresh"), 0},
		{"a registry token needs no token service", with(credentials.Credential{RegistryToken: "r3gistry"}), token, "Bearer r3gistry", 0},
		{"a registry token answers a Basic challenge, too", with(credentials.Credential{RegistryToken: "r3gistry"}), basic, "Bearer r3gistry", 0},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, numbered(), tt.configure)
			z := f.For(pull)
			wantHeader(t, answer(t, &z, tt.challenge), tt.want)
			if n := len(f.all()); n != tt.requests {
				t.Errorf("%d token requests, want %d", n, tt.requests)
			}
		})
	}
}

func TestSourceIsAskedForHostAndRepository(t *testing.T) {
	t.Parallel()
	var got []string
	f := newFixture(t, numbered(), func(c *auth.Config) {
		c.Source = credentials.Func(func(_ context.Context, registry, repository string) (credentials.Credential, error) {
			got = append(got, registry+" "+repository)
			return credentials.Credential{}, nil
		})
	})
	f.accepted(t, pull, bearer("repository:team/app:pull"))
	f.accepted(t, auth.Scope{Type: "registry", Name: "catalog", Action: "*"}, bearer("registry:catalog:*"))
	f.accepted(t, ping, bearer(""))
	if diff := cmp.Diff([]string{host + " team/app", host + " ", host + " "}, got); diff != "" {
		t.Errorf("questions to the source (-want +got):\n%s", diff)
	}
}

func TestSourceErrors(t *testing.T) {
	t.Parallel()
	failed := errors.New("the helper failed")
	for _, tt := range []struct {
		rule string
		cred credentials.Credential
		err  error
		want string
	}{
		{"a source that fails is an error", credentials.Credential{}, failed, "credentials for registry.example.com: the helper failed"},
		{"a credential that cannot be sent is an error, which does not contain it", credentials.Credential{Username: "ann\n", Password: "hunter2"}, nil,
			"credentials for registry.example.com: control characters in the user name"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			for _, c := range []http.Header{basic, bearer("repository:team/app:pull")} {
				f := newFixture(t, numbered(), source(func(int) (credentials.Credential, error) { return tt.cred, tt.err }))
				wantFailure(t, failure{Reason: auth.SourceFailed, Text: tt.want}, f.refused(t, c))
				f.wantScopes(t)
			}
		})
	}
}

func TestSecretsAreLearned(t *testing.T) {
	t.Parallel()
	redacted := func(t *testing.T, f *fixture, secrets ...string) {
		t.Helper()
		for _, secret := range secrets {
			if got := f.secrets.Redact("a " + secret + " b"); got != "a [redacted] b" {
				t.Errorf("%q is not redacted: %q", secret, got)
			}
		}
	}
	t.Run("those of a password and a token", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, reply(200, `{"token":"t0ken","refresh_token":"r3newed"}`))
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		redacted(t, f, password, encode(password), encode(account+":"+password), "t0ken", "r3newed")
	})
	t.Run("that of an identity token", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered(), with(credentials.Credential{IdentityToken: "r3fresh"}))
		f.accepted(t, pull, basic)
		redacted(t, f, "r3fresh", encode("r3fresh"), encode(":r3fresh"))
	})
	t.Run("that of a registry token", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered(), with(credentials.Credential{RegistryToken: "r3gistry"}))
		f.accepted(t, pull, basic)
		redacted(t, f, "r3gistry")
	})
	t.Run("none of a credential without a password", func(t *testing.T) {
		t.Parallel()
		for _, cred := range []credentials.Credential{{}, {Username: "ann"}, {RegistryToken: "r3gistry"}} {
			f := newFixture(t, numbered(), with(cred))
			f.accepted(t, pull, bearer("repository:team/app:pull"))
			if text := encode(":") + " " + encode("ann:"); f.secrets.Redact(text) != text {
				t.Errorf("%s: got %s", cred, f.secrets.Redact(text))
			}
		}
	})
}

func TestCredentialsAreUsedForAnHour(t *testing.T) {
	t.Parallel()
	for _, cred := range []credentials.Credential{{Username: account, Password: password}, {RegistryToken: "r3gistry"}} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			f := newFixture(t, numbered(), source(func(n int) (credentials.Credential, error) {
				asked = n
				return cred, nil
			}))
			want := f.accepted(t, pull, basic)
			for _, step := range []struct {
				after time.Duration
				asked int
			}{{time.Hour - 1, 1}, {1, 2}} {
				<-time.After(step.after)
				wantHeader(t, f.header(t, pull), want)
				if asked != step.asked {
					t.Errorf("the source was asked %d times, want %d", asked, step.asked)
				}
			}
		})
	}
}
