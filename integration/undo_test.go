package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content/oci"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A doomed repository has a plan that removes most of it, and an archive of that.
type doomed struct {
	*fixture
	client                               *regret.Client
	kept, image, docker, index, referrer wire.Artifact
	list                                 wire.Artifact
	tags                                 map[string]wire.Artifact // that the plan takes away
	all                                  []wire.Artifact          // that the plan takes away
	plan                                 *plan.Plan
	store                                undo.Store
	folder                               string
}

// newDoomed pushes images, an index and a referrer, which all go but for one image, and
// archives them.
func newDoomed(t *testing.T, f *fixture) *doomed {
	t.Helper()
	d := &doomed{
		fixture: f, client: f.client(t), folder: filepath.Join(t.TempDir(), "undo"),
		kept: wire.OCIImage(t, "kept"), image: wire.OCIImage(t, "image"), docker: wire.DockerImage(t, "docker"),
		index: wire.OCIIndex(t, wire.OCIImage(t, "amd64"), wire.OCIImage(t, "arm64")),
	}
	d.referrer = wire.Referrer(t, d.index, "application/vnd.example.signature", "signed")
	d.list = wire.ReferrerList(t, d.referrer)
	f.repo.Push(t, d.kept, "latest")
	d.tags = map[string]wire.Artifact{"pr-1": d.image, "pr-1-amd64": d.image, "pr-2": d.docker, "pr-3": d.index}
	for tag, a := range d.tags {
		f.repo.Push(t, a, tag)
	}
	f.repo.Push(t, d.referrer)
	d.all = append([]wire.Artifact{d.image, d.docker, d.index, d.referrer}, d.index.Children...)
	if has, err := d.client.HasReferrers(t.Context(), repository, d.index.Digest); err != nil {
		t.Fatal(err)
	} else if !has {
		d.tags[wire.FallbackTag(d.index.Digest)] = d.list
		d.all = append(d.all, d.list)
		f.repo.Push(t, d.list, wire.FallbackTag(d.index.Digest))
	}
	p, err := policy.Parse([]byte(`{"version": 1, "remove": [{"tags": "pr-*"}], "limits": {"max-percent": 100}}`))
	if err != nil {
		t.Fatal(err)
	}
	if d.plan, err = prune.Make(t.Context(), d.client, repository, p, &prune.ReadOptions{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if d.store, err = undo.DirStore(d.folder); err != nil {
		t.Fatal(err)
	}
	if _, err := undo.Write(t.Context(), d.client, d.plan, d.store, nil); err != nil {
		t.Fatal(err)
	}
	return d
}

// delete deletes what the plan deletes, and checks that it is gone.
func (d *doomed) delete(t *testing.T) {
	t.Helper()
	for step := range d.plan.Steps() {
		if err := d.client.DeleteManifest(t.Context(), repository, step.Digest); err != nil {
			t.Fatal(err)
		}
	}
	for tag := range d.tags {
		d.wantExists(t, false, tag)
	}
	for _, a := range d.all {
		d.wantExists(t, false, a.Digest.String())
	}
	d.recorder.Sent()
}

// wantWhole pulls an artifact and all that it refers to.
func (d *doomed) wantWhole(t *testing.T, reference string, a wire.Artifact) {
	t.Helper()
	answer := d.repo.Do(t, http.MethodGet, "manifests/"+reference, wire.AcceptAll())
	if answer.Status != http.StatusOK || string(answer.Body) != string(a.Raw) || answer.Header.Get("Content-Type") != a.MediaType {
		t.Errorf("%s is %s with the type %s, not what was pushed", reference, answer, answer.Header.Get("Content-Type"))
	}
	for _, blob := range a.Blobs {
		if got := d.repo.Do(t, http.MethodGet, "blobs/"+digest.FromBytes(blob).String()); got.Status != http.StatusOK || string(got.Body) != string(blob) {
			t.Errorf("%s: the blob %s is %s", reference, digest.FromBytes(blob), got)
		}
	}
	for _, child := range a.Children {
		d.wantWhole(t, child.Digest.String(), child)
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	forEachWritableRegistry(t, func(t *testing.T, f *fixture) {
		d := newDoomed(t, f)
		d.delete(t)
		dry, err := undo.Restore(t.Context(), d.client, d.store, &undo.RestoreOptions{DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		d.wantWrites(t)
		report, err := undo.Restore(t.Context(), d.client, d.store, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dry.Results, report.Results); diff != "" || report.Count(undo.Restored) != len(d.all)+len(d.tags) {
			t.Errorf("%v; results (-dry +real):\n%s", report, diff)
		}
		for tag, a := range d.tags {
			d.wantWhole(t, tag, a)
		}
		for _, a := range d.all {
			d.wantWhole(t, a.Digest.String(), a)
		}
		d.wantWhole(t, "latest", d.kept)
		var referrers []digest.Digest
		for desc, err := range d.client.Referrers(t.Context(), repository, d.index.Digest) {
			if err != nil {
				t.Fatal(err)
			}
			referrers = append(referrers, desc.Digest)
		}
		if diff := cmp.Diff([]digest.Digest{d.referrer.Digest}, referrers); diff != "" {
			t.Errorf("referrers (-want +got):\n%s", diff)
		}
		d.recorder.Sent()
		again, err := undo.Restore(t.Context(), d.client, d.store, nil)
		if err != nil || again.Count(undo.AlreadyThere) != len(again.Results) {
			t.Errorf("a second time: %v, %v", again, err)
		}
		d.wantWrites(t)
	})
}

func TestRestoreAfterALayerIsCollected(t *testing.T) {
	t.Parallel()
	forEachWritableRegistry(t, func(t *testing.T, f *fixture) {
		d := newDoomed(t, f)
		d.delete(t)
		child := d.index.Children[0]
		for _, layer := range []digest.Digest{d.image.Layer(), child.Layer()} {
			if answer := d.repo.Do(t, http.MethodDelete, "blobs/"+layer.String()); answer.Status != http.StatusAccepted {
				t.Fatalf("deleting a layer: %s", answer)
			}
		}
		if answer := d.repo.Do(t, http.MethodDelete, "blobs/"+d.docker.Config().String()); answer.Status != http.StatusAccepted {
			t.Fatalf("deleting a configuration: %s", answer)
		}
		report, err := undo.Restore(t.Context(), d.client, d.store, nil)
		if err != nil {
			t.Fatal(err)
		}
		status := map[digest.Digest]undo.Result{}
		for _, result := range report.Results {
			if result.Tag == "" {
				status[result.Digest] = result
			}
		}
		for _, lost := range []wire.Artifact{d.image, child} {
			result := status[lost.Digest]
			if diff := cmp.Diff([]digest.Digest{lost.Layer()}, result.Lacks); diff != "" || result.Status != undo.Lost {
				t.Errorf("got %v; lacks (-want +got):\n%s", result, diff)
			}
			d.wantExists(t, false, lost.Digest.String())
		}
		d.wantExists(t, false, "pr-1", "pr-1-amd64")
		d.wantWhole(t, "pr-2", d.docker) // its configuration is in the archive

		// Distribution refuses an index of which a child is missing, olareg takes it.
		result := status[d.index.Digest]
		if diff := cmp.Diff([]digest.Digest{child.Digest}, result.Lacks); diff != "" {
			t.Errorf("the index: %v; lacks (-want +got):\n%s", result, diff)
		}
		switch {
		case result.Status == undo.Restored && f.Name == "olareg":
			d.wantExists(t, true, "pr-3")
		case result.Status == undo.Refused && f.Name != "olareg" && errors.Is(result.Err, regret.ErrContentMissing):
			d.wantExists(t, false, "pr-3")
		default:
			t.Errorf("the index: %v", result)
		}
	})
}

func TestRestoreSchema1(t *testing.T) {
	t.Parallel()
	f := newFixture(t, registry.Distribution2(), registry.Setup{})
	d := &doomed{fixture: f, client: f.client(t)}
	image := wire.Schema1(t, repository, "pr-1", "old")
	f.repo.Push(t, image, "pr-1")
	served := f.repo.Do(t, http.MethodGet, "manifests/pr-1", wire.AcceptAll())
	p, err := policy.Parse([]byte(`{"version": 1, "remove": [{"tags": "pr-*"}], "limits": {"max-percent": 100, "min-left": 0}}`))
	if err != nil {
		t.Fatal(err)
	}
	if d.plan, err = prune.Make(t.Context(), d.client, repository, p, nil); err != nil {
		t.Fatal(err)
	}
	if d.store, err = undo.DirStore(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if _, err := undo.Write(t.Context(), d.client, d.plan, d.store, nil); err != nil {
		t.Fatal(err)
	}
	d.delete(t)
	report, err := undo.Restore(t.Context(), d.client, d.store, nil)
	if err != nil || !report.IsComplete() {
		t.Errorf("%v, %v", report, err)
	}
	again := f.repo.Do(t, http.MethodGet, "manifests/pr-1", wire.AcceptAll()) // which the registry signs anew each time
	if want, got := wire.Payload(t, served.Body), wire.Payload(t, again.Body); again.Digest() != served.Digest() || string(got) != string(want) {
		t.Errorf("it is %s with the payload %s, not %s", again, got, want)
	}
}

// TestArchiveIsAnImageLayout reads an archive with another library.
func TestArchiveIsAnImageLayout(t *testing.T) {
	t.Parallel()
	d := newDoomed(t, newFixture(t, registry.Distribution3(), registry.Setup{}))
	layout, err := oci.New(d.folder)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	var tags []string
	if err := layout.Tags(ctx, "", func(page []string) error {
		tags = append(tags, page...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for tag, a := range d.tags {
		if !slices.Contains(tags, tag) {
			t.Errorf("%s is not among the tags %v", tag, tags)
		}
		wantInLayout(ctx, t, layout, tag, a)
	}
	for _, a := range d.all {
		wantInLayout(ctx, t, layout, a.Digest.String(), a)
	}
	predecessors, err := layout.Predecessors(ctx, d.index.Descriptor())
	if err != nil || !slices.ContainsFunc(predecessors, func(p ocispec.Descriptor) bool { return p.Digest == d.referrer.Digest }) {
		t.Errorf("what refers to the index is %v, %v", predecessors, err)
	}
}

func wantInLayout(ctx context.Context, t *testing.T, layout *oci.Store, reference string, a wire.Artifact) {
	t.Helper()
	found, err := layout.Resolve(ctx, reference)
	if err != nil || found.Digest != a.Digest || found.MediaType != a.MediaType {
		t.Errorf("%s is %v, %v", reference, found, err)
		return
	}
	for _, desc := range append([]ocispec.Descriptor{found}, configOf(t, a)...) {
		content, err := layout.Fetch(ctx, desc)
		if err != nil {
			t.Errorf("%s: %s: %v", reference, desc.Digest, err)
			continue
		}
		if err := content.Close(); err != nil {
			t.Error(err)
		}
	}
}

// configOf returns the descriptor of the configuration of an image; none for an index.
func configOf(t *testing.T, a wire.Artifact) []ocispec.Descriptor {
	t.Helper()
	if len(a.Blobs) == 0 {
		return nil
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(a.Raw, &m); err != nil {
		t.Fatal(err)
	}
	return []ocispec.Descriptor{m.Config}
}
