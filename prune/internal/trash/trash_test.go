package trash_test

import (
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
)

const (
	plan  = regret.Digest("sha256:0123abcd" + "0123456789abcdef0123456789abcdef0123456789abcdef01234567")
	image = regret.Digest("sha256:1a2b3c4d5e6f" + "0123456789abcdef0123456789abcdef0123456789abcdef0123")
)

var evening = time.Date(2026, 1, 31, 23, 30, 0, 0, time.FixedZone("", -3600))

func TestNew(t *testing.T) {
	t.Parallel()
	tag := trash.New(evening, plan, image)
	for what, names := range map[string][2]string{
		"a manifest, with the day in UTC": {tag.String(), "regret-trash-20260201-0123abcd-1a2b3c4d5e6f"},
		"an index of names":               {tag.Names("3").String(), "regret-trash-20260201-0123abcd-names-3"},
		"what both begin with":            {tag.Run(), "regret-trash-20260201-0123abcd"},
		"a sha512 digest":                 {trash.New(evening, plan, digest.SHA512.FromString("x")).Manifest, digest.SHA512.FromString("x").Encoded()[:12]},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if names[0] != names[1] {
				t.Errorf("got %s, want %s", names[0], names[1])
			}
		})
	}
	if err := grammar.Tag(tag.Names("1000000").String()); err != nil {
		t.Error(err)
	}
	if got, want := tag.End(), time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("the day ends at %s, not at %s", got, want)
	}
	other := trash.New(evening.AddDate(0, 0, 3), plan, image)
	if !other.IsNamedAfter(plan, image) || other.IsNamedAfter(image, image) || other.IsNamedAfter(plan, plan) || tag.Names("1").IsNamedAfter(plan, image) {
		t.Error("a tag is named after a plan and a manifest, on any day, and after nothing else")
	}
	if !tag.Names("1").IsOf(plan) || tag.IsOf(image) {
		t.Error("a tag is of the plan that it is named after, and of no other")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"regret-trash-20260131-0123abcd-1a2b3c4d5e6f":                     true,
		"regret-trash-20240229-0123abcd-1a2b3c4d5e6f":                     true,
		"regret-trash-20260131-0123abcd-names-1":                          true,
		"regret-trash-20260131-0123abcd-names-007":                        true,
		"regret-trash-20260131-0123abcd-names-" + strings.Repeat("9", 30): true,

		"regret-trash-20250229-0123abcd-1a2b3c4d5e6f":   false, // no such day
		"regret-trash-2026131-0123abcd-1a2b3c4d5e6f":    false,
		"regret-trash-20260131-0123ABCD-1a2b3c4d5e6f":   false,
		"regret-trash-20260131-0123abc-1a2b3c4d5e6f":    false,
		"regret-trash-20260131-0123abcd-1a2b3c4d5e6":    false,
		"regret-trash-20260131-0123abcd-1a2b3c4d5e6f0":  false,
		"regret-trash-20260131-0123abcd-1a2b3c4d5e6g":   false,
		"regret-trash-20260131-0123abcd-1a2b3c4d5e6f-1": false,
		"regret-trash-20260131-0123abcd-names":          false,
		"regret-trash-20260131-0123abcd-names-":         false,
		"regret-trash-20260131-0123abcd-names-x":        false,
		"regret-trash-20260131-0123abcd-names--1":       false,
		"regret-trash-20260131-0123abcd":                false,
		"regret-trash-":                                 false,
		"regret-keep-20260131-0123abcd-1a2b3c4d5e6f":    false,
		"a-regret-trash-20260131-0123abcd-1a2b3c4d5e6f": false,
		"latest": false,
		"":       false,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tag, ok := trash.Parse(name)
			if ok != want {
				t.Fatalf("it is a tag of the trash: %t, want %t", ok, want)
			}
			if ok && tag.String() != name {
				t.Errorf("it is written as %s", tag)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(trash.New(evening, plan, image).String())
	f.Add(trash.New(evening, plan, image).Names("12").String())
	f.Add("regret-trash-00000101-00000000-names-0")
	f.Fuzz(func(t *testing.T, name string) {
		if tag, ok := trash.Parse(name); ok && tag.String() != name {
			t.Errorf("%q is written as %q", name, tag)
		}
	})
}
