package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestFlagsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		args   string
		env    map[string]string
		stderr string
	}{
		{"an unknown command", "reslve x", nil, "did you mean resolve?"},
		{"help about an unknown command", "help reslve", nil, "there is no command"},
		{"an unknown flag", "resolve HOST/app:1 --nope", nil, "unknown flag"},
		{"an unknown format", "resolve HOST/app:1 -o xml", nil, "-o is table, json, jsonl, name here"},
		{"a format that another command has", "resolve HOST/app:1 -o html", nil, "-o is"},
		{"a format where there is none", "man -o json", nil, "-o is"},
		{"a template and a format", "resolve HOST/app:1 -o json --format x", nil, "contradict"},
		{"a template that does not parse", "resolve HOST/app:1 --format {{", nil, "--format"},
		{"no request at once", "resolve HOST/app:1 -j 0", nil, "at least 1"},
		{"a negative rate", "resolve HOST/app:1 --rate -1", nil, "negative"},
		{"a negative rate of writes", "resolve HOST/app:1 --write-rate -1", nil, "negative"},
		{"a rate that is no number", "resolve HOST/app:1 --rate NaN", nil, "rate"},
		{"a negative time", "resolve HOST/app:1 --timeout -1s", nil, "negative"},
		{"a time without a unit", "resolve HOST/app:1 --timeout 5", nil, "--timeout"},
		{"quiet and verbose", "resolve HOST/app:1 -q -v", nil, "contradict"},
		{"an unknown format of logs", "resolve HOST/app:1 --log-format xml", nil, "text or json"},
		{"an unknown mode of colour", "resolve HOST/app:1 --color red", nil, "auto, always or never"},
		{"a certificate without its key", "resolve HOST/app:1 --cert x", nil, "belong together"},
		{"certificates without TLS", "resolve HOST/app:1 --plain-http --ca-file x", nil, "contradict"},
		{"a file of certificates that is not there", "resolve HOST/app:1 --ca-file missing.pem", nil, "missing.pem"},
		{"a token service that is no origin", "resolve HOST/app:1 --trust-realm auth.example.com", nil, "WithTrustedRealm"},
		{"a wrong value in the environment", "resolve HOST/app:1", map[string]string{"REGRET_CONCURRENCY": "x"}, "REGRET_CONCURRENCY"},
		{"a wrong format in the environment", "resolve HOST/app:1", map[string]string{"REGRET_OUTPUT": "xml"}, "-o is"},
		{"no reference", "resolve", nil, "needs a reference"},
		{"a malformed reference", "resolve HOST/App:1", nil, "App"},
		{"a reference with a scheme", "resolve docker://HOST/app:1", nil, "docker"},
		{"a tag where a repository is due", "ls HOST/app:1", nil, "without its tag"},
		{"an argument where none is due", "version x", nil, "takes no arguments"},
		{"--shard without -R", "ls HOST/app --shard 0/2", nil, "needs -R"},
		{"a glob that is none", "ls HOST/app --match [", nil, "no glob"},
		{"two registries", "ls -R HOST HOST", nil, "one repository"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			args := strings.Fields(strings.ReplaceAll(test.args, "HOST", serve(t, reg)))
			got := process{env: test.env}.run(t, args...)
			got.checkCode(t, exit.Usage)
			checkNoRequests(t, reg)
			if !strings.Contains(got.errors, test.stderr) {
				t.Errorf("stderr has no %q:\n%s", test.stderr, got.errors)
			}
			if got.out != "" {
				t.Errorf("stdout has %q", got.out)
			}
		})
	}
}

func TestFlagsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.PutImage("app", "hello", "1")
	host := serve(t, reg)
	env := map[string]string{"REGRET_OUTPUT": "name"}
	if got := (process{env: env}).run(t, "ls", host+"/app"); got.out != host+"/app:1\n" {
		t.Errorf("got %q", got.out)
	}
	if got := (process{env: env}).run(t, "ls", host+"/app", "-o", "jsonl"); !strings.HasPrefix(got.out, "{") {
		t.Errorf("the command line does not come first: %q", got.out)
	}
}

// TestConsentIsNotFromTheEnvironment looks at every flag of every command: one that allows something
// must be in the list, and must not be set by a variable.
func TestConsentIsNotFromTheEnvironment(t *testing.T) {
	t.Parallel()
	allows := map[string]bool{
		"yes": true, "with-tags": true, "by-overwrite": true, "move": true, "manifest-only": true,
		"registry": true, "username": true, "password-stdin": true, "help": true,
	}
	a := &app{streams: terminal.New(terminal.Options{}), lookupEnv: func(string) (string, bool) { return "", false }}
	visit(a.newRoot(), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if cmd.CommandPath() == "regret apply" && f.Name == "policy" {
				return // with it arguments are repositories, which must not depend on the environment
			}
			if _, no := f.Annotations[notFromEnv]; no != allows[f.Name] && f.Name != "help" {
				t.Errorf("%s --%s: from the environment %v, want %v", cmd.CommandPath(), f.Name, !no, !allows[f.Name])
			}
		})
	})
}

func TestEveryCommandHasExamplesFirst(t *testing.T) {
	t.Parallel()
	a := &app{streams: terminal.New(terminal.Options{}), lookupEnv: func(string) (string, bool) { return "", false }}
	visit(a.newRoot(), func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "completion" || cmd.HasParent() && cmd.Parent().Name() == "completion" {
			return
		}
		if !strings.HasPrefix(cmd.Example, "  regret ") {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	})
}

// visit calls fn for a command and those below it.
func visit(cmd *cobra.Command, fn func(*cobra.Command)) {
	fn(cmd)
	for _, c := range cmd.Commands() {
		visit(c, fn)
	}
}
