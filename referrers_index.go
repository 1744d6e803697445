package regret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

// Limits of an update of the index of referrers.
const (
	maxIndexRounds   = 20    // pushes of the index; each further one follows a deletion by another client
	maxRefusedChecks = 1_000 // entries that are looked up in one call because the index was refused
	maxPushedChecks  = 100   // entries that are looked up after a push
)

// removeFromIndex removes the referrer from the index under the fallback tag and
// reports whether the index listed it. It also removes entries of manifests that are gone.
//
// Another client may delete a referrer at any time, and update the index then. Whoever
// pushes last must not list it again. Distribution refuses an index that lists what is
// gone; for registries that do not, the remaining entries are looked up after each push.
func (r referral) removeFromIndex(ctx context.Context) (listed bool, err error) {
	gone := map[Digest]bool{r.referrer: true}
	defer func() { r.logGone(ctx, gone) }()
	budget := maxRefusedChecks
	for range maxIndexRounds {
		found, rest, err := r.pushIndexWithout(ctx, gone)
		listed = listed || found
		before := len(gone)
		switch {
		case err != nil && isRefusedContent(err):
			if budget -= r.findGone(ctx, namedFirst(rest, err), budget, gone); len(gone) == before {
				return listed, err
			}
		case err != nil:
			return listed, err
		case !found:
			return listed, nil
		default:
			if r.findGone(ctx, rest, maxPushedChecks, gone); len(gone) == before {
				return listed, nil
			}
		}
	}
	return listed, &Error{Err: fmt.Errorf("the index was pushed %d times, but other clients keep deleting what it lists", maxIndexRounds)}
}

// pushIndexWithout reads the index and pushes it without the entries that are gone, if it
// has any. It returns the digests of the other entries.
func (r referral) pushIndexWithout(ctx context.Context, gone map[Digest]bool) (found bool, rest []Digest, err error) {
	tag := fallbackTag(r.subject)
	m, err := r.client.fetchManifest(ctx, r.op, r.repository, tag, "")
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil, nil
	case err != nil:
		return false, nil, err
	case !manifest.IsIndex(m.Descriptor.MediaType):
		return false, nil, &Error{Op: r.op, Repository: r.repository, Reference: tag, Kind: ErrNotRegistry,
			Err: errNoReferrersIndex}
	}
	raw, found, rest, err := withoutEntries(m.Raw, gone)
	if err != nil || !found {
		return false, nil, err
	}
	return true, rest, r.client.PutManifest(ctx, r.repository, tag, &Manifest{Raw: raw, Descriptor: Descriptor{
		MediaType: m.Descriptor.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw)),
	}})
}

// isRefusedContent reports whether a registry may have refused an index because of a
// manifest that it lists.
func isRefusedContent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Method == http.MethodPut && (e.Kind == ErrContentMissing || e.StatusCode == http.StatusBadRequest || e.StatusCode == http.StatusNotFound)
}

// namedFirst sorts digests so that those come first that the refusal of an index names.
func namedFirst(digests []Digest, refusal error) []Digest {
	e, _ := errors.AsType[*Error](refusal)
	var named, others []Digest
	for _, dgst := range digests {
		if slices.ContainsFunc(e.Details, func(d Detail) bool { return strings.Contains(string(d.Detail), string(dgst)) }) {
			named = append(named, dgst)
		} else {
			others = append(others, dgst)
		}
	}
	return append(named, others...)
}

// findGone looks up digests, at most limit of them, and adds to gone those that the registry
// does not find. It returns how many it has looked up. One that cannot be looked up counts
// as present.
func (r referral) findGone(ctx context.Context, digests []Digest, limit int, gone map[Digest]bool) int {
	for i, dgst := range digests {
		if i == limit || ctx.Err() != nil {
			return i
		}
		if _, err := r.client.ResolveDigest(ctx, r.repository, string(dgst)); errors.Is(err, ErrNotFound) {
			gone[dgst] = true
		}
	}
	return len(digests)
}

// logGone logs which entries of other manifests were found to be gone.
func (r referral) logGone(ctx context.Context, gone map[Digest]bool) {
	delete(gone, r.referrer)
	if len(gone) > 0 {
		r.client.config.logger.InfoContext(ctx, "the index of referrers listed manifests that are gone",
			"repository", r.repository, "subject", r.subject, "gone", slices.Sorted(maps.Keys(gone)))
	}
}

// withoutEntries returns an index without the entries for the given digests, whether there
// were any, and the digests of the other entries. It keeps everything else, including
// members that this library does not know.
func withoutEntries(index []byte, gone map[Digest]bool) (raw []byte, found bool, rest []Digest, err error) {
	var doc map[string]json.RawMessage
	var entries []json.RawMessage
	if err := json.Unmarshal(index, &doc); err != nil {
		return nil, false, nil, fmt.Errorf("the index of referrers: %w", err)
	}
	if list := doc["manifests"]; list == nil {
		return index, false, nil, nil
	} else if err := json.Unmarshal(list, &entries); err != nil {
		return nil, false, nil, fmt.Errorf("the index of referrers: %w", err)
	}
	kept, seen := []json.RawMessage{}, map[Digest]bool{}
	for _, entry := range entries {
		var d Descriptor
		if err := json.Unmarshal(entry, &d); err != nil {
			return nil, false, nil, fmt.Errorf("an entry of the index of referrers: %w", err)
		}
		if gone[d.Digest] {
			found = true
			continue
		}
		kept = append(kept, entry)
		if grammar.Digest(d.Digest) == nil && !seen[d.Digest] {
			seen[d.Digest] = true
			rest = append(rest, d.Digest)
		}
	}
	if doc["manifests"], err = json.Marshal(kept); err != nil {
		return nil, false, nil, err
	}
	raw, err = json.Marshal(doc)
	return raw, found, rest, err
}
