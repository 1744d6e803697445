package apply_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestRequestsOfQuarantine counts what is sent besides the archive: as documented, and no more.
func TestRequestsOfQuarantine(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	p := f.plan(t, trashPolicy)
	f.reg.ResetLog()
	f.quarantine(t, p, nil)
	sent := map[string]int{}
	for _, req := range f.reg.Requests() {
		if strings.Contains(req.Path, "/manifests/") && req.Method != http.MethodGet {
			sent[req.Method]++
		}
	}
	const (
		tags   = 5 // of the repository: the sweep looks at each
		doomed = 3 // of two images
	)
	want := map[string]int{"HEAD": tags + 2*doomed + 1, "PUT": 2 + 2, "DELETE": 2 + doomed}
	for method, n := range want {
		if sent[method] != n {
			t.Errorf("%d requests are %s, want %d", sent[method], method, n)
		}
	}
}

// TestPaceOfQuarantine checks that every write waits for its turn.
func TestPaceOfQuarantine(t *testing.T) {
	t.Parallel()
	inJanuary(t, func(t *testing.T) {
		f := newTrashFixture(t, "registry.example")
		p := f.plan(t, trashPolicy)
		f.reg.ResetLog()
		begun := time.Now()
		f.quarantine(t, p, &apply.QuarantineOptions{Options: apply.Options{Writes: 0.5}})
		if took, writes := time.Since(begun), len(f.reg.Writes()); writes != 9 || took < time.Duration(writes-1)*2*time.Second {
			t.Errorf("%d writes took %s", writes, took)
		}
	})
}

// TestQuarantineUntilTheContextEnds ends the context when the first image goes to the trash: that image
// is settled, the other not begun.
func TestQuarantineUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	p := f.plan(t, trashPolicy)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.reg.Intercept(1, fakeregistry.On("PUT", at(trashRunOf(p)+"-")), func(w http.ResponseWriter, req *http.Request) bool {
		if strings.Contains(req.URL.Path, "-names-") {
			return false
		}
		cancel()
		f.reg.Serve(w, req)
		return true
	})
	report, err := apply.Quarantine(ctx, f.client, p, f.store, &apply.QuarantineOptions{Options: apply.Options{Concurrency: 1}})
	if !errors.Is(err, context.Canceled) || report == nil {
		t.Fatalf("report %v, error %v", report, err)
	}
	if q, n := report.Count(apply.Quarantined), report.Count(apply.NotAttempted); q != 1 || n != 1 {
		t.Errorf("results: %+v", report.Results)
	}
	if tags := f.reg.Tags(trashRepository); (tags["pr-1"] == "") == (tags["pr-2"] == "") {
		t.Errorf("tags: %s", sortedTags(tags))
	}
	if report := f.quarantine(t, p, nil); report.Count(apply.Quarantined) != 2 {
		t.Errorf("results of the next run: %+v", report.Results)
	}
	f.restoreTrash(t, nil)
}

// TestQuarantineThatLooksAgain empties the trash so slowly that all tags are looked at several times
// meanwhile. An image that was refused is not in the trash then, and nothing is taken for lost.
func TestQuarantineThatLooksAgain(t *testing.T) {
	t.Parallel()
	inJanuary(t, func(t *testing.T) {
		f := newTrashFixture(t, "registry.example")
		for i, digits := range []string{"000000000001", "000000000002", "000000000003"} {
			f.reg.PutImage(trashRepository, "old "+strconv.Itoa(i), "regret-trash-20260101-0123abcd-"+digits)
		}
		p := f.plan(t, trashPolicy)
		refuse(f, 0, "DELETE", "pr-1-amd64", 409, "TAG_IMMUTABLE")
		f.reg.ResetLog()
		report := f.quarantine(t, p, &apply.QuarantineOptions{Options: apply.Options{Writes: 0.001, Concurrency: 1}})
		if q, r, d := report.Count(apply.Quarantined), report.Count(apply.Refused), report.Count(apply.Deleted); q != 1 || r != 1 || d != 3 {
			t.Errorf("results: %+v", report.Results)
		}
		lists := 0
		for _, req := range f.reg.Requests() {
			if strings.HasSuffix(req.Path, "/tags/list") {
				lists++
			}
		}
		if lists < 5 {
			t.Errorf("the tags were listed %d times", lists)
		}
	})
}

// A brittleStore is an archive from which no manifest can be read once it is written.
type brittleStore struct {
	*trashStore
	written atomic.Bool
	get     func() error
}

func (s *brittleStore) Put(ctx context.Context, name string, data []byte) error {
	if name == "index.json" {
		s.written.Store(true)
	}
	return s.trashStore.Put(ctx, name, data)
}

func (s *brittleStore) Get(ctx context.Context, name string) ([]byte, error) {
	if s.written.Load() && strings.HasPrefix(name, "blobs/") {
		return nil, s.get()
	}
	return s.trashStore.Get(ctx, name)
}

// TestQuarantineWithoutItsArchive checks that no image loses a name if it cannot get its tag of the
// trash, because what is in the archive cannot be read, or because the context ends meanwhile.
func TestQuarantineWithoutItsArchive(t *testing.T) {
	t.Parallel()
	for _, ends := range []bool{false, true} {
		f := newTrashFixture(t, "registry.example")
		p := f.plan(t, trashPolicy)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		store := &brittleStore{trashStore: newTrashStore(), get: func() error {
			if ends {
				cancel()
				return ctx.Err()
			}
			return errors.New("the disk is broken")
		}}
		report, err := apply.Quarantine(ctx, f.client, p, store, &apply.QuarantineOptions{Options: apply.Options{Concurrency: 1}})
		if errors.Is(err, context.Canceled) != ends || report == nil || report.Count(apply.Quarantined) > 0 {
			t.Errorf("error %v, report %v", err, report)
		}
		tags := f.reg.Tags(trashRepository)
		delete(tags, trashRunOf(p)+"-names-1")
		if got, want := sortedTags(tags), sortedTags(f.tags); got != want {
			t.Errorf("tags:\n%s\nwant:\n%s", got, want)
		}
	}
}
