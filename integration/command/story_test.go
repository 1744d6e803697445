package command_test

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
)

// A story is a registry with releases behind a gate, and a shell with a policy for them.
type story struct {
	*shell
	*site
	gate *gate
	real registry.Server
	kind registry.Kind
	root string
}

func newStory(t *testing.T, kind registry.Kind) *story {
	t.Helper()
	s := &story{shell: newShell(t), kind: kind, root: t.TempDir()}
	s.real = kind.Start(t, registry.Setup{Root: s.root})
	s.gate = newGate(t, s.real.URL)
	s.site = newSite(s.gate.URL)
	s.releases(t)
	s.write(t, "policy.json", releasesPolicy)
	return s
}

// collect lets the registry collect garbage, and starts it again.
func (s *story) collect(t *testing.T, untagged bool) {
	t.Helper()
	if err := s.real.CollectGarbage(t, untagged, 0, app); err != nil {
		t.Fatal(err)
	}
	s.real = s.kind.Start(t, registry.Setup{Root: s.root})
	s.gate.lead(t, s.real.URL)
}

// wantNoWrites checks that nothing was to be changed since the gate was watched.
func (s *story) wantNoWrites(t *testing.T) {
	t.Helper()
	for _, request := range s.gate.watch(nil) {
		if method, _, _ := strings.Cut(request, " "); isWrite(method) {
			t.Errorf("a write was sent: %s", request)
		}
	}
}

// TestStory plans, applies, restores, applies again and lets the registry collect garbage.
func TestStory(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind     registry.Kind
		untagged bool // the collector takes manifests without a tag, too
	}{
		{registry.Distribution2(), false}, // with untagged, it takes the children of every index
		{registry.Distribution3(), true},
		{registry.Olareg(), true},
	} {
		t.Run(test.kind.Name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, test.kind)
			s.gate.watch(nil)
			planned := s.want(t, 0, "plan", s.name(), "-p", "policy.json", "--out", "plan.json")
			says(t, planned.stdout, "remove 4", "plan.json  sha256:", "1.0.0", "old releases")
			s.wantNoWrites(t)
			s.wantAll(t)

			applied := s.want(t, 0, "apply", "plan.json", "--verify")
			says(t, applied.stdout, "deleted 4", "kept images are whole", "collects its garbage")
			s.wantPruned(t)
			folder := s.undoFolder(t)
			for _, file := range []string{"plan.json", "journal.jsonl", "report.json", "index.json", "oci-layout"} {
				s.read(t, filepath.Join(folder, file))
			}

			s.gate.watch(nil)
			again := s.want(t, 0, "apply", "plan.json")
			says(t, again.stdout, "deleted 4")
			s.wantNoWrites(t)

			s.want(t, 0, "restore", folder)
			s.wantAll(t)

			s.want(t, 0, "apply", "-p", "policy.json", s.name(), "--yes", "--archive", "second")
			s.wantPruned(t)
			s.collect(t, test.untagged)
			s.wantPruned(t)
			archives, err := filepath.Glob(filepath.Join(s.folder, "second", "*"))
			if err != nil || len(archives) != 1 {
				t.Fatalf("the archives are %q, %v", archives, err)
			}
			lost := s.want(t, 3, "restore", "--dry-run", archives[0])
			says(t, lost.stdout, "lost")
			s.wantPruned(t)
		})
	}
}

// TestKilled kills apply at moments that a random number chooses, lets it go on until it is done,
// and restores everything, which is killed as well.
func TestKilled(t *testing.T) {
	t.Parallel()
	for i, kind := range kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			s := newStory(t, kind)
			s.want(t, 0, "plan", s.name(), "-p", "policy.json", "--out", "plan.json")
			killed := 0
			for range 6 {
				killed += s.runAndKill(t, 1+random.IntN(60), "apply", "plan.json", "-j", "2")
			}
			s.want(t, 0, "apply", "plan.json", "--verify")
			s.wantPruned(t)
			for range 3 {
				killed += s.runAndKill(t, 1+random.IntN(40), "restore", s.undoFolder(t), "-j", "2")
			}
			t.Logf("killed %d times", killed)
			s.want(t, 0, "restore", s.undoFolder(t))
			s.wantAll(t)
		})
	}
}

// runAndKill kills a command before its n-th request is served, and returns 1 if it got that far.
// Such a request may still be served.
func (s *story) runAndKill(t *testing.T, n int, args ...string) (killed int) {
	t.Helper()
	cmd := s.command(t, args...)
	started := make(chan *os.Process, 1)
	s.gate.watch(func(i int, _ *http.Request) {
		if i == n {
			p := <-started
			_ = p.Kill()
		}
	})
	defer s.gate.watch(nil)
	output := newWatched()
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started <- cmd.Process
	switch err := cmd.Wait(); {
	case err == nil:
		return 0
	case cmd.ProcessState.ExitCode() != -1:
		t.Fatalf("%q: %v\n%s", args, err, output)
	}
	return 1
}
