//go:build !windows

package command_test

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// canary is a password that nothing may show, and the beginnings of its encodings.
const canary = "canary-8f3a61c0-secret"

// secretForms are what canary looks like in places where it could leak.
func secretForms() []string {
	basic := base64.StdEncoding.EncodeToString([]byte("me:" + canary))
	return []string{canary, basic, strings.TrimRight(basic, "="), base64.StdEncoding.EncodeToString([]byte(canary))}
}

// logins are the ways to give the command a password: the environment and stdin of a call, flags, and
// files in its folder.
func logins(t *testing.T, sh *shell, host string) map[string]login {
	t.Helper()
	auth := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, secretForms()[1])
	sh.write(t, "auth.json", auth)
	sh.write(t, ".docker/config.json", "{}")
	sh.write(t, "with-docker/config.json", auth)
	sh.write(t, "with-helper/config.json", fmt.Sprintf(`{"credHelpers":{%q:"canary"}}`, host))
	helper := sh.write(t, "bin/docker-credential-canary", `#!/bin/sh
tr '\0' ' ' </proc/$$/cmdline >>"$HOME/argv"
tr '\0' ' ' </proc/$PPID/cmdline >>"$HOME/argv"
echo '{"Username":"me","Secret":"`+canary+`"}'
`)
	if err := os.Chmod(helper, 0o700); err != nil {
		t.Fatal(err)
	}
	return map[string]login{
		"environment":        {env: []string{"REGRET_USERNAME=me", "REGRET_PASSWORD=" + canary, "REGRET_REGISTRY=" + host}},
		"stdin":              {env: []string{"REGRET_REGISTRY=" + host}, args: []string{"--username", "me", "--password-stdin"}, stdin: canary + "\n"},
		"auth file":          {args: []string{"--auth-file", "auth.json"}},
		"file of docker":     {env: []string{"DOCKER_CONFIG=" + filepath.Join(sh.folder, "with-docker")}},
		"DOCKER_AUTH_CONFIG": {env: []string{"DOCKER_AUTH_CONFIG=" + auth}},
		"helper":             {env: []string{"DOCKER_CONFIG=" + filepath.Join(sh.folder, "with-helper"), "PATH=" + filepath.Join(sh.folder, "bin") + ":" + os.Getenv("PATH")}},
	}
}

type login struct {
	env, args []string
	stdin     string
}

// run runs the command with a login.
func (l login) run(t *testing.T, sh *shell, args ...string) outcome {
	t.Helper()
	cmd := sh.with(l.env...).command(t, append(args, l.args...)...)
	cmd.Stdin = strings.NewReader(l.stdin)
	return finish(t, cmd)
}

// failures are what a registry can do to a request with credentials.
func failures() map[string]regrettest.Fault {
	echo := func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		sent := req.Header.Get("Authorization")
		if sent == "" {
			next.ServeHTTP(w, req)
			return
		}
		user, password, _ := req.BasicAuth()
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `{"errors":[{"code":"DENIED","message":"you sent %s, that is %s:%s"}]}`, sent, user, password)
	}
	return map[string]regrettest.Fault{
		"":                                nil,
		"echoes what it was sent":         echo,
		"redirects with credentials":      redirectTo("http://me:" + canary + "@127.0.0.1:1/?token=" + canary),
		"asks for them again":             regrettest.Respond(http.StatusUnauthorized, "UNAUTHORIZED", "wrong"),
		"drops the connection":            regrettest.LoseRequest(),
		"is out of order":                 regrettest.Respond(http.StatusInternalServerError, "UNKNOWN", "out of order"),
		"answers in what is no JSON":      func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { _, _ = w.Write([]byte("<html>")) },
		"challenges with a foreign realm": challenge("Bearer realm=\"http://127.0.0.1:1/token?password=" + canary + "\",service=\"x\""),
	}
}

func redirectTo(url string) regrettest.Fault {
	return func(w http.ResponseWriter, req *http.Request, _ http.Handler) {
		http.Redirect(w, req, url, http.StatusTemporaryRedirect)
	}
}

func challenge(text string) regrettest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("WWW-Authenticate", text)
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// TestNoSecretIsShown runs every command with every way to log in, with -v and in JSON, with
// registries that work and that fail, and looks for the password in all that is left.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	for _, auth := range []string{"basic", "token"} {
		for failure, fault := range failures() {
			t.Run(auth+" "+failure, func(t *testing.T) {
				t.Parallel()
				option := regrettest.WithBasicAuth("me", canary)
				if auth == "token" {
					option = regrettest.WithTokenAuth("me", canary)
				}
				fake, s := onFake(t, "spec", option)
				fake.PutImage(app, regrettest.Image{}, "1.0", "1.1")
				sh := newShell(t)
				sh.write(t, "policy.json", allPullRequests)
				for name, l := range logins(t, sh, s.host) {
					if fault != nil && name != "helper" {
						continue // where they come from makes no difference any more
					}
					tag := "pr-" + strings.ReplaceAll(name, " ", "-")
					fake.PutImage(app, regrettest.Image{Layers: []string{tag}}, tag)
					if fault != nil {
						fake.Inject(0, "", "/v2/"+app+"/*", fault)
					}
					l.wantNoSecret(t, fake, sh, s, name, fault == nil)
					fake.Inject(0, "", "/v2/"+app+"/*", nil)
				}
				wantNoSecretIn(t, sh.folder)
			})
		}
	}
}

// wantNoSecret runs commands and looks at what they print.
func (l login) wantNoSecret(t *testing.T, fake *regrettest.Registry, sh *shell, s *site, name string, works bool) {
	t.Helper()
	timeout := "1m"
	if !works {
		timeout = "500ms"
	}
	for _, args := range [][]string{
		{"resolve", s.name() + ":1.0", "-v"},
		{"ls", s.name(), "--digests", "-v", "--log-format", "json"},
		{"plan", s.name(), "-p", "policy.json", "--out", name + ".json", "-v"},
		{"apply", "-p", "policy.json", s.name(), "--yes", "--archive", "undo " + name, "--report", "report " + name, "-v", "--verify"},
	} {
		got := l.run(t, sh, append(args, "--timeout", timeout)...)
		if works != (got.code == 0) {
			t.Errorf("%s: regret %s: the code is %d: %s", name, strings.Join(args, " "), got.code, got.stderr)
		}
		for _, secret := range append(secretForms(), sent(fake)...) {
			if strings.Contains(got.stdout+got.stderr, secret) {
				t.Errorf("%s: regret %s shows %s:\n%s%s", name, strings.Join(args, " "), secret, got.stdout, got.stderr)
			}
		}
	}
}

// sent returns all credentials and tokens that the registry was sent.
func sent(fake *regrettest.Registry) (secrets []string) {
	for _, request := range fake.Requests() {
		if _, secret, ok := strings.Cut(request.Header.Get("Authorization"), " "); ok {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

// wantNoSecretIn looks at all files that commands have written, and at the command lines that the
// helper has seen.
func wantNoSecretIn(t *testing.T, folder string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(folder, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "bin" || name == "with-docker" || name == "with-helper"):
			return fs.SkipDir
		case entry.IsDir() || name == "auth.json":
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, secret := range secretForms() {
			if strings.Contains(string(content), secret) {
				t.Errorf("%s has the password", name)
			}
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
}
