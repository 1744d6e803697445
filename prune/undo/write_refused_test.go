package undo_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func TestWriteRefusesBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set  func(t *testing.T, f *fixture)
		want error
	}{
		"the archive of another plan": {func(t *testing.T, f *fixture) {
			f.archive(t)
			f.reg.PutImage(repository, "more", "pr-9")
			f.plan = makePlan(t, f.reg, removeAll)
		}, undo.ErrOtherPlan},
		"an unfinished archive of another plan": {func(t *testing.T, f *fixture) {
			f.store.left, f.store.fault = 1, syscall.EIO
			_, _ = undo.Write(t.Context(), f.client, f.plan, f.store, nil)
			f.store.left = -1
			f.reg.PutImage(repository, "more", "pr-9")
			f.plan = makePlan(t, f.reg, removeAll)
		}, undo.ErrOtherPlan},
		"a client of another registry": {func(t *testing.T, f *fixture) {
			other, err := regret.New("other.example", regret.WithTransport(f.reg))
			if err != nil {
				t.Fatal(err)
			}
			f.client = other
		}, undo.ErrOtherRegistry},
		"an image layout that is no archive": {func(t *testing.T, f *fixture) {
			f.store.files["index.json"] = []byte(`{"schemaVersion":2,"manifests":[]}`)
		}, nil},
		"an archive whose index was changed": {func(t *testing.T, f *fixture) {
			f.archive(t)
			f.store.files["index.json"] = []byte(`{"schemaVersion":2,"manifests":[]}`)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			test.set(t, f)
			f.reg.ResetLog()
			before, puts := f.store.clone(), len(f.store.puts)
			_, err := undo.Write(t.Context(), f.client, f.plan, f.store, nil)
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if corrupt, ok := errors.AsType[*undo.CorruptError](err); test.want == nil && (!ok || corrupt.Name != "index.json") {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before.files, f.store.files); diff != "" || len(f.store.puts) > puts || len(f.reg.Requests()) > 0 {
				t.Errorf("it sends %v, and changes (-before +after):\n%s", f.reg.Requests(), diff)
			}
		})
	}
}

func TestWriteRepairsAnArchiveFromTheRegistry(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(files map[string][]byte, name string){
		"a blob is missing": func(files map[string][]byte, name string) { delete(files, name) },
		"a blob is changed": func(files map[string][]byte, name string) { files[name] = append(files[name], ' ') },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			good := f.store.clone()
			damage(f.store.files, blobName(f.image.Digest))
			f.archive(t)
			if diff := cmp.Diff(good.files, f.store.files); diff != "" {
				t.Errorf("(-good +repaired):\n%s", diff)
			}
		})
		t.Run(name+", and the registry does not have it any more", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, -1)
			damage(f.store.files, blobName(f.image.Digest))
			before := f.store.clone()
			_, err := undo.Write(t.Context(), f.client, f.plan, f.store, nil)
			if corrupt, ok := errors.AsType[*undo.CorruptError](err); !ok || corrupt.Name != blobName(f.image.Digest) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before.files["index.json"], f.store.files["index.json"]); diff != "" {
				t.Errorf("the index (-before +after):\n%s", diff)
			}
		})
	}
}

// A lyingReader returns something else than was asked for.
type lyingReader struct {
	*regret.Client
	manifest func(*regret.Manifest)
	blob     func([]byte) []byte
}

func (r lyingReader) Manifest(ctx context.Context, repository, reference string) (*regret.Manifest, error) {
	m, err := r.Client.Manifest(ctx, repository, reference)
	if err == nil && r.manifest != nil {
		r.manifest(m)
	}
	return m, err
}

func (r lyingReader) Blob(ctx context.Context, repository string, dgst regret.Digest, limit int64) ([]byte, error) {
	data, err := r.Client.Blob(ctx, repository, dgst, limit)
	if err == nil && r.blob != nil {
		data = r.blob(data)
	}
	return data, err
}

func TestWriteVerifiesWhatItReads(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]lyingReader{
		"other bytes":                {manifest: func(m *regret.Manifest) { m.Raw = append(m.Raw, '\n') }},
		"another digest":             {manifest: func(m *regret.Manifest) { m.Descriptor.Digest = "sha256:" + regret.Digest(strings.Repeat("a", 64)) }},
		"another media type":         {manifest: func(m *regret.Manifest) { m.Descriptor.MediaType = "application/vnd.example" }},
		"another configuration":      {blob: func([]byte) []byte { return []byte("{}") }},
		"a manifest that is no JSON": {manifest: func(m *regret.Manifest) { m.Raw = []byte("x") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			lie.Client = f.client
			_, err := undo.Write(t.Context(), lie, f.plan, f.store, nil)
			if !errors.Is(err, regret.ErrDigestMismatch) {
				t.Errorf("got %v", err)
			}
			if _, finished := f.store.files["index.json"]; finished {
				t.Error("there is an index")
			}
		})
	}
}
