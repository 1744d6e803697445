package undo_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func TestRestoreTags(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set   func(f *fixture)
		move  bool
		want  undo.Status
		after func(f *fixture) regret.Digest // what pr-1 points to
	}{
		"a tag that is gone is put back": {
			func(*fixture) {}, false, undo.Restored, func(f *fixture) regret.Digest { return f.image.Digest }},
		"a tag that stands right is left alone": {
			func(f *fixture) { f.reg.PutImage(repository, "image", "pr-1") }, false, undo.AlreadyThere, func(f *fixture) regret.Digest { return f.image.Digest }},
		"a tag that points elsewhere is left there": {
			func(f *fixture) { f.reg.SetTag(repository, "pr-1", f.keep.Digest) }, false, undo.Elsewhere, func(f *fixture) regret.Digest { return f.keep.Digest }},
		"a tag whose removal by overwriting was interrupted is put back": {
			func(f *fixture) {
				f.reg.PutManifest(repository, "pr-1", ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"mediaType":"`+ocispec.MediaTypeImageIndex+
					`","manifests":[],"annotations":{"com.github.seed-8cb7cc86.regret.placeholder":"abc"}}`))
			}, false, undo.Restored, func(f *fixture) regret.Digest { return f.image.Digest }},
		"a tag that points to another index is left there": {
			func(f *fixture) { f.reg.SetTag(repository, "pr-1", f.reg.PutIndex(repository, nil, "other").Digest) }, false, undo.Elsewhere,
			func(f *fixture) regret.Digest { d, _ := f.reg.Tag(repository, "other"); return d }},
		"a tag that points elsewhere is moved on request": {
			func(f *fixture) { f.reg.SetTag(repository, "pr-1", f.keep.Digest) }, true, undo.Moved, func(f *fixture) regret.Digest { return f.image.Digest }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, -1)
			test.set(f)
			report := f.restore(t, &undo.RestoreOptions{Move: test.move})
			result := resultOf(t, report, "pr-1")
			if got, _ := f.reg.Tag(repository, "pr-1"); result.Status != test.want || got != test.after(f) {
				t.Errorf("it points to %s: %v", got, result)
			}
			if elsewhere := test.want == undo.Elsewhere || test.want == undo.Moved; elsewhere && result.Found == "" {
				t.Errorf("it was found at %q", result.Found)
			}
			if report.IsComplete() != (test.want != undo.Elsewhere) {
				t.Errorf("complete: %t", report.IsComplete())
			}
			if got, _ := f.reg.Tag(repository, "pr-1-amd64"); got != f.image.Digest {
				t.Errorf("the other tag points to %q", got)
			}
			puts := 0
			for _, req := range f.reg.Writes() {
				if req.Path == "/v2/"+repository+"/manifests/pr-1" {
					puts++
				}
			}
			if written := test.want == undo.Restored || test.want == undo.Moved; written != (puts == 1) {
				t.Errorf("%d PUT of the tag", puts)
			}
		})
	}
}

func TestRestoreTagThatIsLocked(t *testing.T) {
	t.Parallel()
	f := newFixture(t, fakeregistry.WithImmutableTags("latest-1"))
	f.reg.SetTag(repository, "latest-1", f.keep.Digest)
	other := f.reg.PutImage(repository, "other", "pr-9")
	f.reg.Intercept(0, fakeregistry.On(http.MethodPut, "/v2/"+repository+"/manifests/pr-9"),
		fakeregistry.Errors(http.StatusPreconditionFailed, "PRECONDITION", "the tag pr-9 configured as immutable, cannot be updated"))
	f.plan = makePlan(t, f.reg, removeAll)
	f.archive(t)
	f.apply(t, -1)
	report := f.restore(t, nil)
	result := resultOf(t, report, "pr-9")
	if result.Status != undo.Refused || !errors.Is(result.Err, regret.ErrImmutable) {
		t.Errorf("got %v", result)
	}
	if result := resultOf(t, report, string(other.Digest)); result.Status != undo.Restored {
		t.Errorf("the manifest: %v", result)
	}
	if report.Count(undo.Refused) != 1 || report.Count(undo.Restored) != len(report.Results)-1 {
		t.Errorf("the others: %v", report)
	}
}

func TestRestoreTagsThatCameOff(t *testing.T) {
	t.Parallel()
	f := &fixture{reg: fakeregistry.New(), store: newMemory()}
	f.image = f.reg.PutImage(repository, "image", "1.0", "pr-1", "pr-2")
	f.all = []regret.Digest{f.image.Digest}
	f.client = newClient(t, f.reg)
	f.plan = makePlan(t, f.reg, `{"version": 1, "remove": [{"tags": "pr-*", "untag": true}]}`)
	f.before = f.state(t)
	f.archive(t)
	f.apply(t, -1)
	report := f.restore(t, nil)
	want := map[string]undo.Status{string(f.image.Digest): undo.AlreadyThere, "pr-1": undo.Restored, "pr-2": undo.Restored}
	if diff := cmp.Diff(want, outcomes(report)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(f.before, f.state(t)); diff != "" {
		t.Errorf("the repository (-before +after):\n%s", diff)
	}
}

func TestRestoreSettlesAPutOfATagWithoutAResponse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool
		move  bool // the tag is on something else
		want  undo.Status
	}{
		"it had an effect":                      {(*fakeregistry.Registry).LoseResponse, false, undo.Restored},
		"it had none":                           {(*fakeregistry.Registry).LoseRequest, false, undo.Failed},
		"it had an effect, and moved the tag":   {(*fakeregistry.Registry).LoseResponse, true, undo.Moved},
		"it had none, and the tag is not moved": {(*fakeregistry.Registry).LoseRequest, true, undo.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, -1)
			if test.move {
				f.reg.SetTag(repository, "pr-2", f.keep.Digest)
			}
			f.reg.Intercept(1, fakeregistry.On(http.MethodPut, "/v2/"+repository+"/manifests/pr-2"), test.fault(f.reg))
			result := resultOf(t, f.restore(t, &undo.RestoreOptions{Move: test.move}), "pr-2")
			if result.Status != test.want || (test.want == undo.Failed) != errors.Is(result.Err, regret.ErrOutcomeUnknown) {
				t.Errorf("got %v", result)
			}
		})
	}
}
