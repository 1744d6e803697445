package prune_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

func dirCache(t *testing.T, path string) prune.Cache {
	t.Helper()
	cache, err := prune.DirCache(path)
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

// files returns the files below a folder.
func files(t *testing.T, folder string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			path, err = filepath.Rel(folder, path)
			all = append(all, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDirCacheKeepsContentByDigest(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "new", "cache")
	cache := dirCache(t, folder)
	content := []byte("hello")
	for _, dgst := range []regret.Digest{digest.FromBytes(content), digest.SHA512.FromBytes(content)} {
		if got, ok := cache.Get(dgst); ok {
			t.Errorf("%s is %q before it is put", dgst, got)
		}
		cache.Put(dgst, content)
		cache.Put(dgst, content)
		if got, ok := dirCache(t, folder).Get(dgst); !ok || string(got) != "hello" {
			t.Errorf("%s is %q, %t", dgst, got, ok)
		}
	}
	want := []string{
		"sha256/2c/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
		"sha512/9b/9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
	}
	if diff := cmp.Diff(want, files(t, folder)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(folder, filepath.FromSlash(want[0]))); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestDirCacheIgnoresWhatItCannotUse(t *testing.T) {
	t.Parallel()
	content := []byte("hello")
	dgst := digest.FromBytes(content)
	for name, damage := range map[string]func(folder, file string) error{
		"other content":         func(_, file string) error { return os.WriteFile(file, []byte("hallo"), 0o600) },
		"more content":          func(_, file string) error { return os.WriteFile(file, []byte("hello\n"), 0o600) },
		"half of the content":   func(_, file string) error { return os.Truncate(file, 2) },
		"no content":            func(_, file string) error { return os.Truncate(file, 0) },
		"very large content":    func(_, file string) error { return os.Truncate(file, 1<<30) },
		"a deleted file":        func(_, file string) error { return os.Remove(file) },
		"a folder in its place": func(_, file string) error { _ = os.Remove(file); return os.Mkdir(file, 0o700) },
		"a deleted cache":       func(folder, _ string) error { return os.RemoveAll(folder) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			cache := dirCache(t, folder)
			cache.Put(dgst, content)
			if err := damage(folder, filepath.Join(folder, filepath.FromSlash(files(t, folder)[0]))); err != nil {
				t.Fatal(err)
			}
			if got, ok := cache.Get(dgst); ok {
				t.Errorf("it is %q", got)
			}
			cache.Put(dgst, content)
			if _, ok := cache.Get(dgst); !ok && name != "a folder in its place" {
				t.Error("it cannot be put again")
			}
			for _, file := range files(t, folder) {
				if strings.Contains(file, "new-") {
					t.Errorf("%s is left behind", file)
				}
			}
		})
	}
	folder := t.TempDir()
	cache := dirCache(t, filepath.Join(folder, "cache"))
	for _, invalid := range []regret.Digest{"", "sha256:", "sha256:../../../../etc/passwd", "../x:" + regret.Digest(dgst.Encoded()), "md5:d41d8cd98f00b204e9800998ecf8427e"} {
		cache.Put(invalid, content)
		if _, ok := cache.Get(invalid); ok {
			t.Errorf("there is %s", invalid)
		}
	}
	if all := files(t, folder); len(all) > 0 {
		t.Errorf("it wrote %v", all)
	}
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := prune.DirCache(file); err == nil {
		t.Error("a file is taken for a folder")
	}
}

func TestDirCacheIsSharedByProcesses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	content := []byte(strings.Repeat("x", 1<<12))
	dgst := digest.FromBytes(content)
	dirCache(t, folder).Put(dgst, content)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			cache, err := prune.DirCache(folder)
			if err != nil {
				t.Error(err)
				return
			}
			for range 10 {
				cache.Put(dgst, content)
				if _, ok := cache.Get(dgst); !ok {
					t.Error("there is a moment without it")
				}
			}
		})
	}
	all.Wait()
	if all := files(t, folder); len(all) != 1 {
		t.Errorf("it has %v", all)
	}
}

// mapCache is a cache in memory. The zero value is empty.
type mapCache struct {
	mu      sync.Mutex
	content map[regret.Digest][]byte
}

func (c *mapCache) Get(dgst regret.Digest) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	content, ok := c.content[dgst]
	return content, ok
}

func (c *mapCache) Put(dgst regret.Digest, content []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.content == nil {
		c.content = map[regret.Digest][]byte{}
	}
	c.content[dgst] = content
}

func TestCacheThatLiesChangesNothing(t *testing.T) {
	t.Parallel()
	c := story(t, `{"id": "X", "kind": "index", "tags": ["v1"], "children": ["x"]}, {"id": "x", "kind": "image", "created": {"config": "2026-01-01T00:00:00Z"}},
		{"id": "A", "kind": "image", "tags": ["v2"], "created": {"config": "2026-11-25T00:00:00Z"}}`, oldGo)
	want := runCase(t, c, prune.ReadOptions{}).text
	cache := &mapCache{}
	cold := runCase(t, c, prune.ReadOptions{Cache: cache})
	for dgst := range cache.content {
		cache.content[dgst] = []byte(`{"created":"2026-11-25T00:00:00Z"}`)
	}
	lying := runCase(t, c, prune.ReadOptions{Cache: cache})
	if diff := cmp.Diff(want, lying.text); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tally(cold.requests), tally(lying.requests)); diff != "" {
		t.Errorf("requests (-with an empty cache +with a lying one):\n%s", diff)
	}
}

func TestRequestsWithACache(t *testing.T) {
	t.Parallel()
	c := story(t, `{"id": "X", "kind": "index", "tags": ["v1", "v1.0"], "children": ["x"]}, {"id": "x", "kind": "image", "created": {"config": "2026-01-01T00:00:00Z"}},
		{"id": "A", "kind": "image", "tags": ["v2"], "created": {"config": "2026-11-25T00:00:00Z"}}`, oldGo, `"referrers": "api"`)
	cache := dirCache(t, t.TempDir())
	for _, want := range []map[string]int{
		{"GET list": 1, "HEAD tag": 3, "GET digest": 3, "GET blob": 2, "GET referrers": 3},
		{"GET list": 1, "HEAD tag": 3, "GET referrers": 3},
	} {
		if diff := cmp.Diff(want, tally(runCase(t, c, prune.ReadOptions{Cache: cache}).requests)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	}
}

// Manifests of OCI need not say of what type they are; that is in the response.
func TestCacheKeepsTheMediaType(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(reg *fakeregistry.Registry){
		"without a type in it": func(reg *fakeregistry.Registry) {
			reg.PutManifest("team/app", "v1", "application/vnd.oci.image.manifest.v1+json", []byte(`{"schemaVersion":2,"layers":[{"digest":"sha256:`+strings.Repeat("a", 64)+`"}]}`))
		},
		"of a type that its content does not tell": func(reg *fakeregistry.Registry) {
			reg.PutManifest("team/app", "v1", "application/vnd.docker.distribution.manifest.v2+json", []byte(`{"schemaVersion":2,"layers":[]}`))
		},
		"docker": func(reg *fakeregistry.Registry) { reg.PutDockerList("team/app", []string{"a", "b"}, "v1") },
		"signed": func(reg *fakeregistry.Registry) { reg.PutSchema1("team/app", "a", "v1") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			put(reg)
			client := newClient(t, cases.Registry, reg)
			cache := dirCache(t, t.TempDir())
			var texts []string
			for _, o := range []prune.ReadOptions{{}, {Cache: cache}, {Cache: cache}} {
				o.At, o.Sizes = at, true
				made, err := prune.Make(t.Context(), client, "team/app", parsePolicy(t, oldGo), &o)
				texts = append(texts, textOf(t, made, err))
			}
			if texts[0] != texts[1] || texts[1] != texts[2] {
				t.Errorf("without a cache, with an empty one, and with a full one:\n%s", strings.Join(texts, "\n"))
			}
			if !strings.Contains(texts[0], "mediaType") {
				t.Error(texts[0])
			}
		})
	}
}
