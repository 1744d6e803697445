//go:build race

package threats_test

// raceEnabled reports whether the race detector is on. It makes everything several times slower, so
// the tests leave out cases that are merely big, and HTTP/1.1 where HTTP/2 is tested too.
const raceEnabled = true
