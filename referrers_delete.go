package regret

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"github.com/seed-8cb7cc86/regret/internal/grammar"
)

// DeleteReferrer deletes a manifest that refers to a subject (a signature, an SBOM).
// At a registry without the referrers API it also removes the manifest from the
// index that clients maintain under the fallback tag of the subject.
// [Client.DeleteManifest] does only the first, and leaves an index that lists a
// deleted manifest.
//
// DeleteReferrer reads the index again right before it pushes it without this one
// entry. All other content is kept, and an empty index is pushed too; the previous
// index stays without a tag. If the manifest is already gone, its entry is still
// removed, so that a call that failed halfway can be retried.
//
// Entries of other manifests that are gone are removed as well: distribution refuses an
// index that lists one, so that otherwise nothing could be removed from it any more.
// A read by digest shows of each that it is not found. DeleteReferrer looks when the
// registry refuses the index, at up to 1,000 entries, and after each push, at up to 100,
// and then repeats the update, at most 20 times in all. The removed entries are logged
// at level Info. So several clients can delete referrers of one subject at the same time,
// and the last index lists nothing that is gone. Registries have no conditional PUT,
// though: if another client adds an entry between the read and the push, that entry is
// lost from the index, but its manifest is not.
//
// Errors: those of [Client.DeleteManifest] and [Client.PutManifest];
// [ErrInvalid] if the manifest does not refer to the subject, [ErrNotFound] if
// neither the registry nor the index has it. The error says which part is done.
//
// Sends GET for the manifest (end-3) and the referrers (end-12a), DELETE (end-9),
// and for the list GET (end-3), PUT (end-7) and HEAD (end-3) of the remaining entries; see
// [deleting manifests].
//
// [deleting manifests]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests
func (c *Client) DeleteReferrer(ctx context.Context, repository string, subject, referrer Digest) error {
	const op = "delete referrer"
	repository, err := c.repository(op, repository)
	if err != nil {
		return err
	}
	for _, dgst := range []Digest{subject, referrer} {
		if err := grammar.Digest(dgst); err != nil {
			return invalid(op, repository, clip(string(dgst)), "%w", err)
		}
	}
	r := referral{c, op, repository, subject, referrer}
	missing := r.checkSubject(ctx)
	if missing != nil && !errors.Is(missing, ErrNotFound) {
		return missing
	}
	hasAPI, err := c.hasReferrersAPI(ctx, op, repository, subject)
	if err != nil {
		return r.annotate(err, "nothing was deleted")
	}
	if missing == nil {
		if err := c.DeleteManifest(ctx, repository, referrer); err != nil && !errors.Is(err, ErrNotFound) {
			return r.annotate(err, "")
		}
	}
	if hasAPI {
		return missing
	}
	listed, err := r.removeFromIndex(ctx)
	switch {
	case err != nil:
		return r.annotate(err, "the manifest is gone, but the index under the tag "+fallbackTag(subject)+" may still list it: call DeleteReferrer again")
	case listed:
		return nil
	}
	return missing
}

// referral holds the arguments of one call of DeleteReferrer.
type referral struct {
	client            *Client
	op                string
	repository        string
	subject, referrer Digest
}

// checkSubject verifies that the manifest refers to the subject.
func (r referral) checkSubject(ctx context.Context) error {
	m, err := r.client.fetchManifest(ctx, r.op, r.repository, string(r.referrer), r.referrer)
	if err != nil {
		return err
	}
	var doc struct {
		Subject *Descriptor `json:"subject"`
	}
	if err := json.Unmarshal(m.Raw, &doc); err != nil || doc.Subject == nil {
		return invalid(r.op, r.repository, string(r.referrer), "the manifest has no subject")
	}
	if doc.Subject.Digest != r.subject {
		return invalid(r.op, r.repository, string(r.referrer), "the manifest refers to %s, not to %s", clip(string(doc.Subject.Digest)), r.subject)
	}
	return nil
}

// annotate adds to a failure which part of the call is done.
func (r referral) annotate(failure error, done string) error {
	if _, ok := errors.AsType[*Error](failure); !ok { // the index is malformed
		failure = &Error{Kind: ErrNotRegistry, Err: failure}
	}
	return annotate(failure, func(e *Error) {
		e.Op, e.Repository = r.op, r.repository
		e.Reference, e.Hint = cmp.Or(e.Reference, string(r.referrer)), joinHints(done, e.Hint)
	})
}
