package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
)

// checkSchema checks a JSON document against the schema that its first member names, such as
// docs/schema/plan-1.json for "plan/1". It must have what the schema requires, and nothing that the
// schema does not describe.
func checkSchema(t *testing.T, text string) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	form, _ := doc["regret"].(string)
	s := schemas{t: t, files: make(map[string]any)}
	s.check("", strings.ReplaceAll(form, "/", "-")+".json", s.file(strings.ReplaceAll(form, "/", "-")+".json"), doc)
}

// schemas are the files in docs/schema, as far as they were used.
type schemas struct {
	t     *testing.T
	files map[string]any
}

func (s *schemas) file(name string) any {
	s.t.Helper()
	if schema, ok := s.files[name]; ok {
		return schema
	}
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "schema", name))
	if err != nil {
		s.t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(raw, &schema); err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	s.files[name] = schema
	return schema
}

// resolve returns the schema that a reference in a file leads to, and its file.
func (s *schemas) resolve(file, ref string) (string, any) {
	name, pointer, _ := strings.Cut(ref, "#")
	if name == "" {
		name = file
	}
	schema := s.file(name)
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if part == "" {
			continue
		}
		object, _ := schema.(map[string]any)
		if schema = object[part]; schema == nil {
			s.t.Fatalf("%s: %s leads to nothing", file, ref)
		}
	}
	return name, schema
}

// check checks a value. It knows the keywords that the schemas use.
func (s *schemas) check(path, file string, schema, value any) {
	s.t.Helper()
	rules, ok := schema.(map[string]any)
	if !ok {
		s.t.Fatalf("%s: the schema of %s is no object", file, path)
	}
	fail := func(format string, args ...any) { s.t.Errorf("%s: %s", path, fmt.Sprintf(format, args...)) }
	for keyword, rule := range rules {
		switch keyword {
		case "$ref":
			where, target := s.resolve(file, rule.(string))
			s.check(path, where, target, value)
		case "type":
			if got := typeOf(value); got != rule && !(got == "integer" && rule == "number") {
				fail("it is a %s, not a %s", got, rule)
			}
		case "const":
			if value != rule {
				fail("it is %v, not %v", value, rule)
			}
		case "enum":
			if !slices.ContainsFunc(rule.([]any), func(v any) bool { return reflect.DeepEqual(v, value) }) {
				fail("%v is none of %v", value, rule)
			}
		case "pattern":
			if text, ok := value.(string); ok && !regexp.MustCompile(rule.(string)).MatchString(text) {
				fail("%q does not match %s", text, rule)
			}
		case "minimum":
			if n, ok := value.(float64); ok && n < rule.(float64) {
				fail("%v is less than %v", n, rule)
			}
		case "items":
			for i, v := range value.([]any) {
				s.check(fmt.Sprintf("%s/%d", path, i), file, rule, v)
			}
		case "properties":
			s.checkMembers(path, file, rules, value)
		case "$schema", "$defs", "title", "description", "required", "format", "additionalProperties":
		default:
			s.t.Fatalf("%s: this test does not know the keyword %q", file, keyword)
		}
	}
}

// checkMembers checks the members of an object.
func (s *schemas) checkMembers(path, file string, rules map[string]any, value any) {
	s.t.Helper()
	object, _ := value.(map[string]any)
	properties := rules["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		schema, described := properties[name]
		if !described {
			schema, described = rules["additionalProperties"]
		}
		if !described {
			s.t.Errorf("%s: %s does not describe the member %q", path, file, name)
			continue
		}
		s.check(path+"/"+name, file, schema, object[name])
	}
	required, _ := rules["required"].([]any)
	for _, name := range required {
		if _, ok := object[name.(string)]; !ok {
			s.t.Errorf("%s: the member %q is missing", path, name)
		}
	}
}

func typeOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return "null"
}

// TestDocumentsHaveTheirSchema checks what plan, show and explain print.
func TestDocumentsHaveTheirSchema(t *testing.T) {
	t.Parallel()
	at := applyShop(t)
	shop := emptyShop(t)
	shop.fill("team/a")
	shop.fill("team/b")
	host := serve(t, shop.Registry)
	folder := t.TempDir()
	policy := writeFile(t, "policy.json", shopPolicy)
	strict := writeFile(t, "policy.json", strings.Replace(shopPolicy, `"version": 1,`, `"version": 1, "limits": {"max-percent": 10},`, 1))
	untag := writeFile(t, "policy.json", `{"version": 1, "remove": [{"name": "x", "tags": "pr-*", "untag": true}]}`)
	inUse := writeFile(t, "list", host+"/team/a:pr-20\n"+host+"/team/a@sha256:"+strings.Repeat("1", 64)+"\n")
	listed := writeFile(t, "policy.json", `{"version": 1, "keep": [{"file": "list"}], "remove": [{"tags": "pr-*", "older-than": "1d"}]}`)
	run(t, "plan", "-R", host, "-p", policy, "--at", shopDay, "--out", folder).checkCode(t, exit.Done)
	for _, test := range []struct {
		rule, args string
		code       exit.Code
	}{
		{"a plan", "plan " + host + "/team/a -p " + policy + " --at " + shopDay + " -o json --sizes --thorough", exit.Done},
		{"a plan that only takes tags off", "plan " + host + "/team/a -p " + untag + " --at " + shopDay + " -o json", exit.Done},
		{"a plan with an in-use list", "plan " + host + "/team/a -p " + listed + " --in-use " + inUse + " -o json", exit.Done},
		{"several plans", "plan -R " + host + " -p " + policy + " --at " + shopDay + " -o json", exit.Done},
		{"several plans that are refused", "plan -R " + host + " -p " + strict + " --at " + shopDay + " -o json", exit.Unsafe},
		{"the index of a folder", "show " + folder + " -o json", exit.Done},
		{"an explanation", "explain " + host + "/team/a:1.1.0 -p " + policy + " --at " + shopDay + " -o json", exit.Done},
		{"an explanation of a tag that comes off", "explain " + host + "/team/a:pr-13 -p " + untag + " --at " + shopDay + " -o json", exit.Done},
		{"an explanation from a plan", "explain " + at.host + "/team/shop:pr-11 --plan " + at.planFile + " -o json", exit.Done},
		{"a report", "show " + at.reported + " -o json", exit.Done},
		{"a journal", "show " + at.journal + " -o json", exit.Done},
		{"an archive", "show " + at.folder + " -o json", exit.Done},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got := run(t, strings.Fields(test.args)...)
			got.checkCode(t, test.code)
			checkSchema(t, got.out)
		})
	}
}
