package main_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// A burst of callers opens at most twice as many connections as there are callers: net/http dials for
// each request that finds no idle connection, and keeps dialing when another one serves the request
// meanwhile. Over HTTP/2 the first request goes ahead, and its connection serves all. After the burst
// no connection is opened.
//
// A busy machine stretches the handshakes of the burst, and with them the time in which requests dial. The
// limit must therefore hold in one of a few bursts; that nothing is opened afterwards must hold in each.
func TestConnectionsAreOpenedInTheFirstBurstOnly(t *testing.T) {
	const callers, few, bursts = 64, 4, 5
	for _, protocol := range registry.Protocols() {
		for _, bearer := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, bearer %t", protocol, bearer), func(t *testing.T) {
				limit := int64(2 * callers)
				if protocol == registry.H2 {
					limit = few
				}
				var opened []int64
				for range bursts {
					opened = append(opened, connectionsOfBurst(t, clients.Setup{Protocol: protocol, Callers: callers, Bearer: bearer}))
					if slices.Min(opened) <= limit {
						return
					}
				}
				t.Errorf("the bursts opened %d connections; want at most %d", opened, limit)
			})
		}
	}
}

// connectionsOfBurst lets the callers of a new client delete 1,000 tags and returns the connections that
// were opened. The test fails if deleting as many again opens another one.
func connectionsOfBurst(t *testing.T, setup clients.Setup) int64 {
	t.Helper()
	const tags = 1000
	reset(t, registry.Settings{Tags: 2 * tags, Bearer: setup.Bearer})
	c := openClient(t, clients.Ours, setup)
	work := func(tags []string) int64 {
		succeed(t, measure.Bulk(setup.Callers, tags, func(tag string) error {
			return c.ResolveDelete(t.Context(), registry.Repository, tag)
		}))
		return counts(t).Connections
	}
	all := measure.Tags(2 * tags)
	first := work(all[:tags])
	if second := work(all[tags:]); second != first {
		t.Errorf("%d connections after %d tags, %d after twice as many; want no more of them", first, tags, second)
	}
	if deleted := counts(t).Deleted; deleted != 2*tags {
		t.Errorf("%d manifests deleted, want %d", deleted, 2*tags)
	}
	return first
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
