package apply_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// TestAppliedTwice applies a plan that was applied before.
func TestAppliedTwice(t *testing.T) {
	t.Parallel()
	for _, archive := range []string{"the same archive", "another archive"} {
		t.Run(archive, func(t *testing.T) {
			t.Parallel()
			f := mixed(t)
			f.apply()
			if archive == "another archive" {
				f.store = newMemoryStore()
			}
			f.image("new", "pr-9")
			f.reg.ResetLog()
			report := f.apply()
			for _, result := range report.Results {
				if result.Status != apply.AlreadyGone {
					t.Errorf("%s: %s", f.stepName(&result), result.Status)
				}
			}
			for _, sent := range f.sent("DELETE", "PUT", "POST", "PATCH") {
				if !strings.HasSuffix(sent, " 404") {
					t.Errorf("it sends %s", sent)
				}
			}
			if !f.has("new") || !f.has("kept") {
				t.Error("it deletes something else")
			}
		})
	}
}

// TestTwoAtOnce lets two clients carry out the same plan at the same time.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]fakeregistry.Option{
		"a registry by the specification":                       nil,
		"a registry that deletes what has no tags only":         {fakeregistry.WithTagsFirst()},
		"a registry that deletes manifests with their last tag": {fakeregistry.WithTagsFirst(), fakeregistry.WithLastTagDeletes()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, options...)
			f.image("kept", "latest", "old-1", "old-2")
			for i := range 30 {
				f.index(fmt.Sprint("index ", i), []string{fmt.Sprint("a", i), fmt.Sprint("b", i)}, fmt.Sprint("pr-", i), fmt.Sprint("pr-", i, "-b"))
			}
			f.makePlan(removal)
			var runs sync.WaitGroup
			reports := make([]*apply.Report, 2)
			for i := range reports {
				client := f.newClient(host, f.reg)
				runs.Go(func() {
					var err error
					if reports[i], err = apply.Apply(t.Context(), client, f.plan, newMemoryStore(), nil); err != nil {
						t.Error(err)
					}
				})
			}
			runs.Wait()
			for i := range f.steps() {
				var statuses []apply.Status
				for _, report := range reports {
					statuses = append(statuses, report.Results[i].Status)
				}
				isDone := func(s apply.Status) bool { return s == apply.Deleted || s == apply.Untagged }
				if !slices.ContainsFunc(statuses, isDone) || slices.ContainsFunc(statuses, func(s apply.Status) bool { return !isDone(s) && s != apply.AlreadyGone }) {
					t.Errorf("%s: %v", f.stepName(&reports[0].Results[i]), statuses)
				}
			}
			if diff := cmp.Diff(map[string]regret.Digest{"latest": f.digest("kept")}, f.reg.Tags(repository)); diff != "" || !f.has("kept") {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOrder checks that many steps at once keep the order of the plan.
func TestOrder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.image("kept", "latest")
	shared := []string{"shared 1", "shared 2"}
	for i := range 40 {
		name := fmt.Sprint("index ", i)
		f.companion("signature of "+name, f.index(name, append([]string{name + " a"}, shared[i%2]), fmt.Sprint("pr-", i)), ".sig")
	}
	f.makePlan(removal)
	after := make(map[string][]regret.Digest)
	for step := range f.plan.Steps() {
		after[string(step.Digest)] = step.After
	}
	f.options.Concurrency = 16
	var mu sync.Mutex
	f.reg.Intercept(0, fakeregistry.On("DELETE", manifests), func(_ http.ResponseWriter, req *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, before := range after[req.URL.Path[len(manifests):]] {
			if f.reg.HasManifest(repository, before) {
				t.Errorf("%s goes before %s", f.nameOf(req.URL.Path[len(manifests):]), f.names[before])
			}
		}
		return false
	})
	report := f.apply()
	if n := len(f.steps()); n != 40*3+2 || report.Count(apply.Deleted) != n {
		t.Errorf("%d steps:\n%s", n, report)
	}
}

// TestResultsAreStreamed checks that each result is passed on once, as it is in the report.
func TestResultsAreStreamed(t *testing.T) {
	t.Parallel()
	f := newStandard(t)
	f.on(0, "DELETE", string(f.digest("index")), deny(405, "REGISTRY_DISALLOWED_OPERATION"))
	streamed := make(map[int]apply.Result)
	f.options.Concurrency = 8
	f.options.OnResult = func(r apply.Result) {
		if _, again := streamed[r.Step]; again {
			t.Errorf("%s is passed on twice", f.stepName(&r))
		}
		streamed[r.Step] = r
	}
	report := f.apply()
	for _, result := range report.Results {
		if diff := cmp.Diff(result, streamed[result.Step], cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
			t.Errorf("%s (-report +streamed):\n%s", f.stepName(&result), diff)
		}
		if result.Action != plan.Delete {
			t.Errorf("action %s", result.Action)
		}
	}
}
