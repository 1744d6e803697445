package prune_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
)

// TestCasesOverHTTP pushes every case that any registry can serve, plans it, and deletes it
// again. The registry is the one at the address $REGRET_PRUNE_REGISTRY, such as
// "127.0.0.1:5000", which must be empty and allow deletion; the integration tests start real
// ones. Without the variable it is a fake on loopback.
func TestCasesOverHTTP(t *testing.T) {
	address := os.Getenv("REGRET_PRUNE_REGISTRY")
	if address == "" {
		server := httptest.NewServer(fakeregistry.New())
		t.Cleanup(server.Close)
		address = strings.TrimPrefix(server.URL, "http://")
	}
	client, err := regret.New(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	hasAPI, err := client.HasReferrers(t.Context(), "team/app", digest.FromString("any"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, c := range loadCases(t) {
		if !c.RunsOnReal(hasAPI) || len(c.Manifests) == 0 {
			continue
		}
		ran++
		t.Run(c.ID, func(t *testing.T) {
			defer empty(t, client, c)
			if err := c.Push(t.Context(), client, c.Repository); err != nil {
				t.Fatal(err)
			}
			got := planWith(t, c.OnRegistry(address), client, prune.ReadOptions{})
			for _, difference := range cases.Compare(c, got.result) {
				t.Error(difference)
			}
			if t.Failed() {
				t.Log(got.text)
			}
		})
	}
	if ran < 50 {
		t.Errorf("only %d cases can run", ran)
	}
}

// empty deletes the manifests of a case.
func empty(t *testing.T, client *regret.Client, c *cases.Case) {
	t.Helper()
	for _, m := range c.Manifests {
		err := client.DeleteManifest(t.Context(), c.Repository, c.Digest(m.ID))
		if err != nil && !errors.Is(err, regret.ErrNotFound) {
			t.Error(err)
		}
	}
}
