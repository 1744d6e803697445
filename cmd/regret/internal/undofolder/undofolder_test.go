package undofolder_test

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/undofolder"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A fixture is a plan that removes one image, and the registry that it is for.
type fixture struct {
	client *regret.Client
	plan   *plan.Plan
}

func newFixture(t *testing.T, content string) *fixture {
	t.Helper()
	reg := fakeregistry.New()
	server := httptest.NewServer(reg)
	t.Cleanup(server.Close)
	reg.PutImage("team/app", content, "pr-1")
	reg.PutImage("team/app", "kept", "latest")
	client, err := regret.New(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policy.Parse([]byte(`{"version": 1, "remove": [{"tags": "pr-*"}], "limits": {"max-percent": 100, "min-left": 0}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := prune.Make(t.Context(), client, "team/app", rules, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{client, p}
}

func open(t *testing.T, path string, p *plan.Plan) *undofolder.Folder {
	t.Helper()
	f, err := undofolder.Open(t.Context(), path, p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func names(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

var today = time.Date(2026, 11, 26, 23, 59, 0, 0, time.UTC)

const someDigest = regret.Digest("sha256:77ad03c1be52f9aa77ad03c1be52f9aa77ad03c1be52f9aa77ad03c1be52f9aa")

func TestName(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3600)
	for _, day := range []time.Time{today, today.In(zone)} {
		if got := undofolder.Name(someDigest, day); got != "20261126-77ad03c1be52" {
			t.Error(got)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "one")
	dgst := f.plan.Digest()
	var content bytes.Buffer
	if _, err := f.plan.WriteTo(&content); err != nil {
		t.Fatal(err)
	}
	digits := dgst.Encoded()[:12]
	for name, test := range map[string]struct {
		there map[string]string // plan.json, by folder
		want  string
	}{
		"one for today, if there is none":             {nil, "20261126-" + digits},
		"that of an earlier day":                      {map[string]string{"20261101-" + digits: content.String()}, "20261101-" + digits},
		"the newest of several":                       {map[string]string{"20261101-" + digits: content.String(), "20261102-" + digits: content.String()}, "20261102-" + digits},
		"not one that has another plan":               {map[string]string{"20261101-" + digits: "{}"}, "20261126-" + digits},
		"not one with a name that is not that of one": {map[string]string{"20261301-" + digits: content.String(), "undo": content.String(), digits: content.String()}, "20261126-" + digits},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := filepath.Join(t.TempDir(), "undo")
			for folder, content := range test.there {
				path := filepath.Join(parent, folder)
				if err := errors.Join(os.MkdirAll(path, 0o700), os.WriteFile(filepath.Join(path, "plan.json"), []byte(content), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := undofolder.Find(parent, dgst, today)
			if err != nil || got != filepath.Join(parent, test.want) {
				t.Errorf("%s, %v; want %s", got, err, test.want)
			}
			if len(test.there) == 0 && names(t, filepath.Dir(parent)) != nil {
				t.Error("looking for a folder creates one")
			}
		})
	}
	t.Run("a parent that is a file is an error", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := undofolder.Find(file, dgst, today); err == nil {
			t.Error(got)
		}
	})
}

func TestFolderOfARun(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "one")
	path := filepath.Join(t.TempDir(), "a", "b")
	if undofolder.Finished(path, f.plan) != nil {
		t.Error("what is not there is finished")
	}
	folder := open(t, path, f.plan)
	if diff := cmp.Diff([]string{"journal.jsonl", "plan.json"}, names(t, path)); diff != "" {
		t.Errorf("before the run (-want +got):\n%s", diff)
	}
	report, err := apply.Apply(t.Context(), f.client, f.plan, folder.Store(), &apply.Options{Journal: folder.Journal()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(folder.WriteReport(t.Context(), report), folder.Discard()); err != nil { // something was begun
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"blobs", "index.json", "journal.jsonl", "oci-layout", "plan.json", "report.json"}, names(t, path)); diff != "" {
		t.Errorf("after the run (-want +got):\n%s", diff)
	}
	written, err := os.ReadFile(filepath.Join(path, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := report.MarshalJSON()
	if !bytes.Equal(written, want) {
		t.Errorf("report.json is %s, want %s", written, want)
	}
	finished := undofolder.Finished(path, f.plan)
	if finished == nil || finished.Count(apply.Deleted) != 1 {
		t.Errorf("finished is %v", finished)
	}
}

func TestOpenRefusesTheFolderOfAnotherPlan(t *testing.T) {
	t.Parallel()
	one, other := newFixture(t, "one"), newFixture(t, "other")
	path := t.TempDir()
	if err := open(t, path, one.plan).Close(); err != nil {
		t.Fatal(err)
	}
	before := names(t, path)
	_, err := undofolder.Open(t.Context(), path, other.plan)
	if !errors.Is(err, undo.ErrOtherPlan) || !slices.Equal(before, names(t, path)) {
		t.Errorf("%v; there is %v", err, names(t, path))
	}
}

func TestOpenRefusesAFolderThatIsOpen(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "one")
	path := t.TempDir()
	first := open(t, path, f.plan)
	if _, err := undofolder.Open(t.Context(), path, f.plan); !errors.Is(err, undofolder.ErrRunning) {
		t.Errorf("a second process: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path, f.plan).Close(); err != nil {
		t.Errorf("after the first is closed: %v", err)
	}
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "one")
	t.Run("a folder in which nothing was begun goes, and so does an empty default folder above", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		if err := open(t, filepath.Join(root, undofolder.Default, "one"), f.plan).Discard(); err != nil || names(t, root) != nil {
			t.Errorf("%v; there is %v", err, names(t, root))
		}
	})
	t.Run("a folder that was there before stays", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		if err := open(t, path, f.plan).Close(); err != nil {
			t.Fatal(err)
		}
		if err := open(t, path, f.plan).Discard(); err != nil || len(names(t, path)) != 2 {
			t.Errorf("%v; there is %v", err, names(t, path))
		}
	})
	t.Run("what else is in the folder stays", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		if err := os.WriteFile(filepath.Join(path, "mine"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open(t, path, f.plan).Discard(); err != nil || !slices.Equal(names(t, path), []string{"mine"}) {
			t.Errorf("%v; there is %v", err, names(t, path))
		}
	})
}

func TestRetire(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "one")
	path := t.TempDir()
	folder := open(t, path, f.plan)
	if _, err := undofolder.Retire(path); !errors.Is(err, undofolder.ErrRunning) {
		t.Errorf("while a run is writing: %v", err)
	}
	report, err := apply.Apply(t.Context(), f.client, f.plan, folder.Store(), &apply.Options{Journal: folder.Journal()})
	if err := errors.Join(err, folder.WriteReport(t.Context(), report), folder.Close()); err != nil {
		t.Fatal(err)
	}
	for n, want := range [][]string{{"journal-1.jsonl", "journal.jsonl", "report-1.json"}, {"journal-1.jsonl", "journal-2.jsonl", "journal.jsonl", "report-1.json"}} {
		release, err := undofolder.Retire(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := undofolder.Open(t.Context(), path, f.plan); !errors.Is(err, undofolder.ErrRunning) {
			t.Errorf("while something is restored: %v", err)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(names(t, path), func(name string) bool {
			return !strings.HasPrefix(name, "journal") && !strings.HasPrefix(name, "report")
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		if undofolder.Finished(path, f.plan) != nil {
			t.Error("it is still finished")
		}
		if err := os.WriteFile(filepath.Join(path, "journal.jsonl"), []byte(strings.Repeat("x", n+1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("what has no journal is left as it is", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		release, err := undofolder.Retire(path)
		if err := errors.Join(err, release()); err != nil || names(t, path) != nil {
			t.Errorf("%v; there is %v", err, names(t, path))
		}
	})
}
