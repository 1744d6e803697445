package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
)

// A referrer is what referrers prints of a manifest that belongs to another one.
type referrer struct {
	Reference    string        `json:"reference"`
	Digest       regret.Digest `json:"digest"`
	Subject      regret.Digest `json:"subject"` // what it belongs to
	ArtifactType string        `json:"artifactType,omitempty"`
	MediaType    string        `json:"mediaType"`
	Size         int64         `json:"size"`
	Via          string        `json:"via"`           // "subject", "tag" or "index"
	Tag          string        `json:"tag,omitempty"` // of cosign, that is named after the subject
	depth        int
}

// How a referrer is found.
const (
	viaSubject = "subject" // the referrers API, or the list under the fallback tag
	viaTag     = "tag"     // a tag of cosign
	viaIndex   = "index"   // the index that lists both, as attestations of buildkit are
)

// cosignSuffixes are the suffixes of the tags that cosign names after a manifest, and what they hold.
var cosignSuffixes = []struct{ suffix, what string }{
	{".sig", "signature"}, {".att", "attestation"}, {".sbom", "SBOM"},
}

// newReferrers returns the command referrers.
func newReferrers(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "referrers REF",
		Short: "Print signatures, SBOMs and attestations of an image",
		Long: "Print signatures, SBOMs and attestations of an image: what refers to it by its subject, what is under the tags\n" +
			"that cosign names after it, and the attestations that its index lists.",
		Example: join(
			"regret referrers registry.example.com/team/app:1.4",
			"regret referrers registry.example.com/team/app@sha256:9f2b… -o jsonl",
		),
		Args: exactly(1, "one reference, such as localhost:5000/app:1.4"),
	}
	cmd.ValidArgsFunction = a.completeReference
	setFormats(cmd, formatTree, formatTable, formatJSON, formatJSONL, formatName)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.referrers(cmd, args[0]) }
	return cmd
}

// referrers prints what belongs to an image.
func (a *app) referrers(cmd *cobra.Command, arg string) error {
	ref, err := parseReference(arg)
	if err != nil {
		return err
	}
	client, err := a.client(ref.Registry)
	if err != nil {
		return err
	}
	ctx, cancel := a.context(cmd)
	defer cancel()
	subject, err := client.Manifest(ctx, ref.Repository, target(ref))
	if err != nil {
		return err
	}
	s := &search{place: place{client, regret.Reference{Registry: ref.Registry, Repository: ref.Repository}}, seen: make(map[regret.Digest]bool)}
	if err := s.visit(ctx, subject, 0); err != nil {
		return err
	}
	if a.flags.format == "" && a.formatOf(cmd) == formatTree {
		root := &node{title: ref.String(), details: []string{kindOf(subject.Descriptor.MediaType), subject.Descriptor.Digest.String()}}
		hang(root, s.found)
		_, err := fmt.Fprint(a.streams.Out, root.text(a.streams.Out.Palette(a.flags.color)))
		return err
	}
	p, err := newPrinter(a, cmd, listing[referrer]{
		kind:   "referrers/1",
		header: []string{"TYPE", "DIGEST", "SUBJECT", "VIA"},
		row:    func(r referrer) []string { return []string{r.what(), r.Digest.String(), r.Subject.String(), r.Via} },
		name:   func(r referrer) string { return r.Reference },
	})
	if err != nil {
		return err
	}
	for _, r := range s.found {
		if err := p.add(r); err != nil {
			return err
		}
	}
	return p.end()
}

// what says what a referrer is.
func (r *referrer) what() string {
	if r.ArtifactType != "" {
		return r.ArtifactType
	}
	return r.MediaType
}

// hang puts what was found under a tree. Each follows what it belongs to.
func hang(root *node, found []referrer) {
	path := []*node{root}
	for i := range found {
		r := &found[i]
		n := &node{title: r.what(), details: []string{r.Digest.String()}}
		if r.Via != viaSubject {
			n.details = append(n.details, "by the "+r.Via+" "+r.Tag)
		}
		path = path[:r.depth+1]
		path[r.depth].below = append(path[r.depth].below, n)
		path = append(path, n)
	}
}

// A search finds what belongs to a manifest, to any depth.
type search struct {
	place
	seen  map[regret.Digest]bool
	found []referrer
}

// maxReferrers bounds a search.
const maxReferrers = 10_000

// visit finds what belongs to a manifest. What refers to a signature of it, and so on, comes right
// after that.
func (s *search) visit(ctx context.Context, subject *regret.Manifest, depth int) error {
	s.seen[subject.Descriptor.Digest] = true
	all, err := s.of(ctx, subject)
	if err != nil {
		return err
	}
	for _, r := range all {
		if s.seen[r.Digest] {
			continue
		}
		s.seen[r.Digest] = true
		r.depth = depth
		s.found = append(s.found, r)
		if len(s.found) > maxReferrers {
			return fmt.Errorf("%s has more than %d referrers", subject.Descriptor.Digest, maxReferrers)
		}
		if r.Via != viaSubject || depth == maxDepth {
			continue
		}
		below := &regret.Manifest{Descriptor: regret.Descriptor{Digest: r.Digest, MediaType: r.MediaType, Size: r.Size}}
		if err := s.visit(ctx, below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// of returns what belongs to one manifest.
func (s *search) of(ctx context.Context, subject *regret.Manifest) (all []referrer, err error) {
	dgst := subject.Descriptor.Digest
	add := func(d regret.Descriptor, via, tag string) {
		name := s.ref
		name.Digest = d.Digest
		all = append(all, referrer{
			Reference: name.String(), Digest: d.Digest, Subject: dgst, ArtifactType: d.ArtifactType,
			MediaType: d.MediaType, Size: d.Size, Via: via, Tag: tag,
		})
	}
	for d, err := range s.client.Referrers(ctx, s.ref.Repository, dgst) {
		if err != nil {
			return nil, err
		}
		add(d, viaSubject, "")
	}
	for _, cosign := range cosignSuffixes {
		tag := dgst.Algorithm().String() + "-" + dgst.Encoded() + cosign.suffix
		d, err := s.client.Resolve(ctx, s.ref.Repository, tag)
		if errors.Is(err, regret.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		d.ArtifactType = cosign.what + " of cosign"
		add(d, viaTag, tag)
	}
	if len(subject.Raw) == 0 { // a referrer, which is not read
		return all, nil
	}
	entries, err := entriesOf(subject)
	for _, d := range entries {
		if isAttestation(d) {
			d.ArtifactType = "attestation"
			add(d, viaIndex, "")
		}
	}
	return all, err
}
