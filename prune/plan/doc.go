// Package plan decides which images of a repository go, and says so in a plan: data that can
// be looked at, stored, compared and carried out later. It writes nothing.
//
// Most programs get plans from [github.com/seed-8cb7cc86/regret/prune.Make], and look at them:
//
//	fmt.Print(p)          // a tree: what goes, what stays, and why
//	p.WriteTo(file)       // JSON; Read reads and verifies it
//	for step := range p.Steps() { … }
//
// # What goes
//
// Remove rules select an image if they want each of its tags and no keep rule holds it. With
// an image goes what its index lists, and what belongs to it by a subject or a companion tag,
// such as a signature. Of all these, everything stays that something else needs: what another
// image lists, what refers to an image that stays, what is in use. The plan names the reason.
//
// # Reading and deciding
//
// A [Snapshot] holds what is known of a repository. [Decide] applies a policy to it, and asks
// for what it lacks:
//
//	for {
//		d, err := plan.Decide(policy, snapshot, now)
//		…
//		for q := range d.Missing() {
//			// read it, and add the answer to the snapshot
//		}
//		// nothing was missing: d.Plan(), d.Images()
//	}
//
// The same snapshot serves other policies and other times: what would happen if.
//
// # While a plan is carried out
//
// A [Guard] is told what has changed in the repository since, and says which steps must not be
// taken any more.
//
// # What the package knows
//
// It knows manifests, tags and what leads where, but no registry, no requests and no clock.
//
// Invariants:
//
//   - The same snapshot, policy and time make the same bytes, in whatever order the snapshot
//     was filled.
//   - A decision that lacks knowledge makes no plan. What is unknown is never old.
//   - Nothing goes that a tag which stays needs, by indexes, subjects and companion tags.
//   - [Read] accepts what [Plan.WriteTo] writes and nothing else, and no plan that contradicts
//     itself or its policy.
//   - Deciding ends, whatever a registry makes up: what may belong to an image is bounded.
package plan
