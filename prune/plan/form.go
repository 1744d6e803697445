package plan

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// This file checks the form of each value of a plan on paper: what can be told without
// looking at another one.

// malformed returns an error about a part of a value; path is "" for all of it.
func malformed(path, problem string) error { return &FormatError{Path: path, Problem: problem} }

func before[T cmp.Ordered](a, b *T) bool { return *a < *b }

func notAfter[T cmp.Ordered](a, b *T) bool { return *a <= *b }

func checkRegistry(name *string) error {
	if *name == "" || redact.Printable(*name, 2*len(*name)+8) != *name {
		return malformed("", "it is no registry")
	}
	return nil
}

func checkRepository(name *string) error {
	if err := grammar.Repository(*name); err != nil {
		return malformed("", err.Error())
	}
	return nil
}

func checkDigest(d *regret.Digest) error { return isDigest("", *d) }

func isDigest(path string, d regret.Digest) error {
	if hex, ok := strings.CutPrefix(string(d), "sha256:"); ok && isHexOf(hex, sha256.Size*2) {
		return nil // most are, and this is faster
	}
	if err := grammar.Digest(d); err != nil {
		return malformed(path, err.Error())
	}
	return nil
}

func checkTime(t *time.Time) error { return isTime("", *t) }

// isTime accepts whole seconds in UTC, as plans have them.
func isTime(path string, t time.Time) error {
	if t.IsZero() || t.Nanosecond() != 0 || t.Location() != time.UTC {
		return malformed(path, "it is no time in whole seconds of UTC, such as 2026-01-31T12:00:00Z")
	}
	return nil
}

// isSorted accepts a sorted list without duplicates.
func isSorted[T cmp.Ordered](path string, list []T) error {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return malformed(path, "the list is not sorted, or has duplicates")
		}
	}
	return nil
}

func areDigests(path string, list []regret.Digest) error {
	for _, d := range list {
		if err := isDigest(path, d); err != nil {
			return err
		}
	}
	return nil
}

func areTags(path string, list []string) error {
	for _, tag := range list {
		if err := grammar.Tag(tag); err != nil {
			return malformed(path, err.Error())
		}
	}
	return isSorted(path, list)
}

// unless returns a malformed part unless ok.
func unless(ok bool, path, problem string) error {
	if ok {
		return nil
	}
	return malformed(path, problem)
}

func (l *InUseList) check() error {
	return cmp.Or(isDigest("/digest", l.Digest), isTime("/made", l.Made), isTime("/expires", l.Expires))
}

func (c *RuleCount) check() error {
	return cmp.Or(
		unless(c.Decided >= 0, "/decided", "it is below zero"),
		unless(c.Decided <= c.Matched, "/matched", "it is below decided"),
	)
}

func (m *Manifest) check() error {
	dated := m.Source != AgeUnknown
	switch {
	case !slices.Contains(roles, m.Role):
		return malformed("/role", "it is no role")
	case !slices.Contains(ageSources, m.Source):
		return malformed("/source", "it is no source of a date")
	case m.Size < 0:
		return malformed("/size", "it is below zero")
	case dated == m.Created.IsZero():
		return malformed("/source", "a date and its source belong together")
	case dated && m.Undated:
		return malformed("/undated", "there is a date")
	case m.Subject != "" && isDigest("", m.Subject) != nil:
		return isDigest("/subject", m.Subject)
	case dated && isTime("", m.Created) != nil:
		return isTime("/created", m.Created)
	}
	return cmp.Or(isDigest("/digest", m.Digest), areTags("/tags", m.Tags), areDigests("/lists", m.Lists))
}

func (s *Step) check() error {
	if err := s.Manifest.check(); err != nil {
		return err
	}
	switch s.Action {
	case Delete:
		if len(s.Untag) > 0 || s.Overwrite {
			return malformed("/untag", "a deletion takes all tags off")
		}
	case Untag:
		if len(s.Untag) == 0 {
			return malformed("/untag", "it takes no tag off")
		}
		for _, tag := range s.Untag {
			if _, found := slices.BinarySearch(s.Tags, tag); !found {
				return malformed("/untag", "the manifest does not have the tag "+redact.Clip(tag))
			}
		}
	default:
		return malformed("/action", "it is neither delete nor untag")
	}
	return cmp.Or(
		areTags("/untag", s.Untag), areDigests("/after", s.After), isSorted("/after", s.After), isSorted("/rules", s.Rules),
		unless(s.Bytes >= 0, "/bytes", "it is below zero"),
	)
}

func (k *Kept) check() error {
	for _, r := range k.Reasons {
		if r.By != "" && isDigest("", r.By) != nil {
			return isDigest("/reasons", r.By)
		}
	}
	return cmp.Or(k.Manifest.check(), areDigests("/missing", k.Missing), isSorted("/missing", k.Missing), isSorted("/wantedBy", k.WantedBy))
}

func (t *Totals) check() error {
	negative := min(int64(t.Images), int64(t.Kept), int64(t.Removed), int64(t.Manifests), int64(t.Tags), t.Bytes, int64(t.Undated), int64(t.Tie)) < 0
	return cmp.Or(unless(!negative, "", "a count is below zero"), unless(t.Kept+t.Removed == t.Images, "/images", "it is not the sum of kept and removed"))
}

var (
	roles      = []Role{RoleImage, RoleChild, RoleAttestation, RoleReferrer, RoleList, RoleTrash, RoleUntagged}
	ageSources = []AgeSource{AgeUnknown, AgeFromUpload, AgeFromAnnotation, AgeFromConfig}
)
