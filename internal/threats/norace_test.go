//go:build !race

package threats_test

// raceEnabled reports whether the race detector is on.
const raceEnabled = false
