package credentials_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

func TestFirstOf(t *testing.T) {
	t.Parallel()
	first := credentials.Credential{Username: "first", Password: "p"}
	second := credentials.Credential{Username: "second", Password: "p"}
	broken := errors.New("the vault is sealed")
	tests := []struct {
		name    string
		sources []*recorder
		want    credentials.Credential
		wantErr error
		calls   []int // of each source
	}{
		{"the first source with a credential decides, and the rest are not asked", []*recorder{{cred: first}, {cred: second}}, first, nil, []int{1, 0}},
		{"an anonymous source is passed over", []*recorder{{}, {cred: second}}, second, nil, []int{1, 1}},
		{"an error ends the search", []*recorder{{err: broken}, {cred: second}}, credentials.Credential{}, broken, []int{1, 0}},
		{"a source that would fail is not asked after the decision", []*recorder{{cred: first}, {err: broken}}, first, nil, []int{1, 0}},
		{"only anonymous sources are anonymous together", []*recorder{{}, {}}, credentials.Credential{}, nil, []int{1, 1}},
		{"no source at all is anonymous", nil, credentials.Credential{}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sources []credentials.Source
			for _, source := range tt.sources {
				sources = append(sources, source)
			}
			got, err := credentials.FirstOf(sources...).Credential(t.Context(), host, repo)
			if got != tt.want || !errors.Is(err, tt.wantErr) {
				t.Errorf("%v and %v, want %v and %v", got, err, tt.want, tt.wantErr)
			}
			for i, source := range tt.sources {
				if len(source.calls) != tt.calls[i] || tt.calls[i] > 0 && source.calls[0] != host+" "+repo {
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
		{host, host + ":443", true},
		{"docker.io", "registry-1.docker.io:443", true},
		{"http://" + host + ":80", host, true},
		{host + ":5000", host + ":5000", true},
		{"docker.io", hub, true},
		{"https://index.docker.io/v1/", hub, true},
		{"localhost:5000", "localhost:5000", true},
		{host, host + ":5000", false},
		{host, "x." + host, false},
		{host, hub, false},
		{"https://" + host + "/team", host, false},
		{"", host, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("a source for %q is asked for %s: %t", tt.named, tt.registry, tt.want), func(t *testing.T) {
			t.Parallel()
			inner := &recorder{cred: good}
			got, err := credentials.ForRegistry(tt.named, inner).Credential(t.Context(), tt.registry, repo)
			if err != nil || (got == good) != tt.want || (len(inner.calls) == 1) != tt.want {
				t.Errorf("%v and %v after %d calls", got, err, len(inner.calls))
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const secret = "c4n4ry"
	var function credentials.Func
	bad := credentials.Static(credentials.Credential{Username: "a:b", Password: secret})
	fine := credentials.Static(good)
	tests := []struct {
		name   string
		source credentials.Source
		want   []string
	}{
		{"a nil source", nil, []string{"the source is nil"}},
		{"a nil function", function, []string{"the function is nil"}},
		{"a nil source among several", credentials.FirstOf(fine, nil), []string{"the source is nil"}},
		{"a nil source for one registry", credentials.ForRegistry(host, nil), []string{"the source is nil"}},
		{"a registry with a path", credentials.ForRegistry("gcr.io/project", fine), []string{"the registry of ForRegistry"}},
		{"a registry with a password", credentials.ForRegistry("https://ann:hunter2@host", fine), []string{"the registry of ForRegistry"}},
		{"each of several bad sources", credentials.FirstOf(credentials.ForRegistry("x", bad), function),
			[]string{"the user name contains a colon", "the function is nil"}},
		{"a registry token with a space", credentials.Static(credentials.Credential{RegistryToken: secret + " " + secret}),
			[]string{"a token has characters"}},
		{"an identity token of two lines", credentials.Static(credentials.Credential{IdentityToken: secret + "\n" + secret}),
			[]string{"a token has characters"}},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is an error", func(t *testing.T) {
			t.Parallel()
			err := credentials.Check(tt.source)
			wantText(t, err, append(tt.want, "credentials: ")...)
			wantNoSecretInError(t, err, secret)
		})
	}
	for _, source := range []credentials.Source{
		fine, credentials.FirstOf(), credentials.ForRegistry(host, fine), load(t, "{}"), &recorder{},
		credentials.Static(credentials.Credential{}),
	} {
		if err := credentials.Check(source); err != nil {
			t.Errorf("%v is an error: %v", source, err)
		}
	}
}

func TestSourcesAreRedacted(t *testing.T) {
	t.Parallel()
	type foreign struct{ *recorder } // a source of another package, which prints everything it has
	const identity, bearer = "r3fresh-t0ken", "b3arer-t0ken"
	for _, c := range []credentials.Credential{
		good, {Username: account, IdentityToken: identity}, {RegistryToken: bearer},
		{Username: account, Password: password, IdentityToken: identity, RegistryToken: bearer},
	} {
		static := credentials.Static(c)
		file := load(t, authsFor(host, fmt.Sprintf(`{"username":%q,"password":%q,"identitytoken":%q,"registrytoken":%q}`,
			c.Username, c.Password, c.IdentityToken, c.RegistryToken)))
		function := credentials.Func(func(context.Context, string, string) (credentials.Credential, error) { return c, nil })
		for _, v := range []any{
			c, &c, (*credentials.Credential)(nil), []credentials.Credential{c}, []*credentials.Credential{&c},
			map[string]credentials.Credential{"c": c}, struct{ C credentials.Credential }{c},
			static, file, &static, []credentials.Source{static, file}, struct{ S credentials.Source }{file}, function,
			credentials.FirstOf(static, file, foreign{&recorder{cred: c}}),
			credentials.ForRegistry(host, static), credentials.ForRegistry(host, credentials.FirstOf(file)),
			credentials.FirstOf(credentials.ForRegistry(host, file)),
		} {
			for line := range strings.Lines(printedForms(v)) {
				wantNoSecret(t, fmt.Sprintf("a %T", v), line, password, identity, bearer)
			}
		}
	}
	for _, tt := range []struct{ got, want string }{
		{fmt.Sprintf("%#v", credentials.FirstOf(credentials.Static(good))), "the first of 1 sources of credentials"},
		{fmt.Sprint(credentials.ForRegistry("https://ann:hunter2@host", nil)), "credentials for …@host"},
		{fmt.Sprintf("%d", credentials.ForRegistry("docker.io", nil)), "credentials for " + hub},
	} {
		if tt.got != tt.want {
			t.Errorf("printed %q, want %q", tt.got, tt.want)
		}
	}
}
