package undo_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func TestRestoreBringsEverythingBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	f.apply(t, -1)
	if diff := cmp.Diff(map[string]regret.Digest{"latest": f.keep.Digest}, f.reg.Tags(repository)); diff != "" {
		t.Fatalf("tags after the deletion (-want +got):\n%s", diff)
	}

	t.Run("a dry run writes nothing, and reports the same", func(t *testing.T) {
		dry := f.restore(t, &undo.RestoreOptions{DryRun: true})
		if len(f.reg.Writes()) > 0 {
			t.Errorf("it sends %v", f.reg.Writes())
		}
		report := f.restore(t, nil)
		if diff := cmp.Diff(dry.Results, report.Results); diff != "" {
			t.Errorf("results (-dry +real):\n%s", diff)
		}
		if !dry.DryRun || report.DryRun || report.Count(undo.Restored) != 10 || len(report.Results) != 10 || !report.IsComplete() {
			t.Errorf("the report is %v", report)
		}
		if got, want := report.String(), "registry.example/team/app: 10 restored"; got != want {
			t.Errorf("the report is %q, want %q", got, want)
		}
	})
	if diff := cmp.Diff(f.before, f.state(t)); diff != "" {
		t.Errorf("the repository (-before +after):\n%s", diff)
	}
	t.Run("needed first: children, index, referrer, list; tags last", func(t *testing.T) {
		var order []string
		for _, req := range f.reg.Writes() {
			if name, ok := strings.CutPrefix(req.Path, "/v2/"+repository+"/manifests/"); ok {
				order = append(order, name)
			}
		}
		place := func(name string) int { return slices.Index(order, name) }
		for _, pair := range [][2]string{
			{f.child.Digest.String(), f.index.Digest.String()}, {f.index.Digest.String(), f.referrer.Digest.String()},
			{f.referrer.Digest.String(), f.list.Digest.String()}, {f.list.Digest.String(), "pr-1"}, {f.list.Digest.String(), "pr-2"},
			{f.image.Digest.String(), "pr-1-amd64"}, {f.list.Digest.String(), companion(f.index.Digest)},
		} {
			if place(pair[0]) < 0 || place(pair[0]) > place(pair[1]) {
				t.Errorf("%s is not pushed before %s:\n%s", pair[0], pair[1], strings.Join(order, "\n"))
			}
		}
	})
	t.Run("a second time nothing is left to do", func(t *testing.T) {
		f.reg.ResetLog()
		report := f.restore(t, nil)
		if report.Count(undo.AlreadyThere) != len(report.Results) || len(f.reg.Writes()) > 0 {
			t.Errorf("it sends %v: %v", f.reg.Writes(), report)
		}
		if got, want := len(f.reg.Requests()), 10; got != want {
			t.Errorf("%d requests, want %d", got, want)
		}
	})
}

func TestRestoreAfterADeletionThatWasInterrupted(t *testing.T) {
	t.Parallel()
	for n := range 7 {
		f := newFixture(t)
		f.archive(t)
		f.apply(t, n)
		report := f.restore(t, nil)
		if diff := cmp.Diff(f.before, f.state(t)); diff != "" || !report.IsComplete() {
			t.Errorf("after %d steps: %v; the repository (-before +after):\n%s", n, report, diff)
		}
		if manifests := len(requests(f.reg, http.MethodPut)); n == 0 && manifests > 0 {
			t.Errorf("nothing was deleted, but %d PUT were sent", manifests)
		}
	}
}

// TestRestoreGoesOnAfterEachFailure lets each request of a restoration fail in turn, and then
// restores again.
func TestRestoreGoesOnAfterEachFailure(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	f.apply(t, -1)
	f.restore(t, nil)
	for _, sent := range f.reg.Requests() {
		if strings.Contains(sent.Path, "/uploads/") && sent.Method == http.MethodPut {
			continue // its path is not known before
		}
		for name, fault := range map[string]func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool{
			"is 503": func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
				return fakeregistry.Errors(http.StatusServiceUnavailable, "UNAVAILABLE", "it fails")
			},
			"is 403": func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
				return fakeregistry.Errors(http.StatusForbidden, "DENIED", "it is not allowed")
			},
			"is lost":                        (*fakeregistry.Registry).LoseRequest,
			"has no response, but an effect": (*fakeregistry.Registry).LoseResponse,
		} {
			f.apply(t, -1)
			f.reg.Intercept(1, func(req *http.Request) bool { return req.Method == sent.Method && req.URL.Path == sent.Path }, fault(f.reg))
			report := f.restore(t, nil)
			for _, result := range report.Results {
				failed := result.Status == undo.Failed || result.Status == undo.Refused
				if e, ok := errors.AsType[*regret.Error](result.Err); failed && (!ok || e.Repository != repository) {
					t.Errorf("%s %s: %v has the error %v", sent, name, result, result.Err)
				}
				if result.Status == "" || result.Status == undo.Lost && result.Tag == "" {
					t.Errorf("%s %s: %v", sent, name, result)
				}
			}
			again := f.restore(t, nil)
			if diff := cmp.Diff(f.before, f.state(t)); diff != "" || !again.IsComplete() {
				t.Errorf("%s %s: %v\nthen %v; the repository (-before +after):\n%s", sent, name, report, again, diff)
			}
		}
	}
}

func TestRestoreEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	f.apply(t, -1)
	ctx, cancel := context.WithCancel(t.Context())
	f.reg.Intercept(1, fakeregistry.On(http.MethodPut, "/v2/"+repository+"/manifests/"), func(w http.ResponseWriter, req *http.Request) bool {
		f.reg.Serve(w, req)
		cancel()
		return true
	})
	report, err := undo.Restore(ctx, f.client, f.store, &undo.RestoreOptions{Concurrency: 1})
	if !errors.Is(err, context.Canceled) || report == nil || len(report.Results) != 10 || report.Count(undo.NotAttempted) < 8 {
		t.Fatalf("%v, %v", report, err)
	}
	for _, result := range report.Results {
		if result.Status == undo.NotAttempted && result.Err == nil && result.Reason == "" {
			t.Errorf("%v does not say why", result)
		}
	}
	if report := f.restore(t, nil); !report.IsComplete() {
		t.Errorf("again: %v", report)
	}
	if diff := cmp.Diff(f.before, f.state(t)); diff != "" {
		t.Errorf("the repository (-before +after):\n%s", diff)
	}
}

func TestRestoreRefusesBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := undo.Restore(t.Context(), f.client, f.store, nil); !errors.Is(err, undo.ErrNoArchive) {
		t.Errorf("an empty store: %v", err)
	}
	f.archive(t)
	other, err := regret.New("other.example", regret.WithTransport(f.reg))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := undo.Restore(t.Context(), other, f.store, nil); !errors.Is(err, undo.ErrOtherRegistry) {
		t.Errorf("another registry: %v", err)
	}
	delete(f.store.files, "index.json")
	if _, err := undo.Restore(t.Context(), f.client, f.store, nil); !errors.Is(err, undo.ErrUnfinished) {
		t.Errorf("no index: %v", err)
	}
	if len(f.reg.Requests()) > 0 {
		t.Errorf("it sends %v", f.reg.Requests())
	}
}

func TestRestoreStreamsItsResults(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	f.apply(t, 3)
	var streamed []undo.Result
	report := f.restore(t, &undo.RestoreOptions{OnResult: func(r undo.Result) { streamed = append(streamed, r) }})
	byName := cmpopts.SortSlices(func(a, b undo.Result) bool { return a.Tag+string(a.Digest) < b.Tag+string(b.Digest) })
	if diff := cmp.Diff(report.Results, streamed, byName); diff != "" {
		t.Errorf("results (-report +streamed):\n%s", diff)
	}
	var digests []regret.Digest
	for _, r := range report.Results[:6] {
		digests = append(digests, r.Digest)
	}
	if diff := cmp.Diff(f.all[1:], digests); diff != "" {
		t.Errorf("the order of the report (-plan +report):\n%s", diff)
	}
}
