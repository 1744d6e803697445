// Package bounded provides a map of limited size, for caches that must not grow with the number of
// requests.
//
// It knows nothing of what is stored.
//
// Invariants: a map never has more entries than its size; it always keeps the most recent size/2
// entries, unless they are deleted.
package bounded

import (
	"maps"
	"sync"
)

// A Map is a map of limited size. It keeps two generations. When the young one has half of the
// size, it becomes the old one, and the entries of the previous old one are dropped.
//
// A Map is safe for concurrent use. The zero Map keeps no entries.
type Map[K comparable, V any] struct {
	half int // half of the size: the limit of one generation

	mu         sync.RWMutex
	young, old map[K]V // no key is in both
}

// New returns an empty map that keeps at most size entries, or none if size is less than two. It
// allocates memory only for the entries it has.
func New[K comparable, V any](size int) *Map[K, V] {
	return &Map[K, V]{half: size / 2, young: make(map[K]V), old: make(map[K]V)}
}

// Get returns the value of key and whether there is one.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if value, ok = m.young[key]; !ok {
		value, ok = m.old[key]
	}
	return value, ok
}

// Set sets the value of key, which makes its entry the youngest. It ignores a key that does not
// equal itself, such as a NaN, because Get could never find it.
func (m *Map[K, V]) Set(key K, value V) {
	if m.half <= 0 || !equal(key, key) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.young[key]; !ok {
		delete(m.old, key)
		if len(m.young) == m.half {
			m.young, m.old = m.old, m.young
			clear(m.young)
		}
	}
	m.young[key] = value
}

// Delete removes the entry of key, if there is one.
func (m *Map[K, V]) Delete(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.young, key)
	delete(m.old, key)
}

// DeleteFunc removes the entries for which remove returns true. It calls remove for every entry;
// remove must not use the map.
func (m *Map[K, V]) DeleteFunc(remove func(key K, value V) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.young, remove)
	maps.DeleteFunc(m.old, remove)
}

// Len returns the number of entries.
func (m *Map[K, V]) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.young) + len(m.old)
}

func equal[K comparable](a, b K) bool {
	return a == b
}
