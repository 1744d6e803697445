package apply_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// childEnv is the environment variable that makes the test binary apply a plan as a process of
// its own. Its value is a child in JSON.
const childEnv = "REGRET_TEST_APPLY"

// A child is a process that applies a plan, and may kill itself.
type child struct {
	Registry string
	Folder   string // with the plan, the journal and the archive
	Kill     int    // the number of the write, counted from 1, at which it kills itself; 0: none
	Half     bool   // it dies in the midst of the write, not before it
	Shard    int
	Shards   int // it applies plans for a share of the registry; 0: it applies one plan
}

func (c *child) journal() string { return filepath.Join(c.Folder, "journal.jsonl") }
func (c *child) archive() string { return filepath.Join(c.Folder, "archive") }

// runChild is the whole life of a child. It returns its exit code.
func runChild(config string) int {
	var c child
	err := json.Unmarshal([]byte(config), &c)
	switch {
	case err != nil:
	case c.Shards > 0:
		err = c.applyAll()
	default:
		err = c.apply()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (c *child) apply() error {
	client, err := regret.New(c.Registry)
	if err != nil {
		return err
	}
	p, err := readPlan(c.Folder)
	if err != nil {
		return err
	}
	store, err := undo.DirStore(c.archive())
	if err != nil {
		return err
	}
	journal, err := os.OpenFile(c.journal(), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	k := &killer{child: c, Store: store, File: journal}
	_, err = apply.Apply(context.Background(), client, p, k, &apply.Options{Journal: k, Concurrency: 3})
	return errors.Join(err, journal.Close())
}

// A killer kills the process at one of the writes to the journal or the archive.
type killer struct {
	*child
	undo.Store
	*os.File

	mu sync.Mutex
	n  int
}

// next counts a write. If it is the one, the process dies, after do was called if that is not nil.
func (k *killer) next(do func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.n++; k.n != k.Kill {
		return
	}
	if k.Half {
		do()
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

func readPlan(folder string) (*plan.Plan, error) {
	raw, err := os.ReadFile(filepath.Join(folder, "plan.json"))
	if err != nil {
		return nil, err
	}
	return plan.Read(bytes.NewReader(raw))
}

// A parent serves a repository over a socket, and runs children that apply a plan for it.
type parent struct {
	*fixture
	child
	before map[string]regret.Digest
}

func newParent(t *testing.T) *parent {
	t.Helper()
	p := &parent{fixture: newFixture(t)}
	server := httptest.NewServer(p.reg)
	t.Cleanup(server.Close)
	p.Registry, p.Folder = server.URL, t.TempDir()
	client, err := regret.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	p.client = client
	p.image("kept", "latest", "old-1", "old-2")
	p.image("image", "pr-1", "pr-2")
	p.companion("signature", p.index("index", []string{"a", "b"}, "pr-3"), ".sig")
	p.fixture.plan = p.planOf(removal, func(o *prune.ReadOptions) { o.At = p.now() })
	p.before = p.reg.Tags(repository)
	file, err := os.Create(filepath.Join(p.Folder, "plan.json"))
	if err == nil {
		_, err = p.fixture.plan.WriteTo(file)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start starts a child.
func (p *parent) start() *exec.Cmd {
	p.t.Helper()
	config, err := json.Marshal(p.child)
	if err != nil {
		p.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+string(config))
	cmd.Stderr = new(bytes.Buffer)
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return cmd
}

// wantWhole goes on in this process, and checks that nothing is missing from the work, and that
// all of it can be undone.
func (p *parent) wantWhole() {
	p.t.Helper()
	store, err := undo.DirStore(p.archive())
	if err != nil {
		p.t.Fatal(err)
	}
	journal, err := os.OpenFile(p.journal(), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer journal.Close()
	report, err := apply.Apply(p.t.Context(), p.client, p.fixture.plan, store, &apply.Options{Journal: journal, Verify: true})
	if err != nil {
		p.t.Fatal(err)
	}
	p.wantStatuses(report, mixedResults)
	if diff := cmp.Diff(map[string]regret.Digest{"latest": p.digest("kept")}, p.reg.Tags(repository)); diff != "" {
		p.t.Errorf("tags (-want +got):\n%s", diff)
	}
	restored, err := undo.Restore(p.t.Context(), p.client, store, nil)
	if err != nil || !restored.IsComplete() {
		p.t.Errorf("restoring: %v %v", restored, err)
	}
	if diff := cmp.Diff(p.before, p.reg.Tags(repository)); diff != "" {
		p.t.Errorf("restored tags (-want +got):\n%s", diff)
	}
}

// TestKilledAtAWrite kills a process at each write to the journal and the archive: before it, or in
// the midst of it.
func TestKilledAtAWrite(t *testing.T) {
	t.Parallel()
	for n := range countWrites(t) {
		for _, half := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, half %t", n+1, half), func(t *testing.T) {
				t.Parallel()
				p := newParent(t)
				p.Kill, p.Half = n+1, half
				cmd := p.start()
				if err := cmd.Wait(); err != nil && cmd.ProcessState.Exited() && cmd.ProcessState.ExitCode() == 1 {
					t.Fatalf("%v: %s", err, cmd.Stderr)
				}
				p.wantWhole()
			})
		}
	}
}

// countWrites returns how many writes there are if nothing is killed. How many entries of the
// journal share one depends on how fast things are.
func countWrites(t *testing.T) int {
	t.Helper()
	p := newParent(t)
	store, err := undo.DirStore(p.archive())
	if err != nil {
		t.Fatal(err)
	}
	journal, err := os.OpenFile(p.journal(), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	k := &killer{child: &p.child, Store: store, File: journal}
	if _, err := apply.Apply(t.Context(), p.client, p.fixture.plan, k, &apply.Options{Journal: k, Concurrency: 3}); err != nil {
		t.Fatal(err)
	}
	return k.n
}

// TestKilledAnywhere kills processes at random requests, one after the other, until one gets to the
// end.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 0))
			p := newParent(t)
			for alive := false; !alive; {
				var mu sync.Mutex
				left, kill := 1+random.IntN(40), func() {}
				p.reg.BeforeEach(func(*http.Request) {
					mu.Lock()
					defer mu.Unlock()
					if left--; left == 0 {
						kill()
					}
				})
				mu.Lock()
				cmd := p.start()
				kill = func() { _ = cmd.Process.Kill() }
				mu.Unlock()
				err := cmd.Wait()
				alive = err == nil
				if err != nil && cmd.ProcessState.Exited() && cmd.ProcessState.ExitCode() == 1 {
					t.Fatalf("%v: %s", err, cmd.Stderr)
				}
			}
			p.reg.BeforeEach(nil)
			p.wantWhole()
		})
	}
}
