//go:build !race

package simulation

// sampleEvery is 1: the tests run every fault and every seed.
const sampleEvery = 1
