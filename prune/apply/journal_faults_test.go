package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestJournalFaults lets each write and each sync of the journal fail. The run ends, takes no
// further step, and another one does the rest.
func TestJournalFaults(t *testing.T) {
	t.Parallel()
	whole := mixed(t)
	calls := new(memoryJournal)
	whole.options.Journal = calls
	want := whole.finding(whole.apply())
	for n := 1; n <= calls.calls; n++ {
		for name, written := range map[string]func(data []byte) int{
			"nothing is written":               func([]byte) int { return 0 },
			"half is written":                  func(data []byte) int { return len(data) / 2 },
			"all but the end of the last line": func(data []byte) int { return max(0, len(data)-1) },
			"all is written":                   func(data []byte) int { return len(data) },
		} {
			t.Run(fmt.Sprintf("call %d, %s", n, name), func(t *testing.T) {
				t.Parallel()
				f := mixed(t)
				var failed atomic.Bool
				late := 0
				journal := &memoryJournal{fault: func(call int, data []byte) (int, error) {
					if call >= n {
						failed.Store(true)
						return written(data), syscall.ENOSPC
					}
					return 0, nil
				}}
				f.options.Journal = journal
				f.reg.BeforeEach(func(req *http.Request) {
					if failed.Load() && req.Method == http.MethodDelete {
						late++
					}
				})
				report, err := f.run()
				if e, ok := errors.AsType[*apply.JournalError](err); failed.Load() && (!ok || e.Line != 0 || !errors.Is(err, syscall.ENOSPC)) {
					t.Errorf("error %v", err) // how many calls there are depends on what shares one
				}
				if late > 2 { // one is in flight, and one may be handed out meanwhile
					t.Errorf("%d deletions were sent after the failure", late)
				}
				if report != nil {
					f.wantReality(report)
				}
				f.options.Journal = journal.reopen()
				if diff := cmp.Diff(want, f.finding(f.apply())); diff != "" {
					t.Errorf("(-whole +resumed):\n%s", diff)
				}
			})
		}
	}
}

// TestFinishedJournal checks that a run that is in the journal whole is not carried out again.
func TestFinishedJournal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set  func(f *fixture)
		want error
	}{
		"all is well": {func(*fixture) {}, nil},
		"a step is refused": {func(f *fixture) {
			f.on(0, "DELETE", string(f.digest("image")), deny(405, "REGISTRY_DISALLOWED_OPERATION"))
		}, nil},
		"a tag is still there": {func(f *fixture) { f.on(0, "DELETE", string(f.digest("image")), fakeregistry.Answer(202, nil, "")) }, regret.ErrStillPresent},
		"a tag is lost": {func(f *fixture) {
			f.before(1, "DELETE", string(f.digest("image")), func() { f.reg.SetTag(repository, "latest", f.digest("image")) })
		}, apply.ErrLost},
		"something needed is missing": {func(f *fixture) {
			f.before(1, "DELETE", string(f.digest("image")), func() { f.list("new index", []regret.Digest{f.digest("image")}, "v9") })
		}, apply.ErrLost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := twoTags(t)
			test.set(f)
			journal := new(memoryJournal)
			f.options.Journal, f.options.Verify = journal, true
			first, err := f.run()
			if !errors.Is(err, test.want) {
				t.Errorf("error %v", err)
			}
			f.reg.ResetLog()
			f.options = apply.Options{Journal: journal.reopen(), MaxAge: 1} // it is not carried out, however old it is
			second, again := f.run()
			if fmt.Sprint(again) != fmt.Sprint(err) {
				t.Errorf("error %v, then %v", err, again)
			}
			if sent := f.reg.Requests(); len(sent) > 0 {
				t.Errorf("it sends %v", sent)
			}
			first.Resumed = true
			for i := range first.Results {
				first.Results[i].Err = nil // it is not in the journal
			}
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("report (-first +second):\n%s", diff)
			}
			if got := f.options.Journal.(*memoryJournal).String(); got != journal.String() {
				t.Errorf("the journal has changed:\n%s", got)
			}
		})
	}
}

// TestJournalsThatAreRead checks which journals of a plan can be gone on with.
func TestJournalsThatAreRead(t *testing.T) {
	t.Parallel()
	f := twoTags(t)
	header := fmt.Sprintf(`{"regret":"journal/1","plan":%q,"at":"2026-01-31T12:00:00Z"}`, f.plan.Digest())
	for name, test := range map[string]struct {
		lines []string // joined by ends of lines
		line  int      // that cannot be read; 0: all can
		want  error
	}{
		"an empty one":                 {nil, 0, nil},
		"a beginning":                  {[]string{header, ""}, 0, nil},
		"two beginnings":               {[]string{header, header, ""}, 0, nil},
		"a beginning that was cut off": {[]string{header[:30]}, 0, nil},
		"a beginning that was cut off, and a new one": {[]string{header[:30], header, ""}, 0, nil},
		"beginnings that were cut off":                {[]string{header[:30], header[:50], "", header[:20]}, 0, nil},
		"a last line that was cut off":                {[]string{header, `{"intent":[0,1]}`, `{"resu`}, 0, nil},
		"a last line without its end":                 {[]string{header, `{"intent":[0,1]}`}, 0, nil},
		"a line that was cut off before another run":  {[]string{header, `{"int`, header, `{"intent":[0]}`, ""}, 0, nil},
		"a line that was cut off, and another end":    {[]string{header, `{"int`, ""}, 0, nil},
		"a line that cannot be read in between":       {[]string{header, `{"int`, `{"intent":[0]}`, ""}, 2, nil},
		"a line of something else":                    {[]string{header, `[1]`, `{"intent":[0]}`, ""}, 2, nil},
		"a line with more than a value":               {[]string{header, `{"intent":[0]}{}`, `{"intent":[0]}`, ""}, 2, nil},
		"an unknown member":                           {[]string{header, `{"intents":[0]}`, `{"intent":[0]}`, ""}, 2, nil},
		"no beginning":                                {[]string{`{"intent":[0]}`, ""}, 1, nil},
		"another form":                                {[]string{`{"regret":"journal/2","plan":"x"}`, ""}, 1, nil},
		"another plan":                                {[]string{`{"regret":"journal/1","plan":"sha256:0123"}`, ""}, 0, apply.ErrOtherPlan},
		"another plan later":                          {[]string{header, `{"regret":"journal/1","plan":"sha256:0123"}`, ""}, 0, apply.ErrOtherPlan},
		"a step that the plan does not have":          {[]string{header, `{"intent":[2]}`, ""}, 2, nil},
		"a step below zero":                           {[]string{header, `{"intent":[-1]}`, ""}, 2, nil},
		"a result of such a step":                     {[]string{header, `{"result":{"step":7,"status":"deleted"}}`, ""}, 2, nil},
		"an unknown status":                           {[]string{header, `{"result":{"step":0,"status":"shredded"}}`, ""}, 2, nil},
		"a tag that points to nothing":                {[]string{header, `{"tags":{"v1":"sha256:0123"}}`, ""}, 2, nil},
		"a line without end":                          {[]string{header, strings.Repeat(" ", 17<<20), ""}, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := twoTags(t)
			f.options.Journal = &memoryJournal{data: []byte(strings.Join(test.lines, "\n"))}
			report, err := f.run()
			e, _ := errors.AsType[*apply.JournalError](err)
			switch {
			case test.want != nil:
				if !errors.Is(err, test.want) {
					t.Errorf("error %v", err)
				}
			case test.line > 0:
				if e == nil || e.Line != test.line {
					t.Errorf("error %v", err)
				}
			case err != nil:
				t.Fatal(err)
			default:
				f.wantStatuses(report, gone)
				return
			}
			if sent := f.reg.Requests(); len(sent) > 0 || report != nil {
				t.Errorf("it sends %v", sent)
			}
		})
	}
}

// FuzzJournal goes on with any journal. Either it is refused before anything is sent, or what the
// report says is so.
func FuzzJournal(f *testing.F) {
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
		f := twoTags(t)
		f.options.Journal = &memoryJournal{data: data}
		report, err := f.run()
		if report == nil {
			if err == nil || len(f.reg.Requests()) > 0 {
				t.Errorf("error %v, it sends %v", err, f.reg.Requests())
			}
			return
		}
		if len(report.Results) != 2 {
			t.Errorf("%d results", len(report.Results))
		}
		if !report.Resumed {
			f.wantReality(report)
		}
	})
}
