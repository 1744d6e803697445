package apply_test

import (
	"errors"
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
)

// newPair returns a repository of which the image "image", with the tags pr-1 and pr-2, goes, and so
// does the index "index", with the tag pr-3 and the child "child".
func newPair(t testing.TB, options ...fakeregistry.Option) *fixture {
	f := newFixture(t, options...)
	f.image("kept", "latest", "old-1")
	f.image("image", "pr-1", "pr-2")
	f.index("index", []string{"child"}, "pr-3")
	f.makePlan(removal)
	return f
}

// TestRules has one row for each rule of applying: what happens, and all that is then written. The
// steps do not depend on each other, except for the index and its child, so that the order of the
// rest is left out.
func TestRules(t *testing.T) {
	t.Parallel()
	const (
		image = "DELETE image 202"
		index = "DELETE index 202, DELETE child 202"
		untag = "DELETE old-1 202"
	)
	disallowed := deny(405, "REGISTRY_DISALLOWED_OPERATION")
	for name, test := range map[string]struct {
		options []fakeregistry.Option
		change  func(f *fixture)
		want    string // the writes, in any order
		err     error
	}{
		"everything goes, by digest, and tags come off what stays": {nil, func(*fixture) {}, image + ", " + index + ", " + untag, nil},

		"if the archive fails, nothing is deleted": {nil, func(f *fixture) {
			f.store.left, f.store.fault = 2, errors.New("the disk is full")
		}, "", errAny},
		"if one tag cannot be looked at, nothing is deleted": {nil, func(f *fixture) {
			f.on(1, "HEAD", "latest", unavailable)
		}, "", regret.ErrUnavailable},
		"if an image that a keep rule holds is gone, nothing is deleted": {nil, func(f *fixture) {
			f.remove("kept")
		}, "", apply.ErrKeepLost},

		"a new tag holds its image": {nil, func(f *fixture) {
			f.reg.SetTag(repository, "v1", f.digest("image"))
		}, index + ", " + untag, nil},
		"a new index holds what it lists": {nil, func(f *fixture) {
			f.list("new index", []regret.Digest{f.digest("child")}, "v1")
		}, image + ", DELETE index 202, " + untag, nil},
		"a tag that is gone is one name less": {nil, func(f *fixture) {
			f.before(2, "HEAD", "pr-1", func() { f.removeTag("pr-1") })
		}, image + ", " + index + ", " + untag, nil},
		"a tag that is elsewhere does not save its image": {nil, func(f *fixture) {
			f.before(2, "HEAD", "pr-1", func() { f.image("new", "pr-1") })
		}, image + ", " + index + ", " + untag, nil},
		"what a tag is moved to is protected": {nil, func(f *fixture) {
			f.before(2, "HEAD", "pr-3", func() { f.list("new index", []regret.Digest{f.digest("child")}, "pr-3") })
		}, image + ", DELETE index 202, " + untag, nil},
		"the tags of an image are looked at once more before its parts": {nil, func(f *fixture) {
			f.before(3, "HEAD", "pr-3", func() { f.list("new index", []regret.Digest{f.digest("child")}, "pr-3") })
		}, image + ", DELETE index 202, " + untag, nil},

		"where tags go first, each does, and is put back if the manifest stays": {[]fakeregistry.Option{fakeregistry.WithTagsFirst()}, func(f *fixture) {
			f.on(0, "DELETE", string(f.digest("index")), func(w http.ResponseWriter, req *http.Request) bool {
				return len(f.tagsOf("index")) == 0 && disallowed(w, req)
			})
		}, "DELETE index 400, DELETE pr-3 202, DELETE index 405, PUT pr-3 201, DELETE pr-1 202, DELETE pr-2 202, " + image + ", " + untag, nil},
		"what is referenced is tried once more, and its parts are held": {nil, func(f *fixture) {
			f.on(0, "DELETE", string(f.digest("index")), deny(400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE"))
		}, image + ", DELETE index 400, DELETE index 400, " + untag, nil},
		"what is served is not gone, whatever the registry says": {nil, func(f *fixture) {
			f.on(0, "DELETE", string(f.digest("index")), deny(404, "MANIFEST_UNKNOWN"))
		}, image + ", DELETE index 404, " + untag, nil},
		"what is gone is gone, and its parts go": {nil, func(f *fixture) {
			f.on(1, "DELETE", string(f.digest("index")), func(w http.ResponseWriter, req *http.Request) bool {
				f.remove("index")
				return deny(404, "MANIFEST_UNKNOWN")(w, req)
			})
		}, image + ", DELETE index 404, DELETE child 202, " + untag, nil},
		"one failure ends nothing but what comes after it": {nil, func(f *fixture) {
			f.on(0, "DELETE", string(f.digest("index")), unavailable)
		}, image + ", DELETE index 503, " + untag, nil},
		"nothing is unlocked": {nil, func(f *fixture) {
			f.on(0, "DELETE", "", disallowed)
		}, "DELETE image 405, DELETE index 405, DELETE old-1 405", nil},

		"the last tag never comes off": {nil, func(f *fixture) {
			f.before(2, "HEAD", "latest", func() { f.removeTag("latest") })
		}, image + ", " + index, apply.ErrLost},
		"what is still there after its deletion keeps its parts, and is reported": {nil, func(f *fixture) {
			f.on(0, "DELETE", string(f.digest("index")), fakeregistry.Answer(202, nil, ""))
		}, image + ", DELETE index 202, " + untag, regret.ErrStillPresent},
		"a tag that comes up right before a deletion is lost, and is reported": {nil, func(f *fixture) {
			f.before(1, "DELETE", string(f.digest("image")), func() { f.reg.SetTag(repository, "latest", f.digest("image")) })
		}, image + ", " + index, apply.ErrLost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newPair(t, test.options...)
			test.change(f)
			f.reg.ResetLog()
			_, err := f.run()
			if (err == nil) != (test.err == nil) || test.err != errAny && !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			sent := f.sent(http.MethodDelete, http.MethodPut, http.MethodPost, http.MethodPatch)
			want := slices.DeleteFunc(strings.Split(test.want, ", "), func(s string) bool { return s == "" })
			slices.Sort(want)
			slices.Sort(sent)
			if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(sent, "\n")); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

// errAny is an error of which only that there is one matters.
var errAny = errors.New("any")

// TestRateLimitHoldsAll answers one deletion with 429: until the time that it says, nothing at all is
// sent, also by the other steps.
func TestRateLimitHoldsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.image("kept", "latest")
		for _, name := range []string{"1", "2", "3", "4", "5", "6"} {
			f.image("image "+name, "pr-"+name)
		}
		f.makePlan(removal)
		client, err := regret.New(host, regret.WithTransport(f.reg)) // which tries again
		if err != nil {
			t.Fatal(err)
		}
		f.client, f.options.Concurrency = client, 2
		var limited time.Time
		f.on(1, http.MethodDelete, "", func(w http.ResponseWriter, req *http.Request) bool {
			limited = time.Now()
			return fakeregistry.Answer(429, map[string]string{"Retry-After": "30"}, "")(w, req)
		})
		f.on(0, http.MethodHead, "", func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(time.Second) // so that no two steps are at the same point
			return false
		})
		f.reg.BeforeEach(func(req *http.Request) {
			if pause := time.Since(limited); !limited.IsZero() && 0 < pause && pause < 30*time.Second {
				t.Errorf("%s %s is sent after %s", req.Method, req.URL.Path, pause)
			}
		})
		if report := f.apply(); report.Count(apply.Deleted) != 6 || limited.IsZero() {
			t.Errorf("report %s", report)
		}
	})
}
