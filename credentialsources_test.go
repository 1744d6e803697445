package regret_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestFirstOf(t *testing.T) {
	t.Parallel()
	first, second := regret.Credential{Username: "first", Password: "p"}, regret.Credential{Username: "second", Password: "p"}
	has := func(c regret.Credential) *asked { return &asked{answers: []regret.Credential{c}} }
	broken := errors.New("the vault is sealed")
	tests := []struct {
		name    string
		sources []*asked
		want    regret.Credential
		failure error
		asked   []int // how often each
	}{
		{"the first that has something decides, and the rest are not asked", []*asked{has(first), has(second)}, first, nil, []int{1, 0}},
		{"one that is anonymous is passed over", []*asked{has(regret.Credential{}), has(second)}, second, nil, []int{1, 1}},
		{"a failure ends the search", []*asked{{err: broken}, has(second)}, regret.Credential{}, broken, []int{1, 0}},
		{"a failure after the decision does not matter", []*asked{has(first), {err: broken}}, first, nil, []int{1, 0}},
		{"nothing anywhere is anonymous", []*asked{has(regret.Credential{}), has(regret.Credential{})}, regret.Credential{}, nil, []int{1, 1}},
		{"no source at all is anonymous", nil, regret.Credential{}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sources []regret.CredentialSource
			for _, source := range tt.sources {
				sources = append(sources, source)
			}
			got, err := regret.FirstOf(sources...).Credential(t.Context(), host, repo)
			if got != tt.want || !errors.Is(err, tt.failure) {
				t.Errorf("%v and %v, want %v and %v", got, err, tt.want, tt.failure)
			}
			for i, source := range tt.sources {
				if len(source.calls) != tt.asked[i] || tt.asked[i] > 0 && source.calls[0] != host+" "+repo {
					t.Errorf("source %d was asked for %q", i, source.calls)
				}
			}
		})
	}
}

func TestForRegistry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		named, registry string
		want            bool
	}{
		{host, host, true},
		{"https://" + host, host, true},
		{"https://REGISTRY.example.com/", host, true},
		{"https://" + host + ":443", host, true},
		{"http://" + host + ":80", host, true},
		{host + ":5000", host + ":5000", true},
		{"docker.io", "registry-1.docker.io", true},
		{"https://index.docker.io/v1/", "registry-1.docker.io", true},
		{"localhost:5000", "localhost:5000", true},
		{host, host + ":5000", false},
		{host, "x." + host, false},
		{host, "registry-1.docker.io", false},
		{"https://" + host + "/team", host, false},
		{"", host, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("a source for %q is asked for %s: %t", tt.named, tt.registry, tt.want), func(t *testing.T) {
			t.Parallel()
			inner := &asked{answers: []regret.Credential{good}}
			got, err := regret.ForRegistry(tt.named, inner).Credential(t.Context(), tt.registry, repo)
			if err != nil || (got == good) != tt.want || (len(inner.calls) == 1) != tt.want {
				t.Errorf("%v and %v after %d calls", got, err, len(inner.calls))
			}
		})
	}
	t.Run("what New takes for a registry, its source answers to", func(t *testing.T) {
		t.Parallel()
		for _, named := range []string{host, "https://" + host + ":443", "http://" + host + ":80/", "docker.io", "index.docker.io/v1/", "LOCALHOST:5000"} {
			inner := &asked{answers: []regret.Credential{good}}
			c := newClientOf(t, named, always(401, "", "WWW-Authenticate", `Basic realm="r"`), regret.WithCredentials(regret.ForRegistry(named, inner)))
			wantErr(t, c.Ping(t.Context()), regret.ErrUnauthorized)
			if len(inner.calls) != 1 {
				t.Errorf("the source for %q was asked for %q", named, inner.calls)
			}
		}
	})
}

func TestSourcesAreCheckedByNew(t *testing.T) {
	t.Parallel()
	var function regret.CredentialFunc
	bad := regret.StaticCredential(regret.Credential{Password: "c4n4ry"})
	fine := regret.StaticCredential(good)
	tests := []struct {
		name   string
		source regret.CredentialSource
		says   []string
	}{
		{"a source that is nil", nil, []string{"the source is nil"}},
		{"a function that is nil", function, []string{"the function is nil"}},
		{"one of several that is nil", regret.FirstOf(fine, nil), []string{"the source is nil"}},
		{"a registry's that is nil", regret.ForRegistry(host, nil), []string{"the source is nil"}},
		{"all that is wrong with several", regret.FirstOf(regret.ForRegistry("x", bad), function), []string{"password without a user name", "the function is nil"}},
		{"a registry token with a blank", regret.StaticCredential(regret.Credential{RegistryToken: "c4n4ry c4n4ry"}), []string{"a token has characters"}},
		{"an identity token of two lines", regret.StaticCredential(regret.Credential{IdentityToken: "c4n4ry\nc4n4ry"}), []string{"a token has characters"}},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := regret.New(host, regret.WithCredentials(tt.source))
			if !errors.Is(err, regret.ErrInvalid) {
				t.Errorf("error is not %q: %v", regret.ErrInvalid, err)
			}
			wantText(t, err, tt.says...)
			wantDiscreet(t, err, "c4n4ry")
		})
	}
	for _, source := range []regret.CredentialSource{fine, regret.FirstOf(), regret.ForRegistry(host, fine), load(t, "{}"), &asked{}} {
		if _, err := regret.New(host, regret.WithCredentials(source)); err != nil {
			t.Errorf("%v is refused: %v", source, err)
		}
	}
}

// A failure on the way to a credential reaches the caller as what it is.
func TestSourceErrorsKeepTheirFacts(t *testing.T) {
	t.Parallel()
	late := regret.CredentialFunc(func(context.Context, string, string) (regret.Credential, error) {
		source, err := regret.LoadDockerConfig("/does/not/exist.json")
		if err == nil {
			t.Errorf("loaded %v", source)
		}
		return regret.Credential{}, err
	})
	c := newClient(t, always(401, "", "WWW-Authenticate", `Basic realm="r"`), regret.WithCredentials(regret.FirstOf(late, regret.StaticCredential(good))))
	err := c.Untag(t.Context(), repo, "v1")
	wantErr(t, err, regret.ErrUnauthorized)
	e, ok := errors.AsType[*regret.CredentialError](err)
	if !ok || e.File != "/does/not/exist.json" {
		t.Errorf("%v, want a *CredentialError", err)
	}
	wantText(t, err, "credentials for "+host, e.File)
	wantDiscreet(t, err, password)
}

func TestSourcesAreRedacted(t *testing.T) {
	t.Parallel()
	type open struct{ *asked } // a source of somebody else's, which prints all it has
	secrets := []string{password, "r3fresh-t0ken", "b3arer-t0ken"}
	for _, c := range []regret.Credential{
		good, {Username: account, IdentityToken: "r3fresh-t0ken"}, {RegistryToken: "b3arer-t0ken"},
		{Username: account, Password: password, IdentityToken: "r3fresh-t0ken", RegistryToken: "b3arer-t0ken"},
	} {
		static := regret.StaticCredential(c)
		file := load(t, fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q,"identitytoken":%q,"registrytoken":%q}}}`,
			host, c.Username, c.Password, c.IdentityToken, c.RegistryToken))
		func1 := regret.CredentialFunc(func(context.Context, string, string) (regret.Credential, error) { return c, nil })
		client, err := regret.New(host, regret.WithCredentials(regret.FirstOf(static, file)))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{
			c, &c, (*regret.Credential)(nil), []regret.Credential{c}, []*regret.Credential{&c}, map[string]regret.Credential{"c": c}, struct{ C regret.Credential }{c},
			static, file, &static, []regret.CredentialSource{static, file}, struct{ S regret.CredentialSource }{file}, func1,
			regret.FirstOf(static, file, open{&asked{answers: []regret.Credential{c}}}),
			regret.ForRegistry(host, static), regret.ForRegistry(host, regret.FirstOf(file)), regret.FirstOf(regret.ForRegistry(host, file)),
			client, *client, regret.WithCredentials(static), []regret.Option{regret.WithCredentials(file), regret.WithBasicAuth(account, password)},
		} {
			for line := range strings.Lines(shown(v)) {
				wantSilence(t, fmt.Sprintf("a %T", v), line, secrets...)
			}
		}
	}
	for _, tt := range []struct{ got, want string }{
		{fmt.Sprint(regret.Credential{Username: "a", IdentityToken: "x"}), `"a" with an identity token`},
		{fmt.Sprint(regret.Credential{RegistryToken: "x"}), `"" with a registry token`},
		{fmt.Sprintf("%#v", regret.FirstOf(regret.StaticCredential(good))), "the first of 1 sources of credentials"},
		{fmt.Sprintf("%d", regret.ForRegistry("docker.io", nil)), "credentials for registry-1.docker.io"},
	} {
		if tt.got != tt.want {
			t.Errorf("printed %q, want %q", tt.got, tt.want)
		}
	}
}

// shown is a value in every way in which programs show values, but for %p and
// %w: fmt asks no method there, and go vet refuses both. Marshalling may fail, as
// it does for functions, and the error is shown then.
func shown(v any) string {
	var out bytes.Buffer
	for _, verb := range "vsqxXdtbcoOUeEfFgGTzZ" {
		for _, flag := range []string{"", "+", "#", "-", " ", "0", "20.3"} {
			fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", v)
		}
	}
	raw, err := json.Marshal(v)
	fmt.Fprintln(&out, string(raw), err)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).With("with", v).WithGroup("g").Info("x", "v", v, slog.Group("in", "v", v))
	}
	return out.String()
}

// bearerOnly accepts one token, and challenges as it is told to.
func bearerOnly(token, challenge string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer "+token {
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(401)
		}
	})
}

func TestRegistryToken(t *testing.T) {
	t.Parallel()
	for _, offer := range []string{`Bearer realm="` + realm + `"`, `Basic realm="x"`} {
		t.Run("it is sent as it is when the registry asks with "+offer[:6], func(t *testing.T) {
			t.Parallel()
			network := fakeregistry.NewNetwork()
			network.Handle(registryURL, bearerOnly("b3arer-t0ken", offer))
			c := newClient(t, network, regret.WithCredentials(load(t, `{"auths":{"`+host+`":{"registrytoken":"b3arer-t0ken"}}}`)), regret.WithTrustedRealm(authURL))
			wantErr(t, c.Ping(t.Context()))
			wantErr(t, c.Ping(t.Context()))
			if diff := cmp.Diff([]string{"GET registry 401", "GET registry 200", "GET registry 200"}, traffic(network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("one that is refused goes to nobody else and is not told", func(t *testing.T) {
		t.Parallel()
		network := fakeregistry.NewNetwork()
		network.Handle(registryURL, bearerOnly("another", `Bearer realm="`+realm+`"`))
		c := newClient(t, network, regret.WithCredentials(load(t, `{"auths":{"`+host+`":{"registrytoken":"b3arer-t0ken"}}}`)), regret.WithTrustedRealm(authURL))
		err := c.Untag(t.Context(), repo, "v1")
		wantErr(t, err, regret.ErrUnauthorized)
		wantDiscreet(t, err, "b3arer-t0ken")
		if diff := cmp.Diff([]string{"DELETE registry 401", "DELETE registry 401"}, traffic(network)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}
