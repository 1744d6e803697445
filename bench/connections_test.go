package main_test

import (
	"fmt"
	"testing"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

func TestBulkOpensNoMoreConnectionsThanCallers(t *testing.T) {
	const tags = 1000
	for _, protocol := range registry.Protocols() {
		for _, callers := range measure.Callers() {
			for _, bearer := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s with %d callers, bearer %t", protocol, callers, bearer), func(t *testing.T) {
					limit := int64(callers)
					if protocol == registry.H2 {
						limit = 1
					}
					reset(t, registry.Settings{Tags: tags, Bearer: bearer})
					c := openClient(t, clients.Ours, clients.Setup{Protocol: protocol, Callers: callers, Bearer: bearer})
					succeed(t, measure.Bulk(callers, measure.Tags(tags), func(tag string) error {
						return c.ResolveDelete(t.Context(), registry.Repository, tag)
					}))
					if got := counts(t); got.Connections > limit || got.Deleted != tags {
						t.Errorf("%d connections, want at most %d; %d deleted, want %d", got.Connections, limit, got.Deleted, tags)
					}
				})
			}
		}
	}
}

func TestPagedListUsesOneConnection(t *testing.T) {
	const tags = 20_000
	for _, protocol := range registry.Protocols() {
		t.Run(string(protocol), func(t *testing.T) {
			reset(t, registry.Settings{Listed: tags, PageSize: 1000})
			n, err := openClient(t, clients.Ours, clients.Setup{Protocol: protocol, Callers: 1}).List(t.Context(), registry.Repository)
			succeed(t, err)
			if got := counts(t).Connections; n != tags || got != 1 {
				t.Errorf("%d tags over %d connections, want %d over 1", n, got, tags)
			}
		})
	}
}
