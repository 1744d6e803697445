// Package bounded holds a map that cannot grow beyond a size, for what is worth remembering but not at any price.
package bounded

import "sync"

// Map is a map of limited size. When it is full, a new entry takes the place of the oldest one; to set the value of an
// entry anew does not make it younger. Every operation but DeleteFunc takes constant time.
//
// A Map may be used by several goroutines at once. The zero Map has room for nothing.
type Map[K comparable, V any] struct {
	size int

	mu    sync.RWMutex
	index map[K]int // where in ring the entry of a key is
	// ring[0] is where the ring of entries begins and ends: the oldest entry comes after it and the newest before it.
	ring []entry[K, V]
	free []int // places in ring that deleted entries left
}

type entry[K comparable, V any] struct {
	key            K
	value          V
	older, younger int
}

// New returns an empty map with room for size entries. It takes memory only as entries come.
func New[K comparable, V any](size int) *Map[K, V] {
	return &Map[K, V]{size: size, index: make(map[K]int), ring: make([]entry[K, V], 1)}
}

// Get returns the value of key and whether there is one.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	at, ok := m.index[key]
	if !ok {
		return value, false
	}
	return m.ring[at].value, true
}

// Set sets the value of key. A key that does not equal itself, as a NaN, is not kept: it could never be found again.
func (m *Map[K, V]) Set(key K, value V) {
	if m.size <= 0 || !equal(key, key) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.index[key]; ok {
		m.ring[at].value = value
		return
	}
	if len(m.index) == m.size {
		m.remove(m.ring[0].younger)
	}
	at := m.place()
	newest := m.ring[0].older
	m.ring[at] = entry[K, V]{key: key, value: value, older: newest}
	m.ring[newest].younger, m.ring[0].older = at, at
	m.index[key] = at
}

// Delete removes the entry of key, if there is one.
func (m *Map[K, V]) Delete(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.index[key]; ok {
		m.remove(at)
	}
}

// DeleteFunc removes the entries for which remove returns true. It asks about every entry, from the oldest to the
// newest; remove must not use the map.
func (m *Map[K, V]) DeleteFunc(remove func(key K, value V) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.index) == 0 {
		return
	}
	for at := m.ring[0].younger; at != 0; {
		e := m.ring[at]
		if remove(e.key, e.value) {
			m.remove(at)
		}
		at = e.younger
	}
}

// Len returns the number of entries.
func (m *Map[K, V]) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.index)
}

// place returns a place in the ring that no entry has.
func (m *Map[K, V]) place() int {
	if last := len(m.free) - 1; last >= 0 {
		at := m.free[last]
		m.free = m.free[:last]
		return at
	}
	m.ring = append(m.ring, entry[K, V]{})
	return len(m.ring) - 1
}

// remove takes the entry at a place out of the ring, and what it held out of memory.
func (m *Map[K, V]) remove(at int) {
	e := m.ring[at]
	m.ring[e.older].younger, m.ring[e.younger].older = e.younger, e.older
	delete(m.index, e.key)
	m.ring[at] = entry[K, V]{}
	m.free = append(m.free, at)
}

func equal[K comparable](a, b K) bool {
	return a == b
}
