package apply_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// TestQuarantineOfCases plans every scenario, quarantines, and restores: all tags are back but those
// that the plan takes off what stays, and all manifests but those of the trash that was due.
func TestQuarantineOfCases(t *testing.T) {
	t.Parallel()
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	images := 0
	for _, c := range all {
		if c.Expect.Error != nil {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(c.Now))
				reg := c.Serve()
				client := newTrashClient(t, cases.Registry, reg)
				p := makePlan(t, c, client)
				before := stored(t, c, client)
				report, err := apply.Quarantine(t.Context(), client, p, newTrashStore(), nil)
				if err != nil {
					t.Fatal(err)
				}
				gone := make(map[string]bool) // lines of what is stored
				for i, step := range slices.Collect(p.Steps()) {
					result := report.Results[i]
					switch {
					case step.Action == plan.Delete && step.Role == plan.RoleImage:
						images++
						if result.Status != apply.Quarantined {
							t.Errorf("the image %s: %s: %s", c.IDOf(step.Digest), result.Status, result.Reason)
						}
					case result.Status == apply.Deleted:
						gone[c.IDOf(step.Digest)] = true
						for _, tag := range step.Tags {
							gone[tag+" "+c.IDOf(step.Digest)] = true
						}
					case result.Status == apply.Untagged:
						for _, tag := range step.Untag {
							gone[tag+" "+c.IDOf(step.Digest)] = true
						}
					case result.Status != apply.Spared:
						t.Errorf("%s %s: %s: %s", step.Action, c.IDOf(step.Digest), result.Status, result.Reason)
					}
				}
				restored, err := undo.RestoreTrash(t.Context(), client, c.Repository, nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, result := range restored.Results {
					if !result.Status.IsBack() && strings.Contains(result.Tag, p.Digest().Encoded()[:8]) {
						t.Errorf("not restored: %s", result)
					}
				}
				want := slices.DeleteFunc(before, func(line string) bool { return gone[line] })
				if diff := cmp.Diff(want, stored(t, c, client)); diff != "" {
					t.Errorf("stored (-want +got):\n%s", diff)
				}
			})
		})
	}
	if images < 100 {
		t.Errorf("only %d images were in the trash", images)
	}
}

// A drawnRepository is a repository that was drawn.
type drawnRepository struct {
	t       *rapid.T
	reg     *fakeregistry.Registry
	tagged  int
	digests []regret.Descriptor
}

// put stores something under some tags, or none.
func (d *drawnRepository) put(store func(tags ...string) regret.Descriptor) {
	var tags []string
	for range rapid.IntRange(0, 3).Draw(d.t, "tags") {
		d.tagged++
		tags = append(tags, fmt.Sprintf("%s-%d", rapid.SampledFrom([]string{"pr", "pr", "pr", "keep"}).Draw(d.t, "prefix"), d.tagged))
	}
	d.digests = append(d.digests, store(tags...))
}

// draw fills a repository with images, indexes that share children, referrers with and without tags,
// and companions.
func (d *drawnRepository) draw() {
	contents := []string{"a", "b", "c", "d", "e", "f"}
	for i := range rapid.IntRange(1, 8).Draw(d.t, "manifests") {
		switch rapid.SampledFrom([]string{"image", "image", "index", "referrer", "companion"}).Draw(d.t, "kind") {
		case "image":
			d.put(func(tags ...string) regret.Descriptor {
				return d.reg.PutImage(trashRepository, rapid.SampledFrom(contents).Draw(d.t, "content"), tags...)
			})
		case "index":
			d.put(func(tags ...string) regret.Descriptor {
				return d.reg.PutIndex(trashRepository, rapid.SliceOfN(rapid.SampledFrom(contents), 1, 3).Draw(d.t, "contents"), tags...)
			})
		case "referrer":
			if len(d.digests) > 0 {
				d.put(func(tags ...string) regret.Descriptor {
					subject := rapid.SampledFrom(d.digests).Draw(d.t, "subject")
					referrer := d.reg.PutReferrer(trashRepository, subject, "application/vnd.example.sbom", fmt.Sprint(i))
					for _, tag := range tags {
						d.reg.SetTag(trashRepository, tag, referrer.Digest)
					}
					return referrer
				})
			}
		case "companion":
			if len(d.digests) > 0 {
				owner := rapid.SampledFrom(d.digests).Draw(d.t, "owner")
				d.reg.PutImage(trashRepository, fmt.Sprint("signature ", i%2), companionTag(owner.Digest))
			}
		}
	}
}

// A collecting is a kind of registry that runs by itself, and one of its collectors that spare what
// a tag leads to.
type collecting struct {
	profile   fakeregistry.Profile
	collector fakeregistry.Collector
}

func (c collecting) String() string { return c.profile.Name + ", " + c.collector.Name }

// collectings returns all of them.
func collectings() []collecting {
	var all []collecting
	for _, profile := range fakeregistry.Profiles() {
		for _, collector := range profile.Collectors {
			takesChildren := profile.Name == "distribution 2.8" && strings.Contains(collector.Name, "--delete-untagged")
			if profile.Host == "" && !takesChildren {
				all = append(all, collecting{profile, collector})
			}
		}
	}
	return all
}

// TestQuarantineAndBack draws repositories at registries of all kinds, quarantines all pull requests,
// collects garbage, and restores: each tag is as it was, and leads to all that it led to.
func TestQuarantineAndBack(t *testing.T) {
	t.Parallel()
	all := collectings()
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom(all).Draw(rt, "registry")
		d := drawnRepository{t: rt, reg: kind.profile.New()}
		d.draw()
		d.reg.PutImage(trashRepository, "kept", "latest")
		d.collect(kind.collector) // what goes without a quarantine, too
		before := d.reg.Tags(trashRepository)
		client := newTrashClient(t, "registry.example", d.reg)
		options := &apply.QuarantineOptions{Overwrite: true, Options: apply.Options{Verify: true}}
		report, err := apply.Quarantine(rt.Context(), client, makeTrashPlan(t, client, trashPolicy), newTrashStore(), options)
		if err != nil {
			rt.Fatal(err)
		}
		if n := report.Count(apply.Quarantined) + report.Count(apply.Spared); n != len(report.Results) {
			rt.Errorf("not all is quarantined or spared: %+v", report.Results)
		}
		if report.Survival != nil && len(report.Survival.Missing) > 0 {
			rt.Errorf("missing: %+v", report.Survival.Missing)
		}
		d.collect(kind.collector)
		if report, err := undo.RestoreTrash(rt.Context(), client, trashRepository, &undo.RestoreOptions{Overwrite: true}); err != nil || !report.IsComplete() {
			rt.Fatalf("%v: %s", err, report)
		}
		if diff := cmp.Diff(before, d.reg.Tags(trashRepository)); diff != "" {
			rt.Errorf("tags (-before +after):\n%s", diff)
		}
		d.wantWhole(before)
	})
}

// collect collects garbage.
func (d *drawnRepository) collect(c fakeregistry.Collector) {
	if _, err := d.reg.CollectGarbage(c); err != nil {
		d.t.Fatal(err)
	}
}

// wantWhole checks that tags lead to manifests, and these to all that they list.
func (d *drawnRepository) wantWhole(tags map[string]regret.Digest) {
	client, err := regret.New("registry.example", regret.WithTransport(d.reg))
	if err != nil {
		d.t.Fatal(err)
	}
	var visit func(dgst regret.Digest)
	visit = func(dgst regret.Digest) {
		m, err := client.Manifest(d.t.Context(), trashRepository, string(dgst))
		if err != nil {
			d.t.Errorf("%s: %v", dgst, err)
			return
		}
		references, err := plan.ReadReferences(m.Raw)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, child := range references.Manifests {
			visit(child.Digest)
		}
		for _, blob := range references.Blobs {
			if !d.reg.HasBlob(trashRepository, blob.Digest) {
				d.t.Errorf("the blob %s of %s is gone", blob.Digest, dgst)
			}
		}
	}
	for _, dgst := range tags {
		visit(dgst)
	}
}
