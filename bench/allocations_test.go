package main_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

const (
	// maxObjects and maxBytes limit what one resolve and delete may allocate, as multiples of what bare
	// net/http allocates for it.
	maxObjects = 1.4
	maxBytes   = 1.7
	// tolerance allows for garbage collections at different moments: they empty the sync.Pools of
	// net/http.
	tolerance = 0.03
	// maxAllocsPerTag and maxHeap limit the cost of a list of any length.
	maxAllocsPerTag = 1.25
	maxHeap         = 4 << 20
)

func TestResolveAndDeleteAllocatesLittleMoreThanNetHTTP(t *testing.T) {
	for _, protocol := range registry.Protocols() {
		for _, bearer := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, bearer %t", protocol, bearer), func(t *testing.T) {
				setup := clients.Setup{Protocol: protocol, Callers: 1, Bearer: bearer}
				floorObjects, floorBytes := allocationsPerTag(t, clients.Floor, setup)
				objects, bytes := allocationsPerTag(t, clients.Ours, setup)
				t.Logf("%.1f objects and %.0f bytes; bare net/http: %.1f and %.0f", objects, bytes, floorObjects, floorBytes)
				if ratio := objects / floorObjects; ratio > maxObjects+tolerance {
					t.Errorf("%.2f times the objects of bare net/http, want at most %.2f", ratio, maxObjects)
				}
				if ratio := bytes / floorBytes; ratio > maxBytes+tolerance {
					t.Errorf("%.2f times the bytes of bare net/http, want at most %.2f", ratio, maxBytes)
				}
			})
		}
	}
}

// allocationsPerTag returns what a client that already has its connection and its token allocates to
// resolve and delete one tag. It returns the minimum of several runs.
func allocationsPerTag(t *testing.T, name string, setup clients.Setup) (objects, bytes float64) {
	t.Helper()
	const runs, warm, tags = 3, 20, 500
	objects, bytes = math.Inf(1), math.Inf(1)
	for range runs {
		reset(t, registry.Settings{Tags: warm + tags, Bearer: setup.Bearer})
		c := openClient(t, name, setup)
		work := func(tags []string) error {
			return measure.Bulk(1, tags, func(tag string) error {
				return c.ResolveDelete(t.Context(), registry.Repository, tag)
			})
		}
		all := measure.Tags(warm + tags)
		succeed(t, work(all[:warm]))
		r, err := measure.Cost(false, func() error { return work(all[warm:]) })
		succeed(t, err)
		objects, bytes = min(objects, float64(r.Allocs)/tags), min(bytes, float64(r.Bytes)/tags)
	}
	return objects, bytes
}

func TestListingNeedsLittleMemory(t *testing.T) {
	const tags = 1_000_000
	for name, settings := range map[string]registry.Settings{
		"a million tags in one body": {Listed: tags},
		"a million tags in pages":    {Listed: tags, PageSize: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			reset(t, settings)
			c := openClient(t, clients.Ours, clients.Setup{Protocol: registry.HTTP, Callers: 1})
			list := func() error {
				n, err := c.List(t.Context(), registry.Repository)
				if err == nil && n != tags {
					err = fmt.Errorf("%d tags, want %d", n, tags)
				}
				return err
			}
			r, err := measure.Cost(false, list)
			succeed(t, err)
			if got := float64(r.Allocs) / tags; got > maxAllocsPerTag {
				t.Errorf("%.2f allocations per tag, want at most %.2f", got, maxAllocsPerTag)
			}
			r, err = measure.Cost(true, list)
			succeed(t, err)
			if r.Heap > maxHeap {
				t.Errorf("the heap grew by %d KiB, want at most %d", r.Heap>>10, maxHeap>>10)
			}
		})
	}
}
