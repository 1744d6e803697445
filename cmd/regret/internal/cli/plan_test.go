package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// goldenHost is as long as the host of a test server is.
const goldenHost = "127.0.0.1:50000"

// readPlanFile reads a plan that a command wrote.
func readPlanFile(t *testing.T, path string) *plan.Plan {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p, err := plan.Read(file)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return p
}

// filesIn returns the names of the files in a folder.
func filesIn(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestPlanPrintsEachFormat(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ golden, args string }{
		{"plan/tree.txt", ""},
		{"plan/tree-all.txt", "--all"},
		{"plan/table.txt", "-o table"},
		{"plan/table-all.txt", "-o table --all"},
		{"plan/lines.txt", "-o jsonl"},
		{"plan/name.txt", "-o name"},
		{"plan/plan.json", "-o json --sizes --thorough"},
		{"plan/template.txt", "--format {{.Verdict}}:{{.Role}}"},
	} {
		t.Run(test.golden, func(t *testing.T) {
			t.Parallel()
			shop := newShop(t)
			host := serve(t, shop.Registry)
			args := append([]string{"plan", host + "/team/shop", "-p", writeFile(t, "policy.json", shopPolicy), "--at", shopDay}, strings.Fields(test.args)...)
			got := run(t, args...)
			got.checkCode(t, exit.Done)
			checkNoWrites(t, shop.Registry)
			replace := []string{host, goldenHost}
			if strings.Contains(test.args, "-o json ") {
				replace = append(replace, contentOf(t, got.out), "sha256:"+strings.Repeat("0", 64))
			}
			checkGolden(t, test.golden, got.out, replace...)
		})
	}
}

// contentOf returns the digest at the end of a plan, which depends on the host.
func contentOf(t *testing.T, text string) string {
	t.Helper()
	var doc struct {
		Content string `json:"content"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.Content == "" {
		t.Fatalf("%v in %s", err, text)
	}
	return doc.Content
}

func TestPlanWritesAPlanThatCanBeApplied(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	host := serve(t, shop.Registry)
	path := writeFile(t, "plan.json", "what was there before")
	got := run(t, "plan", host+"/team/shop", "-p", writeFile(t, "policy.json", shopPolicy), "--at", shopDay, "--out", path)
	got.checkCode(t, exit.Done)
	p := readPlanFile(t, path)
	want := path + "  " + p.Digest().String() + "  6 images.  Apply it: regret apply " + path + "\n"
	if !strings.HasSuffix(got.out, want) {
		t.Errorf("the output does not end with %q:\n%s", want, got.out)
	}
	if names := filesIn(t, filepath.Dir(path)); !slices.Equal(names, []string{"plan.json"}) {
		t.Errorf("the folder has %v", names)
	}
	printed := run(t, "plan", host+"/team/shop", "-p", writeFile(t, "policy.json", shopPolicy), "--at", shopDay, "-o", "json")
	if digest.FromString(printed.out) != p.Digest() {
		t.Error("-o json prints something else than --out writes")
	}
	checkNoWrites(t, shop.Registry)
}

func TestPlanOfSeveralRepositories(t *testing.T) {
	t.Parallel()
	shop := emptyShop(t)
	for _, repository := range []string{"team/a", "team/b", "other"} {
		shop.fill(repository)
	}
	host := serve(t, shop.Registry)
	policy := writeFile(t, "policy.json", shopPolicy)
	for _, test := range []struct {
		rule  string
		args  []string
		stdin string
		want  []string
	}{
		{"those that are named", []string{host + "/team/b", host + "/team/a"}, "", []string{"team/b", "team/a"}},
		{"one that is named twice", []string{host + "/team/b", host + "/team/a", host + "/team/b"}, "", []string{"team/b", "team/a"}},
		{"those on stdin", []string{"-"}, host + "/team/a\r\n" + host + "/other\r\n", []string{"team/a", "other"}},
		{"all of a registry", []string{"-R", host}, "", []string{"other", "team/a", "team/b"}},
		{"those that match", []string{"-R", host, "--match", "team/*", "--except", "*/a"}, "", []string{"team/b"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "plans", "today")
			got := process{stdin: test.stdin}.run(t, append([]string{"plan", "-p", policy, "--at", shopDay, "--out", folder}, test.args...)...)
			got.checkCode(t, exit.Done)
			index := readIndex(t, filepath.Join(folder, "index.json"))
			var repositories []string
			for _, item := range index.Items {
				p := readPlanFile(t, filepath.Join(folder, item.File))
				if p.Digest() != item.Digest || item.File != p.Digest().Encoded()+".json" || item.Repository != host+"/"+p.Header().Repository {
					t.Errorf("%+v is the plan %s for %s", item, p.Digest(), p.Header().Repository)
				}
				if diff := cmp.Diff(p.Totals(), *item.Totals); diff != "" {
					t.Errorf("totals (-plan +index):\n%s", diff)
				}
				repositories = append(repositories, p.Header().Repository)
			}
			if diff := cmp.Diff(test.want, repositories); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if names := filesIn(t, folder); len(names) != len(test.want)+1 {
				t.Errorf("the folder has %v", names)
			}
			checkNoWrites(t, shop.Registry)
		})
	}
}

// An indexOfPlans is the document plans/1.
type indexOfPlans struct {
	Regret string `json:"regret"`
	Items  []struct {
		planItem
		Plan json.RawMessage `json:"plan"`
	} `json:"items"`
}

func readIndex(t *testing.T, path string) indexOfPlans {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parseIndex(t, raw)
}

func parseIndex(t *testing.T, raw []byte) (index indexOfPlans) {
	t.Helper()
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if index.Regret != "plans/1" {
		t.Errorf("the index is a %q", index.Regret)
	}
	return index
}

func TestPlansAsJSON(t *testing.T) {
	t.Parallel()
	shop := emptyShop(t)
	shop.fill("team/a")
	shop.fill("team/b")
	host := serve(t, shop.Registry)
	got := run(t, "plan", "-R", host, "-p", writeFile(t, "policy.json", shopPolicy), "--at", shopDay, "-o", "json")
	got.checkCode(t, exit.Done)
	index := parseIndex(t, []byte(got.out))
	if len(index.Items) != 2 {
		t.Fatalf("%d plans in\n%s", len(index.Items), got.out)
	}
	for _, item := range index.Items {
		p, err := plan.Read(bytes.NewReader(append(item.Plan, '\n')))
		if err != nil {
			t.Fatal(err)
		}
		if p.Digest() != item.Digest {
			t.Errorf("the plan %s is called %s", p.Digest(), item.Digest)
		}
	}
	none := run(t, "plan", "-R", host, "--match", "x", "-p", writeFile(t, "policy.json", shopPolicy), "-o", "json")
	none.checkCode(t, exit.Done)
	if index := parseIndex(t, []byte(none.out)); len(index.Items) != 0 {
		t.Errorf("got %s", none.out)
	}
}

func TestOneRepositoryThatFailsEndsNoOthers(t *testing.T) {
	t.Parallel()
	shop := emptyShop(t)
	for _, repository := range []string{"team/a", "team/b", "team/c"} {
		shop.fill(repository)
	}
	shop.Intercept(-1, fakeregistry.On("GET", "/v2/team/b/tags"), fakeregistry.Errors(403, "DENIED", "not you"))
	host := serve(t, shop.Registry)
	folder := t.TempDir()
	got := run(t, "plan", "-R", host, "-p", writeFile(t, "policy.json", shopPolicy), "--at", shopDay, "--out", folder)
	got.checkCode(t, exit.Partial)
	index := readIndex(t, filepath.Join(folder, "index.json"))
	var with []string
	for _, item := range index.Items {
		if item.File != "" {
			with = append(with, item.Repository)
		} else if !strings.Contains(item.Error, "not you") {
			t.Errorf("%s: %s", item.Repository, item.Error)
		}
	}
	if diff := cmp.Diff([]string{host + "/team/a", host + "/team/c"}, with); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(got.errors, "team/b") {
		t.Errorf("stderr does not name the repository:\n%s", got.errors)
	}
}

func TestAPlanThatALimitRefusesIsShownAndNotWritten(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	host := serve(t, shop.Registry)
	path := filepath.Join(t.TempDir(), "plan.json")
	strict := strings.Replace(shopPolicy, `"version": 1,`, `"version": 1, "limits": {"max-percent": 10},`, 1)
	for _, test := range []struct {
		rule, format string
		isShown      bool
	}{
		{"as a tree", "tree", true},
		{"as a table", "table", true},
		{"not as names, which rm might get", "name", false},
		{"not as lines, which another program might get", "jsonl", false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got := run(t, "plan", host+"/team/shop", "-p", writeFile(t, "policy.json", strict), "--at", shopDay, "--out", path, "-o", test.format, "--exit-code")
			got.checkCode(t, exit.Unsafe)
			if isShown := strings.Contains(got.out, "remove"); isShown != test.isShown {
				t.Errorf("shown: %t\n%s", isShown, got.out)
			}
			if !strings.Contains(got.errors, "set limits.max-percent to") {
				t.Errorf("stderr does not say what to write:\n%s", got.errors)
			}
			if strings.Contains(got.out, "Apply it") {
				t.Errorf("a refused plan is offered:\n%s", got.out)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("the plan is written")
			}
		})
	}
}
