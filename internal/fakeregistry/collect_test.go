package fakeregistry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// collect collects garbage.
func (f *family) collect(c fakeregistry.Collector) []fakeregistry.Collected {
	f.t.Helper()
	collected, err := f.c.reg.CollectGarbage(c)
	if err != nil {
		f.t.Fatal(err)
	}
	return collected
}

// fill stores manifests of all kinds, deletes some of them, and stores some more, which are young.
func (f *family) fill() fakeregistry.Moment {
	tagged := f.image("tagged", "v1")
	lone := f.image("lone")
	f.index("index", "multi", f.image("child"), f.image("tagged child", "c1"))
	f.index("loose index", "", f.image("child of loose"))
	f.index("outer index", "outer", f.index("inner index", "", f.image("child of inner")))
	dropped := f.index("dropped index", "dropped", f.image("child of dropped"), f.image("tagged child of dropped", "c2"))
	deleted := f.image("deleted", "v2")
	f.referrer("about tagged", tagged)
	f.referrer("about lone", lone)
	f.referrer("about about deleted", f.referrer("about deleted", deleted))
	f.referrer("tagged about deleted", deleted, "about")
	f.referrer("about absent", fakeregistry.New().PutImage("a", "absent"))
	f.cosign("signature of tagged", tagged, ".sig", cosignLayer)
	f.cosign("signature of deleted", deleted, ".sig", "text/plain")
	f.cosign("attestation of deleted", deleted, ".att", "text/plain")
	f.c.reg.PutBlob("a", []byte("blob"))
	for _, dgst := range []string{deleted.Digest.String(), dropped.Digest.String()} {
		f.c.do("DELETE", "/v2/a/manifests/"+dgst, "").want(f.t, 202)
	}
	now := f.c.reg.Now()
	f.image("young")
	f.c.reg.PutBlob("a", []byte("young blob"))
	return now
}

// A collector takes what the real one takes. The integration tests compare those that can be run.
func TestCollectorsTakeWhatTheRegistryTakes(t *testing.T) {
	t.Parallel()
	const deleted = "deleted, dropped index"
	for _, test := range []struct {
		profile   fakeregistry.Profile
		collector string
		gone      string // manifests that are gone then, with those that were deleted
		sparing   string // the same if what is young is spared, "" for the same
		blobs     string // which of the blobs "blob", "young blob" and the layer of "deleted" are left
	}{
		{fakeregistry.Distribution2(), "garbage-collect", deleted, "", ""},
		{fakeregistry.Distribution2(), "garbage-collect --delete-untagged", deleted + ", about about deleted, about absent, about deleted, about lone, about tagged, " +
			"child, child of dropped, child of inner, child of loose, inner index, lone, loose index, young", "", ""},
		{fakeregistry.Distribution3(), "garbage-collect", deleted, "", ""},
		{fakeregistry.Distribution3(), "garbage-collect --delete-untagged", deleted + ", about about deleted, about absent, about deleted, about lone, about tagged, " +
			"child of dropped, child of loose, lone, loose index, young", "", ""},
		{fakeregistry.Zot(), "gc", deleted + ", child of dropped, child of loose, lone, loose index, young",
			deleted + ", child of dropped, child of loose, lone, loose index", "young blob"},
		{fakeregistry.Zot(), "gc with deleteReferrers", deleted + ", about about deleted, about absent, about deleted, about lone, tagged about deleted, signature of deleted, " +
			"child of dropped, child of loose, lone, loose index, young",
			deleted + ", about about deleted, about absent, about deleted, about lone, tagged about deleted, signature of deleted, " +
				"child of dropped, child of loose, lone, loose index", "young blob"},
		{fakeregistry.Olareg(), "gc", deleted + ", about about deleted, about deleted, child of dropped", "", "young blob"},
		{fakeregistry.Olareg(), "gc with untagged", deleted + ", about about deleted, about deleted, about lone, child of dropped, child of loose, lone, loose index, young",
			deleted + ", about about deleted, about deleted, about lone, child of dropped, child of loose, lone, loose index", "young blob"},
		{fakeregistry.Harbor(), "gc", deleted + ", about about deleted, about deleted, tagged about deleted, child of dropped", "", "young blob"},
		{fakeregistry.Harbor(), "gc with delete_untagged", deleted + ", about about deleted, about deleted, tagged about deleted, child of dropped, " +
			"lone, about lone, loose index, child of loose, young", "", "young blob"},
		{fakeregistry.Quay(), "gc worker", deleted + ", signature of deleted, attestation of deleted, child of dropped, child of loose, lone, loose index, young",
			deleted + ", signature of deleted, attestation of deleted, child of dropped, child of loose, lone, loose index", "young blob"},
		{fakeregistry.Gitea(), "cleanup of packages", deleted, "", "young blob"},
	} {
		t.Run(test.profile.Name+" "+test.collector, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(test.profile.Collectors, func(c fakeregistry.Collector) bool { return c.Name == test.collector })
			if i < 0 {
				t.Fatal("the profile has no such collector")
			}
			collector := test.profile.Collectors[i]
			f := newFamily(t, test.profile)
			now := f.fill()
			if test.sparing == "" {
				test.sparing = test.gone
			}
			f.collect(collector.SparingSince(now))
			f.wantGone(strings.Split(test.sparing, ", ")...)
			var blobs []string
			for _, blob := range []string{"blob", "young blob", "deleted", "tagged"} {
				if f.c.do("HEAD", "/v2/a/blobs/"+digestOf(blob), "").StatusCode == 200 {
					blobs = append(blobs, blob)
				}
			}
			if diff := cmp.Diff(strings.TrimPrefix(test.blobs+", tagged", ", "), strings.Join(blobs, ", ")); diff != "" {
				t.Errorf("blobs left (-want +got):\n%s", diff)
			}
			f.collect(collector)
			f.wantGone(strings.Split(test.gone, ", ")...)
			f.c.do("HEAD", "/v2/a/blobs/"+digestOf("young blob"), "").want(t, 404)
			if again := f.collect(collector); len(again) > 0 {
				t.Errorf("a third run takes %v", again)
			}
		})
	}
}

func TestCollectors(t *testing.T) {
	t.Parallel()
	t.Run("are distinct, and each profile with one has a claim about it", func(t *testing.T) {
		t.Parallel()
		for _, p := range fakeregistry.Profiles() {
			var names []string
			for _, c := range p.Collectors {
				if slices.Contains(names, c.Name) || c.Evidence == "" {
					t.Errorf("%s: collector %q", p.Name, c.Name)
				}
				names = append(names, c.Name)
			}
			if len(names) > 0 && p.Evidence(fakeregistry.TopicGarbage) == fakeregistry.Unverified {
				t.Errorf("%s has collectors, but no claim about them", p.Name)
			}
		}
	})
	t.Run("report what they remove, in order", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, fakeregistry.Zot())
		image := f.image("image")
		f.c.reg.PutImage("b", "image", "v1")
		var want []string
		for _, dgst := range []string{image.Digest.String(), digestOf("image")} {
			want = append(want, "a "+dgst)
		}
		var got []string
		for _, c := range f.collect(fakeregistry.Zot().Collectors[0]) {
			if got = append(got, c.Repository+" "+c.Digest.String()); c.Manifest != (c.Digest == image.Digest) {
				t.Errorf("%v", c)
			}
		}
		slices.Sort(want)
		if len(got) != 3 || !slices.IsSorted(got) || !slices.Contains(got, want[0]) || !slices.Contains(got, want[1]) {
			t.Errorf("collected %v, want these and a config: %v", got, want)
		}
	})
	t.Run("take a manifest that was deleted and pushed again only once it is old again", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, fakeregistry.Zot())
		f.image("image")
		now := f.c.reg.Now()
		f.delete("image").want(t, 202)
		f.image("image")
		f.collect(fakeregistry.Zot().Collectors[0].SparingSince(now))
		f.wantGone()
		f.collect(fakeregistry.Zot().Collectors[0].SparingSince(f.c.reg.Now()))
		f.wantGone("image")
	})
	t.Run("spare everything in a registry that was empty", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, fakeregistry.Zot())
		now := f.c.reg.Now()
		f.image("image")
		f.collect(fakeregistry.Zot().Collectors[0].SparingSince(now))
		f.wantGone()
	})
	t.Run("of distribution 2.8 fail and remove nothing if a repository has never had a tag", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, fakeregistry.Distribution2())
		f.image("image", "v1")
		f.c.reg.PutImage("never", "image")
		f.delete("image").want(t, 202)
		if _, err := f.c.reg.CollectGarbage(fakeregistry.Distribution2().Collectors[1]); !errors.Is(err, fakeregistry.ErrNeverTagged) {
			t.Errorf("error %v", err)
		}
		f.c.do("HEAD", "/v2/a/blobs/"+digestOf("image"), "").want(t, 200)
		f.collect(fakeregistry.Distribution2().Collectors[0])
		f.c.do("HEAD", "/v2/a/blobs/"+digestOf("image"), "").want(t, 200) // another repository needs it
	})
	t.Run("of distribution 3 drop a blob that only a later repository needs", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, fakeregistry.Distribution3())
		f.image("image")
		f.c.reg.PutImage("b", "image", "v1")
		f.c.reg.PutImage("c", "image")
		f.collect(fakeregistry.Distribution3().Collectors[1])
		f.wantGone()
		for repo, status := range map[string]int{"a": 404, "b": 200, "c": 200} {
			f.c.do("HEAD", "/v2/"+repo+"/blobs/"+digestOf("image"), "").want(t, status)
		}
	})
	t.Run("of olareg leave the content of a deleted child of an index, and that of its children", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, fakeregistry.Olareg())
		f.index("outer", "outer", f.index("inner", "", f.image("image")))
		f.delete("image").want(t, 202)
		f.delete("inner").want(t, 202)
		f.collect(fakeregistry.Olareg().Collectors[0])
		f.wantGone("inner", "image")
		f.c.do("HEAD", "/v2/a/blobs/"+digestOf("image"), "").want(t, 200)
		f.c.reg.Restart()
		f.wantGone()
		f.delete("outer").want(t, 202)
		f.collect(fakeregistry.Olareg().Collectors[0])
		f.wantGone("outer", "inner", "image")
	})
	t.Run("of olareg spare what is young until the next restart", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, fakeregistry.Olareg())
		image := f.image("image", "v1")
		f.index("index", "multi", f.image("child"), f.image("tagged child", "c1"))
		f.referrer("about about image", f.referrer("about image", image))
		f.delete("image").want(t, 202)
		f.delete("index").want(t, 202)
		f.collect(fakeregistry.Olareg().Collectors[0].SparingSince(0))
		f.wantGone("image", "index")
		f.c.reg.Restart()
		f.wantGone("image", "index", "child", "about image", "about about image")
		f.c.do("HEAD", "/v2/a/blobs/"+digestOf("child"), "").want(t, 200)
	})
	t.Run("of olareg keep a referrer that is pushed after its subject was collected", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, fakeregistry.Olareg())
		image := f.image("image", "v1")
		f.delete("image").want(t, 202)
		f.collect(fakeregistry.Olareg().Collectors[0])
		f.referrer("about image", image)
		f.collect(fakeregistry.Olareg().Collectors[0])
		f.wantGone("image")
	})
	t.Run("of olareg leave a child that was pushed again by its digest", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, fakeregistry.Olareg())
		f.index("index", "multi", f.image("child"), f.image("pushed again"))
		f.image("pushed again")
		f.delete("index").want(t, 202)
		f.collect(fakeregistry.Olareg().Collectors[0])
		f.wantGone("index", "child")
	})
}
