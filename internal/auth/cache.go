package auth

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// maxCached bounds the resources whose tokens are cached.
const maxCached = 4096

// A grant is an Authorization header and what it allows.
type grant struct {
	header  string
	scheme  string // of the demand that it answers
	actions []string
	expires time.Time
	fetched bool // from a token service just now, so that it may be good although it looks like the last one

	anonymous bool // obtained without credentials
}

// A tokenCache keeps headers by resource, finds them by any action that they
// allow, and lets one caller fetch what many wait for. It has no goroutine: the
// first caller fetches within its own context, and if that ends, the next one
// takes over. The zero value is empty and ready to use.
type tokenCache struct {
	mu      sync.Mutex
	kept    map[string][]grant // by resource
	fetches map[purpose]*fetch // in flight
}

// A purpose is what a header is for: a scope, at a registry that wants a scheme.
type purpose struct {
	scope  Scope
	scheme string
}

// A fetch is a token request in flight, for one or more callers.
type fetch struct {
	done      chan struct{}
	grant     grant
	err       error
	abandoned bool // it failed for lack of time, which other callers may have, or panicked
}

// lookup finds a header that allows the action and has not expired.
func (t *tokenCache) lookup(p purpose, now time.Time) (grant, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.find(p, now)
}

func (t *tokenCache) find(p purpose, now time.Time) (grant, bool) {
	for _, kept := range t.kept[p.scope.resource()] {
		if kept.scheme == p.scheme && permits(kept.actions, p.scope.Action) && now.Before(kept.expires) {
			return kept, true
		}
	}
	return grant{}, false
}

// obtain returns a cached header other than the refused one, or fetches one, or
// waits for the caller who is fetching it.
func (t *tokenCache) obtain(ctx context.Context, p purpose, refused string, get func() (grant, error)) (grant, error) {
	t.evict(p.scope, refused)
	for {
		kept, f, first := t.join(p)
		if f == nil {
			return kept, nil
		}
		if first {
			t.run(ctx, f, p, get)
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

// join returns a cached header, or the fetch to wait for, or a new fetch to run.
func (t *tokenCache) join(p purpose) (kept grant, f *fetch, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept, ok := t.find(p, time.Now()); ok {
		return kept, nil, false
	}
	if f, ok := t.fetches[p]; ok {
		return grant{}, f, false
	}
	if t.fetches == nil {
		t.fetches = make(map[purpose]*fetch)
	}
	f = &fetch{done: make(chan struct{})}
	t.fetches[p] = f
	return grant{}, f, true
}

// run fetches, caches the result and wakes the callers who wait, even if get
// panics.
func (t *tokenCache) run(ctx context.Context, f *fetch, p purpose, get func() (grant, error)) {
	f.abandoned = true // until get returns
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.fetches, p)
		if f.err == nil && f.grant.header != "" {
			t.keep(p.scope.resource(), f.grant, time.Now())
		}
		close(f.done)
	}()
	f.grant, f.err = get()
	f.grant.scheme = p.scheme
	f.abandoned = f.err != nil && (ctx.Err() != nil || outOfTime(f.err))
}

// outOfTime reports whether a request was not even sent because its caller could
// not wait for as long as the server had asked.
func outOfTime(err error) bool {
	e, ok := errors.AsType[interface {
		error
		OutOfTime() bool
	}](err)
	return ok && e.OutOfTime()
}

// keep caches a new grant, and drops those that have expired or allow nothing
// that the new one does not.
func (t *tokenCache) keep(resource string, fresh grant, now time.Time) {
	if t.kept == nil {
		t.kept = make(map[string][]grant)
	}
	if _, known := t.kept[resource]; !known && len(t.kept) >= maxCached {
		for some := range t.kept { // any one: the next request for it fetches a new token
			delete(t.kept, some)
			break
		}
	}
	others := slices.DeleteFunc(t.kept[resource], func(old grant) bool {
		return !now.Before(old.expires) || old.scheme == fresh.scheme &&
			!slices.ContainsFunc(old.actions, func(action string) bool { return !permits(fresh.actions, action) })
	})
	fresh.fetched = false
	t.kept[resource] = append(others, fresh)
}

// evict drops a header that was refused, if it is still cached.
func (t *tokenCache) evict(scope Scope, refused string) {
	if refused == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	resource := scope.resource()
	rest := slices.DeleteFunc(t.kept[resource], func(kept grant) bool { return kept.header == refused })
	if len(rest) == 0 {
		delete(t.kept, resource)
		return
	}
	t.kept[resource] = rest
}
