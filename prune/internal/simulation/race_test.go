//go:build race

package simulation

// sampleEvery is n if the tests run only one in n seeds, because the race detector makes each of them
// several times slower.
const sampleEvery = 8
