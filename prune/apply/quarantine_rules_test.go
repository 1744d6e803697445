package apply_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestQuarantineRules has a row for each thing that may be in the trash already when a plan is carried
// out: how the image and the index end, and what tags there are then.
func TestQuarantineRules(t *testing.T) {
	t.Parallel()
	const foreign = "regret-trash-20260101-0123abcd-0123456789ab"
	for name, test := range map[string]struct {
		tags         map[string]string // that are put besides; I, X: the tags that the image and the index get in the trash
		image, index apply.Status
		want         map[string]string // tags of the image and the index; all others are as before
	}{
		"nothing is there": {nil, apply.Quarantined, apply.Quarantined, map[string]string{"I": "image", "X": "index"}},
		"the tag of an image is there already": {map[string]string{"I": "image"}, apply.Quarantined, apply.Quarantined,
			map[string]string{"I": "image", "X": "index"}},
		"a tag of another plan holds what it is on": {map[string]string{foreign: "image"}, apply.Stale, apply.Quarantined,
			map[string]string{foreign: "image", "pr-1": "image", "pr-1-amd64": "image", "X": "index"}},
		"a tag of this plan is on another image than it is named after": {map[string]string{"X": "image"}, apply.Quarantined, apply.Failed,
			map[string]string{"I": "image", "X": "image", "pr-2": "index"}},
		"a tag of this plan is on something that stays": {map[string]string{"I": "kept"}, apply.Failed, apply.Quarantined,
			map[string]string{"I": "kept", "pr-1": "image", "pr-1-amd64": "image", "X": "index"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t, "registry.example")
			p := f.plan(t, trashPolicy)
			short := map[string]string{trashTagOf(p, f.image.Digest): "I", trashTagOf(p, f.index.Digest): "X"}
			long := make(map[string]string)
			for tag, name := range short {
				long[name] = tag
			}
			digests := map[string]regret.Digest{"image": f.image.Digest, "index": f.index.Digest, "kept": f.keep.Digest}
			for tag, on := range test.tags {
				if full, ok := long[tag]; ok {
					tag = full
				}
				f.reg.SetTag(trashRepository, tag, digests[on])
			}
			report := f.quarantine(t, p, nil)
			for dgst, want := range map[regret.Digest]apply.Status{f.image.Digest: test.image, f.index.Digest: test.index} {
				if result := resultOf(t, report, dgst); result.Status != want {
					t.Errorf("%v: %s: %s", result.Tags, result.Status, result.Reason)
				}
			}
			got := make(map[string]string)
			for tag, dgst := range f.reg.Tags(trashRepository) {
				if name, ok := short[tag]; ok {
					tag = name
				}
				for name, d := range digests {
					if dgst == d && tag != "latest" {
						got[tag] = name
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			f.wantAllManifests(t)
		})
	}
}

// TestTheTrashIsEmptiedLast deletes what is due in the trash only once all images are in it.
func TestTheTrashIsEmptiedLast(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	var due []regret.Digest
	for i := range 6 {
		d := f.reg.PutImage(trashRepository, fmt.Sprint("discarded ", i)).Digest
		f.reg.SetTag(trashRepository, "regret-trash-20250101-0123abcd-"+d.Encoded()[:12], d)
		due = append(due, d)
		f.reg.PutImage(trashRepository, fmt.Sprint("image ", i), fmt.Sprint("pr-1", i))
	}
	p := f.plan(t, trashPolicy)
	f.reg.ResetLog()
	report := f.quarantine(t, p, nil)
	if report.Count(apply.Deleted) != len(due) || report.Count(apply.Quarantined) != 8 {
		t.Errorf("results: %+v", report.Results)
	}
	writes := trashWrites(f.reg)
	isDeletion := func(s string) bool { return strings.HasPrefix(s, "DELETE sha256:") }
	first := slices.IndexFunc(writes, isDeletion)
	if first < 0 || slices.ContainsFunc(writes[first:], func(s string) bool { return !isDeletion(s) }) {
		t.Errorf("the writes are %q", writes)
	}
}

// TestQuarantineSettlesAPutWithoutAResponse loses the response to a PUT of a tag of the trash, or the
// request. A look decides: without its tag of the trash, an image loses no name.
func TestQuarantineSettlesAPutWithoutAResponse(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("the request is lost: %t", lost), func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t, "registry.example")
			p := f.plan(t, trashPolicy)
			fault, want := f.reg.LoseResponse(), apply.Quarantined
			if lost {
				fault, want = f.reg.LoseRequest(), apply.Unknown
			} else {
				f.reg.Intercept(1, fakeregistry.On("PUT", at(trashRunOf(p)+"-names-1")), f.reg.LoseResponse())
			}
			f.reg.Intercept(1, fakeregistry.On("PUT", at(trashTagOf(p, f.image.Digest))), fault)
			result := resultOf(t, f.quarantine(t, p, nil), f.image.Digest)
			if result.Status != want {
				t.Errorf("the image ended as %s: %s", result.Status, result.Reason)
			}
			if at, named := f.reg.Tag(trashRepository, "pr-1"); named != lost || lost && at != f.image.Digest {
				t.Errorf("pr-1 points to %q", at)
			}
		})
	}
}
