package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A repository may have one tag and very many manifests without a tag, if a list names them.
func TestWhatAListNamesIsWithinLimits(t *testing.T) {
	t.Parallel()
	p, err := policy.Parse([]byte(`{"version":1,"remove":[{"untagged":true}],"limits":{"max-images":100000}}`))
	if err != nil {
		t.Fatal(err)
	}
	r := newRepository()
	r.image("tagged", 1, 1, "main")
	s := plan.NewSnapshot("registry.example.com", "acme/app", plan.Options{})
	s.NoReferrersAPI()
	s.AddTag("main")
	const untagged = 50_000
	for n := range untagged {
		raw := fmt.Appendf(nil, `{"schemaVersion":2,"annotations":{"n":"%d"}}`, n)
		d := regret.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
		r.manifests[d.Digest] = &regret.Manifest{Descriptor: d, Raw: raw}
		if err := s.AddListed(regret.ListEntry{Descriptor: d, Uploaded: now.AddDate(0, 0, -3)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		d, err := plan.Decide(p, s, now)
		if err != nil {
			t.Fatal(err)
		}
		questions := slices.Collect(d.Missing())
		if len(questions) > 0 {
			for _, q := range questions {
				if err := r.answer(s, q); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		made, err := d.Plan()
		if err != nil || made.Totals().Manifests != untagged {
			t.Fatalf("%+v, %v", made.Totals(), err)
		}
		g, err := made.Guard()
		if err == nil {
			err = g.CheckLimits()
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
	t.Error("deciding asks for ever")
}
