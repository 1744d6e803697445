package apply_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// twoTags returns a repository with an image that has two tags and goes, and one that goes after
// it, of a registry that deletes only what has no tags.
func twoTags(t testing.TB, options ...fakeregistry.Option) *fixture {
	f := newFixture(t, options...)
	f.image("kept", "latest")
	f.image("image", "pr-1", "pr-2")
	f.image("other", "pr-3")
	f.makePlan(removal, atNoon)
	if first := f.firstStep(); first != "image" { // the order is that of digests
		f.names[f.digest("image")], f.names[f.digest("other")] = "other", "image"
		f.t.Fatalf("the first step is %s", first)
	}
	return f
}

func (f *fixture) firstStep() string {
	for step := range f.plan.Steps() {
		return f.nameOf(string(step.Digest))
	}
	return ""
}

var (
	gone = map[string]apply.Status{"image": apply.Deleted, "other": apply.Deleted}
	deny = func(status int, code string) func(http.ResponseWriter, *http.Request) bool {
		return fakeregistry.Errors(status, code, "no")
	}
)

// TestTagsFirst is about registries that refuse to delete what a tag points to.
func TestTagsFirst(t *testing.T) {
	t.Parallel()
	t.Run("the first refusal is remembered", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t, fakeregistry.WithTagsFirst())
		f.wantStatuses(f.apply(), gone)
		f.wantWrites("DELETE image 400", "DELETE pr-1 202", "DELETE pr-2 202", "DELETE image 202", "DELETE pr-3 202", "DELETE other 202")
	})
	t.Run("a registry that deletes a manifest with its last tag", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t, fakeregistry.WithTagsFirst(), fakeregistry.WithLastTagDeletes())
		f.wantStatuses(f.apply(), gone)
		f.wantWrites("DELETE image 400", "DELETE pr-1 202", "DELETE pr-2 202", "DELETE image 404", "DELETE pr-3 202", "DELETE other 404")
	})
	t.Run("a tag that has moved is left", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t, fakeregistry.WithTagsFirst())
		f.before(1, "DELETE", string(f.digest("image")), func() { f.image("new", "pr-2") })
		f.wantStatuses(f.apply(), gone)
		f.wantWrites("DELETE image 400", "DELETE pr-1 202", "DELETE image 202", "DELETE pr-3 202", "DELETE other 202")
		if at, _ := f.reg.Tag(repository, "pr-2"); at != f.digest("new") {
			t.Errorf("pr-2 points to %q", at)
		}
	})
	t.Run("the tags are put back if the manifest is refused all the same", func(t *testing.T) {
		t.Parallel()
		for name, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
			"it is referenced": deny(400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE"),
			"it is locked":     deny(405, "REGISTRY_DISALLOWED_OPERATION"),
			"a failure":        unavailable,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := twoTags(t, fakeregistry.WithTagsFirst())
				before := f.reg.Tags(repository)
				delete(before, "pr-3")
				f.on(0, "DELETE", string(f.digest("image")), answer)
				f.on(1, "DELETE", string(f.digest("image")), deny(400, "GOOGLE_MANIFEST_DANGLING_TAG"))
				report := f.apply()
				if got := f.resultOf(report, "image"); got.Status != apply.Refused && got.Status != apply.Failed || !f.has("image") {
					t.Errorf("result %s", got)
				}
				if diff := cmp.Diff(before, f.reg.Tags(repository)); diff != "" {
					t.Errorf("tags (-before +after):\n%s", diff)
				}
				if len(report.Lost) > 0 {
					t.Errorf("lost: %v", report.Lost)
				}
			})
		}
	})
	t.Run("an image that is locked keeps its tags", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t, fakeregistry.WithTagsFirst(), fakeregistry.WithImmutableTags("pr-2"))
		f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Refused, "other": apply.Deleted})
		f.wantWrites("DELETE image 412", "DELETE other 400", "DELETE pr-3 202", "DELETE other 202")
	})
	t.Run("the second tag is refused", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t, fakeregistry.WithTagsFirst())
		f.on(0, "DELETE", "pr-2", deny(405, "REGISTRY_DISALLOWED_OPERATION"))
		f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Refused, "other": apply.Deleted})
		f.wantWrites("DELETE image 400", "DELETE pr-1 202", "DELETE pr-2 405", "PUT pr-1 201", "DELETE pr-3 202", "DELETE other 202")
	})
	t.Run("a tag that somebody else puts meanwhile is left", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t, fakeregistry.WithTagsFirst())
		f.on(0, "DELETE", "pr-2", func(w http.ResponseWriter, req *http.Request) bool {
			f.image("new", "pr-1")
			return deny(405, "REGISTRY_DISALLOWED_OPERATION")(w, req)
		})
		f.apply()
		if at, _ := f.reg.Tag(repository, "pr-1"); at != f.digest("new") {
			t.Errorf("pr-1 points to %q", at)
		}
		f.wantWrites("DELETE image 400", "DELETE pr-1 202", "DELETE pr-2 405", "DELETE pr-3 202", "DELETE other 202")
	})
	t.Run("tags that cannot be put back are lost, and the report says so", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t, fakeregistry.WithTagsFirst())
		f.on(0, "DELETE", "pr-2", deny(405, "REGISTRY_DISALLOWED_OPERATION"))
		f.on(0, "PUT", "pr-1", unavailable)
		report, err := f.run()
		if want := []apply.Lost{{Tag: "pr-1", Digest: f.digest("image"), Ours: true}}; !errors.Is(err, apply.ErrLost) || !slices.Equal(report.Lost, want) {
			t.Errorf("error %v, lost %v", err, report.Lost)
		}
		if got := f.resultOf(report, "image"); !strings.Contains(got.Reason, `["pr-1"] were removed and could not be put back`) {
			t.Errorf("result %s", got)
		}
	})
	t.Run("a registry that deletes no tags ends the run", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t, fakeregistry.WithTagsFirst(), fakeregistry.WithoutTagDelete())
		report, err := f.run()
		if !errors.Is(err, apply.ErrStopped) || !errors.Is(err, regret.ErrTagDeleteUnsupported) {
			t.Errorf("error %v", err)
		}
		f.wantStatuses(report, map[string]apply.Status{"image": apply.Refused, "other": apply.NotAttempted})
		f.wantWrites("DELETE image 400", "DELETE pr-1 400")
	})
	t.Run("an image with a tag that came up meanwhile is refused", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t, fakeregistry.WithTagsFirst())
		f.before(1, "DELETE", "pr-2", func() { f.reg.SetTag(repository, "v1", f.digest("image")) })
		f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Refused, "other": apply.Deleted})
		want := map[string]regret.Digest{"latest": f.digest("kept"), "pr-1": f.digest("image"), "pr-2": f.digest("image"), "v1": f.digest("image")}
		if diff := cmp.Diff(want, f.reg.Tags(repository)); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	})
}

// TestReferenced is about registries that refuse to delete what something refers to.
func TestReferenced(t *testing.T) {
	t.Parallel()
	referenced := deny(400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE")
	t.Run("it is tried once more at the end, and so is what comes after it", func(t *testing.T) {
		t.Parallel()
		f := newStandard(t)
		f.on(1, "DELETE", string(f.digest("index")), referenced)
		f.wantStatuses(f.apply(), standard(nil))
		sent := f.sent("DELETE")
		if sent[0] != "DELETE index 400" && sent[1] != "DELETE index 400" || sent[2] != "DELETE index 202" || len(sent) != 6 {
			t.Errorf("it sends %q", sent)
		}
	})
	t.Run("twice is final", func(t *testing.T) {
		t.Parallel()
		f := newStandard(t)
		f.on(0, "DELETE", string(f.digest("index")), referenced)
		report := f.apply()
		f.wantStatuses(report, standard(map[string]apply.Status{"index": apply.Refused, "a": apply.Held, "b": apply.Held, "signature": apply.Held}))
		if got := f.resultOf(report, "index"); got.Kind != regret.ErrReferenced {
			t.Errorf("result %s", got)
		}
		if got := f.resultOf(report, "a"); got.Reason != string(f.digest("index"))+" must go before it and is still there" {
			t.Errorf("result %s", got)
		}
		if sent := f.sent("DELETE"); len(sent) != 3 {
			t.Errorf("it sends %q", sent)
		}
	})
	t.Run("there is no second try once the run has ended", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t)
		f.on(0, "DELETE", string(f.digest("image")), referenced)
		f.on(0, "DELETE", string(f.digest("other")), deny(403, "DENIED"))
		report, err := f.run()
		if !errors.Is(err, apply.ErrStopped) {
			t.Errorf("error %v", err)
		}
		f.wantStatuses(report, map[string]apply.Status{"image": apply.Refused, "other": apply.Refused})
		f.wantWrites("DELETE image 400", "DELETE other 403")
	})
}

// TestRefusals is about what refusals mean for a step and for the others.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		status apply.Status
		kind   regret.Kind
		ends   bool
	}{
		"deletion is disabled":   {deny(405, "UNSUPPORTED"), apply.Refused, regret.ErrDeleteDisabled, true},
		"forbidden":              {deny(403, "DENIED"), apply.Refused, regret.ErrForbidden, true},
		"unauthorized":           {deny(401, "UNAUTHORIZED"), apply.Refused, regret.ErrUnauthorized, true},
		"read-only":              {fakeregistry.Answer(405, map[string]string{"Allow": "GET, HEAD"}, "Method not allowed"), apply.Refused, regret.ErrReadOnly, true},
		"immutable":              {deny(405, "REGISTRY_DISALLOWED_OPERATION"), apply.Refused, regret.ErrImmutable, false},
		"unavailable":            {unavailable, apply.Failed, regret.ErrUnavailable, false},
		"rate limited":           {deny(429, "TOOMANYREQUESTS"), apply.Failed, regret.ErrRateLimited, false},
		"a refusal without kind": {deny(409, "TEAPOT"), apply.Failed, "", false},
		"a redirect":             {fakeregistry.Redirect(307, "https://elsewhere.example/"), apply.Failed, regret.ErrRedirect, false},
		"served, but unknown":    {deny(404, "MANIFEST_UNKNOWN"), apply.Refused, regret.ErrNotFound, false},
		"a 404 of a proxy":       {fakeregistry.Answer(404, nil, "<html>"), apply.Refused, regret.ErrNotFound, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := twoTags(t)
			f.on(0, "DELETE", string(f.digest("image")), test.answer)
			report, err := f.run()
			want := map[string]apply.Status{"image": test.status, "other": apply.Deleted}
			if test.ends {
				want["other"] = apply.NotAttempted
			}
			if ended := errors.Is(err, apply.ErrStopped); ended != test.ends || !ended && err != nil || ended && !errors.Is(err, test.kind) {
				t.Errorf("error %v", err)
			}
			f.wantStatuses(report, want)
			if got := f.resultOf(report, "image"); got.Kind != test.kind || got.Err == nil || got.Reason == "" {
				t.Errorf("result %s, kind %q", got, got.Kind)
			}
			for _, sent := range f.sent("DELETE", "PUT", "POST") {
				if !strings.HasPrefix(sent, "DELETE image") && sent != "DELETE other 202" {
					t.Errorf("it sends %s", sent)
				}
			}
		})
	}
}
