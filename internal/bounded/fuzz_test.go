package bounded_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/bounded"
)

// FuzzMap plays the same operations on a Map and on a plain map with a list of its keys, and holds the one to the other
// after each. Two bytes make an operation: what to do, and to which key.
func FuzzMap(f *testing.F) {
	f.Add(3, []byte("sasbscsdsasbdb"))
	f.Add(1, []byte("sasadasbsc"))
	f.Add(2, []byte("sasbf\x01scf\x00sdse"))
	f.Add(0, []byte("sada"))
	f.Fuzz(func(t *testing.T, size int, operations []byte) {
		m := bounded.New[byte, int](size)
		var keys []byte
		values := make(map[byte]int)
		forget := func(remove func(key byte) bool) {
			keys = slices.DeleteFunc(keys, remove)
			for key := range values {
				if !slices.Contains(keys, key) {
					delete(values, key)
				}
			}
		}
		operations = operations[:min(len(operations), 200)] // the comparison after each makes long ones slow
		for i := 0; i+1 < len(operations); i += 2 {
			key := operations[i+1]
			switch operations[i] {
			case 'd':
				m.Delete(key)
				forget(func(k byte) bool { return k == key })
			case 'f':
				m.DeleteFunc(func(k byte, _ int) bool { return k%2 == key%2 })
				forget(func(k byte) bool { return k%2 == key%2 })
			default:
				m.Set(key, i)
				if _, ok := values[key]; !ok {
					keys = append(keys, key)
				}
				values[key] = i
				if len(keys) > max(size, 0) {
					oldest := keys[0]
					forget(func(k byte) bool { return k == oldest })
				}
			}
			gotKeys, gotValues := entries(m)
			if !slices.Equal(keys, gotKeys) || m.Len() != len(keys) {
				t.Fatalf("operation %d: keys %q, length %d, want %q", i/2, gotKeys, m.Len(), keys)
			}
			if diff := cmp.Diff(values, gotValues); diff != "" {
				t.Fatalf("operation %d: values (-want +got):\n%s", i/2, diff)
			}
			if value, ok := m.Get(key); ok != slices.Contains(keys, key) || value != values[key] {
				t.Fatalf("operation %d: got %d, %t for %q", i/2, value, ok, key)
			}
		}
	})
}
