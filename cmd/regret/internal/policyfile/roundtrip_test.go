package policyfile_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// TestAPolicyIsTheSameInYAML writes random policies as JSON and as YAML in random styles.
func TestAPolicyIsTheSameInYAML(t *testing.T) {
	t.Parallel()
	valid := 0
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 14))
		text, err := json.Marshal(randomDocument(r))
		if err != nil {
			t.Fatal(err)
		}
		want, err := policy.Parse(text)
		if err != nil {
			continue // such as two rules that say the same
		}
		valid++
		yaml := emitYAML(r, text)
		got, err := policyfile.Read("policy.yaml", []byte(yaml))
		if err != nil {
			t.Fatalf("seed %d: %s\n%s\n%v", seed, text, yaml, err)
		}
		same(t, want, got)
		again, err := policyfile.Read("-", want.JSON())
		if err != nil {
			t.Fatal(err)
		}
		same(t, want, again)
	}
	if valid < 1000 {
		t.Errorf("only %d policies are valid", valid)
	}
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// maybe returns a value every other time, and its zero value otherwise.
func maybe[T any](r *rand.Rand, list ...T) (none T) {
	if r.IntN(2) == 0 {
		return none
	}
	return pick(r, list...)
}

func randomPatterns(r *rand.Rand) (list []policy.Pattern) {
	for range 1 + r.IntN(3) {
		list = append(list, pick(r,
			policy.Pattern{Glob: pick(r, "*", "pr-*", "1.10", "yes", "null", "v[0-9]*", "{latest,stable}", "0x1F", "2024-01-31", "1e3", "[a-z]?", "_")},
			policy.Pattern{Regexp: pick(r, `v\d+`, `(?P<number>\d+)`, `(?P<version>.+)-(?P<os>\w+)`, `"?x`, `#?a|b: c|d`, `\.?[[:alpha:]]+`)},
			policy.Pattern{Semver: pick(r, ">=1.0.0", "1.x || 3.x", "^0.2", "*", "1.10", "~1.2"), Pre: maybe(r, "only")},
		))
	}
	return list
}

func randomDocument(r *rand.Rand) policy.Document {
	doc := policy.Document{Version: 1, Repositories: maybe(r, []string{"**"}, []string{"team/*", "1.0"}, []string{"no", "on"})}
	for i := range r.IntN(4) {
		k := policy.Keep{Name: fmt.Sprintf("%s %d", pick(r, "keep: #1", "é 日本", `a "b" \`, "- it's", "[x]", "%&*!|>@`", "true", "trailing:"), i)}
		if r.IntN(4) == 0 {
			k.File, k.MaxAge = pick(r, "in-use.txt", "lists/a b.txt", "1.10", `C:\lists`), maybe(r, "1h", "30d")
			k.Registries = maybe(r, []string{"mirror.example:5000"})
		} else {
			k.Tags, k.Within, k.Daily = randomPatterns(r), maybe(r, "36h", "1y"), maybe(r, 1, 30)
			k.Newest = maybe(r, 1, 10)
			k.Zone = map[bool]string{true: maybe(r, "Europe/Berlin", "UTC")}[k.Daily > 0]
			k.Per = map[bool][]string{true: maybe(r, []string{"pattern"})}[k.Newest > 0]
		}
		doc.Keep = append(doc.Keep, k)
	}
	for i := range 1 + r.IntN(3) {
		m := policy.Remove{Name: fmt.Sprintf("remove %d%s", i, maybe(r, "\u00a0", "'", `"`, " # no comment", "~", "\\n"))}
		switch r.IntN(5) {
		case 0:
			m.Untagged, m.OlderThan = true, maybe(r, "24h", "2w")
		case 1:
			m.References = []string{pick(r, "1.10", "v1", "null", "2024")}
		default:
			m.Tags, m.OlderThan, m.Beyond = randomPatterns(r), maybe(r, "30d", "6mo"), maybe(r, 1, 7)
			m.Except = maybe(r, policy.Globs("keep-*"), policy.Globs("1.0", "off"))
			m.Undated, m.Untag = m.OlderThan != "" && r.IntN(2) == 0, r.IntN(2) == 0
		}
		doc.Remove = append(doc.Remove, m)
	}
	if r.IntN(2) == 0 {
		doc.Limits = policy.Limits{MaxPercent: new(r.IntN(101)), Broken: new(r.IntN(3))}
	}
	return doc
}

// An emitter writes JSON as YAML, with every text in quotes or in a block.
type emitter struct{ r *rand.Rand }

func emitYAML(r *rand.Rand, text []byte) string {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err.Error()
	}
	e := emitter{r}
	return maybe(r, "---\n", "# a comment\n", "\ufeff") + strings.TrimLeft(e.block(v, ""), "\n") + "\n" + maybe(r, "...\n", "# the end\n")
}

// block returns a value that follows a key or a dash whose content is indented so.
func (e emitter) block(v any, indent string) string {
	deeper := indent + pick(e.r, "  ", "   ", " ")
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 && e.r.IntN(4) > 0 {
			var b strings.Builder
			for _, key := range keys(e.r, v) {
				b.WriteString("\n" + indent + maybe(e.r, "# a comment\n"+indent) + key + ":" + e.value(v[key], deeper))
			}
			return b.String()
		}
	case []any:
		if len(v) > 0 && e.r.IntN(4) > 0 {
			var b strings.Builder
			for _, element := range v {
				b.WriteString("\n" + indent + "-" + e.value(element, deeper))
			}
			return b.String()
		}
	}
	return " " + e.flow(v)
}

func (e emitter) value(v any, indent string) string {
	if s, ok := v.(string); ok && e.r.IntN(5) == 0 && s == strings.TrimSpace(s) {
		return pick(e.r, " |-", " >-") + "\n" + indent + s
	}
	return e.block(v, indent)
}

func (e emitter) flow(v any) string {
	space := pick(e.r, "", " ")
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, key := range keys(e.r, v) {
			parts = append(parts, key+": "+e.flow(v[key]))
		}
		return "{" + space + strings.Join(parts, ","+pick(e.r, "", " ", " # a comment\n        ")) + space + "}"
	case []any:
		var parts []string
		for _, element := range v {
			parts = append(parts, e.flow(element))
		}
		return "[" + space + strings.Join(parts, ","+space) + space + "]"
	case string:
		if e.r.IntN(2) == 0 {
			return "'" + strings.ReplaceAll(v, "'", "''") + "'"
		}
		quoted, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		return string(quoted)
	}
	return fmt.Sprint(v)
}

// keys returns the keys of an object in some order.
func keys(r *rand.Rand, v map[string]any) (list []string) {
	for key := range v {
		list = append(list, key)
	}
	slices.Sort(list)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
