package policyfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

const smallJSON = `{"version": 1, "remove": [{"name": "pulls", "tags": ["pr-*", "mr-*"], "older-than": "30d"}]}`

func TestTheSamePolicyInManySpellings(t *testing.T) {
	t.Parallel()
	want, err := policy.Parse([]byte(smallJSON))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"JSON in a file of YAML": smallJSON,
		"blocks":                 "version: 1\nremove:\n  - name: pulls\n    tags:\n      - pr-*\n      - mr-*\n    older-than: 30d\n",
		"dashes below their key": "version: 1\nremove:\n- name: pulls\n  tags:\n  - pr-*\n  - mr-*\n  older-than: 30d\n",
		"brackets and braces":    "{version: 1, remove: [{name: pulls, tags: [pr-*, mr-*], older-than: 30d}]}",
		"brackets over lines":    "version: 1\nremove: [\n  {name: pulls,\n   tags: [pr-*, # a comment\n     mr-*,],\n   older-than: 30d},\n]\n",
		"comments":               "# a\n---\n# b\nversion: 1 # c\n\nremove: # d\n  # e\n- name: pulls # f\n# g\n  tags: [pr-*, mr-*] # h\n  older-than: 30d\n# i\n...\n# j\n",
		"quotes":                 "\"version\": 1\n'remove':\n- \"name\": 'pulls'\n  'tags': [\"pr-\\u002a\", 'mr-*']\n  older-than: \"30d\"\n",
		"blocks of text":         "version: 1\nremove:\n- name: >-\n    pulls\n  tags:\n  - |-\n    pr-*\n  - >-\n     mr-*\n\n  older-than: 30d\n",
		"line ends of Windows":   "version: 1\r\nremove:\r\n- name: pulls\r\n  tags: [pr-*,\r\n    mr-*]\r\n  older-than: |-\r\n    30d\r\n",
		"a byte order mark":      "\ufeffversion: 1\nremove:\n- {name: pulls, tags: [pr-*, mr-*], older-than: 30d}\n",
		"an anchor":              "version: 1\nremove:\n- name: pulls\n  tags: &t [pr-*, mr-*]\n  except: []\n  older-than: 30d\n",
		"values below their key": "version:\n  1\nremove:\n  -\n    name:\n      pulls\n    tags:\n      [pr-*, mr-*]\n    older-than:\n      30d\n",
		"no line end":            "remove:\n- name: pulls\n  older-than: 30d\n  tags: [pr-*, mr-*]\nversion: 1",
		"another order":          "remove:\n- older-than: 30d\n  tags: [mr-*, pr-*]\n  name: pulls\nversion: 1\nlimits: {}\n",
	} {
		p, err := policyfile.Read("policy.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, want, p)
	}
}

func TestAliasesRepeatWhatIsAnchored(t *testing.T) {
	t.Parallel()
	want, err := policy.Parse([]byte(`{"version": 1, "keep": [{"name": "a", "tags": ["x", "z"], "newest": 3}], "remove": [{"name": "b", "tags": ["x", "z"], "older-than": "3d"}, {"name": "c", "not-pulled": "3d"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	same(t, want, read(t, "version: 1\nkeep:\n- name: a\n  tags: &tags\n  - x\n  - z\n  newest: 3\nremove:\n- name: b\n  tags: *tags\n  older-than: &age 3d\n- {name: c, not-pulled: *age }\n"))
}

func TestTheNameSaysTheFormat(t *testing.T) {
	t.Parallel()
	flow := `{version: 1, remove: [{tags: x}]}`
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"policy.json", smallJSON, true},
		{"POLICY.JSON", smallJSON, true},
		{"policy.yaml", smallJSON, true},
		{"policy.yml", flow, true},
		{"policy.json", flow, false},
		{"-", smallJSON, true},
		{"-", " \n{\n\"version\": 1, \"remove\": [{\"tags\": \"x\"}]}", true},
		{"-", flow, true},
		{"policy", "version: 1\nremove: [{tags: x}]", true},
		{"policy.json", "\ufeff" + smallJSON, true},
		{"policy.json", strings.ReplaceAll(smallJSON, " ", "\r\n"), true},
	} {
		if _, err := policyfile.Read(c.name, []byte(c.text)); (err == nil) != c.ok {
			t.Errorf("%s: %s: %v", c.name, c.text, err)
		}
	}
}

func TestJSONIsReadAsTheLibraryReadsIt(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../../prune/policy/testdata/policies/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no policies", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := policy.Parse(data)
		got, err := policyfile.ReadFile(file)
		if wantErr == nil {
			if err != nil {
				t.Fatal(err)
			}
			same(t, want, got)
			continue
		}
		for _, fault := range wantErr.(policy.Errors) {
			if !strings.Contains(fault.Problem, "twice") { // this package says where the first one is
				contains(t, err.Error(), fault.Error())
			}
		}
	}
}

func TestAFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for path, want := range map[string]error{filepath.Join(folder, "none.yaml"): fs.ErrNotExist, folder: nil} {
		_, err := policyfile.ReadFile(path)
		fault, ok := errors.AsType[*policyfile.Error](err)
		if !ok || fault.Detail != policyfile.Unreadable || fault.File != path || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
		if strings.Count(err.Error(), path) != 1 {
			t.Errorf("the message has the path several times: %v", err)
		}
	}
	large := write(t, folder, "large.yaml", strings.Repeat("#", policyfile.MaxSize+1))
	_, err := policyfile.ReadFile(large)
	if fault, ok := errors.AsType[*policyfile.Error](err); !ok || fault.Detail != policyfile.TooLarge {
		t.Error(err)
	}
	if _, err := policyfile.ReadFile(write(t, folder, "p.yaml", "version: 1\nremove: [{tags: x}]\n")); err != nil {
		t.Error(err)
	}
}

func TestHostileFilesEndSoon(t *testing.T) {
	t.Parallel()
	const n = 100_000
	nested := "version: 1\nkeep:\n- tags: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		alias := "*a" + string(rune('0'+i)) + " "
		nested += "- tags: &a" + string(rune('1'+i)) + " [" + strings.Repeat(alias+", ", 9) + alias + "]\n"
	}
	wide := "version: 1\nkeep:\n- &k {tags: [" + strings.Repeat("x, ", 1000) + "]}\n" + strings.Repeat("- *k\n", 1000) + "remove: [{tags: x}]\n"
	for name, text := range map[string]string{
		"open brackets":   strings.Repeat("[", n),
		"closed brackets": strings.Repeat("[", n) + strings.Repeat("]", n),
		"open braces":     strings.Repeat("{a: ", n),
		"dashes":          strings.Repeat("- ", n) + "x",
		"keys":            strings.Repeat("a: 1\n", n),
		"many keys":       strings.Repeat("a: 1\n", 4000),
		"colons":          strings.Repeat(": ", n),
		"anchors":         "a: " + strings.Repeat("&x ", n),
		"questions":       strings.Repeat("? ", n),
		"tags":            "a: " + strings.Repeat("!a ", n),
		"documents":       strings.Repeat("---\n", n),
		"texts":           "a:\n" + strings.Repeat("- x\n", n),
		"rules":           `{"version": 1, "remove": [` + strings.Repeat(`{"tags": "["},`, 50_000) + `{}]}`,
		"patterns":        `{"version": 1, "remove": [{"tags": [` + strings.Repeat(`"[",`, n) + `"x"]}]}`,
		"nested aliases":  nested + "remove: [{tags: x}]\n",
		"wide aliases":    wide,
		"itself":          "version: 1\nremove: &r [*r ]\n",
	} {
		for _, file := range []string{"policy.yaml", "policy.json"} {
			if _, err := policyfile.Read(file, []byte(text)); err == nil || len(err.Error()) > 20_000 {
				t.Errorf("%s: %d bytes of errors", name, len(err.Error()))
			}
		}
	}
	if got := places(faults(t, "policy.yaml", wide)); len(got) != 1 || !strings.HasSuffix(got[0], " too large") {
		t.Errorf("aliases that expand: %v", got)
	}
}

func TestWhatIsShownHasNoControlCharacters(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"version: 1\nremove: [{name: \"a\\u001b[31m\\u202e\", tags: x}]\n", "version: 1\n\x1b[31m: x\n", "version: 1\nremove: [{tags: \u202ex}]\n",
		"{\"version\": 1, \"a\u001b\": 2}", "version: 1\nremove: [{tags: \"\\u001b\"}]\nx\u0085: 1\n", "a\rb: \x00\n", "version: 1\n\"\\u001b[0m\": 1\n",
		`{"version": 1, "remove": [{"name": "x` + "\u009b" + `", "tags": "["}]}`, "version: \"\\u0007\"\nremove: [{tags: \xff\x1b}]\n",
	} {
		for _, file := range []string{"policy.yaml", "policy.json", "\x1b[0m"} {
			_, err := policyfile.Read(file, []byte(text))
			if err == nil {
				t.Errorf("%q is accepted", text)
				continue
			}
			checkPrintable(t, err.Error())
		}
	}
}

func checkPrintable(t testing.TB, text string) {
	t.Helper()
	for _, r := range text {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u2028' {
			t.Errorf("%U is shown in %q", r, text)
		}
	}
}

func TestTheCanonicalFormIsReadAgain(t *testing.T) {
	t.Parallel()
	p := read(t, "version: 1\nremove:\n- tags: pr-*\n  older-than: 30d\n")
	again, err := policyfile.Read("policy.json", p.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Document(), again.Document()); diff != "" || !bytes.Equal(p.JSON(), again.JSON()) {
		t.Error(diff)
	}
}
