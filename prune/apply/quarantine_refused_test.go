package apply_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// at returns the path of a reference of the repository.
func at(reference string) string { return "/v2/" + trashRepository + "/manifests/" + reference }

// refuse makes a registry refuse requests.
func refuse(f *trashFixture, times int, method, reference string, status int, code string) {
	f.reg.Intercept(times, fakeregistry.On(method, at(reference)), fakeregistry.Errors(status, code, "no"))
}

// disableDeletion makes a registry refuse deletions as distribution does.
func disableDeletion(f *trashFixture) {
	f.reg.Intercept(0, fakeregistry.On("DELETE", ""), fakeregistry.Errors(405, "UNSUPPORTED", "The operation is unsupported."))
}

func TestQuarantineNeedsTagsThatCanBeRemoved(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		refuse    func(f *trashFixture, names string)
		overwrite bool
		want      []error // that the error is
		not       error   // that it is not
		writes    []string
		left      bool // an index of names
	}{
		{
			name:   "a registry that does not delete by tag gets nothing, unless tags may be overwritten",
			refuse: func(f *trashFixture, _ string) { refuse(f, 0, "DELETE", "regret", 400, "UNSUPPORTED") },
			want:   []error{apply.ErrNoQuarantine, regret.ErrTagDeleteUnsupported},
			writes: []string{"DELETE names-0 400"},
		},
		{
			name:   "a registry where deletion is disabled gets nothing",
			refuse: func(f *trashFixture, _ string) { disableDeletion(f) },
			want:   []error{apply.ErrNoQuarantine, regret.ErrDeleteDisabled},
			writes: []string{"DELETE names-0 405"},
		},
		{
			name:      "where deletion is disabled, tags cannot be overwritten either",
			refuse:    func(f *trashFixture, _ string) { disableDeletion(f) },
			overwrite: true,
			want:      []error{apply.ErrNoQuarantine, regret.ErrDeleteDisabled},
			writes:    []string{"DELETE names-0 405", "PUT names-1 201", "DELETE sha256 405"},
			left:      true,
		},
		{
			name:      "without permission nothing is overwritten",
			refuse:    func(f *trashFixture, _ string) { refuse(f, 0, "DELETE", "", 403, "DENIED") },
			overwrite: true,
			want:      []error{apply.ErrNoQuarantine, regret.ErrForbidden},
			writes:    []string{"DELETE names-0 403"},
		},
		{
			name:      "without credentials nothing is overwritten",
			refuse:    func(f *trashFixture, _ string) { refuse(f, 0, "DELETE", "", 401, "UNAUTHORIZED") },
			overwrite: true,
			want:      []error{apply.ErrNoQuarantine, regret.ErrUnauthorized},
			writes:    []string{"DELETE names-0 401"},
		},
		{
			name:   "a tag that cannot be removed because it is immutable is the only one that is left",
			refuse: func(f *trashFixture, names string) { refuse(f, 0, "DELETE", names, 409, "TAG_IMMUTABLE") },
			want:   []error{apply.ErrNoQuarantine, regret.ErrImmutable},
			writes: []string{"DELETE names-0 404", "PUT names-1 201", "DELETE names-1 409"},
			left:   true,
		},
		{
			name: "a tag that is still there after a deletion that was accepted is the only one that is left",
			refuse: func(f *trashFixture, names string) {
				f.reg.Intercept(0, fakeregistry.On("DELETE", at(names)), fakeregistry.Answer(202, nil, ""))
			},
			want:   []error{apply.ErrNoQuarantine},
			writes: []string{"DELETE names-0 404", "PUT names-1 201", "DELETE names-1 202"},
			left:   true,
		},
		{
			name:   "a registry that accepts no empty index gets no images",
			refuse: func(f *trashFixture, names string) { refuse(f, 0, "PUT", names, 400, "MANIFEST_INVALID") },
			want:   []error{apply.ErrNoQuarantine, regret.CodeManifestInvalid},
			writes: []string{"DELETE names-0 404", "PUT names-1 400"},
		},
		{
			name: "a tag that cannot be put again ends it, too",
			refuse: func(f *trashFixture, names string) {
				f.reg.Intercept(1, fakeregistry.On("DELETE", at(names)), func(w http.ResponseWriter, req *http.Request) bool {
					refuse(f, 0, "PUT", names, 409, "TAG_IMMUTABLE")
					f.reg.Serve(w, req)
					return true
				})
			},
			want:   []error{apply.ErrNoQuarantine, regret.ErrImmutable},
			writes: []string{"DELETE names-0 404", "PUT names-1 201", "DELETE names-1 202", "PUT names-1 409"},
		},
		{
			name:   "a registry that is unavailable may allow it another time",
			refuse: func(f *trashFixture, _ string) { refuse(f, 0, "DELETE", "", 503, "UNAVAILABLE") },
			want:   []error{regret.ErrUnavailable}, not: apply.ErrNoQuarantine,
			writes: []string{"DELETE names-0 503"},
		},
		{
			name:   "a tag of names that points to something else is left alone",
			refuse: func(f *trashFixture, names string) { f.reg.PutImage(trashRepository, "foreign", names) },
			want:   []error{apply.ErrNoQuarantine},
			writes: []string{"DELETE names-0 404"},
			left:   true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t, "registry.example")
			p := f.plan(t, trashPolicy)
			names := trashRunOf(p) + "-names-1"
			test.refuse(f, names)
			f.reg.ResetLog()
			report, err := apply.Quarantine(t.Context(), f.client, p, f.store, &apply.QuarantineOptions{Overwrite: test.overwrite})
			for _, want := range test.want {
				if !errors.Is(err, want) {
					t.Errorf("the error is not %q: %v", want, err)
				}
			}
			if report != nil || test.not != nil && errors.Is(err, test.not) {
				t.Errorf("report %v, error %v", report, err)
			}
			var writes []string
			for _, write := range trashWrites(f.reg) {
				method, rest, _ := strings.Cut(write, " ")
				name, status, _ := strings.Cut(strings.TrimPrefix(rest, trashRunOf(p)+"-"), " ")
				if strings.HasPrefix(name, "sha256") {
					name = "sha256"
				}
				writes = append(writes, method+" "+name+" "+status)
			}
			if diff := cmp.Diff(test.writes, writes); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			tags := f.reg.Tags(trashRepository)
			if _, left := tags[names]; left != test.left {
				t.Errorf("names are left: %t", left)
			}
			delete(tags, names)
			if diff := cmp.Diff(f.tags, tags); diff != "" {
				t.Errorf("tags (-before +after):\n%s", diff)
			}
		})
	}
}

func TestQuarantineOverwritesTagsOnlyWhereTheyAreNotDeleted(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	p := f.plan(t, trashPolicy)
	f.reg.ResetLog()
	f.quarantine(t, p, &apply.QuarantineOptions{Overwrite: true})
	for _, write := range trashWrites(f.reg) {
		if strings.Contains(write, "sha256") {
			t.Errorf("it was overwritten: %s", write)
		}
	}
}

func TestQuarantineOfAnImageThatIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		refuse  func(f *trashFixture, p *plan.Plan)
		want    apply.Status // of the image pr-1
		kind    regret.Kind
		reason  string   // a part of it
		inTrash bool     // it is left there
		tags    []string // that it has, besides
		err     error
	}{
		{
			name:   "an image whose second tag cannot be removed gets back the first, and leaves the trash",
			refuse: func(f *trashFixture, _ *plan.Plan) { refuse(f, 0, "DELETE", "pr-1-amd64", 409, "TAG_IMMUTABLE") },
			want:   apply.Refused, kind: regret.ErrImmutable,
			tags: []string{"pr-1", "pr-1-amd64"},
		},
		{
			name: "an image of which it is not known whether it has lost a tag stays in the trash",
			refuse: func(f *trashFixture, _ *plan.Plan) {
				f.reg.Intercept(0, fakeregistry.On("DELETE", at("pr-1-amd64")), f.reg.LoseRequest())
			},
			want: apply.Unknown, kind: regret.ErrOutcomeUnknown,
			inTrash: true, tags: []string{"pr-1-amd64"},
		},
		{
			name:   "an image with a tag that the registry does not let go of for now leaves the trash",
			refuse: func(f *trashFixture, _ *plan.Plan) { refuse(f, 0, "DELETE", "pr-1-amd64", 429, "TOOMANYREQUESTS") },
			want:   apply.Failed, kind: regret.ErrRateLimited,
			tags: []string{"pr-1", "pr-1-amd64"},
		},
		{
			name: "an image without layers cannot be put in the trash",
			refuse: func(f *trashFixture, p *plan.Plan) {
				refuse(f, 0, "PUT", trashTagOf(p, f.image.Digest), 400, "MANIFEST_BLOB_UNKNOWN")
			},
			want: apply.Refused, kind: regret.ErrContentMissing,
			tags: []string{"pr-1", "pr-1-amd64"},
		},
		{
			name: "an image whose tag in the trash points to something else keeps its tags",
			refuse: func(f *trashFixture, p *plan.Plan) {
				f.reg.PutImage(trashRepository, "foreign", trashTagOf(p, f.image.Digest))
			},
			want: apply.Failed, reason: "if that is not needed, remove the tag",
			tags: []string{"pr-1", "pr-1-amd64"},
		},
		{
			name: "an image that cannot be given a tag back stays in the trash",
			refuse: func(f *trashFixture, _ *plan.Plan) {
				refuse(f, 0, "DELETE", "pr-1-amd64", 409, "TAG_IMMUTABLE")
				refuse(f, 0, "PUT", "pr-1", 403, "DENIED")
			},
			want: apply.Refused, kind: regret.ErrImmutable, reason: "could not be put back",
			inTrash: true, tags: []string{"pr-1-amd64"}, err: apply.ErrLost,
		},
		{
			name: "an image whose tags are gone when its removal is refused stays in the trash",
			refuse: func(f *trashFixture, _ *plan.Plan) {
				f.reg.Intercept(1, fakeregistry.On("DELETE", at("pr-1")), func(w http.ResponseWriter, req *http.Request) bool {
					other := newTrashClient(f.t, "registry.example", f.reg.OtherClient())
					for _, tag := range []string{"pr-1", "pr-1-amd64"} {
						if err := other.Untag(req.Context(), trashRepository, tag); err != nil {
							f.t.Error(err)
						}
					}
					return fakeregistry.Errors(409, "TAG_IMMUTABLE", "no")(w, req)
				})
			},
			want: apply.Refused, kind: regret.ErrImmutable, reason: "it is left in the trash",
			inTrash: true,
		},
		{
			name: "a tag of the trash that cannot be taken off is reported",
			refuse: func(f *trashFixture, p *plan.Plan) {
				refuse(f, 0, "DELETE", "pr-1-amd64", 409, "TAG_IMMUTABLE")
				refuse(f, 0, "DELETE", trashTagOf(p, f.image.Digest), 409, "TAG_IMMUTABLE")
			},
			want: apply.Refused, kind: regret.ErrImmutable, reason: "could not be removed again",
			inTrash: true, tags: []string{"pr-1", "pr-1-amd64"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t, "registry.example")
			p := f.plan(t, trashPolicy)
			test.refuse(f, p)
			report, err := apply.Quarantine(t.Context(), f.client, p, f.store, nil)
			if !errors.Is(err, test.err) {
				t.Fatal(err)
			}
			for _, result := range report.Results {
				switch result.Digest {
				case f.image.Digest:
					if result.Status != test.want || result.Kind != test.kind || !strings.Contains(result.Reason, test.reason) {
						t.Errorf("the image ended as %s (%s): %s", result.Status, result.Kind, result.Reason)
					}
				case f.index.Digest:
					if result.Status != apply.Quarantined {
						t.Errorf("the other image ended as %s: %s", result.Status, result.Reason)
					}
				}
			}
			tags := f.reg.Tags(trashRepository)
			for _, tag := range []string{"pr-1", "pr-1-amd64"} {
				if want := contains(test.tags, tag); (tags[tag] == f.image.Digest) != want {
					t.Errorf("it has the tag %s: %t", tag, !want)
				}
			}
			if inTrash := tags[trashTagOf(p, f.image.Digest)] == f.image.Digest; inTrash != test.inTrash {
				t.Errorf("it is in the trash: %t", inTrash)
			}
			f.wantAllManifests(t)
		})
	}
}

func contains(tags []string, tag string) bool {
	for _, t := range tags {
		if t == tag {
			return true
		}
	}
	return false
}
