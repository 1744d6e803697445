package apply_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

const (
	host       = "registry.example"
	repository = "team/app"
	manifests  = "/v2/" + repository + "/manifests/"
)

// removal is a policy that removes what has tags that begin with "pr-" only, keeps "latest", and
// takes "old-" tags off what stays.
const removal = `{"version": 1,
	"keep":   [{"name": "latest", "tags": "latest"}],
	"remove": [{"name": "pull requests", "tags": "pr-*"}, {"name": "old", "tags": "old-*", "untag": true}],
	"limits": {"max-percent": 100, "min-left": 0}}`

// A fixture is a repository, a client, and what is to be done to it. Its manifests have names.
type fixture struct {
	t       testing.TB
	reg     *fakeregistry.Registry
	client  *regret.Client
	store   *memoryStore
	plan    *plan.Plan
	options apply.Options
	names   map[regret.Digest]string

	cascades bool // the registry deletes along with a manifest what belongs to it
}

// newFixture returns an empty repository. Steps are taken one at a time.
func newFixture(t testing.TB, options ...fakeregistry.Option) *fixture {
	t.Helper()
	return newFixtureAt(t, host, fakeregistry.New(options...))
}

func newFixtureAt(t testing.TB, host string, reg *fakeregistry.Registry) *fixture {
	t.Helper()
	f := &fixture{
		t: t, reg: reg, store: newMemoryStore(),
		names: make(map[regret.Digest]string), options: apply.Options{Concurrency: 1},
	}
	f.client = f.newClient(host, f.reg)
	return f
}

// newClient returns a client that retries nothing.
func (f *fixture) newClient(host string, transport http.RoundTripper) *regret.Client {
	f.t.Helper()
	client, err := regret.New(host, regret.WithTransport(transport), regret.WithRetries(regret.Retries{}))
	if err != nil {
		f.t.Fatal(err)
	}
	return client
}

// image puts an image.
func (f *fixture) image(name string, tags ...string) regret.Digest {
	return f.name(name, f.reg.PutImage(repository, name, tags...))
}

// index puts an index of images.
func (f *fixture) index(name string, children []string, tags ...string) regret.Digest {
	for _, child := range children {
		f.image(child)
	}
	return f.name(name, f.reg.PutIndex(repository, children, tags...))
}

// companion puts an image under the tag that cosign gives to what belongs to a manifest.
func (f *fixture) companion(name string, owner regret.Digest, suffix string) regret.Digest {
	return f.image(name, companionOf(owner)+suffix)
}

func companionOf(owner regret.Digest) string { return strings.Replace(string(owner), ":", "-", 1) }

// referrer puts an artifact that refers to a manifest, and has tags or none.
func (f *fixture) referrer(name string, subject regret.Digest, tags ...string) regret.Digest {
	d := f.reg.PutReferrer(repository, regret.Descriptor{MediaType: "application/vnd.oci.image.manifest.v1+json", Digest: subject, Size: 1}, "application/vnd.example", name)
	for _, tag := range tags {
		f.reg.SetTag(repository, tag, d.Digest)
	}
	return f.name(name, d)
}

func (f *fixture) name(name string, d regret.Descriptor) regret.Digest {
	f.names[d.Digest] = name
	return d.Digest
}

// makePlan plans for the repository, and forgets what was sent.
func (f *fixture) makePlan(policyJSON string, options ...func(*prune.ReadOptions)) {
	f.t.Helper()
	f.plan = f.planOf(policyJSON, options...)
	f.reg.ResetLog()
}

func (f *fixture) planOf(policyJSON string, options ...func(*prune.ReadOptions)) *plan.Plan {
	f.t.Helper()
	rules, err := policy.Parse([]byte(policyJSON))
	if err != nil {
		f.t.Fatal(err)
	}
	o := new(prune.ReadOptions)
	for _, set := range options {
		set(o)
	}
	p, err := prune.Make(f.t.Context(), f.client, repository, rules, o)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// atNoon makes the same plan in each run.
func atNoon(o *prune.ReadOptions) { o.At = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) }

// run applies the plan.
func (f *fixture) run() (*apply.Report, error) {
	return apply.Apply(f.t.Context(), f.client, f.plan, f.store, &f.options)
}

// apply applies the plan, and fails if that does not end well.
func (f *fixture) apply() *apply.Report {
	f.t.Helper()
	report, err := f.run()
	if err != nil {
		f.t.Fatal(err)
	}
	return report
}

// sent returns the requests with one of these methods, with the names of manifests.
func (f *fixture) sent(methods ...string) []string {
	var sent []string
	for _, req := range f.reg.Requests() {
		if slices.Contains(methods, req.Method) {
			reference, _ := strings.CutPrefix(req.Path, manifests)
			sent = append(sent, fmt.Sprintf("%s %s %d", req.Method, f.nameOf(reference), req.Status))
		}
	}
	return sent
}

func (f *fixture) nameOf(reference string) string {
	if name, ok := f.names[regret.Digest(reference)]; ok {
		return name
	}
	for dgst, name := range f.names {
		if rest, ok := strings.CutPrefix(reference, companionOf(dgst)); ok {
			return "@" + name + rest
		}
	}
	return reference
}

// wantWrites checks all requests that change something, in order: none else may have been sent.
func (f *fixture) wantWrites(want ...string) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.sent("DELETE", "PUT", "POST", "PATCH")); diff != "" {
		f.t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// wantStatuses checks how every step ended, by the names of the manifests.
func (f *fixture) wantStatuses(r *apply.Report, want map[string]apply.Status) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.statuses(r)); diff != "" {
		f.t.Errorf("results (-want +got):\n%s\n%s", diff, r)
	}
}

func (f *fixture) statuses(r *apply.Report) map[string]apply.Status {
	found := make(map[string]apply.Status)
	for _, result := range r.Results {
		found[f.stepName(&result)] = result.Status
	}
	return found
}

// stepName names a step: that of its manifest, and of what it takes off.
func (f *fixture) stepName(r *apply.Result) string {
	if r.Action == plan.Delete {
		return f.nameOf(string(r.Digest))
	}
	tags := make([]string, len(r.Tags))
	for i, tag := range r.Tags {
		tags[i] = f.nameOf(tag)
	}
	return f.nameOf(string(r.Digest)) + " -" + strings.Join(tags, ",")
}

// resultOf returns the result of a step by its name.
func (f *fixture) resultOf(r *apply.Report, name string) apply.Result {
	f.t.Helper()
	for _, result := range r.Results {
		if f.stepName(&result) == name {
			return result
		}
	}
	f.t.Fatalf("there is no step %q in:\n%s", name, r)
	return apply.Result{}
}

// has reports whether the registry has a manifest.
func (f *fixture) has(name string) bool { return f.reg.HasManifest(repository, f.digest(name)) }

// digest returns the digest of a manifest.
func (f *fixture) digest(name string) regret.Digest {
	f.t.Helper()
	for dgst, n := range f.names {
		if n == name {
			return dgst
		}
	}
	f.t.Fatalf("there is no manifest %q", name)
	return ""
}

var unavailable = fakeregistry.Errors(http.StatusServiceUnavailable, "UNAVAILABLE", "overloaded")

// on makes the registry answer a request for a tag or manifest in another way, n times.
func (f *fixture) on(n int, method, reference string, answer func(http.ResponseWriter, *http.Request) bool) {
	f.reg.Intercept(n, fakeregistry.On(method, manifests+reference), answer)
}

// before calls do before the n-th request for a tag or manifest is served, counted from 1.
func (f *fixture) before(n int, method, reference string, do func()) {
	seen := 0
	f.reg.BeforeEach(func(req *http.Request) {
		if req.Method == method && req.URL.Path == manifests+reference {
			if seen++; seen == n {
				do()
			}
		}
	})
}

// A memoryStore is an archive in memory that can fail.
type memoryStore struct {
	mu    sync.Mutex
	files map[string][]byte
	left  int // how many calls of Put succeed; negative: all
	fault error
}

func newMemoryStore() *memoryStore { return &memoryStore{files: make(map[string][]byte), left: -1} }

func (s *memoryStore) Put(_ context.Context, name string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 {
		return s.fault
	}
	s.left--
	s.files[name] = bytes.Clone(data)
	return nil
}

func (s *memoryStore) Get(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(data), nil
}

// A memoryJournal is a journal in memory, as a file that is opened for reading and appending.
type memoryJournal struct {
	mu   sync.Mutex
	data []byte
	read int
	// fault is called before each call of Write and Sync with its number, counted from 1. If it
	// fails, it says how many of the bytes are written all the same.
	fault func(call int, data []byte) (int, error)
	calls int
}

func (j *memoryJournal) Read(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.read == len(j.data) {
		return 0, io.EOF
	}
	n := copy(p, j.data[j.read:])
	j.read += n
	return n, nil
}

func (j *memoryJournal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, err := len(p), error(nil)
	if j.calls++; j.fault != nil {
		if written, failure := j.fault(j.calls, p); failure != nil {
			n, err = written, failure
		}
	}
	j.data = append(j.data, p[:n]...)
	return n, err
}

func (j *memoryJournal) Sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.calls++; j.fault != nil {
		_, err := j.fault(j.calls, nil)
		return err
	}
	return nil
}

// reopen returns the journal as another process finds it.
func (j *memoryJournal) reopen() *memoryJournal {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &memoryJournal{data: bytes.Clone(j.data)}
}

func (j *memoryJournal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return string(j.data)
}

// now returns the time as plans have it.
func (f *fixture) now() time.Time { return time.Now().Truncate(time.Second) }

// configOf returns the digest of the configuration of an image.
func (f *fixture) configOf(name string) regret.Digest {
	f.t.Helper()
	m, err := f.client.Manifest(f.t.Context(), repository, string(f.digest(name)))
	if err != nil {
		f.t.Fatal(err)
	}
	references, err := plan.ReadReferences(m.Raw)
	if err != nil {
		f.t.Fatal(err)
	}
	return references.Config
}
