package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// What one index says of a manifest must not change what becomes of another one that lists it.
func TestAnIndexCannotMisleadAboutWhatOthersList(t *testing.T) {
	t.Parallel()
	t.Run("that it is no index", func(t *testing.T) {
		t.Parallel()
		r := newRepository()
		shared := r.image("shared", 90, 1)
		inner := r.index([]regret.Descriptor{shared})
		r.index([]regret.Descriptor{inner}, "kept")
		r.index([]regret.Descriptor{shared, r.image("alone", 90, 1)}, "old")
		inner.MediaType = regret.MediaTypeDockerManifest // which sorts before the right one
		r.index([]regret.Descriptor{inner}, "liar")
		gone := map[regret.Digest]bool{}
		for s := range r.plan(t, `{"version":1,"remove":[{"tags":"old"}]}`).Steps() {
			gone[s.Digest] = true
		}
		if len(gone) != 2 || gone[shared.Digest] {
			t.Errorf("%v go, want the old index and what only it lists", gone)
		}
	})
	t.Run("that it is an attestation", func(t *testing.T) {
		t.Parallel()
		r := newRepository()
		young := r.image("young", 1, 1)
		r.push(ocispec.MediaTypeImageIndex, map[string]any{
			"manifests":   []regret.Descriptor{on(young, "linux", "amd64")},
			"annotations": map[string]string{"org.opencontainers.image.created": "2020-01-01T00:00:00Z"},
		}, "rebuilt")
		r.index([]regret.Descriptor{on(young, "unknown", "unknown")}, "liar")
		p := r.plan(t, `{"version":1,"remove":[{"tags":"*","older-than":"30d"}]}`)
		if diff := cmp.Diff([]string(nil), removed(p)); diff != "" {
			t.Errorf("tags that go (-want +got):\n%s", diff)
		}
	})
	t.Run("that an attestation runs", func(t *testing.T) {
		t.Parallel()
		r := newRepository()
		attestation := r.image("attestation", 90, 1)
		r.index([]regret.Descriptor{on(attestation, "unknown", "unknown")}, "undated")
		r.index([]regret.Descriptor{attestation, r.image("young", 1, 1)}, "liar")
		p := r.plan(t, `{"version":1,"remove":[{"tags":"*","older-than":"30d"}]}`)
		if diff := cmp.Diff([]string(nil), removed(p)); diff != "" {
			t.Errorf("tags that go (-want +got):\n%s", diff)
		}
	})
}

// Registries written in Go read keys in upper and lower case, and keep what such an index
// lists when they collect garbage.
func TestKeysOfManifestsAreReadInEitherCase(t *testing.T) {
	t.Parallel()
	r := newRepository()
	shared := r.image("shared", 90, 1)
	r.push(ocispec.MediaTypeImageIndex, map[string]any{"Manifests": []map[string]any{{"Digest": shared.Digest, "mediaType": shared.MediaType}}}, "kept")
	r.index([]regret.Descriptor{shared, r.image("alone", 90, 1)}, "old")
	for s := range r.plan(t, `{"version":1,"remove":[{"tags":"old"}]}`).Steps() {
		if s.Digest == shared.Digest {
			t.Error("what an index lists goes although the index stays")
		}
	}
	t.Run("but not in both", func(t *testing.T) {
		t.Parallel()
		raw := fmt.Appendf(nil, `{"schemaVersion":2,"manifests":[],"Manifests":[{"digest":%q}]}`, shared.Digest)
		if _, err := plan.ReadReferences(raw); err == nil {
			t.Error("there is no error, although readers differ in what the index lists")
		}
	})
}

// A manifest has one subject. If a registry says that it has two, the plan must not depend on
// which it said first.
func TestARegistryCannotGiveAReferrerTwoSubjects(t *testing.T) {
	t.Parallel()
	s := plan.NewSnapshot("registry.example.com", "acme/app", plan.Options{})
	referrer := []regret.Descriptor{{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("referrer"), Size: 1}}
	ask := func(subject string) plan.Question {
		return plan.Question{Kind: plan.AskReferrers, Digest: digest.FromString(subject)}
	}
	if err := s.Referrers(ask("a"), referrer); err != nil {
		t.Fatal(err)
	}
	if err := s.Referrers(ask("a"), referrer); err != nil {
		t.Errorf("the same subject again: %v", err)
	}
	if err := s.Referrers(ask("b"), referrer); err == nil {
		t.Error("there is no error for another subject")
	}
}

// Each referrer is an index that lists an image with a referrer of its own. The registry makes
// up the next one only when it is asked.
func TestARegistryCannotKeepPlanningBusyForEver(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("old", 90, 1, "old")
	p, err := policy.Parse([]byte(`{"version":1,"remove":[{"tags":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	s := plan.NewSnapshot("registry.example.com", "acme/app", plan.Options{})
	s.AddTag("old")
	const rounds = 200
	for round := range rounds {
		d, err := plan.Decide(p, s, now)
		if limit, ok := errors.AsType[*plan.LimitError](err); ok {
			if limit.Digest == "" || limit.Limit != "32 steps from a tag" {
				t.Errorf("the limit is %+v", limit)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for q := range d.Missing() {
			if m := r.manifests[q.Digest]; q.Kind == plan.AskReferrers && m.Descriptor.MediaType == ocispec.MediaTypeImageManifest {
				r.push(ocispec.MediaTypeImageIndex, map[string]any{
					"subject": m.Descriptor, "manifests": []regret.Descriptor{r.image(fmt.Sprint(round), 90, 1)},
				})
			}
			if err := r.answer(s, q); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Errorf("after %d rounds there are still questions", rounds)
}

func TestErrorsAboutManifestsAreShortAndPrintable(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("\u202ename", 100_000)
	for _, raw := range []string{
		fmt.Sprintf(`{%[1]q:1,%[1]q:2}`, name), fmt.Sprintf(`{"annotations":{"%s":1}}`, name), fmt.Sprintf(`{"manifests":[{"digest":"%s"}]}`, name),
	} {
		_, err := plan.ReadReferences([]byte(raw))
		if err == nil || len(err.Error()) > 1<<10 || strings.Contains(err.Error(), "\u202e") {
			t.Errorf("%.100s: %.2000v", raw, err)
		}
	}
}
