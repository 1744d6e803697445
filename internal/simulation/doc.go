// Package simulation tests the client against a model of a registry, in virtual time.
//
// The package contains only tests. A seed determines a registry with its content, peculiarities
// and faults, other clients that push and delete concurrently, and a sequence of operations of the
// client under test. An oracle that knows what the registry really held checks every request and
// every result. The model shares no code with the client or with the fake registry of the other
// tests, so that they cannot all misread the specification in the same way.
//
//	go test ./internal/simulation                                # the default seeds
//	go test ./internal/simulation -seeds=10000                   # more seeds; REGRET_SEEDS does the same
//	go test ./internal/simulation -run 'TestSimulation$' -seed=42 -v  # one seed, with its trace
package simulation
