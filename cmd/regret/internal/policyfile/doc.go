// Package policyfile reads retention policies from files in YAML or JSON, and the
// in-use lists that a policy names.
//
// Both formats have the schema of [policy.Document], and the library alone decides what a
// policy means: YAML is rewritten as JSON and given to [policy.Parse]. This package knows
// where each value is in the file, so that every fault is shown with its line and column.
//
// It knows nothing about registries, plans and flags.
//
// Invariants:
//
//   - A text that some reader of YAML takes for something else is an error unless it is
//     quoted: a policy that is misread deletes images.
//   - What is read from YAML is compared with the characters of the file. What the YAML
//     library reads in another way than this package is an error.
//   - Errors and descriptions contain no control characters from the file.
//   - No input makes a function panic, or takes longer than its size warrants.
package policyfile
