package undo_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// FuzzIndex opens an archive with any index, which ends with the right digest. Either that is
// an error about the index, or the archive holds exactly what its plan names: each manifest
// under its tags, or among what is missing.
func FuzzIndex(f *testing.F) {
	x := newFixture(f)
	x.archive(f)
	good := string(x.store.files["index.json"])
	body := good[:strings.Index(good, `"com.github.seed-8cb7cc86.regret.content"`)]
	f.Add(body)
	f.Add(strings.Replace(body, `.missing":""`, `.missing":"`+string(x.image.Digest)+`"`, 1))
	f.Add(strings.Replace(body, "pr-1-amd64", "../../etc/passwd", 1))
	f.Add(body[:len(body)/2])
	f.Add(strings.Replace(body, `"size":`, `"size":-`, 1))
	f.Add(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{`)
	want := map[regret.Digest][]string{}
	for step := range x.plan.Steps() {
		if step.Action == plan.Delete {
			want[step.Digest] = slices.Clone(step.Tags)
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		store := x.store.clone()
		store.files["index.json"] = seal(body)
		a, err := undo.Open(t.Context(), store)
		if err != nil {
			if corrupt, ok := errors.AsType[*undo.CorruptError](err); !ok || corrupt.Name != "index.json" || len(err.Error()) > 2000 {
				t.Fatalf("got %v", err)
			}
			return
		}
		got := map[regret.Digest][]string{}
		for e := range a.Entries() {
			got[e.Descriptor.Digest] = e.Tags
			m, err := a.Manifest(t.Context(), e.Descriptor.Digest)
			if err == nil && m.Descriptor.MediaType+"\n"+string(m.Raw) != x.before.Manifests[e.Descriptor.Digest] {
				t.Fatalf("%s is read as %v", e.Descriptor.Digest, m)
			}
		}
		for _, dgst := range a.Missing() {
			if _, twice := got[dgst]; twice {
				t.Fatalf("%s is there and missing", dgst)
			}
			got[dgst] = want[dgst]
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("entries (-plan +archive):\n%s", diff)
		}
	})
}

// FuzzRestore restores a list of referrers with any content where another list is by now:
// no panic, and no entry of the list that is there is dropped.
func FuzzRestore(f *testing.F) {
	list := func(entries string) string {
		return `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` + entries + `]}`
	}
	entry := `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` + strings.Repeat("a", 64) + `","size":5}`
	f.Add(list(entry))
	f.Add(list(""))
	f.Add(list(entry + "," + entry))
	f.Add(list(`{"digest":1}`))
	f.Add(list(`{"digest":"sha256:../.."}`))
	f.Add(`{"schemaVersion":2,"manifests":null}`)
	f.Add(`{"schemaVersion":2,"manifests":[{}],"manifests":[]}`)
	x := newFixture(f)
	x.archive(f)
	f.Fuzz(func(t *testing.T, there string) {
		w := &listWriter{tag: companion(x.index.Digest), there: indexManifest(there)}
		report, err := undo.Restore(t.Context(), w, x.store, nil)
		if err != nil {
			t.Fatal(err)
		}
		result := resultOf(t, report, w.tag)
		if !result.Status.IsBack() {
			if w.put != nil || result.Found != w.there.Descriptor.Digest {
				t.Fatalf("it pushes %v: %v", w.put, result)
			}
			return
		}
		has := map[regret.Digest]bool{}
		for _, dgst := range digestsIn(w.now().Raw) {
			has[dgst] = true
		}
		for _, dgst := range append(digestsIn(w.there.Raw), x.referrer.Digest) {
			if !has[dgst] {
				t.Fatalf("%s is not in the list %s: %v", dgst, w.now().Raw, result)
			}
		}
	})
}

func indexManifest(raw string) *regret.Manifest {
	d := regret.Descriptor{MediaType: "application/vnd.oci.image.index.v1+json", Digest: regret.Digest(digestOf([]byte(raw))), Size: int64(len(raw))}
	return &regret.Manifest{Descriptor: d, Raw: []byte(raw)}
}

// A listWriter is a repository that has every manifest, and no tag but one.
type listWriter struct {
	undo.Writer
	tag        string
	there, put *regret.Manifest
}

// now returns what the tag points to.
func (w *listWriter) now() *regret.Manifest { return cmp.Or(w.put, w.there) }

func (w *listWriter) Registry() string { return host }

func (w *listWriter) Resolve(_ context.Context, _, reference string) (regret.Descriptor, error) {
	if reference == w.tag {
		return w.now().Descriptor, nil
	}
	return regret.Descriptor{Digest: regret.Digest(reference)}, nil
}

func (w *listWriter) Manifest(context.Context, string, string) (*regret.Manifest, error) {
	return w.now(), nil
}

func (w *listWriter) PutManifest(_ context.Context, _, reference string, m *regret.Manifest) error {
	if reference == w.tag {
		w.put = m
	}
	return nil
}
