package cli

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestUntag(t *testing.T) {
	t.Parallel()
	old := []fakeregistry.Option{fakeregistry.WithoutTagDelete()}
	for name, test := range map[string]struct {
		options []fakeregistry.Option
		args    []string
		want    exit.Code
		says    string // on stdout or stderr
		gone    []string
	}{
		"one tag of an image":               {nil, []string{"APP:pr-1"}, exit.Done, "APP:pr-1\tuntagged\tsha256:", []string{"pr-1"}},
		"several tags":                      {nil, []string{"APP:pr-1", "APP:pr-2", "APP:pr-1"}, exit.Done, "APP:pr-2\tuntagged", []string{"pr-1", "pr-2"}},
		"a tag that is not there":           {nil, []string{"APP:none"}, exit.NotFound, "not found", nil},
		"one that is there and one not":     {nil, []string{"APP:none", "APP:pr-2"}, exit.Partial, "not found", []string{"pr-2"}},
		"--ignore-missing":                  {nil, []string{"APP:none", "--ignore-missing"}, exit.Done, "APP:none\tnot found", nil},
		"a registry that cannot":            {old, []string{"APP:pr-1"}, exit.NotAllowed, "regret untag --by-overwrite APP:pr-1", nil},
		"--by-overwrite where it cannot":    {old, []string{"APP:pr-1", "--by-overwrite"}, exit.Done, "untagged", []string{"pr-1"}},
		"--by-overwrite where it can":       {nil, []string{"APP:pr-1", "--by-overwrite"}, exit.Done, "untagged", []string{"pr-1"}},
		"a dry run":                         {nil, []string{"APP:pr-1", "-n"}, exit.Done, "APP:pr-1\twould be untagged\tsha256:", nil},
		"a dry run of what is not there":    {nil, []string{"APP:none", "-n"}, exit.NotFound, "not found", nil},
		"a digest is not a tag":             {nil, []string{"APP@sha256:" + strings.Repeat("0", 64)}, exit.Usage, "use rm", nil},
		"a missing tag is not taken latest": {nil, []string{"APP"}, exit.Usage, "neither a tag nor a digest", nil},
		"names for other commands":          {nil, []string{"APP:pr-2", "-o", "name"}, exit.Done, "APP:pr-2\n", []string{"pr-2"}},
		"json":                              {nil, []string{"APP:pr-2", "-o", "json"}, exit.Done, `{"regret":"untagged/1"`, []string{"pr-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newStock(test.options...)
			app := serve(t, reg) + "/team/app"
			before, one := tagsOf(reg), must(reg.Tag(stocked, "pr-1"))
			args := []string{"untag"}
			for _, arg := range test.args {
				args = append(args, strings.ReplaceAll(arg, "APP", app))
			}
			got := run(t, args...)
			got.checkCode(t, test.want)
			if !strings.Contains(got.out+got.errors, strings.ReplaceAll(test.says, "APP", app)) {
				t.Errorf("it does not say %q:\n%s%s", test.says, got.out, got.errors)
			}
			left := slices.DeleteFunc(before, func(tag string) bool { return slices.Contains(test.gone, tag) })
			if diff := cmp.Diff(left, tagsOf(reg)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if !reg.HasManifest(stocked, one) {
				t.Error("the image is gone")
			}
			if test.want == exit.Usage {
				checkNoRequests(t, reg)
			}
		})
	}
}

func TestUntagSettlesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	reg := newStock()
	app := serve(t, reg) + "/team/app"
	ctx, cancel := context.WithCancelCause(t.Context())
	reg.BeforeEach(func(req *http.Request) {
		if req.Method == http.MethodDelete {
			cancel(&terminal.Interrupted{Signal: syscall.SIGTERM})
		}
	})
	got := process{}.runContext(ctx, t, "untag", app+":pr-1", app+":pr-2")
	got.checkCode(t, exit.Interrupted)
	if !strings.HasPrefix(got.out, app+":pr-1\tuntagged\t") || !strings.Contains(got.errors, "1 of 2 tags were looked at. Go on: ") {
		t.Errorf("%s%s", got.out, got.errors)
	}
	if diff := cmp.Diff([]string{"latest", "pr-1-again", "pr-2", "pr-3", "stable"}, tagsOf(reg)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestUntagByOverwriteThatFailsHalfWay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		puts int // of the tag that are accepted
		want exit.Code
	}{
		"nothing is overwritten":    {0, exit.NotAllowed},
		"the tag is lost":           {1, exit.Unknown},
		"it is taken back entirely": {2, exit.NotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newStock(fakeregistry.WithoutTagDelete())
			ref := serve(t, reg) + "/team/app:pr-2"
			before, puts := must(reg.Tag(stocked, "pr-2")), 0
			denied := fakeregistry.Errors(http.StatusForbidden, "DENIED", "no")
			reg.Intercept(0, fakeregistry.On(http.MethodPut, "/v2/team/app/manifests/pr-2"), func(w http.ResponseWriter, req *http.Request) bool {
				puts++
				return puts > test.puts && denied(w, req)
			})
			reg.Intercept(0, fakeregistry.On(http.MethodDelete, "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
				return puts > 0 && denied(w, req) // before, it only asks whether it may
			})
			run(t, "untag", ref, "--by-overwrite").checkCode(t, test.want)
			if isLost := must(reg.Tag(stocked, "pr-2")) != before; isLost != (test.want == exit.Unknown) {
				t.Errorf("the tag is lost: %v", isLost)
			}
		})
	}
}
