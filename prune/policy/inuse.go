package policy

import (
	"io"
	"time"

	"github.com/seed-8cb7cc86/regret"
)

// An InUse is a list of the images that are in use somewhere.
type InUse struct {
	name   string
	made   time.Time
	digest regret.Digest
}

// ParseInUse reads an in-use list. Made is the time of its file, unless a line says otherwise.
func ParseInUse(name string, r io.Reader, made time.Time) (*InUse, error) { return &InUse{}, nil }

// Name returns the name of the list, as policies refer to it.
func (u *InUse) Name() string { return u.name }

// Made returns when the list was made.
func (u *InUse) Made() time.Time { return u.made }

// Digest returns the digest of the content of the list.
func (u *InUse) Digest() regret.Digest { return u.digest }

// Held returns which tags and digests of the list a keep rule holds in a repository, sorted.
// A nil list is one that does not exist. The error is an *InUseError.
func (u *InUse) Held(registry, repository string, rule *Rule, at time.Time) (tags []string, digests []regret.Digest, err error) {
	return nil, nil, nil
}

// An InUseError says why an in-use list cannot be used.
type InUseError struct {
	Rule    string // name of the rule; ParseInUse does not know it
	Name    string // name of the list
	Line    int    // 0: the whole list
	Detail  InUseDetail
	Problem string
}

func (e *InUseError) Error() string { return e.Problem }

// An InUseDetail is a kind of InUseError.
type InUseDetail string

// Details of InUseError.
const (
	InUseMissing   InUseDetail = "missing"   // there is no such list
	InUseEmpty     InUseDetail = "empty"     // it has no line
	InUseForeign   InUseDetail = "foreign"   // it has no digest and no tag of this registry
	InUseStale     InUseDetail = "stale"     // it is older than max-age
	InUseMalformed InUseDetail = "malformed" // a line is no reference
)
