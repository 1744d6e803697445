package undo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.archive(t)

	t.Run("the plan is stored first, and the index last", func(t *testing.T) {
		if first, last := f.store.puts[0], f.store.puts[len(f.store.puts)-1]; first != "plan.json" || last != "index.json" {
			t.Errorf("the first file is %s, the last %s", first, last)
		}
		var want bytes.Buffer
		if _, err := f.plan.WriteTo(&want); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(f.store.files["plan.json"], want.Bytes()) {
			t.Error("plan.json is not the plan")
		}
	})
	t.Run("what goes is archived with its configurations, and nothing else", func(t *testing.T) {
		want := []string{"index.json", "oci-layout", "plan.json"}
		configs := map[regret.Digest]bool{}
		for _, dgst := range f.all[1:] {
			want = append(want, blobName(dgst))
			var m ocispec.Manifest
			raw := strings.SplitN(f.before.Manifests[dgst], "\n", 2)[1]
			if err := json.Unmarshal([]byte(raw), &m); err != nil {
				t.Fatal(err)
			}
			if string(f.store.files[blobName(dgst)]) != raw {
				t.Errorf("%s does not have the bytes that the registry served", dgst)
			}
			if m.Config.Digest != "" {
				configs[m.Config.Digest] = true
			}
		}
		for dgst := range configs {
			want = append(want, blobName(dgst))
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, f.store.names()); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
	})
	t.Run("the index is that of an image layout, with one entry for each tag", func(t *testing.T) {
		if got := string(f.store.files["oci-layout"]); got != `{"imageLayoutVersion":"1.0.0"}` {
			t.Errorf("oci-layout is %s", got)
		}
		var index ocispec.Index
		if err := json.Unmarshal(f.store.files["index.json"], &index); err != nil {
			t.Fatal(err)
		}
		got := map[string]regret.Digest{}
		untagged := 0
		for _, d := range index.Manifests {
			if tag := d.Annotations[ocispec.AnnotationRefName]; tag != "" {
				got[tag] = d.Digest
			} else {
				untagged++
			}
			if mediaType, raw, _ := strings.Cut(f.before.Manifests[d.Digest], "\n"); d.MediaType != mediaType || d.Size != int64(len(raw)) {
				t.Errorf("%s has the type %s and %d bytes in the index", d.Digest, d.MediaType, d.Size)
			}
		}
		want := map[string]regret.Digest{"pr-1": f.image.Digest, "pr-1-amd64": f.image.Digest, "pr-2": f.index.Digest, companion(f.index.Digest): f.list.Digest}
		if diff := cmp.Diff(want, got); diff != "" || untagged != 3 || index.SchemaVersion != 2 || index.MediaType != ocispec.MediaTypeImageIndex {
			t.Errorf("%d entries have no tag; tags (-want +got):\n%s", untagged, diff)
		}
	})
	t.Run("an archive that is opened is the one that was written", func(t *testing.T) {
		opened, err := undo.Open(t.Context(), f.store)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slices.Collect(a.Entries()), slices.Collect(opened.Entries())); diff != "" {
			t.Errorf("entries (-written +opened):\n%s", diff)
		}
		if got, want := opened.Plan().Digest(), f.plan.Digest(); got != want {
			t.Errorf("the plan is %s, not %s", got, want)
		}
		for _, dgst := range f.all[1:] {
			m, err := opened.Manifest(t.Context(), dgst)
			if err != nil || m.Descriptor.MediaType+"\n"+string(m.Raw) != f.before.Manifests[dgst] {
				t.Errorf("%s is not what the registry served: %v", dgst, err)
			}
		}
		if opened.Has(f.keep.Digest) || len(opened.Missing()) > 0 {
			t.Errorf("it has what stays: %t; it lacks %v", opened.Has(f.keep.Digest), opened.Missing())
		}
	})
}

func TestWriteSendsOneRequestForEachContent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var calls []string
	_, err := undo.Write(t.Context(), f.client, f.plan, f.store, &undo.WriteOptions{Progress: func(done, total int) {
		calls = append(calls, strings.Repeat("+", done)+strings.Repeat("-", total-done))
	}})
	if err != nil {
		t.Fatal(err)
	}
	configs := len(f.store.files) - 3 - len(f.all[1:])
	if got, want := len(f.reg.Requests()), len(f.all[1:])+configs; got != want {
		t.Errorf("%d requests, want %d:\n%s", got, want, f.reg.Requests())
	}
	if len(f.reg.Writes()) > 0 {
		t.Errorf("it writes: %v", f.reg.Writes())
	}
	if got, want := calls[len(calls)-1], strings.Repeat("+", len(f.all[1:])+configs); got != want {
		t.Errorf("the progress ends with %s, want %s", got, want)
	}
}

func TestWriteAgainSendsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	puts := len(f.store.puts)
	f.apply(t, -1)
	a, err := undo.Write(t.Context(), f.client, f.plan, f.store, nil)
	if err != nil || len(a.Missing()) > 0 {
		t.Fatalf("%v, missing %v", err, a.Missing())
	}
	if len(f.reg.Requests()) > 0 || len(f.store.puts) > puts {
		t.Errorf("it sends %v and stores %v", f.reg.Requests(), f.store.puts[puts:])
	}
}

// TestWriteGoesOnAfterEachPut interrupts writing at each Put, and writes again.
func TestWriteGoesOnAfterEachPut(t *testing.T) {
	t.Parallel()
	whole := newFixture(t)
	whole.archive(t)
	for n := range len(whole.store.puts) {
		f := newFixture(t)
		f.store.left, f.store.fault = n, syscall.ENOSPC
		_, err := undo.Write(t.Context(), f.client, f.plan, f.store, &undo.WriteOptions{Concurrency: 2})
		failed, ok := errors.AsType[*undo.StoreError](err)
		if !ok || failed.Op != "store" || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("after %d files: %v", n, err)
		}
		if _, finished := f.store.files["index.json"]; finished {
			t.Errorf("after %d files there is an index", n)
		}
		if _, err := undo.Open(t.Context(), f.store); !errors.Is(err, undo.ErrUnfinished) && !(n == 0 && errors.Is(err, undo.ErrNoArchive)) {
			t.Errorf("opening it after %d files: %v", n, err)
		}
		f.store.left = -1
		f.reg.ResetLog()
		stored := f.store.names()
		if _, err := undo.Write(t.Context(), f.client, f.plan, f.store, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole.store.files, f.store.files); diff != "" {
			t.Errorf("after %d files (-at once +in two parts):\n%s", n, diff)
		}
		for _, req := range f.reg.Requests() {
			name := blobName(regret.Digest(req.Path[strings.LastIndex(req.Path, "/")+1:]))
			if slices.Contains(stored, name) {
				t.Errorf("after %d files %s is read again", n, name)
			}
		}
	}
}

func TestWriteFailsIfARequestFails(t *testing.T) {
	t.Parallel()
	whole := newFixture(t)
	if _, err := undo.Write(t.Context(), whole.client, whole.plan, whole.store, nil); err != nil {
		t.Fatal(err)
	}
	for _, sent := range whole.reg.Requests() {
		for _, status := range []int{http.StatusForbidden, http.StatusTooManyRequests, http.StatusBadGateway} {
			f := newFixture(t)
			f.reg.Intercept(0, fakeregistry.On(sent.Method, sent.Path), fakeregistry.Errors(status, "UNKNOWN", "it fails"))
			_, err := undo.Write(t.Context(), f.client, f.plan, f.store, nil)
			e, ok := errors.AsType[*regret.Error](err)
			if !ok || e.StatusCode != status {
				t.Errorf("%s is %d: %v", sent, status, err)
			}
			if _, finished := f.store.files["index.json"]; finished {
				t.Errorf("%s is %d, but there is an index", sent, status)
			}
		}
	}
}

func TestWriteEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.reg.Intercept(0, fakeregistry.On(http.MethodGet, "/v2/"+repository+"/blobs/"), func(http.ResponseWriter, *http.Request) bool {
		cancel()
		return false
	})
	if _, err := undo.Write(ctx, f.client, f.plan, f.store, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, finished := f.store.files["index.json"]; finished {
		t.Error("there is an index")
	}
}

func TestWriteLeavesOutWhatIsGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.client.DeleteManifest(t.Context(), repository, f.image.Digest); err != nil {
		t.Fatal(err)
	}
	var child ocispec.Manifest
	if err := json.Unmarshal([]byte(strings.SplitN(f.before.Manifests[f.child.Digest], "\n", 2)[1]), &child); err != nil {
		t.Fatal(err)
	}
	collect(t, f.reg, child.Config.Digest)
	a := f.archive(t)
	if diff := cmp.Diff([]regret.Digest{f.image.Digest}, a.Missing()); diff != "" || a.Has(f.image.Digest) {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	opened, err := undo.Open(t.Context(), f.store)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.Missing(), opened.Missing()); diff != "" {
		t.Errorf("missing (-written +opened):\n%s", diff)
	}
	if _, ok := f.store.files[blobName(child.Config.Digest)]; ok {
		t.Error("there is a configuration that the registry did not have")
	}

	t.Run("what is there again is archived when the archive is written again", func(t *testing.T) {
		f.reg.PutImage(repository, "image", "pr-1", "pr-1-amd64")
		if a := f.archive(t); len(a.Missing()) > 0 {
			t.Errorf("missing: %v", a.Missing())
		}
		if _, err := undo.Open(t.Context(), f.store); err != nil {
			t.Error(err)
		}
	})
}

func TestWriteBoundsConfigurations(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		size    int
		claimed int
		stored  bool
		gets    int
	}{
		"one of 1 MiB is archived":                                 {1 << 20, 1 << 20, true, 1},
		"a larger one is not":                                      {1<<20 + 1, 1<<20 + 1, false, 0},
		"one that is larger than the manifest says is not, either": {1<<20 + 1, 5, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			config := reg.PutBlob(repository, bytes.Repeat([]byte("x"), test.size))
			raw, err := json.Marshal(map[string]any{
				"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageManifest, "layers": []int{},
				"config": map[string]any{"mediaType": "application/vnd.example.config", "digest": config.Digest, "size": test.claimed},
			})
			if err != nil {
				t.Fatal(err)
			}
			reg.PutManifest(repository, "pr-1", ocispec.MediaTypeImageManifest, raw)
			p := makePlan(t, reg, removeAll)
			reg.ResetLog()
			store := newMemory()
			if _, err := undo.Write(t.Context(), newClient(t, reg), p, store, nil); err != nil {
				t.Fatal(err)
			}
			if _, ok := store.files[blobName(config.Digest)]; ok != test.stored {
				t.Errorf("it is archived: %t", ok)
			}
			if n := len(requests(reg, http.MethodGet)) - 1; n != test.gets {
				t.Errorf("%d requests for the configuration", n)
			}
		})
	}
}

func TestWriteArchivesTagsThatComeOff(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	image := reg.PutImage(repository, "image", "1.0", "pr-1", "pr-2")
	p := makePlan(t, reg, `{"version": 1, "remove": [{"tags": "pr-*", "untag": true}]}`)
	a, err := undo.Write(t.Context(), newClient(t, reg), p, newMemory(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []undo.Entry{{Descriptor: image, Tags: []string{"pr-1", "pr-2"}}}
	if diff := cmp.Diff(want, slices.Collect(a.Entries())); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	for step := range p.Steps() {
		if step.Action != plan.Untag {
			t.Errorf("there is a step %s", step.Action)
		}
	}
}

func TestWriteOfAPlanWithoutSteps(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.PutImage(repository, "image", "1.0")
	store := newMemory()
	p := makePlan(t, reg, removeAll)
	if _, err := undo.Write(t.Context(), newClient(t, reg), p, store, nil); err != nil {
		t.Fatal(err)
	}
	a, err := undo.Open(t.Context(), store)
	if err != nil || len(slices.Collect(a.Entries())) > 0 {
		t.Errorf("got %v, %v", a, err)
	}
}
