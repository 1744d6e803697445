package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A death is the end of a process at one of its writes.
type death struct {
	profile fakeregistry.Profile
	write   int  // which one, from 0
	late    bool // the registry gets it
	journal bool
}

func (d death) String() string {
	return fmt.Sprintf("%s, write %d, late %t, journal %t", d.profile.Name, d.write, d.late, d.journal)
}

// deaths yields ends at every write, until one is not reached.
func deaths(yield func(d death, reached func()) bool) {
	for _, profile := range []fakeregistry.Profile{fakeregistry.Distribution3(), fakeregistry.Distribution2(), fakeregistry.Gitea(), fakeregistry.Zot()} {
		for _, late := range []bool{false, true} {
			for _, journal := range []bool{false, true} {
				again := !journal || profile.Name == "distribution 3" // the others differ in what is written
				for write := 0; again; write++ {
					again = false
					if !yield(death{profile, write, late, journal}, func() { again = true }) {
						return
					}
				}
			}
		}
	}
}

// TestQuarantineGoesOnAfterDeath ends the process at each of its writes, and lets another go on.
// The trash then is as if nothing had happened.
func TestQuarantineGoesOnAfterDeath(t *testing.T) {
	t.Parallel()
	runs := 0
	for d, reached := range deaths {
		runs++
		f := newTrashFixture(t, "registry.example", d.profile.Options...)
		p := f.plan(t, trashPolicy)
		mortal := &dyingTransport{inner: f.reg, left: d.write, late: d.late}
		journal := &keptJournal{until: mortal.isDead}
		options := func(j *keptJournal) *apply.QuarantineOptions {
			o := &apply.QuarantineOptions{Overwrite: true, Options: apply.Options{Concurrency: 1}}
			if d.journal {
				o.Journal = j
			}
			return o
		}
		report, err := apply.Quarantine(t.Context(), newTrashClient(t, "registry.example", mortal), p, f.store, options(journal))
		if mortal.isDead() {
			reached()
		} else if err != nil || report.Count(apply.Quarantined) != 2 {
			t.Fatalf("%s: it did not die: %v %v", d, report, err)
		}
		for tag, dgst := range f.tags { // at no time is an image without a tag
			if !f.reg.HasManifest(trashRepository, dgst) {
				t.Fatalf("%s: what %s pointed to is gone", d, tag)
			}
		}
		report, err = apply.Quarantine(t.Context(), f.client, p, f.store, options(journal.reopen()))
		if err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		if q, s := report.Count(apply.Quarantined), report.Count(apply.Spared); q != 2 || s != 3 {
			t.Errorf("%s: %d images are quarantined, %d manifests spared: %+v", d, q, s, report.Results)
		}
		want := map[string]regret.Digest{"latest": f.keep.Digest, companionTag(f.index.Digest): f.signature.Digest,
			trashTagOf(p, f.image.Digest): f.image.Digest, trashTagOf(p, f.index.Digest): f.index.Digest}
		tags := f.reg.Tags(trashRepository)
		if tags[trashRunOf(p)+"-names-1"] == "" {
			t.Errorf("%s: no names are kept", d)
		}
		for tag := range tags {
			if strings.HasPrefix(tag, "regret-keep-") || tag == trashRunOf(p)+"-names-1" {
				delete(tags, tag) // the former is what UntagByOverwrite leaves if it cannot end
			}
		}
		if diff := cmp.Diff(want, tags); diff != "" {
			t.Errorf("%s: tags (-want +got):\n%s", d, diff)
		}
		f.wantAllManifests(t)
		f.restoreTrash(t, &undo.RestoreOptions{Overwrite: true})
	}
	if runs < 100 {
		t.Errorf("only %d runs", runs)
	}
}

// TestRestoringTheTrashGoesOnAfterDeath does the same with restoring.
func TestRestoringTheTrashGoesOnAfterDeath(t *testing.T) {
	t.Parallel()
	for d, reached := range deaths {
		if d.journal {
			continue // there is none
		}
		f := newTrashFixture(t, "registry.example", d.profile.Options...)
		f.quarantine(t, f.plan(t, trashPolicy), &apply.QuarantineOptions{Overwrite: true})
		mortal := &dyingTransport{inner: f.reg, left: d.write, late: d.late}
		options := &undo.RestoreOptions{Overwrite: true, Concurrency: 1}
		if _, err := undo.RestoreTrash(t.Context(), newTrashClient(t, "registry.example", mortal), trashRepository, options); err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		if mortal.isDead() {
			reached()
		}
		f.wantAllManifests(t)
		f.restoreTrash(t, options)
		tags := f.reg.Tags(trashRepository)
		for tag := range tags {
			if strings.HasPrefix(tag, "regret-keep-") {
				delete(tags, tag)
			}
		}
		if diff := cmp.Diff(f.tags, tags); diff != "" {
			t.Errorf("%s: tags (-before +after):\n%s", d, diff)
		}
		f.wantAllManifests(t)
	}
}

// TestQuarantineOnTwoDays lets a run go on after midnight: images that are in the trash keep their
// tags, the others get those of the new day, and all come back.
func TestQuarantineOnTwoDays(t *testing.T) {
	t.Parallel()
	inJanuary(t, func(t *testing.T) {
		f := newTrashFixture(t, "registry.example")
		p := f.plan(t, trashPolicy)
		refuse(f, 1, "DELETE", "pr-2", 429, "TOOMANYREQUESTS")
		if report := f.quarantine(t, p, nil); report.Count(apply.Quarantined) != 1 || report.Count(apply.Failed) != 1 {
			t.Fatalf("results: %+v", report.Results)
		}
		yesterday, first := trashRunOf(p), trashTagOf(p, f.image.Digest)
		time.Sleep(6 * time.Hour)
		if report := f.quarantine(t, p, nil); report.Count(apply.Quarantined) != 2 {
			t.Fatalf("results: %+v", report.Results)
		}
		today, second := trashRunOf(p), trashTagOf(p, f.index.Digest)
		tags := f.reg.Tags(trashRepository)
		if today == yesterday || tags[first] != f.image.Digest || tags[second] != f.index.Digest || tags[yesterday+"-names-1"] == "" || tags[today+"-names-1"] == "" || len(tags) != 6 {
			t.Errorf("tags: %s", sortedTags(tags))
		}
		f.restoreTrash(t, nil)
		if diff := cmp.Diff(f.tags, f.reg.Tags(trashRepository)); diff != "" {
			t.Errorf("tags (-before +after):\n%s", diff)
		}
	})
}

// TestQuarantineThatIsRefusedAfterAnInterruption lets the registry refuse to remove the second name of
// an image whose first name an earlier run has removed. The image stays in the trash, which alone knows
// that name.
func TestQuarantineThatIsRefusedAfterAnInterruption(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	p := f.plan(t, trashPolicy)
	f.reg.Intercept(2, fakeregistry.On("DELETE", at("pr-1-amd64")), f.reg.LoseRequest())
	if report := f.quarantine(t, p, nil); resultOf(t, report, f.image.Digest).Status != apply.Unknown {
		t.Fatalf("results: %+v", report.Results)
	}
	refuse(f, 0, "DELETE", "pr-1-amd64", 409, "TAG_IMMUTABLE")
	if result := resultOf(t, f.quarantine(t, p, nil), f.image.Digest); result.Status != apply.Refused {
		t.Errorf("the image ended as %s: %s", result.Status, result.Reason)
	}
	if tags := f.reg.Tags(trashRepository); tags[trashTagOf(p, f.image.Digest)] != f.image.Digest || tags["pr-1"] != "" {
		t.Errorf("tags: %s", sortedTags(tags))
	}
	f.restoreTrash(t, nil)
	if diff := cmp.Diff(f.tags, f.reg.Tags(trashRepository)); diff != "" {
		t.Errorf("tags (-before +after):\n%s", diff)
	}
}

// TestQuarantineAgain does it a second time: with the journal nothing is sent, and without it nothing
// is written but the probe.
func TestQuarantineAgain(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	p := f.plan(t, trashPolicy)
	journal := new(keptJournal)
	first := f.quarantine(t, p, &apply.QuarantineOptions{Options: apply.Options{Journal: journal}})
	f.reg.ResetLog()
	again := f.quarantine(t, p, &apply.QuarantineOptions{Options: apply.Options{Journal: journal.reopen()}})
	if sent := f.reg.Requests(); len(sent) > 0 {
		t.Errorf("requests: %v", sent)
	}
	if diff := cmp.Diff(statusesOf(first), statusesOf(again)); diff != "" {
		t.Errorf("results (-first +again):\n%s", diff)
	}
	without := f.quarantine(t, p, nil)
	if diff := cmp.Diff([]string{"DELETE " + trashRunOf(p) + "-names-0 404"}, trashWrites(f.reg)); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(statusesOf(first), statusesOf(without)); diff != "" {
		t.Errorf("results (-first +again):\n%s", diff)
	}
}

// TestQuarantineAfterAnInterruptedTrial ends a run between the first index of names and its removal.
// The next one tries the removal again, because nothing has proven it.
func TestQuarantineAfterAnInterruptedTrial(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	p := f.plan(t, trashPolicy)
	names := trashRunOf(p) + "-names-1"
	refuse(f, 1, "DELETE", names, 503, "UNAVAILABLE")
	if _, err := apply.Quarantine(t.Context(), f.client, p, f.store, nil); !errors.Is(err, regret.ErrUnavailable) || errors.Is(err, apply.ErrNoQuarantine) {
		t.Fatal(err)
	}
	f.reg.ResetLog()
	f.quarantine(t, p, &apply.QuarantineOptions{Options: apply.Options{Concurrency: 1}})
	want := []string{"DELETE " + trashRunOf(p) + "-names-0 404", "DELETE " + names + " 202", "PUT " + names + " 201"}
	if diff := cmp.Diff(want, trashWrites(f.reg)[:3]); diff != "" {
		t.Errorf("first writes (-want +got):\n%s", diff)
	}
}

// TestQuarantineWhoseTagsAreLost removes a tag of the trash while the run goes on, as a retention rule
// of the registry may do.
func TestQuarantineWhoseTagsAreLost(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	p := f.plan(t, trashPolicy)
	lost := trashTagOf(p, f.image.Digest)
	f.reg.Intercept(1, fakeregistry.On("DELETE", at("pr-2")), func(w http.ResponseWriter, req *http.Request) bool {
		gone, err := http.NewRequestWithContext(req.Context(), http.MethodDelete, at(lost), nil)
		if err != nil {
			panic(err)
		}
		f.reg.Serve(discard{}, gone)
		f.reg.Serve(w, req)
		return true
	})
	report, err := apply.Quarantine(t.Context(), f.client, p, f.store, &apply.QuarantineOptions{Options: apply.Options{Concurrency: 1}})
	if !errors.Is(err, apply.ErrLost) || report == nil || len(report.Lost) != 1 || report.Lost[0].Tag != lost || report.Lost[0].Ours {
		t.Errorf("error %v, lost %+v", err, report.Lost)
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
