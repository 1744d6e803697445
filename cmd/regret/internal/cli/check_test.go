package cli

import (
	"regexp"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		opts []fakeregistry.Option
		args string
		code exit.Code
	}{
		{"all", nil, "check HOST/team/app", exit.Done},
		{"distribution", []fakeregistry.Option{fakeregistry.WithDistribution2()}, "check HOST/team/app", exit.Done},
		{"disabled", []fakeregistry.Option{fakeregistry.WithDeleteDisabled()}, "check HOST/team/app", exit.NotAllowed},
		{"login", []fakeregistry.Option{fakeregistry.WithBasicAuth("ann", secret)}, "check HOST/team/app", exit.NotAllowed},
		{"missing", nil, "check HOST/team/nope", exit.NotFound},
		{"registry", nil, "check -R HOST", exit.Done},
		{"registry-login", []fakeregistry.Option{fakeregistry.WithBasicAuth("ann", secret)}, "check -R HOST", exit.NotAllowed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(test.opts...)
			image := reg.PutImage("team/app", "hello", "1.0")
			host := serve(t, reg)
			args := strings.Fields(strings.ReplaceAll(test.args, "HOST", host))
			got := run(t, args...)
			got.checkCode(t, test.code)
			out := regexp.MustCompile(`/\S+/auth\.json`).ReplaceAllString(got.out+got.errors, "auth.json")
			checkGolden(t, "check/"+test.name+".txt", out, host, shownHost)
			got = run(t, append(args, "-o", "json")...)
			got.checkCode(t, test.code)
			if test.code != exit.NotFound {
				checkSchema(t, got.out)
			}
			if !reg.HasManifest("team/app", image.Digest) || len(reg.Tags("team/app")) != 1 {
				t.Error("something was deleted")
			}
		})
	}
}

func TestCheckOfARegistryThatIsDown(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Hang())
	got := run(t, "check", "-R", serve(t, reg), "--timeout", "50ms")
	got.checkCode(t, exit.Failed)
}
