package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// TestMain runs the tests, or applies a plan in a process that a test has started.
func TestMain(m *testing.M) {
	if config := os.Getenv(applierEnv); config != "" {
		if err := runApplier(config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// applierEnv is the environment variable that makes the test binary apply a plan as a process of its
// own. Its value is an applier in JSON.
const applierEnv = "REGRET_TEST_APPLY"

// An applier is a process that applies a plan, and may kill itself.
type applier struct {
	Registry string
	Folder   string // with the plan, the journal and the archive
	Kill     int    // the number of the write to journal and archive at which it kills itself; 0: none
	Half     bool   // it dies in the midst of the write, not before it
}

func (a *applier) archive() (undo.Store, error) {
	return undo.DirStore(filepath.Join(a.Folder, "undo"))
}

func (a *applier) journal() (*os.File, error) {
	return os.OpenFile(filepath.Join(a.Folder, "journal.jsonl"), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
}

func runApplier(config string) error {
	var a applier
	if err := json.Unmarshal([]byte(config), &a); err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(a.Folder, "plan.json"))
	if err != nil {
		return err
	}
	p, err := plan.Read(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	client, err := regret.New(a.Registry)
	if err != nil {
		return err
	}
	store, err := a.archive()
	if err != nil {
		return err
	}
	journal, err := a.journal()
	if err != nil {
		return err
	}
	k := &killer{applier: &a, Store: store, File: journal}
	_, err = apply.Apply(context.Background(), client, p, k, &apply.Options{Journal: k, Verify: true})
	return errors.Join(err, journal.Close())
}

// A killer kills the process at one of the writes to the journal or the archive.
type killer struct {
	*applier
	undo.Store
	*os.File

	mu sync.Mutex
	n  int
}

func (k *killer) next(half func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.n++; k.n != k.Kill {
		return
	}
	if k.Half {
		half()
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	panic(fmt.Sprint("still alive: ", err))
}

func (k *killer) Write(p []byte) (int, error) {
	k.next(func() { _, _ = k.File.Write(p[:len(p)/2]) })
	return k.File.Write(p)
}

func (k *killer) Sync() error {
	k.next(func() { _ = k.File.Sync() })
	return k.File.Sync()
}

func (k *killer) Put(ctx context.Context, name string, data []byte) error {
	k.next(func() { _ = k.Store.Put(ctx, name, data) })
	return k.Store.Put(ctx, name, data)
}

// A pruned repository has images that stay, images that go, and a plan for that.
type pruned struct {
	*fixture
	applier
	client *regret.Client
	plan   *plan.Plan
	stays  map[string]wire.Artifact // by tag
	goes   map[string]wire.Artifact
}

func newPruned(t *testing.T, f *fixture) *pruned {
	t.Helper()
	return newPrunedAt(t, f, f.Host())
}

// newPrunedAt reaches the registry of a fixture at another host.
func newPrunedAt(t *testing.T, f *fixture, host string) *pruned {
	t.Helper()
	client, err := regret.New(host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	shared := wire.OCIImage(t, "shared")
	p := &pruned{
		fixture: f, applier: applier{Registry: host, Folder: t.TempDir()}, client: client,
		stays: map[string]wire.Artifact{
			"latest": wire.OCIImage(t, "kept"),
			"v1":     wire.OCIIndex(t, shared, wire.OCIImage(t, "v1 for arm64")),
		},
		goes: map[string]wire.Artifact{
			"pr-1": wire.OCIImage(t, "pr-1"),
			"pr-2": wire.DockerImage(t, "pr-2"),
			"pr-3": wire.OCIIndex(t, shared, wire.OCIImage(t, "pr-3 for arm64")),
			"pr-4": wire.OCIIndex(t, wire.OCIImage(t, "pr-4 for amd64"), wire.OCIImage(t, "pr-4 for arm64")),
		},
	}
	for _, images := range []map[string]wire.Artifact{p.stays, p.goes} {
		for tag, a := range images {
			f.repo.Push(t, a, tag)
		}
	}
	rules, err := policy.Parse([]byte(`{"version": 1, "keep": [{"tags": "latest"}], "remove": [{"tags": "pr-*"}], "limits": {"max-percent": 100}}`))
	if err != nil {
		t.Fatal(err)
	}
	if p.plan, err = prune.Make(t.Context(), client, repository, rules, nil); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(p.Folder, "plan.json"))
	if err == nil {
		_, err = p.plan.WriteTo(file)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantWhole pulls images by plain HTTP, with all that they refer to.
func (p *pruned) wantWhole(t *testing.T, images map[string]wire.Artifact) {
	t.Helper()
	whole := &doomed{fixture: p.fixture}
	for tag, a := range images {
		whole.wantWhole(t, tag, a)
	}
}

// wantGone checks that images are gone.
func (p *pruned) wantGone(t *testing.T, images map[string]wire.Artifact) {
	t.Helper()
	for tag, a := range images {
		for _, reference := range []string{tag, a.Digest.String()} {
			if got := p.repo.Do(t, http.MethodGet, "manifests/"+reference, wire.AcceptAll()); got.Status != http.StatusNotFound {
				t.Errorf("%s is %s", reference, got)
			}
		}
	}
}

// finish goes on in this process, checks what is left by plain HTTP, and restores all of it.
func (p *pruned) finish(t *testing.T) {
	t.Helper()
	store, err := p.archive()
	if err != nil {
		t.Fatal(err)
	}
	journal, err := p.journal()
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	report, err := apply.Apply(t.Context(), p.client, p.plan, store, &apply.Options{Journal: journal, Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	// What a process had in flight when it was killed may have come after the look of the next one.
	if gone := report.Count(apply.Deleted) + report.Count(apply.AlreadyGone); gone != len(report.Results) || len(report.Survival.Missing) > 0 {
		t.Errorf("report %s", report)
	}
	p.wantWhole(t, p.stays)
	p.wantGone(t, p.goes)
	restored, err := undo.Restore(t.Context(), p.client, store, nil)
	if err != nil || !restored.IsComplete() {
		t.Errorf("restoring: %v %v", restored, err)
	}
	p.wantWhole(t, p.stays)
	p.wantWhole(t, p.goes)
}

func TestApply(t *testing.T) {
	t.Parallel()
	forEachWritableRegistry(t, func(t *testing.T, f *fixture) {
		p := newPruned(t, f)
		p.finish(t)
		t.Run("once more, and then garbage is collected", func(t *testing.T) {
			store, err := undo.DirStore(filepath.Join(t.TempDir(), "undo"))
			if err != nil {
				t.Fatal(err)
			}
			report, err := apply.Apply(t.Context(), p.client, p.plan, store, nil)
			if err != nil || report.Count(apply.Deleted) != len(report.Results) {
				t.Fatalf("error %v, report %s", err, report)
			}
			if err := p.CollectGarbage(t, false, 0, repository); err != nil {
				t.Fatal(err)
			}
			p.wantWhole(t, p.stays)
			p.wantGone(t, p.goes)
		})
	})
}

// TestApplyIsKilled kills processes at random writes, one after the other, until one gets to the end,
// and restores everything. Then it begins anew.
func TestApplyIsKilled(t *testing.T) {
	t.Parallel()
	f := newFixture(t, registry.Distribution3(), registry.Setup{})
	p := newPrunedAt(t, f, startSettling(t, f.Host()))
	for seed := range uint64(15) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			deaths := 0
			for alive := false; !alive; {
				p.Kill, p.Half = 1+random.IntN(25), random.IntN(2) == 0
				alive = p.start(t)
				deaths++
			}
			p.finish(t)
			for _, name := range []string{"journal.jsonl", "undo"} {
				if err := os.RemoveAll(filepath.Join(p.Folder, name)); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d processes", deaths)
		})
	}
}

// startSettling starts a proxy before a registry. A client that goes away ends no request that has
// reached it: distribution would delete a manifest and leave its tags, which lead nowhere then.
func startSettling(t *testing.T, host string) string {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out = r.Out.WithContext(context.WithoutCancel(r.In.Context()))
			r.Out.URL.Scheme, r.Out.URL.Host = "http", host
			r.Out.Host = r.In.Host // so that links lead to the proxy
		},
		ErrorLog: log.New(io.Discard, "", 0), // about clients that were killed
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// start runs a process that applies the plan, and reports whether it got to its end.
func (p *pruned) start(t *testing.T) bool {
	t.Helper()
	config, err := json.Marshal(p.applier)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), applierEnv+"="+string(config))
	output, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() == 1 {
		t.Fatalf("%v: %s", err, output)
	}
	return err == nil
}
