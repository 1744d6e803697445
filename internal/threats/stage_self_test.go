package threats_test

import (
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Without a threat every operation succeeds, whichever way it goes: what fails
// elsewhere fails because of the threat.
func TestWithoutThreats(t *testing.T) {
	t.Parallel()
	succeeds := func(t *testing.T, s *stage, op operation) {
		if err := op.run(s.ctx(), s.client(), s); err != nil {
			t.Error(err)
		}
	}
	more := []operation{resolveDigest, manifestByDigest, repositories, referrers, ping, resolveAndDelete}
	eachOperation(t, append(anyWay(), plain), append(all(), more...), succeeds)
}

// A bulk deletion deletes what is there, each manifest once.
func TestBulkDeletesEverything(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
		if err := bulk.run(s.ctx(), s.client(), s); err != nil {
			t.Error(err)
		}
		if n := len(s.registry.Writes()); n != 2 || len(s.registry.Tags(repo)) != 0 {
			t.Errorf("%d writes leave %v", n, s.registry.Tags(repo))
		}
	}, fakeregistry.WithPageCap(2))
}
