package bounded_test

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/bounded"
)

// entries lists what m holds, from the oldest to the newest.
func entries[K comparable, V any](m *bounded.Map[K, V]) (keys []K, values map[K]V) {
	values = make(map[K]V)
	m.DeleteFunc(func(key K, value V) bool {
		keys, values[key] = append(keys, key), value
		return false
	})
	return keys, values
}

func TestMap(t *testing.T) {
	t.Parallel()
	type Map = *bounded.Map[string, int]
	for name, test := range map[string]struct {
		do   func(Map)
		want []string
	}{
		"a new map is empty":                          {func(m Map) {}, nil},
		"entries are kept in the order they came":     {func(m Map) { set(m, "a", "b", "c") }, []string{"a", "b", "c"}},
		"a full map forgets the oldest":               {func(m Map) { set(m, "a", "b", "c", "d", "e") }, []string{"c", "d", "e"}},
		"to set an entry anew does not rejuvenate it": {func(m Map) { set(m, "a", "b", "c", "a", "d") }, []string{"b", "c", "d"}},
		"a deleted entry leaves its place":            {func(m Map) { set(m, "a", "b", "c"); m.Delete("b"); set(m, "d") }, []string{"a", "c", "d"}},
		"an entry that comes back is the newest":      {func(m Map) { set(m, "a", "b", "c"); m.Delete("a"); set(m, "a") }, []string{"b", "c", "a"}},
		"what is not there can be deleted":            {func(m Map) { m.Delete("x"); set(m, "a"); m.Delete("x") }, []string{"a"}},
		"the newest can be deleted":                   {func(m Map) { set(m, "a", "b"); m.Delete("b") }, []string{"a"}},
		"the only one can be deleted":                 {func(m Map) { set(m, "a"); m.Delete("a") }, nil},
		"many can be deleted at once": {func(m Map) {
			set(m, "a", "b", "c")
			m.DeleteFunc(func(key string, _ int) bool { return key != "b" })
			set(m, "d")
		}, []string{"b", "d"}},
		"all can be deleted at once": {func(m Map) {
			set(m, "a", "b", "c")
			m.DeleteFunc(func(string, int) bool { return true })
			set(m, "d")
		}, []string{"d"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := bounded.New[string, int](3)
			test.do(m)
			got, _ := entries(m)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("keys, oldest first (-want +got):\n%s", diff)
			}
			if m.Len() != len(test.want) {
				t.Errorf("length %d, want %d", m.Len(), len(test.want))
			}
		})
	}
}

func set(m *bounded.Map[string, int], keys ...string) {
	for i, key := range keys {
		m.Set(key, i)
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	m := bounded.New[string, int](3)
	set(m, "a", "b", "c", "a", "d")
	got := make(map[string]int)
	for _, key := range []string{"a", "b", "c", "d", "x"} {
		if value, ok := m.Get(key); ok {
			got[key] = value
		} else if value != 0 {
			t.Errorf("%s is not there and is %d", key, value)
		}
	}
	if diff := cmp.Diff(map[string]int{"b": 1, "c": 2, "d": 4}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestMapWithoutRoom(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*bounded.Map[string, int]{
		"the zero map holds nothing":           {},
		"a map of size zero holds nothing":     bounded.New[string, int](0),
		"a map of negative size holds nothing": bounded.New[string, int](-1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.Set("a", 1)
			m.Delete("a")
			m.DeleteFunc(func(string, int) bool { return true })
			if _, ok := m.Get("a"); ok || m.Len() != 0 {
				t.Error("it holds something")
			}
		})
	}
}

func TestKeyUnlikeItselfIsNotKept(t *testing.T) {
	t.Parallel()
	m := bounded.New[float64, int](2)
	for range 9 {
		m.Set(math.NaN(), 1)
	}
	m.Set(1, 1)
	if m.Len() != 1 {
		t.Errorf("length %d, want 1", m.Len())
	}
}

// Not parallel: allocations are counted for the whole process.
func TestGetAndSetOfAnExistingKeyDoNotAllocate(t *testing.T) {
	m := bounded.New[string, int](2)
	set(m, "a", "b")
	if n := testing.AllocsPerRun(100, func() { m.Get("a"); m.Get("x"); m.Set("b", 3) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMapIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	m := bounded.New[string, int](8)
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 1000 {
				key := strconv.Itoa((g + i) % 16)
				m.Set(key, i)
				m.Get(key)
				if i%7 == 0 {
					m.Delete(key)
				}
				if i%100 == 0 {
					m.DeleteFunc(func(_ string, value int) bool { return value%2 == 0 })
				}
				if m.Len() > 8 {
					t.Errorf("length %d", m.Len())
				}
			}
		})
	}
	group.Wait()
	keys, values := entries(m)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(values)), slices.Sorted(slices.Values(keys))); diff != "" {
		t.Errorf("keys with and without order (-want +got):\n%s", diff)
	}
}

func BenchmarkMap(b *testing.B) {
	const size = 1 << 10
	keys := make([]string, 2*size)
	for i := range keys {
		keys[i] = "repository/" + strconv.Itoa(i)
	}
	full := func() *bounded.Map[string, int] {
		m := bounded.New[string, int](size)
		set(m, keys...)
		return m
	}
	for _, bench := range []struct {
		name string
		do   func(m *bounded.Map[string, int], i int)
	}{
		{"get", func(m *bounded.Map[string, int], i int) { m.Get(keys[i%len(keys)]) }},
		{"set", func(m *bounded.Map[string, int], i int) { m.Set(keys[size+i%size], i) }},
		{"evict", func(m *bounded.Map[string, int], i int) { m.Set(keys[i%len(keys)], i) }},
		{"delete", func(m *bounded.Map[string, int], i int) { m.Delete(keys[size+i%size]); m.Set(keys[size+i%size], i) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := full()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				bench.do(m, i)
			}
		})
	}
	b.Run("get in parallel", func(b *testing.B) {
		m := full()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				m.Get(keys[i%len(keys)])
			}
		})
	})
}
