// Package bounded holds a map that cannot grow beyond a size, for what is worth remembering but not at any price.
package bounded

import (
	"maps"
	"sync"
)

// Map is a map of limited size. It keeps two generations: when the young one is half of the size, it becomes the old one,
// and what was old is forgotten. So at least the latest half of what it has room for is there.
//
// A Map may be used by several goroutines at once. The zero Map has room for nothing.
type Map[K comparable, V any] struct {
	half int // of the size: what a generation has room for

	mu         sync.RWMutex
	young, old map[K]V // no key is in both
}

// New returns an empty map with room for size entries, and for none if that is less than two. It takes memory only as
// entries come.
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

// Set sets the value of key, which makes it the youngest. A key that does not equal itself, as a NaN, is not kept: it
// could never be found again.
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

// DeleteFunc removes the entries for which remove returns true. It asks about every entry; remove must not use the map.
func (m *Map[K, V]) DeleteFunc(remove func(key K, value V) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.young, remove)
	maps.DeleteFunc(m.old, remove)
}

// Len is the number of entries.
func (m *Map[K, V]) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.young) + len(m.old)
}

func equal[K comparable](a, b K) bool {
	return a == b
}
