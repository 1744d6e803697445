package regret

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// maxGrants bounds the repositories whose tokens are kept.
const maxGrants = 4096

// A grant is an Authorization header and what it is good for.
type grant struct {
	header  string
	actions []string
	expires time.Time
}

// grants keeps headers by resource, found by any action they cover, and lets
// one caller fetch what many wait for. There is no goroutine behind it: whoever
// comes first fetches within its own context, and if that ends, the next one
// takes over.
type grants struct {
	mu      sync.Mutex
	kept    map[resource][]grant
	flights map[purpose]*flight
}

// A purpose is what a header is needed for.
type purpose struct {
	resource resource
	action   string
}

// A flight is a fetch under way.
type flight struct {
	done      chan struct{}
	grant     grant
	err       error
	abandoned bool // it failed for want of time, which others may have
}

// lookup finds a header that covers the action and has not run out.
func (g *grants) lookup(about resource, action string, now time.Time) (grant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.find(about, action, now)
}

func (g *grants) find(about resource, action string, now time.Time) (grant, bool) {
	for _, kept := range g.kept[about] {
		if permits(kept.actions, action) && now.Before(kept.expires) {
			return kept, true
		}
	}
	return grant{}, false
}

// obtain returns a kept header other than the refused one, or fetches one, or
// waits for who does.
func (g *grants) obtain(ctx context.Context, about resource, action, refused string, fetch func() (grant, error)) (grant, error) {
	g.evict(about, refused)
	for {
		kept, f, mine := g.join(purpose{about, action})
		if f == nil {
			return kept, nil
		}
		if mine {
			g.fly(ctx, f, purpose{about, action}, fetch)
			return f.grant, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return grant{}, ctx.Err()
		}
		if !f.abandoned {
			return f.grant, f.err
		}
	}
}

// join finds a kept header, or else the flight to wait for, or else begins it.
func (g *grants) join(p purpose) (kept grant, f *flight, mine bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if kept, ok := g.find(p.resource, p.action, time.Now()); ok {
		return kept, nil, false
	}
	if f, ok := g.flights[p]; ok {
		return grant{}, f, false
	}
	if g.flights == nil {
		g.flights = make(map[purpose]*flight)
	}
	f = &flight{done: make(chan struct{}), err: errors.New("the credential source did not return")}
	g.flights[p] = f
	return grant{}, f, true
}

// fly fetches, keeps what came, and wakes who waits, even if fetch panics.
func (g *grants) fly(ctx context.Context, f *flight, p purpose, fetch func() (grant, error)) {
	defer func() {
		f.abandoned = f.err != nil && (ctx.Err() != nil || errors.Is(f.err, errNoTime))
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.flights, p)
		if f.err == nil && f.grant.header != "" {
			g.keep(p.resource, f.grant)
		}
		close(f.done)
	}()
	f.grant, f.err = fetch()
}

// keep replaces what the new grant makes superfluous.
func (g *grants) keep(about resource, fresh grant) {
	if g.kept == nil {
		g.kept = make(map[resource][]grant)
	}
	if _, known := g.kept[about]; !known && len(g.kept) >= maxGrants {
		for some := range g.kept { // any one: it costs a request to get it back
			delete(g.kept, some)
			break
		}
	}
	others := slices.DeleteFunc(g.kept[about], func(old grant) bool {
		return !slices.ContainsFunc(old.actions, func(action string) bool { return !permits(fresh.actions, action) })
	})
	g.kept[about] = append(others, fresh)
}

// evict forgets a header that was refused, if it is still there.
func (g *grants) evict(about resource, refused string) {
	if refused == "" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	rest := slices.DeleteFunc(g.kept[about], func(kept grant) bool { return kept.header == refused })
	if len(rest) == 0 {
		delete(g.kept, about)
		return
	}
	g.kept[about] = rest
}
