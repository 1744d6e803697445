// Package simulation tests carrying out plans and taking them back, in virtual time.
//
// The package contains only tests. A seed determines a repository with its policy, a registry that
// behaves like one of those in use, other clients that push and delete between any two requests,
// faults, and processes that end at a write of their journal or archive and are started again. What
// the registry holds before and after each request is compared with what the client under test may
// do, and its reports with what has really happened:
//
//   - Nothing goes that a tag needs, by the last look of the client at it. What other clients push
//     between that look and the deletion, no client sees; the test knows these moments and leaves
//     out nothing else.
//   - Nothing is written that is not in the plan.
//   - A report says what has happened.
//   - A run that was interrupted and resumed ends like one that was not.
//   - Restoring brings back what was there before, if no garbage was collected.
//   - If reading the repository fails, nothing is planned.
//
// What must stay is computed here once more, in a slow and obvious way, from what the client has
// been told by the registry.
//
//	go test ./prune/internal/simulation                              # a few hundred seeds
//	REGRET_SEEDS=3000 go test -v ./prune/internal/simulation         # more; -seeds=3000 does the same
//	go test ./prune/internal/simulation -seed=42 -v                  # one seed, with its trace
package simulation
