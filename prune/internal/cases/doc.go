// Package cases holds exact scenarios of retention, for tests only: the content of a repository, a
// policy, and the plan that must result.
//
// [Load] reads the scenarios in testdata, whose format README.md describes. A [Case] builds the
// bytes of its manifests and serves them from a fake registry ([Case.Serve]), from a native API
// ([Case.Lister]), or pushes them to a real registry ([Case.Push]). A test runs the code under test,
// puts what it planned into a [Result], and lets [Compare] find the differences.
//
// The package knows nothing of how a plan is made. Invariants: a case means the same bytes and so
// the same digests everywhere; what a case does not mention is not compared.
package cases
