package apply_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// readSummary reads a journal of these lines. {P} is the digest of the plan.
func readSummary(f *fixture, lines ...string) (*apply.JournalSummary, error) {
	text := strings.ReplaceAll(strings.Join(lines, "\n"), "{P}", string(f.plan.Digest()))
	return apply.ReadJournal(strings.NewReader(text))
}

const (
	journalBegin = `{"regret":"journal/1","plan":"{P}","at":"2026-01-31T12:00:00Z"}`
	journalEnd   = `{"end":{"started":"2026-01-31T12:00:00Z","ended":"2026-01-31T12:01:00Z"}}`
)

func TestReadJournal(t *testing.T) {
	t.Parallel()
	f := mixed(t)
	begun := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	refused := `{"result":{"step":1,"status":"refused","reason":"no","kind":"immutable"}}`
	for name, test := range map[string]struct {
		lines []string
		want  apply.JournalSummary
	}{
		"one that has just begun": {[]string{journalBegin, ""}, apply.JournalSummary{Runs: 1}},
		"steps are announced and end": {
			[]string{journalBegin, `{"tags":{"v9":"{P}"}}`, `{"intent":[0,1,2]}`, `{"result":{"step":0,"status":"deleted"}}`, refused, ""},
			apply.JournalSummary{Runs: 1, Open: []int{2}, Results: []apply.JournalResult{
				{Step: 0, Status: apply.Deleted}, {Step: 1, Status: apply.Refused, Reason: "no", Kind: regret.ErrImmutable},
			}},
		},
		"a second run has the last word": {
			[]string{journalBegin, `{"intent":[1]}`, refused, journalBegin, `{"intent":[1]}`, `{"result":{"step":1,"status":"deleted"}}`, ""},
			apply.JournalSummary{Runs: 2, Results: []apply.JournalResult{{Step: 1, Status: apply.Deleted}}},
		},
		"the last run is finished":    {[]string{journalBegin, `{"result":{"step":0,"status":"deleted"}}`, journalEnd, ""}, apply.JournalSummary{Runs: 1, Finished: true, Results: []apply.JournalResult{{Step: 0, Status: apply.Deleted}}}},
		"another has begun after one": {[]string{journalBegin, journalEnd, journalBegin, ""}, apply.JournalSummary{Runs: 2}},
		"a last line that was cut off": {
			[]string{journalBegin, `{"intent":[0]}`, `{"result":{"step":0,"sta`}, apply.JournalSummary{Runs: 1, Open: []int{0}, Torn: true},
		},
		"a line that was cut off and ended": {[]string{journalBegin, `{"intent":[0`, ""}, apply.JournalSummary{Runs: 1, Torn: true}},
		"a line that was cut off before another run": {
			[]string{journalBegin, `{"int`, journalBegin, `{"intent":[4]}`, ""}, apply.JournalSummary{Runs: 2, Open: []int{4}},
		},
		"quarantine": {[]string{strings.Replace(journalBegin, `"at"`, `"quarantine":true,"at"`, 1), ""}, apply.JournalSummary{Runs: 1, Quarantine: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readSummary(f, test.lines...)
			if err != nil {
				t.Fatal(err)
			}
			test.want.Plan, test.want.Begun = f.plan.Digest(), begun
			if diff := cmp.Diff(&test.want, got, cmpopts.IgnoreUnexported(apply.JournalSummary{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadJournalRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	f := mixed(t)
	for name, test := range map[string]struct {
		lines []string
		line  int // 0: ErrOtherPlan
	}{
		"an empty file":                    {nil, 1},
		"a first line that was cut off":    {[]string{journalBegin[:30]}, 1},
		"another file":                     {[]string{`{"regret":"report/1",`, `"registry":"registry.example"}`}, 1},
		"a text":                           {[]string{"hello", ""}, 1},
		"a later form":                     {[]string{`{"regret":"journal/2","plan":"{P}"}`, ""}, 1},
		"a plan that is no digest":         {[]string{`{"regret":"journal/1","plan":"x"}`, ""}, 1},
		"no plan":                          {[]string{`{"regret":"journal/1"}`, ""}, 1},
		"a line before the plan":           {[]string{`{"intent":[1]}`, ""}, 1},
		"a line in between":                {[]string{journalBegin, `{"int`, `{"intent":[1]}`, ""}, 2},
		"an unknown member":                {[]string{journalBegin, `{"x":1}`, `{"intent":[1]}`, ""}, 2},
		"a step below zero":                {[]string{journalBegin, `{"intent":[-1]}`, ""}, 2},
		"an unknown status":                {[]string{journalBegin, `{"result":{"step":0,"status":"shredded"}}`, ""}, 2},
		"a line without end":               {[]string{journalBegin, strings.Repeat(" ", 17<<20), ""}, 2},
		"another plan later":               {[]string{journalBegin, `{"regret":"journal/1","plan":"` + string(digest.FromString("x")) + `"}`, ""}, 0},
		"an application and a quarantine":  {[]string{journalBegin, strings.Replace(journalBegin, `"at"`, `"quarantine":true,"at"`, 1), ""}, 2},
		"a tag that points to no digest":   {[]string{journalBegin, `{"tags":{"v1":"x"}}`, ""}, 2},
		"a step that is larger than a int": {[]string{journalBegin, `{"intent":[99999999999999999999]}`, `{"intent":[1]}`, ""}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readSummary(f, test.lines...)
			e, ok := errors.AsType[*apply.JournalError](err)
			if got != nil || test.line == 0 && !errors.Is(err, apply.ErrOtherPlan) || test.line > 0 && (!ok || e.Line != test.line) {
				t.Errorf("%v, error %v", got, err)
			}
		})
	}
}

// TestReportOfAJournal compares the report of a journal with that of the run that wrote it.
func TestReportOfAJournal(t *testing.T) {
	t.Parallel()
	for name, carryOut := range map[string]func(f *fixture) (*apply.Report, error){
		"a plan that is applied": func(f *fixture) (*apply.Report, error) { return f.run() },
		"a plan for quarantine": func(f *fixture) (*apply.Report, error) {
			return apply.Quarantine(f.t.Context(), f.client, f.plan, f.store, &apply.QuarantineOptions{Options: f.options})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := mixed(t)
			f.on(0, "DELETE", string(f.digest("image")), deny(405, "REGISTRY_DISALLOWED_OPERATION"))
			journal := new(memoryJournal)
			f.options.Journal, f.options.Verify = journal, true
			want, err := carryOut(f)
			if err != nil {
				t.Fatal(err)
			}
			summary, err := apply.ReadJournal(strings.NewReader(journal.String()))
			if err != nil {
				t.Fatal(err)
			}
			got, err := summary.Report(f.plan)
			if err != nil || !summary.Finished || len(summary.Results) != len(want.Results) {
				t.Fatal(summary, err)
			}
			want.Resumed = true // it is what a resumed run returns
			for i := range want.Results {
				want.Results[i].Err = nil // it is not in the journal
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-run +journal):\n%s", diff)
			}
		})
	}
}

func TestReportOfAJournalThatIsNotFinished(t *testing.T) {
	t.Parallel()
	f := mixed(t)
	summary, err := readSummary(f, journalBegin, `{"intent":[0,1,2]}`, `{"result":{"step":0,"status":"deleted"}}`, "")
	if err != nil {
		t.Fatal(err)
	}
	report, err := summary.Report(f.plan)
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Totals().ByStatus; got[apply.Deleted] != 1 || got[apply.Unknown] != 2 || got[apply.NotAttempted] != len(f.steps())-3 {
		t.Errorf("results: %v", got)
	}
	if !strings.Contains(report.Problem, "did not get to its end") || report.Resumed || !report.Started.Equal(summary.Begun) {
		t.Errorf("report: %+v", report)
	}
}

func TestReportOfAJournalOfAnotherPlan(t *testing.T) {
	t.Parallel()
	f, other := mixed(t), twoTags(t)
	summary, err := readSummary(f, journalBegin, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := summary.Report(other.plan); !errors.Is(err, apply.ErrOtherPlan) {
		t.Errorf("error %v", err)
	}
	for _, line := range []string{`{"intent":[99]}`, `{"result":{"step":99,"status":"deleted"}}`} {
		summary, err := readSummary(f, journalBegin, line, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := summary.Report(f.plan); !errors.Is(err, apply.ErrOtherPlan) {
			t.Errorf("%s: error %v", line, err)
		}
	}
}

// FuzzReadJournal reads any journal. One that a run goes on with can be read, and its report has
// every step.
func FuzzReadJournal(f *testing.F) {
	seed := twoTags(f)
	journal := new(memoryJournal)
	seed.options.Journal, seed.options.Verify = journal, true
	seed.apply()
	text := journal.String()
	f.Add([]byte(text))
	for i := range len(text) / 50 {
		f.Add([]byte(text[:i*50]))
		f.Add([]byte(text[:i*50] + "\n" + text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		summary, err := apply.ReadJournal(strings.NewReader(string(data)))
		if err != nil {
			if _, ok := errors.AsType[*apply.JournalError](err); !ok && !errors.Is(err, apply.ErrOtherPlan) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		report, err := summary.Report(seed.plan)
		if err != nil {
			if !errors.Is(err, apply.ErrOtherPlan) {
				t.Error(err)
			}
			return
		}
		if total := report.Totals(); total.Steps != 2 || summary.Finished && total.ByStatus[apply.Unknown] > len(summary.Results) {
			t.Errorf("totals %+v of %s", total, fmt.Sprint(summary))
		}
	})
}
