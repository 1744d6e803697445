// Package measure runs one client on one piece of work and measures what it costs.
package measure

import (
	"fmt"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// A Work is the kind of work that is measured.
type Work string

// The kinds of work: resolve and delete a number of tags, or list them.
const (
	Delete    Work = "resolve and delete"
	ListPages Work = "list in pages of 1,000"
	ListWhole Work = "list in one body"
)

// A Cell is one combination of work and conditions.
type Cell struct {
	Server   registry.Kind
	Work     Work
	Tags     int
	Protocol registry.Protocol
	Callers  int
	Latency  time.Duration
	Bearer   bool
}

// String describes the cell in the report.
func (c Cell) String() string {
	auth := "anonymous"
	if c.Bearer {
		auth = "Bearer"
	}
	callers := fmt.Sprintf("%d callers", c.Callers)
	if c.Callers == 1 {
		callers = "1 caller"
	}
	name := fmt.Sprintf("%s, %d tags, %s, %s, %d ms added, %s", c.Work, c.Tags, c.Protocol, callers, c.Latency.Milliseconds(), auth)
	if c.Server != registry.Minimal {
		name = fmt.Sprintf("%s: %s", c.Server, name)
	}
	return name
}

func (c Cell) settings() registry.Settings {
	s := registry.Settings{Latency: c.Latency, Bearer: c.Bearer}
	switch c.Work {
	case Delete:
		s.Tags = c.Tags
	case ListPages:
		s.Listed, s.PageSize = c.Tags, 1000
	case ListWhole:
		s.Listed = c.Tags
	}
	return s
}

// Callers returns the numbers of concurrent callers that are measured.
func Callers() []int { return []int{1, 16, 64} }

// Latencies returns the latencies that the server adds to every response.
func Latencies() []time.Duration { return []time.Duration{0, 20 * time.Millisecond} }

// Cells returns all cells. With added latency, a single caller gets a tenth of the tags: the time is
// almost all latency, and grows with the number of tags. Distribution 3 gets a fifth of them,
// because it looks at every tag for each deletion.
func Cells(tags int) []Cell {
	var cells []Cell
	for _, latency := range Latencies() {
		for _, bearer := range []bool{false, true} {
			for _, protocol := range registry.Protocols() {
				for _, callers := range Callers() {
					n := tags
					if latency > 0 && callers == 1 {
						n = max(tags/10, 1)
					}
					cells = append(cells, Cell{Work: Delete, Tags: n, Protocol: protocol, Callers: callers, Latency: latency, Bearer: bearer})
				}
			}
		}
	}
	for _, callers := range Callers() {
		cells = append(cells, Cell{Server: registry.Distribution3, Work: Delete, Tags: max(tags/5, 1), Protocol: registry.HTTP, Callers: callers})
	}
	return append(cells,
		Cell{Work: ListPages, Tags: 200_000, Protocol: registry.HTTP, Callers: 1},
		Cell{Work: ListWhole, Tags: 1_000_000, Protocol: registry.HTTP, Callers: 1})
}
