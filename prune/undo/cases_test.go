package undo_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// planOf plans a case; nil if there is no plan, or nothing to do.
func planOf(t *testing.T, c *cases.Case, reg *fakeregistry.Registry) *plan.Plan {
	t.Helper()
	p, err := policy.Parse(c.PolicyJSON())
	if err != nil {
		return nil
	}
	o := prune.ReadOptions{At: c.Now}
	for _, rule := range p.Keep() {
		if file, ok := c.Files[rule.File()]; ok {
			list, err := policy.ParseInUse(rule.File(), strings.NewReader(file.Content), file.Modified)
			if err != nil {
				return nil
			}
			o.InUse = append(o.InUse, list)
		}
	}
	if lister, ok := c.Lister(); ok {
		o.Lister = lister
	}
	made, err := prune.Make(t.Context(), newClient(t, reg), c.Repository, p, &o)
	if err != nil || made.Totals().Tags+made.Totals().Manifests == 0 {
		return nil
	}
	return made
}

// TestEveryCaseComesBack archives what each case takes away, deletes it and restores it: the
// repository is as it was, bytes and tags, also after a deletion that was interrupted.
func TestEveryCaseComesBack(t *testing.T) {
	t.Parallel()
	loaded, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	planned := 0
	for _, c := range loaded {
		if !c.Faults.IsZero() || c.Repository != repository {
			continue
		}
		for _, half := range []bool{false, true} {
			reg := c.Serve()
			p := planOf(t, c, reg)
			if p == nil {
				break
			}
			planned++
			f := &fixture{reg: reg, client: newClient(t, reg), plan: p, store: newMemory()}
			for _, m := range c.Manifests {
				f.all = append(f.all, c.Digest(m.ID))
			}
			f.before = f.state(t)
			f.archive(t)
			steps := -1
			if half {
				steps = (p.Totals().Manifests + 1) / 2
			}
			f.apply(t, steps)
			report := f.restore(t, nil)
			if diff := cmp.Diff(f.before, f.state(t)); diff != "" {
				t.Errorf("%s: the repository (-before +after):\n%s\n%v", c.ID, diff, report)
			}
			if !report.IsComplete() {
				t.Errorf("%s: %v", c.ID, report)
			}
		}
	}
	if planned < 80 {
		t.Errorf("only %d plans delete something", planned)
	}
}

func TestRestoreUnderADigestThatARegistryDoesNotKnow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	raw := []byte(strings.SplitN(f.before.Manifests[f.image.Digest], "\n", 2)[1])
	sha512 := &regret.Manifest{Descriptor: regret.Descriptor{MediaType: f.image.MediaType, Digest: sha512Of(raw), Size: int64(len(raw))}, Raw: raw}
	f = &fixture{reg: f.reg, client: f.client, store: newMemory(), all: []regret.Digest{sha512.Descriptor.Digest}}
	if err := f.client.PutManifest(t.Context(), repository, sha512.Descriptor.Digest.String(), sha512); err != nil {
		t.Fatal(err)
	}
	f.reg.SetTag(repository, "pr-512", sha512.Descriptor.Digest)
	f.plan = makePlan(t, f.reg, `{"version": 1, "remove": [{"tags": "pr-512"}], "limits": {"max-percent": 100}}`)
	f.before = f.state(t)
	f.archive(t)
	if _, ok := f.store.files[blobName(sha512.Descriptor.Digest)]; !ok {
		t.Errorf("it is not in the archive: %v", f.store.names())
	}
	f.apply(t, -1)
	report := f.restore(t, nil)
	if result := resultOf(t, report, sha512.Descriptor.Digest.String()); result.Status != undo.Restored {
		t.Error(result)
	}
	if diff := cmp.Diff(f.before.Manifests, f.state(t).Manifests); diff != "" {
		t.Errorf("the manifest (-before +after):\n%s", diff)
	}
	t.Run("a registry that gives it another digest under its tag is found out", func(t *testing.T) {
		found, _ := f.reg.Tag(repository, "pr-512")
		result := resultOf(t, report, "pr-512")
		if result.Status != undo.Refused || result.Found != found || found == sha512.Descriptor.Digest {
			t.Errorf("it points to %s: %v", found, result)
		}
	})
	t.Run("a registry that does not know the algorithm refuses it", func(t *testing.T) {
		f.apply(t, -1)
		f.reg.Intercept(0, fakeregistry.On(http.MethodPut, "/v2/"+repository+"/manifests/sha512:"),
			fakeregistry.Errors(http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content"))
		result := resultOf(t, f.restore(t, nil), sha512.Descriptor.Digest.String())
		if result.Status != undo.Refused || !errors.Is(result.Err, regret.CodeDigestInvalid) {
			t.Errorf("got %v", result)
		}
	})
}
