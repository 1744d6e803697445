package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// newStandard returns a repository with an image that a keep rule holds, one that goes, and an
// index of two images with a signature that goes, and a plan for it.
func newStandard(t testing.TB, options ...fakeregistry.Option) *fixture {
	f := newFixture(t, options...)
	f.image("kept", "latest")
	f.image("image", "pr-1")
	f.companion("signature", f.index("index", []string{"a", "b"}, "pr-2"), ".sig")
	f.makePlan(removal)
	return f
}

// standard returns the results of a run in which nothing has happened meanwhile, with changes.
func standard(changes map[string]apply.Status) map[string]apply.Status {
	want := map[string]apply.Status{
		"image": apply.Deleted, "index": apply.Deleted, "a": apply.Deleted, "b": apply.Deleted, "signature": apply.Deleted,
	}
	for name, status := range changes {
		want[name] = status
	}
	return want
}

// list puts an index of manifests.
func (f *fixture) list(name string, entries []regret.Digest, tags ...string) regret.Digest {
	return f.putIndex(name, "", entries, tags...)
}

// putIndex puts an index of manifests, which may refer to another.
func (f *fixture) putIndex(name string, subject regret.Digest, entries []regret.Digest, tags ...string) regret.Digest {
	const mediaType = "application/vnd.oci.image.index.v1+json"
	var listed []string
	for _, entry := range entries {
		kind := "application/vnd.oci.image.manifest.v1+json"
		if strings.Contains(f.names[entry], "index") {
			kind = mediaType
		}
		listed = append(listed, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":1}`, kind, entry))
	}
	raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s],"annotations":{"name":%q}`, mediaType, strings.Join(listed, ","), name)
	if subject != "" {
		raw += fmt.Sprintf(`,"subject":{"mediaType":%q,"digest":%q,"size":1}`, mediaType, subject)
	}
	d := f.reg.PutManifest(repository, "", mediaType, []byte(raw+"}"))
	for _, tag := range tags {
		f.reg.SetTag(repository, tag, d.Digest)
	}
	return f.name(name, d)
}

// TestSweep changes the repository after the plan was made, and before it is carried out.
func TestSweep(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(f *fixture)
		want   map[string]apply.Status
	}{
		"nothing has happened": {func(*fixture) {}, nil},
		"a new tag holds its image": {func(f *fixture) {
			f.reg.SetTag(repository, "v1", f.digest("image"))
		}, map[string]apply.Status{"image": apply.Stale}},
		"so does one that rules would remove, because they have not judged it": {func(f *fixture) {
			f.reg.SetTag(repository, "pr-9", f.digest("image"))
		}, map[string]apply.Status{"image": apply.Stale}},
		"a new tag on an index holds all of it": {func(f *fixture) {
			f.reg.SetTag(repository, "v1", f.digest("index"))
		}, map[string]apply.Status{"index": apply.Stale, "a": apply.Held, "b": apply.Held, "signature": apply.Held}},
		"a new tag on a child holds the child": {func(f *fixture) {
			f.reg.SetTag(repository, "arm", f.digest("a"))
		}, map[string]apply.Status{"a": apply.Stale}},
		"a tag that was moved onto an image holds it": {func(f *fixture) {
			f.reg.SetTag(repository, "latest", f.digest("image"))
		}, map[string]apply.Status{"image": apply.Stale}},
		"a tag that was moved from one image that goes onto another holds that": {func(f *fixture) {
			f.reg.SetTag(repository, "pr-2", f.digest("image"))
		}, map[string]apply.Status{"image": apply.Stale}},
		"a tag that was moved away does not save its image": {func(f *fixture) {
			f.image("new", "pr-1")
		}, nil},
		"a tag that was removed does not save its image": {func(f *fixture) {
			f.removeTag("pr-1")
		}, nil},
		"what a new index lists stays": {func(f *fixture) {
			f.image("c")
			f.list("new index", []regret.Digest{f.digest("a"), f.digest("c")}, "pr-2")
		}, map[string]apply.Status{"a": apply.Stale}},
		"what an index in a new index lists stays": {func(f *fixture) {
			f.list("outer index", []regret.Digest{f.list("inner index", []regret.Digest{f.digest("a")})}, "v1")
		}, map[string]apply.Status{"a": apply.Stale}},
		"what a new index that is broken lists stays": {func(f *fixture) {
			missing := regret.Digest("sha256:" + strings.Repeat("a", 64))
			f.list("new index", []regret.Digest{missing, f.digest("a")}, "v1")
		}, map[string]apply.Status{"a": apply.Stale}},
		"what a tagged referrer that is new refers to stays": {func(f *fixture) {
			f.referrer("sbom", f.digest("image"), "sbom-of-image")
		}, map[string]apply.Status{"image": apply.Stale}},
		"an untagged referrer that is new holds nothing": {func(f *fixture) {
			f.referrer("sbom", f.digest("image"))
		}, nil},
		"a companion tag of something that stays holds what it is on": {func(f *fixture) {
			f.reg.SetTag(repository, companionOf(f.digest("kept"))+".sig", f.digest("signature"))
		}, map[string]apply.Status{"signature": apply.Stale}},
		"a tag of the trash holds what it is on": {func(f *fixture) {
			f.reg.SetTag(repository, "regret-trash-20991231-0123abcd-0123456789ab", f.digest("image"))
		}, map[string]apply.Status{"image": apply.Stale}},
		"a new tag that leads nowhere holds nothing": {func(f *fixture) {
			f.reg.SetTag(repository, "broken", regret.Digest("sha256:"+strings.Repeat("a", 64)))
		}, nil},
		"an image that was deleted meanwhile is gone already, and its parts still go": {func(f *fixture) {
			f.remove("index")
		}, map[string]apply.Status{"index": apply.AlreadyGone}},
		"an image that a keep rule holds may have another tag, or none": {func(f *fixture) {
			f.removeTag("latest")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newStandard(t)
			test.change(f)
			f.reg.ResetLog()
			report := f.apply()
			want := standard(test.want)
			f.wantStatuses(report, want)
			var deleted []string
			for name, status := range want {
				if status != apply.Deleted && status != apply.AlreadyGone && !f.has(name) {
					t.Errorf("%s is gone", name)
				}
				if status == apply.Deleted {
					deleted = append(deleted, "DELETE "+name+" 202")
				}
			}
			slices.Sort(deleted)
			sent := f.sent("DELETE", "PUT", "POST", "PATCH")
			slices.Sort(sent)
			if diff := cmp.Diff(deleted, sent); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

// removeTag removes a tag as another client does.
func (f *fixture) removeTag(tag string) { f.remove(tag) }

// remove removes a tag, or a manifest by its name, as another client does.
func (f *fixture) remove(reference string) {
	f.t.Helper()
	for dgst, name := range f.names {
		if name == reference {
			reference = string(dgst)
		}
	}
	req, err := http.NewRequest(http.MethodDelete, "https://"+host+manifests+reference, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	resp, err := f.reg.OtherClient().RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		f.t.Fatalf("deleting %s: %v %v", reference, resp, err)
	}
	_ = resp.Body.Close()
}

// TestSweepThatFails checks that nothing is deleted if the repository is not what the plan
// counts on, or cannot be looked at.
func TestSweepThatFails(t *testing.T) {
	t.Parallel()
	is := func(target error) func(error) bool {
		return func(err error) bool { return errors.Is(err, target) }
	}
	for name, test := range map[string]struct {
		change func(f *fixture)
		want   func(error) bool
	}{
		"an image that a keep rule holds is gone": {func(f *fixture) { f.remove("kept") }, is(apply.ErrKeepLost)},
		"whether it is gone is not known": {func(f *fixture) {
			f.removeTag("latest")
			f.on(0, "HEAD", string(f.digest("kept")), unavailable)
		}, is(regret.ErrUnavailable)},
		"the list fails": {func(f *fixture) {
			f.reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/tags/list"), unavailable)
		}, is(regret.ErrUnavailable)},
		"the list has entries that are no tags": {func(f *fixture) {
			f.reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/tags/list"), fakeregistry.Answer(200, nil, `{"name":"team/app","tags":["latest","pr-1","pr-2","a b"]}`))
		}, is(regret.ErrInvalidEntries)},
		"a tag cannot be looked at": {func(f *fixture) { f.on(0, "HEAD", "latest", unavailable) }, is(regret.ErrUnavailable)},
		"what a new tag points to cannot be read": {func(f *fixture) {
			f.on(0, "GET", string(f.image("new", "v1")), unavailable)
		}, is(regret.ErrUnavailable)},
		"what a new index lists cannot be read": {func(f *fixture) {
			inner := f.list("inner index", []regret.Digest{f.digest("a")})
			f.list("outer index", []regret.Digest{inner}, "v1")
			f.on(0, "GET", string(inner), unavailable)
		}, is(regret.ErrUnavailable)},
		"what a new tag points to is no manifest": {func(f *fixture) {
			d := f.reg.PutManifest(repository, "v1", "application/vnd.oci.image.index.v1+json", []byte(`{"schemaVersion":2,"manifests":[{"digest":"x"}]}`))
			f.name("odd", d)
		}, func(err error) bool { return err != nil && strings.Contains(err.Error(), "malformed manifest") }},
		"a new tag leads to indexes in indexes without end": {func(f *fixture) {
			dgst := f.digest("a")
			for i := range 12 {
				dgst = f.list(fmt.Sprintf("index %d", i), []regret.Digest{dgst})
			}
			f.reg.SetTag(repository, "v1", dgst)
		}, func(err error) bool { _, ok := errors.AsType[*plan.LimitError](err); return ok }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newStandard(t)
			test.change(f)
			f.reg.ResetLog()
			if report, err := f.run(); !test.want(err) || report != nil {
				t.Errorf("report %v, error %v", report, err)
			}
			f.wantWrites()
		})
	}
}

func TestRequestsOfASweep(t *testing.T) {
	t.Parallel()
	f := newFixture(t, fakeregistry.WithPageCap(2))
	f.image("kept", "latest", "v1", "v2")
	f.image("image", "pr-1", "pr-2")
	f.makePlan(removal)
	f.apply()
	// Two pages of two tags and one of one; the archive; a HEAD for each tag; the look; the end.
	want := []string{
		"GET image 200", "GET /v2/team/app/tags/list 200", "GET /v2/team/app/tags/list 200", "GET /v2/team/app/tags/list 200",
		"HEAD latest 200", "HEAD pr-1 200", "HEAD pr-2 200", "HEAD v1 200", "HEAD v2 200",
		"HEAD pr-1 200", "HEAD pr-2 200", "DELETE image 202",
		"GET /v2/team/app/tags/list 200", "GET /v2/team/app/tags/list 200",
	}
	got := slices.DeleteFunc(f.sent("GET", "HEAD", "DELETE"), func(s string) bool { return strings.Contains(s, "/blobs/") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestSweepsAreRepeated takes a minute for each deletion.
func TestSweepsAreRepeated(t *testing.T) {
	t.Parallel()
	slow := func(f *fixture, method string, pause time.Duration) {
		f.reg.Intercept(0, fakeregistry.On(method, manifests), func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(pause)
			return false
		})
	}
	build := func(t *testing.T) *fixture {
		f := newFixture(t)
		f.image("kept", "latest")
		for i := range 30 {
			f.image(fmt.Sprintf("image %02d", i), fmt.Sprintf("pr-%02d", i))
		}
		f.makePlan(removal)
		return f
	}
	sweeps := func(f *fixture) (minutes []int) {
		deleted := 0
		for _, req := range f.sent("GET", "DELETE") {
			switch {
			case strings.HasPrefix(req, "DELETE"):
				deleted++
			case strings.Contains(req, "tags/list"):
				minutes = append(minutes, deleted)
			}
		}
		return minutes
	}
	t.Run("after ten minutes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := build(t)
			slow(f, http.MethodDelete, time.Minute)
			f.apply()
			if diff := cmp.Diff([]int{0, 10, 20, 30}, sweeps(f)); diff != "" {
				t.Errorf("lists after so many deletions (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("after as long as the last one took", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := build(t)
			slow(f, http.MethodHead, 20*time.Second) // 31 of them; and one more for each deletion
			slow(f, http.MethodDelete, 20*time.Second)
			f.apply()
			if diff := cmp.Diff([]int{0, 16, 30}, sweeps(f)); diff != "" {
				t.Errorf("lists after so many deletions (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("what was pushed meanwhile is protected", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := build(t)
			slow(f, http.MethodDelete, time.Minute)
			f.before(1, http.MethodDelete, string(f.digest("image 05")), func() {
				f.reg.SetTag(repository, "v1", f.digest("image 07")) // before the next sweep
				f.reg.SetTag(repository, "v2", f.digest("image 25")) // after it
			})
			f.options.Concurrency = 1
			report := f.apply()
			if got := f.resultOf(report, "image 25").Status; got != apply.Stale || !f.has("image 25") {
				t.Errorf("image 25 is %s", got)
			}
		})
	})
	t.Run("an image that a keep rule holds is lost meanwhile", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := build(t)
			slow(f, http.MethodDelete, time.Minute)
			f.before(1, http.MethodDelete, string(f.digest("image 05")), func() { f.remove("kept") })
			report, err := f.run()
			if !errors.Is(err, apply.ErrKeepLost) {
				t.Errorf("error %v", err)
			}
			if got := report.Totals().ByStatus; got[apply.Deleted] != 10 || got[apply.NotAttempted] != 20 {
				t.Errorf("results: %v", got)
			}
		})
	})
	t.Run("an in-use list expires meanwhile", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := build(t)
			f.makePlan(withInUse, planWith(inUse(t, time.Now().Add(-24*time.Hour).Add(5*time.Minute), host+"/team/app:latest")))
			slow(f, http.MethodDelete, time.Minute)
			report, err := f.run()
			if !errors.Is(err, apply.ErrInUseExpired) {
				t.Errorf("error %v", err)
			}
			if got := report.Totals().ByStatus; got[apply.Deleted] != 6 || got[apply.NotAttempted] != 24 {
				t.Errorf("results: %v", got)
			}
		})
	})
}
