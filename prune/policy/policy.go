package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// A Policy is a checked and compiled policy. It is immutable, and may be used by
// several goroutines. [Parse] and [New] make one.
type Policy struct {
	document     Document // canonical
	json         []byte
	keep, remove []*Rule
	brakes       Brakes
}

// Brakes are the [Limits] of a policy, with the defaults filled in.
type Brakes struct {
	MaxPercent int // percent of the images that may go
	MaxImages  int // images, untagged manifests and trash that may go
	MinLeft    int // images that must be left
	Broken     int // tags that may be unreadable
}

// New checks a document and compiles it. It finds the same faults as [Parse], all at
// once. The policy does not change if the document does.
//
// Errors: [Errors], in the order of the fields of Document.
func New(doc Document) (*Policy, error) {
	policy, found := compile(doc, nil)
	if len(found) > 0 {
		return nil, found
	}
	return policy, nil
}

// Document returns the policy as data in its canonical form: rules sorted by name,
// each with its name; patterns and other lists sorted, without repetitions; defaults
// filled in. The caller may change it.
func (p *Policy) Document() Document { return p.document.clone() }

// JSON returns the canonical document as compact JSON. Policies that differ only in the
// order of rules, patterns, values and keys, in white space, or in defaults that are
// written out, have the same JSON. [Parse] makes the same policy of it.
func (p *Policy) JSON() []byte { return bytes.Clone(p.json) }

// Digest returns the sha256 digest of JSON.
func (p *Policy) Digest() regret.Digest { return digest.FromBytes(p.json) }

// Keep returns the keep rules, sorted by name.
func (p *Policy) Keep() []*Rule { return slices.Clone(p.keep) }

// Remove returns the remove rules, sorted by name.
func (p *Policy) Remove() []*Rule { return slices.Clone(p.remove) }

// Limits returns the limits, with the defaults filled in.
func (p *Policy) Limits() Brakes { return p.brakes }

// Files returns the names of the in-use lists that the policy needs, sorted, each once.
func (p *Policy) Files() []string {
	files := map[string]bool{}
	for _, r := range p.keep {
		if r.file != "" {
			files[r.file] = true
		}
	}
	return slices.Sorted(maps.Keys(files))
}

// CheckRepository returns an [*Error] if the policy is not for a repository.
func (p *Policy) CheckRepository(repository string) error {
	for _, glob := range p.document.Repositories {
		if doublestar.MatchUnvalidated(glob, repository) {
			return nil
		}
	}
	return &Error{Field: "repositories", Pointer: "/repositories", Problem: fmt.Sprintf("%q is not among the repositories of the policy, %s",
		redact.Clip(repository), redact.Clip(strings.Join(p.document.Repositories, ", ")))}
}

// compile checks and compiles a document. Found has the faults of reading it; what
// they concern is not checked again.
func compile(doc Document, found Errors) (*Policy, Errors) {
	c := &checker{newFaults(found)}
	switch {
	case slices.ContainsFunc(found, func(e *Error) bool { return e.Pointer == "" }):
		return nil, found // it is no object
	case doc.Version > 1:
		// The keys of a later version are not known here.
		return nil, Errors{{Field: "version", Pointer: "/version", Problem: "it must be 1: this is a policy for a later release"}}
	case doc.Version != 1 && !c.faults.within("/version"):
		c.faults.add("/version", "it must be 1")
	}
	c.repositories(doc.Repositories)
	p := c.rules(doc)
	brakes := c.limits(doc.Limits)
	if len(c.faults.list) > 0 {
		return nil, c.faults.list
	}
	p.finish(doc.Repositories, brakes)
	return &p, nil
}

func (c *checker) repositories(globs []string) {
	if globs != nil && len(globs) == 0 && !c.faults.within("/repositories") {
		c.faults.add("/repositories", "the list is empty: leave it out if the policy is for all repositories")
	}
	for i, glob := range globs {
		at := "/repositories/" + strconv.Itoa(i)
		if c.faults.within(at) {
			continue
		}
		alternatives, err := expandGlob(glob)
		for _, each := range alternatives {
			if err = repositories.canMatch(each); err == nil {
				break
			}
		}
		if err != nil {
			c.faults.add(at, "%v", err)
		}
	}
}

func (c *checker) limits(l Limits) Brakes {
	value := func(key string, set *int, otherwise, most int) int {
		at := "/limits/" + key
		switch {
		case set == nil:
			return otherwise
		case c.faults.within(at):
		case *set < 0:
			c.faults.add(at, "%d is less than 0", *set)
		case *set > most:
			c.faults.add(at, "%d is more than %d", *set, most)
		}
		return *set
	}
	const any = math.MaxInt32
	return Brakes{
		MaxPercent: value("max-percent", l.MaxPercent, 50, 100),
		MaxImages:  value("max-images", l.MaxImages, 5000, any),
		MinLeft:    value("min-left", l.MinLeft, 1, any),
		Broken:     value("broken", l.Broken, 0, any),
	}
}

func (d Document) marshal() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		return nil // what a checked document has can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
