package cli

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// inUsePolicy holds what two lists name, the files of which are beside it.
const inUsePolicy = `{"version": 1,
 "keep": [{"name": "one", "file": "one.txt"}, {"name": "two", "file": "two.txt"}],
 "remove": [{"name": "pull requests", "tags": "pr-*"}]}`

func TestPlanRefusesWrongUsageBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, content := range map[string]string{
		"policy.json": shopPolicy, "broken.json": `{"version": 1, "remove": [{"tags": "x", "older": "1d"}]}`, "empty.json": "",
		"only.json":  `{"version": 1, "repositories": ["other/*"], "remove": [{"tags": "x"}]}`,
		"lists.json": inUsePolicy, "one.txt": "HOST/team/shop:pr-20\n", "file": "x",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		rule, args, stdin string
		code              exit.Code
		stderr            string
	}{
		{"no repository", "plan -p F/policy.json", "", exit.Usage, "needs a repository"},
		{"no repository on stdin", "plan - -p F/policy.json", "\n", exit.Usage, "no repository on stdin"},
		{"no policy", "plan HOST/team/shop", "", exit.Usage, "add -p policy.yaml"},
		{"a policy that is not there", "plan HOST/team/shop -p F/nope.json", "", exit.Usage, "nope.json"},
		{"a policy that is a folder", "plan HOST/team/shop -p F", "", exit.Usage, "is a directory"},
		{"a policy with a fault", "plan HOST/team/shop -p F/broken.json", "", exit.Usage, "older"},
		{"an empty policy", "plan HOST/team/shop -p F/empty.json", "", exit.Usage, "empty.json"},
		{"an empty policy on stdin", "plan HOST/team/shop -p -", "", exit.Usage, "Error: "},
		{"a policy and repositories on stdin", "plan - -p -", "", exit.Usage, "not both"},
		{"a policy and a password on stdin", "plan HOST/team/shop -p - --username u --password-stdin", "", exit.Usage, "stdin has the password"},
		{"a policy for other repositories", "plan HOST/team/shop -p F/only.json", "", exit.Usage, "team/shop"},
		{"an image", "plan HOST/team/shop:1 -p F/policy.json", "", exit.Usage, "without its tag"},
		{"a malformed repository beside a good one", "plan HOST/team/shop HOST/Team -p F/policy.json", "", exit.Usage, "Team"},
		{"a time that is none", "plan HOST/team/shop -p F/policy.json --at yesterday", "", exit.Usage, "--at yesterday is no time"},
		{"a year alone", "plan HOST/team/shop -p F/policy.json --at 2026", "", exit.Usage, "is no time"},
		{"--match without -R", "plan HOST/team/shop -p F/policy.json --match x", "", exit.Usage, "need -R"},
		{"two registries", "plan -R HOST HOST -p F/policy.json", "", exit.Usage, "one registry"},
		{"one login for two registries", "plan HOST/a localhost:1/b -p F/policy.json --username u --password-stdin", "secret", exit.Usage, "--username is for one registry"},
		{"names of all", "plan HOST/team/shop -p F/policy.json -o name --all", "", exit.Usage, "leave out --all"},
		{"a format of show", "plan HOST/team/shop -p F/policy.json -o html", "", exit.Usage, "-o is"},
		{"a folder as the file", "plan HOST/team/shop -p F/policy.json --out F", "", exit.Usage, "is a folder"},
		{"stdout as the file", "plan HOST/team/shop -p F/policy.json --out -", "", exit.Usage, "-o json prints"},
		{"a file in a folder that is not there", "plan HOST/team/shop -p F/policy.json --out F/no/plan.json", "", exit.Usage, "nothing can be written into"},
		{"a file as the folder", "plan -R HOST -p F/policy.json --out F/file", "", exit.Usage, "names a folder"},
		{"a folder below a file", "plan -R HOST -p F/policy.json --out F/file/plans", "", exit.Usage, "file"},
		{"an in-use list that is not there", "plan HOST/team/shop -p F/lists.json", "", exit.Unsafe, "two.txt"},
		{"an in-use list that nobody asks for", "plan HOST/team/shop -p F/policy.json --in-use F/one.txt", "", exit.Usage, "no rule of the policy"},
		{"an in-use list that may be any of two", "plan HOST/team/shop -p F/lists.json --in-use F/one.txt", "", exit.Usage, "NAME=F"},
		{"an in-use list that is given twice", "plan HOST/team/shop -p F/lists.json --in-use one.txt=F/one.txt --in-use one.txt=F/file", "", exit.Usage, "twice"},
		{"an in-use list without a reference", "plan HOST/team/shop -p F/lists.json --in-use two.txt=F/policy.json", "", exit.Unsafe, "policy.json"},
		{"the policy and a repository", "plan HOST/team/shop -p F/policy.json --print-policy", "", exit.Usage, "--print-policy is about"},
		{"the policy in a format of lists", "plan -p F/policy.json --print-policy -o table", "", exit.Usage, "--print-policy prints"},
		{"an explanation of no image", "explain HOST/team/shop -p F/policy.json", "", exit.Usage, "neither a tag nor a digest"},
		{"an explanation of two images", "explain HOST/a:1 HOST/a:2 -p F/policy.json", "", exit.Usage, "one image"},
		{"an explanation without a source", "explain HOST/team/shop:1", "", exit.Usage, "neither a policy nor a plan"},
		{"an explanation from both", "explain HOST/team/shop:1 -p F/policy.json --plan F/file", "", exit.Usage, "contradict"},
		{"an explanation from a plan for another time", "explain HOST/team/shop:1 --plan F/file --at 2026-01-01", "", exit.Usage, "decided already"},
		{"an explanation from what is no plan", "explain HOST/team/shop:1 --plan F/file", "", exit.Usage, "file"},
		{"an explanation from what is not there", "explain HOST/team/shop:1 --plan F/nope", "", exit.Usage, "nope"},
		{"an explanation by a policy for others", "explain HOST/team/shop:1 -p F/only.json", "", exit.Usage, "team/shop"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			shop := newShop(t)
			args := strings.Fields(test.args)
			replace := strings.NewReplacer("HOST", serve(t, shop.Registry), "F/", folder+string(filepath.Separator))
			for i := range args {
				if args[i] = replace.Replace(args[i]); args[i] == "F" {
					args[i] = folder
				}
			}
			got := process{stdin: test.stdin}.run(t, args...)
			got.checkCode(t, test.code)
			checkNoRequests(t, shop.Registry)
			want := strings.ReplaceAll(test.stderr, "NAME=F", "NAME="+folder)
			if got.out != "" || !strings.Contains(got.errors, want) {
				t.Errorf("stdout %q; no %q in stderr:\n%s", got.out, want, got.errors)
			}
		})
	}
}

func TestPlanExitCodes(t *testing.T) {
	t.Parallel()
	none := strings.Replace(shopPolicy, "30d", "30y", 1)
	none = strings.Replace(none, `{"name": "old releases", "tags": {"semver": ">=1.0.0"}},`, "", 1)
	none = strings.Replace(none, `{"name": "old nightlies", "tags": "nightly-*"},`, "", 1)
	for _, test := range []struct {
		rule, policy string
		args         []string
		fault        func(http.ResponseWriter, *http.Request) bool
		code         exit.Code
	}{
		{"something to do", shopPolicy, nil, nil, exit.Done},
		{"something to do, with --exit-code", shopPolicy, []string{"--exit-code"}, nil, exit.Pending},
		{"nothing to do, with --exit-code", none, []string{"--exit-code"}, nil, exit.Done},
		{"credentials that are missing", shopPolicy, nil, fakeregistry.Errors(401, "UNAUTHORIZED", "who are you"), exit.NotAllowed},
		{"what is forbidden", shopPolicy, nil, fakeregistry.Errors(403, "DENIED", "not you"), exit.NotAllowed},
		{"a repository that is not there", shopPolicy, nil, fakeregistry.Errors(404, "NAME_UNKNOWN", "no such"), exit.NotFound},
		{"a response that was cut off", shopPolicy, nil, fakeregistry.Answer(200, map[string]string{"Content-Type": "application/json"}, `{"tags":`), exit.Failed},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			shop := newShop(t)
			if test.fault != nil {
				shop.Intercept(-1, fakeregistry.On("GET", "/v2/team/shop/tags"), test.fault)
			}
			host := serve(t, shop.Registry)
			args := append([]string{"plan", host + "/team/shop", "-p", writeFile(t, "policy.json", test.policy), "--at", shopDay}, test.args...)
			got := run(t, args...)
			got.checkCode(t, test.code)
			checkNoWrites(t, shop.Registry)
		})
	}
}

func TestPlanStopsCleanly(t *testing.T) {
	t.Parallel()
	shop := emptyShop(t)
	shop.fill("team/a")
	shop.fill("team/b")
	ctx, cancel := context.WithCancelCause(t.Context())
	shop.Intercept(-1, fakeregistry.On("GET", "/v2/team/b/tags"), func(_ http.ResponseWriter, r *http.Request) bool {
		cancel(&terminal.Interrupted{Signal: os.Interrupt})
		<-r.Context().Done()
		return true
	})
	folder := t.TempDir()
	args := []string{"plan", "-R", serve(t, shop.Registry), "-p", writeFile(t, "policy.json", shopPolicy), "--at", shopDay, "--out", folder}
	got := process{}.runContext(ctx, t, args...)
	got.checkCode(t, exit.Interrupted)
	if !strings.Contains(got.errors, "nothing was changed") {
		t.Errorf("stderr:\n%s", got.errors)
	}
	names := filesIn(t, folder)
	if len(names) != 1 || names[0] == "index.json" {
		t.Errorf("the folder has %v, not the one plan that was made", names)
	}
	readPlanFile(t, filepath.Join(folder, names[0]))
}

func TestPlanEndsWithTheTimeOfTimeout(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.Intercept(-1, fakeregistry.On("GET", "/v2/team/shop/tags"), fakeregistry.Hang())
	got := run(t, "plan", serve(t, shop.Registry)+"/team/shop", "-p", writeFile(t, "policy.json", shopPolicy), "--timeout", "50ms")
	got.checkCode(t, exit.Failed)
	if !strings.Contains(got.errors, "--timeout") {
		t.Errorf("stderr:\n%s", got.errors)
	}
}

func TestInUseListsHoldWhatTheyName(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	host := serve(t, shop.Registry)
	path := writeFile(t, "policy.json", inUsePolicy)
	for name, content := range map[string]string{"one.txt": host + "/team/shop:pr-11\r\n", "two.txt": host + "/team/shop:pr-12\n"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newer := writeFile(t, "newer", host+"/team/shop:pr-20\n")
	for _, test := range []struct {
		rule string
		args []string
		held []string
	}{
		{"files are relative to the policy", nil, []string{"pr-11", "pr-12"}},
		{"--in-use gives another one", []string{"--in-use", "two.txt=" + newer}, []string{"pr-11", "pr-20"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got := run(t, append([]string{"plan", host + "/team/shop", "-p", path, "-o", "table"}, test.args...)...)
			got.checkCode(t, exit.Done)
			for _, tag := range []string{"pr-11", "pr-12", "pr-20", "pr-21"} {
				isHeld := strings.Contains(strings.Join(test.held, " "), tag)
				if goes := strings.Contains(got.out, "remove\t"+tag+"\t"); goes == isHeld {
					t.Errorf("%s goes: %t\n%s", tag, goes, got.out)
				}
			}
		})
	}
	t.Run("an old list is refused", func(t *testing.T) {
		old := filepath.Join(filepath.Dir(path), "old.txt")
		if err := os.WriteFile(old, []byte(host+"/team/shop:pr-11\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		long := time.Now().Add(-48 * time.Hour)
		if err := os.Chtimes(old, long, long); err != nil {
			t.Fatal(err)
		}
		got := run(t, "plan", host+"/team/shop", "-p", path, "--in-use", "one.txt="+old)
		got.checkCode(t, exit.Unsafe)
	})
}

func TestWholeFiles(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "out", "before")
	err := writeWhole(path, func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			return err
		}
		return os.ErrClosed // as if the disk were full
	})
	if exit.Of(err) != exit.Failed || !strings.Contains(err.Error(), "out is not written") {
		t.Errorf("got %v", err)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "before" {
		t.Errorf("the file has %q, %v", content, err)
	}
	if names := filesIn(t, filepath.Dir(path)); len(names) != 1 {
		t.Errorf("the folder has %v", names)
	}
	if runtime.GOOS == "windows" {
		return
	}
	t.Run("a device is never replaced", func(t *testing.T) {
		if err := checkOutputFile("--out", os.DevNull); exit.Of(err) != exit.Usage {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a link stays one", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		if err := writeWhole(link, func(w io.Writer) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("it is %v, %v", info, err)
		}
	})
}

func TestPoliciesInYAML(t *testing.T) {
	t.Parallel()
	const yaml = "version: 1\nremove:\n- name: pull requests\n  tags: pr-*\n  older-than: 30d\n"
	shop := newShop(t)
	host := serve(t, shop.Registry)
	args := []string{"plan", host + "/team/shop", "--at", shopDay, "-o", "name", "-p"}
	fromFile := run(t, append(args, writeFile(t, "policy.yaml", yaml))...)
	fromFile.checkCode(t, exit.Done)
	if n := strings.Count(fromFile.out, "\n"); n != 2 {
		t.Errorf("got\n%s", fromFile.out)
	}
	if piped := (process{stdin: yaml}).run(t, append(args, "-")...); piped != fromFile {
		t.Errorf("from stdin: got %v", piped)
	}
	t.Run("a fault is shown with its line", func(t *testing.T) {
		shop.ResetLog()
		got := run(t, append(args, writeFile(t, "policy.yaml", strings.Replace(yaml, "pr-*", "1.10", 1)))...)
		got.checkCode(t, exit.Usage)
		checkNoRequests(t, shop.Registry)
		for _, want := range []string{"policy.yaml:4:9: ", "  tags: 1.10\n"} {
			if !strings.Contains(got.errors, want) {
				t.Errorf("no %q in\n%s", want, got.errors)
			}
		}
	})
}

func TestPrintPolicy(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "policy.json", shopPolicy)
	got := run(t, "plan", "--print-policy", "-p", path, "-o", "json")
	got.checkCode(t, exit.Done)
	again := process{stdin: got.out}.run(t, "plan", "--print-policy", "-p", "-", "-o", "json")
	if again != got || !strings.HasPrefix(got.out, `{"version":1,`) {
		t.Errorf("the canonical form\n%s is not that of itself:\n%s%s", got.out, again.out, again.errors)
	}
	text := run(t, "plan", "--print-policy", "-p", path)
	text.checkCode(t, exit.Done)
	for _, want := range []string{`"name": "old nightlies"`, "sha256:"} {
		if !strings.Contains(text.out, want) {
			t.Errorf("no %s in\n%s", want, text.out)
		}
	}
}
