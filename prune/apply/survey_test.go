package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// removeBlob removes a blob as garbage collection does.
func (f *fixture) removeBlob(dgst regret.Digest) {
	f.t.Helper()
	req, err := http.NewRequest(http.MethodDelete, "https://"+host+"/v2/"+repository+"/blobs/"+string(dgst), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	resp, err := f.reg.OtherClient().RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		f.t.Fatalf("deleting the blob %s: %v %v", dgst, resp, err)
	}
	_ = resp.Body.Close()
}

// windowsImage puts an image with layers that registries need not have.
func (f *fixture) windowsImage(name string, tags ...string) {
	config := f.reg.PutBlob(repository, []byte(`{"os":"windows"}`))
	elsewhere := func(mediaType, urls string) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%s","size":9%s}`, mediaType, strings.Repeat("f", 64), urls)
	}
	raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":16},"layers":[%s,%s,%s]}`, config.Digest,
		elsewhere("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", ""),
		elsewhere("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", ""),
		elsewhere("application/vnd.oci.image.layer.v1.tar", `,"urls":["https://example.com/layer"]`))
	d := f.reg.PutManifest(repository, "", "application/vnd.oci.image.manifest.v1+json", []byte(raw))
	for _, tag := range tags {
		f.reg.SetTag(repository, tag, d.Digest)
	}
	f.name(name, d)
}

func TestSurvival(t *testing.T) {
	t.Parallel()
	const children = 2
	for name, test := range map[string]struct {
		build   func(f *fixture) // before the plan is made
		change  func(f *fixture) // before it is carried out
		want    apply.Survival   // beside "kept", its configuration and its layer
		missing func(f *fixture) []apply.Damage
		lost    bool
	}{
		"everything is served": {
			func(f *fixture) { f.index("release", []string{"amd64", "arm64"}, "v1", "v1.0") }, nil,
			apply.Survival{Images: 1, Manifests: 1 + children, Blobs: 2 * children}, nil, false},
		"what several images share is looked at once": {
			func(f *fixture) {
				f.index("release", []string{"amd64", "arm64"}, "v1")
				f.list("other index", []regret.Digest{f.digest("amd64")}, "v2")
				f.reg.SetTag(repository, "amd64", f.digest("amd64"))
			}, nil,
			apply.Survival{Images: 3, Manifests: 2 + children, Blobs: 2 * children}, nil, false},
		"what only refers to something that stays": {
			func(f *fixture) { f.referrer("sbom", f.digest("kept")); f.index("x", []string{"y"}, "pr-8") }, nil,
			apply.Survival{}, nil, false}, // nothing that goes has to do with it, so that the plan does not know it
		"layers that are only elsewhere": {
			func(f *fixture) { f.windowsImage("windows", "v1") }, nil,
			apply.Survival{Images: 1, Manifests: 1, Blobs: 1}, nil, false},
		"a tag that came up meanwhile": {nil,
			func(f *fixture) { f.before(1, "DELETE", string(f.digest("image")), func() { f.image("new", "v9") }) },
			apply.Survival{Images: 1, Manifests: 1, Blobs: 2}, nil, false},
		"a blob that is gone": {
			func(f *fixture) { f.image("broken", "v1") },
			func(f *fixture) { f.removeBlob(f.configOf("broken")) },
			apply.Survival{Images: 1, Manifests: 1, Blobs: 1},
			func(f *fixture) []apply.Damage {
				return []apply.Damage{{Image: f.digest("broken"), Tag: "v1", Digest: f.configOf("broken")}}
			}, false},
		"a child that was missing before": {
			func(f *fixture) {
				f.index("release", []string{"amd64", "arm64"}, "v1")
				f.remove("arm64")
			}, nil,
			apply.Survival{Images: 1, Manifests: 2, Blobs: 2},
			func(f *fixture) []apply.Damage {
				return []apply.Damage{{Image: f.digest("release"), Tag: "v1", Digest: f.digest("arm64"), Before: true}}
			}, false},
		"a child that the run has deleted": {
			func(f *fixture) { f.index("index", []string{"a"}, "pr-2") },
			func(f *fixture) {
				f.before(1, "DELETE", string(f.digest("a")), func() { f.list("new index", []regret.Digest{f.digest("a")}, "v9") })
			},
			apply.Survival{Images: 1, Manifests: 1},
			func(f *fixture) []apply.Damage {
				return []apply.Damage{{Image: f.digest("new index"), Tag: "v9", Digest: f.digest("a"), Ours: true}}
			}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.image("kept", "latest")
			f.image("image", "pr-1")
			if test.build != nil {
				test.build(f)
			}
			f.makePlan(removal, func(o *prune.ReadOptions) { o.Sizes = true }) // notices what is missing
			if test.change != nil {
				test.change(f)
			}
			f.options.Verify = true
			f.reg.ResetLog()
			report, err := f.run()
			if errors.Is(err, apply.ErrLost) != test.lost || !test.lost && err != nil {
				t.Errorf("error %v", err)
			}
			want := &apply.Survival{Images: test.want.Images + 1, Manifests: test.want.Manifests + 1, Blobs: test.want.Blobs + 2}
			if test.missing != nil {
				want.Missing = test.missing(f)
			}
			if diff := cmp.Diff(want, report.Survival); diff != "" {
				t.Errorf("survival (-want +got):\n%s", diff)
			}
			blobs := make(map[string]int)
			for _, req := range f.reg.Requests() {
				if req.Method == http.MethodHead && strings.Contains(req.Path, "/blobs/") {
					blobs[req.Path]++
				}
			}
			for path, n := range blobs {
				if n > 1 || strings.Contains(path, "ffffffff") {
					t.Errorf("%d times HEAD %s", n, path)
				}
			}
		})
	}
}

// TestSurveyThatFails checks that a run whose survey fails is not finished.
func TestSurveyThatFails(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(f *fixture){
		"a manifest cannot be read":  func(f *fixture) { f.on(1, "GET", string(f.digest("kept")), unavailable) },
		"a blob cannot be looked at": func(f *fixture) { f.reg.Intercept(1, fakeregistry.On("HEAD", "/v2/team/app/blobs/"), unavailable) },
		"a new tag cannot be followed": func(f *fixture) {
			f.before(1, "DELETE", string(f.digest("image")), func() { f.image("new", "v9"); f.on(1, "", "v9", unavailable) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := twoTags(t)
			set(f)
			journal := new(memoryJournal)
			f.options.Verify, f.options.Journal = true, journal
			report, err := f.run()
			if !errors.Is(err, regret.ErrUnavailable) || report.Survival != nil {
				t.Errorf("error %v, survival %v", err, report.Survival)
			}
			f.reg.ResetLog()
			f.options.Journal = journal.reopen()
			report = f.apply()
			if report.Survival == nil || len(report.Survival.Missing) > 0 {
				t.Errorf("survival %v in the second run", report.Survival)
			}
			f.wantWrites()
		})
	}
}

// TestSurveyOfTagsThatMove moves and removes tags between the last list and the survey.
func TestSurveyOfTagsThatMove(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(f *fixture){
		"a tag is moved, and what it pointed to deleted": func(f *fixture) { f.image("new", "v1"); f.remove("release") },
		"a tag is removed with its image":                func(f *fixture) { f.remove("release") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.image("kept", "latest")
			f.image("image", "pr-1")
			f.image("release", "v1")
			f.makePlan(removal)
			f.before(1, "GET", string(f.digest("kept")), func() { change(f) })
			f.options.Verify = true
			if report := f.apply(); len(report.Survival.Missing) > 0 {
				t.Errorf("missing: %v", report.Survival.Missing)
			}
		})
	}
}
