package integration_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A registry that is stopped and started again has the same content, and no cache.
func startAgain(t *testing.T, kind registry.Kind, root string) *fixture {
	t.Helper()
	f := &fixture{Server: kind.Start(t, registry.Setup{Root: root}), recorder: wire.NewRecorder(t)}
	f.repo = wire.Repository{URL: f.URL, Name: repository}
	return f
}

// TestQuarantine puts images in the trash, runs the registry's own garbage collection, and restores
// them: everything is pulled as it was pushed.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind     registry.Kind
		untagged bool // manifests without a tag are collected, too
	}{
		{registry.Distribution2(), false}, // with untagged, it collects the children of every index
		{registry.Distribution3(), false},
		{registry.Distribution3(), true},
		{registry.Olareg(), false},
		{registry.Olareg(), true},
	} {
		t.Run(fmt.Sprintf("%s, untagged %t", test.kind.Name, test.untagged), func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			d := newDoomed(t, startAgain(t, test.kind, root))
			options := &apply.QuarantineOptions{Overwrite: true, Options: apply.Options{Verify: true}}
			report, err := apply.Quarantine(t.Context(), d.client, d.plan, d.store, options)
			if err != nil {
				t.Fatal(err)
			}
			if n := report.Count(apply.Quarantined); n != 3 || n+report.Count(apply.Spared) != len(report.Results) || len(report.Survival.Missing) > 0 {
				t.Errorf("results: %+v, missing: %+v", report.Results, report.Survival.Missing)
			}
			for tag, a := range d.tags {
				d.wantExists(t, !strings.HasPrefix(tag, "pr-"), tag)
				d.wantWhole(t, a.Digest.String(), a)
			}
			if err := d.CollectGarbage(t, test.untagged, 0, repository); err != nil {
				t.Fatal(err)
			}

			d.fixture = startAgain(t, test.kind, root)
			d.client = d.fixture.client(t)
			restored, err := undo.RestoreTrash(t.Context(), d.client, repository, &undo.RestoreOptions{Overwrite: true})
			if err != nil || !restored.IsComplete() {
				t.Fatalf("%v: %s", err, restored)
			}
			for tag, a := range d.tags {
				d.wantWhole(t, tag, a)
			}
			for _, a := range d.all {
				d.wantWhole(t, a.Digest.String(), a)
			}
			d.wantWhole(t, "latest", d.kept)
			for tag, err := range d.client.Tags(t.Context(), repository) {
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(tag, "regret-") {
					t.Errorf("the tag %s is left", tag)
				}
			}
		})
	}
}

// TestQuarantineWhereTagsAreNotDeleted checks that a registry that deletes by digest only gets no
// write at all, unless tags may be overwritten.
func TestQuarantineWhereTagsAreNotDeleted(t *testing.T) {
	t.Parallel()
	d := newDoomed(t, newFixture(t, registry.Distribution2(), registry.Setup{}))
	d.recorder.Sent()
	_, err := apply.Quarantine(t.Context(), d.client, d.plan, d.store, nil)
	if !errors.Is(err, apply.ErrNoQuarantine) {
		t.Fatal(err)
	}
	nothing := "regret-trash-" + time.Now().UTC().Format("20060102") + "-" + d.plan.Digest().Encoded()[:8] + "-names-0"
	d.wantWrites(t, manifestRequest("DELETE", nothing, "400"))
	for tag, a := range d.tags {
		d.wantWhole(t, tag, a)
	}
}

// TestTheTrashIsEmptied empties the trash two weeks later, by a plan for that time, and collects
// garbage: what stays is whole, and what was in the trash is gone.
func TestTheTrashIsEmptied(t *testing.T) {
	t.Parallel()
	for _, kind := range append(registry.Kinds(), registry.Olareg()) {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			d := newDoomed(t, startAgain(t, kind, root))
			if _, err := apply.Quarantine(t.Context(), d.client, d.plan, d.store, &apply.QuarantineOptions{Overwrite: true}); err != nil {
				t.Fatal(err)
			}
			rules, err := policy.Parse([]byte(`{"version": 1, "remove": [{"trash": true, "older-than": "14d"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			p, err := prune.Make(t.Context(), d.client, repository, rules, &prune.ReadOptions{At: time.Now().Add(16 * 24 * time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			archive, err := undo.DirStore(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			report, err := apply.Apply(t.Context(), d.client, p, archive, nil)
			if err != nil || report.Count(apply.Deleted) != len(report.Results) || len(report.Results) <= len(d.all) {
				t.Fatalf("%v: %+v", err, report)
			}
			if err := d.CollectGarbage(t, false, 0, repository); err != nil {
				t.Fatal(err)
			}
			d.fixture = startAgain(t, kind, root)
			d.wantWhole(t, "latest", d.kept)
			for _, a := range d.all {
				d.wantExists(t, false, a.Digest.String())
			}
			for tag, err := range d.fixture.client(t).Tags(t.Context(), repository) {
				if err != nil || tag != "latest" {
					t.Errorf("the tag %q is left, %v", tag, err)
				}
			}
		})
	}
}
