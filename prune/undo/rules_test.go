package undo_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// TestOnlyListsOfReferrersAreJoined restores an index under a tag under which there is another index
// by now. Only the tag of a list of referrers gets the entries of both.
func TestOnlyListsOfReferrersAreJoined(t *testing.T) {
	t.Parallel()
	owner := fakeregistry.New().PutImage(repository, "owner").Digest
	for name, test := range map[string]struct {
		tag  string
		want undo.Status
	}{
		"the digest of a subject":          {companion(owner), undo.Joined},
		"the digest with a suffix":         {companion(owner) + ".sbom", undo.Elsewhere},
		"the digest without its last one":  {strings.TrimSuffix(companion(owner), companion(owner)[70:]), undo.Elsewhere},
		"the digest with a last one more":  {companion(owner) + "x", undo.Elsewhere},
		"another algorithm":                {strings.Replace(companion(owner), "sha256", "sha384", 1), undo.Elsewhere},
		"an ordinary tag":                  {"sha-list", undo.Elsewhere},
		"the digest in upper-case letters": {"sha256-" + strings.ToUpper(owner.Encoded()), undo.Elsewhere},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{reg: fakeregistry.New(fakeregistry.WithoutReferrersAPI()), store: newMemory()}
			f.reg.PutImage(repository, "owner", "pr-1")
			ours, theirs := f.reg.PutImage(repository, "ours").Digest, f.reg.PutImage(repository, "theirs", "kept").Digest
			f.reg.PutManifest(repository, test.tag, ocispec.MediaTypeImageIndex, listOf(ours))
			f.client = newClient(t, f.reg)
			f.plan = makePlan(t, f.reg, strings.Replace(removeAll, `"pr-*"`, `["pr-*", "sha*"]`, 1))
			f.archive(t)
			f.apply(t, -1)
			there := f.reg.PutManifest(repository, test.tag, ocispec.MediaTypeImageIndex, listOf(theirs))
			result := resultOf(t, f.restore(t, nil), test.tag)
			if result.Status != test.want || result.Found != there.Digest {
				t.Errorf("got %v", result)
			}
			want := []regret.Digest{theirs}
			if test.want == undo.Joined {
				want = append(want, ours)
			}
			m, err := f.client.Manifest(t.Context(), repository, test.tag)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, digestsIn(m.Raw)); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRestoreRules has one row for each rule of restoring, with every write in any order.
func TestRestoreRules(t *testing.T) {
	t.Parallel()
	manifests := func(names ...string) []string {
		for i, name := range names {
			names[i] = "PUT manifests/" + name
		}
		slices.Sort(names)
		return names
	}
	for name, test := range map[string]struct {
		change  func(f *fixture) // after everything was deleted
		options undo.RestoreOptions
		applied int // steps that were taken; negative: all
		want    func(f *fixture) []string
	}{
		"where nothing was deleted, nothing is written": {func(*fixture) {}, undo.RestoreOptions{}, 0,
			func(*fixture) []string { return nil }},
		"a dry run writes nothing": {func(*fixture) {}, undo.RestoreOptions{DryRun: true}, -1,
			func(*fixture) []string { return nil }},
		"what is there is not pushed again, but its tags are": {func(f *fixture) { f.reg.PutImage(repository, "image") }, undo.RestoreOptions{}, -1,
			func(f *fixture) []string {
				return manifests(append(f.but(f.image.Digest), "pr-1", "pr-1-amd64", "pr-2", companion(f.index.Digest))...)
			}},
		"a tag that stands right is not put again": {func(f *fixture) { f.reg.PutImage(repository, "image", "pr-1") }, undo.RestoreOptions{}, -1,
			func(f *fixture) []string {
				return manifests(append(f.but(f.image.Digest), "pr-1-amd64", "pr-2", companion(f.index.Digest))...)
			}},
		"a tag elsewhere is not put": {func(f *fixture) { f.reg.SetTag(repository, "pr-1", f.keep.Digest) }, undo.RestoreOptions{}, -1,
			func(f *fixture) []string {
				return manifests(append(f.but(), "pr-1-amd64", "pr-2", companion(f.index.Digest))...)
			}},
		"a tag elsewhere is moved if the caller says so": {func(f *fixture) { f.reg.SetTag(repository, "pr-1", f.keep.Digest) }, undo.RestoreOptions{Move: true}, -1,
			func(f *fixture) []string {
				return manifests(append(f.but(), "pr-1", "pr-1-amd64", "pr-2", companion(f.index.Digest))...)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, test.applied)
			test.change(f)
			f.reg.ResetLog()
			f.restore(t, &test.options)
			if diff := cmp.Diff(test.want(f), manifestWrites(f.reg)); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			f.reg.ResetLog()
			if f.restore(t, &test.options); len(manifestWrites(f.reg)) > 0 && !test.options.DryRun {
				t.Errorf("a second time it sends %q", manifestWrites(f.reg))
			}
		})
	}
}

// but returns the manifests that the plan deletes, except for some.
func (f *fixture) but(left ...regret.Digest) []string {
	var digests []string
	for step := range f.plan.Steps() {
		if !slices.Contains(left, step.Digest) {
			digests = append(digests, string(step.Digest))
		}
	}
	return digests
}

// manifestWrites returns all requests that change something, except for those that push
// configurations.
func manifestWrites(reg *fakeregistry.Registry) []string {
	return slices.DeleteFunc(requests(reg, http.MethodPut, http.MethodDelete, http.MethodPost, http.MethodPatch), func(s string) bool {
		return strings.Contains(s, " blobs/")
	})
}
