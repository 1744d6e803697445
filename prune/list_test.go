package prune_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// listerFunc is a native API.
type listerFunc func(yield func(regret.ListEntry, error) bool)

func (l listerFunc) List(context.Context, string) iter.Seq2[regret.ListEntry, error] {
	return iter.Seq2[regret.ListEntry, error](l)
}

// entries is a native API that lists entries, and then fails if an error is among them.
func entries(list ...any) listerFunc {
	return func(yield func(regret.ListEntry, error) bool) {
		for _, e := range list {
			entry, _ := e.(regret.ListEntry)
			err, _ := e.(error)
			if !yield(entry, err) {
				return
			}
		}
	}
}

func tagged(dgst regret.Digest, tags ...string) regret.ListEntry {
	return regret.ListEntry{Tags: tags, Descriptor: regret.Descriptor{Digest: dgst}}
}

func TestListsAreJoined(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	old := reg.PutImage("team/app", "old", "v1", "v2").Digest
	young := reg.PutImage("team/app", "young", "v3", "native").Digest
	hidden := reg.PutImage("team/app", "hidden").Digest
	p := parsePolicy(t, strings.ReplaceAll(oldGo, "30d", "5y"))
	list := func(uploaded time.Time, e regret.ListEntry) regret.ListEntry { e.Uploaded = uploaded; return e }
	longAgo := at.AddDate(-10, 0, 0)
	invalid := func(names ...string) error {
		return &regret.Error{Op: "list", Kind: regret.ErrInvalidEntries, Err: &regret.InvalidEntriesError{Entries: names}}
	}
	for name, test := range map[string]struct {
		lister   prune.Lister
		gone     []string
		namesAll bool
		broken   []string
	}{
		"a native API tells when an image was uploaded":      {entries(list(longAgo, tagged(old, "v1", "v2")), tagged(young, "v3", "native"), tagged(hidden)), []string{"v1", "v2"}, true, nil},
		"of two dates the later one counts":                  {entries(list(longAgo, tagged(old)), list(at, tagged(old))), nil, true, nil},
		"a list with tags alone does not name everything":    {entries(list(longAgo, tagged(old)), tagged("", "v1")), []string{"v1", "v2"}, false, nil},
		"a list without anything does not name everything":   {entries(), nil, false, nil},
		"a tag of a native API that is none is broken":       {entries(tagged(old, "v1", "-v"), tagged(young, "-v", "")), nil, true, []string{"", "-v"}},
		"a tag that another list calls invalid counts once":  {entries(tagged(old, "-v"), invalid("-v", "-w", "-w")), nil, false, []string{"-v", "-w"}},
		"entries after those that are invalid count as well": {entries(invalid("-w"), list(longAgo, tagged(old))), []string{"v1", "v2"}, false, []string{"-w"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made, err := prune.Make(t.Context(), newClient(t, cases.Registry, reg), "team/app", p, &prune.ReadOptions{At: at, Lister: test.lister})
			if brake, ok := errors.AsType[*plan.BrakeError](err); ok {
				made = brake.Plan
			} else if err != nil {
				t.Fatal(err)
			}
			var gone []string
			for step := range made.Steps() {
				gone = append(gone, step.Tags...)
			}
			if diff := cmp.Diff(test.gone, gone); diff != "" {
				t.Errorf("tags that go (-want +got):\n%s", diff)
			}
			header := made.Header()
			if diff := cmp.Diff(test.broken, header.Broken); diff != "" || header.NamesAll != test.namesAll {
				t.Errorf("names all: %t; broken (-want +got):\n%s", header.NamesAll, diff)
			}
		})
	}
}

func TestATagThatOnlyANativeAPIListsIsReadToo(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	image := reg.PutImage("team/app", "image", "v1", "hidden").Digest
	reg.Intercept(0, fakeregistry.On(http.MethodGet, "/v2/team/app/tags/list"), fakeregistry.Answer(http.StatusOK, map[string]string{"Content-Type": "application/json"}, `{"name":"team/app","tags":["v1"]}`))
	for name, test := range map[string]struct {
		lister listerFunc
		want   []string
		broken []string
	}{
		"a tag of the image": {entries(tagged(image, "v1", "hidden")), []string{"hidden", "v1"}, nil},
		"a tag that is gone": {entries(tagged(image, "v1", "ghost")), []string{"v1"}, []string{"ghost"}},
	} {
		made, err := prune.Make(t.Context(), newClient(t, cases.Registry, reg), "team/app", parsePolicy(t, nightlyGo), &prune.ReadOptions{At: at, Lister: test.lister})
		if brake, ok := errors.AsType[*plan.BrakeError](err); ok {
			made = brake.Plan
		} else if err != nil {
			t.Fatal(err)
		}
		kept := slices.Collect(made.Kept())
		if diff := cmp.Diff(test.want, kept[0].Tags); diff != "" {
			t.Errorf("%s: tags of the image (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.broken, made.Header().Broken); diff != "" {
			t.Errorf("%s: broken tags (-want +got):\n%s", name, diff)
		}
	}
}

func TestEveryInvalidEntryCounts(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New(fakeregistry.WithExtraTags(invalidNames(1234)...))
	reg.PutImage("team/app", "image", "v1")
	_, err := prune.Make(t.Context(), newClient(t, cases.Registry, reg), "team/app", parsePolicy(t, nightlyGo), &prune.ReadOptions{At: at})
	e, ok := errors.AsType[*plan.BrakeError](err)
	if !ok || len(e.Brakes) != 1 || e.Brakes[0].Limit != "broken" || e.Brakes[0].Needed != 1234 {
		t.Errorf("got %v", err)
	}
}

func invalidNames(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("-%d", i))
	}
	return names
}

func TestListThatIsNotCompletePlansNothing(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.PutImage("team/app", "image", "v1")
	failure := errors.New("the native API fails")
	for name, lister := range map[string]prune.Lister{
		"an error at its end":      entries(tagged("", "v1"), failure),
		"a digest that is none":    entries(regret.ListEntry{Descriptor: regret.Descriptor{Digest: "sha256:12"}}),
		"an error in between":      entries(failure, tagged("", "v1")),
		"invalid entries in other": entries(regret.ErrInvalidEntries),
	} {
		made, err := prune.Make(t.Context(), newClient(t, cases.Registry, reg), "team/app", parsePolicy(t, nightlyGo), &prune.ReadOptions{At: at, Lister: lister})
		e, ok := errors.AsType[*prune.IncompleteError](err)
		if !ok || e.Detail != prune.IncompleteList || made != nil || !strings.HasPrefix(err.Error(), "team/app: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
