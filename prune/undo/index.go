package undo

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
)

// The files of an archive, besides the blobs.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
const (
	planFile   = "plan.json"
	layoutFile = ocispec.ImageLayoutFile
	indexFile  = ocispec.ImageIndexFile
)

// layout is the content of oci-layout.
const layout = `{"imageLayoutVersion":"` + ocispec.ImageLayoutVersion + `"}`

// blobName returns where a blob is. The digest must be valid.
func blobName(dgst regret.Digest) string {
	return ocispec.ImageBlobsDir + "/" + string(dgst.Algorithm()) + "/" + dgst.Encoded()
}

// Annotations of index.json.
const (
	annotationPlan    = "com.github.seed-8cb7cc86.regret.plan"     // the digest of plan.json
	annotationMissing = "com.github.seed-8cb7cc86.regret.missing"  // manifests that were gone already, separated by spaces
	annotationContent = "com.github.seed-8cb7cc86.regret.content"  // the digest of all bytes of index.json before it
	annotationDigest  = "com.github.seed-8cb7cc86.regret.manifest" // of an entry: the digest of the manifest, where the bytes have another one
)

// An Entry is a manifest in an archive.
type Entry struct {
	Descriptor regret.Descriptor
	Tags       []string // that the plan takes away, sorted
}

// A stored is an entry, and the digest of its bytes.
type stored struct {
	Entry
	blob regret.Digest
}

// An index is what index.json says.
type index struct {
	plan    regret.Digest
	entries []stored
	missing []regret.Digest // what the plan names, but the registry did not have
}

// encode writes an index: one line for each tag, and for each manifest without one. The last
// member is the digest of all bytes before it, so that a change shows.
func (x *index) encode() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"schemaVersion":2,"mediaType":%q,"manifests":[`, ocispec.MediaTypeImageIndex)
	separator := "\n"
	for i := range x.entries {
		for _, d := range x.entries[i].descriptors() {
			line, err := json.Marshal(d, json.Deterministic(true))
			if err != nil {
				return nil, err
			}
			b.WriteString(separator)
			b.Write(line)
			separator = ",\n"
		}
	}
	missing := make([]string, len(x.missing))
	for i, dgst := range x.missing {
		missing[i] = string(dgst)
	}
	fmt.Fprintf(&b, "\n],\"annotations\":{\n%q:%q,\n%q:%q,\n", annotationPlan, x.plan, annotationMissing, strings.Join(missing, " "))
	b.WriteString(seal(b.Bytes()))
	return b.Bytes(), nil
}

// seal returns the end of an index that begins so.
func seal(head []byte) string {
	return fmt.Sprintf("%q:%q}}\n", annotationContent, digest.FromBytes(head))
}

// descriptors returns the descriptors of an entry in index.json.
func (s *stored) descriptors() []ocispec.Descriptor {
	tags := s.Tags
	if len(tags) == 0 {
		tags = []string{""}
	}
	descriptors := make([]ocispec.Descriptor, len(tags))
	for i, tag := range tags {
		annotations := make(map[string]string)
		if tag != "" {
			annotations[ocispec.AnnotationRefName] = tag
		}
		if s.blob != s.Descriptor.Digest {
			annotations[annotationDigest] = string(s.Descriptor.Digest)
		}
		descriptors[i] = ocispec.Descriptor{MediaType: s.Descriptor.MediaType, Digest: s.blob, Size: s.Descriptor.Size}
		if len(annotations) > 0 {
			descriptors[i].Annotations = annotations
		}
	}
	return descriptors
}

// A layoutIndex is an index as it is written. Unknown members are refused.
type layoutIndex struct {
	specs.Versioned
	MediaType   string               `json:"mediaType"`
	Manifests   []ocispec.Descriptor `json:"manifests"`
	Annotations map[string]string    `json:"annotations"`
}

// decodeIndex reads an index, and checks that it holds what the plan wants, in order.
func decodeIndex(raw []byte, plan regret.Digest, want []wanted) (*index, error) {
	end := bytes.LastIndex(raw, []byte(`"`+annotationContent+`"`))
	if end < 0 || string(raw[end:]) != seal(raw[:end]) {
		return nil, changed(errors.New("its content does not have the digest that it ends with"))
	}
	var l layoutIndex
	if err := json.Unmarshal(raw, &l, json.RejectUnknownMembers(true)); err != nil {
		return nil, changed(err)
	}
	x := &index{plan: regret.Digest(l.Annotations[annotationPlan])}
	switch {
	case l.SchemaVersion != 2 || l.MediaType != ocispec.MediaTypeImageIndex:
		return nil, changed(errors.New("it is no image index"))
	case x.plan != plan:
		return nil, changed(fmt.Errorf("it belongs to the plan %.80q, not %s", x.plan, plan))
	}
	isMissing := make(map[regret.Digest]bool)
	for dgst := range strings.FieldsSeq(l.Annotations[annotationMissing]) {
		isMissing[regret.Digest(dgst)] = true
	}
	rest := l.Manifests
	for _, w := range want {
		if isMissing[w.digest] {
			x.missing = append(x.missing, w.digest)
			continue
		}
		s, n, err := takeEntry(rest, w)
		if err != nil {
			return nil, err
		}
		x.entries = append(x.entries, s)
		rest = rest[n:]
	}
	if len(rest) > 0 || len(x.missing) != len(isMissing) {
		return nil, &CorruptError{indexFile, ProblemForeign, errors.New("it has entries that the plan does not name")}
	}
	return x, nil
}

// takeEntry reads the entry of one manifest from the first descriptors of an index. It
// returns how many these are.
func takeEntry(list []ocispec.Descriptor, w wanted) (s stored, n int, err error) {
	if len(list) == 0 {
		return s, 0, &CorruptError{indexFile, ProblemChanged, fmt.Errorf("it lacks %s", w.digest)}
	}
	first := list[0]
	s = stored{Entry{regret.Descriptor{MediaType: first.MediaType, Digest: w.digest, Size: first.Size}, w.tags}, first.Digest}
	if err := grammar.Digest(s.blob); err != nil {
		return s, 0, changed(err)
	}
	expected := s.descriptors()
	if len(list) < len(expected) {
		return s, 0, changed(fmt.Errorf("it lacks tags of %s", w.digest))
	}
	for i := range expected {
		if !sameDescriptor(expected[i], list[i]) {
			return s, 0, changed(fmt.Errorf("where the plan has %s %q, it has %.80q %.140q",
				w.digest, expected[i].Annotations[ocispec.AnnotationRefName], list[i].Digest, list[i].Annotations[ocispec.AnnotationRefName]))
		}
	}
	return s, len(expected), nil
}

func sameDescriptor(a, b ocispec.Descriptor) bool {
	x, errX := json.Marshal(a, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	y, errY := json.Marshal(b, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func changed(err error) error { return &CorruptError{indexFile, ProblemChanged, err} }
