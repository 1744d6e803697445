package bounded_test

import (
	"math"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/bounded"
)

// entries returns the entries of m.
func entries[K comparable, V any](m *bounded.Map[K, V]) map[K]V {
	values := make(map[K]V)
	m.DeleteFunc(func(key K, value V) bool {
		values[key] = value
		return false
	})
	return values
}

func TestMap(t *testing.T) {
	t.Parallel()
	type Map = *bounded.Map[string, int]
	for name, test := range map[string]struct {
		do   func(Map)
		want map[string]int
	}{
		"a new map is empty":                            {func(m Map) {}, map[string]int{}},
		"entries are kept up to the size":               {func(m Map) { set(m, "a", "b", "c", "d") }, map[string]int{"a": 0, "b": 1, "c": 2, "d": 3}},
		"beyond the size the older half is dropped":     {func(m Map) { set(m, "a", "b", "c", "d", "e") }, map[string]int{"c": 2, "d": 3, "e": 4}},
		"setting a young entry again drops nothing":     {func(m Map) { set(m, "a", "b", "c", "d", "c") }, map[string]int{"a": 0, "b": 1, "c": 4, "d": 3}},
		"setting an old entry again makes it young":     {func(m Map) { set(m, "a", "b", "c", "a", "d") }, map[string]int{"a": 3, "c": 2, "d": 4}},
		"deleting a young entry makes room for another": {func(m Map) { set(m, "a", "b", "c", "d"); m.Delete("d"); m.Set("e", 9) }, map[string]int{"a": 0, "b": 1, "c": 2, "e": 9}},
		"deleting an old entry makes no room":           {func(m Map) { set(m, "a", "b", "c", "d"); m.Delete("a"); m.Set("e", 9) }, map[string]int{"c": 2, "d": 3, "e": 9}},
		"deleting a missing key changes nothing":        {func(m Map) { m.Delete("x"); set(m, "a"); m.Delete("x") }, map[string]int{"a": 0}},
		"the only entry can be deleted":                 {func(m Map) { set(m, "a"); m.Delete("a") }, map[string]int{}},
		"DeleteFunc deletes old and young entries":      {func(m Map) { set(m, "a", "b", "c", "d"); m.DeleteFunc(even) }, map[string]int{"b": 1, "d": 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := bounded.New[string, int](4)
			test.do(m)
			if diff := cmp.Diff(test.want, entries(m)); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if m.Len() != len(test.want) {
				t.Errorf("length %d, want %d", m.Len(), len(test.want))
			}
		})
	}
}

func even(_ string, value int) bool { return value%2 == 0 }

func set(m *bounded.Map[string, int], keys ...string) {
	for i, key := range keys {
		m.Set(key, i)
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	m := bounded.New[string, int](4)
	set(m, "a", "b", "c", "d", "e")
	got := make(map[string]int)
	for _, key := range []string{"a", "b", "c", "d", "e", "x"} {
		if value, ok := m.Get(key); ok {
			got[key] = value
		} else if value != 0 {
			t.Errorf("%s is missing, but its value is %d", key, value)
		}
	}
	if diff := cmp.Diff(map[string]int{"c": 2, "d": 3, "e": 4}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestMapOfNoSize(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*bounded.Map[string, int]{
		"the zero map keeps nothing":           {},
		"a map of size one keeps nothing":      bounded.New[string, int](1),
		"a map of negative size keeps nothing": bounded.New[string, int](-1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.Set("a", 1)
			m.Delete("a")
			m.DeleteFunc(func(string, int) bool { return true })
			if _, ok := m.Get("a"); ok || m.Len() != 0 {
				t.Error("there is an entry")
			}
		})
	}
}

func TestNaNIsNotKept(t *testing.T) {
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

// Not parallel, because allocations are counted for the whole process.
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
	if got := len(entries(m)); got != m.Len() {
		t.Errorf("%d entries, length %d", got, m.Len())
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
