package apply_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// withInUse is the policy of the fixtures with an in-use list.
const withInUse = `{"version": 1,
	"keep":   [{"name": "in use", "file": "running.txt", "max-age": "24h"}],
	"remove": [{"name": "pull requests", "tags": "pr-*"}, {"name": "old", "tags": "old-*", "untag": true}],
	"limits": {"max-percent": 100, "min-left": 0}}`

// inUse returns an in-use list of the policy withInUse.
func inUse(t testing.TB, made time.Time, lines ...string) *policy.InUse {
	t.Helper()
	return inUseOf(t, "running.txt", made, lines...)
}

func inUseOf(t testing.TB, name string, made time.Time, lines ...string) *policy.InUse {
	t.Helper()
	list, err := policy.ParseInUse(name, strings.NewReader(strings.Join(lines, "\n")), made)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func planWith(lists ...*policy.InUse) func(*prune.ReadOptions) {
	return func(o *prune.ReadOptions) { o.InUse = lists }
}

// TestRefusedPlans checks that plans that must not be carried out are refused before anything
// is sent.
func TestRefusedPlans(t *testing.T) {
	t.Parallel()
	isInUseError := func(detail policy.InUseDetail) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*policy.InUseError](err)
			return ok && e.Detail == detail
		}
	}
	is := func(target error) func(error) bool {
		return func(err error) bool { return errors.Is(err, target) }
	}
	isJournalError := func(line int) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*apply.JournalError](err)
			return ok && e.Line == line
		}
	}
	for name, test := range map[string]struct {
		set  func(f *fixture)
		want func(error) bool
	}{
		"a plan for another registry": {func(f *fixture) {
			f.client = f.newClient("other.example", f.reg)
		}, is(apply.ErrOtherRegistry)},
		"a plan that was not expected": {func(f *fixture) {
			f.options.Expect = "sha256:" + regret.Digest(strings.Repeat("a", 64))
		}, is(apply.ErrUnexpected)},
		"a plan that is too old": {func(f *fixture) {
			f.options.MaxAge = time.Hour
			time.Sleep(time.Hour + 2*time.Second)
		}, is(apply.ErrTooOld)},
		"a plan whose in-use list has expired": {func(f *fixture) {
			f.makePlan(withInUse, planWith(inUse(f.t, time.Now(), host+"/team/app:latest")))
			time.Sleep(24*time.Hour + time.Second)
		}, is(apply.ErrInUseExpired)},
		"a newer in-use list that has expired, too": {func(f *fixture) {
			f.makePlan(withInUse, planWith(inUse(f.t, time.Now(), host+"/team/app:latest")))
			f.options.InUse = []*policy.InUse{inUse(f.t, time.Now().Add(time.Minute), host+"/team/app:latest")}
			time.Sleep(25 * time.Hour)
		}, is(apply.ErrInUseExpired)},
		"a newer in-use list that names no registry of ours": {func(f *fixture) {
			f.makePlan(withInUse, planWith(inUse(f.t, time.Now(), host+"/team/app:latest")))
			f.options.InUse = []*policy.InUse{inUse(f.t, time.Now(), "other.example/app:1")}
		}, isInUseError(policy.InUseForeign)},
		"an in-use list that no rule names": {func(f *fixture) {
			f.options.InUse = []*policy.InUse{inUse(f.t, time.Now(), host+"/team/app:latest")}
		}, isInUseError(policy.InUseForeign)},
		"an in-use list that is nil": {func(f *fixture) {
			f.options.InUse = []*policy.InUse{nil}
		}, isInUseError(policy.InUseForeign)},
		"the journal of another plan": {func(f *fixture) {
			other := newFixture(f.t)
			other.image("other", "pr-9")
			other.makePlan(removal)
			journal := new(memoryJournal)
			other.options.Journal = journal
			other.apply()
			f.options.Journal = journal.reopen()
		}, is(apply.ErrOtherPlan)},
		"a journal of quarantine": {func(f *fixture) {
			journal := new(memoryJournal)
			other := newFixture(f.t)
			other.image("kept", "latest")
			other.image("image", "pr-1")
			if _, err := apply.Quarantine(f.t.Context(), other.client, f.plan, other.store, &apply.QuarantineOptions{Options: apply.Options{Journal: journal}}); err != nil {
				f.t.Fatal(err)
			}
			f.options.Journal = journal.reopen()
		}, is(apply.ErrOtherPlan)},
		"a journal that is none": {func(f *fixture) {
			f.options.Journal = &memoryJournal{data: []byte("dear diary\nit rains\n")}
		}, isJournalError(1)},
		"a journal that is none, without an end of line": {func(f *fixture) {
			f.options.Journal = &memoryJournal{data: []byte("dear diary")}
		}, isJournalError(1)},
		"a journal that cannot be read": {func(f *fixture) {
			f.options.Journal = unreadable{}
		}, isJournalError(1)},
		"a journal that cannot be written": {func(f *fixture) {
			f.options.Journal = &memoryJournal{fault: func(int, []byte) (int, error) { return 0, syscall.EBADF }}
		}, isJournalError(0)},
		"a journal on a disk that is full": {func(f *fixture) {
			f.options.Journal = &memoryJournal{fault: func(_ int, data []byte) (int, error) { return len(data) / 2, syscall.ENOSPC }}
		}, is(syscall.ENOSPC)},
		"the archive of another plan": {func(f *fixture) {
			other := newFixture(f.t)
			other.image("other", "pr-9")
			other.makePlan(removal)
			other.apply()
			f.store = other.store
		}, is(undo.ErrOtherPlan)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.image("kept", "latest")
				f.image("image", "pr-1")
				f.makePlan(removal)
				test.set(f)
				f.reg.ResetLog()
				report, err := f.run()
				if !test.want(err) || report != nil {
					t.Errorf("report %v, error %v", report, err)
				}
				if sent := f.reg.Requests(); len(sent) > 0 {
					t.Errorf("it sends %v", sent)
				}
			})
		})
	}
	t.Run("there is no archive", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("image", "pr-1")
		f.makePlan(removal)
		if _, err := apply.Apply(t.Context(), f.client, f.plan, nil, nil); err == nil || len(f.reg.Requests()) > 0 {
			t.Errorf("error %v, it sends %v", err, f.reg.Requests())
		}
	})
}

// unreadable is a journal that is opened for writing only.
type unreadable struct{}

func (unreadable) Read([]byte) (int, error) { return 0, syscall.EBADF }

func (unreadable) Write(p []byte) (int, error) { return len(p), nil }

func (unreadable) Sync() error { return nil }

// TestExpectedPlans checks that plans in order are carried out under the same conditions.
func TestExpectedPlans(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(f *fixture){
		"the digest that was expected": func(f *fixture) { f.options.Expect = f.plan.Digest() },
		"a plan as old as allowed": func(f *fixture) {
			f.options.MaxAge = time.Hour
			time.Sleep(time.Until(f.plan.Header().At.Add(time.Hour)))
		},
		"an in-use list on its last second": func(f *fixture) {
			f.makePlan(withInUse, planWith(inUse(f.t, time.Now(), host+"/team/app:latest")))
			time.Sleep(24 * time.Hour)
		},
		"an expired in-use list and a newer one": func(f *fixture) {
			f.makePlan(withInUse, planWith(inUse(f.t, time.Now(), host+"/team/app:latest")))
			time.Sleep(48 * time.Hour)
			f.options.InUse = []*policy.InUse{inUse(f.t, time.Now(), host+"/team/app:latest")}
		},
		"another name of the same registry": func(f *fixture) {
			f.client = f.newClient("https://"+host+"/", f.reg)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.image("kept", "latest")
				f.image("image", "pr-1")
				f.makePlan(removal)
				set(f)
				f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Deleted})
			})
		})
	}
}

func TestNothingToDo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.image("kept", "latest")
	f.makePlan(removal)
	journal := new(memoryJournal)
	f.options.Journal = journal
	for range 2 {
		report := f.apply()
		if len(report.Results) > 0 || report.Ended.IsZero() || report.Problem != "" {
			t.Errorf("report %+v", report)
		}
		f.options.Journal = journal.reopen()
	}
	if sent := f.reg.Requests(); len(sent)+len(f.store.files) > 0 {
		t.Errorf("it sends %v, and archives %v", sent, f.store.files)
	}
	t.Run("what is to be verified is verified", func(t *testing.T) {
		f.options = apply.Options{Verify: true}
		report := f.apply()
		if diff := cmp.Diff(&apply.Survival{Images: 1, Manifests: 1, Blobs: 2}, report.Survival); diff != "" {
			t.Errorf("survival (-want +got):\n%s", diff)
		}
		f.wantWrites()
	})
}

// TestArchiveComesFirst lets every file of the archive fail in turn: then nothing is deleted.
func TestArchiveComesFirst(t *testing.T) {
	t.Parallel()
	build := func(t *testing.T) *fixture {
		f := newFixture(t)
		f.image("kept", "latest")
		f.image("image", "pr-1")
		f.index("index", []string{"a", "b"}, "pr-2")
		f.makePlan(removal)
		return f
	}
	whole := build(t)
	whole.apply()
	for n := range len(whole.store.files) {
		t.Run(fmt.Sprintf("after %d files", n), func(t *testing.T) {
			t.Parallel()
			f := build(t)
			f.store.left, f.store.fault = n, syscall.ENOSPC
			if report, err := f.run(); !errors.Is(err, syscall.ENOSPC) || report != nil {
				t.Errorf("report %v, error %v", report, err)
			}
			f.wantWrites()
		})
	}
	t.Run("all requests for the archive come before the first deletion", func(t *testing.T) {
		t.Parallel()
		f := build(t)
		f.apply()
		sent := f.sent("GET", "DELETE")
		for i, req := range sent {
			if strings.HasPrefix(req, "DELETE") {
				sent = sent[i:]
				break
			}
		}
		for _, req := range sent {
			if strings.HasPrefix(req, "GET") && !strings.Contains(req, "tags/list") && !strings.HasSuffix(req, "404") {
				t.Errorf("after a deletion: %s", req)
			}
		}
	})
	t.Run("a manifest that cannot be read ends the run", func(t *testing.T) {
		t.Parallel()
		f := build(t)
		f.on(0, "GET", string(f.digest("a")), unavailable)
		if _, err := f.run(); !errors.Is(err, regret.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		f.wantWrites()
	})
}
