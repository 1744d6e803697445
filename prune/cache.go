package prune

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

// A Cache keeps manifests and configurations by digest, so that what it has is never out of
// date. It may drop anything at any time. Its methods are called concurrently. What Get
// returns is used only if it hashes to the digest.
//
// What is in the cache is not asked for again, so that a plan does not report it as missing
// if the registry has lost it.
type Cache interface {
	Get(dgst regret.Digest) (content []byte, ok bool)
	Put(dgst regret.Digest, content []byte)
}

// DirCache returns a cache in a folder, which it creates. Several processes may use it at
// once, for any number of registries. It can be deleted at any time, in whole or in part,
// and grows until it is: by what planning reads of each new image, usually less than 20 KiB.
// Each file has a content, of which the path is the digest: "sha256/e4/e45f…".
//
// A content is verified when it is read, and ignored if it is damaged. The folder and its
// files are readable by their owner only, because configurations may hold secrets. A cache
// that cannot be written or read is no error but has no use.
//
// Errors: that of creating the folder.
func DirCache(path string) (Cache, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	return dirCache(path), nil
}

type dirCache string

func (c dirCache) Get(dgst regret.Digest) ([]byte, bool) {
	path, ok := c.path(dgst)
	if !ok {
		return nil, false
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil || !hashesTo(dgst, content) {
		return nil, false
	}
	return content, true
}

// Put writes a temporary file and renames it, so that no reader sees half of it.
func (c dirCache) Put(dgst regret.Digest, content []byte) {
	path, ok := c.path(dgst)
	if !ok || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	file, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
}

// path returns where a content is. A digest that is not valid, and so might lead out of the
// folder, has no place.
func (c dirCache) path(dgst regret.Digest) (string, bool) {
	if grammar.Digest(dgst) != nil {
		return "", false
	}
	hex := dgst.Encoded()
	return filepath.Join(string(c), string(dgst.Algorithm()), hex[:2], hex), true
}

func hashesTo(dgst regret.Digest, content []byte) bool {
	return grammar.Digest(dgst) == nil && dgst.Algorithm().FromBytes(content) == dgst
}

// manifest returns a manifest by its digest, from the cache or the registry.
func (r *reading) manifest(ctx context.Context, dgst regret.Digest) (*regret.Manifest, error) {
	if raw, ok := r.cached(dgst); ok {
		if mediaType, err := manifest.TypeOf("", raw); err == nil {
			return &regret.Manifest{Descriptor: regret.Descriptor{MediaType: mediaType, Digest: dgst, Size: int64(len(raw))}, Raw: raw}, nil
		}
	}
	r.countRequest()
	m, err := r.Manifest(ctx, r.repository, dgst.String())
	if err == nil {
		r.keepManifest(m)
	}
	return m, err
}

// keepManifest puts a manifest into the cache if its content alone tells its media type, so
// that it is read back as it was.
func (r *reading) keepManifest(m *regret.Manifest) {
	if r.Cache == nil || !hashesTo(m.Descriptor.Digest, m.Raw) {
		return
	}
	if mediaType, err := manifest.TypeOf("", m.Raw); err == nil && mediaType == m.Descriptor.MediaType {
		r.Cache.Put(m.Descriptor.Digest, m.Raw)
	}
}

// config returns the configuration of an image, from the cache or the registry.
func (r *reading) config(ctx context.Context, dgst regret.Digest) ([]byte, error) {
	if raw, ok := r.cached(dgst); ok {
		return raw, nil
	}
	r.countRequest()
	raw, err := r.Blob(ctx, r.repository, dgst, maxConfig)
	if err == nil && r.Cache != nil {
		r.Cache.Put(dgst, raw)
	}
	return raw, err
}

func (r *reading) cached(dgst regret.Digest) ([]byte, bool) {
	if r.Cache == nil {
		return nil, false
	}
	raw, ok := r.Cache.Get(dgst)
	return raw, ok && hashesTo(dgst, raw)
}
