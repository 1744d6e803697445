package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// An outline is a plan arranged for people to look at: what a manifest consists of, and
// what belongs to it.
type outline struct {
	*Plan
	items     map[regret.Digest]item
	belonging map[regret.Digest][]regret.Digest // to a manifest, by subject or by companion tag
	owned     map[regret.Digest][]regret.Digest // what the companion tags of a manifest belong to
	missing   map[regret.Digest]bool
}

// An item is what a plan says of a manifest.
type item struct {
	*Manifest
	name string
	step *Step // that deletes it; nil if it stays
	kept *Kept // nil if it goes
}

func (p *Plan) outline() *outline {
	o := &outline{
		Plan: p, items: make(map[regret.Digest]item), missing: make(map[regret.Digest]bool),
		belonging: make(map[regret.Digest][]regret.Digest), owned: make(map[regret.Digest][]regret.Digest),
	}
	for i := range p.steps {
		if s := &p.steps[i]; s.Action == Delete {
			o.items[s.Digest] = item{&s.Manifest, s.name(false), s, nil}
		}
	}
	for i := range p.kept {
		k := &p.kept[i]
		o.items[k.Digest] = item{&k.Manifest, k.name(false), nil, k}
	}
	for _, dgst := range p.header.Missing {
		o.missing[dgst] = true
	}
	owners := make(map[string][]regret.Digest) // by what companion tags begin with
	o.each(func(m *Manifest) {
		key := beginning(m.Digest.Algorithm(), m.Digest.Encoded())
		owners[key] = append(owners[key], m.Digest)
	})
	o.each(func(m *Manifest) {
		o.belongs(m.Digest, m.Subject)
		for _, tag := range m.Tags {
			if name := classify(tag); name.class == companion {
				of := owners[beginning(name.algorithm, name.hex)]
				o.belongs(m.Digest, of...)
				o.owned[m.Digest] = append(o.owned[m.Digest], of...)
			}
		}
	})
	for owner, all := range o.belonging {
		slices.SortFunc(all, o.compare)
		o.belonging[owner] = slices.Compact(all)
	}
	return o
}

// each calls visit for what goes, then for what stays.
func (o *outline) each(visit func(m *Manifest)) {
	for i := range o.steps {
		if o.steps[i].Action == Delete {
			visit(&o.steps[i].Manifest)
		}
	}
	for i := range o.kept {
		visit(&o.kept[i].Manifest)
	}
}

func (o *outline) belongs(dgst regret.Digest, owners ...regret.Digest) {
	for _, owner := range owners {
		if owner != "" && owner != dgst {
			o.belonging[owner] = append(o.belonging[owner], dgst)
		}
	}
}

// compare orders manifests as people look for them: images, then the others, by name.
func (o *outline) compare(a, b regret.Digest) int {
	x, y := o.items[a], o.items[b]
	if image := x.Role == RoleImage; image != (y.Role == RoleImage) {
		if image {
			return -1
		}
		return 1
	}
	return cmp.Or(strings.Compare(x.name, y.name), cmp.Compare(a, b))
}

// parts returns what a manifest lists, then what belongs to it, once each.
func (o *outline) parts(i item) []regret.Digest {
	seen := make(map[regret.Digest]bool)
	return slices.DeleteFunc(slices.Concat(i.Lists, o.belonging[i.Digest]), func(dgst regret.Digest) bool {
		again := seen[dgst]
		seen[dgst] = true
		return again
	})
}

// roots returns what goes and waits for nothing else to go, as people look for it.
func (o *outline) roots() []regret.Digest {
	var roots []regret.Digest
	for i := range o.steps {
		if s := &o.steps[i]; s.Action == Delete && len(s.After) == 0 {
			roots = append(roots, s.Digest)
		}
	}
	slices.SortFunc(roots, o.compare)
	return roots
}

// name returns what people call a manifest: its ordinary tags, its platform, or what it is.
func (m *Manifest) name(all bool) string {
	if tags := m.OrdinaryTags(); len(tags) > 0 {
		return tagsInWords(tags, all)
	}
	switch {
	case m.Platform != "":
		return printable(m.Platform)
	case m.Role == RoleAttestation:
		return "attestation"
	case m.Role == RoleList:
		return "list of referrers"
	case m.Role == RoleReferrer:
		return m.artifact()
	case len(m.Tags) > 0:
		return tagsInWords(m.Tags, all)
	}
	return short(m.Digest)
}

func tagsInWords(tags []string, all bool) string {
	if all {
		text := strings.Join(tags, ", ")
		return redact.Printable(text, 2*len(text)+8)
	}
	brief := slices.Clone(tags)
	for i, tag := range brief {
		if name := classify(tag); name.class == companion {
			brief[i] = string(name.algorithm) + "-" + name.hex[:shortDigits] + "…" + name.suffix
		}
	}
	return printable(shorten(brief))
}

// shortDigits is how many digits of a digest people look at.
const shortDigits = 12

// short returns the beginning of a digest, as people refer to it.
func short(dgst regret.Digest) string {
	algorithm, hex, _ := strings.Cut(string(dgst), ":")
	return algorithm + ":" + hex[:min(shortDigits, len(hex))]
}

// artifacts are words for what refers to an image, by what the suffix of its companion tag
// or its artifact type contains.
//
// See https://github.com/sigstore/cosign/blob/v2.5.0/specs/SIGNATURE_SPEC.md
var artifacts = []struct{ part, word string }{
	{"sigstore.bundle", "sigstore bundle"},
	{"signature", "signature"}, {".sig", "signature"},
	{"in-toto", "attestation"}, {".att", "attestation"},
	{"spdx", "SBOM"}, {"cyclonedx", "SBOM"}, {"sbom", "SBOM"},
}

// artifact returns what a referrer is.
func (m *Manifest) artifact() string {
	kind := m.ArtifactType
	for _, tag := range m.Tags {
		if name := classify(tag); name.class == companion && name.suffix != "" {
			kind = name.suffix
			break
		}
	}
	for _, a := range artifacts {
		if strings.Contains(kind, a.part) {
			return a.word
		}
	}
	if kind == "" {
		return "referrer"
	}
	return printable(strings.TrimPrefix(kind, "."))
}

// kind returns what a manifest is, in a word.
func (m *Manifest) kind() string {
	switch {
	case m.Role != RoleImage && m.Role != RoleChild:
		return string(m.Role)
	case len(m.Lists) > 0:
		return "index"
	}
	return "image"
}

// why returns why a manifest goes or stays.
func (i item) why() string {
	if i.step != nil {
		return prose(i.step.Reason)
	}
	var texts []string
	for _, r := range i.kept.Reasons {
		if r.Rule != "" {
			texts = append(texts, r.Rule+": "+r.Text)
		} else {
			texts = append(texts, r.Text)
		}
	}
	return prose(strings.Join(texts, "; "))
}

// maxName and maxProse bound what is shown of a name and of a reason, in bytes.
const (
	maxName  = 200
	maxProse = 500
)

// printable makes a name safe to show. Registries may put anything into media types and
// platforms.
func printable(text string) string { return redact.Printable(text, maxName) }

func prose(text string) string { return redact.Printable(text, maxProse) }

// bytesInWords returns a size in binary units.
func bytesInWords(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	size, units := float64(n)/1024, "KMGTPE"
	for size >= 1024 && len(units) > 1 {
		size, units = size/1024, units[1:]
	}
	return fmt.Sprintf("%.1f %ciB", size, units[0])
}

// count returns a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
