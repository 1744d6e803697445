package bounded_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/bounded"
)

// FuzzMap applies the same operations to a Map and to a plain map. It checks that every entry of
// the Map is one of the plain map, that the latest entries are there, and that there are never more
// than the size. Two bytes make an operation: what to do, and the key.
func FuzzMap(f *testing.F) {
	f.Add(3, []byte("sasbscsdsasbdb"))
	f.Add(1, []byte("sasadasbsc"))
	f.Add(2, []byte("sasbf\x01scf\x00sdse"))
	f.Add(0, []byte("sada"))
	f.Fuzz(func(t *testing.T, size int, operations []byte) {
		m := bounded.New[byte, int](size)
		values, age := make(map[byte]int), make(map[byte]int)
		operations = operations[:min(len(operations), 200)] // the comparison after each makes long ones slow
		for i := 0; i+1 < len(operations); i += 2 {
			key := operations[i+1]
			switch operations[i] {
			case 'd':
				m.Delete(key)
				delete(values, key)
			case 'f':
				m.DeleteFunc(func(k byte, _ int) bool { return k%2 == key%2 })
				maps.DeleteFunc(values, func(k byte, _ int) bool { return k%2 == key%2 })
			default:
				m.Set(key, i)
				values[key], age[key] = i, i
			}
			got := entries(m)
			if m.Len() != len(got) || m.Len() > max(size, 0) {
				t.Fatalf("operation %d: length %d, %d entries", i/2, m.Len(), len(got))
			}
			for k, value := range values {
				younger := 0
				for other := range values {
					if age[other] > age[k] {
						younger++
					}
				}
				if _, ok := got[k]; !ok && younger < size/2 {
					t.Fatalf("operation %d: %q was dropped, although only %d are younger", i/2, k, younger)
				} else if at, found := m.Get(k); found != ok || ok && at != value {
					t.Fatalf("operation %d: got %d, %t for %q, which is %d", i/2, at, found, k, value)
				} else if !ok {
					delete(values, k)
				}
			}
			want := maps.Clone(values)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("operation %d: (-want +got):\n%s", i/2, diff)
			}
		}
	})
}
