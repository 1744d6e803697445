package differential_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The fake's collectors leave what the real ones leave: the same manifests and the same blobs.
func TestFakeRegistriesCollectTheSameGarbage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind     registry.Kind
		profile  fakeregistry.Profile
		untagged bool
		grace    time.Duration
	}{
		{registry.Distribution2(), fakeregistry.Distribution2(), false, 0},
		{registry.Distribution2(), fakeregistry.Distribution2(), true, 0},
		{registry.Distribution3(), fakeregistry.Distribution3(), false, 0},
		{registry.Distribution3(), fakeregistry.Distribution3(), true, 0},
		{registry.Olareg(), fakeregistry.Olareg(), false, 0},
		{registry.Olareg(), fakeregistry.Olareg(), true, 0},
		{registry.Olareg(), fakeregistry.Olareg(), false, time.Hour},
		{registry.Olareg(), fakeregistry.Olareg(), true, time.Hour},
	} {
		collector := test.profile.Collectors[0]
		if test.untagged {
			collector = test.profile.Collectors[1]
		}
		name := test.kind.Name + " " + collector.Name
		if test.grace > 0 {
			collector, name = collector.SparingSince(0), name+" with grace"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			real := test.kind.Start(t, registry.Setup{Root: root})
			reg := test.profile.New()
			fake := httptest.NewServer(reg)
			t.Cleanup(fake.Close)

			want, got := newGarbage(t, real.URL, test.kind.TagDelete), newGarbage(t, fake.URL, test.kind.TagDelete)
			if err := real.CollectGarbage(t, test.untagged, test.grace, "derek/busybox", "derek/other"); err != nil {
				t.Fatal(err)
			}
			reg.Restart() // olareg collects in a process of its own
			if _, err := reg.CollectGarbage(collector); err != nil {
				t.Fatal(err)
			}
			reg.Restart()
			url := test.kind.Start(t, registry.Setup{Root: root}).URL // the first one may have a cache
			if diff := cmp.Diff(want.left(t, url), got.left(t, fake.URL)); diff != "" {
				t.Errorf("left (-real +fake):\n%s", diff)
			}
		})
	}
}

// A repository that has manifests but has never had a tag.
func TestFakeRegistriesCollectTheSameGarbageWithoutAnyTag(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind    registry.Kind
		profile fakeregistry.Profile
	}{{registry.Distribution2(), fakeregistry.Distribution2()}, {registry.Distribution3(), fakeregistry.Distribution3()}} {
		t.Run(test.kind.Name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			real := test.kind.Start(t, registry.Setup{Root: root})
			reg := test.profile.New()
			fake := httptest.NewServer(reg)
			t.Cleanup(fake.Close)
			image := wire.OCIImage(t, "hello")
			for _, url := range []string{real.URL, fake.URL} {
				wire.Repository{URL: url, Name: repository}.Push(t, image)
			}
			want := real.CollectGarbage(t, true, 0)
			_, got := reg.CollectGarbage(test.profile.Collectors[1])
			if (want == nil) != (got == nil) {
				t.Errorf("error %v, want one as the real one: %v", got, want)
			}
			url := test.kind.Start(t, registry.Setup{Root: root}).URL
			left := func(url string) bool {
				return wire.Repository{URL: url, Name: repository}.HasManifest(t, image.Digest.String())
			}
			if got, want := left(fake.URL), left(url); got != want {
				t.Errorf("the image is left: %v, want %v as in the real one", got, want)
			}
		})
	}
}

// garbage is what a registry contains, by name.
type garbage map[string]stored

type stored struct {
	repository string
	artifact   wire.Artifact
}

// newGarbage fills a registry with manifests of all kinds, and deletes some of them.
func newGarbage(t *testing.T, url string, tagDelete bool) garbage {
	t.Helper()
	g := garbage{}
	push := func(name string, a wire.Artifact, tags ...string) wire.Artifact {
		repo := wire.Repository{URL: url, Name: repository}
		if strings.HasPrefix(name, "other: ") {
			repo.Name = "derek/other"
		}
		repo.Push(t, a, tags...)
		g[name] = stored{repo.Name, a}
		return a
	}
	image := func(name string, tags ...string) wire.Artifact { return push(name, wire.OCIImage(t, name), tags...) }
	referrer := func(name string, subject wire.Artifact, tags ...string) wire.Artifact {
		return push(name, wire.Referrer(t, subject, "application/vnd.example.note", name), tags...)
	}
	index := func(name string, tags []string, children ...wire.Artifact) wire.Artifact {
		return push(name, wire.OCIIndex(t, children...), tags...)
	}
	remove := func(references ...string) {
		for _, reference := range references {
			answer := wire.Repository{URL: url, Name: repository}.Do(t, http.MethodDelete, "manifests/"+reference)
			if answer.Status != http.StatusAccepted {
				t.Fatalf("DELETE %s: %s", reference, answer)
			}
		}
	}

	tagged, lone, deleted := image("tagged", "tagged"), image("lone"), image("deleted", "deleted")
	index("index", []string{"index"}, image("child"), image("tagged child", "child"))
	index("untagged index", nil, image("child of untagged index"), image("tagged child of untagged index", "of-untagged"))
	index("outer index", []string{"outer"}, index("inner index", nil, image("grandchild")))
	dropped := index("deleted index", []string{"dropped"}, image("child of deleted index"), image("tagged child of deleted index", "of-dropped"))
	broken := index("index without a child", []string{"broken"}, image("deleted child"), image("its sibling"))
	push("list", wire.DockerManifestList(t, push("docker child", wire.DockerImage(t, "docker"))), "list")
	referrer("about tagged", tagged)
	referrer("about lone", lone)
	referrer("about about deleted", referrer("about deleted", deleted))
	referrer("tagged about deleted", deleted, "about")
	referrer("about absent", wire.OCIImage(t, "absent"))
	push("list of referrers", wire.ReferrerList(t, referrer("listed about tagged", tagged)), wire.FallbackTag(digest.FromString("subject")))
	image("untagged", "untagged", "kept")
	image("moved away", "moved")
	image("moved to", "moved")
	again := index("deleted index of a child that is pushed again", []string{"again"}, image("pushed again"))
	push("pushed again", again.Children[0])
	shared, held := image("shared", "shared"), image("held elsewhere")
	push("other: shared", shared, "shared")
	push("other: held elsewhere", held, "held")
	push("other: index", wire.OCIIndex(t, held, wire.OCIImage(t, "child")), "index")
	wire.Repository{URL: url, Name: repository}.PushBlob(t, []byte("blob"))
	g["blob"] = stored{repository, wire.Artifact{Digest: digest.FromString("absent"), Blobs: [][]byte{[]byte("blob")}}}

	remove(deleted.Digest.String(), dropped.Digest.String(), broken.Children[0].Digest.String(), again.Digest.String(), shared.Digest.String())
	if tagDelete {
		remove("untagged", "kept")
	}
	return g
}

// left describes which manifests and blobs a registry has.
func (g garbage) left(t *testing.T, url string) []string {
	t.Helper()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(g)) {
		repo := wire.Repository{URL: url, Name: g[name].repository}
		line := name + ":"
		if repo.HasManifest(t, g[name].artifact.Digest.String()) {
			line += " manifest"
		}
		for _, blob := range g[name].artifact.Blobs {
			if repo.HasBlob(t, digest.FromBytes(blob)) {
				line += " blob"
			}
		}
		all = append(all, line)
	}
	return all
}
