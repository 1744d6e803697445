package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// An applied is a plan that was carried out, and what that left behind.
type applied struct {
	host                        string
	plan                        *plan.Plan
	folder                      string // the archive
	planFile, journal, reported string
}

// applyShop plans for a shop and carries the plan out.
func applyShop(t *testing.T) applied {
	t.Helper()
	shop := newShop(t)
	dir := t.TempDir()
	at := applied{
		host: serve(t, shop.Registry), folder: filepath.Join(dir, "undo"),
		planFile: filepath.Join(dir, "plan.json"), journal: filepath.Join(dir, "journal.jsonl"), reported: filepath.Join(dir, "report.json"),
	}
	run(t, "plan", at.host+"/team/shop", "-p", writeFile(t, "policy.json", shopPolicy), "--at", shopDay, "--out", at.planFile).checkCode(t, exit.Done)
	at.plan = readPlanFile(t, at.planFile)
	client, err := regret.New(at.host)
	if err != nil {
		t.Fatal(err)
	}
	store, err := undo.DirStore(at.folder)
	if err != nil {
		t.Fatal(err)
	}
	journal, err := os.OpenFile(at.journal, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	report, err := apply.Apply(t.Context(), client, at.plan, store, &apply.Options{Journal: journal})
	if err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(at.reported, func(w io.Writer) error { _, err := report.WriteTo(w); return err }); err != nil {
		t.Fatal(err)
	}
	return at
}

// aTime finds a time that differs from run to run.
var aTime = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

func TestShowPrintsEachFormat(t *testing.T) {
	t.Parallel()
	at := applyShop(t)
	for _, test := range []struct{ golden, args string }{
		{"plan/tree.txt", "PLAN"},
		{"plan/tree-all.txt", "PLAN --all"},
		{"plan/table.txt", "PLAN -o table"},
		{"plan/table-all.txt", "PLAN -o table --all"},
		{"plan/lines.txt", "PLAN -o jsonl"},
		{"plan/name.txt", "PLAN -o name"},
		{"plan/template.txt", "PLAN --format {{.Verdict}}:{{.Role}}"},
		{"show/plan.mmd", "PLAN -o mermaid"},
		{"show/plan.dot", "PLAN -o dot"},
		{"show/report.txt", "REPORT"},
		{"show/report-table.txt", "REPORT -o table"},
		{"show/report-lines.txt", "REPORT -o jsonl"},
		{"show/report-name.txt", "REPORT -o name"},
		{"show/archive.txt", "ARCHIVE"},
		{"show/archive.json", "ARCHIVE -o json"},
		{"show/archive-table.txt", "ARCHIVE -o table"},
		{"show/archive-name.txt", "ARCHIVE -o name"},
		{"show/plan.dot", "ARCHIVE -o dot"},
		{"show/journal.txt", "JOURNAL"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			args := strings.NewReplacer("PLAN", at.planFile, "REPORT", at.reported, "ARCHIVE", at.folder, "JOURNAL", at.journal).Replace(test.args)
			got := run(t, append([]string{"show"}, strings.Fields(args)...)...)
			got.checkCode(t, exit.Done)
			text := got.out
			if strings.Contains(test.args, "JOURNAL") {
				text = aTime.ReplaceAllString(text, "TIME")
			}
			checkGolden(t, test.golden, text, at.host, goldenHost, at.folder, "FOLDER", at.plan.Digest().String(), "sha256:"+strings.Repeat("0", 64))
		})
	}
}

func TestShowPrintsWhatIsInTheFile(t *testing.T) {
	t.Parallel()
	at := applyShop(t)
	for _, path := range []string{at.planFile, at.reported} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		named := run(t, "show", path, "-o", "json")
		piped := process{stdin: string(content)}.run(t, "show", "-", "-o", "json")
		if named.out != string(content) || piped.out != string(content) {
			t.Errorf("%s: show -o json prints something else:\n%s", path, named.out)
		}
	}
	page := run(t, "show", at.planFile, "-o", "html")
	page.checkCode(t, exit.Done)
	if !strings.HasPrefix(strings.ToLower(page.out), "<!doctype html>") || !strings.Contains(page.out, "nightly-20261118") {
		t.Errorf("-o html prints\n%.300s", page.out)
	}
}

func TestShowLooksAtTheContentAndNotAtTheName(t *testing.T) {
	t.Parallel()
	at := applyShop(t)
	for name, path := range map[string]string{"report.json": at.planFile, "plan.json": at.reported, "archive": at.journal} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		other := writeFile(t, name, string(content))
		if got, want := run(t, "show", other), run(t, "show", path); got != want {
			t.Errorf("%s as %s: got %v, want %v", path, name, got, want)
		}
	}
}

func TestShowOfAnUndoFolderSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	at := applyShop(t)
	journal, err := os.ReadFile(at.journal)
	if err != nil {
		t.Fatal(err)
	}
	begun := bytes.SplitAfter(journal, []byte("\n"))[0]
	for _, test := range []struct{ rule, journal, want string }{
		{"a run that has begun", string(begun), "The last run did not get to its end; apply the same plan again"},
		{"a run that got to its end", string(journal), "9 deleted"},
		{"a journal that is none", "x", "journal.jsonl: the journal cannot be read"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(at.folder, "journal.jsonl"), []byte(test.journal), 0o600); err != nil {
				t.Fatal(err)
			}
			got := run(t, "show", at.folder)
			got.checkCode(t, exit.Done)
			if !strings.Contains(got.out, test.want) {
				t.Errorf("got\n%s", got.out)
			}
		})
	}
}

func TestShowPrintsTheListOfPlansInAFolder(t *testing.T) {
	t.Parallel()
	shop := emptyShop(t)
	shop.fill("team/a")
	shop.fill("team/b")
	host := serve(t, shop.Registry)
	folder := t.TempDir()
	run(t, "plan", "-R", host, "-p", writeFile(t, "policy.json", shopPolicy), "--at", shopDay, "--out", folder).checkCode(t, exit.Done)
	got := run(t, "show", folder)
	got.checkCode(t, exit.Done)
	if n := strings.Count(got.out, "\t11\t6\t6\t"); n != 2 || !strings.Contains(got.out, host+"/team/a\t") {
		t.Errorf("got\n%s", got.out)
	}
	names := strings.Fields(run(t, "show", filepath.Join(folder, "index.json"), "-o", "name").out)
	for _, name := range names {
		readPlanFile(t, name)
	}
	if len(names) != 2 {
		t.Errorf("got %v", names)
	}
}

func TestShowRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	at := applyShop(t)
	content, err := os.ReadFile(at.planFile)
	if err != nil {
		t.Fatal(err)
	}
	edited := bytes.Replace(content, []byte(`"step":0`), []byte(`"step":1`), 1)
	edited = bytes.Replace(edited, []byte("nightly-20261118"), []byte("nightly-20261120"), 1)
	for _, test := range []struct{ rule, content, stderr string }{
		{"nothing", "", "it is empty"},
		{"a plan that was edited", string(edited), "stdin: "},
		{"a plan of another version", strings.Replace(string(content), "plan/1", "plan/2", 1), "plan/2"},
		{"a plan that was cut off", string(content[:len(content)/2]), "stdin: "},
		{"a plan that another program has sorted", `{"at":"x","regret":"plan/1"}`, "written it anew"},
		{"a plan with something behind it", string(content) + "{}", "stdin: "},
		{"a report that was cut off", `{"regret":"report/1",`, "malformed report"},
		{"another document of this command", `{"regret":"tags/1","items":[]}`, `a document of the kind "tags"`},
		{"a document with an unknown kind", `{"regret":"\u001b[31m/1"}`, `a document of the kind`},
		{"a policy in JSON", shopPolicy, "it looks like a policy"},
		{"a policy in YAML", "version: 1\nremove:\n  - tags: x\n", "it looks like a policy"},
		{"a manifest", `{"schemaVersion":2}`, "it is a manifest"},
		{"a layout", `{"imageLayoutVersion":"1.0.0"}`, "OCI layout"},
		{"a page", "<!doctype html><p>", "it is a page"},
		{"a list", "[]", "it is a list"},
		{"other JSON", `{"a":1}`, "no command of regret writes"},
		{"an object that is none", "{", "it is not JSON"},
		{"bytes", "\x7fELF\x00\x00", "it is not a text"},
		{"a text", "hello", "it is not JSON"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got := process{stdin: test.content}.run(t, "show", "-")
			got.checkCode(t, exit.Usage)
			if got.out != "" || !strings.Contains(got.errors, test.stderr) || strings.Contains(got.errors, "\x1b") {
				t.Errorf("stdout %q, stderr\n%s", got.out, got.errors)
			}
		})
	}
}

func TestShowRefusesArguments(t *testing.T) {
	t.Parallel()
	at := applyShop(t)
	empty := t.TempDir()
	unfinished := t.TempDir()
	content, err := os.ReadFile(at.planFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unfinished, "plan.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ rule, args, stderr string }{
		{"no file", "", "needs one file"},
		{"two files", at.planFile + " " + at.reported, "needs one file"},
		{"a file that is not there", filepath.Join(empty, "nope"), "nope"},
		{"a folder with nothing in it", empty, "the folder is no archive"},
		{"an archive that is not finished", unfinished, "not finished"},
		{"a diagram of a report", at.reported + " -o mermaid", "a report cannot be printed as mermaid"},
		{"names of a journal", at.journal + " -o name", "a journal cannot be printed as name"},
		{"names of all of a plan", at.planFile + " -o name --all", "leave out --all"},
		{"an unknown format", at.planFile + " -o yaml", "-o is"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got := run(t, append([]string{"show"}, strings.Fields(test.args)...)...)
			got.checkCode(t, exit.Usage)
			if got.out != "" || !strings.Contains(got.errors, test.stderr) {
				t.Errorf("stdout %q, stderr\n%s", got.out, got.errors)
			}
		})
	}
}
