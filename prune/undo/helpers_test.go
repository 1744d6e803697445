package undo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

const (
	host       = "registry.example"
	repository = "team/app"
)

// removeAll is a policy that removes everything with a tag that begins with "pr-".
const removeAll = `{"version": 1, "remove": [{"tags": "pr-*"}], "limits": {"max-percent": 100, "min-left": 0}}`

// newClient returns a client that retries nothing.
func newClient(t testing.TB, reg http.RoundTripper) *regret.Client {
	t.Helper()
	client, err := regret.New(host, regret.WithTransport(reg), regret.WithRetries(regret.Retries{}))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// makePlan plans for the repository.
func makePlan(t testing.TB, reg *fakeregistry.Registry, policyJSON string) *plan.Plan {
	t.Helper()
	p, err := policy.Parse([]byte(policyJSON))
	if err != nil {
		t.Fatal(err)
	}
	made, err := prune.Make(t.Context(), newClient(t, reg), repository, p, &prune.ReadOptions{At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A fixture is a repository, a plan for it, and a store for the archive.
type fixture struct {
	reg    *fakeregistry.Registry
	client *regret.Client
	plan   *plan.Plan
	store  *memory
	before state
	all    []regret.Digest // every manifest of the repository

	keep, image, index, child, referrer, list regret.Descriptor
}

// newFixture returns a repository with an image that stays, and one with two tags, an index
// of two images, a referrer and its list under a companion tag that all go.
func newFixture(t testing.TB, options ...fakeregistry.Option) *fixture {
	t.Helper()
	return newFixtureAt(t, fakeregistry.New(append(options, fakeregistry.WithoutReferrersAPI())...))
}

// newFixtureAt fills an empty registry.
func newFixtureAt(t testing.TB, reg *fakeregistry.Registry) *fixture {
	t.Helper()
	f := &fixture{reg: reg, store: newMemory()}
	f.keep = f.reg.PutImage(repository, "kept", "latest")
	f.image = f.reg.PutImage(repository, "image", "pr-1", "pr-1-amd64")
	f.index = f.reg.PutIndex(repository, []string{"amd64", "arm64"}, "pr-2")
	f.child = f.reg.PutImage(repository, "arm64")
	f.referrer = f.reg.PutReferrer(repository, f.index, "application/vnd.example.signature", "signed")
	f.list = f.putList(t, f.index.Digest, f.referrer.Digest)
	f.client = newClient(t, f.reg)
	f.plan = makePlan(t, f.reg, removeAll)
	f.all = []regret.Digest{f.keep.Digest}
	for step := range f.plan.Steps() {
		f.all = append(f.all, step.Digest)
	}
	f.before = f.state(t)
	f.reg.ResetLog()
	return f
}

// putList stores a list of referrers under its companion tag.
func (f *fixture) putList(t testing.TB, subject regret.Digest, referrers ...regret.Digest) regret.Descriptor {
	t.Helper()
	return f.reg.PutManifest(repository, companion(subject), "application/vnd.oci.image.index.v1+json", listOf(referrers...))
}

func companion(subject regret.Digest) string { return strings.Replace(subject.String(), ":", "-", 1) }

func listOf(referrers ...regret.Digest) []byte {
	var entries []string
	for _, r := range referrers {
		entries = append(entries, fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":%d,"artifactType":"application/vnd.example.signature"}`, r, 500))
	}
	return []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` + strings.Join(entries, ",") + `]}`)
}

// A state is what a repository serves: what each tag points to, and the type and bytes of
// each manifest.
type state struct {
	Tags      map[string]regret.Digest
	Manifests map[regret.Digest]string
}

func (f *fixture) state(t testing.TB) state { return stateOf(t, f.reg, f.all) }

func stateOf(t testing.TB, reg *fakeregistry.Registry, digests []regret.Digest) state {
	t.Helper()
	client := newClient(t, fakeregistry.RoundTripper(http.HandlerFunc(reg.Serve)))
	s := state{Tags: reg.Tags(repository), Manifests: make(map[regret.Digest]string)}
	for _, dgst := range digests {
		m, err := client.Manifest(t.Context(), repository, dgst.String())
		if errors.Is(err, regret.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Manifests[dgst] = m.Descriptor.MediaType + "\n" + string(m.Raw)
	}
	return s
}

// archive writes the archive.
func (f *fixture) archive(t testing.TB) *undo.Archive {
	t.Helper()
	a, err := undo.Write(t.Context(), f.client, f.plan, f.store, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.reg.ResetLog()
	return a
}

// apply takes the first n steps of the plan, or all if n is negative.
func (f *fixture) apply(t testing.TB, n int) {
	t.Helper()
	for step := range f.plan.Steps() {
		if n == 0 {
			break
		}
		n--
		if step.Action == plan.Untag {
			for _, tag := range step.Untag {
				if err := f.client.Untag(t.Context(), repository, tag); err != nil {
					t.Fatal(err)
				}
			}
		} else if err := f.client.DeleteManifest(t.Context(), repository, step.Digest); err != nil {
			t.Fatal(err)
		}
	}
	f.reg.ResetLog()
}

// restore restores, and fails if that cannot begin.
func (f *fixture) restore(t testing.TB, o *undo.RestoreOptions) *undo.Report {
	t.Helper()
	report, err := undo.Restore(t.Context(), f.client, f.store, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// collect removes a blob, as garbage collection does.
func collect(t testing.TB, reg *fakeregistry.Registry, dgst regret.Digest) {
	t.Helper()
	w := httptest.NewRecorder()
	reg.Serve(w, httptest.NewRequest(http.MethodDelete, "/v2/"+repository+"/blobs/"+dgst.String(), nil))
	if w.Code != http.StatusAccepted {
		t.Fatalf("deleting the blob %s: %d", dgst, w.Code)
	}
}

// outcomes returns the status of every result, by tag, or by digest if it has none.
func outcomes(r *undo.Report) map[string]undo.Status {
	found := make(map[string]undo.Status)
	for _, result := range r.Results {
		name := result.Tag
		if name == "" {
			name = string(result.Digest)
		}
		found[name] = result.Status
	}
	return found
}

// resultOf returns the result of a tag, or of a manifest by its digest.
func resultOf(t testing.TB, r *undo.Report, name string) undo.Result {
	t.Helper()
	for _, result := range r.Results {
		if result.Tag == name || result.Tag == "" && string(result.Digest) == name {
			return result
		}
	}
	t.Fatalf("there is no result for %s in %v", name, r)
	return undo.Result{}
}

// requests returns the requests of some methods that were sent, sorted.
func requests(reg *fakeregistry.Registry, methods ...string) []string {
	var sent []string
	for _, req := range reg.Requests() {
		if slices.Contains(methods, req.Method) {
			sent = append(sent, req.Method+" "+strings.TrimPrefix(req.Path, "/v2/"+repository+"/"))
		}
	}
	slices.Sort(sent)
	return sent
}

// A memory is a store in memory that can fail.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
	puts  []string // names, in order
	gets  []string
	left  int   // how many calls of Put succeed; negative: all
	fault error // of the others
}

func newMemory() *memory { return &memory{files: make(map[string][]byte), left: -1} }

func (m *memory) Put(ctx context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 {
		return m.fault
	}
	m.left--
	m.puts = append(m.puts, name)
	m.files[name] = bytes.Clone(data)
	return ctx.Err()
}

func (m *memory) Get(ctx context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets = append(m.gets, name)
	data, ok := m.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "get", Path: name, Err: fs.ErrNotExist}
	}
	return bytes.Clone(data), ctx.Err()
}

// names returns the names of all files, sorted.
func (m *memory) names() []string { return slices.Sorted(maps.Keys(m.files)) }

// clone returns a store with the same files, which does not fail.
func (m *memory) clone() *memory {
	c := newMemory()
	maps.Copy(c.files, m.files)
	return c
}

func digestOf(data []byte) string { return digest.FromBytes(data).String() }

func sha512Of(data []byte) regret.Digest { return digest.SHA512.FromBytes(data) }

func blobName(dgst regret.Digest) string {
	return "blobs/" + strings.Replace(string(dgst), ":", "/", 1)
}
