package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// secret is a password that must be nowhere but in an Authorization header.
const secret = "canary-9f2b"

// authorized returns a registry that wants the login ann, with an image app:1.
func authorized(t *testing.T) (reg *fakeregistry.Registry, host string) {
	t.Helper()
	reg = fakeregistry.New(fakeregistry.WithBasicAuth("ann", secret))
	reg.PutImage("app", "hello", "1")
	return reg, serve(t, reg)
}

func TestLogins(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		stdin  string
		env    map[string]string // HOST stands for the registry
		auth   string            // the file of logins; empty: none
		flags  []string
		code   exit.Code
		stderr string
	}{
		{"--username with --password-stdin", secret + "\n", nil, "", []string{"--username", "ann", "--password-stdin"}, exit.Done, ""},
		{"a password with the line end of Windows", secret + "\r\n", nil, "", []string{"--username", "ann", "--password-stdin"}, exit.Done, ""},
		{"the environment, for its host", "", map[string]string{"REGRET_USERNAME": "ann", "REGRET_PASSWORD": secret, "REGRET_REGISTRY": "HOST"}, "", nil, exit.Done, ""},
		{"a file of logins", "", nil, `{"auths":{"HOST":{"username":"ann","password":"` + secret + `"}}}`, nil, exit.Done, ""},
		{"the environment, for another host", "", map[string]string{"REGRET_USERNAME": "ann", "REGRET_PASSWORD": secret, "REGRET_REGISTRY": "other.example.com"}, "", nil, exit.NotAllowed, "authentication required"},
		{"the environment, without a host", "", map[string]string{"REGRET_USERNAME": "ann", "REGRET_PASSWORD": secret}, "", nil, exit.Usage, "need REGRET_REGISTRY"},
		{"the environment, without a password", "", map[string]string{"REGRET_USERNAME": "ann", "REGRET_REGISTRY": "HOST"}, "", nil, exit.Usage, "belong together"},
		{"a wrong password", "wrong-" + secret, nil, "", []string{"--username", "ann", "--password-stdin"}, exit.NotAllowed, "authentication required"},
		{"no login", "", nil, "", nil, exit.NotAllowed, "authentication required"},
		{"--username alone", "", nil, "", []string{"--username", "ann"}, exit.Usage, "no secret is an argument"},
		{"--password-stdin alone", secret, nil, "", []string{"--password-stdin"}, exit.Usage, "needs --username"},
		{"an empty stdin", "", nil, "", []string{"--username", "ann", "--password-stdin"}, exit.Usage, "no password"},
		{"a password of two lines", secret + "\nmore", nil, "", []string{"--username", "ann", "--password-stdin"}, exit.Usage, "more than one line"},
		{"a user name with a colon", secret, nil, "", []string{"--username", "a:b", "--password-stdin"}, exit.Usage, "colon"},
		{"a file of logins that is malformed", "", nil, `{"auths":`, nil, exit.NotAllowed, "auth.json"},
		{"a file of logins that is not there", "", map[string]string{"REGRET_AUTH_FILE": "missing.json"}, "", nil, exit.NotAllowed, "missing.json"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg, host := authorized(t)
			env := map[string]string{}
			for name, value := range test.env {
				env[name] = strings.ReplaceAll(value, "HOST", host)
			}
			if test.auth != "" {
				env["REGRET_AUTH_FILE"] = writeFile(t, "auth.json", strings.ReplaceAll(test.auth, "HOST", host))
			}
			got := process{stdin: test.stdin, env: env}.run(t, append([]string{"resolve", host + "/app:1", "-v"}, test.flags...)...)
			got.checkCode(t, test.code)
			if !strings.Contains(got.errors, test.stderr) {
				t.Errorf("stderr has no %q:\n%s", test.stderr, got.errors)
			}
			if strings.Contains(got.out+got.errors, secret) {
				t.Errorf("the password was printed:\n%s%s", got.out, got.errors)
			}
			if test.code == exit.Usage && len(reg.Requests()) > 0 {
				t.Errorf("requests were sent: %v", reg.Requests())
			}
		})
	}
}

func TestALoginIsForOneRegistry(t *testing.T) {
	t.Parallel()
	first, host := authorized(t)
	second, other := authorized(t)
	got := process{stdin: secret}.run(t, "resolve", host+"/app:1", other+"/app:1", "--username", "ann", "--password-stdin")
	got.checkCode(t, exit.Usage)
	checkNoRequests(t, first)
	checkNoRequests(t, second)
}

func TestALoginIsShownToItsHostOnly(t *testing.T) {
	t.Parallel()
	_, host := authorized(t)
	second, other := authorized(t)
	env := map[string]string{"REGRET_USERNAME": "ann", "REGRET_PASSWORD": secret, "REGRET_REGISTRY": host}
	got := process{env: env}.run(t, "resolve", host+"/app:1", other+"/app:1")
	got.checkCode(t, exit.Partial)
	for _, req := range second.Requests() {
		if req.Header.Get("Authorization") != "" {
			t.Errorf("the other registry got a credential with %s", req)
		}
	}
}

// A plan and an archive may come from somebody else, who would like to see a password.
func TestAFileDoesNotChooseWhoGetsAPassword(t *testing.T) {
	t.Parallel()
	reg := newStock()
	host, undo := serve(t, reg), folder(t)
	path := planFile(t, host, reg, removesPullRequests)
	dgst := string(digestOfFile(t, path))
	run(t, "apply", path, "--archive", undo).checkCode(t, exit.Done)
	for name, test := range map[string]struct {
		args     []string
		registry string // that may see it
		want     exit.Code
	}{
		"a plan":                          {[]string{"apply", path, "--archive", folder(t)}, "", exit.Usage},
		"a plan for another registry":     {[]string{"apply", path, "--archive", folder(t)}, "registry.example.com", exit.Usage},
		"a plan for that registry":        {[]string{"apply", path, "--archive", folder(t)}, host, exit.Done},
		"a plan that was reviewed":        {[]string{"apply", path, "--expect", dgst, "--archive", folder(t)}, "", exit.Done},
		"an archive":                      {[]string{"restore", undo, "-n"}, "", exit.Usage},
		"an archive for another registry": {[]string{"restore", undo, "-n"}, "registry.example.com", exit.Usage},
		"an archive for that registry":    {[]string{"restore", undo, "-n"}, host, exit.Done},
	} {
		t.Run(name, func(t *testing.T) {
			reg.ResetLog()
			p := process{stdin: secret, env: map[string]string{"REGRET_REGISTRY": test.registry}}
			got := p.run(t, append(test.args, "--username", "ann", "--password-stdin")...)
			got.checkCode(t, test.want)
			if test.want == exit.Usage {
				checkNoRequests(t, reg)
			}
			if says := strings.Contains(got.errors, "REGRET_REGISTRY="+host); says != (test.want == exit.Usage) {
				t.Error(got.errors)
			}
		})
	}
}

func TestStdinIsEitherAPasswordOrArguments(t *testing.T) {
	t.Parallel()
	got := process{stdin: secret}.run(t, "resolve", "-", "--username", "ann", "--password-stdin")
	got.checkCode(t, exit.Usage)
}

func TestArgumentsFromStdin(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.PutImage("app", "hello", "1", "2")
	host := serve(t, reg)
	got := process{stdin: host + "/app:1\n\n" + host + "/app:2\r\n"}.run(t, "resolve", "-", "--format", "{{.Reference}}")
	got.checkCode(t, exit.Done)
	if diff := cmp.Diff(host+"/app:1\n"+host+"/app:2\n", got.out); diff != "" {
		t.Error(diff)
	}
}
