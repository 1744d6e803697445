package apply_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// newRegistry returns a registry with repositories of different sizes, of which every third has
// nothing that goes.
func newRegistry(repositories int) *fakeregistry.Registry {
	reg := fakeregistry.New()
	for i := range repositories {
		name := fmt.Sprintf("team/app-%02d", i)
		reg.PutImage(name, "kept", "latest")
		for j := range i % 3 {
			reg.PutIndex(name, []string{fmt.Sprint("a", j), fmt.Sprint("b", j)}, fmt.Sprint("pr-", j))
		}
	}
	return reg
}

// plansOf makes plans for a share of the repositories of a registry.
func plansOf(ctx context.Context, client *regret.Client, shard, shards int) (iter.Seq2[*plan.Plan, error], error) {
	rules, err := policy.Parse([]byte(removal))
	if err != nil {
		return nil, err
	}
	mine := func(yield func(string, error) bool) {
		for repository, err := range client.Repositories(ctx) {
			if (err != nil || prune.Shard(repository, shards) == shard) && !yield(repository, err) {
				return
			}
		}
	}
	return prune.MakeAll(ctx, client, mine, rules, nil), nil
}

// inMemory returns a new archive for each plan.
func inMemory(*plan.Plan) (undo.Store, error) { return newMemoryStore(), nil }

// collectAll carries out plans, and returns how the steps of each repository ended.
func collectAll(t *testing.T, reports iter.Seq2[*apply.Report, error]) (results map[string][]string, failures []error) {
	t.Helper()
	results = make(map[string][]string)
	for report, err := range reports {
		if err != nil {
			failures = append(failures, err)
		}
		if report == nil {
			continue
		}
		results[report.Repository] = []string{}
		for _, result := range report.Results {
			results[report.Repository] = append(results[report.Repository], fmt.Sprint(result.Digest, " ", result.Status))
		}
	}
	return results, failures
}

func newClientOf(t testing.TB, reg *fakeregistry.Registry) *regret.Client {
	t.Helper()
	client, err := regret.New(host, regret.WithTransport(reg), regret.WithRetries(regret.Retries{}))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func allPlans(t testing.TB, client *regret.Client) iter.Seq2[*plan.Plan, error] {
	t.Helper()
	plans, err := plansOf(t.Context(), client, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return plans
}

func TestAll(t *testing.T) {
	t.Parallel()
	reg := newRegistry(6)
	client := newClientOf(t, reg)
	var archived []string
	results, failures := collectAll(t, apply.All(t.Context(), client, allPlans(t, client), func(p *plan.Plan) (undo.Store, error) {
		archived = append(archived, p.Header().Repository)
		return newMemoryStore(), nil
	}, nil))
	if len(failures) > 0 {
		t.Fatal(failures)
	}
	if diff := cmp.Diff([]string{"team/app-01", "team/app-02", "team/app-04", "team/app-05"}, archived); diff != "" {
		t.Errorf("archives (-want +got):\n%s", diff)
	}
	for i := range 6 {
		name := fmt.Sprintf("team/app-%02d", i)
		if n := len(results[name]); n != i%3*3 {
			t.Errorf("%s has %d results", name, n)
		}
		if tags := reg.Tags(name); len(tags) != 1 {
			t.Errorf("%s still has %v", name, tags)
		}
	}
}

func TestErrorsOfOneRepositoryDoNotEndTheOthers(t *testing.T) {
	t.Parallel()
	reg := newRegistry(9)
	client := newClientOf(t, reg)
	reg.Intercept(0, fakeregistry.On("DELETE", "/v2/team/app-01/"), deny(403, "DENIED"))
	reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app-02/tags/list"), unavailable)
	results, failures := collectAll(t, apply.All(t.Context(), client, allPlans(t, client), func(p *plan.Plan) (undo.Store, error) {
		if p.Header().Repository == "team/app-04" {
			return nil, fs.ErrPermission
		}
		return newMemoryStore(), nil
	}, nil))
	var failed []string
	for _, err := range failures {
		e, ok := errors.AsType[*prune.RepositoryError](err)
		if !ok {
			t.Fatalf("error %v", err)
		}
		failed = append(failed, e.Repository)
	}
	if diff := cmp.Diff([]string{"team/app-01", "team/app-02", "team/app-04"}, failed); diff != "" {
		t.Fatalf("failures (-want +got):\n%s", diff)
	}
	for i, target := range []error{apply.ErrStopped, regret.ErrUnavailable, fs.ErrPermission} {
		if !errors.Is(failures[i], target) || !strings.HasPrefix(failures[i].Error(), failed[i]+": ") {
			t.Errorf("error %v, want %v", failures[i], target)
		}
	}
	for _, name := range []string{"team/app-05", "team/app-07", "team/app-08"} {
		for _, result := range results[name] {
			if !strings.HasSuffix(result, " deleted") {
				t.Errorf("%s: %s", name, result)
			}
		}
	}
	if len(results["team/app-01"]) != 3 || results["team/app-04"] != nil {
		t.Errorf("results %v", results)
	}
}

func TestAllEndsEarly(t *testing.T) {
	t.Parallel()
	t.Run("when the caller has enough", func(t *testing.T) {
		t.Parallel()
		reg := newRegistry(9)
		client := newClientOf(t, reg)
		for report, err := range apply.All(t.Context(), client, allPlans(t, client), inMemory, nil) {
			if err != nil || report.Count(apply.Deleted) > 0 {
				break
			}
		}
		if len(reg.Tags("team/app-01")) != 1 || len(reg.Tags("team/app-02")) != 3 {
			t.Error("it has gone on")
		}
	})
	t.Run("when the context ends", func(t *testing.T) {
		t.Parallel()
		reg := newRegistry(9)
		client := newClientOf(t, reg)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		for _, err := range apply.All(ctx, client, allPlans(t, client), inMemory, nil) {
			if n++; n == 2 {
				cancel()
			}
			if n > 2 && !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		}
		if n > 3 {
			t.Errorf("%d reports", n)
		}
	})
	t.Run("if it is given what is of one plan", func(t *testing.T) {
		t.Parallel()
		reg := newRegistry(3)
		client := newClientOf(t, reg)
		for _, o := range []*apply.AllOptions{
			{Options: apply.Options{Journal: new(memoryJournal)}}, {Options: apply.Options{Expect: digestOf("a")}},
		} {
			n := 0
			for report, err := range apply.All(t.Context(), client, allPlans(t, client), inMemory, o) {
				if n++; err == nil || report != nil || n > 1 {
					t.Errorf("report %v, error %v", report, err)
				}
			}
		}
		if writes := reg.Writes(); len(writes) > 0 {
			t.Errorf("it sends %v", writes)
		}
	})
}

// A closingJournal notes that it was closed.
type closingJournal struct {
	memoryJournal
	closed bool
	err    error
}

func (j *closingJournal) Close() error { j.closed = true; return j.err }

func TestJournalsOfAll(t *testing.T) {
	t.Parallel()
	reg := newRegistry(6)
	client := newClientOf(t, reg)
	journals := make(map[string]*closingJournal)
	o := &apply.AllOptions{Journals: func(p *plan.Plan) (apply.Journal, error) {
		switch name := p.Header().Repository; name {
		case "team/app-04":
			return nil, fs.ErrPermission
		default:
			journals[name] = new(closingJournal)
			if name == "team/app-05" {
				journals[name].err = fs.ErrClosed
			}
			return journals[name], nil
		}
	}}
	_, failures := collectAll(t, apply.All(t.Context(), client, allPlans(t, client), inMemory, o))
	if len(failures) != 2 || !errors.Is(failures[0], fs.ErrPermission) || !errors.Is(failures[1], fs.ErrClosed) {
		t.Errorf("errors %v", failures)
	}
	if len(journals) != 3 {
		t.Errorf("journals of %v", journals)
	}
	for name, journal := range journals {
		if !journal.closed || !strings.Contains(journal.String(), `{"end":`) {
			t.Errorf("%s: closed %t\n%s", name, journal.closed, journal)
		}
	}
	if tags := reg.Tags("team/app-04"); len(tags) != 2 {
		t.Errorf("without a journal, it has deleted something: %v", tags)
	}
}

// TestMemoryOfAll carries out plans for many repositories, and looks whether memory grows.
func TestMemoryOfAll(t *testing.T) {
	reg := fakeregistry.New(fakeregistry.WithoutLog())
	const repositories, images = 60, 20
	for i := range repositories {
		for j := range images {
			reg.PutImage(fmt.Sprintf("team/app-%02d", i), fmt.Sprint("image ", j), fmt.Sprint("pr-", j))
		}
		reg.PutImage(fmt.Sprintf("team/app-%02d", i), "kept", "latest")
	}
	client := newClientOf(t, reg)
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	var early uint64
	n := 0
	for report, err := range apply.All(t.Context(), client, allPlans(t, client), inMemory, nil) {
		if err != nil || report.Count(apply.Deleted) != images {
			t.Fatal(report, err)
		}
		if n++; n == 10 {
			early = heap()
		}
	}
	if late := heap(); n != repositories || late > early+1<<20 {
		t.Errorf("%d bytes after 10 repositories, %d after %d", early, late, n)
	}
}

// applyAll is the life of a child that applies plans for a share of a registry.
func (c *child) applyAll() error {
	ctx := context.Background()
	client, err := regret.New(c.Registry)
	if err != nil {
		return err
	}
	plans, err := plansOf(ctx, client, c.Shard, c.Shards)
	if err != nil {
		return err
	}
	archive := func(p *plan.Plan) (undo.Store, error) {
		return undo.DirStore(filepath.Join(c.archive(), p.Digest().Encoded()))
	}
	for report, err := range apply.All(ctx, client, plans, archive, nil) {
		if err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(c.Folder, strings.ReplaceAll(report.Repository, "/", "_")+".report"))
		if err != nil {
			return err
		}
		_, err = report.WriteTo(file)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// TestShards spreads a registry over several processes. Together, their reports are those of one.
func TestShards(t *testing.T) {
	t.Parallel()
	const repositories, shards = 30, 3
	alone := newRegistry(repositories)
	client := newClientOf(t, alone)
	want, failures := collectAll(t, apply.All(t.Context(), client, allPlans(t, client), inMemory, nil))
	if len(failures) > 0 {
		t.Fatal(failures)
	}
	var totals apply.Totals
	shared := newRegistry(repositories)
	server := httptest.NewServer(shared)
	defer server.Close()
	p := &parent{fixture: &fixture{t: t}, child: child{Registry: server.URL, Folder: t.TempDir(), Shards: shards}}
	var running []func() error
	for p.Shard = range shards {
		running = append(running, p.start().Wait)
	}
	for _, wait := range running {
		if err := wait(); err != nil {
			t.Fatal(err)
		}
	}
	got := make(map[string][]string)
	files, err := filepath.Glob(filepath.Join(p.Folder, "*.report"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var report apply.Report
		if err := json.Unmarshal(raw, &report); err != nil {
			t.Fatal(err)
		}
		got[report.Repository] = []string{}
		for _, result := range report.Results {
			got[report.Repository] = append(got[report.Repository], fmt.Sprint(result.Digest, " ", result.Status))
		}
		totals = totals.Add(report.Totals())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-one process +several):\n%s", diff)
	}
	steps := 0
	for name, results := range want {
		steps += len(results)
		if diff := cmp.Diff(alone.Tags(name), shared.Tags(name)); diff != "" {
			t.Errorf("tags of %s (-one process +several):\n%s", name, diff)
		}
	}
	if totals.Steps != steps || totals.ByStatus[apply.Deleted] != steps {
		t.Errorf("totals %+v, want %d steps", totals, steps)
	}
}
