package plan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// guardRules remove what has tags that begin with "pr-" only, and take "old-" tags off what stays.
const guardRules = `{"version": 1,
	"keep": [{"name": "in use", "file": "running.txt"}, {"tags": "latest"}],
	"remove": [{"name": "pull requests", "tags": "pr-*"}, {"name": "old", "tags": "old-*", "untag": true}, {"orphans": true}],
	"limits": {"max-percent": 100, "max-images": 1000, "min-left": 0}}`

func runningNow(tb testing.TB, lines ...string) *policy.InUse {
	tb.Helper()
	list, err := policy.ParseInUse("running.txt", strings.NewReader(strings.Join(lines, "\n")), now)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// guard returns a plan for the repository, and its guard.
func (r *repository) guard(tb testing.TB) (*plan.Plan, *plan.Guard) {
	tb.Helper()
	p, err := r.planOf(guardRules, runningNow(tb, "registry.example.com/acme/app:latest"))
	if err != nil {
		tb.Fatal(err)
	}
	g, err := p.Guard()
	if err != nil {
		tb.Fatal(err)
	}
	return p, g
}

// planOf is plan with in-use lists.
func (r *repository) planOf(rules string, lists ...*policy.InUse) (*plan.Plan, error) {
	p, err := policy.Parse([]byte(rules))
	if err != nil {
		return nil, err
	}
	s := plan.NewSnapshot("registry.example.com", "acme/app", plan.Options{InUse: lists})
	for tag := range r.tags {
		s.AddTag(tag)
	}
	for {
		d, err := plan.Decide(p, s, now)
		if err != nil {
			return nil, err
		}
		questions := slices.Collect(d.Missing())
		if len(questions) == 0 {
			return d.Plan()
		}
		for _, q := range questions {
			if err := r.answer(s, q); err != nil {
				return nil, err
			}
		}
	}
}

// tell tells a guard what the tags of the repository point to, and answers its questions. It
// returns what was asked for.
func (r *repository) tell(tb testing.TB, g *plan.Guard) []regret.Digest {
	tb.Helper()
	asked, err := r.tellGuard(g)
	if err != nil {
		tb.Fatal(err)
	}
	return asked
}

func (r *repository) tellGuard(g *plan.Guard) (asked []regret.Digest, err error) {
	for tag, dgst := range r.tags {
		g.SetTag(tag, dgst)
	}
	for tag := range g.Tags() {
		if _, here := r.tags[tag]; !here {
			g.DropTag(tag)
		}
	}
	for range 20 {
		questions := slices.Collect(g.Missing())
		if len(questions) == 0 {
			return asked, g.CheckLimits()
		}
		for _, q := range questions {
			asked = append(asked, q.Digest)
			if m := r.manifests[q.Digest]; m == nil {
				g.NotFound(q)
			} else if err := g.Manifest(q, m); err != nil {
				return nil, err
			}
		}
	}
	return nil, errors.New("the guard asks for ever")
}

func TestGuardHoldsNothingWithoutNews(t *testing.T) {
	t.Parallel()
	r := acme()
	p := r.plan(t, acmeRules)
	g, err := p.Guard()
	if err != nil {
		t.Fatal(err)
	}
	if asked := r.tell(t, g); len(asked) > 0 {
		t.Errorf("it asks for %v", asked)
	}
	for step := range p.Steps() {
		if reason, held := g.Holds(step.Digest); held && step.Action == plan.Delete {
			t.Errorf("%v is held: %s", step.Tags, reason.Text)
		}
		for _, tag := range step.Untag {
			if reason, held := g.HoldsTag(&step, tag); held || len(g.Others(&step, tag)) == 0 {
				t.Errorf("%s is held: %s", tag, reason.Text)
			}
		}
	}
}

func TestGuardReasons(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(r *repository, image, index, child regret.Descriptor)
		image  string // why it is held; empty if it is not
		index  string
		child  string
	}{
		"a new tag": {func(r *repository, image, _, _ regret.Descriptor) { r.tags["v1"] = image.Digest },
			"a tag points to it that the plan does not know: v1", "", ""},
		"a tag of another image that goes": {func(r *repository, image, _, _ regret.Descriptor) { r.tags["pr-2"] = image.Digest },
			"a tag points to it that the plan does not know: pr-2", "", ""},
		"a new tag of the index": {func(r *repository, _, index, _ regret.Descriptor) { r.tags["v1"] = index.Digest },
			"", "a tag points to it that the plan does not know: v1", "also in pr-2"},
		"a new index": {func(r *repository, _, _, child regret.Descriptor) {
			r.index([]regret.Descriptor{child, r.image("other", 1, 1)}, "v1")
		},
			"", "", "also in v1"},
		"a new referrer with a tag": {func(r *repository, image, _, _ regret.Descriptor) { r.referrer("application/x", image, "sbom") },
			"sbom refers to it and stays", "", ""},
		"a tag of the trash": {func(r *repository, image, _, _ regret.Descriptor) {
			r.tags["regret-trash-20991231-0123abcd-0123456789ab"] = image.Digest
		}, "a tag that stays points to it: regret-trash-20991231-0123abcd-0123456789ab", "", ""},
		"all tags are gone": {func(r *repository, _, _, _ regret.Descriptor) { clear(r.tags) }, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository()
			r.image("kept", 1, 1, "latest")
			image, child := r.image("image", 1, 1, "pr-1"), r.image("child", 1, 1)
			index := r.index([]regret.Descriptor{child}, "pr-2")
			_, g := r.guard(t)
			test.change(r, image, index, child)
			r.tell(t, g)
			got := make([]string, 3)
			for i, d := range []regret.Descriptor{image, index, child} {
				if reason, held := g.Holds(d.Digest); held {
					got[i] = reason.Text
				}
			}
			if diff := cmp.Diff([]string{test.image, test.index, test.child}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestGuardAsksOnlyForWhatIsNew(t *testing.T) {
	t.Parallel()
	r := newRepository()
	child := r.image("child", 1, 1)
	r.index([]regret.Descriptor{child}, "latest")
	r.index([]regret.Descriptor{r.image("other child", 1, 1)}, "pr-1")
	_, g := r.guard(t)
	inner := r.index([]regret.Descriptor{r.image("new child", 1, 1), child})
	outer := r.index([]regret.Descriptor{inner}, "v1")
	want := []regret.Digest{outer.Digest, inner.Digest}
	if diff := cmp.Diff(want, r.tell(t, g)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if asked := r.tell(t, g); len(asked) > 0 {
		t.Errorf("it asks again for %v", asked)
	}
	delete(r.tags, "v1")
	if asked := r.tell(t, g); len(asked) > 0 {
		t.Errorf("it asks for %v once a tag is gone", asked)
	}
}

func TestGuardLimits(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("kept", 1, 1, "latest")
	r.image("image", 1, 1, "pr-1")
	_, g := r.guard(t)
	d := r.image("child", 1, 1)
	for range 12 {
		d = r.index([]regret.Descriptor{d})
	}
	g.SetTag("v1", d.Digest)
	var err error
	for range 20 {
		for q := range g.Missing() {
			if err := g.Manifest(q, r.manifests[q.Digest]); err != nil {
				t.Fatal(err)
			}
		}
		if err = g.CheckLimits(); err != nil {
			break
		}
	}
	if e, ok := errors.AsType[*plan.LimitError](err); !ok || e.Tag != "v1" {
		t.Errorf("error %v", err)
	}
}

func TestGuardObeysInUseLists(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line  func(r *repository, image regret.Descriptor) string
		held  bool
		asked int
	}{
		"a tag":                       {func(*repository, regret.Descriptor) string { return "registry.example.com/acme/app:pr-1" }, true, 0},
		"a tag of another repository": {func(*repository, regret.Descriptor) string { return "registry.example.com/acme/web:pr-1" }, false, 0},
		"a digest":                    {func(_ *repository, d regret.Descriptor) string { return string(d.Digest) }, true, 0},
		"a configuration": {func(r *repository, d regret.Descriptor) string {
			references, err := plan.ReadReferences(r.manifests[d.Digest].Raw)
			if err != nil {
				panic(err)
			}
			return string(references.Config)
		}, true, 0},
		"an index that lists it under no tag": {func(r *repository, d regret.Descriptor) string { return string(r.index([]regret.Descriptor{d}).Digest) }, true, 1},
		"a digest that is not here":           {func(*repository, regret.Descriptor) string { return string(digest.FromString("elsewhere")) }, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository()
			r.image("kept", 1, 1, "latest")
			image := r.image("image", 1, 1, "pr-1")
			_, g := r.guard(t)
			if err := g.Use([]*policy.InUse{runningNow(t, test.line(r, image))}, now); err != nil {
				t.Fatal(err)
			}
			if g.NamesUnknown() {
				references, err := plan.ReadReferences(r.manifests[image.Digest].Raw)
				if err != nil {
					t.Fatal(err)
				}
				g.Config(image.Digest, references.Config)
			}
			if asked := r.tell(t, g); len(asked) != test.asked {
				t.Errorf("it asks for %v", asked)
			}
			if reason, held := g.Holds(image.Digest); held != test.held {
				t.Errorf("held %t: %s", held, reason.Text)
			}
		})
	}
	t.Run("a list that has expired", func(t *testing.T) {
		t.Parallel()
		r := newRepository()
		r.image("image", 1, 1, "pr-1", "latest")
		_, g := r.guard(t)
		err := g.Use([]*policy.InUse{runningNow(t, "registry.example.com/acme/app:pr-1")}, now.Add(25*time.Hour))
		if e, ok := errors.AsType[*policy.InUseError](err); !ok || e.Detail != policy.InUseStale {
			t.Errorf("error %v", err)
		}
	})
}
