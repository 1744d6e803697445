package apply

// A gate is a mutex that may be held while requests are in flight. Under testing/synctest the
// clock goes on while goroutines wait for it, which it does not for a [sync.Mutex].
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

// Lock waits until nothing else holds the gate.
func (g gate) Lock() { g <- struct{}{} }

// Unlock lets the next one through.
func (g gate) Unlock() { <-g }
