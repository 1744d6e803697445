package main_test

import (
	"fmt"
	"testing"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// A burst of callers opens about twice as many connections as there are callers at worst: net/http dials for
// each request that finds no idle connection, and keeps dialing when another one serves the request
// meanwhile. Over HTTP/2 the first request goes ahead, and its connection serves all. After the burst
// no connection is opened.
func TestConnectionsAreOpenedInTheFirstBurstOnly(t *testing.T) {
	const tags, callers, few = 1000, 64, 4
	for _, protocol := range registry.Protocols() {
		for _, bearer := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, bearer %t", protocol, bearer), func(t *testing.T) {
				limit := int64(2 * callers)
				if protocol == registry.H2 {
					limit = few
				}
				reset(t, registry.Settings{Tags: 2 * tags, Bearer: bearer})
				c := openClient(t, clients.Ours, clients.Setup{Protocol: protocol, Callers: callers, Bearer: bearer})
				work := func(tags []string) int64 {
					succeed(t, measure.Bulk(callers, tags, func(tag string) error {
						return c.ResolveDelete(t.Context(), registry.Repository, tag)
					}))
					return counts(t).Connections
				}
				all := measure.Tags(2 * tags)
				first := work(all[:tags])
				if second := work(all[tags:]); first > limit || second != first {
					t.Errorf("%d connections after %d tags, %d after twice as many; want at most %d, and no more of them", first, tags, second, limit)
				}
				if deleted := counts(t).Deleted; deleted != 2*tags {
					t.Errorf("%d manifests deleted, want %d", deleted, 2*tags)
				}
			})
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
