package plan_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// casePlans returns the plans of all scenarios that have one, by id.
func casePlans(tb testing.TB) map[string]*plan.Plan {
	tb.Helper()
	all, err := cases.Load()
	if err != nil {
		tb.Fatal(err)
	}
	plans := map[string]*plan.Plan{}
	for _, c := range all {
		if _, p, err := decideCase(c); err == nil && p != nil {
			plans[c.ID] = p
		}
	}
	if len(plans) < 50 {
		tb.Fatalf("only %d scenarios have a plan", len(plans))
	}
	return plans
}

// paper returns what WriteTo writes.
func paper(tb testing.TB, p *plan.Plan) []byte {
	tb.Helper()
	var b bytes.Buffer
	n, err := p.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		tb.Fatalf("wrote %d bytes, said %d: %v", b.Len(), n, err)
	}
	return b.Bytes()
}

var samePlan = cmp.Options{cmp.AllowUnexported(plan.Plan{}), cmpopts.EquateEmpty()}

func TestReadAcceptsWhatWriteToWrites(t *testing.T) {
	t.Parallel()
	for id, p := range casePlans(t) {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			written := paper(t, p)
			got, err := plan.Read(bytes.NewReader(written))
			if err != nil {
				t.Fatalf("%v\n%s", err, written)
			}
			if diff := cmp.Diff(p, got, samePlan); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(string(written), string(paper(t, got))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
