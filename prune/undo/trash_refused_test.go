package undo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func TestRestoreTrashThatIsDamaged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, f *trashFixture, names string)
		want   map[string]undo.Status // of tags; "a" and "b" are those of the trash, "names" that of names
		tags   map[string]string      // that are left
	}{
		{
			name: "without its names, an image stays in the trash",
			damage: func(t *testing.T, f *trashFixture, names string) {
				if err := f.client.Untag(t.Context(), repository, names); err != nil {
					t.Fatal(err)
				}
			},
			want: map[string]undo.Status{"a": undo.Lost, "b": undo.Lost},
			tags: map[string]string{"latest": "kept", "a": "a", "b": "b"},
		},
		{
			name: "an image that is gone is lost, and its names go",
			damage: func(_ *testing.T, f *trashFixture, _ string) {
				f.reg.SetTag(repository, tagOf(monday, f.images["a"].Digest), digest.FromString("gone"))
			},
			want: map[string]undo.Status{"a": undo.Lost, "b": undo.Removed, "pr-2": undo.Restored, "names": undo.Removed},
			tags: map[string]string{"latest": "kept", "pr-2": "b", "a": ""},
		},
		{
			name: "a tag of the trash on another image is left there, and so are the names",
			damage: func(_ *testing.T, f *trashFixture, _ string) {
				f.reg.SetTag(repository, tagOf(monday, f.images["a"].Digest), f.images["kept"].Digest)
			},
			want: map[string]undo.Status{"a": undo.Elsewhere, "b": undo.Removed, "pr-2": undo.Restored, "names": undo.NotAttempted},
			tags: map[string]string{"latest": "kept", "pr-2": "b", "a": "kept", "names": ""},
		},
		{
			name: "an index of names that was replaced is left alone",
			damage: func(_ *testing.T, f *trashFixture, names string) {
				f.reg.SetTag(repository, names, f.images["kept"].Digest)
			},
			want: map[string]undo.Status{"a": undo.Lost, "b": undo.Lost, "names": undo.Elsewhere},
			tags: map[string]string{"latest": "kept", "a": "a", "b": "b", "names": "kept"},
		},
		{
			name: "an index of names that leads nowhere is lost",
			damage: func(_ *testing.T, f *trashFixture, names string) {
				f.reg.SetTag(repository, names, digest.FromString("gone"))
			},
			want: map[string]undo.Status{"a": undo.Lost, "b": undo.Lost, "names": undo.Lost},
			tags: map[string]string{"latest": "kept", "a": "a", "b": "b", "names": ""},
		},
		{
			name: "the names of another run are not used",
			damage: func(t *testing.T, f *trashFixture, _ string) {
				gone := tagOf(monday, f.images["a"].Digest)
				if err := f.client.Untag(t.Context(), repository, gone); err != nil {
					t.Fatal(err)
				}
				f.reg.SetTag(repository, tagOf(tuesday, f.images["a"].Digest), f.images["a"].Digest)
			},
			want: map[string]undo.Status{tagOf(tuesday, digestOfImage("a")): undo.Lost, "b": undo.Removed, "pr-2": undo.Restored, "names": undo.Removed},
			tags: map[string]string{"latest": "kept", "pr-2": "b", tagOf(tuesday, digestOfImage("a")): "a"},
		},
		{
			name: "names of which nothing is in the trash are deleted",
			damage: func(t *testing.T, f *trashFixture, _ string) {
				for _, content := range []string{"a", "b"} {
					if err := f.client.Untag(t.Context(), repository, tagOf(monday, f.images[content].Digest)); err != nil {
						t.Fatal(err)
					}
				}
			},
			want: map[string]undo.Status{"names": undo.Removed},
			tags: map[string]string{"latest": "kept"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t)
			names := f.discard(t, monday, trashed{"a", []string{"pr-1"}}, trashed{"b", []string{"pr-2"}})
			short := map[string]string{"a": tagOf(monday, f.images["a"].Digest), "b": tagOf(monday, f.images["b"].Digest), "names": names}
			long := func(name string) string {
				if tag, ok := short[name]; ok {
					return tag
				}
				return name
			}
			test.damage(t, f, names)
			report := f.restore(t, nil)
			want := map[string]undo.Status{}
			for name, status := range test.want {
				want[long(name)] = status
			}
			if diff := cmp.Diff(want, outcomes(report)); diff != "" {
				t.Errorf("results (-want +got):\n%s\n%s", diff, report)
			}
			tags := map[string]string{}
			for name, content := range test.tags {
				tags[long(name)] = content
			}
			f.wantTags(t, tags)
		})
	}
}

// digestOfImage returns the digest of an image that put stores.
func digestOfImage(content string) regret.Digest {
	return fakeregistry.New().PutImage(repository, content).Digest
}

func TestRestoreTrashThatIsRefused(t *testing.T) {
	t.Parallel()
	at := func(reference string) string { return "/v2/" + repository + "/manifests/" + reference }
	refuse := func(f *trashFixture, method, reference string, status int, code string) {
		f.reg.Intercept(0, fakeregistry.On(method, at(reference)), fakeregistry.Errors(status, code, "unsupported digest"))
	}
	for _, test := range []struct {
		name   string
		refuse func(f *trashFixture, names string)
		want   map[string]undo.Status
		tags   map[string]string
	}{
		{
			name:   "a tag that cannot be put keeps its image in the trash, and no other",
			refuse: func(f *trashFixture, _ string) { refuse(f, "PUT", "pr-1", 409, "TAG_IMMUTABLE") },
			want:   map[string]undo.Status{"pr-1": undo.Refused, "a": undo.NotAttempted, "pr-2": undo.Restored, "b": undo.Removed, "names": undo.NotAttempted},
			tags:   map[string]string{"latest": "kept", "a": "a", "pr-2": "b", "names": ""},
		},
		{
			name:   "a tag that cannot be looked at is tried another time",
			refuse: func(f *trashFixture, _ string) { refuse(f, "", "pr-1", 503, "UNAVAILABLE") },
			want:   map[string]undo.Status{"pr-1": undo.Failed, "a": undo.NotAttempted, "pr-2": undo.Restored, "b": undo.Removed, "names": undo.NotAttempted},
			tags:   map[string]string{"latest": "kept", "a": "a", "pr-2": "b", "names": ""},
		},
		{
			name: "a tag of the trash that cannot be removed is left beside the others",
			refuse: func(f *trashFixture, _ string) {
				refuse(f, "DELETE", monday.Run()+"-"+f.images["a"].Digest.Encoded()[:12], 400, "UNSUPPORTED")
			},
			want: map[string]undo.Status{"pr-1": undo.Restored, "a": undo.Refused, "pr-2": undo.Restored, "b": undo.Removed, "names": undo.NotAttempted},
			tags: map[string]string{"latest": "kept", "pr-1": "a", "a": "a", "pr-2": "b", "names": ""},
		},
		{
			name:   "an index of names that cannot be deleted is left",
			refuse: func(f *trashFixture, names string) { refuse(f, "DELETE", names, 409, "TAG_IMMUTABLE") },
			want:   map[string]undo.Status{"pr-1": undo.Restored, "a": undo.Removed, "pr-2": undo.Restored, "b": undo.Removed, "names": undo.Refused},
			tags:   map[string]string{"latest": "kept", "pr-1": "a", "pr-2": "b", "names": ""},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t)
			names := f.discard(t, monday, trashed{"a", []string{"pr-1"}}, trashed{"b", []string{"pr-2"}})
			short := map[string]string{"a": tagOf(monday, f.images["a"].Digest), "b": tagOf(monday, f.images["b"].Digest), "names": names}
			test.refuse(f, names)
			var streamed []undo.Result
			report := f.restore(t, &undo.RestoreOptions{OnResult: func(r undo.Result) { streamed = append(streamed, r) }})
			got := map[string]undo.Status{}
			for name, status := range outcomes(report) {
				for s, tag := range short {
					if tag == name {
						name = s
					}
				}
				got[name] = status
			}
			if diff := cmp.Diff(test.want, got); diff != "" || len(streamed) != len(report.Results) {
				t.Errorf("%d results were streamed; results (-want +got):\n%s\n%s", len(streamed), diff, report)
			}
			tags := map[string]string{}
			for name, content := range test.tags {
				if tag, ok := short[name]; ok {
					name = tag
				}
				tags[name] = content
			}
			f.wantTags(t, tags)
		})
	}
}

func TestRestoreTrashWhereTagsAreNotDeleted(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, fakeregistry.WithDistribution2())
	names := f.discard(t, monday, trashed{"a", []string{"pr-1"}})
	a := tagOf(monday, f.images["a"].Digest)

	report := f.restore(t, nil)
	if r := resultOf(t, report, a); r.Status != undo.Refused || !errors.Is(r.Err, regret.ErrTagDeleteUnsupported) || !strings.Contains(r.Reason, "set Overwrite") {
		t.Errorf("the tag of the trash: %+v", r)
	}
	f.wantTags(t, map[string]string{"latest": "kept", "pr-1": "a", a: "a", names: ""})

	if report := f.restore(t, &undo.RestoreOptions{Overwrite: true}); !report.IsComplete() || report.Count(undo.AlreadyThere) != 1 || report.Count(undo.Removed) != 2 {
		t.Errorf("with overwriting: %s", report)
	}
	f.wantTags(t, map[string]string{"latest": "kept", "pr-1": "a"})
}

// TestRestoreTrashAfterAnInterruptedOverwrite finds a name, and a tag of the trash, that lead to what
// UntagByOverwrite leaves when it is interrupted. That counts as nothing, and is deleted.
func TestRestoreTrashAfterAnInterruptedOverwrite(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, fakeregistry.WithDistribution2())
	f.discard(t, monday, trashed{"a", []string{"pr-1"}}, trashed{"b", []string{"pr-2"}})
	put := func(tag string) regret.Digest {
		return f.reg.PutManifest(repository, tag, ocispec.MediaTypeImageIndex,
			[]byte(`{"schemaVersion":2,"manifests":[],"annotations":{"com.github.seed-8cb7cc86.regret.placeholder":"`+tag+`"}}`)).Digest
	}
	name := put("pr-1")
	f.reg.SetTag(repository, "pr-2", f.images["b"].Digest)
	tag := put(tagOf(monday, f.images["b"].Digest))
	f.reg.ResetLog()
	if f.restore(t, &undo.RestoreOptions{Overwrite: true, DryRun: true}); len(f.reg.Writes()) > 0 {
		t.Errorf("a dry run sends %v", f.reg.Writes())
	}
	told := 0
	report := f.restore(t, &undo.RestoreOptions{Overwrite: true, OnResult: func(undo.Result) { told++ }})
	if !report.IsComplete() || report.Count(undo.Restored) != 1 || report.Count(undo.AlreadyThere) != 0 || report.Count(undo.Removed) != 3 {
		t.Errorf("report: %s", report)
	}
	if told != len(report.Results) {
		t.Errorf("it tells of %d results, and reports %d", told, len(report.Results))
	}
	if f.reg.HasManifest(repository, name) || f.reg.HasManifest(repository, tag) {
		t.Error("what was left is still there")
	}
	f.wantTags(t, map[string]string{"latest": "kept", "pr-1": "a", "pr-2": "b"})
}

func TestRestoreTrashThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"tags that cannot be listed end it": "/v2/" + repository + "/tags/list",
		"names that cannot be read end it":  "/v2/" + repository + "/manifests/" + monday.Run() + "-names-1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t)
			f.discard(t, monday, trashed{"a", []string{"pr-1"}})
			f.reg.Intercept(0, fakeregistry.On("GET", path), fakeregistry.Errors(503, "UNAVAILABLE", "no"))
			report, err := undo.RestoreTrash(t.Context(), f.client, repository, nil)
			if !errors.Is(err, regret.ErrUnavailable) || report != nil || len(f.reg.Writes()) > 0 {
				t.Errorf("report %v, error %v, writes %v", report, err, f.reg.Writes())
			}
		})
	}
	t.Run("an unknown repository is an error", func(t *testing.T) {
		t.Parallel()
		if report, err := undo.RestoreTrash(t.Context(), newTrashFixture(t).client, "unknown", nil); !errors.Is(err, regret.ErrNotFound) || report != nil {
			t.Errorf("report %v, error %v", report, err)
		}
	})
	t.Run("invalid entries in the list of tags do not matter", func(t *testing.T) {
		t.Parallel()
		f := newTrashFixture(t)
		f.discard(t, monday, trashed{"a", []string{"pr-1"}})
		f.reg.SetTag(repository, "not a tag", f.images["kept"].Digest)
		if report := f.restore(t, nil); !report.IsComplete() || report.Count(undo.Restored) != 1 {
			t.Errorf("report: %s", report)
		}
	})
}

func TestRestoreTrashUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t)
	var images []trashed
	for i := range 20 {
		images = append(images, trashed{fmt.Sprint(i), []string{fmt.Sprintf("pr-%d", i)}})
	}
	f.discard(t, monday, images...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := 0
	report, err := undo.RestoreTrash(ctx, f.client, repository, &undo.RestoreOptions{Concurrency: 1, OnResult: func(r undo.Result) {
		if r.Status == undo.Removed {
			if done++; done == 3 {
				cancel()
			}
		}
	}})
	if !errors.Is(err, context.Canceled) || report == nil || len(report.Results) != 41 {
		t.Fatalf("report %v, error %v", report, err)
	}
	if removed, rest := report.Count(undo.Removed), report.Count(undo.NotAttempted); removed != 3 || rest != 35 {
		t.Errorf("%d are removed, %d not attempted", removed, rest)
	}
	if report := f.restore(t, nil); !report.IsComplete() || len(f.reg.Tags(repository)) != 21 {
		t.Errorf("report: %s", report)
	}
}
