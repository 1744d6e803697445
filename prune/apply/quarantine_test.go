package apply_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func TestQuarantine(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	p := f.plan(t, trashPolicy)
	f.reg.ResetLog()
	report := f.quarantine(t, p, &apply.QuarantineOptions{Options: apply.Options{Concurrency: 1, Verify: true}})

	t.Run("images have a tag of the trash and no other, and nothing else changes", func(t *testing.T) {
		want := map[string]regret.Digest{
			"latest":                      f.keep.Digest,
			trashTagOf(p, f.image.Digest): f.image.Digest,
			trashTagOf(p, f.index.Digest): f.index.Digest,
			trashRunOf(p) + "-names-1":    f.reg.Tags(trashRepository)[trashRunOf(p)+"-names-1"],
			companionTag(f.index.Digest):  f.signature.Digest,
		}
		if diff := cmp.Diff(want, f.reg.Tags(trashRepository)); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		f.wantAllManifests(t)
	})
	t.Run("names are kept before a tag is removed, and an image is in the trash before it loses one", func(t *testing.T) {
		run := trashRunOf(p)
		want := []string{
			"DELETE " + run + "-names-0 404", "PUT " + run + "-names-1 201", "DELETE " + run + "-names-1 202", "PUT " + run + "-names-1 201",
		}
		for step := range p.Steps() {
			if tags := step.OrdinaryTags(); len(tags) > 0 {
				want = append(want, "PUT "+trashTagOf(p, step.Digest)+" 201")
				for _, tag := range tags {
					want = append(want, "DELETE "+tag+" 202")
				}
			}
		}
		if diff := cmp.Diff(want, trashWrites(f.reg)); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
	})
	t.Run("the report has images as quarantined, and what belongs to them as spared", func(t *testing.T) {
		want := map[apply.Status]int{apply.Quarantined: 2, apply.Spared: 3}
		got := map[apply.Status]int{}
		for _, result := range report.Results {
			got[result.Status]++
			if result.Status == apply.Spared && result.Reason != "it stays with an image in the trash" {
				t.Errorf("%s is spared: %s", result.Digest, result.Reason)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || report.Totals().Bytes != 0 {
			t.Errorf("%d bytes are freed; results (-want +got):\n%s", report.Totals().Bytes, diff)
		}
	})
	t.Run("images in the trash are proven to survive, too", func(t *testing.T) {
		if s := report.Survival; s == nil || s.Images != 5 || s.Manifests != 7 || len(s.Missing) > 0 {
			t.Errorf("survival: %+v", s)
		}
	})
	t.Run("everything comes back as it was", func(t *testing.T) {
		f.restoreTrash(t, nil)
		if diff := cmp.Diff(f.tags, f.reg.Tags(trashRepository)); diff != "" {
			t.Errorf("tags (-before +after):\n%s", diff)
		}
		f.wantAllManifests(t)
	})
}

func companionTag(dgst regret.Digest) string {
	return "sha256-" + dgst.Encoded() + ".sig"
}

// TestQuarantineAtRegistries quarantines and restores at each registry. Registries that delete
// what has lost its last tag must keep what is in the trash.
func TestQuarantineAtRegistries(t *testing.T) {
	t.Parallel()
	const (
		works       = "works"
		byOverwrite = "works by overwriting only"
		never       = "cannot be done"
	)
	want := map[string]string{
		"distribution 2.8": byOverwrite, "distribution 3": works, "distribution 3.0": works, "zot": works, "olareg": works,
		"Harbor": byOverwrite, "Quay": works, "GitLab": works, "Gitea": works, "Nexus 3": works, "Artifactory": works,
		"Cloudflare (serverless)": works, "Keppel": works, "go-containerregistry (in process)": works,
		"Docker Hub": never, "Docker Hub (2023)": works, "GitHub (GHCR)": never, "Google (GAR, GCR)": works, "Amazon ECR": works,
		"Azure (ACR)": works,
	}
	for _, profile := range fakeregistry.Profiles() {
		t.Run(profile.Name, func(t *testing.T) {
			t.Parallel()
			host := profile.Host
			if host == "" {
				host = "registry.example"
			}
			t.Run("without overwriting", func(t *testing.T) {
				t.Parallel()
				checkRegistry(t, newTrashFixture(t, host, profile.Options...), false, want[profile.Name] == works)
			})
			t.Run("with overwriting", func(t *testing.T) {
				t.Parallel()
				checkRegistry(t, newTrashFixture(t, host, profile.Options...), true, want[profile.Name] != never)
			})
		})
	}
}

// checkRegistry quarantines and restores, or checks that nothing is quarantined.
func checkRegistry(t *testing.T, f *trashFixture, overwrite, works bool) {
	p := f.plan(t, trashPolicy)
	f.reg.ResetLog()
	report, err := apply.Quarantine(t.Context(), f.client, p, f.store, &apply.QuarantineOptions{Overwrite: overwrite})
	if !works {
		if !errors.Is(err, apply.ErrNoQuarantine) || report != nil {
			t.Errorf("report %v, error %v", report, err)
		}
		tags := f.reg.Tags(trashRepository)
		delete(tags, trashRunOf(p)+"-names-1")
		if diff := cmp.Diff(f.tags, tags); diff != "" {
			t.Errorf("tags (-before +after):\n%s", diff)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := report.Count(apply.Quarantined); n != 2 {
		t.Errorf("%d images are quarantined: %+v", n, report.Results)
	}
	tags := f.reg.Tags(trashRepository)
	for _, tag := range []string{"pr-1", "pr-1-amd64", "pr-2"} {
		if _, ok := tags[tag]; ok {
			t.Errorf("%s is still there", tag)
		}
	}
	if tags[trashTagOf(p, f.image.Digest)] != f.image.Digest || tags[trashTagOf(p, f.index.Digest)] != f.index.Digest {
		t.Errorf("the trash does not hold the images: %v", tags)
	}
	f.wantAllManifests(t)
	f.restoreTrash(t, &undo.RestoreOptions{Overwrite: overwrite})
	if diff := cmp.Diff(f.tags, f.reg.Tags(trashRepository)); diff != "" {
		t.Errorf("tags after restoring (-before +after):\n%s", diff)
	}
	f.wantAllManifests(t)
}
