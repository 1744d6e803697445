package apply_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// afterSweep returns the requests that were sent after the first n HEADs, without those for
// lists and those by which the client finds out why a HEAD got 404.
func (f *fixture) afterSweep(n int) []string {
	sent := f.sent("HEAD", "GET", "DELETE", "PUT")
	for i, req := range sent {
		if n == 0 {
			sent = sent[i:]
			break
		}
		if strings.HasPrefix(req, "HEAD") {
			n--
		}
	}
	return slices.DeleteFunc(sent, func(s string) bool { return strings.HasPrefix(s, "GET") })
}

func TestLooksRightBefore(t *testing.T) {
	t.Parallel()
	t.Run("an image and its parts", func(t *testing.T) {
		t.Parallel()
		f := newStandard(t)
		f.apply()
		// The sweep is 4 HEADs. Each image is looked at before it goes, and before its first part;
		// a companion at its own tag.
		want := []string{
			"HEAD pr-2 200", "DELETE index 202",
			"HEAD pr-1 200", "DELETE image 202",
			"HEAD pr-2 404", "DELETE a 202",
			"DELETE b 202",
			"HEAD @index.sig 200", "DELETE signature 202",
		}
		sent := f.afterSweep(4)
		slices.Sort(want)
		sorted := slices.Sorted(slices.Values(sent))
		if diff := cmp.Diff(want, sorted); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		for _, pair := range [][2]string{{"HEAD pr-1 200", "DELETE image 202"}, {"HEAD pr-2 200", "DELETE index 202"}, {"HEAD @index.sig 200", "DELETE signature 202"}} {
			if i := slices.Index(sent, pair[0]); i < 0 || i+1 == len(sent) || sent[i+1] != pair[1] {
				t.Errorf("%s does not come right before %s in %q", pair[0], pair[1], sent)
			}
		}
		if again, part := slices.Index(sent, "HEAD pr-2 404"), slices.Index(sent, "DELETE a 202"); again > part {
			t.Errorf("the second look comes after the first part: %q", sent)
		}
	})
	t.Run("every tag of an image", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("kept", "latest")
		f.image("image", "pr-1", "pr-2", "pr-3")
		f.makePlan(removal)
		f.apply()
		want := []string{"HEAD pr-1 200", "HEAD pr-2 200", "HEAD pr-3 200", "DELETE image 202"}
		if diff := cmp.Diff(want, f.afterSweep(4)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// TestPushesDuringTheRun changes the repository between two requests of the run.
func TestPushesDuringTheRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, reference string // before this request is served for the n-th time
		n                 int
		change            func(f *fixture)
		want              map[string]apply.Status
		isBack            bool // a tag leads to what was deleted, as if it had not been
	}{
		"a tag is moved away right before the look": {"HEAD", "pr-2", 2, func(f *fixture) {
			f.image("new", "pr-2")
		}, nil, false},
		"a tag is moved onto a new index of a part right before the look": {"HEAD", "pr-2", 2, func(f *fixture) {
			f.list("new index", []regret.Digest{f.digest("a")}, "pr-2")
		}, map[string]apply.Status{"a": apply.Stale}, false},
		"a tag is removed right before the look": {"HEAD", "pr-2", 2, func(f *fixture) { f.removeTag("pr-2") }, nil, false},
		"an index is pushed again between its deletion and the look before its parts": {"HEAD", "pr-2", 3, func(f *fixture) {
			f.list("new index", []regret.Digest{f.digest("b")}, "pr-2")
		}, map[string]apply.Status{"b": apply.Stale}, false},
		"the same index is pushed again between its deletion and the look before its parts": {"HEAD", "pr-2", 3, func(f *fixture) {
			f.index("index", []string{"a", "b"}, "pr-2")
		}, map[string]apply.Status{"a": apply.Stale, "b": apply.Stale, "signature": apply.Stale}, true},
		"an image is gone when its turn comes": {"HEAD", "pr-1", 2, func(f *fixture) { f.remove("image") }, map[string]apply.Status{"image": apply.AlreadyGone}, false},
		"a companion tag is moved to something that stays": {"HEAD", "companion", 2, func(f *fixture) {
			f.reg.SetTag(repository, companionOf(f.digest("index"))+".sig", f.image("other"))
		}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newStandard(t)
			if test.reference == "companion" {
				test.reference = companionOf(f.digest("index")) + ".sig"
			}
			f.before(test.n, test.method, test.reference, func() { test.change(f) })
			report, err := f.run()
			if want := test.isBack; want != errors.Is(err, regret.ErrStillPresent) || !want && err != nil {
				t.Errorf("error %v", err)
			}
			want := standard(test.want)
			f.wantStatuses(report, want)
			for name, status := range want {
				if status == apply.Stale && !f.has(name) {
					t.Errorf("%s is gone", name)
				}
			}
		})
	}
}

// TestAFailedLookProtectsAll lets the look at one image find a new index that cannot be read. What
// the index lists must not be deleted by other steps either, which find nothing new themselves.
func TestAFailedLookProtectsAll(t *testing.T) {
	t.Parallel()
	f := newStandard(t)
	var hidden regret.Digest
	f.before(2, "HEAD", "pr-1", func() {
		hidden = f.list("new index", []regret.Digest{f.digest("a"), f.digest("b")}, "pr-1")
		f.on(0, "GET", string(hidden), unavailable)
	})
	report, err := f.run()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if status := f.resultOf(report, name).Status; status == apply.Deleted || !f.has(name) {
			t.Errorf("%s is %s", name, status)
		}
	}
	for _, result := range report.Results {
		if result.Status == apply.Failed && result.Kind != regret.ErrUnavailable {
			t.Errorf("%s failed with %q: %v", f.stepName(&result), result.Kind, result.Err)
		}
	}
}

// orphans is a policy that removes what belongs to images that are gone.
const orphans = `{"version": 1, "remove": [{"orphans": true}], "limits": {"max-percent": 100, "min-left": 0}}`

// TestOrphansAreLookedForAgain pushes again what orphans belong to, after they were planned.
func TestOrphansAreLookedForAgain(t *testing.T) {
	t.Parallel()
	build := func(t *testing.T) (*fixture, func()) {
		f := newFixture(t)
		f.image("kept", "latest")
		f.image("owner", "v1")
		f.companion("signature", f.digest("owner"), ".sig")
		f.reg.SetTag(repository, companionOf(f.digest("owner"))+".att", f.digest("kept"))
		f.remove("owner")
		f.makePlan(orphans)
		return f, func() { f.image("owner", "v1") }
	}
	t.Run("still gone", func(t *testing.T) {
		t.Parallel()
		f, _ := build(t)
		f.wantStatuses(f.apply(), map[string]apply.Status{"signature": apply.Deleted, "kept -@owner.att": apply.Untagged})
		if sent := f.sent("HEAD"); !slices.Contains(sent, "HEAD owner 404") {
			t.Errorf("it is not looked for in %q", sent)
		}
	})
	t.Run("pushed again with a tag", func(t *testing.T) {
		t.Parallel()
		f, push := build(t)
		push()
		f.reg.ResetLog()
		f.wantStatuses(f.apply(), map[string]apply.Status{"signature": apply.Stale, "kept -@owner.att": apply.Stale})
		f.wantWrites()
	})
	t.Run("pushed again without a tag, right before the step", func(t *testing.T) {
		t.Parallel()
		f, _ := build(t)
		f.before(1, "HEAD", string(f.digest("owner")), func() { f.image("owner") })
		f.wantStatuses(f.apply(), map[string]apply.Status{"signature": apply.Stale, "kept -@owner.att": apply.Stale})
		f.wantWrites()
	})
	t.Run("it cannot be looked for", func(t *testing.T) {
		t.Parallel()
		f, _ := build(t)
		f.on(0, "HEAD", string(f.digest("owner")), unavailable)
		f.wantStatuses(f.apply(), map[string]apply.Status{"signature": apply.Failed, "kept -@owner.att": apply.Failed})
		f.wantWrites()
	})
}

// TestNewerInUseLists checks that what newer lists name stays, under whatever name.
func TestNewerInUseLists(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lines func(f *fixture) []string
		want  map[string]apply.Status
		reads int // manifests of which only the newer list knows
	}{
		"a tag": {func(*fixture) []string { return []string{host + "/team/app:pr-1"} }, map[string]apply.Status{"image": apply.Stale}, 0},
		"a tag that has moved holds both": {func(f *fixture) []string {
			f.reg.SetTag(repository, "pr-1", f.digest("index"))
			return []string{host + "/team/app:pr-1"}
		}, map[string]apply.Status{"image": apply.Stale, "index": apply.Stale, "a": apply.Held, "b": apply.Held, "signature": apply.Held}, 0},
		"a digest": {func(f *fixture) []string {
			return []string{"docker-pullable://other/name@" + string(f.digest("image"))}
		}, map[string]apply.Status{"image": apply.Stale}, 0},
		"a digest of a child holds its index": {func(f *fixture) []string { return []string{string(f.digest("a"))} },
			map[string]apply.Status{"index": apply.Stale, "a": apply.Held, "b": apply.Held, "signature": apply.Held}, 0},
		"the digest of a configuration, as CRI-O reports it": {func(f *fixture) []string { return []string{string(f.configOf("image"))} },
			map[string]apply.Status{"image": apply.Stale}, 1},
		"the digest of an untagged index holds what it lists": {func(f *fixture) []string {
			return []string{string(f.list("untagged index", []regret.Digest{f.digest("a")}))}
		}, map[string]apply.Status{"a": apply.Stale}, 1},
		"a digest of another repository holds nothing": {func(*fixture) []string {
			return []string{host + "/team/other@sha256:" + strings.Repeat("a", 64)}
		}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.image("kept", "latest")
			f.image("image", "pr-1")
			f.companion("signature", f.index("index", []string{"a", "b"}, "pr-2"), ".sig")
			made := f.now()
			f.makePlan(withInUse, planWith(inUse(t, made, host+"/team/app:latest")))
			f.options.InUse = append(f.options.InUse, inUse(t, made, append(test.lines(f), host+"/team/app:latest")...))
			f.reg.ResetLog()
			report := f.apply()
			f.wantStatuses(report, standard(test.want))
			for name, status := range standard(test.want) {
				if status != apply.Deleted && !f.has(name) {
					t.Errorf("%s is gone", name)
				}
			}
		})
	}
	t.Run("a tag that is in use is not taken off", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("kept", "latest", "old-1", "old-2")
		f.makePlan(withInUse, planWith(inUse(t, f.now(), host+"/team/app:latest")))
		f.options.InUse = []*policy.InUse{inUse(t, f.now(), host+"/team/app:old-1")}
		f.wantStatuses(f.apply(), map[string]apply.Status{"kept -old-1,old-2": apply.Stale})
		f.wantWrites("DELETE old-2 202")
	})
	t.Run("of two lists of the same name, both are obeyed", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("kept", "latest")
		f.image("image", "pr-1")
		f.makePlan(withInUse, planWith(inUse(t, f.now(), host+"/team/app:latest")))
		f.options.InUse = []*policy.InUse{
			inUse(t, f.now(), host+"/team/app:latest"),
			inUse(t, f.now().Add(60e9), host+"/team/app:latest", host+"/team/app:pr-1"),
		}
		f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Stale})
		f.wantWrites()
	})
	t.Run("an older list is obeyed, too", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("kept", "latest")
		f.image("image", "pr-1")
		f.makePlan(withInUse, planWith(inUse(t, f.now(), host+"/team/app:latest")))
		f.options.InUse = []*policy.InUse{inUse(t, f.now().AddDate(0, 0, -1).Add(60e9), host+"/team/app:pr-1")}
		f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Stale})
		f.wantWrites()
	})
}

// TestWhatIsNotInTheArchive lets an image come back that was gone when the archive was written.
func TestWhatIsNotInTheArchive(t *testing.T) {
	t.Parallel()
	gone := fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "manifest unknown")
	t.Run("and is there again", func(t *testing.T) {
		t.Parallel()
		f := newStandard(t)
		f.on(1, "GET", string(f.digest("image")), gone)
		f.wantStatuses(f.apply(), standard(map[string]apply.Status{"image": apply.Stale}))
		if !f.has("image") {
			t.Error("the image is gone")
		}
	})
	t.Run("and is still gone", func(t *testing.T) {
		t.Parallel()
		f := newStandard(t)
		f.remove("image")
		f.reg.ResetLog()
		f.wantStatuses(f.apply(), standard(map[string]apply.Status{"image": apply.AlreadyGone}))
		if sent := f.sent("DELETE"); slices.Contains(sent, "DELETE image 404") {
			t.Errorf("it sends %q", sent)
		}
	})
}
