package policyfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/policyfile"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

const twoLists = "version: 1\nkeep:\n- file: lists/cluster.txt\n- file: nomad.txt\nremove: [{tags: '*'}]\n"

var written = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// list writes an in-use list that is as old as the others.
func list(t *testing.T, folder, name, content string) string {
	t.Helper()
	path := write(t, folder, name, content)
	if err := os.Chtimes(path, written, written); err != nil {
		t.Fatal(err)
	}
	return path
}

// names returns what is known of lists.
func names(lists []*policy.InUse) (all []string) {
	for _, l := range lists {
		all = append(all, l.Name()+" "+l.Made().UTC().Format(time.RFC3339))
	}
	return all
}

func TestListsAreReadBesideThePolicy(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	list(t, folder, "lists/cluster.txt", "\ufeffregistry.example/team/app:v1\r\n\r\n# a comment\r\nnginx\r\n")
	list(t, folder, "nomad.txt", "# made 2026-11-25T08:00:00Z\nnginx\n")
	lists, err := policyfile.InUse(filepath.Join(folder, "policy.yaml"), read(t, twoLists))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"lists/cluster.txt 2026-11-26T12:00:00Z", "nomad.txt 2026-11-25T08:00:00Z"}
	if diff := cmp.Diff(want, names(lists)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rule := read(t, twoLists).Keep()[0]
	tags, _, err := lists[0].Held("registry.example", "team/app", rule, written)
	if err != nil || len(tags) != 1 || tags[0] != "v1" {
		t.Errorf("held: %q, %v", tags, err)
	}
}

func TestAnAbsolutePathIsNotRelativeToThePolicy(t *testing.T) {
	t.Parallel()
	path := list(t, t.TempDir(), "list.txt", "nginx\n")
	p := read(t, "version: 1\nkeep: [{file: '"+path+"'}]\nremove: [{tags: '*'}]\n")
	for _, policyPath := range []string{"elsewhere/policy.yaml", "-", ""} {
		if lists, err := policyfile.InUse(policyPath, p); err != nil || len(lists) != 1 || lists[0].Name() != path {
			t.Errorf("%q: %v", policyPath, err)
		}
	}
}

func TestAPolicyWithoutListsNeedsNone(t *testing.T) {
	t.Parallel()
	p := read(t, "version: 1\nremove: [{tags: '*'}]\n")
	if lists, err := policyfile.InUse("none/policy.yaml", p); err != nil || lists != nil {
		t.Errorf("%v, %v", lists, err)
	}
	_, err := policyfile.InUse("policy.yaml", p, "list.txt")
	checkInUse(t, err, policy.InUseForeign, "no keep rule names a list")
}

func checkInUse(t *testing.T, err error, detail policy.InUseDetail, parts ...string) {
	t.Helper()
	fault, ok := errors.AsType[*policy.InUseError](err)
	if !ok || fault.Detail != detail {
		t.Errorf("not an error that a list is %s: %v", detail, err)
		return
	}
	contains(t, err.Error(), parts...)
}

func TestAListThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	policyPath := filepath.Join(folder, "policy.yaml")
	_, err := policyfile.InUse(policyPath, read(t, twoLists))
	checkInUse(t, err, policy.InUseMissing, `"lists/cluster.txt"`, filepath.Join(folder, "nomad.txt"), "cannot read the file")

	list(t, folder, "lists/cluster.txt", "nginx\nError from server (Forbidden)\n")
	list(t, folder, "nomad.txt", "\xff\xfen\x00")
	_, err = policyfile.InUse(policyPath, read(t, twoLists))
	checkInUse(t, err, policy.InUseMalformed, `"lists/cluster.txt", line 2`, `"nomad.txt", line 1`, "UTF-16")

	if err := os.Mkdir(filepath.Join(folder, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = policyfile.InUse(policyPath, read(t, "version: 1\nkeep: [{file: folder}]\nremove: [{tags: '*'}]\n"))
	checkInUse(t, err, policy.InUseMissing, "cannot read the file")
}

func TestAListThatIsTooLongIsNotCutOff(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := list(t, folder, "list.txt", "nginx\n")
	if err := os.Truncate(path, policyfile.MaxInUse); err != nil { // zeros at the end
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("#", 62) + "\n"
	if _, err := f.WriteAt([]byte("#"+strings.Repeat(line, (policyfile.MaxInUse+1)/len(line)+1)), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = policyfile.Newer([]string{"list.txt"}, []string{path})
	checkInUse(t, err, policy.InUseMissing, "it is larger than")
}

func TestANewerFileTakesThePlaceOfAList(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	old := list(t, folder, "lists/cluster.txt", "nginx\n")
	other := list(t, folder, "new/cluster.txt", "# made 2026-11-26T13:00:00Z\nnginx\n")
	odd := list(t, folder, "new/a=b.txt", "# made 2026-11-26T14:00:00Z\nnginx\n")
	list(t, folder, "nomad.txt", "nginx\n")
	const cluster, nomad = "lists/cluster.txt ", "nomad.txt 2026-11-26T12:00:00Z"
	for _, c := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"none", nil, []string{cluster + "2026-11-26T12:00:00Z", nomad}},
		{"by the last part of the name", []string{other}, []string{cluster + "2026-11-26T13:00:00Z", nomad}},
		{"by name", []string{"lists/cluster.txt=" + odd}, []string{cluster + "2026-11-26T14:00:00Z", nomad}},
		{"both", []string{"nomad.txt=" + odd, other}, []string{cluster + "2026-11-26T13:00:00Z", "nomad.txt 2026-11-26T14:00:00Z"}},
	} {
		lists, err := policyfile.InUse(filepath.Join(folder, "policy.yaml"), read(t, twoLists), c.files...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, names(lists)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	_, err := policyfile.InUse(filepath.Join(folder, "policy.yaml"), read(t, twoLists), odd)
	checkInUse(t, err, policy.InUseForeign, "write NAME=FILE", `"lists/cluster.txt" "nomad.txt"`)
	_, err = policyfile.InUse(filepath.Join(folder, "policy.yaml"), read(t, twoLists), old, other)
	checkInUse(t, err, policy.InUseForeign, "two files are given")
	_, err = policyfile.Newer([]string{"a/x.txt", "b/x.txt"}, []string{"c/x.txt"})
	checkInUse(t, err, policy.InUseForeign, "write NAME=FILE")

	lists, err := policyfile.Newer([]string{"in-use.txt"}, []string{odd})
	if err != nil || len(lists) != 1 || lists[0].Name() != "in-use.txt" {
		t.Errorf("the only list: %v", err)
	}
	if lists, err := policyfile.Newer([]string{"in-use.txt"}, nil); err != nil || lists != nil {
		t.Errorf("no files: %v, %v", lists, err)
	}
}
