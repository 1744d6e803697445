package prune_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// anyPolicy is for stories that are planned without their policy.
const anyPolicy = `{"version": 1, "remove": [{"tags": "none"}]}`

// exactRepository has what people delete: an index with its platforms and a signature, an image
// that shares one of them, an image under two tags, referrers with and without tags, trash.
const exactRepository = `
	{"id": "amd", "kind": "image"}, {"id": "arm", "kind": "image"}, {"id": "att", "kind": "attestation", "of": "amd"},
	{"id": "X", "kind": "index", "tags": ["1.4", "latest"], "children": ["amd", "arm", "att"]},
	{"id": "sig", "kind": "cosign", "tags": ["sha256-{X}.sig"]},
	{"id": "Y", "kind": "index", "tags": ["1.3"], "children": ["arm", "only"]}, {"id": "only", "kind": "image"},
	{"id": "A", "kind": "image", "tags": ["a"]}, {"id": "B", "kind": "image", "tags": ["b"]},
	{"id": "sbom", "kind": "cosign", "tags": ["sha256-{A}.sbom", "sha256-{B}.sbom"]},
	{"id": "R", "kind": "referrer", "subject": "A"}, {"id": "T", "kind": "referrer", "subject": "B", "tags": ["b-sbom"]},
	{"id": "W", "kind": "image", "tags": ["regret-trash-20261101-0123abcd-4b825dc642cb"]},
	{"id": "V", "kind": "image", "tags": ["v", "regret-trash-20261101-0123abcd-0b825dc642cb"]}`

// named replaces {X} in references as in the tags of a story, and X: by the digest of X.
func named(c *cases.Case, references []string) []string {
	var all []string
	for _, reference := range references {
		if id, ok := strings.CutSuffix(reference, ":"); ok {
			reference = string(c.Digest(id))
		}
		if before, rest, ok := strings.Cut(reference, "{"); ok {
			id, after, _ := strings.Cut(rest, "}")
			reference = before + c.Digest(id).Encoded() + after
		}
		all = append(all, reference)
	}
	return all
}

// exactStory returns the outcome of MakeExact in a line: what goes, or what is wrong.
func exactStory(t *testing.T, c *cases.Case, references []string, o prune.ExactOptions) []string {
	t.Helper()
	reg := c.Serve()
	o.At = at
	made, err := prune.MakeExact(t.Context(), newClient(t, cases.Registry, reg), c.Repository, named(c, references), &o)
	if len(reg.Writes()) > 0 {
		t.Errorf("it wrote %v", reg.Writes())
	}
	var got []string
	if err != nil {
		got = exactErrors(t, c, err)
		if made != nil {
			t.Error("there are a plan and an error")
		}
		missing, ok := errors.AsType[*prune.MissingError](err)
		if !ok || missing.Plan == nil {
			return got
		}
		made = missing.Plan
	}
	for step := range made.Steps() {
		if step.Action != plan.Delete {
			got = append(got, string(step.Action)+" "+c.IDOf(step.Digest))
			continue
		}
		got = append(got, c.IDOf(step.Digest))
	}
	slices.Sort(got)
	rereadPlan(t, made)
	return got
}

// exactErrors returns each error of a MakeExact by its type, and what it names.
func exactErrors(t *testing.T, c *cases.Case, err error) (all []string) {
	t.Helper()
	each := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		each = several.Unwrap()
	}
	for _, err := range each {
		switch e := err.(type) {
		case *prune.MissingError:
			if !errors.Is(err, regret.ErrNotFound) {
				t.Error("it is not of the kind ErrNotFound")
			}
			all = append(all, "missing "+strings.Join(e.References, " "))
		case *prune.SharedError:
			all = append(all, "shared "+c.IDOf(e.Digest)+": "+strings.Join(e.Named, " ")+" / "+strings.Join(e.Others, " "))
		case *prune.NeededError:
			all = append(all, "needed "+c.IDOf(e.Digest)+" by "+c.IDOf(e.Reason.By))
		case *prune.BrokenError:
			all = append(all, "broken "+strings.Join(e.Tags, " "))
		default:
			t.Errorf("%T: %v", err, err)
		}
	}
	return all
}

// rereadPlan checks that a plan is accepted where plans are read.
func rereadPlan(t *testing.T, made *plan.Plan) {
	t.Helper()
	var paper bytes.Buffer
	if _, err := made.WriteTo(&paper); err != nil {
		t.Fatal(err)
	}
	again, err := plan.Read(&paper)
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest() != made.Digest() {
		t.Error("it is another plan after it was read")
	}
}

func TestMakeExactPlansWhatWasNamed(t *testing.T) {
	t.Parallel()
	withTags := prune.ExactOptions{WithTags: true}
	for name, test := range map[string]struct {
		references []string
		options    prune.ExactOptions
		want       []string
	}{
		"an index goes with what only it needs":             {[]string{"1.4", "latest"}, prune.ExactOptions{}, []string{"X", "amd", "att", "sig"}},
		"both indexes go with what they share":              {[]string{"1.4", "latest", "1.3"}, prune.ExactOptions{}, []string{"X", "Y", "amd", "arm", "att", "only", "sig"}},
		"a tag that was not named refuses":                  {[]string{"1.4"}, prune.ExactOptions{}, []string{"shared X: 1.4 / latest"}},
		"a tag that was not named goes where it is allowed": {[]string{"1.4"}, withTags, []string{"X", "amd", "att", "sig"}},
		"a digest with tags refuses":                        {[]string{"X:"}, prune.ExactOptions{}, []string{"shared X:  / 1.4 latest"}},
		"a digest with tags goes where it is allowed":       {[]string{"X:"}, withTags, []string{"X", "amd", "att", "sig"}},
		"a digest and all of its tags":                      {[]string{"X:", "1.4", "latest"}, prune.ExactOptions{}, []string{"X", "amd", "att", "sig"}},
		"twice is once":                                     {[]string{"a", "a", "A:", "A:"}, prune.ExactOptions{}, []string{"A", "R", "untag sbom"}},
		"a child of an index that stays is needed":          {[]string{"amd:"}, prune.ExactOptions{}, []string{"needed amd by X"}},
		"a child of an index that goes":                     {[]string{"only:", "1.3"}, prune.ExactOptions{}, []string{"Y", "only"}},
		"a shared child of an index that goes is needed":    {[]string{"arm:", "1.3"}, prune.ExactOptions{}, []string{"needed arm by X"}},
		"a signature by its tag":                            {[]string{"sha256-{X}.sig"}, prune.ExactOptions{}, []string{"sig"}},
		"a signature by its digest refuses":                 {[]string{"sig:"}, prune.ExactOptions{}, []string{"shared sig:  / sha256-{X}.sig"}},
		"a signature by its digest and that of its image":   {[]string{"sig:", "1.4", "latest"}, prune.ExactOptions{}, []string{"X", "amd", "att", "sig"}},
		"an SBOM of two images by one tag refuses":          {[]string{"sha256-{A}.sbom"}, prune.ExactOptions{}, []string{"shared sbom: sha256-{A}.sbom / sha256-{B}.sbom"}},
		"an SBOM of two images by both":                     {[]string{"sha256-{A}.sbom", "sha256-{B}.sbom"}, prune.ExactOptions{}, []string{"sbom"}},
		"an SBOM of two images, of which one goes":          {[]string{"a", "sha256-{B}.sbom"}, prune.ExactOptions{}, []string{"A", "R", "sbom"}},
		"an image takes its tag off the SBOM of two":        {[]string{"a"}, prune.ExactOptions{}, []string{"A", "R", "untag sbom"}},
		"a referrer goes without its subject":               {[]string{"R:"}, prune.ExactOptions{}, []string{"R"}},
		"a tagged referrer goes without its subject":        {[]string{"b-sbom"}, prune.ExactOptions{}, []string{"T"}},
		"a tagged referrer needs its subject":               {[]string{"b"}, prune.ExactOptions{}, []string{"needed B by T"}},
		"a subject goes with a tagged referrer":             {[]string{"b", "b-sbom"}, prune.ExactOptions{}, []string{"B", "T", "untag sbom"}},
		"trash goes by its tag":                             {[]string{"regret-trash-20261101-0123abcd-4b825dc642cb"}, prune.ExactOptions{}, []string{"W"}},
		"what is in the trash, too, refuses":                {[]string{"v"}, prune.ExactOptions{}, []string{"shared V: v / regret-trash-20261101-0123abcd-0b825dc642cb"}},
		"what is in the trash, too, goes where allowed":     {[]string{"v"}, withTags, []string{"V"}},
		"a tag that is not there":                           {[]string{"none"}, prune.ExactOptions{}, []string{"missing none"}},
		"what is there has a plan beside":                   {[]string{"none", "b-sbom", "other"}, prune.ExactOptions{}, []string{"T", "missing none other"}},
		"all that is wrong is told at once":                 {[]string{"none", "1.4", "sbom:"}, prune.ExactOptions{}, []string{"shared X: 1.4 / latest", "shared sbom:  / sha256-{A}.sbom sha256-{B}.sbom", "missing none"}},
		"what is needed and what is missing":                {[]string{"b", "none"}, prune.ExactOptions{}, []string{"needed B by T", "missing none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := story(t, exactRepository, anyPolicy, `"referrers": "api"`)
			want := slices.Clone(test.want)
			for i, line := range want {
				for _, id := range []string{"X", "A", "B"} {
					line = strings.ReplaceAll(line, "{"+id+"}", c.Digest(id).Encoded())
				}
				want[i] = line
			}
			got := exactStory(t, c, test.references, test.options)
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMakeExactReadsWhatHasNoTag(t *testing.T) {
	t.Parallel()
	c := story(t, `{"id": "A", "kind": "image", "tags": ["a"]}, {"id": "N", "kind": "index", "children": ["M", "m"]}, {"id": "M", "kind": "index", "children": ["n"]},
		{"id": "m", "kind": "image"}, {"id": "n", "kind": "image"}, {"id": "gone", "kind": "image", "missing": true}`, anyPolicy)
	got := exactStory(t, c, []string{"N:", "gone:"}, prune.ExactOptions{})
	if diff := cmp.Diff([]string{"M", "N", "m", "missing " + string(c.Digest("gone")), "n"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A list of referrers is never edited, so that what it names stays, and it stays itself while
// what it names does.
func TestMakeExactLeavesListsOfReferrersAlone(t *testing.T) {
	t.Parallel()
	c := story(t, `{"id": "A", "kind": "image", "tags": ["a"]}, {"id": "R", "kind": "referrer", "subject": "A"},
		{"id": "L", "kind": "fallback", "tags": ["sha256-{A}"], "lists": ["R"]}`, anyPolicy, `"referrers": "fallback"`)
	for reference, want := range map[string][]string{
		"R:": {"needed R by L"}, "sha256-{A}": {"needed L by R"}, "a": {"A", "L", "R"},
	} {
		if diff := cmp.Diff(want, exactStory(t, c, []string{reference}, prune.ExactOptions{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reference, diff)
		}
	}
	if got := exactStory(t, c, []string{"R:", "sha256-{A}"}, prune.ExactOptions{}); !slices.Equal(got, []string{"L", "R"}) {
		t.Error(got)
	}
}

func TestMakeExactRefusesBrokenTags(t *testing.T) {
	t.Parallel()
	c := story(t, `{"id": "A", "kind": "image", "tags": ["a"]}, {"id": "G", "kind": "image", "tags": ["broken"]}`, anyPolicy, `"faults": {"gone": ["G"]}`)
	for _, test := range []struct {
		references []string
		options    prune.ExactOptions
		want       []string
	}{
		{[]string{"a"}, prune.ExactOptions{}, []string{"broken broken"}},
		{[]string{"broken"}, prune.ExactOptions{}, []string{"broken broken"}},
		{[]string{"a"}, prune.ExactOptions{Broken: 1}, []string{"A"}},
		{[]string{"a", "broken"}, prune.ExactOptions{Broken: 1}, []string{"A", "missing broken"}},
	} {
		if diff := cmp.Diff(test.want, exactStory(t, c, test.references, test.options)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.references, diff)
		}
	}
}

func TestMakeExactRefusesAListThatLacksATag(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.PutImage("team/app", "one", "a", "b")
	reg.Intercept(0, fakeregistry.On(http.MethodGet, "/v2/team/app/tags/list"), fakeregistry.Answer(http.StatusOK, nil, `{"name":"team/app","tags":["a"]}`))
	_, err := prune.MakeExact(t.Context(), newClient(t, cases.Registry, reg), "team/app", []string{"b"}, nil)
	if e, ok := errors.AsType[*prune.IncompleteError](err); !ok || e.Tag != "b" || errors.Is(err, regret.ErrNotFound) {
		t.Errorf("%T: %v", err, err)
	}
	failing := fakeregistry.Errors(http.StatusForbidden, "DENIED", "no")
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		reg.Intercept(0, fakeregistry.On(method, "/v2/team/app/manifests/b"), failing)
	}
	_, err = prune.MakeExact(t.Context(), newClient(t, cases.Registry, reg), "team/app", []string{"b"}, nil)
	if e, ok := errors.AsType[*prune.IncompleteError](err); !ok || e.Tag != "b" || !errors.Is(err, regret.ErrForbidden) {
		t.Errorf("%T: %v", err, err)
	}
}

func TestMakeExactRefusesWhatIsNoReference(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.PutImage("team/app", "one", "a")
	for _, references := range [][]string{nil, {}, {"a", "-a"}, {"sha256:123"}, {"team/app:a"}, {""}} {
		_, err := prune.MakeExact(t.Context(), newClient(t, cases.Registry, reg), "team/app", references, nil)
		if e, ok := errors.AsType[*policy.Error](err); !ok || e.Field != "references" {
			t.Errorf("%q: %T: %v", references, err, err)
		}
	}
	if n := len(reg.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

func TestMakeExactSendsTheRequestsOfReading(t *testing.T) {
	t.Parallel()
	c := story(t, exactRepository, anyPolicy, `"referrers": "api"`)
	for _, test := range []struct {
		references []string
		want       map[string]int // as Read, and a HEAD and a GET for a tag that is not there
	}{
		{[]string{"1.3"}, map[string]int{"GET list": 1, "GET tag": 12, "GET digest": 1, "GET referrers": 3}},
		{[]string{"1.4"}, map[string]int{"GET list": 1, "GET tag": 12}},
		{[]string{"none"}, map[string]int{"GET list": 1, "GET tag": 13, "HEAD tag": 1}},
	} {
		reg := c.Serve()
		_, _ = prune.MakeExact(t.Context(), newClient(t, cases.Registry, reg), c.Repository, test.references, nil)
		var sent []string
		for _, req := range reg.Requests() {
			sent = append(sent, req.String())
		}
		if diff := cmp.Diff(test.want, tally(sent)); diff != "" {
			t.Errorf("%v (-want +got):\n%s%v", test.references, diff, sent)
		}
	}
}
