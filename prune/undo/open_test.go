package undo_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func TestOpenFindsEveryChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	for _, name := range []string{"index.json", "plan.json", "oci-layout"} {
		t.Run("each byte of "+name, func(t *testing.T) {
			t.Parallel()
			store := f.store.clone()
			good := store.files[name]
			for i := range good {
				for _, b := range []byte{good[i] ^ 1, good[i] ^ 0x20, 0} {
					bad := slices.Clone(good)
					bad[i] = b
					store.files[name] = bad
					wantCorrupt(t, store, name)
				}
			}
		})
		t.Run(name+", cut after each byte", func(t *testing.T) {
			t.Parallel()
			store := f.store.clone()
			good := store.files[name]
			for i := range good {
				store.files[name] = good[:i]
				wantCorrupt(t, store, name)
			}
			store.files[name] = append(slices.Clone(good), ' ')
			wantCorrupt(t, store, name)
		})
	}
}

// wantCorrupt checks that an archive cannot be opened because of a file. Of a plan that was
// changed, the index can tell, too.
func wantCorrupt(t *testing.T, store undo.Store, name string) {
	t.Helper()
	_, err := undo.Open(t.Context(), store)
	_, version := errors.AsType[*plan.VersionError](err)
	corrupt, ok := errors.AsType[*undo.CorruptError](err)
	if !ok && !version || ok && corrupt.Name != name || ok && corrupt.Problem != undo.ProblemChanged {
		t.Fatalf("got %v, want %s to be changed", err, name)
	}
}

func TestOpenFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	for name, test := range map[string]struct {
		without []string
		want    error  // or
		file    string // that is missing
	}{
		"an empty store":                    {slices.Collect(maps.Keys(f.store.files)), undo.ErrNoArchive, ""},
		"no index: it was not finished":     {[]string{"index.json"}, undo.ErrUnfinished, ""},
		"no plan":                           {[]string{"plan.json"}, nil, "plan.json"},
		"no version of the layout":          {[]string{"oci-layout"}, nil, "oci-layout"},
		"a blob is only missed when needed": {[]string{blobName(f.image.Digest)}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := f.store.clone()
			for _, name := range test.without {
				delete(store.files, name)
			}
			_, err := undo.Open(t.Context(), store)
			corrupt, ok := errors.AsType[*undo.CorruptError](err)
			switch {
			case test.want != nil && !errors.Is(err, test.want),
				test.file != "" && (!ok || corrupt.Name != test.file || corrupt.Problem != undo.ProblemMissing),
				test.want == nil && test.file == "" && err != nil:
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOpenRefusesAnIndexThatThePlanDoesNotExplain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	lines := strings.SplitAfter(string(f.store.files["index.json"]), "\n")
	entry := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"pr-2"`) })
	for name, edit := range map[string]func(lines []string) []string{
		"an entry is missing":         func(l []string) []string { return slices.Delete(l, entry, entry+1) },
		"an entry is there twice":     func(l []string) []string { return slices.Insert(l, entry, l[entry]) },
		"entries have another order":  func(l []string) []string { l[entry], l[entry+1] = l[entry+1], l[entry]; return l },
		"an entry has another tag":    func(l []string) []string { l[entry] = strings.Replace(l[entry], "pr-2", "pr-3", 1); return l },
		"an entry has no tag":         func(l []string) []string { l[entry] = strings.Replace(l[entry], "ref.name", "ref.nome", 1); return l },
		"an entry has another digest": func(l []string) []string { l[entry] = strings.Replace(l[entry], "sha256:", "sha256:0", 1); return l },
		"an entry has a platform": func(l []string) []string {
			l[entry] = strings.Replace(l[entry], `"size"`, `"platform":{"os":"x","architecture":"y"},"size"`, 1)
			return l
		},
		"an entry is foreign":                                       func(l []string) []string { return slices.Insert(l, entry, foreignEntry) },
		"a manifest is said to be gone":                             func(l []string) []string { return replaceMissing(l, string(f.image.Digest)) },
		"a manifest that the plan does not name is said to be gone": func(l []string) []string { return replaceMissing(l, "sha256:"+strings.Repeat("f", 64)) },
		"the plan is another one": func(l []string) []string {
			return replaceIn(l, string(f.plan.Digest()), "sha256:"+strings.Repeat("f", 64))
		},
		"there is another member": func(l []string) []string { return replaceIn(l, `"schemaVersion":2`, `"schemaVersion":2,"more":1`) },
		"it has another version":  func(l []string) []string { return replaceIn(l, `"schemaVersion":2`, `"schemaVersion":3`) },
		"it has another type":     func(l []string) []string { return replaceIn(l, "image.index.v1", "image.index.v2") },
		"it is no JSON":           func([]string) []string { return []string{"{\n"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := f.store.clone()
			body := strings.Join(edit(slices.Clone(lines[:len(lines)-2])), "")
			store.files["index.json"] = seal(body)
			_, err := undo.Open(t.Context(), store)
			if corrupt, ok := errors.AsType[*undo.CorruptError](err); !ok || corrupt.Name != "index.json" {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("unchanged, and sealed again, it is fine", func(t *testing.T) {
		store := f.store.clone()
		store.files["index.json"] = seal(strings.Join(lines[:len(lines)-2], ""))
		if diff := cmp.Diff(f.store.files, store.files); diff != "" {
			t.Errorf("(-written +sealed):\n%s", diff)
		}
	})
}

// foreignEntry is an entry of an index that no plan names.
const foreignEntry = `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` +
	`ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","size":1},` + "\n"

func replaceIn(lines []string, from, to string) []string {
	return []string{strings.Replace(strings.Join(lines, ""), from, to, 1)}
}

func replaceMissing(lines []string, dgst string) []string {
	return replaceIn(lines, `.missing":""`, `.missing":"`+dgst+`"`)
}

// seal ends an index with the digest of what comes before, as Write does.
func seal(body string) []byte {
	return []byte(body + `"com.github.seed-8cb7cc86.regret.content":"` + digest.FromString(body).String() + `"}}` + "\n")
}

func TestManifestVerifiesWhatItReads(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.archive(t)
	name := blobName(f.image.Digest)
	good := f.store.files[name]
	for i := range good {
		f.store.files[name] = slices.Clone(good)
		f.store.files[name][i] ^= 1
		_, err := a.Manifest(t.Context(), f.image.Digest)
		if corrupt, ok := errors.AsType[*undo.CorruptError](err); !ok || corrupt.Name != name || corrupt.Problem != undo.ProblemChanged {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	delete(f.store.files, name)
	_, err := a.Manifest(t.Context(), f.image.Digest)
	if corrupt, ok := errors.AsType[*undo.CorruptError](err); !ok || corrupt.Problem != undo.ProblemMissing {
		t.Errorf("a blob that is missing: %v", err)
	}
	if _, err := a.Manifest(t.Context(), f.keep.Digest); err == nil || !strings.Contains(err.Error(), string(f.keep.Digest)) {
		t.Errorf("a manifest that stays: %v", err)
	}
}

// An unreadable store fails to read one file.
type unreadable struct {
	*memory
	name string
}

func (u unreadable) Get(ctx context.Context, name string) ([]byte, error) {
	if name == u.name {
		return nil, syscall.EIO
	}
	return u.memory.Get(ctx, name)
}

func TestOpenReportsWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	for _, name := range []string{"plan.json", "index.json", "oci-layout"} {
		_, err := undo.Open(t.Context(), unreadable{f.store, name})
		failed, ok := errors.AsType[*undo.StoreError](err)
		if !ok || failed.Op != "read" || failed.Name != name || !errors.Is(err, syscall.EIO) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
