package apply_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestRetryFailed carries out a plan with the journal of a run that got to its end, in which a step
// failed.
func TestRetryFailed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status  int
		code    string
		retry   bool
		deletes []string // of the second run
		deleted int
	}{
		"what failed is tried again, and nothing else": {500, "UNKNOWN", true, []string{"DELETE image 202"}, 2},
		"without it, the first report is returned":     {500, "UNKNOWN", false, nil, 1},
		"what was refused is not tried again":          {405, "REGISTRY_DISALLOWED_OPERATION", true, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := twoTags(t)
			f.on(1, "DELETE", string(f.digest("image")), deny(test.status, test.code))
			journal := new(memoryJournal)
			f.options.Journal, f.options.RetryFailed = journal, test.retry
			if first, err := f.run(); err != nil || first.Count(apply.Deleted) != 1 {
				t.Fatalf("%v, %v", first, err)
			}
			f.reg.ResetLog()
			f.options.Journal = &memoryJournal{data: journal.data}
			second := f.apply()
			if n := second.Count(apply.Deleted); n != test.deleted || !second.Resumed {
				t.Errorf("%d deleted: %s", n, second)
			}
			if diff := cmp.Diff(test.deletes, f.sent("DELETE")); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}
