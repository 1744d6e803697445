package undo_test

import (
	"fmt"
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

// TestRestoreOfIndexesInIndexes restores an index that lists an index beside an image, in both orders:
// what is listed always comes first.
func TestRestoreOfIndexesInIndexes(t *testing.T) {
	t.Parallel()
	for _, innerFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("the inner index first: %t", innerFirst), func(t *testing.T) {
			t.Parallel()
			f := &fixture{reg: fakeregistry.New(), store: newMemory()}
			a, b := f.reg.PutImage(repository, "a"), f.reg.PutImage(repository, "b")
			inner := f.reg.PutManifest(repository, "", ocispec.MediaTypeImageIndex, listOf(a.Digest))
			entries := []string{
				fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, inner.MediaType, inner.Digest, inner.Size),
				fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, b.MediaType, b.Digest, b.Size),
			}
			if !innerFirst {
				slices.Reverse(entries)
			}
			outer := f.reg.PutManifest(repository, "pr-1", ocispec.MediaTypeImageIndex,
				[]byte(`{"schemaVersion":2,"mediaType":"`+ocispec.MediaTypeImageIndex+`","manifests":[`+strings.Join(entries, ",")+`]}`))
			f.client = newClient(t, f.reg)
			f.plan = makePlan(t, f.reg, removeAll)
			f.archive(t)
			f.apply(t, -1)
			if report := f.restore(t, &undo.RestoreOptions{Concurrency: 1}); !report.IsComplete() || report.Count(undo.Restored) != 5 {
				t.Errorf("got %v", report)
			}
			var pushed []regret.Digest
			for _, req := range f.reg.Writes() {
				if reference, ok := strings.CutPrefix(req.Path, "/v2/"+repository+"/manifests/sha256:"); ok {
					pushed = append(pushed, regret.Digest("sha256:"+reference))
				}
			}
			at := func(d regret.Descriptor) int { return slices.Index(pushed, d.Digest) }
			if len(pushed) != 4 || at(a) > at(inner) || at(inner) > at(outer) || at(b) > at(outer) {
				t.Errorf("it pushes %v", pushed)
			}
		})
	}
}

// TestRestoreAnIndexOfWhichSomethingIsRefused lets the registry refuse a child of an index for good. The
// index is pushed all the same, as long as it has another one.
func TestRestoreAnIndexOfWhichSomethingIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refused []string
		want    undo.Status
	}{
		"one of two":  {[]string{"arm64"}, undo.Restored},
		"all of them": {[]string{"amd64", "arm64"}, undo.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, -1)
			lenient(f.reg)
			var lacks []regret.Digest
			for _, content := range test.refused {
				child := f.reg.PutImage("elsewhere", content).Digest
				lacks = append(lacks, child)
				f.reg.Intercept(0, fakeregistry.On(http.MethodPut, "/v2/"+repository+"/manifests/"+string(child)),
					fakeregistry.Errors(http.StatusBadRequest, "MANIFEST_INVALID", "no"))
			}
			slices.Sort(lacks)
			report := f.restore(t, nil)
			result := resultOf(t, report, f.index.Digest.String())
			if diff := cmp.Diff(lacks, result.Lacks); diff != "" || result.Status != test.want {
				t.Errorf("got %v; lacks (-want +got):\n%s", result, diff)
			}
			if got := resultOf(t, report, string(lacks[0])); got.Status != undo.Refused {
				t.Errorf("the child: %v", got)
			}
			if got := resultOf(t, report, "pr-2"); got.Status != test.want {
				t.Errorf("the tag: %v", got)
			}
			if pushed := slices.Contains(requests(f.reg, http.MethodPut), "PUT manifests/"+f.index.Digest.String()); pushed != (test.want == undo.Restored) {
				t.Errorf("the index is pushed: %t", pushed)
			}
		})
	}
}

// TestRestoreDoesNotPushWhatMayComeLater lets the registry be unavailable for one manifest: what lists it,
// and tags of it, are left to another try.
func TestRestoreDoesNotPushWhatMayComeLater(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fails func(f *fixture) regret.Digest
		left  func(f *fixture) []string // what is not pushed, besides
	}{
		"a child":  {func(f *fixture) regret.Digest { return f.child.Digest }, func(f *fixture) []string { return []string{string(f.index.Digest), "pr-2"} }},
		"an image": {func(f *fixture) regret.Digest { return f.image.Digest }, func(*fixture) []string { return []string{"pr-1", "pr-1-amd64"} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.archive(t)
			f.apply(t, -1)
			lenient(f.reg)
			failing := string(test.fails(f))
			f.reg.Intercept(0, fakeregistry.On(http.MethodPut, "/v2/"+repository+"/manifests/"+failing),
				fakeregistry.Errors(http.StatusServiceUnavailable, "UNAVAILABLE", "later"))
			report := f.restore(t, nil)
			if got := resultOf(t, report, failing); got.Status != undo.Failed {
				t.Errorf("got %v", got)
			}
			for _, left := range test.left(f) {
				if got := resultOf(t, report, left); got.Status != undo.NotAttempted || got.Reason == "" {
					t.Errorf("got %v", got)
				}
				if slices.Contains(requests(f.reg, http.MethodPut), "PUT manifests/"+left) {
					t.Errorf("%s is pushed", left)
				}
			}
		})
	}
}
