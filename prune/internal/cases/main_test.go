package cases_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

// TestMain fails if a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load returns all cases of testdata.
func load(t *testing.T) []*cases.Case {
	t.Helper()
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// named returns the case of testdata with an id.
func named(t *testing.T, id string) *cases.Case {
	t.Helper()
	for _, c := range load(t) {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no case %s", id)
	return nil
}

// parse returns a case with the given members besides those that every case has.
func parse(t *testing.T, members string) *cases.Case {
	t.Helper()
	all, err := cases.Parse(line(members))
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// line returns the line of a case with the given members besides those that every case has.
func line(members string) []byte {
	members = strings.NewReplacer("\n", "", "\t", "").Replace(members)
	return []byte(`{"id":"test","kinds":["test"],"now":"2026-11-26T12:00:00Z","policy":{"version":1},` + members + "}\n")
}

// newClient returns a client of the registry of the cases that retries without waiting.
func newClient(t *testing.T, reg *fakeregistry.Registry) *regret.Client {
	t.Helper()
	retries := regret.DefaultRetries()
	retries.WaitMin, retries.WaitMax = 0, 0
	client, err := regret.New(cases.Registry, regret.WithTransport(reg), regret.WithRetries(retries))
	if err != nil {
		t.Fatal(err)
	}
	return client
}
