package regret

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

// DeleteReferrer deletes a manifest that refers to a subject (a signature, an
// SBOM), and where the registry keeps no referrers itself, takes it off the list
// that clients keep under the subject's fallback tag. [Client.DeleteManifest]
// does only the first and leaves the list naming what is gone.
//
// The list is read anew right before it is pushed, without this one entry and
// otherwise as it was, even if it is empty then; the previous list stays without
// a tag. Registries have no conditional PUT: an entry that somebody adds in
// between is lost from the list, though not its manifest. A manifest that is
// gone already is still taken off the list, so that a call which failed in the
// middle can be repeated.
//
// Errors: those of [Client.DeleteManifest] and [Client.PutManifest];
// [ErrInvalid] if the manifest does not refer to the subject, [ErrNotFound] if
// neither the registry nor the list knew it. Which part is done the error says.
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
	gone := r.refers(ctx)
	if gone != nil && !errors.Is(gone, ErrNotFound) {
		return gone
	}
	hasAPI, err := r.hasAPI(ctx)
	if err != nil {
		return r.tell(err, "nothing was deleted")
	}
	if gone == nil {
		if err := c.DeleteManifest(ctx, repository, referrer); err != nil && !errors.Is(err, ErrNotFound) {
			return r.tell(err, "")
		}
	}
	if hasAPI {
		return gone
	}
	listed, err := r.takeOff(ctx)
	switch {
	case err != nil:
		return r.tell(err, "the manifest is gone, but the list under the tag "+fallbackTag(subject)+" may still name it: call this again")
	case listed:
		return nil
	}
	return gone
}

// referral is what DeleteReferrer is about.
type referral struct {
	client            *Client
	op                string
	repository        string
	subject, referrer Digest
}

// refers proves that the manifest is one that refers to the subject.
func (r referral) refers(ctx context.Context) error {
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

// hasAPI asks whether the registry keeps referrers itself: 404 says that it does
// not, and nothing else does.
func (r referral) hasAPI(ctx context.Context) (bool, error) {
	q := r.client.newRequest(r.op, http.MethodGet, r.repository, "", "/v2", r.repository, "referrers", string(r.subject))
	resp, err := q.do(ctx)
	e, failed := errors.AsType[*Error](err)
	switch {
	case failed && e.StatusCode == http.StatusNotFound && e.URL == q.url(): // or the token service answered 404
		return false, nil
	case err != nil:
		return false, err
	case resp.StatusCode != http.StatusOK:
		return false, q.refuse(resp, ErrNotRegistry, errors.New("not the status that answers a list"))
	}
	body.Discard(resp.Body)
	return true, nil
}

// takeOff removes the referrer from the list and reports whether it was there.
func (r referral) takeOff(ctx context.Context) (listed bool, err error) {
	tag := fallbackTag(r.subject)
	m, err := r.client.fetchManifest(ctx, r.op, r.repository, tag, "")
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case !manifest.IsIndex(m.Descriptor.MediaType):
		return false, &Error{Op: r.op, Repository: r.repository, Reference: tag, Kind: ErrNotRegistry,
			Err: errors.New("the fallback tag of the referrers does not hold an index")}
	}
	raw, listed, err := without(m.Raw, r.referrer)
	if err != nil || !listed {
		return false, err
	}
	return true, r.client.PutManifest(ctx, r.repository, tag, &Manifest{Raw: raw, Descriptor: Descriptor{
		MediaType: m.Descriptor.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw)),
	}})
}

// without is an index less the entries for one digest. Everything else in it is
// kept, whether this library knows it or not.
func without(index []byte, dgst Digest) (raw []byte, found bool, err error) {
	var doc map[string]json.RawMessage
	var entries []json.RawMessage
	if err := json.Unmarshal(index, &doc); err != nil {
		return nil, false, fmt.Errorf("the list of referrers: %w", err)
	}
	if list := doc["manifests"]; list == nil {
		return index, false, nil
	} else if err := json.Unmarshal(list, &entries); err != nil {
		return nil, false, fmt.Errorf("the list of referrers: %w", err)
	}
	kept := []json.RawMessage{}
	for _, entry := range entries {
		var d Descriptor
		if err := json.Unmarshal(entry, &d); err != nil {
			return nil, false, fmt.Errorf("an entry of the list of referrers: %w", err)
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

// tell adds to a failure which part is done.
func (r referral) tell(failure error, done string) error {
	if _, ok := errors.AsType[*Error](failure); !ok { // about the content of the list
		failure = &Error{Kind: ErrNotRegistry, Err: failure}
	}
	return annotate(failure, func(e *Error) {
		e.Op, e.Repository = r.op, r.repository
		e.Reference, e.Hint = cmp.Or(e.Reference, string(r.referrer)), joinHints(done, e.Hint)
	})
}
