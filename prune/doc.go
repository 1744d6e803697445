// Package prune plans which images of a repository are no longer needed, from a policy, and
// reads from the registry what that takes.
//
// A policy says what to keep and what to remove. What it does not mention stays:
//
//	p, err := policy.Parse([]byte(`{
//		"version": 1,
//		"keep":   [{"tags": {"semver": ">=1.0.0"}, "newest": 10}],
//		"remove": [{"tags": "*", "older-than": "90d"}]
//	}`))
//
// [Make] reads a repository and returns a plan. It writes nothing:
//
//	client, err := regret.New("registry.example.com")
//	plan, err := prune.Make(ctx, client, "team/app", p, nil)
//
// The plan says step by step what is to be deleted and why, and why everything else stays;
// see [github.com/seed-8cb7cc86/regret/prune/plan].
//
// An image never goes without a reason, and always goes as a whole, with what its index
// lists, its signatures and its attestations. What is needed elsewhere stays: if another
// image lists it, if it signs something that stays, or if it is in use. If anything that
// matters cannot be read, there is no plan but an [*IncompleteError].
//
// # Step by step
//
// Reading and deciding are apart. [Read] returns a snapshot, and [plan.Decide] decides about
// it without any request: again for another policy or another day, to see what would happen.
//
//	snapshot, err := prune.Read(ctx, client, "team/app", p, nil)
//	decision, err := plan.Decide(p, snapshot, time.Now().AddDate(0, 1, 0))
//
// [MakeAll] plans for many repositories, and [Shard] divides them among processes.
//
// # Exactly these
//
// [MakeExact] plans the deletion of images that are named, each by a tag or a digest. What
// would take more along than was named, such as another tag of the same image, is an error.
//
//	plan, err := prune.MakeExact(ctx, client, "team/app", []string{"1.4"}, nil)
//
// # Ages
//
// The registry API does not tell when an image was uploaded. Unless a list says so, as
// Google's does, or a [Lister] does, an image is as old as it says itself, so that an old
// image that was mirrored today is old. An image that does not say so is never old.
//
// Reading is economical: a date is read only if it decides about something, and what belongs
// to an image only if the image may go. A [Cache] saves most of the rest.
//
// # What the package knows
//
// It knows requests and their order, but no rules: package plan asks the questions. It keeps
// no content in memory, sends no write, and starts no goroutine that outlives a call.
package prune
