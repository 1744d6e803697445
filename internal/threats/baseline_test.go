package threats_test

import (
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Without a threat every operation succeeds over every transport, so that a failure in another test
// is due to its threat.
func TestWithoutThreats(t *testing.T) {
	t.Parallel()
	succeeds := func(t *testing.T, s *testServer, op operation) {
		if err := op.run(s.ctx(), s.client(), s); err != nil {
			t.Error(err)
		}
	}
	more := []operation{resolveDigest, manifestByDigest, repositories, referrers, hasReferrers, ping, resolveAndDelete}
	eachOperation(t, append(allTransports(), plainHTTP), append(allOperations(), more...), succeeds)
}

// A bulk deletion deletes each manifest once.
func TestBulkDeletesEverything(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		if err := bulkDelete.run(s.ctx(), s.client(), s); err != nil {
			t.Error(err)
		}
		if n := len(s.registry.Writes()); n != 2 || len(s.registry.Tags(repo)) != 0 {
			t.Errorf("%d writes, want 2; remaining tags: %v", n, s.registry.Tags(repo))
		}
	}, fakeregistry.WithPageCap(2))
}
