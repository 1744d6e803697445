package undo_test

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A trashFixture is a repository with images in the trash.
type trashFixture struct {
	reg    *fakeregistry.Registry
	client *regret.Client
	images map[string]regret.Descriptor // by content
}

func newTrashFixture(t testing.TB, options ...fakeregistry.Option) *trashFixture {
	t.Helper()
	f := &trashFixture{reg: fakeregistry.New(options...), images: make(map[string]regret.Descriptor)}
	f.client = newClient(t, f.reg)
	f.put("kept", "latest")
	return f
}

// put stores an image.
func (f *trashFixture) put(content string, tags ...string) regret.Digest {
	f.images[content] = f.reg.PutImage(repository, content, tags...)
	return f.images[content].Digest
}

// A trashed is an image in the trash, with the names that it had.
type trashed struct {
	content string
	names   []string
}

var (
	monday  = trash.New(time.Date(2026, 1, 26, 0, 0, 0, 0, time.UTC), digest.FromString("plan of Monday"), "")
	tuesday = trash.New(time.Date(2026, 1, 27, 0, 0, 0, 0, time.UTC), digest.FromString("plan of Tuesday"), "")
)

// discard puts images in the trash, as quarantine does, and returns the tag of their names.
func (f *trashFixture) discard(t testing.TB, run trash.Tag, images ...trashed) string {
	t.Helper()
	var kept []trash.Image
	for _, image := range images {
		dgst := f.put(image.content)
		f.reg.SetTag(repository, tagOf(run, dgst), dgst)
		kept = append(kept, trash.Image{Digest: dgst, Tags: image.names})
	}
	indexes, err := trash.Write(run, kept)
	if err != nil || len(indexes) != 1 {
		t.Fatal(len(indexes), err)
	}
	f.reg.PutManifest(repository, indexes[0].Tag, ocispec.MediaTypeImageIndex, indexes[0].Manifest.Raw)
	return indexes[0].Tag
}

func tagOf(run trash.Tag, dgst regret.Digest) string { return run.Run() + "-" + dgst.Encoded()[:12] }

// restore restores, and fails if that cannot begin.
func (f *trashFixture) restore(t testing.TB, o *undo.RestoreOptions) *undo.Report {
	t.Helper()
	report, err := undo.RestoreTrash(t.Context(), f.client, repository, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// wantTags compares the tags with the contents that they should lead to.
func (f *trashFixture) wantTags(t testing.TB, want map[string]string) {
	t.Helper()
	byDigest := make(map[regret.Digest]string)
	for content, d := range f.images {
		byDigest[d.Digest] = content
	}
	got := make(map[string]string)
	for tag, dgst := range f.reg.Tags(repository) {
		got[tag] = byDigest[dgst]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestRestoreTrash(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t)
	names := f.discard(t, monday, trashed{"a", []string{"pr-1", "pr-1-amd64"}}, trashed{"b", []string{"pr-2"}})
	a, b := tagOf(monday, f.images["a"].Digest), tagOf(monday, f.images["b"].Digest)
	before := f.reg.Tags(repository)
	f.reg.ResetLog()

	t.Run("a dry run writes nothing, and reports the same", func(t *testing.T) {
		dry := f.restore(t, &undo.RestoreOptions{DryRun: true})
		if writes := f.reg.Writes(); len(writes) > 0 || !maps.Equal(before, f.reg.Tags(repository)) {
			t.Errorf("writes: %v", writes)
		}
		f.reg.ResetLog()
		report := f.restore(t, nil)
		if diff := cmp.Diff(dry.Results, report.Results); diff != "" {
			t.Errorf("results (-dry run +restored):\n%s", diff)
		}
		want := map[string]undo.Status{
			"pr-1": undo.Restored, "pr-1-amd64": undo.Restored, "pr-2": undo.Restored, a: undo.Removed, b: undo.Removed, names: undo.Removed,
		}
		if diff := cmp.Diff(want, outcomes(report)); diff != "" || !report.IsComplete() {
			t.Errorf("results (-want +got):\n%s", diff)
		}
		if got, want := report.String(), "registry.example/team/app: 3 restored, 3 removed"; got != want {
			t.Errorf("the report says %q, not %q", got, want)
		}
	})
	t.Run("tags are back before an image leaves the trash, and the names go last", func(t *testing.T) {
		var sent []string
		for _, req := range f.reg.Writes() {
			sent = append(sent, req.Method+" "+strings.TrimPrefix(req.Path, "/v2/"+repository+"/manifests/"))
		}
		before := func(first, second string) {
			i, j := slices.Index(sent, first), slices.Index(sent, second)
			if i < 0 || j < 0 || i > j {
				t.Errorf("%s is not sent before %s: %v", first, second, sent)
			}
		}
		before("PUT pr-1", "DELETE "+a)
		before("PUT pr-1-amd64", "DELETE "+a)
		before("PUT pr-2", "DELETE "+b)
		before("DELETE "+a, "DELETE "+names)
		before("DELETE "+b, "DELETE "+names)
		if len(sent) != 7 { // and the index of names by its digest
			t.Errorf("writes: %v", sent)
		}
		f.wantTags(t, map[string]string{"latest": "kept", "pr-1": "a", "pr-1-amd64": "a", "pr-2": "b"})
	})
	t.Run("a second time there is nothing to do", func(t *testing.T) {
		f.reg.ResetLog()
		if report := f.restore(t, nil); len(report.Results) != 0 || !report.IsComplete() || len(f.reg.Writes()) > 0 {
			t.Errorf("%s, writes: %v", report, f.reg.Writes())
		}
	})
}

func TestRestoreTrashOfTagsThatAreInUse(t *testing.T) {
	t.Parallel()
	setUp := func(t *testing.T) (*trashFixture, string) {
		f := newTrashFixture(t)
		names := f.discard(t, monday, trashed{"a", []string{"pr-1", "pr-1-amd64"}}, trashed{"b", []string{"pr-2"}})
		f.put("newer", "pr-1")
		return f, names
	}
	t.Run("a tag that points elsewhere by now is left, and its image stays in the trash with its names", func(t *testing.T) {
		t.Parallel()
		f, names := setUp(t)
		report := f.restore(t, nil)
		a := tagOf(monday, f.images["a"].Digest)
		if r := resultOf(t, report, "pr-1"); r.Status != undo.Elsewhere || r.Found != f.images["newer"].Digest {
			t.Errorf("pr-1: %+v", r)
		}
		if r := resultOf(t, report, a); r.Status != undo.NotAttempted || report.IsComplete() {
			t.Errorf("the tag of the trash: %+v", r)
		}
		f.wantTags(t, map[string]string{"latest": "kept", "pr-1": "newer", "pr-1-amd64": "a", "pr-2": "b", a: "a", names: ""})
	})
	t.Run("it is moved if the caller says so", func(t *testing.T) {
		t.Parallel()
		f, _ := setUp(t)
		report := f.restore(t, &undo.RestoreOptions{Move: true})
		if r := resultOf(t, report, "pr-1"); r.Status != undo.Moved || r.Found != f.images["newer"].Digest || !report.IsComplete() {
			t.Errorf("pr-1: %+v", r)
		}
		f.wantTags(t, map[string]string{"latest": "kept", "pr-1": "a", "pr-1-amd64": "a", "pr-2": "b"})
	})
	t.Run("a tag that is back already is left alone", func(t *testing.T) {
		t.Parallel()
		f := newTrashFixture(t)
		f.discard(t, monday, trashed{"a", []string{"pr-1"}})
		f.reg.SetTag(repository, "pr-1", f.images["a"].Digest)
		report := f.restore(t, nil)
		if r := resultOf(t, report, "pr-1"); r.Status != undo.AlreadyThere {
			t.Errorf("pr-1: %+v", r)
		}
		if puts := requests(f.reg, http.MethodPut); len(puts) > 0 {
			t.Errorf("writes: %v", puts)
		}
		f.wantTags(t, map[string]string{"latest": "kept", "pr-1": "a"})
	})
}

func TestRestoreTrashOfTheSameTagTwice(t *testing.T) {
	t.Parallel()
	for _, move := range []bool{false, true} {
		f := newTrashFixture(t)
		older := f.discard(t, monday, trashed{"a", []string{"pr-1", "pr-1-old"}})
		f.discard(t, tuesday, trashed{"b", []string{"pr-1"}})
		o := &undo.RestoreOptions{Move: move, DryRun: true}
		dry := f.restore(t, o)
		o.DryRun = false
		report := f.restore(t, o)
		if diff := cmp.Diff(dry.Results, report.Results); diff != "" {
			t.Errorf("results (-dry run +restored):\n%s", diff)
		}
		for _, result := range report.Results {
			if result.Tag == "pr-1" && result.Digest == f.images["a"].Digest && (result.Status != undo.Elsewhere || result.Found != f.images["b"].Digest) {
				t.Errorf("the older image: %+v", result)
			}
		}
		f.wantTags(t, map[string]string{"latest": "kept", "pr-1": "b", "pr-1-old": "a", tagOf(monday, f.images["a"].Digest): "a", older: ""})
	}
}

// The names of many images are in more than one index, and those of one image may be, too.
func TestRestoreTrashWithTwoIndexesOfNames(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t)
	first := f.discard(t, monday, trashed{"a", []string{"pr-1"}}, trashed{"b", []string{"pr-2"}})
	rest, err := trash.Write(monday, []trash.Image{{Digest: f.images["a"].Digest, Tags: []string{"pr-1-amd64"}}})
	if err != nil {
		t.Fatal(err)
	}
	second := strings.TrimSuffix(first, "1") + "2"
	f.reg.PutManifest(repository, second, ocispec.MediaTypeImageIndex, bytes.ReplaceAll(rest[0].Manifest.Raw, []byte(first), []byte(second)))
	if report := f.restore(t, nil); report.Count(undo.Restored) != 3 || report.Count(undo.Removed) != 4 || len(report.Results) != 7 {
		t.Errorf("report: %s", report)
	}
	f.wantTags(t, map[string]string{"latest": "kept", "pr-1": "a", "pr-1-amd64": "a", "pr-2": "b"})
}

func TestRestoreTrashOfAnImageThatWasThereTwice(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t)
	f.discard(t, monday, trashed{"a", []string{"pr-1"}})
	f.discard(t, tuesday, trashed{"a", []string{"pr-1", "pr-2"}})
	if report := f.restore(t, nil); report.Count(undo.Restored) != 2 || report.Count(undo.Removed) != 4 || len(report.Results) != 6 {
		t.Errorf("report: %s", report)
	}
	f.wantTags(t, map[string]string{"latest": "kept", "pr-1": "a", "pr-2": "a"})
}
