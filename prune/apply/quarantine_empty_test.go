package apply_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// inJanuary runs a test in a bubble whose time begins on the evening of 31 January 2026.
func inJanuary(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 1, 31, 20, 0, 0, 0, time.UTC)))
		test(t)
	})
}

const day = 24 * time.Hour

// TestTheTrashIsEmptied goes through the whole circle: quarantine, plans that count nothing of what
// is in the trash, and the plan that empties it, two weeks after the end of the day.
func TestTheTrashIsEmptied(t *testing.T) {
	t.Parallel()
	inJanuary(t, func(t *testing.T) {
		f := newTrashFixture(t, "registry.example")
		f.quarantine(t, f.plan(t, trashPolicy), nil)
		inTrash := sortedTags(f.reg.Tags(trashRepository))

		for _, after := range []time.Duration{0, 3*time.Hour + 59*time.Minute, 14*day - 1*time.Second} {
			time.Sleep(time.Until(time.Date(2026, 1, 31, 20, 0, 1, 0, time.UTC).Add(after)))
			p := f.plan(t, trashPolicy)
			for step := range p.Steps() {
				t.Errorf("%s after the quarantine, %s goes: %s", after, step.Digest, step.Reason)
			}
			if totals := p.Totals(); totals.Images != 1 || totals.Kept != 1 {
				t.Errorf("%s after the quarantine, images are counted that are in the trash: %+v", after, totals)
			}
			f.store = newTrashStore()
			f.quarantine(t, p, nil)
		}
		if diff := cmp.Diff(inTrash, sortedTags(f.reg.Tags(trashRepository))); diff != "" {
			t.Errorf("tags (-before +after):\n%s", diff)
		}

		time.Sleep(time.Until(time.Date(2026, 2, 15, 0, 0, 1, 0, time.UTC)))
		f.store = newTrashStore()
		report := f.quarantine(t, f.plan(t, trashPolicy), nil)
		if n := report.Count(apply.Deleted); n != len(report.Results) || n != 6 {
			t.Errorf("%d of %d steps deleted something: %+v", n, len(report.Results), report.Results)
		}
		if diff := cmp.Diff("latest "+string(f.keep.Digest)+"\n", sortedTags(f.reg.Tags(trashRepository))); diff != "" {
			t.Errorf("tags that are left (-want +got):\n%s", diff)
		}
		for _, dgst := range f.everyManifest() {
			if f.reg.HasManifest(trashRepository, dgst) != (dgst == f.keep.Digest) {
				t.Errorf("%s is there: %t", dgst, dgst != f.keep.Digest)
			}
		}
	})
}

// TestApplyEmptiesTheTrash empties the trash by a policy that does nothing else.
func TestApplyEmptiesTheTrash(t *testing.T) {
	t.Parallel()
	inJanuary(t, func(t *testing.T) {
		f := newTrashFixture(t, "registry.example")
		f.quarantine(t, f.plan(t, trashPolicy), nil)
		time.Sleep(16 * day)
		p := f.plan(t, `{"version": 1, "remove": [{"trash": true, "older-than": "2w"}]}`)
		report, err := apply.Apply(t.Context(), f.client, p, newTrashStore(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := report.Count(apply.Deleted); n != len(report.Results) || n != 6 {
			t.Errorf("%d of %d steps deleted something: %+v", n, len(report.Results), report.Results)
		}
	})
}

// TestQuarantineThatWasRestored checks that what is restored in time is as if nothing had happened.
func TestQuarantineThatWasRestored(t *testing.T) {
	t.Parallel()
	inJanuary(t, func(t *testing.T) {
		f := newTrashFixture(t, "registry.example")
		first := f.plan(t, trashPolicy)
		f.quarantine(t, first, nil)
		time.Sleep(10 * day)
		f.restoreTrash(t, nil)
		if diff := cmp.Diff(f.tags, f.reg.Tags(trashRepository)); diff != "" {
			t.Errorf("tags (-before +after):\n%s", diff)
		}
		time.Sleep(10 * day)
		second := f.plan(t, trashPolicy)
		if a, b := first.Header().Tags, second.Header().Tags; a != b {
			t.Errorf("the tags are %s now, and were %s", b, a)
		}
		f.store = newTrashStore()
		f.quarantine(t, second, nil) // again, under a new date
		if tags := f.reg.Tags(trashRepository); tags["regret-trash-20260220-"+second.Digest().Encoded()[:8]+"-"+f.image.Digest.Encoded()[:12]] != f.image.Digest {
			t.Errorf("the image is not in the trash of today: %v", tags)
		}
		f.restoreTrash(t, nil)
		if diff := cmp.Diff(f.tags, f.reg.Tags(trashRepository)); diff != "" {
			t.Errorf("tags (-before +after):\n%s", diff)
		}
	})
}

// A trashLister lists some manifests as uploaded long ago.
type trashLister []regret.ListEntry

func (l trashLister) List(context.Context, string) iter.Seq2[regret.ListEntry, error] {
	return func(yield func(regret.ListEntry, error) bool) {
		for _, e := range l {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// TestQuarantineSparesWhatItCannotGiveBack plans everything at once: images, the trash, what is
// untagged and orphans. Only the trash is deleted, and of it only what images in the trash do not
// need.
func TestQuarantineSparesWhatItCannotGiveBack(t *testing.T) {
	t.Parallel()
	const everything = `{"version": 1,
		"remove": [{"tags": "pr-*"}, {"trash": true, "older-than": "14d"}, {"untagged": true, "older-than": "2d"}, {"orphans": true}],
		"limits": {"max-percent": 100, "min-left": 0}}`
	inJanuary(t, func(t *testing.T) {
		f := newTrashFixture(t, "registry.example")
		put := func(content string, tags ...string) regret.Digest {
			return f.reg.PutImage(trashRepository, content, tags...).Digest
		}
		old := func(digits string) string { return "regret-trash-20260101-0123abcd-" + digits }

		alone := put("alone", old("000000000001"))
		shares := f.reg.PutIndex(trashRepository, []string{"amd64", "only here"}, old("000000000002")) // amd64 is also in pr-2
		onlyHere := put("only here")
		whole := f.reg.PutIndex(trashRepository, []string{"part"}, old("000000000003"))
		part := put("part")
		referrer := f.reg.PutReferrer(trashRepository, whole, "application/vnd.example.signature", "signature of whole")
		nested := f.putIndexOf(t, "nested", old("000000000004"), f.image) // lists the image pr-1
		tagged := f.reg.PutReferrer(trashRepository, f.image, "application/vnd.example.sbom", "SBOM of pr-1")
		f.reg.SetTag(trashRepository, "pr-1-sbom", tagged.Digest)
		orphan := put("orphan", "sha256-"+strings.Repeat("0", 64)+".sig")
		untagged := put("untagged")
		names := put("names", old("names-1"))

		listed := trashLister{{Descriptor: regret.Descriptor{Digest: untagged, MediaType: ocispec.MediaTypeImageManifest, Size: 1}, Uploaded: time.Now().Add(-5 * day)}}
		rules, err := policy.Parse([]byte(everything))
		if err != nil {
			t.Fatal(err)
		}
		p, err := prune.Make(t.Context(), f.client, trashRepository, rules, &prune.ReadOptions{Lister: listed})
		if err != nil {
			t.Fatal(err)
		}
		report := f.quarantine(t, p, nil)

		want := map[regret.Digest]apply.Status{
			f.image.Digest: apply.Quarantined, f.index.Digest: apply.Quarantined,
			f.amd64.Digest: apply.Spared, put("arm64"): apply.Spared, f.signature.Digest: apply.Spared, tagged.Digest: apply.Spared,
			alone: apply.Deleted, whole.Digest: apply.Deleted, part: apply.Deleted, referrer.Digest: apply.Deleted, names: apply.Deleted,
			shares.Digest: apply.Spared, onlyHere: apply.Spared, // this time: the plan did not know that pr-2 stays
			nested: apply.Spared, orphan: apply.Spared, untagged: apply.Spared,
		}
		got := map[regret.Digest]apply.Status{}
		for _, result := range report.Results {
			got[result.Digest] = result.Status
			if gone := !f.reg.HasManifest(trashRepository, result.Digest); gone != (result.Status == apply.Deleted) {
				t.Errorf("%s ended as %s, and is gone: %t", result.Digest, result.Status, gone)
			}
			if result.Status == apply.Spared && result.Reason == "" {
				t.Errorf("nothing says why %s is spared", result.Digest)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("results (-want +got):\n%s\n%s", diff, p)
		}
		f.store = newTrashStore()
		f.quarantine(t, f.plan(t, trashPolicy), nil)
		for dgst, there := range map[regret.Digest]bool{shares.Digest: false, onlyHere: false, f.amd64.Digest: true, nested: true, f.image.Digest: true, tagged.Digest: true} {
			if f.reg.HasManifest(trashRepository, dgst) != there {
				t.Errorf("after the next plan, %s is there: %t", dgst, !there)
			}
		}
	})
}

// putIndexOf stores an index of manifests that are there.
func (f *trashFixture) putIndexOf(t *testing.T, name, tag string, children ...regret.Descriptor) regret.Digest {
	t.Helper()
	var entries []string
	for _, c := range children {
		entries = append(entries, `{"mediaType":"`+c.MediaType+`","digest":"`+string(c.Digest)+`","size":`+"1"+`}`)
	}
	raw := `{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[` + strings.Join(entries, ",") + `],"annotations":{"name":"` + name + `"}}`
	return f.reg.PutManifest(trashRepository, tag, ocispec.MediaTypeImageIndex, []byte(raw)).Digest
}

// TestQuarantineTakesTagsOffWhatStays checks that rules that only take tags off are obeyed, and that
// companion tags stay with what they belong to.
func TestQuarantineTakesTagsOffWhatStays(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	f.reg.SetTag(trashRepository, "pr-9", f.keep.Digest)
	shared := f.reg.PutImage(trashRepository, "sbom of two", companionTag(f.image.Digest), companionTag(f.keep.Digest))
	p := f.plan(t, strings.Replace(trashPolicy, `"tags": "pr-*"`, `"tags": "pr-*", "untag": true`, 1))
	report := f.quarantine(t, p, nil)
	want := map[string]apply.Status{"pr-9": apply.Untagged, companionTag(f.image.Digest): apply.Spared, "pr-1": apply.Quarantined, "pr-2": apply.Quarantined}
	got := statusesOf(report)
	for name, status := range want {
		if got[name] != status {
			t.Errorf("%s ended as %s, not as %s", name, got[name], status)
		}
	}
	tags := f.reg.Tags(trashRepository)
	if _, there := tags["pr-9"]; there || tags[companionTag(f.image.Digest)] != shared.Digest {
		t.Errorf("tags: %v", tags)
	}
	if undoneBy := countSteps(p, plan.Untag); undoneBy != 2 {
		t.Errorf("the plan has %d steps that take tags off", undoneBy)
	}
}

func countSteps(p *plan.Plan, action plan.Action) (n int) {
	for step := range p.Steps() {
		if step.Action == action {
			n++
		}
	}
	return n
}

// TestWhatIsInTheTrashSurvivesCollection quarantines, collects garbage in each way that spares what a
// tag leads to, and restores.
func TestWhatIsInTheTrashSurvivesCollection(t *testing.T) {
	t.Parallel()
	for _, profile := range fakeregistry.Profiles() {
		for _, collector := range profile.Collectors {
			if profile.Name == "distribution 2.8" && strings.Contains(collector.Name, "--delete-untagged") {
				continue // it takes the children of every index
			}
			t.Run(profile.Name+": "+collector.Name, func(t *testing.T) {
				t.Parallel()
				host := profile.Host
				if host == "" {
					host = "registry.example"
				}
				f := newTrashFixture(t, host, profile.Options...)
				p := f.plan(t, trashPolicy)
				f.quarantine(t, p, &apply.QuarantineOptions{Overwrite: true})
				if _, err := f.reg.CollectGarbage(collector); err != nil {
					t.Fatal(err)
				}
				f.wantAllManifests(t)
				f.restoreTrash(t, &undo.RestoreOptions{Overwrite: true})
				if _, err := f.reg.CollectGarbage(collector); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(f.tags, f.reg.Tags(trashRepository)); diff != "" {
					t.Errorf("tags (-before +after):\n%s", diff)
				}
				f.wantAllManifests(t)
				for _, content := range []string{"kept", "image", "amd64", "arm64", "signature"} {
					if layer := digest.FromString(content); !f.reg.HasBlob(trashRepository, layer) {
						t.Errorf("the layer of %q is gone", content)
					}
				}
			})
		}
	}
}
