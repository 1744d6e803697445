// Package plan decides what a policy removes from a repository, and says so in a [Plan] that
// can be read, kept, compared and carried out. It reads no registry, no file and no clock: the
// same input gives the same bytes.
//
//	snapshot := plan.NewSnapshot("registry.example.com", "team/app", plan.Options{})
//	decision, err := plan.Decide(policy, snapshot, at)
//	for question := range decision.Missing() { … } // answer it, and decide again
//	made, err := decision.Plan()
//
// Programs that plan for a registry need only Make of package prune, which answers the
// questions, and the plan that it returns. Use [Decide] itself to ask what another policy, or
// another time, would remove, and [Decision.Images] to explain every rule's verdict on every
// image.
//
// # From a snapshot to a plan
//
//   - A [Snapshot] is what is known of the repository. Reading fills it.
//   - A [Decision] applies the rules: which images keep rules hold, which tags remove rules
//     want, and what of that can go without harm to what stays. As long as it misses something
//     it says what, and makes no plan.
//   - A [Plan] is data: the steps in order, each with its reason, and all that stays, with
//     reasons. [Read] believes only a plan that holds together: its rules, its graph, its
//     order, its totals.
//   - A [Guard] follows what happens to the repository while a plan is carried out, and takes
//     back the steps that would do harm by now.
//
// # Invariants
//
// Nothing goes that a keep rule holds, that a tag which stays points to, that is in use, or
// that anything which stays needs. What is not known counts as needed. A date that is unknown
// is never old. The order in which things were read changes nothing.
package plan
