package threats_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a goroutine outlives the tests, and prints the number of cases that passed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		fmt.Println(&passed)
		os.Exit(code)
	}))
}

// passed counts the cases that passed.
var passed tally

// A tally counts scenarios and the cases that they belong to.
type tally struct {
	mu        sync.Mutex
	scenarios int
	cases     map[string]bool
}

// countScenario counts a test of a threat when it has passed.
func countScenario(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if strings.HasPrefix(t.Name(), "TestThreat") && !t.Failed() {
			passed.add(t.Name())
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
	return fmt.Sprintf("threats: %d scenarios of %d cases passed", p.scenarios, len(p.cases))
}
