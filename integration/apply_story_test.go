package integration_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// storyPolicy keeps the two newest releases and removes all others, and all pull requests.
const storyPolicy = `{"version": 1,
	"keep": [{"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 2}],
	"remove": [
		{"name": "old releases", "tags": {"semver": ">=1.0.0"}},
		{"name": "pull requests", "tags": "pr-*"}],
	"limits": {"max-percent": 80}}`

// A story is what happens to a repository with releases and pull requests for several platforms, some
// of which share an image, with signatures, attestations and SBOMs. With -v, the test prints it.
type story struct {
	*fixture
	kind   registry.Kind
	root   string
	client *regret.Client
	tags   map[string]wire.Artifact
	others []wire.Artifact // without a tag: referrers
	stays  map[string]wire.Artifact
}

func newStory(t *testing.T, kind registry.Kind) *story {
	t.Helper()
	s := &story{kind: kind, root: t.TempDir(), tags: make(map[string]wire.Artifact), stays: make(map[string]wire.Artifact)}
	s.restart(t)
	shared := wire.OCIImage(t, "the base for arm64")
	for i, release := range []string{"1.0.0", "1.1.0", "2.0.0"} {
		index := s.build(t, release, shared)
		s.tag(t, release, index)
		if i == 2 {
			s.tag(t, "latest", index)
		}
	}
	for _, request := range []string{"pr-1", "pr-2", "pr-3"} {
		s.tag(t, request, s.build(t, request, shared))
	}
	s.tag(t, "pr-3-fixed", s.tags["pr-3"])
	both := wire.DockerImage(t, "both")
	s.tag(t, "pr-4", both)
	s.tag(t, "stable", both) // nobody wants this tag removed
	s.tag(t, "pr-5", wire.DockerManifestList(t, wire.DockerImage(t, "pr-5 for amd64"), wire.DockerImage(t, "pr-5 for arm64")))
	for tag, a := range s.tags {
		if slices.ContainsFunc([]string{"1.1.0", "2.0.0", "both"}, func(name string) bool { return s.belongsTo(tag, a, name) }) {
			s.stays[tag] = a
		}
	}
	return s
}

// build pushes what a build makes: an index of two images and their attestation, a signature in the
// manner of cosign, and an SBOM that refers to the index.
func (s *story) build(t *testing.T, name string, shared wire.Artifact) wire.Artifact {
	t.Helper()
	index := wire.OCIIndex(t, wire.OCIImage(t, name+" for amd64"), shared, wire.OCIImage(t, "the attestation of "+name))
	s.repo.Push(t, index)
	s.tag(t, strings.Replace(index.Digest.String(), ":", "-", 1)+".sig", wire.OCIImage(t, "the signature of "+name))
	sbom := wire.Referrer(t, index, "application/spdx+json", "the SBOM of "+name)
	s.repo.Push(t, sbom)
	s.others = append(s.others, sbom)
	has, err := s.client.HasReferrers(t.Context(), repository, index.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if !has {
		s.tag(t, wire.FallbackTag(index.Digest), wire.ReferrerList(t, sbom))
	}
	return index
}

func (s *story) tag(t *testing.T, tag string, a wire.Artifact) {
	t.Helper()
	s.repo.Push(t, a, tag)
	s.tags[tag] = a
}

// belongsTo reports whether a tag is that of what was built under a name, or of what belongs to that.
func (s *story) belongsTo(tag string, a wire.Artifact, name string) bool {
	if name == "both" {
		return a.Digest == s.tags["stable"].Digest
	}
	of := s.tags[name].Digest
	return a.Digest == of || strings.HasPrefix(tag, strings.Replace(of.String(), ":", "-", 1))
}

// restart starts the registry again on the same storage, with a new client. To clients, it has the same
// name as before.
func (s *story) restart(t *testing.T) {
	t.Helper()
	s.fixture = startAgain(t, s.kind, s.root)
	client, err := regret.New("http://registry.example.com", regret.WithTransport(renamed{s.Host(), s.recorder}))
	if err != nil {
		t.Fatal(err)
	}
	s.client = client
}

// renamed is a transport that sends everything to one host.
type renamed struct {
	host string
	next http.RoundTripper
}

func (r renamed) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := req.Clone(req.Context())
	sent.Host, sent.URL.Host = req.URL.Host, r.host
	return r.next.RoundTrip(sent)
}

// say prints what has happened, with digests that are short enough to read.
func (s *story) say(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Log("\n" + regexp.MustCompile(`(sha256[:-][0-9a-f]{7})[0-9a-f]+`).ReplaceAllString(fmt.Sprintf(format, args...), "$1…"))
}

// makePlan plans, and prints the plan.
func (s *story) makePlan(t *testing.T) *plan.Plan {
	t.Helper()
	rules, err := policy.Parse([]byte(storyPolicy))
	if err != nil {
		t.Fatal(err)
	}
	p, err := prune.Make(t.Context(), s.client, repository, rules, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.say(t, "the plan:\n%s", p)
	return p
}

// A run has an archive and a journal.
type storyRun struct {
	archive undo.Store
	journal string
}

func (s *story) newRun(t *testing.T) storyRun {
	t.Helper()
	folder := t.TempDir()
	archive, err := undo.DirStore(filepath.Join(folder, "undo"))
	if err != nil {
		t.Fatal(err)
	}
	return storyRun{archive, filepath.Join(folder, "journal.jsonl")}
}

// apply applies a plan, and checks what is left by plain HTTP.
func (s *story) apply(t *testing.T, p *plan.Plan, r storyRun) *apply.Report {
	t.Helper()
	journal, err := os.OpenFile(r.journal, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	report, err := apply.Apply(t.Context(), s.client, p, r.archive, &apply.Options{Journal: journal, Verify: true})
	if err := errors.Join(err, journal.Close()); err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	if n := report.Count(apply.Deleted); n != len(report.Results) || len(report.Survival.Missing) > 0 {
		t.Errorf("not all is deleted, or something is missing: %s", report)
	}
	return report
}

// wantAll pulls everything that was pushed.
func (s *story) wantAll(t *testing.T) {
	t.Helper()
	s.wantOnly(t, s.tags)
	for _, a := range s.others {
		s.pull(t, a.Digest.String(), a)
	}
}

// wantOnly pulls what tags point to, to the last blob, and checks that there are no other tags.
func (s *story) wantOnly(t *testing.T, tags map[string]wire.Artifact) {
	t.Helper()
	for tag, a := range tags {
		s.pull(t, tag, a)
	}
	var listed []string
	for tag, err := range s.client.Tags(t.Context(), repository) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, tag)
	}
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(tags)), listed); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func (s *story) pull(t *testing.T, reference string, a wire.Artifact) {
	t.Helper()
	(&doomed{fixture: s.fixture}).wantWhole(t, reference, a)
}

// wantPruned pulls what stays, with the SBOMs of that, and checks that everything else is gone.
func (s *story) wantPruned(t *testing.T) {
	t.Helper()
	s.wantOnly(t, s.stays)
	for _, a := range s.others {
		if s.refersToWhatStays(a) {
			s.pull(t, a.Digest.String(), a)
		} else if s.repo.HasManifest(t, a.Digest.String()) {
			t.Errorf("the SBOM %s is still there", a.Digest)
		}
	}
	for tag, a := range s.tags {
		if s.stays[tag].Digest == "" && s.stays["stable"].Digest != a.Digest && s.repo.HasManifest(t, a.Digest.String()) {
			t.Errorf("%s is still there, which %s pointed to", a.Digest, tag)
		}
	}
}

func (s *story) refersToWhatStays(sbom wire.Artifact) bool {
	for _, a := range s.stays {
		if bytes.Contains(sbom.Raw, []byte(a.Digest)) {
			return true
		}
	}
	return false
}

// blobsOfWhatGoes returns the blobs that only what goes refers to.
func (s *story) blobsOfWhatGoes() []digest.Digest {
	needed := make(map[digest.Digest]bool)
	for _, a := range s.stays {
		addBlobs(needed, a)
	}
	for _, a := range s.others {
		if s.refersToWhatStays(a) {
			addBlobs(needed, a)
		}
	}
	all := make(map[digest.Digest]bool)
	for _, a := range s.tags {
		addBlobs(all, a)
	}
	maps.DeleteFunc(all, func(dgst digest.Digest, _ bool) bool { return needed[dgst] })
	return slices.Collect(maps.Keys(all))
}

func addBlobs(to map[digest.Digest]bool, a wire.Artifact) {
	for _, blob := range a.Blobs {
		to[digest.FromBytes(blob)] = true
	}
	for _, child := range a.Children {
		addBlobs(to, child)
	}
}

// TestStory prunes, pulls what stays by plain HTTP, and restores everything. Then it prunes again,
// lets the registry collect garbage, pulls again, and finds out what can still be restored.
func TestStory(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind     registry.Kind
		untagged bool // the collector takes manifests without a tag, too
	}{
		{registry.Distribution2(), false}, // with untagged, it takes the children of every index
		{registry.Distribution3(), false},
		{registry.Distribution3(), true},
		{registry.Olareg(), false},
		{registry.Olareg(), true},
	} {
		t.Run(fmt.Sprintf("%s, untagged %t", test.kind.Name, test.untagged), func(t *testing.T) {
			t.Parallel()
			s := newStory(t, test.kind)
			s.wantAll(t)

			first := s.newRun(t)
			p := s.makePlan(t)
			s.say(t, "applied:\n%s", s.apply(t, p, first))
			s.wantPruned(t)
			s.recorder.Sent()
			s.apply(t, p, first) // once more, with the same journal
			s.wantSent(t)

			restored, err := undo.Restore(t.Context(), s.client, first.archive, nil)
			if err != nil || !restored.IsComplete() {
				t.Errorf("%v: %s", err, restored)
			}
			s.say(t, "restored:\n%s", restored)
			s.wantAll(t)

			second := s.newRun(t)
			s.apply(t, s.makePlan(t), second)
			if err := s.CollectGarbage(t, test.untagged, 0, repository); err != nil {
				t.Fatal(err)
			}
			s.restart(t)
			s.wantPruned(t)
			for _, blob := range s.blobsOfWhatGoes() {
				if s.repo.HasBlob(t, blob) {
					t.Errorf("the blob %s is still there", blob)
				}
			}
			dry, err := undo.Restore(t.Context(), s.client, second.archive, &undo.RestoreOptions{DryRun: true})
			if err != nil || dry.Count(undo.Lost) < len(s.blobsOfWhatGoes())/2 {
				t.Errorf("after garbage collection: %v: %s", err, dry)
			}
			s.say(t, "after garbage collection, a dry run of restoring:\n%.400s…", dry)
			s.wantPruned(t)
		})
	}
}

// TestStoryOfQuarantine puts the same in the trash, lets the registry collect garbage, and restores
// everything from there.
func TestStoryOfQuarantine(t *testing.T) {
	t.Parallel()
	for _, kind := range append(registry.Kinds(), registry.Olareg()) {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, kind)
			report, err := apply.Quarantine(t.Context(), s.client, s.makePlan(t), s.newRun(t).archive, &apply.QuarantineOptions{Overwrite: true, Options: apply.Options{Verify: true}})
			if err != nil || len(report.Survival.Missing) > 0 {
				t.Fatalf("%v: %s", err, report)
			}
			s.say(t, "quarantined:\n%s", report)
			for tag, a := range s.tags {
				switch got := s.repo.Do(t, http.MethodGet, "manifests/"+tag, wire.AcceptAll()); {
				case strings.HasPrefix(tag, "sha256-") || s.stays[tag].Digest != "":
					s.pull(t, tag, a)
				case a.Digest != s.stays["stable"].Digest && got.Status != http.StatusNotFound:
					t.Errorf("%s is %s", tag, got)
				}
			}
			if err := s.CollectGarbage(t, kind.Name == registry.Distribution3().Name, 0, repository); err != nil {
				t.Fatal(err)
			}
			s.restart(t)
			restored, err := undo.RestoreTrash(t.Context(), s.client, repository, &undo.RestoreOptions{Overwrite: true})
			if err != nil || !restored.IsComplete() {
				t.Errorf("%v: %s", err, restored)
			}
			s.say(t, "restored from the trash:\n%s", restored)
			s.wantAll(t)
		})
	}
}
