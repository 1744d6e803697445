//go:build race

package simulation

// thinned says which part of the faults and seeds is run, one of so many: the
// race detector makes each several times as slow, and forgets little.
const thinned = 8
