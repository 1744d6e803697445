package apply_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

func TestJournalOnPaper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := twoTags(t)
		f.on(0, "DELETE", string(f.digest("image")), deny(405, "REGISTRY_DISALLOWED_OPERATION"))
		f.image("new", "v9")
		f.removeTag("pr-3")
		journal := new(memoryJournal)
		f.options.Journal = journal
		report := f.apply()
		reason, err := json.Marshal(f.resultOf(report, "image").Reason)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Join([]string{
			fmt.Sprintf(`{"regret":"journal/1","plan":%q,"at":"2000-01-01T00:00:00Z"}`, f.plan.Digest()),
			fmt.Sprintf(`{"tags":{"v9":%q}}`, f.digest("new")),
			`{"gone":["pr-3"]}`,
			`{"intent":[0,1]}`,
			fmt.Sprintf(`{"result":{"step":0,"status":"refused","reason":%s,"kind":"immutable"}}`, reason),
			`{"result":{"step":1,"status":"deleted"}}`,
			`{"end":{"started":"2000-01-01T00:00:00Z","ended":"2000-01-01T00:00:00Z"}}`,
		}, "\n") + "\n"
		if diff := cmp.Diff(want, journal.String()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
	})
}

// TestIntentsComeFirst checks that every step is in the journal, durably, before it is taken.
func TestIntentsComeFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.image("kept", "latest")
	for i := range 700 {
		f.image(fmt.Sprint("image ", i), fmt.Sprint("pr-", i))
	}
	f.makePlan(removal)
	steps := make(map[string]int)
	for step := range f.plan.Steps() {
		steps[manifests+string(step.Digest)] = len(steps)
	}
	journal := &syncedJournal{announced: make(map[int]bool)}
	f.options.Journal, f.options.Concurrency = journal, 8
	f.reg.BeforeEach(func(req *http.Request) {
		if req.Method == http.MethodDelete && !journal.announces(steps[req.URL.Path]) {
			t.Errorf("step %d is taken without notice", steps[req.URL.Path])
		}
	})
	if report := f.apply(); report.Count(apply.Deleted) != 700 {
		t.Errorf("report %s", report)
	}
	if journal.syncs > 20 {
		t.Errorf("%d syncs for 700 steps", journal.syncs)
	}
}

// A syncedJournal knows which part of it is durable.
type syncedJournal struct {
	memoryJournal
	synced, syncs int
	parsed        int // by announces
	announced     map[int]bool
}

func (j *syncedJournal) Sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.synced = len(j.data)
	j.syncs++
	return nil
}

// announces reports whether a step is announced durably.
func (j *syncedJournal) announces(step int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(string(j.data[j.parsed:j.synced])) {
		var entry struct{ Intent []int }
		if json.Unmarshal([]byte(line), &entry) == nil {
			for _, i := range entry.Intent {
				j.announced[i] = true
			}
		}
	}
	j.parsed = j.synced
	return j.announced[step]
}

// crash returns the journal as another process finds it if this one has died: with all that was
// written, only with what was synced, or with half of the rest.
func (j *syncedJournal) crash(how string) *syncedJournal {
	j.mu.Lock()
	defer j.mu.Unlock()
	end := len(j.data)
	switch how {
	case "synced":
		end = j.synced
	case "torn":
		end = j.synced + (end-j.synced)/2
	}
	return &syncedJournal{memoryJournal: memoryJournal{data: slices.Clone(j.data[:end])}}
}

// A mortal is a transport whose process dies at a request: before it is served or after.
type mortal struct {
	inner http.RoundTripper
	late  bool

	mu   sync.Mutex
	left int // requests until then
}

func (m *mortal) RoundTrip(req *http.Request) (*http.Response, error) {
	m.mu.Lock()
	m.left--
	left := m.left
	m.mu.Unlock()
	if left > 0 || left == 0 && m.late {
		resp, err := m.inner.RoundTrip(req)
		if left > 0 || err != nil {
			return resp, err
		}
		_ = resp.Body.Close()
	}
	return nil, errDied
}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left <= 0
}

// A sameJournal stops being written when the process has died.
type sameJournal struct {
	*syncedJournal
	isDead func() bool
}

func (j sameJournal) Write(p []byte) (int, error) {
	if j.isDead() {
		return 0, errDied
	}
	return j.syncedJournal.Write(p)
}

func (j sameJournal) Sync() error {
	if j.isDead() {
		return errDied
	}
	return j.syncedJournal.Sync()
}

// A finding is what two runs must have in common: what a report says, and what is left.
type finding struct {
	Results   []string
	Lost      []apply.Lost
	Left      []apply.Remnant
	Survival  *apply.Survival
	Tags      map[string]regret.Digest
	Manifests []string
}

func (f *fixture) finding(r *apply.Report) finding {
	found := finding{Lost: r.Lost, Left: r.StillPresent, Survival: r.Survival, Tags: f.reg.Tags(repository)}
	for i := range r.Results {
		result := &r.Results[i]
		status := result.Status
		if status == apply.AlreadyGone { // where a registry deletes children along, both are right
			status = apply.Deleted
		}
		found.Results = append(found.Results, fmt.Sprintf("%s: %s %s", f.stepName(result), status, result.Kind))
	}
	for dgst, name := range f.names {
		if f.reg.HasManifest(repository, dgst) {
			found.Manifests = append(found.Manifests, name)
		}
	}
	slices.Sort(found.Manifests)
	return found
}

// TestResume lets the process die at each request of a run, and goes on: what comes of that is what
// comes of a run that was not interrupted.
func TestResume(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(t testing.TB) *fixture{
		"a registry by the specification":               func(t testing.TB) *fixture { return mixed(t) },
		"a registry that deletes what has no tags only": func(t testing.TB) *fixture { return mixed(t, fakeregistry.WithTagsFirst()) },
		"a registry that deletes manifests with their last tag": func(t testing.TB) *fixture {
			return mixed(t, fakeregistry.WithTagsFirst(), fakeregistry.WithLastTagDeletes())
		},
		"a registry that deletes children along": func(t testing.TB) *fixture { return mixed(t, fakeregistry.WithCascade()) },
		"an image that is refused after its tags": func(t testing.TB) *fixture {
			f := mixed(t, fakeregistry.WithTagsFirst())
			f.on(0, "DELETE", string(f.digest("image")), func(w http.ResponseWriter, req *http.Request) bool {
				return len(f.tagsOf("image")) == 0 && deny(405, "REGISTRY_DISALLOWED_OPERATION")(w, req)
			})
			return f
		},
		"an index that is refused": func(t testing.TB) *fixture {
			f := mixed(t)
			f.on(0, "DELETE", string(f.digest("index")), deny(400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE"))
			return f
		},
		"an image that something needs by now": func(t testing.TB) *fixture {
			f := mixed(t)
			f.list("new index", []regret.Digest{f.digest("a")}, "v9")
			return f
		},
		"a tag that stays in the list": func(t testing.TB) *fixture { return mixed(t, fakeregistry.WithTagsLeft()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := build(t)
			whole.options.Journal, whole.options.Verify = new(memoryJournal), true
			report, wholeErr := whole.run()
			want := whole.finding(report)
			for i, req := range whole.reg.Requests() {
				isWrite := req.Method == http.MethodDelete || req.Method == http.MethodPut
				for j, how := range []string{"all", "synced", "torn"} {
					for _, late := range []bool{false, true} {
						if !isWrite && (late || i%3 != j) {
							continue // a read has no effect, so that one of these will do
						}
						f, err := dieAndResume(t, build, i+1, late, how)
						if fmt.Sprint(err) != fmt.Sprint(wholeErr) || f == nil {
							t.Errorf("request %d, late %t, journal %s: error %v, want %v", i+1, late, how, err, wholeErr)
						} else if diff := cmp.Diff(want, *f); diff != "" {
							t.Errorf("request %d, late %t, journal %s (-whole +resumed):\n%s", i+1, late, how, diff)
						}
					}
				}
			}
		})
	}
}

// dieAndResume lets the process die at a request, and goes on with what is left of the journal.
func dieAndResume(t *testing.T, build func(t testing.TB) *fixture, at int, late bool, how string) (*finding, error) {
	t.Helper()
	f := build(t)
	m := &mortal{inner: f.reg, late: late, left: at}
	journal := new(syncedJournal)
	f.options.Journal, f.options.Verify = sameJournal{journal, m.isDead}, true
	alive := f.client
	f.client = f.newClient(host, m)
	_, _ = f.run()
	f.client = alive
	f.options.Journal = journal.crash(how)
	report, err := f.run()
	if report == nil {
		return nil, err
	}
	found := f.finding(report)
	return &found, err
}

// tagsOf returns the tags that point to a manifest.
func (f *fixture) tagsOf(name string) (tags []string) {
	for tag, dgst := range f.reg.Tags(repository) {
		if dgst == f.digest(name) {
			tags = append(tags, tag)
		}
	}
	return tags
}

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
