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

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// at is the time of the stories.
var at = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func parsePolicy(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	const (
		nightly = `{"id": "N", "kind": "image", "tags": ["nightly-1"], "created": {"config": "2026-01-01T00:00:00Z"}}`
		index   = `{"id": "X", "kind": "index", "tags": ["nightly-1"], "children": ["x"]}, {"id": "x", "kind": "image"}`
		nested  = `{"id": "X", "kind": "index", "tags": ["v1"], "children": ["Y"]}, {"id": "Y", "kind": "index", "children": ["y"]}, {"id": "y", "kind": "image"}`
	)
	const failing = http.StatusBadGateway
	for name, test := range map[string]struct {
		c      *cases.Case
		fail   string // the path, below the repository, of requests that fail
		detail prune.IncompleteDetail
		tag    string
		id     string // of the manifest, or "config ID"
	}{
		"a page of the list":                           {story(t, nightly, oldGo, `"faults": {"list": "truncated"}`), "", prune.IncompleteList, "", ""},
		"the list of a repository that does not exist": {story(t, nightly, oldGo, `"repository": "team/none"`), "list", prune.IncompleteList, "", ""},
		"the list of a native API":                     {story(t, nightly, oldGo, `"listing": "lister"`, `"faults": {"list": "truncated"}`), "", prune.IncompleteList, "", ""},
		"a tag":                                        {story(t, nightly, oldGo), "manifests/nightly-1", prune.IncompleteManifest, "nightly-1", ""},
		"a tag of a manifest that cannot be parsed":    {story(t, nightly, oldGo, `"faults": {"unparsable": ["N"]}`), "", prune.IncompleteManifest, "nightly-1", ""},
		"the second list":                              {story(t, nightly, oldGo, `"faults": {"gone": ["N"]}`), "second list", prune.IncompleteList, "", ""},
		"a child that may go":                          {story(t, index, nightlyGo), "manifests/{x}", prune.IncompleteIndex, "", "x"},
		"a child that cannot be parsed":                {story(t, index, nightlyGo, `"faults": {"unparsable": ["x"]}`), "", prune.IncompleteIndex, "", "x"},
		"an index in an index":                         {story(t, nested, oldGo), "manifests/{Y}", prune.IncompleteIndex, "", "Y"},
		"an index in an index that cannot be parsed":   {story(t, nested, oldGo, `"faults": {"unparsable": ["Y"]}`), "", prune.IncompleteIndex, "", "Y"},
		"a configuration":                              {story(t, nightly, oldGo), "blobs/", prune.IncompleteConfig, "", "config N"},
		"whether there is a referrers API":             {story(t, nightly, nightlyGo), "referrers/", prune.IncompleteReferrers, "", "N"},
		"the referrers":                                {story(t, nightly, nightlyGo, `"referrers": "api"`), "second referrers", prune.IncompleteReferrers, "", "N"},
		"an in-use digest":                             {story(t, nightly+`, {"id": "U", "kind": "image"}`, `{"version": 1, "keep": [{"file": "u"}], "remove": [{"tags": "nightly-*"}]}`, `"files": {"u": {"content": "team/app@sha256:{U}", "modified": "2026-11-26T11:00:00Z"}}`), "manifests/{U}", prune.IncompleteManifest, "", "U"},
		"what a companion tag belongs to, for orphans": {story(t, `{"id": "s", "kind": "cosign", "tags": ["sha256-{N}.sig"]}, {"id": "N", "kind": "image", "missing": true}`, `{"version": 1, "remove": [{"orphans": true}]}`), "manifests/{N}", prune.IncompleteManifest, "", "N"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := test.c.Serve()
			digestOf := func(id string) regret.Digest {
				if config, ok := strings.CutPrefix(id, "config "); ok {
					return test.c.Content(config).Config.Descriptor.Digest
				}
				return test.c.Digest(id)
			}
			seen := 0
			reg.Intercept(0, func(req *http.Request) bool {
				switch test.fail {
				case "":
					return false
				case "list":
					return strings.HasSuffix(req.URL.Path, "/tags/list")
				case "second list", "second referrers":
					if strings.Contains(req.URL.Path, strings.Fields(test.fail)[1]) {
						seen++
					}
					return seen > 1
				}
				before, id, _ := strings.Cut(strings.TrimSuffix(test.fail, "}"), "{")
				return strings.Contains(req.URL.Path, before+digestOf(id).String())
			}, fakeregistry.Errors(failing, "UNKNOWN", "it fails"))
			_, p, err := planCase(t, test.c, newClient(t, cases.Registry, reg), prune.ReadOptions{})
			e, ok := errors.AsType[*prune.IncompleteError](err)
			if !ok || p != nil {
				t.Fatalf("a plan: %t; error: %v", p != nil, err)
			}
			if e.Detail != test.detail || e.Repository != test.c.Repository || e.Tag != test.tag || test.id != "" && e.Digest != digestOf(test.id) {
				t.Errorf("got %q of %s, tag %q, digest %s: %v", e.Detail, e.Repository, e.Tag, e.Digest, err)
			}
			if !strings.Contains(err.Error(), e.Tag) || !strings.Contains(err.Error(), e.Digest.String()) {
				t.Errorf("the text does not name it: %v", err)
			}
		})
	}
}

func TestNothingIsRequestedIfItCannotHelp(t *testing.T) {
	t.Parallel()
	fresh := parseInUse(t, "running", "registry.example/team/app:v1", at)
	const inUse = `{"version": 1, "keep": [{"name": "in use", "file": "running"}], "remove": [{"tags": "*"}]}`
	for name, test := range map[string]struct {
		policy  string
		options prune.ReadOptions
		want    any
	}{
		"a policy for other repositories": {`{"version": 1, "repositories": ["other/*"], "remove": [{"tags": "*"}]}`, prune.ReadOptions{}, new(*policy.Error)},
		"an in-use list that is missing":  {inUse, prune.ReadOptions{}, new(*policy.InUseError)},
		"an in-use list that is too old":  {inUse, prune.ReadOptions{InUse: []*policy.InUse{fresh}, At: at.AddDate(0, 0, 2)}, new(*policy.InUseError)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.PutImage("team/app", "hello", "v1")
			p, err := prune.Make(t.Context(), newClient(t, cases.Registry, reg), "team/app", parsePolicy(t, test.policy), &test.options)
			if p != nil || !errors.As(err, test.want) {
				t.Errorf("a plan: %t; error: %v", p != nil, err)
			}
			if sent := reg.Requests(); len(sent) > 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

func parseInUse(t *testing.T, name, content string, made time.Time) *policy.InUse {
	t.Helper()
	list, err := policy.ParseInUse(name, strings.NewReader(content), made)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestLimitsNameTagAndDigest(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(loadCases(t), func(c *cases.Case) bool { return c.ID == "nested-too-deep" })
	c := loadCases(t)[i]
	_, _, err := planCase(t, c, newClient(t, cases.Registry, c.Serve()), prune.ReadOptions{})
	e, ok := errors.AsType[*prune.IncompleteError](err)
	if !ok || e.Detail != prune.IncompleteLimit || e.Tag != "deep" || e.Digest != c.Digest("X") {
		t.Fatalf("got %v", err)
	}
	if _, ok := errors.AsType[*plan.LimitError](err); !ok {
		t.Errorf("the cause is %T", e.Err)
	}
}

// TestContextEndsReading cancels while each request is served.
func TestContextEndsReading(t *testing.T) {
	t.Parallel()
	c := story(t, `{"id": "X", "kind": "index", "tags": ["v1"], "children": ["x"]}, {"id": "x", "kind": "image", "created": {"config": "2026-01-01T00:00:00Z"}},
		{"id": "A", "kind": "image", "tags": ["v2"], "created": {"config": "2026-01-01T00:00:00Z"}}`, oldGo, `"referrers": "api"`)
	p := parsePolicy(t, oldGo)
	all := len(runCase(t, c, prune.ReadOptions{}).requests)
	for last := range all {
		ctx, cancel := context.WithCancel(t.Context())
		reg := c.Serve()
		served := 0
		reg.Intercept(0, fakeregistry.On("", "/v2/"), func(http.ResponseWriter, *http.Request) bool {
			if served++; served > last {
				cancel()
			}
			return false
		})
		_, err := prune.Make(ctx, newClient(t, cases.Registry, reg), c.Repository, p, &prune.ReadOptions{At: at, Concurrency: 1})
		if _, ok := errors.AsType[*prune.IncompleteError](err); !ok || !errors.Is(err, context.Canceled) {
			t.Errorf("ended in request %d: %v", last+1, err)
		}
		if sent := len(reg.Requests()); sent > last+1 {
			t.Errorf("ended in request %d, sent %d", last+1, sent)
		}
		cancel()
	}
}

// An endless registry yields referrers of anything for ever.
type endless struct{ prune.Reader }

func (endless) Referrers(context.Context, string, regret.Digest, ...string) iter.Seq2[regret.Descriptor, error] {
	return func(yield func(regret.Descriptor, error) bool) {
		for n := 0; yield(regret.Descriptor{Digest: digest.FromString(fmt.Sprint(n))}, nil); n++ {
		}
	}
}

func TestReferrersWithoutEndExceedALimit(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	reg.PutImage("team/app", "hello", "v1")
	reader := endless{newClient(t, cases.Registry, reg)}
	_, err := prune.Make(t.Context(), reader, "team/app", parsePolicy(t, `{"version": 1, "remove": [{"tags": "*"}]}`), nil)
	e, ok := errors.AsType[*prune.IncompleteError](err)
	if !ok || e.Detail != prune.IncompleteLimit || e.Digest == "" {
		t.Errorf("got %v", err)
	}
}
