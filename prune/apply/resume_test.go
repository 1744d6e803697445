package apply_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// journalAfter returns the journal of a run that has deleted some manifests, and then died.
func (f *fixture) journalAfter(deleted []string, more ...string) *memoryJournal {
	lines := []string{fmt.Sprintf(`{"regret":"journal/1","plan":%q,"at":"2026-01-31T12:00:00Z"}`, f.plan.Digest())}
	for _, name := range deleted {
		i := slices.Index(f.steps(), name)
		lines = append(lines, fmt.Sprintf(`{"intent":[%d]}`, i), fmt.Sprintf(`{"result":{"step":%d,"status":"deleted"}}`, i))
	}
	return &memoryJournal{data: []byte(strings.Join(append(lines, more...), "\n") + "\n")}
}

// TestWhatIsBackWhenARunGoesOn pushes an index again, under its tag, after a run has deleted it and died.
// The next run leaves the parts of the index.
func TestWhatIsBackWhenARunGoesOn(t *testing.T) {
	t.Parallel()
	f := newStandard(t)
	f.options.Journal = f.journalAfter([]string{"index"}) // it was pushed again
	report, err := f.run()
	if !errors.Is(err, regret.ErrStillPresent) {
		t.Errorf("error %v", err)
	}
	f.wantStatuses(report, standard(map[string]apply.Status{"a": apply.Stale, "b": apply.Stale, "signature": apply.Stale}))
	for _, name := range []string{"index", "a", "b", "signature"} {
		if !f.has(name) {
			t.Errorf("%s is gone", name)
		}
	}
}

// TestSecondLookWhenARunGoesOn goes on when of an index only what an inner index lists is left. The look
// at the tag of the outer one comes before that, too.
func TestSecondLookWhenARunGoesOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.image("kept", "latest")
	child := f.image("child")
	f.list("outer index", []regret.Digest{f.list("inner index", []regret.Digest{child})}, "pr-1")
	f.makePlan(removal)
	f.options.Journal = f.journalAfter([]string{"outer index", "inner index"})
	f.remove("outer index")
	f.remove("inner index")
	f.before(1, "HEAD", "pr-1", func() { f.list("new index", []regret.Digest{child}, "pr-1") })
	report := f.apply()
	f.wantStatuses(report, map[string]apply.Status{"outer index": apply.Deleted, "inner index": apply.Deleted, "child": apply.Stale})
}

// TestLostTagsOfAnEarlierRun reads what an earlier run has found lost before it died. Another run looks
// for itself, and the report of that run is the one that its journal gives.
func TestLostTagsOfAnEarlierRun(t *testing.T) {
	t.Parallel()
	f := newStandard(t)
	journal := f.journalAfter(nil, fmt.Sprintf(`{"lost":{"tag":"v9","digest":%q}}`, f.digest("kept")))
	f.options.Journal = journal
	if report := f.apply(); len(report.Lost) > 0 {
		t.Errorf("lost: %v", report.Lost)
	}
	f.options.Journal = journal.reopen()
	if report := f.apply(); len(report.Lost) > 0 {
		t.Errorf("lost by the journal: %v", report.Lost)
	}
}

// TestLostTagsAreFoundByEveryRun loses a tag with the last request of a run that dies. The next run finds
// that out, and dies, too, when it has written which tags are gone, and nothing more. The one after it
// reports the tag all the same.
func TestLostTagsAreFoundByEveryRun(t *testing.T) {
	t.Parallel()
	f := newStandard(t)
	f.image("more", "v9")
	f.makePlan(removal)
	journal := f.journalAfter([]string{"index"})
	f.remove("index")
	f.remove("v9")
	journal.fault = func(_ int, data []byte) (int, error) {
		if i := bytes.Index(data, []byte(`"gone"`)); i >= 0 {
			return i + bytes.IndexByte(data[i:], '\n') + 1, errors.New("no space left")
		}
		return 0, nil
	}
	want := []apply.Lost{{Tag: "v9", Digest: f.digest("more")}}
	f.options.Journal = journal
	if report, err := f.run(); !errors.Is(err, apply.ErrLost) || !slices.Equal(report.Lost, want) {
		t.Fatalf("error %v, lost %v", err, report.Lost)
	}
	if !strings.Contains(journal.String(), `"gone"`) {
		t.Fatalf("the journal does not say what is gone:\n%s", journal)
	}
	f.options.Journal = journal.reopen()
	if report, err := f.run(); !errors.Is(err, apply.ErrLost) || !slices.Equal(report.Lost, want) {
		t.Errorf("error %v, lost %v", err, report.Lost)
	}
}

// TestLostTagThatComesBack loses a tag that one sweep misses, and that is put again before the end.
func TestLostTagThatComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.image("kept", "latest", "v1")
		for i := range 25 {
			f.image(fmt.Sprint("image ", i), fmt.Sprint("pr-", i))
		}
		f.makePlan(removal)
		deletions := 0
		f.reg.Intercept(0, fakeregistry.On(http.MethodDelete, manifests), func(_ http.ResponseWriter, req *http.Request) bool {
			time.Sleep(time.Minute)
			switch deletions++; deletions {
			case 3: // after the look, before the deletion
				f.reg.SetTag(repository, "v1", regret.Digest(req.URL.Path[len(manifests):]))
			case 15: // after the second sweep
				f.reg.SetTag(repository, "v1", f.digest("kept"))
			}
			return false
		})
		if report := f.apply(); len(report.Lost) > 0 {
			t.Errorf("lost: %v", report.Lost)
		}
	})
}
