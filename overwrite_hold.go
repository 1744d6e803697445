package regret

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

// temporaryTagPrefix begins the tag that holds the original while its tag is overwritten.
// Random text follows it.
const temporaryTagPrefix = "regret-keep-"

// Limits of the manifests below an index that an overwrite reads before it writes.
const (
	maxIndexDepth       = 8
	maxIndexManifests   = 10_000
	maxIndexManifestSum = 64 << 20 // bytes
)

// readContents reads all manifests below the original, children before the indexes that
// list them, so that they can be restored in this order. A child that the registry does
// not have is left out: it is not there afterwards either.
func (o *overwrite) readContents(ctx context.Context) error {
	seen := map[Digest]bool{o.original.Descriptor.Digest: true}
	total := 0
	var read func(index *Manifest, depth int) error
	read = func(index *Manifest, depth int) error {
		for _, child := range childrenOf(index) {
			switch {
			case seen[child]:
				continue
			case depth > maxIndexDepth:
				return tooLarge("indexes within indexes to a depth of more than %d", maxIndexDepth)
			case len(seen) > maxIndexManifests:
				return tooLarge("more than %d manifests", maxIndexManifests)
			}
			seen[child] = true
			m, err := o.client.fetchManifest(ctx, o.op, o.repository, string(child), child)
			switch {
			case errors.Is(err, ErrNotFound):
				continue
			case err != nil:
				return err
			}
			if total += len(m.Raw); total > maxIndexManifestSum {
				return tooLarge("manifests of more than %d MiB in total", maxIndexManifestSum>>20)
			}
			if err := read(m, depth+1); err != nil {
				return err
			}
			o.contents = append(o.contents, m)
		}
		return nil
	}
	return o.annotate(read(o.original, 1), "nothing was changed")
}

func tooLarge(format string, args ...any) error {
	return &Error{Kind: ErrTooLarge, Err: fmt.Errorf("the index contains "+format, args...)}
}

// childrenOf returns the digests of the manifests that an index lists. Anything else has
// no children. An index may also list what is not a manifest, such as a layer; asking
// for that as a manifest is a 500 in distribution 2.
func childrenOf(m *Manifest) []Digest {
	var doc struct{ Manifests []Descriptor }
	if !manifest.IsIndex(m.Descriptor.MediaType) || json.Unmarshal(m.Raw, &doc) != nil {
		return nil
	}
	var children []Digest
	for _, d := range doc.Manifests {
		if manifest.IsMediaType(d.MediaType) && grammar.Digest(d.Digest) == nil {
			children = append(children, d.Digest)
		}
	}
	return children
}

// holdOriginal gives the original a temporary tag where it needs one. zot removes what a
// tag pointed to, and the children of an index, as soon as the tag is overwritten; only
// another tag prevents that, not a push by digest. Restoring them afterwards is not enough:
// until then they cannot be pulled, and a garbage collection may remove their layers for
// good.
//
// The tag is not needed if another tag is known to point to the original. It is not
// pushed either if the registry does not delete tags, as it could not be removed again:
// distribution 2 and Harbor, which remove nothing when a tag is overwritten. A DELETE of
// the temporary tag before it exists tells: a registry that deletes tags responds that
// it is unknown.
//
// Elsewhere the temporary tag may do harm at the end: ECR deletes a manifest together with
// its last tag. So the registry is tried out first, with the placeholder: if it stays when
// the temporary tag is moved from it to the original, then the original stays, too, when
// its own tag is overwritten, and the temporary tag goes while the original still has that.
func (o *overwrite) holdOriginal(ctx, extended context.Context) error {
	if len(o.otherTags) > 0 {
		return nil
	}
	temporary := temporaryTagPrefix + strings.ToLower(rand.Text()) // some registries ignore the case of tags
	r := o.client.deleteRequest(o.op, o.repository, temporary)
	r.Repeatable = true // nothing has this name
	resp, err := r.do(ctx)
	switch e, _ := errors.AsType[*Error](err); {
	case err == nil:
		// A success for a tag that does not exist does not show that tags are deleted.
		body.Discard(resp.Body)
		return nil
	case errors.Is(err, ErrNotFound):
	case isRefusal(e):
		return nil
	default:
		return o.annotate(err, "nothing was changed")
	}
	for _, m := range []*Manifest{o.placeholder, o.original} {
		err := o.client.PutManifest(ctx, o.repository, temporary, m)
		if e, ok := errors.AsType[*Error](err); ok && m == o.placeholder && isRefusal(e) {
			return o.annotate(err, "nothing was changed, because the original could not be held by a temporary tag")
		}
		o.temporary, o.stray = temporary, true
		if err != nil {
			return o.annotate(err, "nothing was changed")
		}
	}
	switch _, err := o.client.ResolveDigest(ctx, o.repository, string(o.placeholder.Descriptor.Digest)); {
	case errors.Is(err, ErrNotFound):
		o.stray = false
		return nil
	case err != nil:
		return o.annotate(err, "nothing was changed")
	}
	return o.annotate(o.removeTemporary(extended), "nothing was changed")
}

// isRefusal reports whether the registry itself refused the request for good, so that the
// request had no effect and would not have one if it were repeated.
func isRefusal(e *Error) bool {
	switch e.StatusCode {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return !e.ambiguous && (e.Method == http.MethodDelete || e.Method == http.MethodPut) && e.StatusCode >= 400 && e.StatusCode < 500
}

// removeTemporary removes the temporary tag and checks that it is gone.
func (o *overwrite) removeTemporary(ctx context.Context) error {
	o.removalTried = true
	err := o.client.Untag(ctx, o.repository, o.temporary)
	_, resolveErr := o.client.ResolveDigest(ctx, o.repository, o.temporary)
	switch {
	case errors.Is(resolveErr, ErrNotFound):
		o.client.seen.dropTag(o.repository, o.temporary)
		o.temporary = ""
		return nil
	case err != nil:
		return err
	case resolveErr != nil:
		return &Error{Kind: ErrOutcomeUnknown, Err: resolveErr}
	}
	return &Error{Kind: ErrStillPresent}
}

// release removes the temporary tag, if there is one. It adds to failure, which may be
// nil, what may be left.
func (o *overwrite) release(ctx context.Context, failure error) error {
	if o.temporary != "" && !o.removalTried {
		if err := o.removeTemporary(ctx); err != nil && failure == nil {
			failure = o.annotate(err, "the tag is gone")
		}
	}
	if failure == nil {
		return nil
	}
	return o.annotate(failure, "%s", joinHints(o.temporaryStays(), o.placeholderStays()))
}

// temporaryStays is the hint about a temporary tag that was not removed, or may not have
// been; empty if there is none.
func (o *overwrite) temporaryStays() string {
	if o.temporary == "" {
		return ""
	}
	return "the temporary tag " + o.temporary + " may still hold the original: remove it with Untag"
}

// placeholderStays is the hint about a placeholder that may be left without a tag; empty
// if there is none.
func (o *overwrite) placeholderStays() string {
	if !o.stray {
		return ""
	}
	return fmt.Sprintf("the placeholder %s may be left without a tag", o.placeholder.Descriptor.Digest)
}
