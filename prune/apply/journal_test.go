package apply_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
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
		if status == apply.AlreadyGone && f.cascades { // then both are right
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
		"a registry that deletes children along": func(t testing.TB) *fixture {
			f := mixed(t, fakeregistry.WithCascade())
			f.cascades = true
			return f
		},
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
