package cases

import (
	"bytes"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-8cb7cc86/regret"
)

// Case is one scenario. README.md describes its fields.
type Case struct {
	ID           string          `json:"id"`
	Kinds        []string        `json:"kinds"`
	Sources      []string        `json:"sources"`
	Note         string          `json:"note"`
	Now          time.Time       `json:"now"`
	Listing      Listing         `json:"listing"`
	Referrers    ReferrersSource `json:"referrers"`
	Repository   string          `json:"repository"`
	PageSize     int             `json:"page-size"` // 0 for a list in one page
	Manifests    []Manifest      `json:"manifests"`
	Policy       jsontext.Value  `json:"policy"`      // nil if there is a PolicyText
	PolicyText   *string         `json:"policy-text"` // nil if there is a Policy
	Files        map[string]File `json:"files"`
	Faults       Faults          `json:"faults"`
	Expect       Expect          `json:"expect"`
	Ambiguous    []string        `json:"ambiguous"`
	Alternatives []Expect        `json:"alternatives"`

	content map[string]*Content // of every manifest, by id
	order   *uint64             // seed of the order of the list of tags; nil if it is sorted
}

// Listing is what the registry says in its list of tags.
type Listing string

// The listings.
const (
	ListingOCI    Listing = "oci"    // tags
	ListingGoogle Listing = "google" // tags, and all manifests with their upload times: see regret.Client.List
	ListingLister Listing = "lister" // tags; a native API lists all manifests with their times: see Case.Lister
)

// ReferrersSource is where the registry keeps the referrers of a manifest.
type ReferrersSource string

// The sources of referrers.
const (
	ReferrersAPI      ReferrersSource = "api"
	ReferrersFallback ReferrersSource = "fallback" // in an index under a companion tag
	ReferrersNone     ReferrersSource = "none"
)

// Kind is what a manifest is and decides its bytes.
type Kind string

// The kinds of manifests.
const (
	KindImage       Kind = "image"
	KindIndex       Kind = "index"
	KindAttestation Kind = "attestation" // of buildx
	KindReferrer    Kind = "referrer"    // an artifact with a subject
	KindCosign      Kind = "cosign"      // an image under a companion tag with a suffix
	KindFallback    Kind = "fallback"    // a list of referrers, under a companion tag without a suffix
	KindArtifact    Kind = "artifact"    // a chart, whose config has no date
)

// Manifest is a manifest of the repository.
type Manifest struct {
	ID       string        `json:"id"`
	Kind     Kind          `json:"kind"`
	Tags     []string      `json:"tags"`
	Children []string      `json:"children"` // ids, of an index
	Lists    []string      `json:"lists"`    // ids, of a list of referrers
	Subject  string        `json:"subject"`  // id
	Of       string        `json:"of"`       // id of the image that an attestation is about
	Created  Created       `json:"created"`
	Uploaded time.Time     `json:"uploaded"` // zero if unknown
	Pulled   Pulled        `json:"pulled"`
	Platform string        `json:"platform"`
	Layers   []string      `json:"layers"`
	Missing  bool          `json:"missing"` // the registry does not have it, only its digest occurs
	Digest   regret.Digest `json:"digest"`
}

// Created are the dates in a manifest, as they are written there. nil is absent.
type Created struct {
	Annotation *string `json:"annotation"`
	Config     *string `json:"config"`
}

// Pulled is what a native API says about the last pull. The zero value is unknown.
type Pulled struct {
	At    time.Time
	Never bool
}

// UnmarshalJSON reads an instant or "never".
func (p *Pulled) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte(`"never"`)) {
		p.Never = true
		return nil
	}
	return p.At.UnmarshalJSON(data)
}

// File is an in-use list.
type File struct {
	Content  string    `json:"content"`
	Modified time.Time `json:"modified"`
}

// Faults are what is wrong with the registry.
type Faults struct {
	Gone          []string `json:"gone"`           // ids that are 404 under tag and digest, while the tags are listed
	Vanished      []string `json:"vanished"`       // like Gone, but a second list lacks their tags
	Unparsable    []string `json:"unparsable"`     // ids whose body is no JSON
	Entries       []string `json:"entries"`        // further entries of the list of tags
	DigestEntries []string `json:"digest-entries"` // ids whose digests are entries of the list of tags
	List          string   `json:"list"`           // "truncated": the last page is 500
	Referrers     int      `json:"referrers"`      // status code of the referrers API; 0 for none
}

// IsZero reports whether nothing is wrong.
func (f Faults) IsZero() bool {
	return len(f.Gone)+len(f.Vanished)+len(f.Unparsable)+len(f.Entries)+len(f.DigestEntries) == 0 && f.List == "" && f.Referrers == 0
}

// PolicyJSON returns the policy document, which may be invalid on purpose.
func (c *Case) PolicyJSON() []byte {
	if c.PolicyText != nil {
		return []byte(*c.PolicyText)
	}
	return bytes.Clone(c.Policy)
}

// Manifest returns the manifest with an id, or nil.
func (c *Case) Manifest(id string) *Manifest {
	for i := range c.Manifests {
		if c.Manifests[i].ID == id {
			return &c.Manifests[i]
		}
	}
	return nil
}

// Digest returns the digest of the manifest with an id, or "" if there is no such manifest.
func (c *Case) Digest(id string) regret.Digest {
	if content := c.content[id]; content != nil {
		return content.Manifest.Descriptor.Digest
	}
	return ""
}

// IDOf returns the id of the manifest with a digest. For another digest it returns the digest, so
// that a comparison shows it.
func (c *Case) IDOf(dgst regret.Digest) string {
	for id, content := range c.content {
		if content.Manifest.Descriptor.Digest == dgst {
			return id
		}
	}
	return dgst.String()
}
