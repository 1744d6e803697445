package prune_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// TestMain fails if a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient returns a client of a registry under a name, which retries nothing.
func newClient(t tester, name string, reg *fakeregistry.Registry) *regret.Client {
	t.Helper()
	client, err := regret.New(name, regret.WithTransport(reg), regret.WithRetries(regret.Retries{}))
	if err != nil {
		t.Fatal(err)
	}
	return client
}
