package cli

import (
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

const (
	stocked = "team/app"

	// removesPullRequests is a policy that removes what has only tags that begin with "pr-".
	removesPullRequests = `{"version": 1, "keep": [{"tags": "latest"}], "remove": [{"name": "pull requests", "tags": "pr-*"}],
		"limits": {"max-percent": 100, "min-left": 0}}`
)

// newStock returns a registry with three images that go by removesPullRequests, of which one has
// two tags and one is an index of two, and two images that stay.
func newStock(options ...fakeregistry.Option) *fakeregistry.Registry {
	reg := fakeregistry.New(options...)
	stock(reg)
	return reg
}

func stock(reg *fakeregistry.Registry) {
	reg.PutImage(stocked, "one", "pr-1", "pr-1-again")
	reg.PutImage(stocked, "two", "pr-2")
	reg.PutImage(stocked, "amd")
	reg.PutImage(stocked, "arm")
	reg.PutIndex(stocked, []string{"amd", "arm"}, "pr-3")
	reg.PutImage(stocked, "latest", "latest")
	reg.PutImage(stocked, "stable", "stable")
}

// planFor plans for a repository of a registry and forgets what was sent.
func planFor(t *testing.T, host string, reg *fakeregistry.Registry, repository, rules string, at time.Time) *plan.Plan {
	t.Helper()
	client, err := regret.New(host)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := policy.Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	p, err := prune.Make(t.Context(), client, repository, parsed, &prune.ReadOptions{At: at})
	if err != nil {
		t.Fatal(err)
	}
	reg.ResetLog()
	return p
}

// planFile is planFor, and writes the plan into a file.
func planFile(t *testing.T, host string, reg *fakeregistry.Registry, rules string) string {
	t.Helper()
	return planFileAt(t, host, reg, rules, "0s")
}

// planFileAt is planFile for another time than now.
func planFileAt(t *testing.T, host string, reg *fakeregistry.Registry, rules, after string) string {
	t.Helper()
	shift, err := time.ParseDuration(after)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if _, err := planFor(t, host, reg, stocked, rules, time.Now().Add(shift)).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "plan.json", b.String())
}

// digestOfFile returns the digest of the plan in a file.
func digestOfFile(t *testing.T, path string) regret.Digest {
	t.Helper()
	return mustReadPlan(t, path).Digest()
}

// removeAll removes the tags with a prefix, and what they point to, as another client does.
func removeAll(t *testing.T, reg *fakeregistry.Registry, prefix string) {
	t.Helper()
	client, err := regret.New("registry.example", regret.WithTransport(reg.OtherClient()))
	if err != nil {
		t.Fatal(err)
	}
	for tag, dgst := range reg.Tags(stocked) {
		if _, there := reg.Tag(stocked, tag); there && strings.HasPrefix(tag, prefix) {
			if err := client.DeleteManifest(t.Context(), stocked, dgst); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func must[T any](v T, ok bool) T {
	if !ok {
		panic("it is not there")
	}
	return v
}

// folder returns the path of a folder that is not there yet.
func folder(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "undo")
}

// tagsOf returns the tags of a repository.
func tagsOf(reg *fakeregistry.Registry) []string {
	return slices.Sorted(maps.Keys(reg.Tags(stocked)))
}

// filesBelow returns the names of the files in a folder, without those of blobs.
func filesBelow(t *testing.T, path string) []string {
	t.Helper()
	var names []string
	entries, err := os.ReadDir(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// A console is a terminal at which somebody types an answer.
type console struct {
	io.Reader
	question *strings.Builder
}

func (c console) Write(p []byte) (int, error) { return c.question.Write(p) }
func (c console) Close() error                { return nil }

// atTerminal returns a process at a terminal of 120 columns at which somebody types an answer to
// each question, and what it is asked.
func atTerminal(answer string) (process, *strings.Builder) {
	question := &strings.Builder{}
	return process{columns: 120, console: func(context.Context) (io.ReadWriteCloser, error) {
		return console{strings.NewReader(answer + "\n"), question}, nil
	}}, question
}
