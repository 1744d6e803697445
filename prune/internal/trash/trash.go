// Package trash knows the tags that quarantine uses: how the tag of an image in the trash is
// named, and how the names that the image had before are kept at the registry.
//
// It knows nothing of plans, policies or registries, and does no I/O. Packages that decide,
// quarantine and restore agree through it.
//
// Invariants: [Parse] understands exactly what [Tag.String] writes. [Read] returns what
// [Write] was given, or fails.
package trash

import (
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
)

// A Tag is a tag that puts a manifest in the trash:
//
//	regret-trash-<day>-<8 digits of the plan>-<12 digits of the manifest>
//
// Its other form is that of an index that keeps names:
//
//	regret-trash-<day>-<8 digits of the plan>-names-<number>
type Tag struct {
	Day      time.Time // at its beginning, in UTC
	Plan     string    // the first digits of its digest
	Manifest string    // the first digits of its digest; empty if the tag is that of names
	Number   string    // of an index that keeps names
}

const (
	prefix    = "regret-trash-"
	dayLayout = "20060102"
	names     = "names"
)

// How many digits of a digest are in a tag.
const (
	planDigits     = 8
	manifestDigits = 12
)

// New returns the tag of a manifest that a plan wants gone and that is put in the trash at
// this time.
func New(at time.Time, plan, manifest regret.Digest) Tag {
	return Tag{Day: at.UTC().Truncate(24 * time.Hour), Plan: first(plan, planDigits), Manifest: first(manifest, manifestDigits)}
}

// first returns the first digits of a digest.
func first(dgst regret.Digest, n int) string {
	_, digits, _ := strings.Cut(string(dgst), ":")
	return digits[:min(n, len(digits))]
}

// String returns the tag as it is written.
func (t Tag) String() string {
	s := prefix + t.Day.Format(dayLayout) + "-" + t.Plan + "-"
	if t.Manifest == "" {
		return s + names + "-" + t.Number
	}
	return s + t.Manifest
}

// Run returns what all tags of one plan and day begin with.
func (t Tag) Run() string { return prefix + t.Day.Format(dayLayout) + "-" + t.Plan }

// Names returns the tag of an index that keeps names for the same plan and day.
func (t Tag) Names(number string) Tag { return Tag{Day: t.Day, Plan: t.Plan, Number: number} }

// End returns when the day of the tag ends. The age of what is in the trash counts from then.
func (t Tag) End() time.Time { return t.Day.AddDate(0, 0, 1) }

// IsNamedAfter reports whether the tag is that of this plan and manifest, on any day.
func (t Tag) IsNamedAfter(plan, manifest regret.Digest) bool {
	return t.IsOf(plan) && t.Manifest != "" && t.Manifest == first(manifest, manifestDigits)
}

// IsOf reports whether the tag is one of this plan, on any day.
func (t Tag) IsOf(plan regret.Digest) bool { return t.Plan == first(plan, planDigits) }

// Parse reads a tag. It reports whether it is one of the trash.
func Parse(name string) (Tag, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return Tag{}, false
	}
	parts := strings.Split(rest, "-")
	if len(parts) < 3 || len(parts[0]) != len(dayLayout) || !isHex(parts[1], planDigits) {
		return Tag{}, false
	}
	day, err := time.Parse(dayLayout, parts[0])
	if err != nil {
		return Tag{}, false
	}
	t := Tag{Day: day, Plan: parts[1]}
	switch {
	case len(parts) == 3 && isHex(parts[2], manifestDigits):
		t.Manifest = parts[2]
	case len(parts) == 4 && parts[2] == names && isDecimal(parts[3]):
		t.Number = parts[3]
	default:
		return Tag{}, false
	}
	return t, true
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

func isDecimal(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
