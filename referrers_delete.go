package regret

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

// DeleteReferrer deletes a manifest that refers to a subject (a signature, an SBOM).
// At a registry without the referrers API it also removes the manifest from the
// index that clients maintain under the fallback tag of the subject.
// [Client.DeleteManifest] does only the first, and leaves an index that lists a
// deleted manifest.
//
// DeleteReferrer reads the index again right before it pushes it without this one
// entry. All other content is kept, and an empty index is pushed too; the previous
// index stays without a tag. Registries have no conditional PUT: if another client
// adds an entry in between, that entry is lost from the index, but its manifest is
// not. If the manifest is already gone, its entry is still removed, so that a call
// that failed halfway can be retried.
//
// Errors: those of [Client.DeleteManifest] and [Client.PutManifest];
// [ErrInvalid] if the manifest does not refer to the subject, [ErrNotFound] if
// neither the registry nor the index has it. The error says which part is done.
//
// Sends GET for the manifest (end-3) and the referrers (end-12a), DELETE (end-9),
// and for the list GET (end-3) and PUT (end-7); see [deleting manifests].
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

// removeFromIndex removes the referrer from the index under the fallback tag and
// reports whether the index listed it.
func (r referral) removeFromIndex(ctx context.Context) (listed bool, err error) {
	tag := fallbackTag(r.subject)
	m, err := r.client.fetchManifest(ctx, r.op, r.repository, tag, "")
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case !manifest.IsIndex(m.Descriptor.MediaType):
		return false, &Error{Op: r.op, Repository: r.repository, Reference: tag, Kind: ErrNotRegistry,
			Err: errNoReferrersIndex}
	}
	raw, listed, err := withoutEntry(m.Raw, r.referrer)
	if err != nil || !listed {
		return false, err
	}
	return true, r.client.PutManifest(ctx, r.repository, tag, &Manifest{Raw: raw, Descriptor: Descriptor{
		MediaType: m.Descriptor.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw)),
	}})
}

// withoutEntry returns an index without the entries for dgst, and whether there were
// any. It keeps everything else, including members that this library does not know.
func withoutEntry(index []byte, dgst Digest) (raw []byte, found bool, err error) {
	var doc map[string]json.RawMessage
	var entries []json.RawMessage
	if err := json.Unmarshal(index, &doc); err != nil {
		return nil, false, fmt.Errorf("the index of referrers: %w", err)
	}
	if list := doc["manifests"]; list == nil {
		return index, false, nil
	} else if err := json.Unmarshal(list, &entries); err != nil {
		return nil, false, fmt.Errorf("the index of referrers: %w", err)
	}
	kept := []json.RawMessage{}
	for _, entry := range entries {
		var d Descriptor
		if err := json.Unmarshal(entry, &d); err != nil {
			return nil, false, fmt.Errorf("an entry of the index of referrers: %w", err)
		}
		if d.Digest == dgst {
			found = true
			continue
		}
		kept = append(kept, entry)
	}
	if doc["manifests"], err = json.Marshal(kept); err != nil {
		return nil, false, err
	}
	raw, err = json.Marshal(doc)
	return raw, found, err
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
