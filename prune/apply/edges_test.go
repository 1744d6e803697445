package apply_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestSecondLookThatFails lets the second look at an image fail for its first part. The second part
// must not go without a look.
func TestSecondLookThatFails(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.image("kept", "latest")
	f.index("index", []string{"a", "b"}, "pr-1")
	f.makePlan(removal)
	f.before(3, "HEAD", "pr-1", func() {
		f.list("new index", []regret.Digest{f.digest("a"), f.digest("b")}, "pr-1")
		f.on(1, "", "pr-1", unavailable)
	})
	got := f.apply().Totals().ByStatus
	if diff := cmp.Diff(map[apply.Status]int{apply.Deleted: 1, apply.Failed: 1, apply.Stale: 1}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if !f.has("a") || !f.has("b") {
		t.Error("a part is gone")
	}
}

// An oddWriter is a client that says the least that a Writer may say.
type oddWriter struct {
	*regret.Client
	deleteManifest func(ctx context.Context) error
	list           func(ctx context.Context, list iter.Seq2[regret.ListEntry, error]) iter.Seq2[regret.ListEntry, error]
	manifest       func(*regret.Manifest)
	resolve        func(regret.Descriptor) regret.Descriptor
}

func (w *oddWriter) DeleteManifest(ctx context.Context, repository string, dgst regret.Digest) error {
	if w.deleteManifest != nil {
		return w.deleteManifest(ctx)
	}
	return w.Client.DeleteManifest(ctx, repository, dgst)
}

func (w *oddWriter) List(ctx context.Context, repository string) iter.Seq2[regret.ListEntry, error] {
	list := w.Client.List(ctx, repository)
	if w.list != nil {
		return w.list(ctx, list)
	}
	return list
}

func (w *oddWriter) Manifest(ctx context.Context, repository, reference string) (*regret.Manifest, error) {
	m, err := w.Client.Manifest(ctx, repository, reference)
	if err == nil && w.manifest != nil {
		w.manifest(m)
	}
	return m, err
}

func (w *oddWriter) Resolve(ctx context.Context, repository, reference string) (regret.Descriptor, error) {
	d, err := w.Client.Resolve(ctx, repository, reference)
	if err == nil && w.resolve != nil {
		d = w.resolve(d)
	}
	return d, err
}

// TestWritersThatSayLess checks what comes of writers that only keep to the interface.
func TestWritersThatSayLess(t *testing.T) {
	t.Parallel()
	t.Run("a deletion that ends with the context may have happened", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := twoTags(t)
			ctx, cancel := context.WithCancel(t.Context())
			w := &oddWriter{Client: f.client, deleteManifest: func(ctx context.Context) error {
				cancel()
				<-ctx.Done()
				return ctx.Err()
			}}
			report, err := apply.Apply(ctx, w, f.plan, f.store, &f.options)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			f.wantStatuses(report, map[string]apply.Status{"image": apply.Unknown, "other": apply.NotAttempted})
		})
	})
	t.Run("a list that ends with the context is not complete", func(t *testing.T) {
		t.Parallel()
		for lists := range 2 {
			f := twoTags(t)
			ctx, cancel := context.WithCancel(t.Context())
			w := &oddWriter{Client: f.client, list: func(_ context.Context, list iter.Seq2[regret.ListEntry, error]) iter.Seq2[regret.ListEntry, error] {
				if lists--; lists < 0 {
					cancel()
					return func(func(regret.ListEntry, error) bool) {}
				}
				return list
			}}
			report, err := apply.Apply(ctx, w, f.plan, f.store, &f.options)
			if !errors.Is(err, context.Canceled) || errors.Is(err, apply.ErrLost) || report != nil && len(report.Lost) > 0 {
				t.Errorf("error %v", err)
			}
		}
	})
	t.Run("a manifest with another digest than was asked for is not believed", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t)
		new := f.image("new", "v9")
		w := &oddWriter{Client: f.client, manifest: func(m *regret.Manifest) {
			if m.Descriptor.Digest == new {
				m.Descriptor.Digest = digestOf("a")
			}
		}}
		if _, err := apply.Apply(t.Context(), w, f.plan, f.store, &f.options); err == nil || !strings.Contains(err.Error(), "it has the digest "+string(digestOf("a"))) {
			t.Errorf("error %v", err)
		}
		f.wantWrites()
	})
	t.Run("a digest that is none is not believed", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t)
		w := &oddWriter{Client: f.client, resolve: func(d regret.Descriptor) regret.Descriptor { d.Digest = "latest"; return d }}
		if _, err := apply.Apply(t.Context(), w, f.plan, f.store, &f.options); err == nil {
			t.Error("there is no error")
		}
		f.wantWrites()
	})
}

// TestLostBetweenTwoSweeps loses a tag that a later look at all tags does not find either.
func TestLostBetweenTwoSweeps(t *testing.T) {
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
			if deletions++; deletions == 3 { // after the look, before the deletion
				f.reg.SetTag(repository, "v1", regret.Digest(req.URL.Path[len(manifests):]))
			}
			return false
		})
		report, err := f.run()
		want := []apply.Lost{{Tag: "v1", Digest: f.digest("kept")}}
		if !errors.Is(err, apply.ErrLost) || !slices.Equal(report.Lost, want) {
			t.Errorf("error %v, lost %v", err, report.Lost)
		}
	})
}

// TestSecondTryComesLast tries what was referenced only once everything else has ended.
func TestSecondTryComesLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := twoTags(t)
		f.options.Concurrency = 2
		start := time.Now()
		var tries []time.Duration
		f.on(0, "DELETE", string(f.digest("image")), func(w http.ResponseWriter, req *http.Request) bool {
			tries = append(tries, time.Since(start))
			return len(tries) == 1 && deny(400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE")(w, req)
		})
		f.on(0, "DELETE", string(f.digest("other")), func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(10 * time.Second)
			return false
		})
		f.wantStatuses(f.apply(), gone)
		if diff := cmp.Diff([]time.Duration{0, 10 * time.Second}, tries); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
	})
}

// TestUnknownOutcomesInARow counts steps of which nobody knows what came as failures.
func TestUnknownOutcomesInARow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.image("kept", "latest")
	for i := range 25 {
		f.image(fmt.Sprint("image ", i), fmt.Sprint("pr-", i))
	}
	f.makePlan(removal)
	f.reg.Intercept(0, fakeregistry.On(http.MethodDelete, manifests), f.reg.LoseResponse())
	f.reg.Intercept(0, fakeregistry.On(http.MethodHead, manifests+"sha256:"), unavailable)
	report, err := f.run()
	if !errors.Is(err, apply.ErrStopped) || report.Count(apply.Unknown) != 20 || report.Count(apply.NotAttempted) != 5 {
		t.Errorf("error %v, report %s", err, report)
	}
}

// TestResumedTwice goes on with a journal that was cut off, and reads it once more.
func TestResumedTwice(t *testing.T) {
	t.Parallel()
	f := twoTags(t)
	journal := new(memoryJournal)
	f.options.Journal = journal
	f.apply()
	cut := strings.Index(journal.String(), `{"result"`) + 5
	for _, end := range []int{10, cut} {
		f := twoTags(t)
		journal := &memoryJournal{data: []byte(journal.String()[:end])}
		f.options.Journal = journal
		f.wantStatuses(f.apply(), gone)
		f.reg.ResetLog()
		f.options.Journal = journal.reopen()
		f.wantStatuses(f.apply(), gone)
		if sent := f.reg.Requests(); len(sent) > 0 {
			t.Errorf("it sends %v", sent)
		}
	}
}

// TestResumedAfterAFailure goes on after a step has failed. What somebody else deletes meanwhile was
// not deleted by the run.
func TestResumedAfterAFailure(t *testing.T) {
	t.Parallel()
	f := twoTags(t)
	f.on(1, "DELETE", string(f.digest("image")), unavailable)
	f.on(1, "DELETE", string(f.digest("other")), deny(403, "DENIED")) // so that it is not finished
	journal := new(memoryJournal)
	f.options.Journal = journal
	if _, err := f.run(); !errors.Is(err, apply.ErrStopped) {
		t.Fatal(err)
	}
	f.remove("image")
	f.options.Journal = journal.reopen()
	report := f.apply()
	f.wantStatuses(report, map[string]apply.Status{"image": apply.AlreadyGone, "other": apply.Deleted})
	if !report.Resumed {
		t.Error("it does not say that it goes on")
	}
}

// shortJournal writes less than it is given, and says nothing.
type shortJournal struct{ memoryJournal }

func (j *shortJournal) Write(p []byte) (int, error) { return j.memoryJournal.Write(p[:len(p)/2]) }

func TestJournalThatWritesLess(t *testing.T) {
	t.Parallel()
	f := twoTags(t)
	f.options.Journal = new(shortJournal)
	if _, err := f.run(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("error %v", err)
	}
	if sent := f.reg.Requests(); len(sent) > 0 {
		t.Errorf("it sends %v", sent)
	}
}

// TestTagOfWhichNothingIsKnown loses the response to the removal of a tag, and the look after it. The
// tag may be gone, so that it is put back.
func TestTagOfWhichNothingIsKnown(t *testing.T) {
	t.Parallel()
	f := twoTags(t, fakeregistry.WithTagsFirst())
	f.on(1, "DELETE", "pr-1", f.reg.LoseResponse())
	f.before(4, "HEAD", "pr-1", func() { f.on(1, "HEAD", "pr-1", unavailable) }) // after sweep, look, and look before the removal
	report := f.apply()
	f.wantStatuses(report, map[string]apply.Status{"image": apply.Unknown, "other": apply.Deleted})
	if at, _ := f.reg.Tag(repository, "pr-1"); at != f.digest("image") {
		t.Errorf("pr-1 points to %q", at)
	}
}

// TestLostByARunThatDied loses a tag with the last request of a process. The next one must know what
// was there.
func TestLostByARunThatDied(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.image("kept", "latest", "v1", "v2")
	f.image("image", "pr-1")
	f.image("other", "pr-2")
	f.makePlan(removal)
	f.removeTag("v1") // before the first look, so that it is not lost
	f.image("new", "v9")
	first := f.digest(f.firstStep())
	f.before(1, "DELETE", string(first), func() {
		f.reg.SetTag(repository, "v9", first) // and so they go with it
		f.reg.SetTag(repository, "v2", first)
	})
	m := &mortal{inner: f.reg, late: true, left: 1 << 30}
	f.on(0, "DELETE", string(first), func(http.ResponseWriter, *http.Request) bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.left = 0
		return false
	})
	journal := new(syncedJournal)
	f.options.Journal = sameJournal{journal, m.isDead}
	alive := f.client
	f.client = f.newClient(host, m)
	if _, err := f.run(); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	f.client, f.options.Journal = alive, journal.crash("synced")
	report, err := f.run()
	want := []apply.Lost{{Tag: "v2", Digest: f.digest("kept")}, {Tag: "v9", Digest: f.digest("new")}}
	if !errors.Is(err, apply.ErrLost) || !slices.Equal(report.Lost, want) {
		t.Errorf("error %v, lost %v", err, report.Lost)
	}
	f.wantStatuses(report, gone)
}
