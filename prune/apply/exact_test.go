package apply_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// exactFixture is a repository with a plan of exactly these references.
func exactFixture(t *testing.T, f *fixture, references ...string) *fixture {
	t.Helper()
	signed := f.index("index", []string{"amd", "arm"}, "1.4", "1.4.0")
	f.companion("signature", signed, ".sig")
	f.index("other", []string{"arm", "s390x"}, "1.3")
	kept := f.image("kept", "latest")
	f.companion("signature of kept", kept, ".sig")
	f.companion("attestation of kept", kept, ".att")
	if slices.Contains(references, "SIG") {
		references[slices.Index(references, "SIG")] = companionOf(kept) + ".sig"
	}
	made, err := prune.MakeExact(t.Context(), f.client, repository, references, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.plan = made
	f.reg.ResetLog()
	return f
}

// TestExactPlansAtEachRegistry deletes what was named, and brings it back, as each registry does it.
func TestExactPlansAtEachRegistry(t *testing.T) {
	t.Parallel()
	for _, profile := range fakeregistry.Profiles() {
		t.Run(profile.Name+" "+profile.Version, func(t *testing.T) {
			t.Parallel()
			f := exactFixture(t, newFixtureAt(t, hostOf(profile), profile.New()), "1.4", "1.4.0", "SIG")
			before := f.reg.Tags(repository)
			report, err := f.run()
			if report == nil {
				t.Fatal(err)
			}
			for _, result := range report.Results {
				name := f.stepName(&result)
				if !slices.Contains([]string{"index", "amd", "signature", "signature of kept"}, name) {
					t.Errorf("it has a step for %s", name)
				}
				if gone := result.Status == apply.Deleted || result.Status == apply.AlreadyGone; gone && f.has(name) && profile.Name != fakeregistry.Quay().Name {
					t.Errorf("%s is %s, and is there", name, result.Status)
				}
			}
			for _, name := range []string{"other", "arm", "s390x", "kept", "attestation of kept"} {
				if !f.has(name) {
					t.Errorf("%s is gone", name)
				}
			}
			if err != nil {
				return // it refuses to delete
			}
			if _, err := undo.Restore(t.Context(), f.client, f.store, nil); err != nil {
				t.Error(err)
			}
			if profile.Name == fakeregistry.Gitea().Name {
				return // it deletes layers along with the last image that has them
			}
			if diff := cmp.Diff(before, f.reg.Tags(repository)); diff != "" {
				t.Errorf("tags after restoring (-before +after):\n%s", diff)
			}
		})
	}
}

// hostOf returns the host of a registry: some are recognised by it.
func hostOf(p fakeregistry.Profile) string {
	if p.Host != "" {
		return p.Host
	}
	return host
}

// TestExactPlanSparesWhatTagsHoldByNow moves tags after the plan was made.
func TestExactPlanSparesWhatTagsHoldByNow(t *testing.T) {
	t.Parallel()
	sig := func(f *fixture) string { return companionOf(f.digest("kept")) + ".sig" }
	for name, test := range map[string]struct {
		change func(f *fixture)
		want   apply.Status // of the signature of kept
		also   map[string]apply.Status
	}{
		"nothing": {func(*fixture) {}, apply.Deleted, nil},
		"another tag is put on what was named": {
			func(f *fixture) { f.reg.SetTag(repository, "signed", f.digest("signature of kept")) }, apply.Stale, nil,
		},
		"another companion tag is put on what was named": {
			func(f *fixture) {
				f.reg.SetTag(repository, companionOf(f.digest("other"))+".sig", f.digest("signature of kept"))
			}, apply.Stale, nil,
		},
		"a companion tag that was named moves to something else that was": {
			func(f *fixture) { f.reg.SetTag(repository, sig(f), f.digest("amd")) }, apply.Deleted, map[string]apply.Status{"index": apply.Stale, "amd": apply.Held},
		},
		"a tag that was named moves to something else that was": {
			func(f *fixture) { f.reg.SetTag(repository, "1.4", f.digest("signature of kept")) }, apply.Stale, map[string]apply.Status{"index": apply.Deleted},
		},
		"an index that stays lists what was named": {
			func(f *fixture) { f.reg.PutIndex(repository, []string{"signature of kept"}, "new") }, apply.Stale, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := exactFixture(t, newFixture(t), "1.4", "1.4.0", "SIG")
			test.change(f)
			report := f.apply()
			if got := f.resultOf(report, "signature of kept").Status; got != test.want {
				t.Errorf("the signature is %s, want %s", got, test.want)
			}
			for name, want := range test.also {
				if got := f.resultOf(report, name).Status; got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
			if test.want == apply.Stale && !f.has("signature of kept") || !f.has("kept") {
				t.Error("what is held is gone")
			}
		})
	}
}

// TestExactPlanAtAQuarantine puts images in the trash. What is no image cannot be put there.
func TestExactPlanAtAQuarantine(t *testing.T) {
	t.Parallel()
	f := exactFixture(t, newFixture(t), "1.4", "1.4.0", "SIG")
	report, err := apply.Quarantine(t.Context(), f.client, f.plan, f.store, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.wantStatuses(report, map[string]apply.Status{
		"index": apply.Quarantined, "amd": apply.Spared, "signature": apply.Spared, "signature of kept": apply.Spared,
	})
	for _, req := range f.reg.Requests() {
		if req.Method == http.MethodDelete && slices.Contains([]string{"amd", "signature", "signature of kept"}, f.nameOf(req.Path)) {
			t.Errorf("it deletes %s", req.Path)
		}
	}
}
