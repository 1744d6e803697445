package command_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// TestShards cleans a registry with several processes at once. What they report together is what
// one process reports that does all.
func TestShards(t *testing.T) {
	t.Parallel()
	const repositories, shards = 24, 4
	single := cleanAll(t, repositories, []string{})
	var args []string
	for i := range shards {
		args = append(args, fmt.Sprintf("%d/%d", i, shards))
	}
	together := cleanAll(t, repositories, args)
	if diff := cmp.Diff(single, together); diff != "" {
		t.Errorf("one process (-) and several (+):\n%s", diff)
	}
	if len(single) != 3*repositories {
		t.Errorf("%d results, want %d", len(single), 3*repositories)
	}
}

// cleanAll removes all pull requests of a new registry, with a process for each shard at the same
// time, or one without shards. It returns the results, each with its repository, sorted.
func cleanAll(t *testing.T, repositories int, shards []string) []string {
	t.Helper()
	fake, s := onFake(t, "distribution-3")
	for r := range repositories {
		for i := range 3 {
			tag := fmt.Sprintf("pr-%d", i)
			fake.PutImage(fmt.Sprintf("team/app-%d", r), regrettest.Image{Layers: []string{tag}}, tag)
		}
		fake.PutImage(fmt.Sprintf("team/app-%d", r), regrettest.Image{Layers: []string{"release"}}, "1.0.0")
	}
	sh := newShell(t)
	sh.write(t, "policy.json", allPullRequests)
	base := []string{"apply", "-p", "policy.json", "-R", s.host, "--yes", "-o", "jsonl"}
	calls := [][]string{base}
	if len(shards) > 0 {
		calls = nil
		for _, shard := range shards {
			calls = append(calls, append(slices.Clone(base), "--shard", shard))
		}
	}
	outputs := make([]string, len(calls))
	var running sync.WaitGroup
	for i, args := range calls {
		cmd := sh.command(t, args...)
		running.Go(func() {
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%q: %v", args, err)
			}
			outputs[i] = string(out)
		})
	}
	running.Wait()
	for r := range repositories {
		if tags := fake.Tags(fmt.Sprintf("team/app-%d", r)); len(tags) != 1 {
			t.Errorf("team/app-%d has the tags %v", r, tags)
		}
	}
	return results(t, outputs)
}

// results returns all results in reports, one a line.
func results(t *testing.T, outputs []string) (all []string) {
	t.Helper()
	busy := 0
	for _, output := range outputs {
		before := len(all)
		for _, line := range nonEmptyLines(output) {
			var report struct {
				Repository string
				Results    []struct {
					Tags           []string
					Digest, Status string
				}
			}
			if err := json.Unmarshal([]byte(line), &report); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			for _, r := range report.Results {
				all = append(all, fmt.Sprint(report.Repository, " ", r.Tags, " ", r.Digest, " ", r.Status))
			}
		}
		if len(all) > before {
			busy++
		}
	}
	if busy < min(2, len(outputs)) {
		t.Errorf("%d of %d processes had something to do", busy, len(outputs))
	}
	slices.Sort(all)
	return all
}
