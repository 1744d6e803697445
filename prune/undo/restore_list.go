package undo

import (
	"context"
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

// isListTag reports whether a tag is that of a list of referrers: the digest of a subject
// in the form of a tag, cut to 64 digits, and nothing else.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
func isListTag(name string) bool {
	algorithm, encoded, _ := strings.Cut(name, "-")
	if algorithm != "sha256" && algorithm != "sha512" || len(encoded) < 64 {
		return false
	}
	return strings.Trim(encoded, "0123456789abcdef") == ""
}

// joinList adds the entries of a list of referrers to the list that is there by now.
func (r *restoring) joinList(ctx context.Context, name string, want regret.Digest) Result {
	ours, err := r.archive.Manifest(ctx, want)
	if err != nil {
		return failure(err)
	}
	theirs, err := r.writer.Manifest(ctx, r.repository, name)
	if err != nil {
		return failure(err)
	}
	found := theirs.Descriptor.Digest
	joined, err := join(theirs, ours)
	if err != nil {
		result := r.moveTag(ctx, name, want, theirs.Descriptor)
		result.Reason = "it is no list of referrers any more"
		return result
	}
	switch joined.Descriptor.Digest {
	case found:
		return Result{Status: AlreadyThere, Found: found, Reason: "the list that is there has all its entries"}
	case want:
		return r.putTag(ctx, name, want, Result{Status: Restored, Found: found})
	}
	result := Result{Status: Joined, Found: found, Reason: "its entries are in the new list " + string(joined.Descriptor.Digest)}
	if r.DryRun {
		return result
	}
	return r.put(ctx, name, joined, result)
}

var errNoList = errors.New("no list of referrers")

// join returns a list with the entries of both. If one of them has all entries of the other,
// that is it; the one that is there comes first. Otherwise it is what is there, with further
// entries.
func join(theirs, ours *regret.Manifest) (*regret.Manifest, error) {
	there, err := parseList(theirs)
	if err != nil {
		return nil, err
	}
	archived, err := parseList(ours)
	if err != nil {
		return nil, err
	}
	missing := archived.without(there)
	if len(missing) == 0 {
		return theirs, nil
	}
	if len(there.without(archived)) == 0 {
		return ours, nil
	}
	return there.with(missing, theirs.Descriptor.MediaType)
}

// A list is a list of referrers. Its members, and those of its entries, are kept as they are.
type list struct {
	members map[string]jsontext.Value
	entries []jsontext.Value
	digests []regret.Digest // of the entries
}

func parseList(m *regret.Manifest) (*list, error) {
	if !manifest.IsIndex(m.Descriptor.MediaType) {
		return nil, errNoList
	}
	l := new(list)
	if err := json.Unmarshal(m.Raw, &l.members, jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(l.members["manifests"], &l.entries, jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, err
	}
	for _, entry := range l.entries {
		var e link
		if err := json.Unmarshal(entry, &e, jsontext.AllowInvalidUTF8(true)); err != nil {
			return nil, err
		}
		l.digests = append(l.digests, e.Digest)
	}
	return l, nil
}

// without returns the entries of a list that another one does not have.
func (l *list) without(other *list) []jsontext.Value {
	has := make(map[regret.Digest]bool)
	for _, dgst := range other.digests {
		has[dgst] = true
	}
	var entries []jsontext.Value
	for i, dgst := range l.digests {
		if !has[dgst] {
			entries = append(entries, l.entries[i])
		}
	}
	return entries
}

// with returns a list with further entries at its end.
func (l *list) with(entries []jsontext.Value, mediaType string) (*regret.Manifest, error) {
	options := json.JoinOptions(json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.EscapeForHTML(false))
	joined, err := json.Marshal(append(l.entries[:len(l.entries):len(l.entries)], entries...), options)
	if err != nil {
		return nil, err
	}
	l.members["manifests"] = joined
	raw, err := json.Marshal(l.members, options)
	if err != nil {
		return nil, err
	}
	return &regret.Manifest{
		Descriptor: regret.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))},
		Raw:        raw,
	}, nil
}
