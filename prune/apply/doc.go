// Package apply carries out plans that package prune has made: it deletes what a plan says, and
// nothing that anything needs by now.
//
//	store, err := undo.DirStore("undo/2026-01-31")
//	report, err := apply.Apply(ctx, client, plan, store, nil)
//	fmt.Print(report)
//
// [Apply] first writes an archive, from which [undo.Restore] brings everything back as long as
// the registry has not collected garbage. [Quarantine] deletes no image, but puts it in the
// trash, and [All] carries out the plans of many repositories. A [Journal] lets a run that was
// interrupted go on.
//
// # What a run does
//
//  1. It archives every manifest that the plan takes away. If that fails, nothing is deleted.
//  2. It looks at all tags. What is new, or was moved since the plan was made, is read, and what
//     it needs stays. That is repeated now and then. If an image that a keep rule holds is gone,
//     the run ends: somebody else is deleting what the plan counts on.
//  3. It takes the steps of the plan, several at once, an index before what it lists and a
//     subject before what refers to it. Right before each it looks at the tags of the manifest,
//     and before the first part of an image once more at those of the image.
//  4. It lists the tags again, to see whether one is left that should be gone, or gone that should
//     be left.
//
// A tag that was moved away does not save the image that it pointed to: left alone, the image
// would never be found again. A tag that was put on an image since the plan was made does.
//
// # What came of each step
//
// A [Report] has one [Result] for each step of the plan:
//
//   - [Deleted]: the manifest is gone, and its tags with it.
//   - [Untagged]: the tags that a step takes off are off, and the manifest stays.
//   - [Quarantined], [Spared]: see [Quarantine].
//   - [AlreadyGone]: the registry did not have it any more.
//   - [Stale]: something needs it that the plan did not know, such as a new tag. Make a new plan.
//   - [Held]: something that must be deleted before it was not.
//   - [Refused]: the registry does not allow it; [Result.Kind] says what it has against it.
//   - [Failed]: something else failed. Another run may succeed.
//   - [Unknown]: the registry may have deleted it, but did not say so, and neither did a look. Or an
//     earlier run may have deleted it before it was interrupted, and this one ended before it looked.
//   - [NotAttempted]: the run ended before.
//
// Some refusals concern every step: deletion is disabled, forbidden, or the registry is
// read-only. They end the run, and so do 20 failures in a row. No image is unlocked, and a
// refused deletion leads to no other kind of write, with one exception: where a registry deletes
// a manifest only after its tags, as Google's do, the tags are removed first. If the manifest is
// refused all the same, they are put back.
//
// # What no client can see
//
// The registry API has no deletion under a condition. A tag that is moved onto an image between
// the last look at the image and its deletion, some milliseconds later, goes with it. The report
// then has the tag as [Lost], because it is not in the list at the end. The archive brings the
// image back.
//
// Nor does a run read everything again that was pushed since the plan was made: it reads what new
// tags lead to by way of indexes, but not what refers to that, and no image in a new index. What
// only such manifests refer to is not protected.
//
// # What the package knows
//
// It knows a plan, the registry and how to go on, but no rules: [plan.Guard] says what must stay
// by now. It starts no goroutine that outlives a call.
//
// Invariants: nothing is written that the plan does not say. Nothing is deleted that is not in the
// archive. No step is taken before the journal says durably that it is about to be. No step is
// taken while what a tag leads to is unknown. The last tag of a manifest that stays is never taken
// off. Carrying out a plan twice, or by two processes at once, does no harm.
package apply
