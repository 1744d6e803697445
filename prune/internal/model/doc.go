// Package model decides what a retention policy does to a repository, in the slowest and most
// obvious way. Only tests import it: they compare the code that users run with it.
//
// [Decide] takes a scenario of package cases and says what must be planned. [Draw] makes up
// scenarios. Its sub-package slow computes what can be deleted.
//
// The package shares no code with what it checks: it reads the policy itself and asks regexp,
// doublestar, semver and time directly. It sees the whole repository at once and so knows nothing of
// requests, and it takes policies to be valid.
package model
