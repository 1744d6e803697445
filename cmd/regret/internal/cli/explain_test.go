package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
)

func TestExplainPrintsEachVerdict(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ golden, args string }{
		{"explain/goes.txt", "HOST/team/shop:1.1.0"},
		{"explain/stays.txt", "HOST/team/shop:pr-13"},
		{"explain/no-rule.txt", "HOST/team/shop:latest"},
		{"explain/goes.json", "HOST/team/shop:pr-11 -o json"},
		{"explain/table.txt", "HOST/team/shop:pr-11 -o table"},
		{"explain/template.txt", "HOST/team/shop:pr-11 --format {{.Verdict}}"},
	} {
		t.Run(test.golden, func(t *testing.T) {
			t.Parallel()
			shop := newShop(t)
			host := serve(t, shop.Registry)
			args := append([]string{"explain", "--at", shopDay, "-p", writeFile(t, "policy.json", shopPolicy)},
				strings.Fields(strings.ReplaceAll(test.args, "HOST", host))...)
			got := run(t, args...)
			got.checkCode(t, exit.Done)
			checkNoWrites(t, shop.Registry)
			checkGolden(t, test.golden, got.out, host, goldenHost)
		})
	}
}

func TestExplainFromAPlanSendsNothing(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	host := serve(t, shop.Registry)
	path := filepath.Join(t.TempDir(), "plan.json")
	run(t, "plan", host+"/team/shop", "--at", shopDay, "-p", writeFile(t, "policy.json", shopPolicy), "--out", path).checkCode(t, exit.Done)
	p := readPlanFile(t, path)
	shop.ResetLog()
	for _, test := range []struct{ golden, args string }{
		{"explain/plan-goes.txt", ":1.1.0"},
		{"explain/plan-stays.txt", ":1.3.0"},
		{"explain/plan-no-rule.txt", ":pr-20"},
		{"explain/plan-goes.json", ":pr-11 -o json"},
	} {
		t.Run(test.golden, func(t *testing.T) {
			got := run(t, append([]string{"explain", "--plan", path}, strings.Fields(host+"/team/shop"+test.args)...)...)
			got.checkCode(t, exit.Done)
			checkGolden(t, test.golden, got.out, host, goldenHost, p.Digest().String(), "sha256:"+strings.Repeat("0", 64))
		})
	}
	t.Run("a child is explained by its digest", func(t *testing.T) {
		for s := range p.Steps() {
			if s.Role != "child" {
				continue
			}
			got := run(t, "explain", "--plan", path, host+"/team/shop@"+s.Digest.String())
			got.checkCode(t, exit.Done)
			if !strings.Contains(got.out, "remove: only what goes lists it") {
				t.Errorf("got\n%s", got.out)
			}
		}
	})
	for _, test := range []struct {
		rule, reference string
		code            exit.Code
	}{
		{"a tag that is not there", host + "/team/shop:nope", exit.NotFound},
		{"a digest that is not there", host + "/team/shop@sha256:" + strings.Repeat("1", 64), exit.NotFound},
		{"a tag that points elsewhere", host + "/team/shop:1.1.0@sha256:" + strings.Repeat("1", 64), exit.NotFound},
		{"another repository", host + "/team/other:1", exit.Usage},
		{"another registry", "registry.example.com/team/shop:1.1.0", exit.Usage},
	} {
		t.Run(test.rule, func(t *testing.T) {
			run(t, "explain", "--plan", path, test.reference).checkCode(t, test.code)
		})
	}
	checkNoRequests(t, shop.Registry)
}
