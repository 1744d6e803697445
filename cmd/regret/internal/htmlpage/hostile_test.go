package htmlpage_test

import (
	"encoding/json"
	"html"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// hostilePlan returns a plan that has a text wherever a registry or a policy may have put it.
func hostilePlan(tb testing.TB, text string) *plan.Plan {
	tb.Helper()
	r := newRepository()
	shared := on(r.image("shared", 90, 1), text, "shared")
	gone := r.index([]regret.Descriptor{shared, on(r.image("one", 90, 1), text, text)}, "pr-1")
	r.index([]regret.Descriptor{shared}, "main", "pr-2", "build-1")
	r.referrer(text, gone)
	r.push(text, map[string]any{"artifactType": text, "config": empty(), "annotations": map[string]string{text: text}},
		"sha256-"+gone.Digest.Encoded()+".x")
	r.push(text, map[string]any{"config": empty(), "subject": regret.Descriptor{
		MediaType: text, Digest: digestOf("nothing"), Size: 7}, "artifactType": text}, "pr-3")
	r.push(text, map[string]any{"manifests": []regret.Descriptor{}, "annotations": map[string]string{"org.opencontainers.image.created": text}}, "main-2")
	r.invalid = append(r.invalid, text)
	if !canName(text) {
		text = "refused"
	}
	list, err := policy.ParseInUse(text, strings.NewReader("registry.example.com/team/shop:main\n"), now)
	if err != nil {
		tb.Fatal(err)
	}
	r.inUse = append(r.inUse, list)
	rules, err := json.Marshal(map[string]any{
		"version": 1,
		"keep":    []any{map[string]any{"name": "in use " + text, "file": text}, map[string]any{"name": "keep " + text, "tags": "main-*"}},
		"remove": []any{
			map[string]any{"name": "all " + text, "tags": "pr-*"},
			map[string]any{"name": "untag " + text, "tags": "build-*", "untag": true}},
		"limits": map[string]any{"broken": 1, "max-percent": 100, "min-left": 0},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r.plan(tb, string(rules))
}

// shape returns the tags of a page, with their attributes.
func shape(page string) []string {
	return regexp.MustCompile(`<[^<>]*>`).FindAllString(page, -1)
}

var hostile = []string{
	`<script>alert(1)</script>`, `</script><script>alert(1)</script>`, `</style><img src=x onerror=alert(1)>`, `"onmouseover=alert(1) x="`,
	`'><svg onload=alert(1)>`, `<!--`, `-->`, `]]>`, `&lt;b&gt;&#60;i&#62;`, `javascript:alert(1)`, `{{.}}`, "${alert(1)}", "</pre></details>", `" hidden class="`,
	"\u202egnp.exe\u2066", "\u200fright\u061c", "\ufeffx\u00ad\u2028y", "\x1b[2J\x1b[31mred\x07", "a\r\nb\tc\x00", "\u009bcsi", "\\", "a\u0300\u0301\u0302", "ﷺ", "\u00a0",
}

// canName reports whether a policy accepts a text as the name of a rule and of an in-use list.
func canName(text string) bool {
	rules, err := json.Marshal(map[string]any{"version": 1, "keep": []any{map[string]any{"name": text, "file": text}}})
	if err != nil {
		return false
	}
	_, err = policy.Parse(rules)
	return err == nil
}

// visible returns how a text is to be shown.
func visible(text string) string {
	quoted := strconv.Quote(text)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}

func TestNothingInAPlanIsMarkup(t *testing.T) {
	t.Parallel()
	want := shape(page(t, hostilePlan(t, "plain")))
	for _, text := range hostile {
		t.Run(strconv.Quote(text), func(t *testing.T) {
			t.Parallel()
			got := page(t, hostilePlan(t, text))
			if diff := cmp.Diff(want, shape(got)); diff != "" {
				t.Errorf("the markup is another one (-want +got):\n%s", diff)
			}
			if n := strings.Count(html.UnescapeString(got), visible(text)); n < 5 {
				t.Errorf("%s is shown %d times in\n%s", visible(text), n, got)
			}
			for _, r := range got {
				if r != '\n' && !strconv.IsPrint(r) {
					t.Errorf("the page has the character %U", r)
				}
			}
		})
	}
}
