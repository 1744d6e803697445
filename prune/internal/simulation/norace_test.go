//go:build !race

package simulation

const sampleEvery = 1
