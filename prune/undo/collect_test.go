package undo_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// TestRestoreBeforeAndAfterGarbageIsCollected restores at the registries that an archive is
// for: before they collect garbage everything comes back, and after it the report says what
// does not. Nothing is pushed of which layers are gone.
func TestRestoreBeforeAndAfterGarbageIsCollected(t *testing.T) {
	t.Parallel()
	for _, profile := range []fakeregistry.Profile{fakeregistry.Distribution2(), fakeregistry.Distribution3(), fakeregistry.Zot(), fakeregistry.Olareg()} {
		for _, collector := range profile.Collectors {
			t.Run(profile.Name+", "+collector.Name, func(t *testing.T) {
				t.Parallel()
				f := newFixtureAt(t, profile.New())
				f.archive(t)
				f.apply(t, -1)
				if report := f.restore(t, nil); !report.IsComplete() {
					t.Errorf("before: %v", report)
				}
				if diff := cmp.Diff(f.before, f.state(t)); diff != "" {
					t.Errorf("the repository (-before +after):\n%s", diff)
				}
				f.apply(t, -1)
				if _, err := f.reg.CollectGarbage(collector); err != nil {
					t.Fatal(err)
				}
				f.reg.ResetLog()
				report := f.restore(t, nil)
				if report.Count(undo.Lost) == 0 || report.Count(undo.Failed)+report.Count(undo.NotAttempted) > 0 {
					t.Errorf("after: %v", report)
				}
				for _, result := range report.Results {
					back := result.Status.IsBack()
					if result.Tag != "" {
						_, there := f.reg.Tag(repository, result.Tag)
						back = back != there
					} else {
						back = back != f.reg.HasManifest(repository, result.Digest)
					}
					if back {
						t.Errorf("%v is not so", result)
					}
					if result.Status == undo.Lost && len(result.Lacks) == 0 && result.Tag == "" {
						t.Errorf("%v does not say what is gone", result)
					}
				}
				for _, sent := range f.reg.Writes() {
					if name, ok := strings.CutPrefix(sent.Path, "/v2/"+repository+"/manifests/sha256:"); ok && sent.Method == http.MethodPut {
						if m, err := f.client.Manifest(t.Context(), repository, "sha256:"+name); err == nil {
							wantLayers(t, f.reg, m)
						}
					}
				}
			})
		}
	}
}

// wantLayers checks that a registry has the layers of a manifest.
func wantLayers(t *testing.T, reg *fakeregistry.Registry, m *regret.Manifest) {
	t.Helper()
	for _, layer := range layersIn(t, m.Raw) {
		if !reg.HasBlob(repository, layer) {
			t.Errorf("%s was pushed without its layer %s", m.Descriptor.Digest, layer)
		}
	}
}
