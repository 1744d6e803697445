package apply_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

const trashRepository = "team/app"

// trashPolicy removes what is tagged "pr-…", and empties the trash after two weeks.
const trashPolicy = `{"version": 1,
	"remove": [{"name": "pull requests", "tags": "pr-*"}, {"name": "trash", "trash": true, "older-than": "14d"}],
	"limits": {"max-percent": 100, "min-left": 0}}`

// A trashFixture is a repository with images that go and one that stays.
type trashFixture struct {
	reg    *fakeregistry.Registry
	client *regret.Client
	store  undo.Store

	keep, image, index, amd64, signature regret.Descriptor
	tags                                 map[string]regret.Digest // before
	t                                    testing.TB               // for other clients
}

// newTrashFixture fills a registry with an image that stays, one with two tags, and an index
// of two images with a signature under a companion tag that go.
func newTrashFixture(t testing.TB, host string, options ...fakeregistry.Option) *trashFixture {
	t.Helper()
	f := &trashFixture{reg: fakeregistry.New(options...), store: newTrashStore(), t: t}
	f.client = newTrashClient(t, host, f.reg)
	f.keep = f.reg.PutImage(trashRepository, "kept", "latest")
	f.image = f.reg.PutImage(trashRepository, "image", "pr-1", "pr-1-amd64")
	f.index = f.reg.PutIndex(trashRepository, []string{"amd64", "arm64"}, "pr-2")
	f.amd64 = f.reg.PutImage(trashRepository, "amd64")
	f.signature = f.reg.PutImage(trashRepository, "signature", strings.Replace(string(f.index.Digest), ":", "-", 1)+".sig")
	f.tags = f.reg.Tags(trashRepository)
	return f
}

// newTrashClient returns a client that retries nothing.
func newTrashClient(t testing.TB, host string, reg http.RoundTripper) *regret.Client {
	t.Helper()
	client, err := regret.New(host, regret.WithTransport(reg), regret.WithRetries(regret.Retries{}))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// plan makes a plan for now.
func (f *trashFixture) plan(t testing.TB, policyJSON string) *plan.Plan {
	t.Helper()
	return makeTrashPlan(t, f.client, policyJSON)
}

func makeTrashPlan(t testing.TB, client prune.Reader, policyJSON string, inUse ...*policy.InUse) *plan.Plan {
	t.Helper()
	rules, err := policy.Parse([]byte(policyJSON))
	if err != nil {
		t.Fatal(err)
	}
	p, err := prune.Make(t.Context(), client, trashRepository, rules, &prune.ReadOptions{InUse: inUse})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// quarantine puts what a plan removes in the trash.
func (f *trashFixture) quarantine(t testing.TB, p *plan.Plan, o *apply.QuarantineOptions) *apply.Report {
	t.Helper()
	report, err := apply.Quarantine(t.Context(), f.client, p, f.store, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// restoreTrash restores everything, and fails if not all is back.
func (f *trashFixture) restoreTrash(t testing.TB, o *undo.RestoreOptions) *undo.Report {
	t.Helper()
	report, err := undo.RestoreTrash(t.Context(), f.client, trashRepository, o)
	if err != nil {
		t.Fatal(err)
	}
	if !report.IsComplete() {
		t.Errorf("not everything is back: %s", report)
	}
	return report
}

// trashTagOf returns what the tag of an image in the trash is today.
func trashTagOf(p *plan.Plan, image regret.Digest) string {
	return trashRunOf(p) + "-" + image.Encoded()[:12]
}

func trashRunOf(p *plan.Plan) string {
	return "regret-trash-" + time.Now().UTC().Format("20060102") + "-" + p.Digest().Encoded()[:8]
}

// statusesOf returns how steps ended, by the first tag of each, or the beginning of its digest.
func statusesOf(r *apply.Report) map[string]apply.Status {
	found := make(map[string]apply.Status)
	for _, result := range r.Results {
		name := result.Digest.Encoded()[:12]
		if len(result.Tags) > 0 {
			name = result.Tags[0]
		}
		found[name] = result.Status
	}
	return found
}

var longDigest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// trashWrites returns the writes that a registry got, without the path before the reference.
func trashWrites(reg *fakeregistry.Registry) []string {
	var sent []string
	for _, req := range reg.Writes() {
		path := req.Path[strings.LastIndex(req.Path, "/")+1:]
		if longDigest.MatchString(path) {
			path = path[:len("sha256:")+6]
		}
		sent = append(sent, fmt.Sprintf("%s %s %d", req.Method, path, req.Status))
	}
	return sent
}

// everyManifest returns the manifests of the fixture that nothing may delete.
func (f *trashFixture) everyManifest() []regret.Digest {
	return []regret.Digest{f.keep.Digest, f.image.Digest, f.index.Digest, f.amd64.Digest, f.signature.Digest}
}

func (f *trashFixture) wantAllManifests(t testing.TB) {
	t.Helper()
	for _, dgst := range f.everyManifest() {
		if !f.reg.HasManifest(trashRepository, dgst) {
			t.Errorf("%s is gone", dgst)
		}
	}
}

// A trashStore is an archive in memory.
type trashStore struct {
	mu    sync.Mutex
	files map[string][]byte
}

func newTrashStore() *trashStore { return &trashStore{files: make(map[string][]byte)} }

func (s *trashStore) Put(_ context.Context, name string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = bytes.Clone(data)
	return nil
}

func (s *trashStore) Get(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(data), nil
}

// A keptJournal keeps all that is written to it, whatever is read, until its process has died.
type keptJournal struct {
	read, all bytes.Buffer
	until     func() bool // reports whether the process has died
}

func (j *keptJournal) Read(p []byte) (int, error) { return j.read.Read(p) }

func (j *keptJournal) Write(p []byte) (int, error) {
	if j.until != nil && j.until() {
		return len(p), nil
	}
	return j.all.Write(p)
}

func (*keptJournal) Sync() error { return nil }

// reopen returns the journal as another process finds it.
func (j *keptJournal) reopen() *keptJournal {
	k := new(keptJournal)
	k.read.Write(j.all.Bytes())
	k.all.Write(j.all.Bytes())
	return k
}

var errDied = errors.New("the process died")

// A dyingTransport passes on a number of writes and then fails every request, as if the process
// had ended. With late, the registry still gets the first write of those that fail.
type dyingTransport struct {
	inner http.RoundTripper
	late  bool

	mu   sync.Mutex
	left int
	dead bool
}

func (d *dyingTransport) isDead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

func (d *dyingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	d.mu.Lock()
	isWrite := req.Method != http.MethodGet && req.Method != http.MethodHead
	last := false
	if isWrite && !d.dead {
		if d.left == 0 {
			d.dead, last = true, d.late
		}
		d.left--
	}
	dead := d.dead
	d.mu.Unlock()
	if !dead || last {
		resp, err := d.inner.RoundTrip(req)
		if !last || err != nil {
			return resp, err
		}
		_ = resp.Body.Close()
	}
	return nil, errDied
}

// sortedTags returns tags and what they point to, one a line.
func sortedTags(tags map[string]regret.Digest) string {
	var b strings.Builder
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		fmt.Fprintf(&b, "%s %s\n", tag, tags[tag])
	}
	return b.String()
}
