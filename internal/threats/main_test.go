package threats_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// TestMain wants no goroutine to be left when all cases have been played, and
// says how many that were.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		fmt.Println(&played)
		os.Exit(code)
	}))
}

// played counts what all tests of this package have held against the client.
var played tally

// A tally counts scenarios, by the case that they belong to.
type tally struct {
	mu        sync.Mutex
	scenarios int
	cases     map[string]bool
}

// scenario counts a test of a threat, if it holds.
func scenario(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if strings.HasPrefix(t.Name(), "TestThreat") && !t.Failed() {
			played.add(t.Name())
		}
	})
}

func (p *tally) add(test string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cases == nil {
		p.cases = make(map[string]bool)
	}
	p.scenarios++
	name, _, _ := strings.Cut(test, "/")
	p.cases[name] = true
}

func (p *tally) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("threats: %d scenarios of %d cases held", p.scenarios, len(p.cases))
}
