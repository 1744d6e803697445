package credentials_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

// explaining is a source of another package that explains itself.
type explaining struct {
	recorder
	text string
}

func (e *explaining) Explain(registry, repository string) string {
	return fmt.Sprintf(e.text, registry, repository)
}

func TestReportK13ExplainsWhatAFileHas(t *testing.T) {
	t.Parallel()
	many := make([]string, 8)
	for i := range many {
		many[i] = fmt.Sprintf(`"r%d.example.com":%s`, i, user)
	}
	tests := []struct{ name, registry, repository, content, want string }{
		{"the host with another port", host, repo, authsFor(host+":5000", user), "FILE has no entry and no helper for registry.example.com, only for registry.example.com:5000"},
		{"nothing", host, repo, `{}`, "FILE has no entry and no helper for registry.example.com, nor for any other registry"},
		{"several hosts", host, "", `{"auths":{"https://index.docker.io/v1/":` + user + `,"ghcr.io":` + user + `},"credHelpers":{"gcr.io":"gcloud"}}`,
			"FILE has no entry and no helper for registry.example.com, only for gcr.io, ghcr.io and registry-1.docker.io"},
		{"eight hosts, five of which it names", host, repo, `{"auths":{` + strings.Join(many, ",") + `}}`,
			"FILE has no entry and no helper for registry.example.com, only for r0.example.com, r1.example.com, r2.example.com, r3.example.com, r4.example.com and 3 more"},
		{"the host", host + ":443", repo, authsFor("https://"+host+"/v1/", user), "FILE has an entry for registry.example.com"},
		{"the namespace", host, repo, authsFor(host+"/team", user), "FILE has an entry for registry.example.com/team"},
		{"another namespace", host, repo, authsFor(host+"/other", user), "FILE has no entry and no helper for registry.example.com, only for other repositories of registry.example.com"},
		{"a store that does not exist", host, repo, `{"credsStore":"desktop"}`, "FILE names the helper docker-credential-desktop for registry.example.com"},
		{"a store and an entry", host, repo, `{"credsStore":"desktop","auths":{"` + host + `":` + user + `}}`,
			"FILE names the helper docker-credential-desktop for registry.example.com and has an entry for registry.example.com"},
		{"a store and an empty entry", host, repo, `{"credsStore":"desktop","auths":{"` + host + `":{}}}`, "FILE names the helper docker-credential-desktop for registry.example.com"},
		{"an empty entry", host, repo, authsFor(host, `{}`), "FILE has an entry without credentials for registry.example.com"},
		{"a malformed entry", host, repo, authsFor(host, `{"auth":"!`+fileSecret+`"}`), "FILE has a malformed entry for registry.example.com"},
		{"a malformed name of a helper", host, repo, `{"credHelpers":{"` + host + `":"../` + fileSecret + `"}}`, "FILE has a malformed name of a helper for registry.example.com"},
		{"keys that are not hosts", host, repo, `{"auths":{"https://ann:` + fileSecret + `@example.com":` + user + `,"` + fileSecret + `!":` + user + `}}`,
			"FILE has no entry and no helper for registry.example.com, nor for any other registry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := writeConfig(t, tt.content)
			source, err := credentials.LoadDockerConfig(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil { // no file is read again
				t.Fatal(err)
			}
			wantExplanation(t, source, tt.registry, tt.repository, strings.ReplaceAll(tt.want, "FILE", path))
		})
	}
	t.Run("several files", func(t *testing.T) {
		t.Parallel()
		a, b, c := writeConfig(t, authsFor("a.example.com", user)), writeConfig(t, authsFor("b.example.com", user)), writeConfig(t, "{}")
		source, err := credentials.LoadDockerConfig(a, b, c)
		if err != nil {
			t.Fatal(err)
		}
		wantExplanation(t, source, host, repo, fmt.Sprintf("neither %s, %s nor %s has an entry or a helper for %s, only for a.example.com and b.example.com", a, b, c, host))
		wantExplanation(t, source, "b.example.com", repo, b+" has an entry for b.example.com")
	})
}

func TestReportK13ExplainsMissingFiles(t *testing.T) {
	dir := setEnvironment(t, map[string]string{"XDG_RUNTIME_DIR": "%"})
	source, err := credentials.LoadDockerConfigOn("linux", filepath.Join(dir, "run"), 0, filepath.Join(dir, "home"))
	if err != nil {
		t.Fatal(err)
	}
	wantExplanation(t, source, host, repo, strings.ReplaceAll("no file with credentials was found: neither %/containers/auth.json, "+
		"%/home/.config/containers/auth.json, %/home/.docker/config.json nor %/home/.dockercfg exists", "%", dir))
	source, err = credentials.LoadDockerConfigOn("darwin", "", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	wantExplanation(t, source, host, repo, "no file with credentials was found")
	t.Setenv("DOCKER_AUTH_CONFIG", "{}")
	if source, err = credentials.LoadDockerConfigOn("darwin", "", 0, ""); err != nil {
		t.Fatal(err)
	}
	wantExplanation(t, source, host, repo, "$DOCKER_AUTH_CONFIG has no entry and no helper for registry.example.com, nor for any other registry")
}

func TestReportK13ExplainsOtherSources(t *testing.T) {
	t.Parallel()
	const generic = "the source of credentials does not say for which registries it has any"
	static := credentials.Static(good)
	function := credentials.Func(func(context.Context, string, string) (credentials.Credential, error) { return good, nil })
	own := &explaining{text: "the vault has nothing for %s/%s"}
	for _, tt := range []struct {
		name   string
		source credentials.Source
		want   string
	}{
		{"a function", function, generic},
		{"a source that does not explain itself", &recorder{}, generic},
		{"a nil source", nil, "there is no source of credentials"},
		{"a source that explains itself", own, "the vault has nothing for registry.example.com/team/app"},
		{"a long explanation with control characters", &explaining{text: "a\n\x1b[31m%s %s" + strings.Repeat("x", 4<<10)}, ""},
		{"a static credential", static, "the same credentials are used for every registry"},
		{"a static credential that is anonymous", credentials.Static(credentials.Credential{}), "the source of credentials has none"},
		{"a source for this registry", credentials.ForRegistry(host, own), "the vault has nothing for registry.example.com/team/app"},
		{"a source for another registry", credentials.ForRegistry("docker.io", static), "the credentials are for registry-1.docker.io only, not for registry.example.com"},
		{"several sources", credentials.FirstOf(credentials.ForRegistry("ghcr.io", static), own),
			"the credentials are for ghcr.io only, not for registry.example.com; the vault has nothing for registry.example.com/team/app"},
		{"no sources", credentials.FirstOf(), "there is no source of credentials"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := credentials.Explain(tt.source, host, repo)
			if len(got) > 1<<10 || strings.ContainsAny(got, "\n\x1b") {
				t.Errorf("the explanation has %d bytes: %q", len(got), got)
			}
			if tt.want != "" {
				wantExplanation(t, tt.source, host, repo, tt.want)
			}
		})
	}
	if len(own.calls) > 0 {
		t.Errorf("the source was asked for credentials: %q", own.calls)
	}
}

// wantExplanation wants an explanation without the user names and secrets of these tests.
func wantExplanation(t *testing.T, source credentials.Source, registry, repository, want string) {
	t.Helper()
	got := credentials.Explain(source, registry, repository)
	if got != want {
		t.Errorf("explained:\n%s\nwant:\n%s", got, want)
	}
	wantNoSecret(t, "the explanation", got, password, fileSecret)
	if strings.Contains(got, "ann") {
		t.Errorf("the explanation has a user name: %s", got)
	}
}
