package undo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func readTrash(t *testing.T, f *trashFixture) *undo.Trash {
	t.Helper()
	found, err := undo.ReadTrash(t.Context(), f.client, repository, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.reg.Writes()) > 0 {
		t.Errorf("it wrote %v", f.reg.Writes())
	}
	return found
}

func TestReadTrash(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t)
	names := f.discard(t, monday, trashed{"a", []string{"pr-2", "pr-1"}}, trashed{"b", []string{"pr-3"}})
	later := f.discard(t, tuesday, trashed{"c", []string{"pr-3"}})
	f.reg.ResetLog()
	got := readTrash(t, f)
	entry := func(content string, names ...string) undo.TrashEntry {
		run := monday
		if content == "c" {
			run = tuesday
		}
		dgst := f.images[content].Digest
		return undo.TrashEntry{Tag: tagOf(run, dgst), Digest: dgst, Day: run.Day, Plan: run.Plan, Names: names}
	}
	want := &undo.Trash{
		Images: []undo.TrashEntry{entry("a", "pr-1", "pr-2"), entry("b", "pr-3"), entry("c", "pr-3")},
		Names:  []undo.TrashEntry{{Tag: names, Day: monday.Day, Plan: monday.Plan}, {Tag: later, Day: tuesday.Day, Plan: tuesday.Plan}},
	}
	slices.SortFunc(want.Images, func(a, b undo.TrashEntry) int { return strings.Compare(a.Tag, b.Tag) })
	for i := range want.Names {
		want.Names[i].Digest, _ = f.reg.Tag(repository, want.Names[i].Tag)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	counts := map[string]int{}
	for _, req := range f.reg.Requests() {
		counts[req.Method]++
	}
	if diff := cmp.Diff(map[string]int{"GET": 1 + 2, "HEAD": 3}, counts); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestReadTrashSaysWhatCannotBeRestored(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage  func(t *testing.T, f *trashFixture, names string)
		a       string // what is wrong with the image a
		names   string // and with its names
		isError error
	}{
		"nothing is wrong": {func(*testing.T, *trashFixture, string) {}, "", "", nil},
		"an image that is gone": {func(_ *testing.T, f *trashFixture, _ string) {
			f.reg.SetTag(repository, tagOf(monday, f.images["a"].Digest), digest.FromString("gone"))
		}, "the image is gone", "", nil},
		"a tag on another image": {func(_ *testing.T, f *trashFixture, _ string) {
			f.reg.SetTag(repository, tagOf(monday, f.images["a"].Digest), f.images["kept"].Digest)
		}, "it points to another image", "", nil},
		"an image that cannot be read": {func(_ *testing.T, f *trashFixture, _ string) {
			deny(f, tagOf(monday, f.images["a"].Digest))
		}, "it cannot be read", "", regret.ErrForbidden},
		"names that are gone": {func(_ *testing.T, f *trashFixture, names string) {
			f.reg.SetTag(repository, names, digest.FromString("gone"))
		}, "no index has the names", "the tag points to nothing", nil},
		"names that are something else": {func(_ *testing.T, f *trashFixture, names string) {
			f.reg.SetTag(repository, names, f.images["kept"].Digest)
		}, "no index has the names", "it points to something that is no index of names", nil},
		"names that cannot be read": {func(_ *testing.T, f *trashFixture, names string) { deny(f, names) },
			"no index has the names", "it cannot be read", regret.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t)
			names := f.discard(t, monday, trashed{"a", []string{"pr-1"}})
			test.damage(t, f, names)
			got := readTrash(t, f)
			image, index := got.Images[0], got.Names[0]
			if !strings.Contains(image.Problem, test.a) || (image.Problem == "") != (test.a == "") {
				t.Errorf("the image: %q", image.Problem)
			}
			if !strings.Contains(index.Problem, test.names) || (index.Problem == "") != (test.names == "") {
				t.Errorf("the names: %q", index.Problem)
			}
			if err := errors.Join(image.Err, index.Err); test.isError != nil && !errors.Is(err, test.isError) {
				t.Errorf("the error: %v", err)
			}
		})
	}
}

// deny makes the registry refuse to read a tag.
func deny(f *trashFixture, tag string) {
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		f.reg.Intercept(0, fakeregistry.On(method, "/v2/"+repository+"/manifests/"+tag), fakeregistry.Errors(http.StatusForbidden, "DENIED", "no"))
	}
}

func TestReadTrashAfterAnInterruptedRemoval(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t)
	f.discard(t, monday, trashed{"a", []string{"pr-1"}})
	f.reg.PutManifest(repository, tagOf(monday, f.images["a"].Digest), "application/vnd.oci.image.index.v1+json",
		[]byte(`{"schemaVersion":2,"manifests":[],"annotations":{"com.github.seed-8cb7cc86.regret.placeholder":"1"}}`))
	if got := readTrash(t, f).Images[0]; !strings.Contains(got.Problem, "was interrupted") || got.Digest != "" {
		t.Errorf("%+v", got)
	}
}

func TestReadTrashNeedsTheList(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t)
	f.reg.Intercept(0, fakeregistry.On(http.MethodGet, "/v2/"+repository+"/tags/list"), fakeregistry.Errors(http.StatusForbidden, "DENIED", "no"))
	if found, err := undo.ReadTrash(t.Context(), f.client, repository, nil); !errors.Is(err, regret.ErrForbidden) || found != nil {
		t.Errorf("%v, %v", found, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if found, err := undo.ReadTrash(ended, f.client, repository, &undo.TrashOptions{Concurrency: 1}); !errors.Is(err, context.Canceled) || found != nil {
		t.Errorf("%v, %v", found, err)
	}
}

func TestReadTrashOfARepositoryWithoutAny(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(&undo.Trash{}, readTrash(t, newTrashFixture(t)), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// Look at what is in the trash.
func ExampleReadTrash() {
	ctx := context.Background()
	client, made := examplePlan(ctx)
	if _, err := apply.Quarantine(ctx, client, made, newMemory(), nil); err != nil {
		fmt.Println(err)
		return
	}
	found, err := undo.ReadTrash(ctx, client, "team/app", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, image := range found.Images {
		fmt.Println(len(image.Plan), "digits of the plan:", image.Names, image.Problem)
	}
	// Output:
	// 8 digits of the plan: [pr-7 pr-7-rerun]
}
