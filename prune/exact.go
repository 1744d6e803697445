package prune

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// ExactOptions say what [MakeExact] may do. The zero value, or nil, allows nothing more than
// was asked for.
type ExactOptions struct {
	// ReadOptions say how to read the repository. In-use lists do not apply.
	ReadOptions
	// WithTags allows all tags of a manifest to go with it, those that were not named too.
	WithTags bool
	// Broken is how many tags of the repository may lead to nothing, see
	// [policy.Limits.Broken]. Such a tag may hide an index that needs what goes.
	Broken int
}

// MakeExact plans the deletion of exactly these manifests, each named by a tag or a digest,
// with all that only they need: what their indexes list, their signatures and attestations.
// It writes nothing. The plan is like any other, and so are carrying it out and taking it
// back. Its policy is a rule that names the references, the digests of what they lead to and
// all tags of these; see [policy.Remove.References]. No limit on how much
// may go applies.
//
// A reference that was given twice counts once. A companion tag, such as a signature's, and
// the digest of something that refers to another manifest may be named, too: what they belong
// to does not keep them then. What a list of referrers names stays: see
// [regret.Client.DeleteReferrer]. A tag of the trash may be named like any other tag.
//
// Errors: [*policy.Error] for what is no tag or digest, before any request;
// [*IncompleteError]; [*BrokenError]; and, all at once, of which [errors.AsType] finds the
// first of each type, [*SharedError], [*NeededError] and [*MissingError].
//
// Sends the requests of [Read], and [regret.Client.Resolve] for each tag that the list does not have.
func MakeExact(ctx context.Context, r Reader, repository string, references []string, o *ExactOptions) (*plan.Plan, error) {
	if o == nil {
		o = new(ExactOptions)
	}
	options := o.ReadOptions
	options.InUse = nil
	p, err := exactPolicy(references, o.Broken)
	if err != nil {
		return nil, err
	}
	re, decision, err := read(ctx, r, repository, p, &options)
	if err != nil {
		return nil, err
	}
	found, missing, err := re.found(ctx, decision)
	if err != nil {
		return nil, err
	}
	if shared := re.shared(found); len(shared) > 0 && !o.WithTags {
		return nil, join(append(shared, missing.orNil(nil)))
	}
	if p, err = exactPolicy(closure(references, found), o.Broken); err != nil {
		return nil, err
	}
	if decision, err = re.decide(ctx, p); err != nil {
		return nil, err
	}
	if needed := re.needed(decision); len(needed) > 0 {
		return nil, join(append(needed, missing.orNil(nil)))
	}
	made, err := decision.Plan()
	if brakes, ok := errors.AsType[*plan.BrakeError](err); ok { // all others are off
		return nil, &BrokenError{re.repository, brakes.Brakes[0].Names}
	}
	if err != nil {
		return nil, err
	}
	if err := missing.orNil(made); err != nil {
		return nil, err
	}
	return made, nil
}

// exactPolicy returns a policy that removes exactly these references.
func exactPolicy(references []string, broken int) (*policy.Policy, error) {
	const most = math.MaxInt32
	return policy.New(policy.Document{
		Version: 1,
		Remove:  []policy.Remove{{Name: "asked for", References: append([]string{}, references...)}},
		Limits:  policy.Limits{MaxPercent: new(100), MaxImages: new(most), MinLeft: new(0), Broken: &broken},
	})
}

// closure adds to references the digests of what they lead to, and all tags of these.
// By the digests, what loses its tags before the plan is carried out still goes.
func closure(references []string, found []plan.Named) []string {
	all := slices.Clone(references)
	for _, named := range found {
		all = append(append(all, string(named.Digest)), named.Tags...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// found returns the references that lead to something, one for each manifest, and those that
// lead to nothing.
func (r *reading) found(ctx context.Context, d *plan.Decision) (found []plan.Named, missing *MissingError, err error) {
	missing = &MissingError{Repository: r.repository}
	seen := make(map[regret.Digest]bool)
	var absent []string
	for named := range d.Named() {
		switch {
		case named.Digest == "" && !named.Broken && !isDigest(named.Reference):
			absent = append(absent, named.Reference)
			fallthrough
		case named.Digest == "":
			missing.References = append(missing.References, named.Reference)
		case !seen[named.Digest]:
			seen[named.Digest] = true
			found = append(found, named)
		}
	}
	return found, missing, each(ctx, r, PhaseTags, absent, r.checkAbsent)
}

func isDigest(reference string) bool { return strings.Contains(reference, ":") }

var errNotListed = errors.New("the registry has it, but its list of tags does not, so that the list may lack others; " +
	"if it was pushed just now, try again")

// checkAbsent checks that a tag that no list has is not there.
func (r *reading) checkAbsent(ctx context.Context, tag string) error {
	r.countRequest()
	switch _, err := r.Resolve(ctx, r.repository, tag); {
	case isMissing(err):
		return nil
	case err != nil:
		return r.incomplete(IncompleteManifest, plan.Question{Tag: tag}, err)
	}
	return r.incomplete(IncompleteManifest, plan.Question{Tag: tag}, errNotListed)
}

// shared returns an error for each manifest that has tags that were not named.
func (r *reading) shared(found []plan.Named) (shared []error) {
	for _, named := range found {
		if len(named.Shared) > 0 {
			others := func(tag string) bool { return slices.Contains(named.Shared, tag) }
			shared = append(shared, &SharedError{r.repository, named.Digest, slices.DeleteFunc(slices.Clone(named.Tags), others), named.Shared})
		}
	}
	return shared
}

// needed returns an error for each manifest that was named and must stay.
func (r *reading) needed(d *plan.Decision) (needed []error) {
	seen := make(map[regret.Digest]bool)
	for named := range d.Named() {
		if named.Digest == "" || named.Goes || seen[named.Digest] {
			continue
		}
		seen[named.Digest] = true
		e := &NeededError{Repository: r.repository, Digest: named.Digest, Tags: named.Tags}
		if named.Needed != nil {
			e.Reason = *named.Needed
		}
		needed = append(needed, e)
	}
	return needed
}

// orNil returns the error if there is something missing, and nil otherwise.
func (e *MissingError) orNil(made *plan.Plan) error {
	if len(e.References) == 0 {
		return nil
	}
	e.Plan = made
	return e
}

// join returns the only error as it is, and several as one.
func join(all []error) error {
	all = slices.DeleteFunc(all, func(err error) bool { return err == nil })
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}
