package cases_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

// expected returns the result that agrees with a reading of a case.
func expected(c *cases.Case, want cases.Expect) cases.Result {
	if e := want.Error; e != nil {
		names := []string{}
		for _, name := range e.Names {
			if dgst := c.Digest(name); dgst != "" {
				name = dgst.String()
			}
			names = append(names, name)
		}
		return cases.Result{Errors: []cases.Error{{Kind: e.Kind, Rule: e.Rule, Field: e.Field, Detail: e.Detail, Limits: e.Limits, Names: names}}}
	}
	result := cases.Result{Images: map[string]cases.Image{}, Reported: want.Reported}
	for id, w := range want.Images {
		image := cases.Image{
			Verdict: w.Verdict, KeptBy: w.KeptBy, WantedBy: w.WantedBy, SharedWith: w.SharedWith, Untag: w.Untag,
			Nearly: w.Nearly, Age: w.Age.Time, AgeSource: w.AgeSource,
		}
		if w.Needed != nil {
			image.Needed = *w.Needed
		}
		result.Images[id] = image
	}
	for placed := map[string]bool{}; len(result.Steps) < len(want.Steps); {
		for _, w := range want.Steps {
			waits := placed[w.ID]
			for _, id := range w.After {
				waits = waits || !placed[id]
			}
			if !waits {
				placed[w.ID] = true
				result.Steps = append(result.Steps, cases.Step(w))
			}
		}
	}
	if want.UnknownDates != nil {
		result.UnknownDates = *want.UnknownDates
	}
	for _, m := range c.Manifests {
		content := c.Content(m.ID)
		for _, name := range want.Freed {
			if content.Config != nil && content.Config.Name == name {
				result.FreedBytes += content.Config.Descriptor.Size
				result.Freed = append(result.Freed, content.Config.Descriptor.Digest)
			}
			for _, layer := range content.Layers {
				if layer.Name == name {
					result.FreedBytes += layer.Descriptor.Size
					result.Freed = append(result.Freed, layer.Descriptor.Digest)
				}
			}
		}
	}
	return result
}

func TestWhatACaseExpectsAgreesWithIt(t *testing.T) {
	t.Parallel()
	for _, c := range load(t) {
		if got := cases.Compare(c, expected(c, c.Expect)); len(got) > 0 {
			t.Errorf("%s: %q", c.ID, got)
		}
		wantReading := ""
		if len(c.Ambiguous) > 0 {
			wantReading = "proposed"
		}
		if got := cases.Reading(c, expected(c, c.Expect)); got != wantReading {
			t.Errorf("%s: reading %q, want %q", c.ID, got, wantReading)
		}
		nothing := cases.Result{Errors: []cases.Error{{Kind: "another"}}}
		if got := cases.Compare(c, nothing); len(got) == 0 && (len(c.Ambiguous) == 0 || len(c.Alternatives) > 0) {
			t.Errorf("%s agrees with another error", c.ID)
		}
	}
}

// planned is a case with everything that a plan can have.
const planned = `"listing":"oci","referrers":"api","manifests":[
	{"id":"X","kind":"index","tags":["v1"],"children":["p"]},{"id":"p","kind":"image"},{"id":"q","kind":"image","tags":["v2","v3"]}],
	"expect":{"images":{
		"X":{"verdict":"remove","wanted-by":["old","older"],"age":"2026-11-01T00:00:00.5Z","age-source":"uploaded"},
		"q":{"verdict":"untag","kept-by":["two"],"shared-with":["v2"],"untag":["v3"],"needed":true,"nearly":{"one":[2,1]},"age":null}},
	"others":{"p":"remove"},
	"steps":[{"action":"delete","id":"X","role":"image","tags":["v1"],"after":[]},{"action":"delete","id":"p","role":"child","tags":[],"after":["X"]},
		{"action":"untag","id":"q","tags":["v3"],"overwrite":true}],
	"reported":["q"],"freed":["layer p","config p"],"unknown-dates":1}`

func TestEveryDifferenceIsFound(t *testing.T) {
	t.Parallel()
	image := func(id string, change func(*cases.Image)) func(*cases.Result) {
		return func(r *cases.Result) { i := r.Images[id]; change(&i); r.Images[id] = i }
	}
	for name, test := range map[string]struct {
		change func(*cases.Result)
		want   string
	}{
		"no image":                      {func(r *cases.Result) { delete(r.Images, "q") }, "images: "},
		"another image":                 {func(r *cases.Result) { r.Images["p"] = cases.Image{} }, "images: "},
		"another verdict":               {image("q", func(i *cases.Image) { i.Verdict = cases.Keep }), "image q: verdict: got keep, want untag"},
		"a verdict without its step":    {func(r *cases.Result) { r.Steps = r.Steps[1:] }, "image X: a step deletes it: got false, want true"},
		"another keep rule":             {image("q", func(i *cases.Image) { i.KeptBy = []string{"two", "three"} }), "image q: kept by: "},
		"another remove rule":           {image("X", func(i *cases.Image) { i.WantedBy = nil }), "image X: wanted by: "},
		"other tags that are shared":    {image("q", func(i *cases.Image) { i.SharedWith = nil }), "image q: shared with: "},
		"other tags to remove":          {image("q", func(i *cases.Image) { i.Untag = []string{"v2"} }), "image q: tags to remove: "},
		"not needed":                    {image("q", func(i *cases.Image) { i.Needed = false }), "image q: needed: got false, want true"},
		"another place":                 {image("q", func(i *cases.Image) { i.Nearly = map[string][2]int{"one": {3, 1}} }), "image q: place in one: got [3 1], want [2 1]"},
		"another age":                   {image("X", func(i *cases.Image) { i.Age = i.Age.Add(time.Second) }), "image X: age: "},
		"an age with parts of a second": {image("X", func(i *cases.Image) { i.Age = i.Age.Add(time.Second / 2) }), "image X: age: "},
		"an age that is unknown":        {image("q", func(i *cases.Image) { i.Age = time.Unix(1<<30, 0) }), "image q: age: "},
		"another source of the age":     {image("X", func(i *cases.Image) { i.AgeSource = "config" }), "image X: source of the age: got config, want uploaded"},
		"no step of another manifest":   {func(r *cases.Result) { r.Steps = append(r.Steps[:1:1], r.Steps[2:]...) }, "manifest p: got false, want true"},
		"one step more":                 {func(r *cases.Result) { r.Steps = append(r.Steps, cases.Step{Action: cases.DeleteManifest, ID: "p"}) }, "steps: "},
		"another role":                  {func(r *cases.Result) { r.Steps[1].Role = "image" }, "step delete p: role: got image, want child"},
		"other tags of a step":          {func(r *cases.Result) { r.Steps[0].Tags = nil }, "step delete X: tags: "},
		"another order of the plan":     {func(r *cases.Result) { r.Steps[0], r.Steps[1] = r.Steps[1], r.Steps[0] }, "step delete p: the plan has no step of X before it"},
		"another reason for the order":  {func(r *cases.Result) { r.Steps[1].After = nil }, "step delete p: comes after: "},
		"no overwriting":                {func(r *cases.Result) { r.Steps[2].Overwrite = false }, "step untag q: overwrite: got false, want true"},
		"nothing reported":              {func(r *cases.Result) { r.Reported = nil }, "images with a missing child: "},
		"more bytes freed":              {func(r *cases.Result) { r.FreedBytes++ }, "freed bytes: "},
		"another blob freed":            {func(r *cases.Result) { r.Freed = []regret.Digest{"sha256:abc"} }, "freed blobs: "},
		"more dates unknown":            {func(r *cases.Result) { r.UnknownDates = 2 }, "images without a date: got 2, want 1"},
		"an error":                      {func(r *cases.Result) { r.Errors = []cases.Error{{Kind: cases.ErrorBrake}} }, "there is no plan: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := parse(t, planned)
			result := expected(c, c.Expect)
			image("X", func(i *cases.Image) { i.Age = i.Age.Truncate(time.Second) })(&result)
			if got := cases.Compare(c, result); len(got) > 0 {
				t.Fatalf("differences before the change: %q", got)
			}
			test.change(&result)
			if got := cases.Compare(c, result); !strings.Contains(strings.Join(got, "\n"), test.want) {
				t.Errorf("differences %q, want one with %q", got, test.want)
			}
		})
	}
}

func TestWhatACaseDoesNotMentionIsNotCompared(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"oci","referrers":"api","manifests":[{"id":"A","kind":"image"}],"expect":{"images":{"A":{"verdict":"keep"}}}`)
	result := cases.Result{
		Images: map[string]cases.Image{"A": {
			Verdict: cases.Keep, KeptBy: []string{"x"}, WantedBy: []string{"x"}, SharedWith: []string{"x"}, Untag: []string{"x"},
			Needed: true, Nearly: map[string][2]int{"x": {1, 2}}, Age: time.Unix(1<<30, 0), AgeSource: "config",
		}},
		Steps:    []cases.Step{{Action: cases.RemoveTags, ID: "A"}},
		Reported: []string{"A"}, FreedBytes: 1, UnknownDates: 1,
	}
	if got := cases.Compare(c, result); len(got) > 0 {
		t.Errorf("differences %q, want none", got)
	}
}

func TestErrorsAreCompared(t *testing.T) {
	t.Parallel()
	c := parse(t, `"listing":"oci","referrers":"api","faults":{"unparsable":["B"]},"manifests":[{"id":"A","kind":"image","tags":["v1"]},{"id":"B","kind":"image"}],
		"expect":{"error":{"kind":"brake","rule":"old","field":"older-than","detail":"list","limits":{"min-left":0,"broken":2},"names":["v1","A","B"]}}`)
	right := func() cases.Error {
		return cases.Error{
			Kind: cases.ErrorBrake, Rule: "old", Field: "older-than", Detail: "list", Limits: map[string]int{"min-left": 0, "broken": 2},
			Names: []string{"v1", c.Digest("A").String(), c.Digest("B").String()},
		}
	}
	with := func(change func(*cases.Error)) cases.Result {
		e := right()
		change(&e)
		return cases.Result{Errors: []cases.Error{e}}
	}
	for name, test := range map[string]struct {
		result cases.Result
		want   string // of the difference; "" for none
	}{
		"the same error":         {with(func(*cases.Error) {}), ""},
		"the same among others":  {cases.Result{Errors: []cases.Error{{Kind: cases.ErrorBrake}, right()}}, ""},
		"no error":               {cases.Result{}, "there is a plan"},
		"steps beside it":        {cases.Result{Errors: []cases.Error{right()}, Steps: []cases.Step{{}}}, "1 steps beside an error"},
		"another kind":           {with(func(e *cases.Error) { e.Kind = cases.ErrorPolicy }), "kind of error"},
		"another rule":           {with(func(e *cases.Error) { e.Rule = "" }), "rule of the error"},
		"another field":          {with(func(e *cases.Error) { e.Field = "keep" }), "field of the error"},
		"another detail":         {with(func(e *cases.Error) { e.Detail = "index" }), "detail of the error"},
		"another number":         {with(func(e *cases.Error) { e.Limits["broken"] = 1 }), "limits that refuse"},
		"one limit of two":       {with(func(e *cases.Error) { delete(e.Limits, "broken") }), "limits that refuse"},
		"a tag is not named":     {with(func(e *cases.Error) { e.Names = e.Names[1:] }), "the error does not name v1"},
		"a digest is not named":  {with(func(e *cases.Error) { e.Names[1] = "A" }), "the error does not name A"},
		"the digest of the body": {with(func(e *cases.Error) { e.Names[2] = digest.FromString(`{"schemaVersion":2,`).String() }), ""},
		"another digest":         {with(func(e *cases.Error) { e.Names[2] = c.Digest("A").String() }), "the error does not name B"},
	} {
		got := strings.Join(cases.Compare(c, test.result), "\n")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: differences %q, want one with %q", name, got, test.want)
		}
	}
}

func TestReadingsOfAnAmbiguousCase(t *testing.T) {
	t.Parallel()
	const head = `"listing":"oci","referrers":"api","manifests":[{"id":"A","kind":"image"}],"expect":{"images":{"A":{"verdict":"keep"}}},"ambiguous":["A1"]`
	const alternatives = `,"alternatives":[{"images":{"A":{"verdict":"untag"}}},{"error":{"kind":"brake"}}]`
	verdict := func(v cases.Verdict) cases.Result {
		return cases.Result{Images: map[string]cases.Image{"A": {Verdict: v}}}
	}
	for _, test := range []struct {
		name, members string
		result        cases.Result
		reading       string
		differences   int
	}{
		{"the proposed one", head + alternatives, verdict(cases.Keep), "proposed", 0},
		{"the first alternative", head + alternatives, verdict(cases.Untag), "alternative 1", 0},
		{"the second alternative", head + alternatives, cases.Result{Errors: []cases.Error{{Kind: cases.ErrorBrake}}}, "alternative 2", 0},
		{"none of them", head + alternatives, verdict("odd"), "", 1},
		{"another, where no alternative is named", head, verdict("odd"), "another", 0},
	} {
		c := parse(t, test.members)
		if got := cases.Reading(c, test.result); got != test.reading {
			t.Errorf("%s: reading %q, want %q", test.name, got, test.reading)
		}
		if got := cases.Compare(c, test.result); len(got) != test.differences {
			t.Errorf("%s: differences %q, want %d", test.name, got, test.differences)
		}
	}
	if diff := cmp.Diff("", cases.Reading(parse(t, strings.TrimSuffix(head, `,"ambiguous":["A1"]`)), verdict(cases.Keep))); diff != "" {
		t.Errorf("reading of a case that is decided (-want +got):\n%s", diff)
	}
}
