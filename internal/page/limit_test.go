package page_test

import (
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-8cb7cc86/regret/internal/page"
)

func TestErrorsOfTheReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("the connection is broken")
	const body = `{"a":[1.5,"b\u1234",{"c":null}],"tags":["x","y"]}`
	for n := range len(body) {
		_, err := readTags(io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(broken)))
		if err != broken {
			t.Errorf("after %q: %v", body[:n], err)
		}
	}
	if _, err := readTags(io.MultiReader(strings.NewReader(`{"tags":["`), iotest.ErrReader(io.ErrUnexpectedEOF))); err != io.ErrUnexpectedEOF {
		t.Errorf("a body that is shorter than announced: %v", err)
	}
	if _, err := readTags(idle{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that returns nothing: %v", err)
	}
}

// idle is a reader that returns neither data nor an error.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestLimit(t *testing.T) {
	t.Parallel()
	const limit = 100
	pad := func(n int) string { return `{"tags":["a"]}` + strings.Repeat(" ", n-len(`{"tags":["a"]}`)) }
	read := func(body io.Reader) error {
		return page.Read(body, page.Form{Key: "tags", Limit: limit}, page.String, func(string) error { return nil })
	}
	if err := read(strings.NewReader(pad(limit))); err != nil {
		t.Errorf("a page of exactly the limit: %v", err)
	}
	for rule, body := range map[string]string{
		"white space after the object": pad(limit + 1),
		"white space before it":        strings.Repeat(" ", 2*limit) + pad(20),
		"entries":                      `{"tags":["a"` + strings.Repeat(`,"a"`, limit),
		"one entry":                    `{"tags":["` + strings.Repeat("a", 2*limit),
		"a key":                        `{"` + strings.Repeat("a", 2*limit),
		"a skipped string":             `{"x":"` + strings.Repeat("a", 2*limit),
		"a number":                     `{"x":` + strings.Repeat("1", 2*limit),
	} {
		counted := &counter{r: io.MultiReader(strings.NewReader(body), iotest.ErrReader(errors.New("read beyond the limit")))}
		if err := read(iotest.OneByteReader(counted)); !errors.Is(err, page.ErrTooLarge) || counted.n != limit+1 {
			t.Errorf("%s: after %d bytes: %v", rule, counted.n, err)
		}
	}
}

// counter counts the bytes that are read.
type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// endless returns a text and then what more returns, for i = 0, 1, ….
type endless struct {
	pending []byte
	more    func(pending []byte, i int) []byte
	i       int
}

func (e *endless) Read(p []byte) (int, error) {
	for ; len(e.pending) < len(p); e.i++ {
		e.pending = e.more(e.pending, e.i)
	}
	n := copy(p, e.pending)
	e.pending = e.pending[:copy(e.pending, e.pending[n:])]
	return n, nil
}

// numbered returns the start of a page that never ends: "<before><i><after>",
// again and again.
func numbered(start, before, after string) *endless {
	return &endless{pending: []byte(start), more: func(pending []byte, i int) []byte {
		return append(strconv.AppendInt(append(pending, before...), int64(i), 10), after...)
	}}
}

// Not parallel: it measures the heap.
func TestMemoryDoesNotGrowWithThePage(t *testing.T) {
	const limit, mostGrowth = 8 << 20, 1 << 20
	for rule, body := range map[string]*endless{
		"entries":                      numbered(`{"tags":["a"`, `,"v`, `"`),
		"members":                      numbered(`{"a":0`, `,"v`, `":0`),
		"the keys of a skipped member": numbered(`{"manifest":{"a":0`, `,"v`, `":0`),
		"the values of one":            numbered(`{"x":[0`, `,`, ``),
	} {
		t.Run(rule, func(t *testing.T) {
			var before, now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			grown, reads := uint64(0), 0
			watched := readerFunc(func(p []byte) (int, error) {
				if reads++; reads%500 == 0 {
					runtime.GC()
					runtime.ReadMemStats(&now)
					grown = max(grown, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
				}
				return body.Read(p)
			})
			err := page.Read(watched, page.Form{Key: "tags", Limit: limit}, page.String, func(string) error { return nil })
			if !errors.Is(err, page.ErrTooLarge) {
				t.Errorf("error %v", err)
			}
			if grown > mostGrowth || reads < 500 {
				t.Errorf("the heap grew by %d KiB in %d reads, want at most %d KiB", grown>>10, reads, mostGrowth>>10)
			}
		})
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestOneAllocationPerTag(t *testing.T) {
	allocations := func(n int) float64 {
		body := `{"tags":["a"` + strings.Repeat(`,"v1.2.3"`, n) + `]}`
		return testing.AllocsPerRun(3, func() {
			if err := page.Read(strings.NewReader(body), page.Form{Key: "tags", Limit: 1 << 20}, page.String, func(string) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	if per := (allocations(11_000) - allocations(1_000)) / 10_000; per > 1.05 {
		t.Errorf("%.2f allocations per tag", per)
	}
}
