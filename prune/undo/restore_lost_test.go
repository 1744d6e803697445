package undo_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// imageOf returns what an image of the fixture refers to.
func (f *fixture) imageOf(t *testing.T, dgst regret.Digest) ocispec.Manifest {
	t.Helper()
	var m ocispec.Manifest
	if err := json.Unmarshal([]byte(strings.SplitN(f.before.Manifests[dgst], "\n", 2)[1]), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// layersIn returns the layers of a manifest; none if it is an index.
func layersIn(t testing.TB, raw []byte) []regret.Digest {
	t.Helper()
	var m ocispec.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	var layers []regret.Digest
	for _, layer := range m.Layers {
		layers = append(layers, layer.Digest)
	}
	return layers
}

func TestRestoreWithoutLayers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	f.apply(t, -1)
	layer := f.imageOf(t, f.image.Digest).Layers[0].Digest
	collect(t, f.reg, layer)

	dry := f.restore(t, &undo.RestoreOptions{DryRun: true})
	report := f.restore(t, nil)
	if diff := cmp.Diff(dry.Results, report.Results); diff != "" {
		t.Errorf("results (-dry +real):\n%s", diff)
	}
	result := resultOf(t, report, f.image.Digest.String())
	if diff := cmp.Diff([]regret.Digest{layer}, result.Lacks); diff != "" || result.Status != undo.Lost || !strings.Contains(result.Reason, "collected") {
		t.Errorf("got %v, lacks (-want +got):\n%s", result, diff)
	}
	for _, tag := range []string{"pr-1", "pr-1-amd64"} {
		if result := resultOf(t, report, tag); result.Status != undo.Lost || result.Reason == "" {
			t.Errorf("got %v", result)
		}
	}
	if report.Count(undo.Restored) != 7 || report.Count(undo.Lost) != 3 || report.IsComplete() {
		t.Errorf("the others: %v", report)
	}
	config := f.imageOf(t, f.image.Digest).Config.Digest
	for _, req := range f.reg.Writes() {
		for _, name := range []string{f.image.Digest.String(), "pr-1", config.String()} {
			if strings.HasSuffix(req.Path, "/"+name) || strings.Contains(req.Query, strings.Replace(name, ":", "%3A", 1)) {
				t.Errorf("it sends %v", req)
			}
		}
	}
}

func TestRestorePushesConfigurations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	f.apply(t, -1)
	var configs []string
	for _, dgst := range []regret.Digest{f.image.Digest, f.child.Digest, f.referrer.Digest} {
		config := f.imageOf(t, dgst).Config.Digest
		collect(t, f.reg, config)
		configs = append(configs, blobName(config))
	}
	if report := f.restore(t, nil); !report.IsComplete() {
		t.Fatal(report)
	}
	if diff := cmp.Diff(f.before, f.state(t)); diff != "" {
		t.Errorf("the repository (-before +after):\n%s", diff)
	}
	for _, name := range configs {
		if dgst := regret.Digest(strings.Replace(strings.TrimPrefix(name, "blobs/"), "/", ":", 1)); !f.reg.HasBlob(repository, dgst) {
			t.Errorf("the configuration %s is not there", dgst)
		}
	}
}

func TestRestoreWithoutAConfiguration(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage  func(f *fixture, config regret.Digest)
		collect bool
		want    undo.Status
	}{
		"not in the archive, but at the registry": {func(f *fixture, config regret.Digest) { delete(f.store.files, blobName(config)) }, false, undo.Restored},
		"damaged, but at the registry":            {func(f *fixture, config regret.Digest) { f.store.files[blobName(config)][0] ^= 1 }, false, undo.Restored},
		"nowhere":                                 {func(f *fixture, config regret.Digest) { delete(f.store.files, blobName(config)) }, true, undo.Lost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, -1)
			config := f.imageOf(t, f.image.Digest).Config.Digest
			test.damage(f, config)
			if test.collect {
				collect(t, f.reg, config)
			}
			report := f.restore(t, nil)
			result := resultOf(t, report, f.image.Digest.String())
			if result.Status != test.want || test.collect != slices.Contains(result.Lacks, config) {
				t.Errorf("got %v, lacks %v", result, result.Lacks)
			}
			if n := len(report.Results) - report.Count(undo.Restored); test.collect && n != 3 || !test.collect && n != 0 {
				t.Errorf("the others: %v", report)
			}
		})
	}
}

func TestRestoreFromADamagedArchive(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(files map[string][]byte, name string){
		"a manifest is missing": func(files map[string][]byte, name string) { delete(files, name) },
		"a manifest is changed": func(files map[string][]byte, name string) { files[name][1] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, -1)
			damage(f.store.files, blobName(f.image.Digest))
			report := f.restore(t, nil)
			result := resultOf(t, report, f.image.Digest.String())
			if corrupt, ok := errors.AsType[*undo.CorruptError](result.Err); !ok || corrupt.Name != blobName(f.image.Digest) || result.Status != undo.Lost {
				t.Errorf("got %v", result)
			}
			if report.Count(undo.Restored) != 7 || report.Count(undo.Lost) != 3 {
				t.Errorf("the others: %v", report)
			}
		})
	}
}

func TestRestoreWhatWasGoneBefore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.client.DeleteManifest(t.Context(), repository, f.image.Digest); err != nil {
		t.Fatal(err)
	}
	f.archive(t)
	report := f.restore(t, nil)
	if result := resultOf(t, report, f.image.Digest.String()); result.Status != undo.Lost || !strings.Contains(result.Reason, "gone already") {
		t.Errorf("got %v", result)
	}
	if report.Count(undo.AlreadyThere) != 7 || report.Count(undo.Lost) != 3 {
		t.Errorf("the others: %v", report)
	}
	f.reg.PutImage(repository, "image", "pr-1")
	report = f.restore(t, nil)
	want := map[string]undo.Status{f.image.Digest.String(): undo.AlreadyThere, "pr-1": undo.AlreadyThere}
	got := outcomes(report)
	for name, status := range want {
		if got[name] != status {
			t.Errorf("%s, which was pushed again, is %s", name, got[name])
		}
	}
}

// lenient makes a registry take indexes of which something is missing.
func lenient(reg *fakeregistry.Registry) {
	reg.Intercept(0, fakeregistry.On(http.MethodPut, "/v2/"+repository+"/manifests/"), func(w http.ResponseWriter, req *http.Request) bool {
		raw := make([]byte, req.ContentLength)
		if _, err := req.Body.Read(raw); err != nil && len(raw) == 0 {
			return false
		}
		tag := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
		if strings.Contains(tag, ":") {
			tag = ""
		}
		d := reg.PutManifest(repository, tag, req.Header.Get("Content-Type"), raw)
		w.Header().Set("Docker-Content-Digest", d.Digest.String())
		w.WriteHeader(http.StatusCreated)
		return true
	})
}

func TestRestoreAnIndexOfWhichSomethingIsGone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lenient bool
		layers  int // of how many children the layers are gone
		want    undo.Status
		tag     undo.Status
	}{
		"a registry that takes it":                 {true, 1, undo.Restored, undo.Restored},
		"a registry that refuses it":               {false, 1, undo.Refused, undo.Refused},
		"if nothing is left of it, it is not sent": {true, 2, undo.Lost, undo.Lost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, -1)
			children := []regret.Digest{f.child.Digest, f.reg.PutImage("elsewhere", "amd64").Digest}
			for _, child := range children[:test.layers] {
				collect(t, f.reg, f.imageOf(t, child).Layers[0].Digest)
			}
			if test.lenient {
				lenient(f.reg)
			}
			report := f.restore(t, nil)
			result := resultOf(t, report, f.index.Digest.String())
			want := slices.Sorted(slices.Values(children[:test.layers]))
			if diff := cmp.Diff(want, result.Lacks); diff != "" || result.Status != test.want || result.Reason == "" {
				t.Errorf("got %v; lacks (-want +got):\n%s", result, diff)
			}
			if refused := test.want == undo.Refused; refused != errors.Is(result.Err, regret.ErrContentMissing) {
				t.Errorf("the error is %v", result.Err)
			}
			if result := resultOf(t, report, "pr-2"); result.Status != test.tag {
				t.Errorf("the tag: %v", result)
			}
			if result := resultOf(t, report, f.child.Digest.String()); result.Status != undo.Lost {
				t.Errorf("the child: %v", result)
			}
		})
	}
}

func TestRestoreAnIndexWhoseChildStayedAndIsGoneNow(t *testing.T) {
	t.Parallel()
	f := &fixture{reg: fakeregistry.New(), store: newMemory()}
	f.index = f.reg.PutIndex(repository, []string{"amd64", "arm64"}, "pr-1")
	kept := f.reg.PutImage(repository, "arm64", "stable")
	f.client = newClient(t, f.reg)
	f.plan = makePlan(t, f.reg, removeAll)
	a := f.archive(t)
	if a.Has(kept.Digest) {
		t.Fatal("a child that stays is in the archive")
	}
	f.apply(t, -1)
	if report := f.restore(t, nil); !report.IsComplete() {
		t.Errorf("while the child is there: %v", report)
	}
	f.apply(t, -1)
	if err := f.client.DeleteManifest(t.Context(), repository, kept.Digest); err != nil {
		t.Fatal(err)
	}
	result := resultOf(t, f.restore(t, nil), f.index.Digest.String())
	if diff := cmp.Diff([]regret.Digest{kept.Digest}, result.Lacks); diff != "" || result.Status != undo.Refused {
		t.Errorf("got %v; lacks (-want +got):\n%s", result, diff)
	}
}

func TestRestoreSchema1(t *testing.T) {
	t.Parallel()
	f := &fixture{reg: fakeregistry.New(), store: newMemory()}
	f.image = f.reg.PutSchema1(repository, "old", "pr-1")
	f.all = []regret.Digest{f.image.Digest}
	f.client = newClient(t, f.reg)
	f.plan = makePlan(t, f.reg, removeAll)
	f.before = f.state(t)
	a := f.archive(t)
	if m, err := a.Manifest(t.Context(), f.image.Digest); err != nil || m.Descriptor.MediaType != regret.MediaTypeDockerSchema1JWS {
		t.Fatalf("%v, %v", m, err)
	}
	for name, data := range f.store.files {
		if dgst, ok := strings.CutPrefix(name, "blobs/sha256/"); ok && digestOf(data) != "sha256:"+dgst {
			t.Errorf("the blob %s has another digest", name)
		}
	}
	again, err := undo.Write(t.Context(), f.client, f.plan, f.store, nil)
	if err != nil || !again.Has(f.image.Digest) || len(f.reg.Requests()) > 0 {
		t.Errorf("writing it again: %v, %v", err, f.reg.Requests())
	}
	f.apply(t, -1)
	if report := f.restore(t, nil); !report.IsComplete() {
		t.Error(report)
	}
	if diff := cmp.Diff(f.before, f.state(t)); diff != "" {
		t.Errorf("the repository (-before +after):\n%s", diff)
	}
	t.Run("a registry that does not take it says so", func(t *testing.T) {
		f.apply(t, -1)
		f.reg.Intercept(0, fakeregistry.On(http.MethodPut, "/v2/"+repository+"/manifests/"),
			fakeregistry.Errors(http.StatusBadRequest, "MANIFEST_INVALID", "manifest invalid"))
		result := resultOf(t, f.restore(t, nil), f.image.Digest.String())
		if result.Status != undo.Refused || !errors.Is(result.Err, regret.CodeManifestInvalid) {
			t.Errorf("got %v", result)
		}
	})
}
