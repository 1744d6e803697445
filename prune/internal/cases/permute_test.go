package cases_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

func TestAPermutedCaseHasTheSameContent(t *testing.T) {
	t.Parallel()
	for _, c := range load(t) {
		for seed := range uint64(3) {
			permuted := c.Permuted(seed)
			if diff := cmp.Diff(sortedContent(c), sortedContent(permuted)); diff != "" {
				t.Errorf("%s, seed %d (-case +permuted):\n%s", c.ID, seed, diff)
			}
			if diff := cmp.Diff(sortedRules(t, c), sortedRules(t, permuted)); diff != "" {
				t.Errorf("%s, seed %d: policy (-case +permuted):\n%s", c.ID, seed, diff)
			}
		}
	}
}

// sortedContent returns the tags of each digest.
func sortedContent(c *cases.Case) map[string][]string {
	content := map[string][]string{}
	for _, m := range c.Manifests {
		content[c.Digest(m.ID).String()] = slices.Sorted(slices.Values(m.Tags))
	}
	return content
}

// sortedRules returns a policy with its rules in the order of their text, or the text of one that
// is no document.
func sortedRules(t *testing.T, c *cases.Case) any {
	t.Helper()
	var document map[string]any
	if c.PolicyText != nil || json.Unmarshal(c.PolicyJSON(), &document) != nil {
		return string(c.PolicyJSON())
	}
	for _, key := range []string{"keep", "remove"} {
		texts := []string{}
		rules, _ := document[key].([]any)
		for _, rule := range rules {
			text, err := json.Marshal(rule)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		slices.Sort(texts)
		document[key] = texts
	}
	return document
}

func TestPermutingChangesEveryOrder(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"oci","referrers":"api","expect":{},"manifests":[
		{"id":"A","kind":"image","tags":["a1","a2","a3"]},{"id":"B","kind":"image","tags":["b"]},{"id":"C","kind":"image","tags":["c"]}]`)
	c.Policy = []byte(`{"version":1,"keep":[{"name":"a"},{"name":"b"}],"remove":[{"name":"c"},{"name":"d"}]}`)
	seen := map[string]map[string]bool{"manifests": {}, "tags": {}, "list": {}, "page size": {}, "policy": {}}
	for seed := range uint64(20) {
		permuted := c.Permuted(seed)
		ids := ""
		for _, m := range permuted.Manifests {
			ids += m.ID
		}
		list, err := collect(newClient(t, permuted.Serve()).Tags(t.Context(), c.Repository))
		if again, _ := collect(newClient(t, c.Permuted(seed).Serve()).Tags(t.Context(), c.Repository)); !slices.Equal(again, list) || err != nil {
			t.Errorf("seed %d: list %q, then %q, %v", seed, list, again, err)
		}
		seen["manifests"][ids] = true
		seen["tags"][cmp.Diff(nil, permuted.Manifest("A").Tags)] = true
		seen["list"][cmp.Diff(nil, list)] = true
		seen["page size"][string(rune('0'+permuted.PageSize))] = true
		seen["policy"][string(permuted.PolicyJSON())] = true
		if diff := cmp.Diff([]string{"a1", "a2", "a3", "b", "c"}, slices.Sorted(slices.Values(list))); diff != "" {
			t.Errorf("seed %d: tags (-want +got):\n%s", seed, diff)
		}
	}
	for what, forms := range seen {
		if len(forms) < 4 {
			t.Errorf("%s: %d orders of 20 seeds, want at least 4", what, len(forms))
		}
	}
	if !slices.Equal(c.Manifest("A").Tags, []string{"a1", "a2", "a3"}) || c.Manifests[0].ID != "A" || c.PageSize != 0 {
		t.Error("the case itself was changed")
	}
}

func TestPermutingKeepsAListThatIsAtFault(t *testing.T) {
	t.Parallel()
	for _, faults := range []string{`"list":"truncated"`, `"entries":["a"]`} {
		c := parse(t, `"listing":"oci","referrers":"api","expect":{},"page-size":2,"manifests":[{"id":"A","kind":"image","tags":["a","b","c"]}],"faults":{`+faults+`}`)
		for seed := range uint64(10) {
			if got := c.Permuted(seed).PageSize; got != 2 {
				t.Errorf("%s: page size %d, want 2", faults, got)
			}
		}
	}
}
