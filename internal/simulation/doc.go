// Package simulation proves the client against a model of a registry, in
// virtual time.
//
// Everything is in the tests. A seed draws a registry with its content, habits
// and faults, other people who push and delete meanwhile, and a sequence of the
// client's operations; an oracle that knows what the registry really held
// judges every request and every result. The model shares no code with the
// client, nor with the registry of the other tests: what one of them
// misunderstands, the other shall not.
//
//	go test ./internal/simulation                                # the default seeds
//	go test ./internal/simulation -seeds=10000                   # more of them; also REGRET_SEEDS
//	go test ./internal/simulation -run 'TestSimulation$' -seed=42 -v  # one, with its trace
package simulation
