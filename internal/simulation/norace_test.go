//go:build !race

package simulation

// thinned says which part of the faults and seeds is run: all.
const thinned = 1
